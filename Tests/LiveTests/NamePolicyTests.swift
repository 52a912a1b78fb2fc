// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Rules about names: who asks for one that is allowed gets through at once, and nobody else does.

private let rules = """
    default net deny
    allow net listen *
    allow net 127.0.0.0/16
    allow net *.load.test:20001/tcp
    allow net chain.test mixed.test forged.test short.test tcp.test tcp6.test many.test
    allow net six.test:20001
    allow net *.wild.test:20001
    deny net *.bad.wild.test
    allow net ok.bad.wild.test
    allow net shared.test:20001
    deny net denied.test
    deny dns *.secret.test
    allow dns open.secret.test
    audit dns *.watched.test
    audit net public.test
    """

/// What is tried, its errno (1: denied; 101, 111 and 0: not), the line of the rule, 0 where nothing is told, and the name that
/// is told.
private let attempts: [(String, Int, Int, String?)] = [
    ("tcp 127.9.0.2 20001", 1, 1, nil),
    ("ask udp chain.test", 0, 0, nil), ("tcp 127.9.0.2 20001", 111, 0, nil), ("send 127.9.0.2 20002", 0, 0, nil),
    ("ask udp six.test", 0, 0, nil), ("tcp 2001:db8::10 20001", 101, 0, nil),
    ("tcp 2001:db8::10 20002", 1, 1, "six.test"),
    ("ask send MiXed.TEST", 0, 0, nil), ("tcp 127.9.0.3 20002", 111, 0, nil),
    ("tcp ::ffff:127.9.0.3 20002", 111, 0, nil),
    // Below a suffix by whole labels, and not the suffix itself.
    ("ask udp a.deep.wild.test", 0, 0, nil), ("tcp 127.9.0.4 20001", 111, 0, nil),
    ("tcp 127.9.0.4 20002", 1, 1, "a.deep.wild.test"),
    ("ask udp wild.test", 0, 0, nil), ("tcp 127.9.0.5 20001", 1, 1, "wild.test"),
    ("ask udp notwild.test", 0, 0, nil), ("tcp 127.9.0.12 20001", 1, 1, "notwild.test"),
    ("ask udp a.bad.wild.test", 0, 0, nil), ("tcp 127.9.0.10 20001", 1, 8, "a.bad.wild.test"),
    ("ask udp ok.bad.wild.test", 0, 0, nil), ("tcp 127.9.0.11 20001", 111, 0, nil),
    // Answers to what nobody asked.
    ("ask send forged.test", 0, 0, nil), ("tcp 127.9.0.6 20001", 111, 0, nil), ("tcp 127.9.0.61 20001", 1, 1, nil),
    ("tcp 127.9.0.62 20001", 1, 1, nil), ("tcp 127.9.0.63 20001", 1, 1, nil), ("tcp 127.9.0.64 20001", 1, 1, nil),
    ("ask udp many.test", 0, 0, nil), ("tcp 127.9.1.40 20001", 111, 0, nil), ("tcp 127.9.1.41 20001", 1, 1, nil),
    // Two questions and two answers in a segment each.
    ("ask tcp tcp.test", 0, 0, nil), ("tcp 127.9.0.9 20001", 111, 0, nil), ("tcp 2001:db8::11 20001", 101, 0, nil),
    // One address, two names: at the port of the rule that is more specific that one decides, elsewhere the stricter.
    ("ask udp shared.test", 0, 0, nil), ("tcp 127.9.0.7 20001", 111, 0, nil),
    ("ask udp denied.test", 0, 0, nil), ("tcp 127.9.0.7 20001", 111, 0, nil),
    ("tcp 127.9.0.7 20002", 1, 11, "denied.test"),
    ("ask udp short.test", 0, 0, nil), ("tcp 127.9.0.8 20001", 111, 0, nil),
    ("ask udp a.secret.test", 1, 12, "a.secret.test"), ("ask send A.Secret.test", 1, 12, "a.secret.test"),
    ("ask tcp b.secret.test", 110, 12, "b.secret.test"), ("ask udp open.secret.test", 0, 0, nil),
    ("ask udp seen.watched.test", 0, 14, "seen.watched.test"),
    ("ask udp public.test", 0, 0, nil), ("tcp 127.9.0.15 20001", 111, 15, "public.test"),
    ("wait 7000", 0, 0, nil), ("tcp 127.9.0.8 20003", 1, 1, nil), ("tcp 127.9.0.3 20003", 111, 0, nil),
]

let namePolicyTests = [
    Test("policy: names, from the answers that were asked for") { t in
        let file = "\(t.scratch)/policy"
        try write(rules, to: file)
        let run = try t.trace(
            ["--name-grace", "3s", file], workload("policy-names") + attempts.map(\.0), milliseconds: 60_000,
            status: .code(3), command: "enforce")
        let said = lines(run.child.errorText).filter { line in
            attempts.contains { line.hasPrefix("\($0.0): ") }
        }
        let tried = attempts.filter { !$0.0.hasPrefix("wait") }
        t.equal(said, tried.map { "\($0.0): \($0.1)" }, "errors")
        t.expect(
            run.errors.contains("enforcing 21 lines"), "it does not say that it enforces: \(run.errors.prefix(400))")

        let told = run.told
        let expected = tried.filter { $0.2 > 0 }
        t.equal(told.count, expected.count, "violations")
        for (event, (attempt, error, line, name)) in zip(told, expected) {
            t.equal(event["rule.reference"], .string("\(file):\(line)"), "rule.reference of \(attempt)")
            let isQuestion = attempt.hasPrefix("ask")
            t.equal(event["destination.domain"]?.string, isQuestion ? nil : name, "destination.domain of \(attempt)")
            t.equal(event["dns.question.name"]?.string, isQuestion ? name : nil, "dns.question.name of \(attempt)")
            t.equal(event["ebpfguard.enforced"], .bool(error == 1 || error == 110), "ebpfguard.enforced of \(attempt)")
            let hook = attempt.contains(":") ? "cgroup/connect6" : "cgroup/connect4"
            t.equal(event["ebpfguard.hook"]?.string, isQuestion ? "cgroup_skb/egress" : hook, "hook of \(attempt)")
            t.equal(
                event["destination.ip"]?.string,
                isQuestion ? "127.0.0.53" : attempt.split(separator: " ").dropFirst().first.map(String.init),
                "destination.ip of \(attempt)")
            t.equal(event["process.executable"], .string(ownPath), "process.executable of \(attempt)")
        }
        let shared = told.filter { $0["destination.ip"] == "127.9.0.7" }
        t.equal(shared.map { $0["ebpfguard.name_shared"] }, [1], "the other name of the address")
    },

    Test("policy: 1,000 names, each asked for and connected to at once") { t in
        let file = "\(t.scratch)/policy"
        try write(rules, to: file)
        let run = try t.trace(
            [file], workload("policy-names", "load 1000"), milliseconds: 120_000, status: .code(3), command: "enforce")
        t.expect(
            lines(run.child.errorText).contains("load: 1000 0"),
            "those that are allowed, and those that are not: \(run.child.errorText.suffix(300))")
        t.equal(run.told.count { $0["destination.domain"]?.string?.hasSuffix(".other.test") == true }, 1000, "told")
    },
]
