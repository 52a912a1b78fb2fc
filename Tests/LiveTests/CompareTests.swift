// SPDX-License-Identifier: Apache-2.0

import Glibc

// compare-sidecar on a node that the test makes: a pod with a proxy in it and rules that lead there, one without, a container
// without a pod, and a pod on the host's network.

private let cart = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
private let proxied = PodContainer(String(repeating: "a1b2", count: 16), uid: cart, "shop", "cart-0", "cart")
private let proxy = PodContainer(String(repeating: "e5f6", count: 16), uid: cart, "shop", "cart-0", "istio-proxy")
private let bare = PodContainer(
    String(repeating: "c3d4", count: 16), uid: "6fa459ea-ee8a-3ca4-894e-db77e160355e", "shop", "miner-0", "miner")
private let onHost = PodContainer(
    String(repeating: "0a0b", count: 16), uid: "9fa459ea-ee8a-3ca4-894e-db77e160355f", "kube", "agent-0", "agent")

/// Cgroups with processes in them, and the files that name them.
struct MeshNode: ~Copyable {
    let root: String
    let program: String
    // Destroyed in this order.
    private let cartGroup, proxyGroup, bareGroup, hostGroup, containerGroup, docker, outer: Cgroup

    init(_ t: Context) throws {
        let root = "\(t.scratch)/root"
        for container in [proxied, proxy, bare, onHost] { _ = try container.write(below: root) }
        let program = try makeProgram("\(t.scratch)/program")
        let outer = try Cgroup(t, "mesh")
        let cart = try Cgroup(at: "\(outer.path)/\(proxied.scope)", mount: outer.path)
        let proxies = try Cgroup(at: "\(outer.path)/\(proxy.scope)", mount: outer.path)
        let alone = try Cgroup(at: "\(outer.path)/\(bare.scope)", mount: outer.path)
        let host = try Cgroup(at: "\(outer.path)/\(onHost.scope)", mount: outer.path)
        let docker = try Cgroup(at: "\(outer.path)/docker", mount: outer.path)
        let container = try Cgroup(at: "\(docker.path)/\(String(repeating: "9", count: 64))", mount: outer.path)
        self.root = root
        self.program = program
        self.outer = outer
        self.docker = docker
        cartGroup = cart
        proxyGroup = proxies
        bareGroup = alone
        hostGroup = host
        containerGroup = container
    }

    var paths: (cart: String, proxy: String, bare: String, host: String, container: String) {
        (cartGroup.path, proxyGroup.path, bareGroup.path, hostGroup.path, containerGroup.path)
    }
}

extension Context {
    func startMesh(_ words: [String]) throws -> Child {
        let child = try Child(workload("mesh") + words)
        children.append(child)
        guard child.wait(milliseconds: allow(milliseconds: 5000), until: { $0.outputText.contains("ready ") }) else {
            throw Stop.failed("the workload is not ready: \(child.outputText) \(child.errorText)")
        }
        return child
    }

    fileprivate func letRun(_ child: Child) throws {
        child.closeInput()
        guard child.wait(milliseconds: allow(milliseconds: 10_000), until: { $0.outputText.contains("done") }) else {
            throw Stop.failed("the workload is not done: \(child.outputText) \(child.errorText)")
        }
    }

    /// Ends all processes, so that their cgroups can be removed.
    func endChildren() {
        for child in children { child.kill(SIGKILL) }
        for child in children { child.wait(milliseconds: 1000) }
    }

    func stopComparison(
        _ child: Child, status: Child.ExitStatus = .code(0), isJSON: Bool = true
    ) throws -> (run: Run, json: JSON) {
        child.kill(SIGINT)
        let run = try finish(child, milliseconds: 5000, isJSON: false)
        equal(run.status, status, "the exit status")
        if !isJSON { return (run, .object([:])) }
        return (run, try JSON(parsing: Array(run.child.output)[...]))
    }
}

func workload(named name: String, in json: JSON) -> JSON? {
    json["workloads"]?.array?.first { $0["name"] == .string(name) }
}

private func count(_ workload: JSON?, _ kind: String) -> [Int?] {
    [workload?["activity.\(kind).total"]?.integer, workload?["activity.\(kind).passed"]?.integer]
}

let compareTests = ["nft", "iptables", "iptables-legacy"].map { tool in
    // Guests have neither the parts of iptables that this needs nor the module of its older tables.
    Test(
        "compare: pods with a sidecar by \(tool) and without, a container, and a pod on the host's network",
        dependsOnKernel: tool == "nft"
    ) { t in
        guard let nft = t.program(tool) else { throw Stop.skipped("\(tool) is not installed") }
        let node = try MeshNode(t)
        defer { t.endChildren() }
        let paths = node.paths
        let mesh = try t.startMesh([nft, paths.proxy, paths.cart, node.program, "6", "3", "2", "4", "2"])
        let miner = try t.startMesh(["-", "-", paths.bare, node.program, "5", "0", "0", "1", "0"])
        let words = workload("in-cgroup", paths.host, "/bin/sleep", "100")
        let agent = try Child(words)
        let container = try Child(workload("in-cgroup", paths.container, "/bin/sleep", "100"))
        t.children += [agent, container]
        usleep(200_000)
        let report = "\(t.scratch)/report.md"
        let file = "\(t.scratch)/file.json"
        let child = try t.watch(
            [
                "-o", "json", "--root", node.root, "--report", report, "--output-file", file, "--fail-on",
                "sidecar.coverage < 1", "--fail-on", "events.lost > 1000000",
            ], command: "compare-sidecar")
        try t.letRun(mesh)
        try t.letRun(miner)
        let (run, json) = try t.stopComparison(child, status: .code(3))
        t.equal(run.surelyLost, 0, "what was lost")
        t.expect(run.errors.contains("finding: --fail-on sidecar.coverage < 1"), "no finding on stderr")
        t.expect(!run.errors.contains("finding: --fail-on events.lost"), "a finding that is none")

        let cart = workload(named: "shop/cart-0", in: json)
        t.equal(cart?["kind"], "pod", "kind")
        t.equal(cart?["sidecars"]?.array?.count, 1, "sidecars")
        let sidecar = cart?["sidecars"]?.array?.first
        t.equal(sidecar?["product"], "istio", "product")
        t.equal(sidecar?["user"], 1337, "user")
        t.equal(sidecar?["listens"], [15001], "listens")
        let ready = mesh.outputText.split(separator: "\n").first { $0.hasPrefix("ready ") }
        t.equal(sidecar?["pid"]?.integer, ready.flatMap { Int($0.dropFirst(6)) }, "pid")
        // Six were led to the proxy; three are left out, and two are of the proxy's user. The proxy asked the server itself.
        t.equal(count(cart, "connections"), [11, 6], "connections")
        t.equal(count(cart, "accepted"), [11, 6], "accepted")
        // And two questions by a connection that was there before, of which only these count.
        let standing = 2 * 3 + 2 * 5
        t.equal(count(cart, "sent"), [11 * (3 + 5) + 4 * 4 + standing, 6 * (3 + 5) + standing], "sent")
        t.equal(count(cart, "received"), [11 * (3 + 5) + standing, 6 * (3 + 5) + standing], "received")
        t.equal(count(cart, "executions"), [1, 0], "executions")
        let ways = cart?["ways_round"]?.array?.map { $0["kind"]?.string ?? "" } ?? []
        t.equal(ways.sorted(), ["excluded_ports", "excluded_ranges", "proxy_user", "udp"], "ways round")
        let texts = (cart?["ways_round"]?.array ?? []).map { $0["text"]?.string ?? "" }
        t.expect(texts.contains("22, 8081"), "the ports that are left out: \(texts)")
        t.expect(texts.contains("192.0.2.0/24"), "the addresses that are left out: \(texts)")
        t.expect(texts.contains("whoever runs as uid 1337 is let pass"), "the user that is let pass: \(texts)")

        let memory = sidecar?["use.memory"]?.integer ?? 0
        t.expect((100_000...100_000_000).contains(memory), "memory of the sidecar: \(memory)")
        t.expect(sidecar?["use.cpu_ns"]?.integer != nil, "no CPU of the sidecar")

        let bare = workload(named: "shop/miner-0", in: json)
        t.equal(bare?["sidecars"], [], "sidecars of the other")
        t.equal(count(bare, "connections"), [5, 0], "connections of the other")
        t.equal(count(bare, "executions"), [1, 0], "executions of the other")
        t.equal(bare?["ways_round"]?.array?.map { $0["kind"]?.string ?? "" }, ["no_sidecar"], "its ways round")
        let agentFound = workload(named: "kube/agent-0", in: json)
        t.equal(agentFound?["host_network"], true, "whether it is on the host's network")
        let agentWays = Set((agentFound?["ways_round"]?.array ?? []).map { $0["kind"]?.string ?? "" })
        t.expect(agentWays.isSuperset(of: ["no_sidecar", "host_network", "privileged"]), "its ways: \(agentWays)")
        let lone = json["workloads"]?.array?.filter { $0["kind"] == "container" } ?? []
        let nines = JSON.string(String(repeating: "9", count: 12))
        t.equal(lone.count { $0["name"] == nines }, 1, "the container without a pod, among \(lone.map { $0["name"] })")

        let figures = json["figures"]?.object ?? [:]
        // This machine may have others of its own.
        let guests = (json["workloads"]?.array ?? []).filter { $0["kind"] != "host" }
        let without = guests.count { $0["sidecars"] == [] }
        let sidecars = guests.reduce(0) { $0 + ($1["sidecars"]?.array?.count ?? 0) }
        t.expect(guests.count >= 4 && without >= 3 && sidecars >= 1, "workloads: \(guests.map { $0["name"] })")
        t.equal(figures["workloads.total"]?.integer, guests.count, "workloads.total")
        t.equal(figures["workloads.without_sidecar"]?.integer, without, "workloads.without_sidecar")
        t.equal(figures["sidecar.count"]?.integer, sidecars, "sidecar.count")
        let reasons = Dictionary(
            (json["unseen"]?.array ?? []).filter { $0["workload"] == "shop/cart-0" && $0["kind"] == "connections" }.map
            {
                ($0["reason"]?.string ?? "", $0["count"]?.integer ?? 0)
            }, uniquingKeysWith: +)
        t.equal(reasons, ["not led to the proxy": 3, "as the proxy's user": 2], "reasons")
        for row in json["rows"]?.array ?? [] {
            t.expect(row["ebpf.evidence"]?.array?.isEmpty == false, "no evidence: \(row)")
            t.equal(row["sidecar.not_measurable"], nil, "not_measurable")
        }
        let written = try JSON(parsing: Array((contents(of: file) ?? "").utf8)[...])
        t.equal(written["figures"], json["figures"], "the figures in the file")
        let markdown = contents(of: report) ?? ""
        t.expect(markdown.contains("| shop/cart-0 | istio"), "the report lacks the pod: \(markdown.prefix(600))")
        t.expect(markdown.contains("| **failed** | --fail-on sidecar.coverage &lt; 1 |"), "the report lacks the check")
    }
}

let compareEndTests = [
    Test("compare: what a proxy that is killed misses, in 80 columns", dependsOnKernel: false) { t in
        guard let nft = t.program("nft") else { throw Stop.skipped("nft is not installed") }
        let node = try MeshNode(t)
        defer { t.endChildren() }
        let paths = node.paths
        let mesh = try t.startMesh([nft, paths.proxy, paths.cart, node.program, "2", "0", "0", "0", "0"])
        let file = "\(t.scratch)/file.json"
        let child = try t.watch(
            ["--root", node.root, "--output-file", file], columns: 80, environment: ["NO_COLOR=1"],
            command: "compare-sidecar")
        try t.letRun(mesh)
        let ready = mesh.outputText.split(separator: "\n").first { $0.hasPrefix("ready ") }
        let proxy = try t.require(ready.flatMap { pid_t($0.dropFirst(6)) }, "the proxy's pid")
        _ = kill(proxy, SIGKILL)
        usleep(1_200_000)
        // What takes its place is known by its program, and goes in turn.
        let again = try Child(
            workload("in-cgroup", node.paths.proxy) + workload("in-cgroup", node.paths.proxy, "/bin/true"))
        t.children.append(again)
        again.wait(milliseconds: t.allow(milliseconds: 2000))
        usleep(300_000)
        let (run, _) = try t.stopComparison(child, isJSON: false)
        let json = try JSON(parsing: Array((contents(of: file) ?? "").utf8)[...])
        let life = workload(named: "shop/cart-0", in: json)?["sidecars"]?.array?.first?["life"]
        let absent = life?["absent_ns"]?.integer ?? 0
        t.expect(
            (1_000_000_000..<Int(t.allow(milliseconds: 9000)) * 1_000_000).contains(absent), "absent for \(absent) ns")
        t.equal(life?["restarts"], 1, "restarts")
        t.expect(
            life?["evidence"]?.array?.first?["fact"]?.string?.hasPrefix("pid \(proxy) ended") == true, "no evidence")
        for line in lines(run.text.replacing("\r", with: "")) where line.unicodeScalars.count > 80 {
            t.fail("a line of \(line.unicodeScalars.count) columns: \(line)")
        }
        for word in ["VISIBILITY", "BYPASSABILITY", "PERFORMANCE", "RELIABILITY", "shop/cart-0", "absent for "] {
            t.expect(run.text.contains(word), "the table lacks \(word): \(run.text.prefix(2000))")
        }
        t.expect(run.text.contains("████████  100 %"), "no full bar: \(run.text.prefix(600))")
    },

    Test("compare: a node without a sidecar") { t in
        let node = try MeshNode(t)
        defer { t.endChildren() }
        let miner = try t.startMesh(["-", "-", node.paths.bare, node.program, "5", "0", "0", "0", "0"])
        let child = try t.watch(["--root", node.root, "--fail-on", "sidecar.cpu >= 0"], command: "compare-sidecar")
        try t.letRun(miner)
        let (run, _) = try t.stopComparison(child, isJSON: false)
        if !run.text.contains("; 0 sidecars") { throw Stop.skipped("this machine has sidecars of its own") }
        t.expect(run.text.contains("None of them has a sidecar"), "it does not say so: \(run.text.prefix(300))")
        t.expect(run.text.contains("not measurable here: no sidecar on this"), "not measurable")
        t.expect(!run.text.contains("WAYS ROUND"), "ways round what is not there")
    },

    Test("compare: what is refused", dependsOnKernel: false) { t in
        let cases: [(words: [String], said: String, status: Int)] = [
            (["--fail-on", "sidecar.coverag < 1"], "did you mean sidecar.coverage?", 64),
            (["--fail-on", "sidecar.coverage"], "an operator should follow", 64),
            (["--fail-on", "sidecar.coverage < \"1\""], "here a number should stand", 64),
            (["-o", "wide"], "Please provide one of 'text' and 'json'", 64),
            (["--report", "\(t.scratch)/x.pdf"], "the suffix of", 64),
            (["--report", "\(t.scratch)/none/x.md"], "can't write", 66),
            (["-d", "soon"], "is not a time", 64),
            (["-r", "recording"], "-r", 64),
        ]
        for (words, said, status) in cases {
            let run = try t.run(words, command: "compare-sidecar")
            t.equal(run.status, .code(status), "the status of \(words)")
            t.expect(run.errors.contains(said), "\(words): it says \(run.errors)")
        }
        let run = try t.run(["-d", "1s"], ["/bin/true"], command: "compare-sidecar")
        t.equal(run.status, .code(64), "the status with a program")
        let list = try t.run(["--list-fields"], command: "compare-sidecar")
        t.expect(lines(list.text).contains { $0.hasPrefix("sidecar.coverage ") }, "the list of figures: \(list.text)")
    },
]
