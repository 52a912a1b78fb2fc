// SPDX-License-Identifier: Apache-2.0

import Glibc

// Detectors. The stand-in for a miner speaks as one does, to a pool of the test at an address and port that no list has.

private let rig = PodContainer(
    String(repeating: "e5f6", count: 16), uid: "16fd2706-8baf-433b-82eb-8c7fada847da", "shop", "web-1", "web")
private let wallet = "44" + String(repeating: "A9xZ", count: 23) + "k"

/// Who waits for miners.
private final class Pool {
    let child: Child
    let address: String
    let port: String

    init(_ t: Context, _ address: String) throws {
        let child = try Child(workload("pool", address))
        let isReady = child.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("\n") }
        guard isReady, let port = child.outputText.split(separator: "\n").first?.split(separator: " ").last else {
            throw Stop.failed("the pool says \(child.outputText) \(child.errorText)")
        }
        self.child = child
        self.address = address
        self.port = String(port)
    }

    /// How many lines it got, and how many bytes.
    func finish(_ t: Context) -> [Int] {
        child.closeInput()
        child.wait(milliseconds: t.allow(milliseconds: 5000))
        let line = lines(child.outputText).first { $0.hasPrefix("pool got") }
        return line.map { $0.split(separator: " ").compactMap { Int($0) } } ?? []
    }
}

extension Context {
    /// Whether this kernel breaks off connections of others.
    fileprivate func breaksOffConnections() throws -> Bool {
        let cgroup = try Cgroup(self, "breaks")
        let words = [
            "--existing", "close", "--cgroup", cgroup.name, "-d", "1ms", "-q", "--rule", "deny net 127.0.0.1:9",
        ]
        return try run(words, command: "enforce").status != .code(5)
    }
}

let detectTests = [
    Test("detect: miners bare, in a container, renamed, of no file, byte by byte, there before") { t in
        let pool = try Pool(t, "127.3.2.1")
        let root = "\(t.scratch)/root"
        _ = try rig.write(below: root)
        let outer = try Cgroup(t, "detect")
        let scope = try Cgroup(at: "\(outer.path)/\(rig.scope)", mount: outer.path)
        let to = [pool.address, pool.port]
        func words(_ speech: String, _ how: String = "whole") -> [String] {
            [ownPath, "workload", "miner"] + to + [speech, how]
        }
        func start(_ words: [String]) throws -> Child {
            let child = try Child(words)
            t.children.append(child)
            return child
        }
        func isWaiting(_ child: Child) -> Bool {
            child.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("miner waits") }
        }
        // Before the start: one that will submit, and one that only its arguments tell of.
        let earlier = try start(words("monero", "late"))
        let switches = ["--donate-level=1", "-o", "pool.example:4444", "-u", wallet]
        let silent = try start(words("service", "late") + switches)
        guard isWaiting(earlier), isWaiting(silent) else { throw Stop.failed("those before do not wait") }

        let child = try t.watch(["--detect", "miner", "-o", "json", "--root", root])
        let renamed = "\(t.scratch)/sshd"
        guard unsafe link(ownPath, renamed) == 0 || symlink(ownPath, renamed) == 0 else {
            throw Stop.failed("link: \(describe(errno: errno))")
        }
        var expected: [(who: String, pid: Int)] = [("there before", earlier.pid), ("by arguments", silent.pid)]
        var starts: [Int: Int64] = [:]
        for (who, command) in [
            ("bare", words("monero")), ("bitcoin", words("bitcoin")),
            ("renamed", [renamed] + words("monero").dropFirst()),
            ("memfd", [ownPath, "workload", "miner-memfd"] + to + ["bitcoin"]), ("bytes", words("monero", "bytes")),
            ("container", [ownPath, "workload", "in-cgroup", scope.path] + words("monero")),
            ("service", words("service")), ("service by bytes", words("service", "bytes")),
        ] {
            let miner = try start(command)
            guard miner.wait(milliseconds: t.allow(milliseconds: 8000)) else {
                throw Stop.failed("\(who) does not end")
            }
            t.expect(miner.outputText.contains("miner done"), "\(who) says \(miner.outputText) \(miner.errorText)")
            if !who.hasPrefix("service") { expected.append((who, miner.pid)) }
            if who == "container" { continue }
            starts[miner.pid] = miner.started
        }
        earlier.closeInput()
        earlier.wait(milliseconds: t.allow(milliseconds: 5000))
        usleep(UInt32(t.allow(milliseconds: 100)) * 1000)
        child.kill(SIGINT)
        let run = try t.finish(child, milliseconds: 4000)
        t.equal(run.status, .code(3), "the exit status")
        let detections = run.events.filter { $0.action == "detection" }
        for (who, pid) in expected where who != "container" {
            let mine = detections.filter { $0.pid == pid }
            t.equal(mine.count, 1, "detections of \(who)")
            guard let event = mine.first else { continue }
            t.equal(event["ebpfguard.detection.name"], "miner", "name of \(who)")
            t.equal(event["ebpfguard.verdict"], "audit", "verdict of \(who)")
            t.equal(event["threat.technique.id"], "T1496", "technique of \(who)")
            if who == "by arguments" {
                let reasons = event["ebpfguard.detection.reasons"]?.strings ?? []
                t.expect(reasons.contains("wallet in its arguments (+40)"), "reasons of \(who): \(reasons)")
                continue
            }
            t.equal(event["destination.ip"], "127.3.2.1", "destination.ip of \(who)")
            t.equal(event["destination.port"]?.integer, Int(pool.port), "destination.port of \(who)")
            if who == "memfd" { t.equal(event["process.marks"]?.strings, ["memfd"], "marks of \(who)") }
            if starts[pid] != nil, let began = event["process.start"]?.string.flatMap(nanoseconds(of:)) {
                let limit = t.allow(milliseconds: 1000) * 1_000_000
                t.expect(event.nanoseconds - began < limit, "\(who) after \(event.nanoseconds - began) ns")
            }
        }
        let inside = detections.filter { $0["k8s.pod.name"] == "web-1" }
        t.equal(inside.count, 1, "detections in the container")
        let services = Set(starts.keys).subtracting(expected.map(\.pid))
        t.expect(!detections.contains { services.contains($0.pid) }, "a client of a service is detected")
        t.expect(run.errors.contains("finding: "), "no finding: \(run.errors.suffix(300))")
        t.equal(run.surelyLost, 0, "'lost'")
        _ = pool.finish(t)
    },

    Test("detect: a miner under deny, drop and kill is stopped before its second message") { t in
        let breaksOff = try t.breaksOffConnections()
        for (rule, speech, how) in [
            ("deny", "bitcoin", "whole"), ("drop", "monero", "whole"), ("kill", "monero", "bytes"),
            ("audit", "bitcoin", "whole"), ("deny", "service", "whole"),
        ] {
            let pool = try Pool(t, "127.3.2.2")
            let run = try t.trace(
                ["--rule", "\(rule) detect miner"],
                [ownPath, "workload", "miner", pool.address, pool.port, speech, how], milliseconds: 20_000, status: nil,
                command: "enforce")
            let name = "\(rule) \(speech)"
            let got = pool.finish(t)
            let isStopped = rule != "audit" && speech != "service"
            // What a killed process leaves behind is sent when the run is over and lets go, unless its connection is broken off:
            // the rest of its first message.
            let most = rule == "kill" && !breaksOff ? 1 : 0
            t.expect(
                isStopped ? (got.first ?? 9) <= most : got.first == 2, "lines that got through under \(name): \(got)")
            let detections = run.told.filter { $0.action == "detection" }
            t.equal(detections.count, speech == "service" ? 0 : 1, "detections under \(name)")
            t.equal(run.status, .code(speech == "service" ? 0 : 3), "the exit status under \(name)")
            t.equal(run.said.contains("miner done"), !isStopped, "whether it was done under \(name)")
            if rule == "kill" { t.expect(!lines(run.errors).contains { $0.hasPrefix("miner ") }, "it was not killed") }
            guard let event = detections.first else { continue }
            t.equal(event["ebpfguard.verdict"], .string(rule), "verdict under \(name)")
            t.equal(event["ebpfguard.enforced"], .bool(isStopped), "ebpfguard.enforced under \(name)")
            t.equal(event["rule.name"], .string("\(rule) detect miner"), "rule.name under \(name)")
            t.equal(event["rule.reference"], "--rule:1", "rule.reference under \(name)")
            t.equal(event["destination.port"]?.integer, Int(pool.port), "destination.port under \(name)")
        }
    },

    Test("detect: rules for whom they are, and scopes of the run") { t in
        let root = "\(t.scratch)/root"
        _ = try rig.write(below: root)
        let outer = try Cgroup(t, "judged")
        let pod = try Cgroup(at: "\(outer.path)/\(rig.scope)", mount: cgroupMount() ?? "")
        let quiet = try Cgroup(at: "\(outer.path)/quiet", mount: cgroupMount() ?? "")
        let first = "\(t.scratch)/first"
        let other = "\(t.scratch)/other"
        for path in [first, other] { try copyFile("/proc/self/exe", to: path) }
        let rules = [
            "detect miner unless exe \(other)", "scope tree \(first)", "deny detect miner", "scope all",
            "scope container web", "kill detect miner", "scope all", "scope cgroup \(quiet.name)", "allow detect miner",
        ]
        let policy = "\(t.scratch)/policy"
        try write(rules.joined(separator: "\n"), to: policy)
        let plain = [ownPath, "workload", "miner"]
        func miner(_ program: String) -> [String] { [program, "workload", "miner"] }
        func inside(_ cgroup: String, by program: String = ownPath) -> [String] {
            [program, "workload", "in-cgroup", cgroup]
        }
        // A script: what starts it would have such arguments too.
        let talking = try makeScript(
            "\(t.scratch)/start",
            "#!/bin/sh\nexec \(ownPath) workload miner $1 $2 service rests --donate-level=1 -u \(wallet)\n")
        // Who, what it says, the line of the rule, and its verdict.
        typealias Case = (who: String, words: [String], speech: [String], line: Int?, verdict: String)
        func check(_ options: [String], _ cases: [Case]) throws {
            let child = try t.enforce(["--cgroup", outer.name, "--root", root] + options)
            var started: [(one: Case, miner: Child, pool: Pool)] = []
            for one in cases {
                let pool = try Pool(t, "127.3.2.6")
                let miner = try Child(one.words + [pool.address, pool.port] + one.speech)
                t.children.append(miner)
                started.append((one, miner, pool))
            }
            for (one, miner, pool) in started {
                guard miner.wait(milliseconds: t.allow(milliseconds: 10_000)) else {
                    throw Stop.failed("\(one.who) does not end")
                }
                let isStopped = ["deny", "kill"].contains(one.verdict)
                t.equal(miner.outputText.contains("miner done"), !isStopped, "whether \(one.who) was done")
                t.equal(miner.status == .signal(9), one.verdict == "kill", "whether \(one.who) was killed")
                let got = pool.finish(t).first ?? 9
                t.expect(isStopped ? got <= 0 : got == 2, "lines of \(one.who): \(got)")
            }
            usleep(UInt32(t.allow(milliseconds: 100)) * 1000)
            child.kill(SIGINT)
            let run = try t.finish(child, milliseconds: 8000)
            let detections = run.told.filter { $0.action == "detection" }
            t.equal(detections.count, cases.count { $0.line != nil }, "detections")
            for (one, miner, _) in started {
                let mine = detections.filter { $0.pid == miner.pid }
                t.equal(
                    mine.compactMap { $0["rule.reference"]?.string }, one.line.map { ["\(policy):\($0)"] } ?? [],
                    "rules about \(one.who)")
                guard let event = mine.first else { continue }
                t.equal(event["ebpfguard.verdict"], .string(one.verdict), "verdict about \(one.who)")
                t.equal(event["ebpfguard.enforced"], .bool(one.verdict != "audit"), "ebpfguard.enforced of \(one.who)")
            }
        }
        try check(
            [policy],
            [
                ("bare", inside(outer.path) + plain, ["bitcoin"], 1, "audit"),
                ("excepted", inside(outer.path) + miner(other), ["bitcoin"], nil, "allow"),
                ("the tree's first", inside(outer.path) + miner(first), ["bitcoin"], 3, "deny"),
                ("started in the tree", inside(outer.path, by: first) + plain, ["monero", "bytes"], 3, "deny"),
                ("in the container", inside(pod.path) + plain, ["monero"], 6, "kill"),
                ("allowed", inside(quiet.path) + plain, ["monero"], nil, "allow"),
                ("bare, by arguments", inside(outer.path) + [talking], [], 1, "audit"),
                ("in the tree, by arguments", inside(outer.path, by: first) + [talking], [], 3, "deny"),
                ("in the container, by arguments", inside(pod.path) + [talking], [], 6, "kill"),
                ("allowed, with arguments", inside(quiet.path) + [talking], [], nil, "allow"),
            ])
        try write("deny detect miner", to: policy)
        try check(
            ["--container", "web", policy],
            [
                ("outside", inside(outer.path) + plain, ["bitcoin"], nil, "allow"),
                ("in the container", inside(pod.path) + plain, ["bitcoin"], 1, "deny"),
                ("outside, by arguments", inside(outer.path) + [talking], [], nil, "allow"),
                ("in the container, by arguments", inside(pod.path) + [talking], [], 1, "deny"),
            ])
        try check(
            ["--exe", first, policy],
            [
                ("another program", inside(outer.path) + plain, ["bitcoin"], nil, "allow"),
                ("the program", inside(outer.path) + miner(first), ["bitcoin"], 1, "deny"),
                ("what it becomes", inside(outer.path) + inside(outer.path, by: first) + plain, ["bitcoin"], 1, "deny"),
                (
                    "what it becomes, by arguments", inside(outer.path) + inside(outer.path, by: first) + [talking],
                    [], 1, "deny"
                ),
            ])
    },

    Test("detect: who is found by arguments connects to nobody") { t in
        let pool = try Pool(t, "127.3.2.3")
        for rule in ["deny", "kill"] {
            let run = try t.trace(
                ["--rule", "\(rule) detect miner"],
                [
                    ownPath, "workload", "miner", pool.address, pool.port, "service", "rests", "--donate-level=1", "-u",
                    wallet,
                ], milliseconds: 20_000, status: .code(3), command: "enforce")
            t.equal(run.told.filter { $0.action == "detection" }.count, 1, "detections under \(rule)")
            t.expect(!run.said.contains("miner done"), "it was done under \(rule): \(run.said.suffix(200))")
        }
        t.equal(pool.finish(t).first, 0, "lines that got through")
    },

    Test("detect: shells for somebody elsewhere, on a connection and by pipes; not on a terminal, and no cat") { t in
        let pool = try Pool(t, "127.3.2.4")
        let child = try t.watch(["--detect", "reverse-shell", "-o", "json"])
        var shells: [(how: String, pid: Int)] = []
        for how in ["socket", "pipes", "terminal", "cat"] {
            let shell = try Child(workload("remote-shell", pool.address, pool.port, how))
            t.children.append(shell)
            let says = shell.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("\n") }
            guard says, let pid = shell.outputText.split(separator: "\n").first?.split(separator: " ").last else {
                throw Stop.failed("\(how) says \(shell.outputText) \(shell.errorText)")
            }
            shells.append((how, Int(pid) ?? 0))
        }
        // They are looked at twice a second.
        usleep(UInt32(t.allow(milliseconds: 1200)) * 1000)
        child.kill(SIGINT)
        let run = try t.finish(child, milliseconds: 4000)
        t.equal(run.status, .code(3), "the exit status")
        for (how, pid) in shells {
            let mine = run.events.filter { $0.action == "detection" && $0.pid == pid }
            let isWanted = ["socket", "pipes"].contains(how)
            t.equal(mine.count, isWanted ? 1 : 0, "detections of \(how)")
            guard let event = mine.first else { continue }
            t.equal(event["ebpfguard.detection.name"], "reverse-shell", "name of \(how)")
            t.equal(event["ebpfguard.detection.score"]?.integer, how == "socket" ? 80 : 70, "score of \(how)")
            let evidence = event["ebpfguard.detection.evidence"]?.strings ?? []
            t.expect(evidence[0].contains("127.3.2.4:\(pool.port)"), "evidence of \(how): \(evidence)")
        }
        _ = pool.finish(t)
        let killed = try Pool(t, "127.3.2.5")
        let enforced = try t.trace(
            ["--rule", "kill detect reverse-shell"],
            workload("remote-shell", killed.address, killed.port, "socket"), milliseconds: 20_000, status: .code(3),
            command: "enforce")
        t.equal(enforced.told.filter { $0.action == "detection" }.count, 1, "detections under kill")
    },
]
