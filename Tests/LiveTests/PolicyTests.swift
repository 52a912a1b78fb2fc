// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Rules about the network: what they stop really does not happen, and what they do not stop does.

extension Run {
    /// The errno of each attempt of the workload.
    fileprivate var results: [String: Int] {
        var results: [String: Int] = [:]
        for line in lines(said) {
            guard let colon = line.lastIndex(of: ":"), let error = Int(line[colon...].dropFirst(2)) else { continue }
            results[String(line[..<colon])] = error
        }
        return results
    }
}

extension Context {
    fileprivate func policy(_ text: String) throws -> String {
        let path = "\(scratch)/policy"
        try write(text, to: path)
        return path
    }
}

extension Child {
    /// The cgroup that the tool has made.
    fileprivate var cgroup: String? {
        lines(errorText).first { $0.hasPrefix("not held: ") }?.split(separator: " ").last.map(String.init)
    }
}

private let rules = """
    default net deny
    allow net 127.0.0.0/8:20001
    allow net 127.0.0.0/8:20002/udp
    deny net 127.1.0.0/16
    allow net 127.1.2.0/24
    deny net 127.1.2.3
    deny net 127.1.2.4:20005/tcp
    audit net 127.0.0.9
    allow net [::1]:20001
    allow net listen *
    deny net listen *:20003
    audit net listen 127.0.0.1:20004
    """

/// What is tried, its errno (1: denied; 111 and 0: not), and the line of the rule, 0 where nothing is told.
private let attempts: [(String, Int, Int)] = [
    ("tcp 127.0.0.1 20001", 111, 0), ("tcp 127.0.0.1 20002", 1, 1), ("tcp 127.0.0.1 20099", 1, 1),
    ("nonblock 127.0.0.1 20099", 1, 1), ("fastopen 127.0.0.1 20099", 1, 1), ("udp 127.0.0.1 20099", 1, 1),
    ("send 127.0.0.1 20099", 1, 1), ("msg 127.0.0.1 20099", 1, 1), ("mmsg 127.0.0.1 20099", 1, 1),
    ("udp 127.0.0.1 20002", 0, 0), ("send 127.0.0.1 20002", 0, 0), ("msg 127.0.0.1 20002", 0, 0),
    ("send 127.0.0.1 20001", 0, 0), ("tcp ::1 20001", 111, 0), ("tcp ::1 20002", 1, 1), ("send ::1 20002", 1, 1),
    ("udp ::1 20002", 1, 1), ("msg ::1 20001", 0, 0), ("fastopen ::1 20002", 1, 1),
    // IPv4 by IPv6.
    ("tcp ::ffff:127.0.0.1 20001", 111, 0), ("tcp ::ffff:127.0.0.1 20002", 1, 1),
    ("udp ::ffff:127.0.0.1 20002", 0, 0), ("send ::ffff:127.0.0.1 20002", 0, 0),
    ("send ::ffff:127.0.0.1 20099", 1, 1), ("udp ::ffff:127.0.0.1 20099", 1, 1),
    // The longest network, whatever the port; the port among equals.
    ("tcp 127.1.9.9 20001", 1, 4), ("tcp 127.1.2.9 20099", 0, 0), ("tcp 127.1.2.3 20001", 1, 6),
    ("send 127.1.2.3 20002", 1, 6), ("tcp 127.1.2.4 20005", 1, 7), ("send 127.1.2.4 20005", 0, 0),
    ("tcp 127.1.2.4 20006", 111, 0), ("tcp ::ffff:127.1.2.3 20001", 1, 6),
    ("tcp 127.0.0.9 20001", 111, 8), ("send 127.0.0.9 20099", 0, 8),
    // Never reached: not even a route is asked for.
    ("tcp 192.0.2.1 80", 1, 1), ("send 2001:db8::1 53", 1, 1),
    ("bind 127.0.0.1 20003", 1, 11), ("bindu 0.0.0.0 20003", 1, 11), ("bind ::1 20003", 1, 11),
    ("bind ::ffff:127.0.0.1 20003", 1, 11), ("bind 127.0.0.1 20004", 0, 12), ("bind 127.0.0.1 20005", 0, 0),
    ("bind 127.0.0.1 0", 0, 0), ("bindu ::1 0", 0, 0),
]

/// Those on whose protocol a host may have no say.
private let mptcp = "mptcp 127.0.0.1 20099"

let policyTests = [
    Test("policy: the network, by every way there") { t in
        let server = try Child(workload("policy-server", "20099"))
        let isReady = server.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("ready") }
        guard isReady else { throw Stop.failed("the server says \(server.outputText) \(server.errorText)") }
        let file = try t.policy(rules)
        let words = attempts.map(\.0) + [mptcp]
        let run = try t.trace(
            [file], workload("policy") + words, milliseconds: 40_000, status: .code(3), command: "enforce")
        var results = run.results
        let multipath = results.removeValue(forKey: mptcp)
        // ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT
        t.expect([1, 92, 93, 94].contains(multipath), "MPTCP: \(multipath ?? -1)")
        for (attempt, error, _) in attempts { t.equal(results[attempt], error, attempt) }
        t.expect(
            run.errors.contains("enforcing 12 lines"), "it does not say that it enforces: \(run.errors.prefix(400))")

        let told = run.told
        var expected = attempts.filter { $0.2 > 0 }.map { ($0.0, $0.1, $0.2) }
        if multipath == 1 { expected.append((mptcp, 1, 1)) }
        t.equal(told.count, expected.count, "violations")
        for (event, (attempt, error, line)) in zip(told, expected) {
            let parts = attempt.split(separator: " ").map(String.init)
            let address = parts[1].hasPrefix("::ffff:") ? String(parts[1].dropFirst(7)) : parts[1]
            t.equal(event["destination.ip"], .string(address), "destination.ip of \(attempt)")
            t.equal(event["destination.port"]?.integer, Int(parts[2]), "destination.port of \(attempt)")
            t.equal(event["rule.reference"], .string("\(file):\(line)"), "rule.reference of \(attempt)")
            t.equal(event["ebpfguard.enforced"], .bool(error == 1), "ebpfguard.enforced of \(attempt)")
            t.equal(event["ebpfguard.verdict"], error == 1 ? "deny" : "audit", "ebpfguard.verdict of \(attempt)")
            let isDatagram = ["udp", "send", "msg", "mmsg", "bindu"].contains(parts[0])
            t.equal(event["network.transport"], isDatagram ? "udp" : "tcp", "network.transport of \(attempt)")
            t.equal(event["process.executable"], .string(ownPath), "process.executable")
            t.equal(
                event["network.direction"], parts[0].hasPrefix("bind") ? "ingress" : "egress", "direction of \(attempt)"
            )
        }
        let names = Set(told.compactMap { $0["rule.name"]?.string })
        t.expect(names.contains("deny net 127.1.2.4:20005/tcp") && names.contains("default net deny"), "\(names)")
        server.closeInput()
        server.wait(milliseconds: t.allow(milliseconds: 5000))
        // What was allowed, and what was only told: one connection, one datagram.
        t.expect(server.outputText.contains("reached 1 1"), "the server was reached: \(server.outputText)")
        let cgroup = try t.require(run.child.cgroup, "cgroup in \(run.errors.prefix(400))")
        t.expect(cgroup.contains("/ebpfguard-"), "the cgroup is \(cgroup)")
        t.equal(unsafe access(cgroup, F_OK), -1, "access to the cgroup when the run is over")
    },

    Test("policy: a dry run tells the same and stops nothing; what is listened on unbound") { t in
        let file = try t.policy("deny net 127.0.0.1:20099\ndeny net listen */tcp\nallow net listen *:20004\n")
        let words = ["tcp 127.0.0.1 20099", "send 127.0.0.1 20099", "bind 127.0.0.1 20098", "unbound 127.0.0.1 0"]
        var told: [[String]] = []
        for dry in [true, false] {
            let run = try t.trace(
                (dry ? ["--dry-run"] : []) + [file], workload("policy") + words, milliseconds: 40_000,
                status: .code(3), command: "enforce")
            // ETIMEDOUT: nobody gets through to a port that the kernel has chosen.
            t.equal(words.map { run.results[$0] ?? -1 }, dry ? [111, 0, 0, 0] : [1, 1, 1, 110], "dry \(dry): errors")
            told.append(
                run.told.map { event in
                    let fields = ["rule.reference", "rule.name", "ebpfguard.verdict", "ebpfguard.hook"]
                    return fields.map { event[$0]?.string ?? "-" }.joined(separator: " ")
                })
            t.equal(run.told.map { $0["ebpfguard.enforced"] }, Array(repeating: .bool(!dry), count: 4), "enforced")
        }
        t.equal(told[0], told[1], "events of the dry run")
        t.equal(
            told[0].compactMap { $0.split(separator: " ").last.map(String.init) },
            ["cgroup/connect4", "cgroup/sendmsg4", "cgroup/bind4", "cgroup_skb/ingress"], "hooks")
    },

    Test("policy: what is lost gets nowhere, and is no error") { t in
        let server = try Child(workload("policy-server", "20099"))
        let isReady = server.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("ready") }
        guard isReady else { throw Stop.failed("the server says \(server.outputText) \(server.errorText)") }
        let file = try t.policy(
            "drop net 127.0.0.0/8:20099\ndrop net [::1]\nallow net 127.0.0.3\n")
        let lost = [
            ("timed 127.0.0.1 20099", 110), ("timed ::ffff:127.0.0.1 20099", 110), ("talk 127.0.0.1 20099", 0),
            ("send 127.0.0.1 20099", 0), ("send ::1 20099", 0), ("talk ::1 20099", 0), ("timed ::1 20099", 110),
        ]
        let words = lost.map(\.0) + ["timed 127.0.0.3 20099", "send 127.0.0.3 20099", "timed 127.0.0.1 20097"]
        let run = try t.trace(
            [file], workload("policy") + words, milliseconds: 60_000, status: .code(3), command: "enforce")
        for (attempt, error) in lost { t.equal(run.results[attempt], error, attempt) }
        t.equal(words.suffix(3).map { run.results[$0] }, [0, 0, 111], "what is not lost")
        t.equal(run.told.count, lost.count, "violations")
        for (event, (attempt, _)) in zip(run.told, lost) {
            t.equal(event["ebpfguard.enforced"], true, "ebpfguard.enforced of \(attempt)")
            t.equal(event["ebpfguard.verdict"], "drop", "ebpfguard.verdict of \(attempt)")
        }
        server.closeInput()
        server.wait(milliseconds: t.allow(milliseconds: 5000))
        t.expect(server.outputText.contains("reached 1 1"), "the server was reached: \(server.outputText)")
    },

    Test("policy: who is to be killed dies, and reaches nobody") { t in
        let server = try Child(workload("policy-server", "20099"))
        let isReady = server.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("ready") }
        guard isReady else { throw Stop.failed("the server says \(server.outputText) \(server.errorText)") }
        // It would go on for ever.
        let run = try t.trace(
            ["--rule", "kill net 127.0.0.1:20099"], workload("policy-lasting", "127.0.0.1", "20099"),
            milliseconds: 40_000, status: .code(3), command: "enforce")
        t.expect(!run.told.isEmpty, "nothing is told")
        t.expect(
            run.told.allSatisfy { $0["ebpfguard.verdict"] == "kill" && $0["ebpfguard.enforced"] == true }, "verdict")
        t.expect(!lines(run.said).contains("now 0"), "it got through: \(run.said.suffix(300))")
        server.closeInput()
        server.wait(milliseconds: t.allow(milliseconds: 5000))
        t.expect(server.outputText.contains("reached 0 0"), "the server was reached: \(server.outputText)")
    },

    Test("policy: let go when ebpfguard is killed, and while it is stopped it holds") { t in
        let child = try t.start(
            ["--rule", "deny net 127.0.0.1:20099"], workload("policy-lasting", "127.0.0.1", "20099"), command: "enforce"
        )
        func sees(_ text: String, _ count: Int = 1) -> Bool {
            // The program that it started goes on writing.
            child.wait(milliseconds: t.allow(milliseconds: 8000), pastEnd: true) {
                lines($0.errorText).filter { $0 == text }.count >= count
            }
        }
        t.expect(sees("now 1"), "nothing was denied: \(child.errorText.suffix(300))")
        child.kill(SIGSTOP)
        usleep(300_000)
        t.expect(!lines(child.errorText).contains("now 111"), "a stopped ebpfguard enforces nothing")
        child.kill(SIGCONT)
        child.kill(SIGKILL)
        t.expect(sees("now 111"), "something is still denied: \(child.errorText.suffix(300))")
        let line = lines(child.errorText).first { $0.hasPrefix("workload pid ") }
        let pid = try t.require(line?.split(separator: " ").last.flatMap { Int($0) }, "pid")
        kill(pid_t(pid), SIGKILL)
        // Killed, it goes on to end while the kernel takes its other programs down, and who runs may still want its cgroup.
        t.expect(child.wait(milliseconds: t.allow(milliseconds: 8000)), "it has not ended")
        // Nobody is left who would remove it, but the next run.
        let cgroup = try t.require(child.cgroup, "cgroup")
        t.expect(unsafe access(cgroup, F_OK) == 0, "the cgroup is gone")
        let deadline = live_uptime() + Int64(t.allow(milliseconds: 2000)) * 1_000_000
        while contents(of: "\(cgroup)/cgroup.events")?.contains("populated 0") == false, live_uptime() < deadline {
            usleep(10_000)
        }
        _ = try t.run(["-q", "--rule", "deny net 127.0.0.1:20099"], ["/bin/true"], command: "enforce")
        t.equal(unsafe access(cgroup, F_OK), -1, "access to the cgroup after another run")
    },
]

let policyTextTests = [
    Test("policy: what can't be held is refused, and nothing is started", dependsOnKernel: false) { t in
        let file = "\(t.scratch)/policy"
        try write("allow net 10.0.0.1\nscope all\ndeny detect reverse-shell\n", to: file)
        let run = try t.run([file], ["/bin/true"], command: "enforce")
        t.equal(run.status, .code(5), "the exit status")
        let reason = "a shell has its connection already when it is found"
        t.expect(run.errors.contains("\(file):3: ") && run.errors.contains(reason), "it says \(run.errors)")
    },

    Test("policy: recordings of each command held against it, and its own told again", dependsOnKernel: false) { t in
        let recording = "\(t.scratch)/recording"
        try write("in\n", to: "\(t.scratch)/in")
        func replay(_ options: [String]) throws -> Run {
            try t.finish(
                try t.start(["-o", "json", "-r", recording] + options, command: "enforce"), milliseconds: 20_000)
        }
        /// The rules that a recording of a program violates: which paths or ports, and whether they are audits.
        func judge(_ command: String, _ program: [String], _ rules: [String]) throws -> [String] {
            _ = try t.trace(["-w", recording], program, command: command)
            let words = rules.flatMap { ["--rule", $0] }
            let run = try replay(words)
            t.equal(run.status, .code(3), "the exit status of \(command)")
            t.expect(run.told.allSatisfy { $0["ebpfguard.enforced"] == false }, "enforced, in a recording")
            return run.told.map { event in
                let what = event["file.path"]?.string ?? event["destination.port"]?.integer.map { "\($0)" } ?? "?"
                return "\(event["ebpfguard.verdict"]?.string ?? "?") \(what) by \(event["rule.name"]?.string ?? "?")"
            }
        }
        t.equal(
            try judge(
                "trace", ["/bin/sh", "-c", "/bin/cat \(t.scratch)/in; /bin/true"],
                ["deny exec **/cat unless exe /bin/true", "kill exec **/true unless user root", "allow exec **/sh"]
            ).map { $0.hasPrefix("deny /") && $0.hasSuffix("/cat by deny exec **/cat unless exe /bin/true") }, [true],
            "programs")
        t.equal(
            try judge(
                "watch-files", ["/bin/sh", "-c", "echo a > \(t.scratch)/out; read b < \(t.scratch)/in"],
                ["deny file write \(t.scratch)/**", "audit file read \(t.scratch)/in"]),
            [
                "deny \(t.scratch)/out by deny file write \(t.scratch)/**",
                "audit \(t.scratch)/in by audit file read \(t.scratch)/in",
            ], "files")
        t.equal(
            try judge(
                "watch-net", workload("policy", "tcp 127.0.0.1 20099", "send 127.0.0.1 20098"),
                ["default net drop", "allow net 127.0.0.0/8:20098/udp"]), ["drop 20099 by default net drop"],
            "connections")

        let words = ["--rule", "deny net 127.0.0.1:20099"]
        let live = try t.trace(
            words + ["-w", recording], workload("policy", "tcp 127.0.0.1 20099", "tcp 127.0.0.1 20098"),
            status: .code(3), command: "enforce")
        let again = try replay([])
        t.equal(again.status, .code(3), "the exit status of the replay")
        t.expect(again.child.output == live.child.output, "it differs: \(again.text) from \(live.text)")
        let other = try replay(["--rule", "audit net 127.0.0.0/8"]).told
        t.equal(other.map { $0["rule.name"] }, ["audit net 127.0.0.0/8"], "by another policy")
        t.equal(other.map { $0["ebpfguard.enforced"] }, [false], "ebpfguard.enforced by another policy")
    },

    Test("policy: mistakes, --check-policy, --explain", dependsOnKernel: false) { t in
        let wrong = try t.run(["--rule", "dney net *", "--rule", "deny net 10.0.0.300 *:99999"], command: "enforce")
        t.equal(wrong.status, .code(65), "the exit status of mistakes")
        for part in [
            "--rule:1:1: error: a line does not begin with \"dney\"", "did you mean deny?",
            "--rule(2):1:10: error: \"10.0.0.300\" is no address", "--rule(2):1:23: error: \"99999\" is no port",
            "ebpfguard: the policy has 3 errors",
        ] {
            t.expect(wrong.errors.contains(part), "no \"\(part)\" in \(wrong.errors)")
        }
        let check = try t.run(
            ["--check-policy", "-o", "json", "--rule", "deny net 10.0.0.0/8", "--rule", "audit net raw"],
            command: "enforce")
        t.equal(check.status, .code(5), "the exit status of --check-policy")
        let json = try JSON(parsing: check.child.output[...])
        t.equal(json["rules"]?.array?.map { $0["supported"] }, [true, false], "supported")
        t.equal(json["rules"]?.array?.map { $0["place"] }, ["--rule:1", "--rule(2):1"], "places")
        let explained = try t.run(
            ["--explain", "net 10.1.1.1:443", "--rule", "deny net 10.0.0.0/8", "--rule", "allow net 10.1.0.0/16"],
            command: "enforce")
        t.equal(
            explained.text,
            """
            allow  net 10.1.1.1:443
            by --rule(2):1: allow net 10.1.0.0/16
            not by --rule:1: deny net 10.0.0.0/8
                   less specific

            """, "--explain")
        t.equal(try t.run(["/nonexistent"], command: "enforce").status, .code(66), "the exit status without a file")
    },
]
