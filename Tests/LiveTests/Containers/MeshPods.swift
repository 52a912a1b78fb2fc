// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// compare-sidecar on a node with real pods of containerd: some behind a real haproxy, as a mesh sets it up, some not.

private let connections = 3

/// The proxy connects to wherever a connection was meant for.
private let proxyConfiguration = """
    global
      nbthread 1
      uid 1337
      gid 1337
    defaults
      mode tcp
      timeout connect 10s
      timeout client 60s
      timeout server 60s
    listen outbound
      bind 0.0.0.0:15001
      server original 0.0.0.0:0

    """

/// As Istio's, as far as they are for what leaves.
private let rules = """
    add table ip mesh
    add chain ip mesh out { type nat hook output priority -100; }
    add rule ip mesh out meta skuid 1337 return
    add rule ip mesh out ip daddr 127.0.0.0/8 return
    add rule ip mesh out tcp dport 22 return
    add rule ip mesh out ip protocol tcp redirect to :15001

    """

private struct MeshPod {
    let name: String
    let namespace: String
    let uid: String
    /// Of the kubelet's cgroups: "burstable/" or nothing for a guaranteed one.
    let service: String
    var hasProxy = false
    var hasRules = false
    var isOnHostNetwork = false
    /// What is to be told of it.
    let ways: [String]
    let passed: Int

    var cgroup: String { "/kubepods/\(service)pod\(uid)" }

    var pod: CRI.Pod {
        CRI.Pod(name, namespace, uid: uid, cgroupParent: cgroup, handler: "crun", isOnHostNetwork: isOnHostNetwork)
    }
}

private let pods = [
    MeshPod(
        name: "cart-0", namespace: "shop", uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca440", service: "burstable/",
        hasProxy: true, hasRules: true, ways: ["excluded_ports", "proxy_user", "raw_sockets", "udp"], passed: 3),
    MeshPod(
        name: "plain-0", namespace: "shop", uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca441", service: "burstable/",
        ways: ["no_sidecar"], passed: 0),
    MeshPod(
        name: "web-0", namespace: "shop", uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca442", service: "", hasProxy: true,
        ways: ["raw_sockets", "rules_missing", "udp"], passed: 0),
    MeshPod(
        name: "agent-0", namespace: "kube-system", uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca443", service: "burstable/",
        isOnHostNetwork: true, ways: ["host_network", "no_sidecar"], passed: 0),
]

/// Asks the node when it is told to, then says so and stays.
private func application(_ name: String) -> [String] {
    [
        "/bin/sh", "-c",
        """
        until [ -e /go/now ]; do /bin/sleep 0.2; done
        for i in 1 2 3; do /bin/busybox wget -q -O /dev/null http://\(PodNetwork.node):8080/; done
        : >/go/\(name)
        exec /bin/sleep 1000000
        """,
    ]
}

extension Context {
    fileprivate func start(_ mesh: MeshPod, _ cri: CRI) throws -> CRI.Pod {
        var pod = mesh.pod
        try cri.run(&pod)
        if mesh.hasRules {
            let procs = contents(of: "/sys/fs/cgroup\(mesh.cgroup)/\(pod.id)/cgroup.procs") ?? ""
            let pid = try require(lines(procs).first, "process of \(mesh.name)")
            try command("nsenter", "-t", pid, "-n", "nft", "-f", "/run/mesh/rules")
        }
        if mesh.hasProxy {
            var extras = CRI.Extras()
            // The interpreter of the program is found by links from each of these to another.
            extras.mounts = [
                ("/usr", "/usr", false), ("/lib", "/usr/lib", false), ("/lib64", "/usr/lib64", false),
                ("/mesh", "/run/mesh", false),
            ]
            extras.requestCPU = mesh.service.isEmpty ? 500 : 100
            extras.limitCPU = mesh.service.isEmpty ? 500 : 2000
            extras.limitMemory = mesh.service.isEmpty ? 256 << 20 : 1 << 30
            _ = try cri.run(
                "proxy", Runtimes.image, ["/usr/sbin/haproxy", "-db", "-f", "/mesh/haproxy.cfg"], in: pod, extras)
        }
        var extras = CRI.Extras()
        extras.mounts = [("/go", "/run/go", true)]
        _ = try cri.run("app", Runtimes.image, application(mesh.name), in: pod, extras)
        return pod
    }

    fileprivate func expect(_ mesh: MeshPod, in json: JSON) {
        let name = "\(mesh.namespace)/\(mesh.name)"
        guard let found = workload(named: name, in: json) else { return fail("\(name) is not in the list") }
        equal(found["kind"], "pod", "kind of \(name)")
        equal(found["namespace"], .string(mesh.namespace), "namespace of \(name)")
        equal(found["pod_uid"], .string(mesh.uid), "pod_uid of \(name)")
        equal(
            Set(found["containers"]?.strings ?? []), mesh.hasProxy ? ["app", "proxy"] : ["app"], "containers of \(name)"
        )
        equal(found["host_network"], .bool(mesh.isOnHostNetwork), "host_network of \(name)")
        let ways = (found["ways_round"]?.array ?? []).map { $0["kind"]?.string ?? "" }.sorted()
        equal(ways, mesh.ways, "ways round of \(name)")
        for way in found["ways_round"]?.array ?? [] {
            equal(way["trial.verdict"], "proved", "\(way) of \(name)")
        }
        equal(found["activity.connections.total"]?.integer, connections, "connections of \(name)")
        equal(
            found["activity.connections.passed"]?.integer, mesh.passed, "connections of \(name) that passed a sidecar")
        let sidecars = found["sidecars"]?.array ?? []
        equal(sidecars.count, mesh.hasProxy ? 1 : 0, "sidecars of \(name)")
        guard let sidecar = sidecars.first else { return }
        equal(sidecar["product"], "haproxy", "product of \(name)")
        equal(sidecar["container"], "proxy", "container of the sidecar of \(name)")
        equal(sidecar["user"], 1337, "user of the sidecar of \(name)")
        equal(sidecar["listens"], [15001], "ports of the sidecar of \(name)")
        let isGuaranteed = mesh.service.isEmpty
        equal(sidecar["use.request_cpu_m"], isGuaranteed ? 500 : 100, "request of CPU of \(name)")
        equal(sidecar["use.limit_cpu_m"], isGuaranteed ? 500 : 2000, "limit of CPU of \(name)")
        equal(sidecar["use.limit_memory"]?.integer, isGuaranteed ? 256 << 20 : 1 << 30, "limit of memory of \(name)")
        equal(
            sidecar["use.request_memory"]?.integer, isGuaranteed ? 256 << 20 : nil, "request of memory of \(name)")
        equal(
            sidecar["use.not_measurable"]?.strings ?? [], isGuaranteed ? [] : ["request_memory"],
            "what is not known of \(name)")
        expect((sidecar["use.memory"]?.integer ?? 0) > 1_000_000, "memory of the sidecar of \(name): \(sidecar)")
    }
}

let meshPodTests = [
    Test("containers: sidecars of pods with a real proxy, without, on the node's network, and of none") { t in
        for name in ["haproxy", "nft"] where t.program(name) == nil { throw Stop.failed("there is no \(name)") }
        let cri = try t.shared.runtimes.containerd(t)
        for directory in ["/run/mesh", "/run/go", "/run/www"] { try makeDirectory(directory) }
        try write(proxyConfiguration, to: "/run/mesh/haproxy.cfg")
        try write(rules, to: "/run/mesh/rules")
        try write("ok", to: "/run/www/index.html")
        try t.command("busybox", "ip", "addr", "add", "\(PodNetwork.node)/32", "dev", "lo")
        let server = try Child(["busybox", "httpd", "-f", "-p", "8080", "-h", "/run/www"])
        t.children.append(server)
        let start = live_uptime()
        var running: [CRI.Pod] = []
        for pod in pods { running.append(try t.start(pod, cri)) }
        try t.command(
            "ctr", "-n", "k8s.io", "run", "--detach", "--rootfs", Runtimes.rootFiles, "lone", "/bin/sleep", "1000000")
        t.note("pods in \((live_uptime() - start) / 1_000_000) ms")

        let tool = try t.watch(["-o", "json", "--probe", "-d", "600s"], command: "compare-sidecar")
        try write("", to: "/run/go/now")
        for pod in pods { try t.wait(for: "/run/go/\(pod.name)") }
        usleep(500_000)
        tool.kill(SIGINT)
        let run = try t.finish(tool, milliseconds: 20_000, isJSON: false)
        t.equal(run.status, .code(0), "the exit status: \(run.errors)")
        let json = try JSON(parsing: Array(run.child.output)[...])
        for pod in pods { t.expect(pod, in: json) }
        let names = (json["workloads"]?.array ?? []).map { $0["name"]?.string ?? "" }
        t.equal(
            names, ["kube-system/agent-0", "shop/cart-0", "shop/plain-0", "shop/web-0", "lone", "host"], "the list")
        let lone = workload(named: "lone", in: json)
        t.equal(lone?["kind"], "container", "kind of the container without a pod")
        t.equal(lone?["sidecars"], [], "its sidecars")
        t.equal(lone?["host_network"], false, "its network")
        let way = lone?["ways_round"]?.array?.first
        // It has a network of its own in which there is nothing.
        t.equal(way?["kind"], "no_sidecar", "its way round")
        t.equal(way?["trial.text"], "it reaches no address of this node by IPv4", "what became of trying it")
        let figures = json["figures"]?.object
        t.equal(figures?["workloads.total"], 5, "workloads.total")
        t.equal(figures?["sidecar.count"], 2, "sidecar.count")
        t.equal(figures?["events.lost"], 0, "events.lost")
        let cart = workload(named: "shop/cart-0", in: json)?["probe"]
        t.expect(
            cart?["ordinary"]?.string?.hasSuffix("by which somebody handed it on") == true, "an ordinary one: \(cart!)")
        let requests = cart?["through_proxy.requests"]?.integer ?? 0
        t.expect(requests > 10, "requests through the real proxy: \(cart!)")
        t.note(
            "\(requests) requests: p50 \(cart?["through_proxy.p50_ns"]?.integer ?? 0) ns through haproxy, "
                + "\(cart?["direct.p50_ns"]?.integer ?? 0) ns past it")

        try t.command("ctr", "-n", "k8s.io", "task", "kill", "-s", "KILL", "lone")
        for pod in running { try cri.remove(pod) }
    }
]
