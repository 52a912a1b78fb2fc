// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

@testable import Policy

/// A learner that has seen these, each once.
private func learner(_ needs: [LearnedNeed?], by name: String = "make") -> PolicyLearner {
    var learner = PolicyLearner()
    for (index, need) in needs.enumerated() { if let need { learner.add(need, by: name, at: UInt64(index)) } }
    return learner
}

private func parsed(_ text: String) throws -> PolicyRules {
    var parser = PolicyParser { _ throws(PolicyParser.Unreadable) in throw .init("no files") }
    parser.add(file: "policy", Array(text.utf8))
    return try parser.finish()
}

/// Rules without their comments.
private func rules(_ needs: [LearnedNeed?], _ groups: [PolicyClass] = []) throws -> [String] {
    let result = learner(needs).result(beside: nil, groups: groups) { "\($0)" }
    return result.text.split(separator: "\n").map { line in
        var rule = line.firstRange(of: "  # ").map { line[..<$0.lowerBound] } ?? line
        while rule.last == " " { rule.removeLast() }
        return String(rule)
    }
}

private func connect(_ address: String, _ port: UInt16, _ transport: NetTarget.Transport = .tcp) -> LearnedNeed {
    LearnedNeed(.connect, IPAddress(address)!, port: port, transport)
}

private func path(_ operation: PolicyOperation, _ path: String) -> LearnedNeed? {
    LearnedNeed(operation, path: Array(path.utf8))
}

@Suite struct LearnTests {
    @Test func eachNeedOnceWithWhoAndWhen() throws {
        var learner = PolicyLearner()
        for (name, time) in [("git", 5), ("make", 3), ("git", 9), ("sh", 4), ("cc1", 6)] {
            learner.add(LearnedNeed(name: Array("GitHub.com".utf8), port: 443, .tcp)!, by: name, at: UInt64(time))
        }
        learner.add(connect("10.0.0.2", 53, .udp), by: "evil\nallow net *", at: 1)
        let result = learner.result(beside: nil, groups: [.net]) { "t\($0)" }
        #expect(
            result.text == """
                default net deny
                allow net 10.0.0.2:53/udp     # evil\u{fffd}allow net *: 1 time, t1
                allow net github.com:443/tcp  # git, make, sh and others: 5 times, t3 to t9

                """)
        #expect(result.rules == 2)
    }

    @Test func passingTargetsArePutTogether() throws {
        let shards = (0..<8).map { LearnedNeed(name: Array("r\($0).cdn.example.com".utf8), port: 443, .tcp) }
        #expect(try rules(shards) == ["allow net *.cdn.example.com:443/tcp"])
        #expect(try rules(Array(shards.prefix(7))).count == 7)
        // Below a top level each name is somebody else's.
        let owners = (0..<20).map { LearnedNeed(name: Array("n\($0).co.uk".utf8), port: 443, .tcp) }
        #expect(try rules(owners).count == 20)
        #expect(try rules((1...9).map { connect("192.0.2.\($0)", 443) }) == ["allow net 192.0.2.0/24:443/tcp"])
        #expect(try rules((1...9).map { connect("2001:db8::\($0)", 443) }) == ["allow net [2001:db8::/64]:443/tcp"])
        #expect(try rules((1...9).map { connect("127.0.0.\($0)", 443) }).count == 9)
        #expect(try rules([40000, 50000].map { connect("127.0.0.1", $0) }) == ["allow net 127.0.0.1/tcp"])
        #expect(
            try rules([LearnedNeed(.listen, IPAddress("::")!, port: 45678, .tcp)]) == ["allow net listen [::]/tcp"])
    }

    @Test func passingPathsArePutTogether() throws {
        #expect(try rules([path(.write, "/tmp/ccnLsuYb.s"), path(.write, "/tmp/out")]) == ["allow file write /tmp/*"])
        #expect(try rules([path(.write, "/tmp/build/out")]) == ["allow file write /tmp/build/out"])
        #expect(try rules([path(.write, "/tmp/tmp.Xk3j2a/out")]) == ["allow file write /tmp/**"])
        for name in ["deb-file-x.deb.JIVUMW", "#4", "a.b8dK1x"] {
            #expect(try rules([path(.write, "/var/tmp/\(name)")]) == ["allow file write /var/tmp/*"])
        }
        for name in ["README", "#4x", "a.backup", "x.deb"] {
            #expect(try rules([path(.write, "/tmp/\(name)")]) == ["allow file write /tmp/\(name)"])
        }
        #expect(try rules([path(.read, "/proc/4711/stat"), path(.read, "/proc/self")]) == ["allow file read /proc/**"])
        #expect(try rules([path(.read, "/opt/tool-1.2.3/bin/x")]) == ["allow file read /opt/**"])
        #expect(
            try rules([path(.execute, "/usr/bin/python3.11"), path(.execute, "/usr/lib/gcc/x86_64-linux-gnu/12/cc1")])
                == ["allow exec /usr/bin/python3.11", "allow exec /usr/lib/gcc/x86_64-linux-gnu/**"])
        let headers = (0..<7).map { path(.read, "/usr/include/a/\($0).h") }
        #expect(try rules(headers) == ["allow file read /usr/include/a/*"])
        // What lies directly in /etc is not all the same.
        #expect(try rules((0..<9).map { path(.read, "/etc/file\($0)x") }).count == 9)
        let odd = ["/a/./b/../c", "relative", "/a\nb"].map { path(.read, $0) }
        #expect(try rules(odd) == ["allow file read /a/c"])
    }

    @Test func whatWasThereBeforeKeepsItsName() throws {
        let result = learner([path(.write, "/tmp/tmp.Xk3j2a/out"), path(.write, "/tmp/ccnLsuYb.s")]).result(
            beside: nil, groups: [], isLasting: { $0.elementsEqual("/tmp/tmp.Xk3j2a".utf8) }, timeText: { "\($0)" })
        #expect(result.text.contains("allow file write /tmp/tmp.Xk3j2a/out "))
        #expect(result.text.contains("allow file write /tmp/* "))
    }

    @Test func aLongRunIsShort() throws {
        var needs: [LearnedNeed?] = []
        for module in 0..<60 {
            for file in 0..<50 {
                needs.append(path(.read, "/home/me/project/module\(module)x/source\(file)x.c"))
                needs.append(path(.write, "/home/me/project/module\(module)x/source\(file)x.o"))
                needs.append(path(.read, "/usr/include/module\(module)x/header\(file)x.h"))
            }
        }
        let lines = try rules(needs, [.file])
        #expect(
            lines == [
                "default file deny", "allow file read /home/me/project/**", "allow file read /usr/include/**",
                "allow file write /home/me/project/**",
            ])
    }

    @Test func whatAPersonWroteStays() throws {
        let policy = """
            default net deny
            allow net 10.0.0.0/8
            deny net 10.0.0.9
            scope user root
            allow net 192.0.2.1
            """
        let result = learner([connect("10.0.0.1", 80), connect("10.0.0.9", 80), connect("192.0.2.7", 80)]).result(
            beside: try parsed(policy), groups: [.net]
        ) { "\($0)" }
        #expect(result.allowed == 1)
        #expect(result.refused.map(\.need) == ["net 10.0.0.9:80/tcp"])
        #expect(result.refused.map(\.rule) == ["policy:3"])
        #expect(result.text == "scope all\nallow net 192.0.2.7:80/tcp  # make: 1 time, 2\n")
        // A second run of the same adds nothing.
        let again = learner([connect("192.0.2.7", 80)]).result(
            beside: try parsed(policy + "\n" + result.text), groups: [.net]
        ) { "\($0)" }
        #expect(again.text.isEmpty)
    }

    /// Whatever is learned allows all that was needed, and can be read again.
    @Test func whatWasNeededIsAllowed() throws {
        var random = SystemRandomNumberGenerator()
        let parts = ["a", "b1", "1.2", "tmp", "usr", "etc", "x y", "#", "4711", "Xk3j2aQ9", "*", "q\"r", "unless", "é"]
        for _ in 0..<300 {
            var needs: [LearnedNeed?] = []
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                let depth = Int.random(in: 1...5, using: &random)
                let text = (0..<depth).map { _ in "/" + parts.randomElement(using: &random)! }.joined()
                switch Int.random(in: 0..<6, using: &random) {
                case 0: needs.append(path(.read, text))
                case 1: needs.append(path(.write, text))
                case 2: needs.append(path(.execute, text))
                case 3:
                    let port = [UInt16(80), 443, 40000].randomElement(using: &random)!
                    needs.append(connect("192.0.2.\(Int.random(in: 0...20, using: &random))", port))
                case 4:
                    let label = Int.random(in: 0...20, using: &random)
                    needs.append(LearnedNeed(name: Array("s\(label).a.b.c".utf8), port: 443, .tcp))
                default: needs.append(LearnedNeed(.listen, IPAddress("::1")!, port: 8080, .tcp))
                }
            }
            let result = learner(needs).result(beside: nil, groups: PolicyClass.allCases) { "\($0)" }
            let evaluator = PolicyEvaluator(try parsed(result.text))
            for need in needs.compactMap(\.self) {
                #expect(evaluator.decide(need.question).verdict == .allow, "\(need) by\n\(result.text)")
            }
        }
    }

    @Test func whatFindsNoRoomIsCounted() {
        var learner = PolicyLearner(limit: 2)
        for port in 1...5 { learner.add(connect("10.0.0.1", UInt16(port)), by: "x", at: 0) }
        #expect(learner.missed == 3)
    }
}
