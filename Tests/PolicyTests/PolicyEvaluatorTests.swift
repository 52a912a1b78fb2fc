// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

@testable import Policy

struct PolicyEvaluatorTests {
    private static func evaluator(_ text: String) throws -> PolicyEvaluator {
        var parser = PolicyParser { _ throws(PolicyParser.Unreadable) in throw .init("no") }
        parser.add(file: "p", Array(text.utf8))
        return PolicyEvaluator(try parser.finish())
    }

    private static let policy = """
        default net deny
        allow net github.com:443/tcp
        allow net *.npmjs.org:443
        deny net evil.registry.npmjs.org
        allow net 10.0.0.0/8:5432
        deny net 10.1.0.0/16
        allow net 10.1.1.1
        drop net *:3333/tcp
        deny net listen *:8080
        allow net listen 127.0.0.1
        deny file write /etc/** /usr/bin/** unless exe /usr/bin/dpkg
        allow file write /etc/app/*
        deny file read **/id_rsa
        allow file read /home/**
        allow file read /home/al/id_rsa
        deny exec /tmp/** memfd
        kill exec drift
        allow exec **/*.good
        allow dns *
        deny dns *.example
        allow dns a.b.example
        scope namespace payments
        deny net 10.1.1.1
        """

    /// A question, the verdict, and the line that decides (0: none).
    @Test(arguments: [
        ("net github.com:443", "allow", 2), ("net github.com:443/udp", "deny", 1), ("net github.com:80", "deny", 1),
        ("net www.github.com:443", "deny", 1), ("net registry.npmjs.org:443", "allow", 3),
        ("net npmjs.org:443", "deny", 1), ("net evil.registry.npmjs.org:443", "deny", 4),
        ("net 10.2.3.4:5432", "allow", 5), ("net 10.1.3.4:5432", "deny", 6), ("net 10.1.1.1:1", "allow", 7),
        ("net [::ffff:10.1.1.1]:1", "allow", 7), ("net [2001:db8::1]:3333", "drop", 8),
        ("net 10.1.1.1:1 namespace payments", "deny", 23), ("net 10.1.1.1:1 namespace other", "allow", 7),
        ("net listen :8080", "deny", 9), ("net listen 127.0.0.1:8080", "allow", 10), ("net listen [::1]:1", "deny", 1),
        ("net raw", "allow", 0),
        ("file write /etc/passwd", "deny", 11), ("file write /etc/passwd exe /usr/bin/dpkg", "allow", 0),
        ("file write /etc/app/x", "allow", 12), ("file write /etc/app/x/y", "deny", 11),
        ("file write /etc", "allow", 0),
        ("file read /home/bo/id_rsa", "deny", 13), ("file read /home/al/id_rsa", "allow", 15),
        ("file read /home/al/x", "allow", 14), ("exec /tmp/x", "deny", 16), ("exec /tmp/x.good", "deny", 16),
        ("exec /bin/x.good", "allow", 18), ("exec memfd", "deny", 16), ("exec /tmp/x.good drift", "kill", 17),
        ("dns x.example", "deny", 20), ("dns a.b.example", "allow", 21), ("dns example", "allow", 19),
    ])
    func decides(_ question: String, _ verdict: String, _ line: Int) throws {
        let evaluator = try Self.evaluator(Self.policy)
        let decision = evaluator.decide(try PolicyQuestion(parsing: question))
        #expect(decision.verdict.rawValue == verdict)
        let place = decision.rule.map { evaluator.policy.rules[$0].place } ?? decision.fallback?.place
        #expect(place?.line ?? 0 == line)
    }

    @Test func whyOthersLost() throws {
        let evaluator = try Self.evaluator(Self.policy)
        func others(_ question: String) throws -> [String] {
            evaluator.decide(try PolicyQuestion(parsing: question)).others.map {
                "\(evaluator.policy.rules[$0.rule].place.line) \($0.reason)"
            }
        }
        #expect(try others("net 10.1.1.1:5432") == ["5 lessSpecific", "6 lessSpecific", "23 outOfScope"])
        #expect(
            try others("net 10.1.1.1:5432 namespace payments") == ["5 lessSpecific", "6 lessSpecific", "7 lessScoped"])
        #expect(try others("file read /home/bo/id_rsa") == ["14 lessStrict"])
        #expect(try others("file write /etc/app/a exe /usr/bin/dpkg") == ["11 excepted"])
    }

    @Test(arguments: [
        ("", 1, "there is no question"), ("deny net x:1", 1, "a question has no verdict: it asks for one"),
        ("net x", 6, "this needs a port"), ("net *:80", 5, "a connection is to one address or name"),
        ("net 10.0.0.0/8:80", 5, "a connection is to one address or name"),
        ("file read /etc/**", 11, "this is a pattern, and not one file"),
        ("file raed /x", 6, "here an operation should follow"),
        ("exec /x by", 9, "\"by\" has no meaning here"), ("exec /x exe", 12, "here a value should follow"),
        ("nte x:1", 1, "there is nothing to do that is called \"nte\""),
    ])
    func wrongQuestions(_ text: String, _ column: Int, _ message: String) {
        let problem = #expect(throws: PolicyProblem.self) { try PolicyQuestion(parsing: text) }
        #expect(problem?.headline == "--explain:1:\(column): error: \(message)")
    }

    // MARK: Beside a plain reading of the rules

    private static let hosts = [
        "*", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "0.0.0.0/0", "[::/0]", "[2001:db8::/32]",
        "[2001:db8::1]", "a.b.example", "*.b.example", "*.example", "b.example",
    ]
    private static let paths = [
        "/**", "/a/**", "/a/*", "/a/b/**", "/a/b/*", "/a/b/c", "/a/b.so", "**/c", "**/b.so", "**/*.so", "**/*.1.so",
    ]
    private static let files = ["/a", "/a/b", "/a/b.so", "/a/b/c", "/a/b/c.1.so", "/a/b/b.so", "/c", "/a/b/d/c"]

    private static func rule(_ numbers: inout Numbers) -> String {
        let exception = numbers.next(4) == 0 ? " unless \(numbers.pick(["user u", "exe /bin/**", "pod p*"]))" : ""
        let verdict = numbers.pick(["allow", "audit", "deny", "kill"])
        let port = numbers.pick(["", "", ":80", ":443"]) + numbers.pick(["", "", "/tcp", "/udp"])
        switch numbers.next(6) {
        case 0, 1: return "\(verdict) net \(numbers.pick(hosts))\(port)\(exception)"
        case 2: return "\(verdict) net listen \(numbers.pick(Array(hosts.prefix(9))))\(port)\(exception)"
        case 3: return "\(verdict) dns \(numbers.pick(["*"] + Array(hosts.suffix(4))))\(exception)"
        case 4: return "\(verdict) exec \(numbers.pick(paths + ["memfd", "drift"]))\(exception)"
        default: return "\(verdict) file \(numbers.pick(["read", "write"])) \(numbers.pick(paths))\(exception)"
        }
    }

    private static func question(_ numbers: inout Numbers) -> PolicyQuestion {
        var question = PolicyQuestion(
            numbers.pick([.connect, .connect, .listen, .raw, .ask, .read, .write, .execute]))
        switch question.operation {
        case .connect, .listen:
            question.address = IPAddress(
                numbers.pick(["10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "fe80::1"]))
            question.port = numbers.pick([80, 443, 5432])
            question.transport = numbers.pick([.tcp, .udp])
            if question.operation == .connect, numbers.next(2) == 0 {
                question.names = (0...numbers.next(2)).map { _ in
                    Array(numbers.pick(["a.b.example", "x.a.b.example", "b.example", "c.example"]).utf8)
                }
            }
        case .ask: question.names = [Array(numbers.pick(["a.b.example", "b.example", "x.y.b.example", "org"]).utf8)]
        case .execute where numbers.next(4) == 0: question.isMemfd = true
        case .execute, .read, .write:
            question.path = Array(numbers.pick(files).utf8)
            question.isDrift = question.operation == .execute && numbers.next(2) == 0
        case .raw, .detect: break
        }
        if numbers.next(2) == 0 { question.actor.facts[.user] = [Array(numbers.pick(["u", "v"]).utf8)] }
        if numbers.next(2) == 0 { question.actor.facts[.exe] = [Array(numbers.pick(["/bin/x", "/x"]).utf8)] }
        if numbers.next(2) == 0 { question.actor.facts[.pod] = [Array(numbers.pick(["p1", "q"]).utf8)] }
        return question
    }

    /// What the manual says, by going through all rules and comparing any two.
    private static func reference(_ policy: PolicyRules, _ question: PolicyQuestion) -> (Verdict, Int?) {
        let applying = policy.rules.indices.filter { number in
            let rule = policy.rules[number]
            guard rule.operation == question.operation, matches(rule.subject, question) else { return false }
            return policy.scopes[rule.scope].holds(question.actor)
                && !(rule.exception.map { policy.exceptions[$0].holds(question.actor) } ?? false)
        }
        // Those that no other one beats by what it is about.
        let left = applying.filter { number in
            !applying.contains { isMoreSpecific(policy.rules[$0].subject, policy.rules[number].subject) }
        }
        let narrowest = left.map { policy.scopes[policy.rules[$0].scope].terms.count }.max() ?? 0
        let scoped = left.filter { policy.scopes[policy.rules[$0].scope].terms.count == narrowest }
        guard let strictest = scoped.map({ policy.rules[$0].verdict }).max() else {
            let group = question.operation.defaultClass
            return (policy.defaults.filter { $0.group == group }.map(\.verdict).max() ?? .allow, nil)
        }
        return (strictest, scoped.first { policy.rules[$0].verdict == strictest })
    }

    private static func matches(_ subject: PolicySubject, _ question: PolicyQuestion) -> Bool {
        switch subject {
        case .all: true
        case .memfd: question.isMemfd
        case .drift: question.isDrift
        case .detector: false
        case .name(let pattern): question.names.contains { pattern.matches($0) }
        case .file(let pattern): question.path.map { pattern.matches($0) } ?? false
        case .target(let target):
            (target.port == nil || target.port == question.port)
                && (target.transport == nil || target.transport == question.transport)
                && {
                    switch target.host {
                    case .any: true
                    case .network(let prefix): question.address.map { prefix.contains($0) } ?? false
                    case .name(let name): question.names.contains(name)
                    case .below(let suffix): question.names.contains { NamePattern.below(suffix).matches($0) }
                    }
                }()
        }
    }

    private static func isMoreSpecific(_ a: PolicySubject, _ b: PolicySubject) -> Bool {
        switch (a, b) {
        case (.target(let a), .target(let b)):
            if kind(a.host) != kind(b.host) { return kind(a.host) > kind(b.host) }
            if size(a.host) != size(b.host) { return size(a.host) > size(b.host) }
            if (a.port == nil) != (b.port == nil) { return b.port == nil }
            return a.transport != nil && b.transport == nil
        case (.name(let a), .name(let b)): return size(a) > size(b)
        case (.file(let a), .file(let b)):
            switch (a, b) {
            case (.exact, .exact): return false
            case (.exact, _): return true
            case (.directlyIn, .below): return true
            case (.below(let a), .below(let b)): return a.count > b.count
            case (.named, .suffixed): return true
            case (.suffixed(let a), .suffixed(let b)): return a.count > b.count
            default: return false
            }
        case (.file(.exact), .drift), (.memfd, .drift): return true
        default: return false
        }
    }

    private static func kind(_ host: NetTarget.Host) -> Int {
        switch host {
        case .any: 0
        case .network(let prefix): prefix.length == prefix.first.count * 8 ? 4 : 1
        case .below: 2
        case .name: 3
        }
    }

    private static func size(_ host: NetTarget.Host) -> Int {
        switch host {
        case .network(let prefix): prefix.length
        case .below(let suffix): suffix.count
        case .any, .name: 0
        }
    }

    private static func size(_ name: NamePattern) -> Int {
        switch name {
        case .any: 0
        case .below(let suffix): suffix.count
        case .exact: 1000
        }
    }

    @Test(arguments: 0..<20)
    func agreesWithReference(_ seed: Int) throws {
        var numbers = Numbers(state: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1)
        var decided = 0
        for _ in 0..<60 {
            var lines: [String] = []
            if numbers.next(2) == 0 { lines.append("default net \(numbers.pick(["deny", "allow", "kill"]))") }
            if numbers.next(2) == 0 { lines.append("default exec \(numbers.pick(["deny", "audit"]))") }
            for _ in 0...numbers.next(30) {
                if numbers.next(8) == 0 { lines.append("scope \(numbers.pick(["pod p1", "user u", "all"]))") }
                if numbers.next(16) == 0 { lines.append("scope pod p1\nscope user u") }
                lines.append(Self.rule(&numbers))
            }
            let evaluator = try Self.evaluator(lines.joined(separator: "\n"))
            for _ in 0..<40 {
                let question = Self.question(&numbers)
                let decision = evaluator.decide(question)
                let expected = Self.reference(evaluator.policy, question)
                #expect(decision.verdict == expected.0, "\(question)\n\(lines.joined(separator: "\n"))")
                #expect(decision.rule == expected.1, "\(question)\n\(lines.joined(separator: "\n"))")
                if decision.rule != nil { decided += 1 }
            }
        }
        #expect(decided > 300)
    }
}
