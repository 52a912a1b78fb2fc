// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// compare-sidecar --lab: pods that it makes itself, behind a proxy of this host.

private let labProcesses: Set<String> = [
    "lab-guard", "lab-node", "lab-pod", "lab-client", "lab-server", "lab-outside", "lab-bypass", "miner", "haproxy",
    "nginx",
]

/// What a laboratory must not leave: processes, its cgroups, and network devices of the host.
private struct Leavings {
    var processes: Set<Int> = []
    var cgroups: [String] = []
    var devices: Set<String> = []

    static func now() -> Leavings {
        var result = Leavings()
        for name in names(in: "/proc") {
            guard let pid = Int(name), let text = contents(of: "/proc/\(pid)/comm") else { continue }
            if labProcesses.contains(String(text.prefix { $0 != "\n" })) { result.processes.insert(pid) }
        }
        for mount in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            let own = (contents(of: "/proc/self/cgroup") ?? "").split(separator: "\n").first { $0.hasPrefix("0::") }
            let path = mount + (own.map { String($0.dropFirst(3)) } ?? "")
            result.cgroups += names(in: path).filter { $0.hasPrefix("ebpfguard-lab-") }.sorted().map { "\(path)/\($0)" }
        }
        result.devices = Set(names(in: "/sys/class/net"))
        return result
    }

    func isWithin(_ other: Leavings) -> Bool {
        processes.isSubset(of: other.processes) && devices.isSubset(of: other.devices)
            && Set(cgroups).isSubset(of: other.cgroups)
    }

    private static func names(in path: String) -> [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}

extension Context {
    fileprivate func requireLaboratory(_ proxy: String) throws {
        for name in [proxy, "nft"] where program(name) == nil { throw Stop.skipped("\(name) is not installed") }
    }

    fileprivate func startLaboratory(_ words: [String]) throws -> Child {
        try start(["--lab"] + words, command: "compare-sidecar")
    }

    /// Waits until all is as it was.
    fileprivate func expectNothingLeft(_ before: Leavings, _ when: String) {
        let deadline = live_uptime() + Int64(allow(milliseconds: 3000)) * 1_000_000
        var now = Leavings.now()
        while !now.isWithin(before), live_uptime() < deadline {
            usleep(20_000)
            now = Leavings.now()
        }
        // What others had there before may have gone.
        if now.isWithin(before) { return }
        fail(
            "left \(when): processes \(now.processes.subtracting(before.processes).sorted()), cgroups \(now.cgroups), "
                + "devices \(now.devices.sorted())")
    }

    /// What was done is what eBPF saw; of it only connections passed sidecars, and not the one of the proxy's user.
    fileprivate func checkTrials(_ lab: JSON?) {
        let expected: [(subject: String, done: Int?)] = [
            ("2 pods: programs", 2), ("2 pods: files", 2), ("2 pods: TCP connections", nil), ("2 pods: UDP flows", 4),
            ("2 pods: DNS questions", 2), ("bare miner: programs", 1), ("bare miner: files", 1),
            ("bare miner: TCP connections", 3), ("bare miner: UDP flows", 2), ("bare miner: DNS questions", 1),
            ("as the proxy's user: TCP connections", 1), ("a proxy is killed", 1),
        ]
        let trials = lab?["trials"]?.array ?? []
        equal(trials.map { $0["subject"]?.string ?? "" }, expected.map(\.subject), "what was tried")
        for (trial, (subject, done)) in zip(trials, expected) {
            if let done { equal(trial["done"]?.integer, done, "\(subject), done") }
            equal(trial["seen_by_ebpf"]?.integer, trial["done"]?.integer, "\(subject), seen by eBPF")
            guard done == nil else {
                equal(trial["seen_by_sidecar"]?.integer, 0, "\(subject), seen by a sidecar")
                continue
            }
            // Clients make connections for ten requests each; and each pod makes two others.
            let all = trial["done"]?.integer ?? 0
            expect(all > 20, "\(subject): only \(all)")
            equal(trial["seen_by_sidecar"]?.integer, all - 1, "\(subject), seen by a sidecar: all but the bypass")
        }
        // By whoever was asked.
        for (index, fact) in [
            (2, "the service outside accepted 5, rules led"), (3, "received 4"), (4, "received 2"),
            (7, "the service outside accepted 3"), (8, "received 2"), (9, "received 1"),
            (10, "accepted 3 from that pod"),
        ] where trials.indices.contains(index) {
            let counted = trials[index]["evidence.0.fact"]?.string ?? ""
            expect(counted.hasPrefix(fact), "\(expected[index].subject): \(counted), not \(fact)")
        }
    }

    /// Servers counted what clients did. Forty requests a second for three seconds, ten on a connection.
    fileprivate func checkLoads(_ lab: JSON?, clients: Int) {
        let loads = lab?["loads"]?.array ?? []
        equal(loads.map { $0["path"]?.string ?? "" }, ["direct", "ebpf", "sidecar"], "ways")
        for load in loads {
            let path = load["path"]?.string ?? ""
            equal(load["requests"]?.integer, 120 * clients, "\(path): requests")
            equal(load["failures"]?.integer, 0, "\(path): failures")
            equal(load["connections"]?.integer, 12 * clients, "\(path): connections")
            equal(load["served_requests"]?.integer, 120 * clients, "\(path): requests that servers counted")
            if path != "sidecar" {
                equal(load["served_connections"]?.integer, 12 * clients, "\(path): connections that servers counted")
            }
            let latencies = ["p50_ns", "p90_ns", "p99_ns"].compactMap { load[$0]?.integer }
            expect(
                latencies.count == 3 && latencies == latencies.sorted() && latencies[0] > 1000, "\(path): \(latencies)")
            guard case .number(let most)? = load["most_per_second"] else { return fail("\(path): no throughput") }
            expect(most > 120, "\(path): \(most) requests a second at most")
            note("\(path): p50 \(latencies.first ?? 0) ns, \(Int(most)) a second")
        }
        let medians = loads.compactMap { $0["p50_ns"]?.integer }
        if medians.count == 3 { expect(medians[2] > medians[0], "two proxies take no time: \(medians)") }
    }

    fileprivate func checkLaboratory(_ proxy: String, pods: Int) throws {
        try requireLaboratory(proxy)
        let before = Leavings.now()
        let page = "\(scratch)/page.html"
        let child = try startLaboratory(["--pods", "\(pods)", "--proxy", proxy, "-o", "json", "--report", page])
        // A machine that compiles meanwhile may take much longer for all of it, but not for one of its parts.
        while child.status == nil {
            let said = child.errors.count
            guard
                child.wait(
                    milliseconds: allow(milliseconds: 60_000), until: { $0.errors.count > said || $0.status != nil })
            else { throw Stop.failed("for a minute nothing came after: \(child.errorText)") }
        }
        let run = try finish(child, milliseconds: 1000, isJSON: false)
        equal(run.status, .code(0), "the exit status")
        expectNothingLeft(before, "at the end")
        guard run.status == .code(0) else { throw Stop.failed(run.errors) }
        let json = try JSON(parsing: child.output)
        let lab = json["lab"]
        checkLoads(lab, clients: pods)
        checkTrials(lab)
        let scale = lab?["scale"]?.array ?? []
        equal(scale.map { $0["pods"]?.integer }, pods == 1 ? [1] : [1, pods], "the steps")
        for step in scale {
            for figure in ["sidecar_cpu", "sidecar_memory", "ebpf_cpu", "ebpf_memory"] {
                guard case .number(let value)? = step[figure] else { return fail("no \(figure)") }
                expect(value > 0, "\(figure) is \(value)")
            }
        }
        let figures = json["figures"]?.object
        equal(figures?["events.lost"], 0, "lost")
        equal(json["workloads"]?.array?.map { $0["name"]?.string }, ["lab/pod-1", "lab/pod-2", "miner"], "workloads")
        // Killed after half of eight seconds.
        guard case .number(let absent)? = figures?["sidecar.absent"] else {
            return fail("never absent")
        }
        expect((3.5...5).contains(absent), "a proxy was absent for \(absent) s")
        let bypass = json["unseen"]?.array?.first { $0["process"] == "lab-bypass" && $0["kind"] == "connections" }
        equal(bypass?["reason"], "as the proxy's user", "why the bypass was not seen")
        equal(bypass?["workload"], "lab/pod-1", "where the bypass was")
        let html = contents(of: page) ?? ""
        shared.page = html
        equal(html.split(separator: "<svg ").count - 1, 4, "charts")
        expect(html.hasSuffix("</html>\n"), "the page is not whole")
    }
}

let labTests = [
    Test("lab: all figures agree with those of who did it, haproxy", dependsOnKernel: false) { t in
        try t.checkLaboratory("haproxy", pods: 2)
    },
    Test("lab: all figures agree with those of who did it, nginx", dependsOnKernel: false) { t in
        try t.checkLaboratory("nginx", pods: 1)
    },
    Test("lab: nothing is left when it is interrupted", dependsOnKernel: false) { t in
        try t.requireLaboratory("haproxy")
        let before = Leavings.now()
        // While pods are made, then in each of its parts; all at once, as they know nothing of each other.
        let points = ["laboratory: 1 pod", "direct", "direct, eBPF on", "through sidecars", "both:"]
        let runs = try points.map { _ in try t.startLaboratory(["--pods", "1"]) }
        for (point, child) in zip(points, runs) {
            let isThere = child.wait(milliseconds: t.allow(milliseconds: 60_000)) { child in
                lines(child.errorText).contains {
                    point.hasPrefix("laboratory") ? $0.hasPrefix(point) : $0.hasPrefix("laboratory: \(point)")
                }
            }
            guard isThere else { throw Stop.failed("it never came to \"\(point)\": \(child.errorText)") }
            usleep(point == "both:" ? 3_000_000 : 50_000)
            child.kill(point == "direct" ? SIGTERM : SIGINT)
            let run = try t.finish(child, milliseconds: 5000, isJSON: false)
            t.equal(run.status, .code(0), "the exit status at \"\(point)\"")
            t.equal(run.text, "", "the output at \"\(point)\"")
            t.expect(run.errors.contains("nothing of the laboratory is left"), "it says nothing: \(run.errors)")
            let group = Leavings.now().cgroups.filter { $0.hasSuffix("ebpfguard-lab-\(child.pid)") }
            t.equal(group, [], "cgroups at \"\(point)\"")
        }
        t.expectNothingLeft(before, "after all")
    },
    Test(
        "lab: nothing is left when it is killed, and what its guard can't remove goes with the next",
        dependsOnKernel: false
    ) {
        t in
        try t.requireLaboratory("haproxy")
        let before = Leavings.now()
        func startKilled() throws -> Child {
            let child = try t.startLaboratory(["--pods", "2"])
            let isThere = child.wait(milliseconds: t.allow(milliseconds: 10_000)) {
                $0.errorText.contains(": direct\n")
            }
            guard isThere else { throw Stop.failed("it never began: \(child.errorText)") }
            return child
        }
        let alone = try startKilled()
        alone.kill(SIGKILL)
        t.expectNothingLeft(before, "when it was killed")

        let both = try startKilled()
        let guardian = Leavings.now().processes.first { pid in
            let status = contents(of: "/proc/\(pid)/status") ?? ""
            return status.contains("Name:\tlab-guard\n") && status.contains("PPid:\t\(both.pid)\n")
        }
        guard let guardian else { throw Stop.failed("it has no guard") }
        Glibc.kill(pid_t(guardian), SIGKILL)
        both.kill(SIGKILL)
        var left = Leavings.now()
        for _ in 0..<t.allow(milliseconds: 3000) / 20 where left.processes != before.processes {
            usleep(20_000)
            left = Leavings.now()
        }
        t.equal(left.processes, before.processes, "processes when its guard was killed too")
        t.equal(left.cgroups.count, before.cgroups.count + 1, "cgroups that nobody could remove")
        let next = try startKilled()
        next.kill(SIGINT)
        _ = try t.finish(next, milliseconds: 5000, isJSON: false)
        t.expectNothingLeft(before, "after the next")
    },
    Test("lab: what it can't be made with is said", dependsOnKernel: false) { t in
        for (words, status, text) in [
            (["--pods", "0"], 64, "--pods: 0 are not 1 to 100"),
            (["--pods", "101"], 64, "--pods: 101 are not 1 to 100"),
            (["--proxy", "/bin/true"], 5, "--proxy: /bin/true is not haproxy or nginx"),
            (["--proxy", "squid"], 5, "--proxy: squid is not haproxy or nginx"),
            (["-d", "5s"], 64, "--duration: a laboratory ends when it has measured"),
            (["--report", "page.txt"], 64, "--report: the suffix of \"page.txt\" is that of no known form"),
        ] {
            let run = try t.run(["--lab"] + words, command: "compare-sidecar")
            t.equal(run.status, .code(status), "the exit status with \(words)")
            t.expect(run.errors.contains(text), "\(words): \(run.errors)")
        }
        let run = try t.run(["--pods", "3"], command: "compare-sidecar")
        t.equal(run.status, .code(64), "the exit status without --lab")
        t.expect(run.errors.contains("--pods is of a laboratory"), "without --lab: \(run.errors)")
    },
]
