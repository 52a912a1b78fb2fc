// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Fixtures
import Testing

@testable import Enrichment

/// Names from the files of a node, as each runtime writes them.
struct WorkloadsTests {
    private static let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    private static let uid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    private static let pod = "/kubepods.slice/kubepods-pod1b4e28ba_2fa1_11d2_883f_0016d3cca427.slice"
    private static let state = "run/containerd/io.containerd.runtime.v2.task"
    private static let fields = Workload.fields.map { ($0.name, $0) }

    /// What is shown of a container with this cgroup, by the names of the fields.
    private func values(_ tree: NodeTree, _ path: String) -> [String: String]? {
        var workloads = Workloads(lookups: Lookups(root: tree.path))
        guard let workload = workloads.workload(ofCgroup: 1, path: Bytes(path), now: 1) else { return nil }
        return values(workload)
    }

    private func values(_ workload: Workload) -> [String: String] {
        var values: [String: String] = [:]
        for (name, field) in Self.fields {
            switch workload.value(of: field) {
            case .text(let text): values[name] = text.string
            case .labels(let list): values[name] = list.strings.joined(separator: ",")
            default: break
            }
        }
        return values
    }

    private static let kubernetesValues = [
        "container.id": id, "container.name": "api", "container.image.name": "registry.example/api:1.2",
        "k8s.namespace.name": "payments", "k8s.pod.name": "api-7c9f", "k8s.pod.uid": uid, "k8s.container.name": "api",
    ]

    private func kubernetes(_ runtime: String, without: String...) -> [String: String] {
        var values = Self.kubernetesValues
        values["container.runtime"] = runtime
        for name in without { values[name] = nil }
        return values
    }

    private static let cri = """
        {"ociVersion":"1.1.0","process":{"user":{"uid":0,"gid":0},"args":["/api"],"env":["A=b"],"cwd":"/"},
         "root":{"path":"rootfs"},"annotations":{"io.kubernetes.cri.container-name":"api",
         "io.kubernetes.cri.container-type":"container","io.kubernetes.cri.image-name":"registry.example/api:1.2",
         "io.kubernetes.cri.sandbox-id":"\(id)","io.kubernetes.cri.sandbox-name":"api-7c9f",
         "io.kubernetes.cri.sandbox-namespace":"payments","io.kubernetes.cri.sandbox-uid":"\(uid)"}}
        """

    // MARK: containerd

    @Test(arguments: [
        state, "run/k3s/containerd/io.containerd.runtime.v2.task",
        "run/k0s/containerd/io.containerd.runtime.v2.task",
    ])
    func criOfContainerd(_ state: String) {
        let tree = NodeTree()
        tree.write("\(state)/k8s.io/\(Self.id)/config.json", Self.cri)
        #expect(values(tree, "\(Self.pod)/cri-containerd-\(Self.id).scope") == kubernetes("containerd"))
        // Of the other driver, the path does not say which runtime it is.
        #expect(values(tree, "/kubepods/burstable/pod\(Self.uid)/\(Self.id)") == kubernetes("containerd"))
    }

    @Test func sandbox() {
        let tree = NodeTree()
        tree.write(
            "\(Self.state)/k8s.io/\(Self.id)/config.json",
            #"{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"api-7c9f","#
                + #""io.kubernetes.cri.sandbox-namespace":"payments"}}"#)
        #expect(
            values(tree, "\(Self.pod)/cri-containerd-\(Self.id).scope")
                == kubernetes("containerd", without: "container.name", "container.image.name", "k8s.container.name"))
    }

    @Test func ctr() {
        let tree = NodeTree()
        tree.write("\(Self.state)/mine/web-1/config.json", #"{"ociVersion":"1.1.0"}"#)
        let expected = ["container.id": "web-1", "container.name": "web-1", "container.runtime": "containerd"]
        #expect(values(tree, "/mine/web-1") == expected)
        // The file is gone, but the namespace is containerd's.
        #expect(values(tree, "/mine/web-2")?["container.id"] == "web-2")
        #expect(values(tree, "/default/web-1") == expected)
        #expect(values(tree, "/theirs/web-1") == nil)
    }

    // MARK: Without an engine

    @Test(arguments: [
        ("/web", "run/runc/web/state.json", "runc"),
        ("/user.slice/user-0.slice/web", "run/runc/web/state.json", "runc"),
        ("/system.slice/runc-web.scope", "run/runc/web/state.json", "runc"),
        ("/system.slice/crun-web.scope/container", "run/crun/web/status", "crun"),
        ("/other/web", "run/crun/web/status", "crun"),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/crun-web.scope", "run/user/1000/crun/web/status",
            "crun"
        ),
    ])
    func bare(_ path: String, _ file: String, _ runtime: String) {
        let tree = NodeTree()
        #expect(values(tree, path) == nil)
        tree.write(file, "{}")
        #expect(values(tree, path) == ["container.id": "web", "container.name": "web", "container.runtime": runtime])
        #expect(values(tree, path.replacing("web", with: "web2")) == nil)
        #expect(values(tree, "/system.slice/web.service") == nil)
    }

    // MARK: CRI-O

    @Test func crio() {
        let tree = NodeTree()
        tree.write(
            "run/containers/storage/overlay-containers/\(Self.id)/userdata/config.json",
            """
            {"annotations":{"io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.container.name":"api",
             "io.kubernetes.cri-o.ImageName":"registry.example/api:1.2","io.kubernetes.pod.name":"api-7c9f",
             "io.kubernetes.pod.namespace":"payments","io.kubernetes.pod.uid":"\(Self.uid)"}}
            """)
        #expect(values(tree, "\(Self.pod)/crio-\(Self.id).scope") == kubernetes("cri-o"))
        let labelled = NodeTree()
        labelled.write(
            "run/containers/storage/overlay-containers/\(Self.id)/userdata/config.json",
            #"{"annotations":{"io.kubernetes.cri-o.Labels":"{\"app\":\"web\",\"io.kubernetes.pod.name\":\"x\"}"}}"#)
        #expect(values(labelled, "\(Self.pod)/crio-\(Self.id).scope")?["container.labels"] == "app=web")
        #expect(values(tree, "/kubepods/pod\(Self.uid)/\(Self.id)") == kubernetes("cri-o"))
    }

    // MARK: Docker

    /// With the cgroupfs driver a path does not say whose container it is, and containerd knows Docker's too.
    @Test func runtimeByFiles() {
        let tree = NodeTree()
        let path = "/kubepods/pod\(Self.uid)/\(Self.id)"
        tree.write("\(Self.state)/moby/\(Self.id)/config.json", "{}")
        #expect(values(tree, path) == ["container.id": Self.id, "k8s.pod.uid": Self.uid])
        tree.write("var/lib/docker/containers/\(Self.id)/config.v2.json", Self.dockerFile)
        #expect(values(tree, path)?["container.runtime"] == "docker")
        let other = NodeTree()
        other.write(
            "run/containers/storage/overlay-containers/\(Self.id)/userdata/config.json",
            #"{"annotations":{"io.container.manager":"libpod"}}"#)
        other.write("var/lib/containers/storage/overlay-containers/containers.json", Self.list)
        #expect(values(other, "/some/\(Self.id)") == Self.podmanValues)
    }

    private static let dockerFile =
        #"{"ID":"\#(id)","Name":"/web","Config":{"Image":"nginx:1.27","Labels":{"a":"b","io.kubernetes.x":"no","c.d/e":"f=g","a":"z","":"n"}}}"#

    @Test(arguments: ["/docker/\(id)", "/system.slice/docker-\(id).scope", "/actions_job/\(id)"])
    func docker(_ path: String) {
        let tree = NodeTree()
        tree.write("var/lib/docker/containers/\(Self.id)/config.v2.json", Self.dockerFile)
        #expect(
            values(tree, path) == [
                "container.id": Self.id, "container.name": "web", "container.image.name": "nginx:1.27",
                "container.runtime": "docker", "container.labels": "a=b,c.d/e=f=g",
            ])
    }

    @Test func dockerOfKubernetes() {
        let tree = NodeTree()
        tree.write(
            "var/lib/docker/containers/\(Self.id)/config.v2.json",
            """
            {"Name":"/k8s_api_api-7c9f_payments_0","Config":{"Image":"registry.example/api:1.2","Labels":{
             "io.kubernetes.pod.name":"api-7c9f","io.kubernetes.pod.namespace":"payments",
             "io.kubernetes.pod.uid":"\(Self.uid)","io.kubernetes.container.name":"api",
             "io.kubernetes.docker.type":"container"}}}
            """)
        #expect(values(tree, "\(Self.pod)/docker-\(Self.id).scope") == kubernetes("docker"))
    }

    // MARK: podman

    private static let list = #"""
        [{"id":"ffff","names":["other"]},{"names":["web"],"layer":"x","metadata":
         "{\"image-name\":\"docker.io/library/nginx:1.27\",\"name\":\"web\"}","id":"\#(id)"}]
        """#
    private static let podmanValues = [
        "container.id": id, "container.name": "web", "container.image.name": "docker.io/library/nginx:1.27",
        "container.runtime": "podman",
    ]

    @Test(arguments: [
        "var/lib/containers/storage/overlay-containers/containers.json",
        "run/containers/storage/overlay-containers/volatile-containers.json",
    ])
    func podman(_ file: String) {
        let tree = NodeTree()
        tree.write(file, Self.list)
        tree.write("run/containers/storage/overlay-containers/\(Self.id)/userdata/config.json", #"{"annotations":{}}"#)
        #expect(values(tree, "/machine.slice/libpod-\(Self.id).scope/container") == Self.podmanValues)
    }

    @Test func rootlessPodman() {
        let tree = NodeTree()
        let path = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(Self.id).scope"
        tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n")
        tree.write("home/me/.local/share/containers/storage/overlay-containers/containers.json", Self.list)
        #expect(values(tree, path) == Self.podmanValues)
        // A user's files don't lead to those of others.
        tree.remove("home/me/.local/share/containers/storage/overlay-containers/containers.json")
        tree.write("etc/secret.json", Self.list)
        tree.link(
            "home/me/.local/share/containers/storage/overlay-containers/containers.json",
            to: "../../../../../../../etc/secret.json")
        #expect(values(tree, path) == ["container.id": Self.id, "container.runtime": "podman"])
    }

    // MARK: Kubernetes

    @Test func logs() {
        let tree = NodeTree()
        tree.link(
            "var/log/containers/api-7c9f_payments_api-\(Self.id).log",
            to: "/var/log/pods/payments_api-7c9f_\(Self.uid)/api/0.log")
        tree.link("var/log/containers/x_y_z-\(String(Self.id.reversed())).log", to: "/var/log/pods/y_x_0/z/0.log")
        tree.write(
            "etc/kubernetes/kubelet.conf",
            "current-context: system:node:node-7@kubernetes\n- context:\n    user: system:node:node-7\n")
        var expected = kubernetes("containerd", without: "container.image.name")
        expected["k8s.node.name"] = "node-7"
        #expect(values(tree, "\(Self.pod)/cri-containerd-\(Self.id).scope") == expected)
        #expect(values(tree, "/docker/\(Self.id)")?["k8s.pod.name"] == "api-7c9f")
    }

    @Test func podWithoutContainer() {
        let tree = NodeTree()
        tree.makeDirectory("var/log/pods/payments_api-7c9f_\(Self.uid)")
        let expected = ["k8s.namespace.name": "payments", "k8s.pod.name": "api-7c9f", "k8s.pod.uid": Self.uid]
        #expect(values(tree, Self.pod) == expected)
        var inContainer = expected
        inContainer["container.id"] = Self.id
        inContainer["container.runtime"] = "containerd"
        #expect(values(tree, "\(Self.pod)/cri-containerd-\(Self.id).scope") == inContainer)
    }

    // MARK: What is not to be trusted

    private static let unknown = ["container.id": id, "container.runtime": "docker"]

    @Test(arguments: ["", "{", "[]", "null", String(dockerFile.dropLast(1)), String(repeating: "[", count: 100_000)])
    func halfWritten(_ text: String) {
        let tree = NodeTree()
        tree.write("var/lib/docker/containers/\(Self.id)/config.v2.json", text)
        #expect(values(tree, "/docker/\(Self.id)")?["container.id"] == Self.id)
    }

    @Test func noRegularFile() {
        let file = "var/lib/docker/containers/\(Self.id)/config.v2.json"
        for make: (NodeTree) -> Void in [
            { $0.makePipe(file) }, { $0.makeDirectory(file) }, { $0.link(file, to: "config.v2.json") },
            { $0.link(file, to: "/proc/self/environ") }, { $0.link(file, to: "../../../../../../../../dev/zero") },
            { $0.write(file, String(repeating: " ", count: NodeFiles.sizeLimit + 1)) },
        ] {
            let tree = NodeTree()
            make(tree)
            #expect(values(tree, "/docker/\(Self.id)") == Self.unknown)
        }
    }

    @Test func hostileNames() {
        let tree = NodeTree()
        let long = String(repeating: "a", count: 5000)
        tree.write(
            "var/lib/docker/containers/\(Self.id)/config.v2.json",
            #"{"Name":"/..\n\u001b[31m\u0000hidden","Config":{"Image":"\#(long)"}}"#)
        let values = values(tree, "/docker/\(Self.id)")
        #expect(values?["container.name"] == "..\n\u{1b}[31m")
        #expect(values?["container.image.name"] == String(long.prefix(1024)))
    }

    @Test func noRoot() {
        var workloads = Workloads(lookups: Lookups(root: "/nonexistent"))
        let workload = workloads.workload(ofCgroup: 1, path: Bytes("/docker/\(Self.id)"), now: 1)
        #expect(workload.map(values) == Self.unknown)
        #expect(workloads.workload(ofCgroup: 2, path: Bytes("/system.slice/cron.service"), now: 1) == nil)
        #expect(workloads.workload(ofCgroup: 3, path: nil, now: 1) == nil)
    }

    // MARK: When files are asked for

    @Test func lateFiles() {
        let tree = NodeTree()
        var workloads = Workloads(lookups: Lookups(root: tree.path))
        func name(_ milliseconds: UInt64) -> String? {
            workloads.workload(
                ofCgroup: 1, path: Bytes("/docker/\(Self.id)"), now: 5_000_000_000 + milliseconds * 1_000_000)?
                .names.container?.string
        }
        let file = "var/lib/docker/containers/\(Self.id)/config.v2.json"
        #expect(name(0) == nil)
        tree.write(file, String(Self.dockerFile.dropLast(5)))
        #expect(name(99) == nil)
        #expect(name(100) == "web")
        // Half of it may have been another half.
        tree.write(file, Self.dockerFile.replacing("/web", with: "/next"))
        #expect(name(999) == "web")
        #expect(name(1000) == "next")
        tree.remove("var")
        #expect(name(20_000) == "next")
    }

    @Test func givesUp() {
        let tree = NodeTree()
        var workloads = Workloads(lookups: Lookups(root: tree.path))
        func name(_ seconds: UInt64) -> String? {
            workloads.workload(
                ofCgroup: 1, path: Bytes("/docker/\(Self.id)"), now: seconds * 1_000_000_000)?.names.container?.string
        }
        for seconds: UInt64 in [5, 6, 7, 15] { #expect(name(seconds) == nil) }
        tree.write("var/lib/docker/containers/\(Self.id)/config.v2.json", Self.dockerFile)
        #expect(name(99) == nil)
    }

    /// One container's cgroups have one answer, which outlives its files.
    @Test func onceForEachContainer() {
        let tree = NodeTree()
        tree.write("var/lib/docker/containers/\(Self.id)/config.v2.json", Self.dockerFile)
        var workloads = Workloads(lookups: Lookups(root: tree.path))
        let first = workloads.workload(ofCgroup: 1, path: Bytes("/docker/\(Self.id)"), now: 1)
        tree.remove("var")
        let second = workloads.workload(ofCgroup: 2, path: Bytes("/docker/\(Self.id)/init.scope"), now: 2)
        #expect(first === second)
        #expect(second?.names.container?.string == "web")
    }

    @Test func recentCache() {
        var cache = RecentCache<Int, Int>(limit: 10)
        for number in 0..<1000 {
            cache[number] = number
            #expect(cache[7] == (number < 7 ? nil : 7))
            #expect(cache.count <= 10)
        }
        #expect(cache[999] == 999)
        #expect(cache[500] == nil)
    }

    @Test func recorded() throws {
        let tree = NodeTree()
        tree.write("\(Self.state)/k8s.io/\(Self.id)/config.json", Self.cri)
        let path = Bytes("\(Self.pod)/cri-containerd-\(Self.id).scope")
        let live = Lookups(.systemForRecording, root: tree.path)
        var workloads = Workloads(lookups: live)
        let first = workloads.workload(ofCgroup: 1, path: path, now: 1)
        let seen = try #require(first)
        let replay = Lookups(.recording, root: tree.path)
        for (question, answer) in live.takeAnswers() { replay.learn(question, answer) }
        var again = Workloads(lookups: replay)
        let second = again.workload(ofCgroup: 1, path: path, now: 1)
        let shown = try #require(second)
        #expect(values(shown) == values(seen))
        #expect(values(shown) == kubernetes("containerd"))
        var unasked = Workloads(lookups: Lookups(.recording, root: tree.path))
        #expect(unasked.workload(ofCgroup: 1, path: path, now: 1)?.names.pod == nil)
    }

    @Test func namesAsRecorded() {
        var names = WorkloadNames()
        names.container = Bytes("a\nb")
        names.node = Bytes("n")
        names.isSandbox = true
        #expect(WorkloadNames(names.bytes) == names)
        names.cpuShares = 102
        names.addLabel("app", Array("web".utf8))
        names.addLabel("empty", [])
        for number in 0..<100 { names.addLabel("n\(number)", [UInt8(ascii: "x")]) }
        names.addLabel("long", [UInt8](repeating: 1, count: 2000))
        #expect(WorkloadNames(names.bytes) == names)
        #expect(WorkloadNames(names.bytes).labels.map(\.string).prefix(3) == ["app=web", "empty=", "n0=x"])
        #expect(names.labels.count == 64)
        #expect(WorkloadNames(Bytes([])) == WorkloadNames())
        #expect(WorkloadNames(Bytes([2])).isComplete)
        #expect(WorkloadNames(Bytes([0] + Array("a\0b".utf8))).container?.string == "b")
    }

    // MARK: v1

    @Test(arguments: [
        ("0::/docker/\(id)\n", nil), ("5:memory:/\n0::/\n", nil), ("", nil), ("x\n:\n::\n", nil),
        ("12:cpu,cpuacct:/\n5:memory:/docker/\(id)\n0::/\n", "/docker/\(id)"),
        ("5:pids:/a:b/docker-\(id).scope\n", "/a:b/docker-\(id).scope"),
        ("1:name=systemd:/kubepods/pod\(uid)/\(id)\n", "/kubepods/pod\(uid)/\(id)"),
    ])
    func v1(_ lines: String, _ path: String?) {
        #expect(ProcFS.v1ContainerPath(in: Array(lines.utf8))?.string == path)
    }

    // MARK: Text

    @Test(arguments: [
        ("payments", "api-7c9f", "api", "payments/api-7c9f:api", "payments/api-7c9f:api"),
        (
            "payments", "api-7c9f6d5b8-x2x9q", "api", "payments/api-7c9f6d5b8-x2x9q:api",
            "payments/api-7c9…8-x2x9q:api"
        ),
        ("a-very-long-namespace", "a-very-long-pod", "a-very-long-container", nil, "a-ve…pace/a-ve…-pod:a-v…iner"),
        ("", "", "web", "web", "web"), ("", "", "", "0123456789ab", "0123456789ab"),
    ])
    func labels(_ namespace: String, _ pod: String, _ container: String, _ whole: String?, _ short: String) {
        var names = WorkloadNames()
        if !namespace.isEmpty { names.namespace = Bytes(namespace) }
        if !pod.isEmpty { names.pod = Bytes(pod) }
        if !container.isEmpty { names.container = Bytes(container) }
        let workload = Workload(CgroupOwner(path: Bytes("/docker/\(Self.id)")), names)
        if let whole { #expect(workload.label.string == whole) }
        #expect(workload.shortLabel.string == short)
        #expect(workload.shortLabel.string.count <= 28)
    }
}
