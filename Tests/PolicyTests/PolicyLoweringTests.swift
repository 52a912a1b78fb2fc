// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Testing

@testable import Policy

struct PolicyLoweringTests {
    private static func policy(_ text: String) throws -> PolicyRules {
        var parser = PolicyParser { _ throws(PolicyParser.Unreadable) in throw .init("no") }
        parser.add(file: "p", Array(text.utf8))
        return try parser.finish()
    }

    /// What bpf/include/actor.h does.
    private static func settle(
        _ decision: wire_decision, _ choices: [wire_choice], _ holds: UInt64, possible: UInt64
    ) -> wire_decision? {
        if decision.choice == 0 { return decision }
        var best: UInt32 = 0
        var index = decision.choice
        var isCertain = false
        for _ in 0..<WIRE_CHOICES where index != 0 && !isCertain {
            let choice = choices[Int(index)]
            if choice.with & ~possible == 0, choice.without & holds == 0 {
                if best == 0 || choice.verdict > choices[Int(best)].verdict { best = index }
                isCertain = choice.with & ~holds == 0 && choice.without & possible == 0
            }
            index = choice.next
        }
        let choice = choices[Int(best)]
        guard best != 0, isCertain || choice.verdict >= UInt32(WIRE_CHOICE_STOPS) else { return nil }
        return wire_decision(verdict: choice.verdict, rank: choice.rank, rule: choice.rule, choice: 0)
    }

    private static func settle(
        _ decision: wire_decision, _ lowering: PolicyLowering, _ question: PolicyQuestion
    ) -> wire_decision? {
        let holds = lowering.conditions.held(by: question.actor)
        return settle(decision, lowering.choices.table, holds, possible: holds)
    }

    /// What bpf/include/policy.h does.
    private static func decide(_ lowering: PolicyLowering, _ question: PolicyQuestion) -> wire_decision {
        let isConnect = question.operation == .connect
        let table = isConnect ? lowering.connect : lowering.listen
        let fallback = isConnect ? lowering.settings.fallback.0 : lowering.settings.fallback.1
        let address = question.address!.unmapped
        let isIPv6 = address.count != 4
        let wire = isIPv6 ? table.lengths.1 : table.lengths.0
        let lengths = unsafe withUnsafeBytes(of: wire.bits) { unsafe $0.prefix(Int(wire.count)).map { Int($0) } }
        let networks = Set(lengths.compactMap { IPPrefix(address, length: $0) }.map { network($0) })
        let entries = Dictionary(
            uniqueKeysWithValues: table.entries().filter { networks.contains(network($0.key)) }.map { key, decision in
                ([UInt16(key.family), key.port, UInt16(key.protocol), UInt16(key.bits)], decision)
            })
        var best = fallback
        for shape in 0..<UInt32(WIRE_SHAPES) where table.shapes >> shape & 1 != 0 {
            let port = shape & UInt32(WIRE_SHAPE_PORT) != 0 ? question.port! : 0
            let number: UInt16 = question.transport == .tcp ? 6 : 17
            let transport = shape & UInt32(WIRE_SHAPE_PROTOCOL) != 0 ? number : 0
            var (low, high) = (0, lengths.count)
            var found: wire_decision?
            while low < high {
                let middle = (low + high) / 2
                if let next = entries[[isIPv6 ? 6 : 4, port, transport, UInt16(lengths[middle])]] {
                    found = next
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            if let found, let decision = settle(found, lowering, question), decision.rank > best.rank {
                best = decision
            }
        }
        return best
    }

    /// Family, length and address of a network.
    private static func network(_ prefix: IPPrefix) -> [UInt8] {
        let bytes = (0..<prefix.first.count).map { prefix.first[$0] }
        return [bytes.count == 4 ? 4 : 6, UInt8(prefix.length)] + bytes
            + [UInt8](repeating: 0, count: 16 - bytes.count)
    }

    private static func network(_ key: wire_target) -> [UInt8] {
        let bytes = unsafe withUnsafeBytes(of: key.address) { unsafe Array($0) }
        return [key.family, UInt8(key.bits)] + bytes
    }

    private static let conditions = [
        "user al", "user bo", "user al bo", "exe /bin/a", "exe /bin/**", "namespace n", "pod p q", "cgroup /c",
        "cgroup /c/d",
    ]

    private static func exception(_ numbers: inout Numbers) -> String {
        (0..<[0, 0, 0, 1, 1, 2][Int(numbers.next(6))]).map { _ in " unless \(numbers.pick(conditions))" }.joined()
    }

    private static func scope(_ numbers: inout Numbers) -> [String] {
        switch numbers.next(8) {
        case 0: ["scope all"]
        case 1: ["scope \(numbers.pick(conditions.filter { !$0.hasPrefix("exe") }))"]
        case 2: ["scope user \(numbers.pick(["al", "bo"]))", "scope namespace n"]
        default: []
        }
    }

    private static func actor(_ numbers: inout Numbers) -> PolicyActor {
        PolicyActor([
            .user: [Array(numbers.pick(["al", "bo", "cy"]).utf8)],
            .exe: [Array(numbers.pick(["/bin/a", "/bin/b", "/c"]).utf8)],
            .namespace: [Array(numbers.pick(["n", "m"]).utf8)], .pod: [Array(numbers.pick(["p", "r"]).utf8)],
            .cgroup: [Array(numbers.pick(["/", "/c", "/c/d/e"]).utf8)],
        ])
    }

    private static let hosts = [
        "*", "0.0.0.0/0", "[::/0]", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "10.1.2.2/31",
        "[2001:db8::/32]", "[2001:db8::1]", "[2001:db8::/127]", "[::ffff:10.1.2.3]", "[::]", "[::1]",
    ]
    private static let addresses = [
        "10.1.2.3", "10.1.2.2", "10.1.9.9", "10.9.9.9", "192.0.2.1", "::ffff:10.1.2.3", "2001:db8::1", "2001:db8::",
        "2001:db8:1::", "fe80::1", "::1", "::",
    ]

    @Test(arguments: 0..<12)
    func agreesWithEvaluator(_ seed: Int) throws {
        var numbers = Numbers(state: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 7)
        for _ in 0..<60 {
            var lines = numbers.next(2) == 0 ? ["default net \(numbers.pick(["deny", "allow", "audit"]))"] : []
            for _ in 0...numbers.next(25) {
                let operation = numbers.pick(["net", "net listen"])
                let port = numbers.pick(["", ":80", ":443"]) + numbers.pick(["", "/tcp", "/udp"])
                lines.append(
                    "\(numbers.pick(["allow", "audit", "deny"])) \(operation) \(numbers.pick(Self.hosts))\(port)"
                        + Self.exception(&numbers))
                lines += Self.scope(&numbers)
            }
            let policy = try Self.policy(lines.joined(separator: "\n"))
            let evaluator = PolicyEvaluator(policy)
            let lowering = PolicyLowering(policy, dry: false)
            for _ in 0..<40 {
                var question = PolicyQuestion(numbers.pick([.connect, .listen]))
                question.address = IPAddress(numbers.pick(Self.addresses))
                question.port = numbers.pick([80, 443, 22])
                question.transport = numbers.pick([.tcp, .udp])
                question.actor = Self.actor(&numbers)
                let expected = evaluator.decide(question)
                let decision = Self.decide(lowering, question)
                let context: Comment = "\(question)\n\(lines.joined(separator: "\n"))"
                #expect(Int(decision.verdict) == expected.verdict.strictness, context)
                let place = (expected.rule.map { policy.rules[$0].place } ?? expected.fallback?.place)
                if let place {
                    #expect(PolicyRuleName(decision.rule, of: policy)?.reference == policy.reference(place), context)
                }
            }
        }
    }

    /// The number of the most specific pattern that a name matches, as bpf/include/policy_dns.h finds it.
    private static func match(_ name: [UInt8], _ lowering: PolicyLowering) -> UInt32? {
        func number(_ name: [UInt8], _ kind: Int32) -> UInt32? {
            let hash = PolicyNameLowering.hash(name, lowering.settings.secret)
            return lowering.names.patterns.first {
                $0.key.hash.a == hash.a && $0.key.hash.b == hash.b && $0.key.kind == UInt32(kind)
            }?.number
        }
        if let exact = number(name, WIRE_NAME_EXACT) { return exact }
        for dot in name.indices where name[dot] == UInt8(ascii: ".") {
            if let below = number(Array(name[(dot + 1)...]), WIRE_NAME_BELOW) { return below }
        }
        return nil
    }

    /// What bpf/include/policy_names.h does for the names that an address has.
    private static func decide(
        _ lowering: PolicyLowering, _ first: wire_decision, _ question: PolicyQuestion
    ) -> wire_decision {
        let names = lowering.names
        var best = first
        for name in question.names {
            guard let pattern = match(name, lowering) else { continue }
            for shape in 0..<UInt32(WIRE_SHAPES) where names.shapes >> shape & 1 != 0 {
                let port = shape & UInt32(WIRE_SHAPE_PORT) != 0 ? question.port! : 0
                let number: UInt8 = question.transport == .tcp ? 6 : 17
                let transport = shape & UInt32(WIRE_SHAPE_PROTOCOL) != 0 ? number : 0
                let found = names.rules.first { key, _ in
                    key.pattern == pattern && key.port == port && key.protocol == transport
                        && UInt32(key.operation) == WIRE_POLICY_CONNECT.rawValue
                }?.decision
                guard let found = found.flatMap({ settle($0, lowering, question) }) else { continue }
                let isEqual = found.rank == best.rank
                if found.rank > best.rank || isEqual && found.verdict > best.verdict
                    || isEqual && found.verdict == best.verdict && found.rule < best.rule
                {
                    best = found
                }
            }
        }
        return best
    }

    private static let patterns = [
        "example.com", "*.example.com", "a.example.com", "*.a.example.com", "*.com", "b.org", "*.b.org",
        "x.a.example.com",
    ]
    private static let names = [
        "example.com", "a.example.com", "x.a.example.com", "y.x.a.example.com", "com", "b.org", "c.b.org", "other.net",
        "notexample.com",
    ]

    @Test(arguments: 0..<12)
    func namesAgreeWithEvaluator(_ seed: Int) throws {
        var numbers = Numbers(state: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 11)
        for _ in 0..<60 {
            var lines = numbers.next(2) == 0 ? ["default net \(numbers.pick(["deny", "allow", "drop"]))"] : []
            for _ in 0...numbers.next(25) {
                let port = numbers.pick(["", ":80", ":443"]) + numbers.pick(["", "/tcp", "/udp"])
                let verdict = numbers.pick(["allow", "audit", "deny", "drop", "kill"])
                switch numbers.next(4) {
                case 0: lines.append("\(verdict) net \(numbers.pick(Self.hosts))\(port)" + Self.exception(&numbers))
                case 1:
                    lines.append("\(verdict) dns \(numbers.pick(Self.patterns + ["*"]))" + Self.exception(&numbers))
                default:
                    lines.append("\(verdict) net \(numbers.pick(Self.patterns))\(port)" + Self.exception(&numbers))
                }
                lines += Self.scope(&numbers)
            }
            let policy = try Self.policy(lines.joined(separator: "\n"))
            let evaluator = PolicyEvaluator(policy)
            let lowering = PolicyLowering(policy, dry: false)
            for _ in 0..<40 {
                var question = PolicyQuestion(numbers.pick([.connect, .ask]))
                let isConnect = question.operation == .connect
                question.names = (0..<(isConnect ? numbers.next(4) : 1)).map { _ in Array(numbers.pick(Self.names).utf8)
                }
                question.address = IPAddress(numbers.pick(Self.addresses))
                question.port = numbers.pick([80, 443, 22])
                question.transport = numbers.pick([.tcp, .udp])
                question.actor = Self.actor(&numbers)
                let expected = evaluator.decide(question)
                var decision = lowering.names.anyQuestion
                if isConnect {
                    let byAddress = Self.decide(lowering, question)
                    decision = Self.decide(lowering, byAddress, question)
                } else if let pattern = Self.match(question.names[0], lowering) {
                    let found = lowering.names.rules.first { key, _ in
                        key.pattern == pattern && UInt32(key.operation) == WIRE_POLICY_ASK.rawValue
                    }
                    decision = found?.decision ?? decision
                }
                decision =
                    Self.settle(decision, lowering, question)
                    ?? wire_decision(verdict: 0, rank: 0, rule: .max, choice: 0)
                let context: Comment = "\(question)\n\(lines.joined(separator: "\n"))"
                #expect(Int(decision.verdict) == expected.verdict.strictness, context)
                guard let place = expected.rule.map({ policy.rules[$0].place }) ?? expected.fallback?.place else {
                    continue
                }
                #expect(PolicyRuleName(decision.rule, of: policy)?.reference == policy.reference(place), context)
            }
        }
    }

    @Test func questionsThatCanNotBeRead() throws {
        func verdict(_ text: String) throws -> UInt32 {
            PolicyLowering(try Self.policy(text), dry: false).settings.unreadable.verdict
        }
        #expect(try verdict("audit dns *\nallow dns a.b") == WIRE_ALLOW.rawValue)
        #expect(try verdict("audit dns *\ndeny dns a.b\ndrop dns *.c") == WIRE_LOSE.rawValue)
    }

    @Test func nameCanary() throws {
        var lowering = PolicyLowering(try Self.policy("deny net example.com"), dry: true)
        #expect(lowering.readsPackets && lowering.settings.asks == 0)
        lowering.addCanary(Array("canary.test".utf8), server: try #require(IPAddress("127.1.2.3")))
        let pattern = Self.match(Array("canary.test".utf8), lowering)
        let decision = lowering.names.rules.first { $0.key.pattern == pattern }?.decision
        #expect(decision?.verdict == WIRE_CANARY.rawValue && lowering.settings.asks == 1)
        #expect(!PolicyLowering(try Self.policy("deny net 10.0.0.1"), dry: true).readsPackets)
        for text in ["drop net 10.0.0.1", "default net drop", "drop net example.com:80"] {
            #expect(PolicyLowering(try Self.policy(text), dry: true).losesPackets, "\(text)")
        }
        #expect(!PolicyLowering(try Self.policy("drop dns a.b"), dry: true).losesPackets)
    }

    @Test func canary() throws {
        let address = try #require(IPAddress("127.1.2.3"))
        var lowering = PolicyLowering(try Self.policy("allow net *:80/tcp"), dry: true)
        lowering.addCanary(address)
        var question = PolicyQuestion(.connect)
        question.address = address
        question.port = 80
        question.transport = .tcp
        #expect(Self.decide(lowering, question).verdict == WIRE_CANARY.rawValue)
        #expect(lowering.settings.dry == 1 && lowering.settings.shapes.0 == 0b1001)
    }

    /// Of somebody of whom something is not known.
    @Test func whatIsNotKnownIsHeldToTheStricter() throws {
        func verdict(_ text: String) throws -> UInt32? {
            let lowering = PolicyLowering(try Self.policy(text), dry: false)
            guard let entry = lowering.connect.entries().first(where: { $0.key.family == 4 }) else { return nil }
            return Self.settle(entry.decision, lowering.choices.table, 0, possible: .max)?.verdict
        }
        #expect(try verdict("deny net * unless pod p") == WIRE_DENY.rawValue)
        #expect(try verdict("scope pod p\ndeny net *\nscope all\nallow net *") == WIRE_DENY.rawValue)
        #expect(try verdict("scope pod p\nallow net *\nscope all\ndeny net *") == WIRE_DENY.rawValue)
        // What is less specific decides.
        #expect(try verdict("scope pod p\nallow net *") == nil)
        #expect(try verdict("allow net * unless pod p") == nil)
    }

    @Test func whomItIsFor() throws {
        var policy = try Self.policy("scope user 3\ndeny net 10.0.0.1 unless exe /a\nscope all\ndeny net listen *")
        var target = PolicyTarget()
        target.isProgram = false
        let bytes = { (text: String) in Array(text.utf8) }
        target.add(.exe, [.init(bytes("/b"), negated: false), .init(bytes("/c"), negated: true)])
        target.add(.user, [.init(bytes("3"), negated: false)])
        target.add(.container, [])
        policy.target = target
        let conditions = PolicyConditions(policy)
        // Programs come first, and the user of the scope is the one of the target.
        #expect(conditions.terms.map(\.kind) == [.exe, .exe, .exe, .user])
        #expect(conditions.targetWith == 0b1010 && conditions.targetWithout == 0b0100)
        #expect(target.isKept && target.cgroups == nil && target.text == "exe /b, user 3, no exe /c")
        // Who listens is found by packets, which tell nobody's conditions.
        #expect(PolicyLowering(policy, dry: false).settings.remembers == 1)
        policy.target.isProgram = true
        #expect(PolicyLowering(policy, dry: false).settings.remembers == 0)
    }

    @Test func treesStandBehindPrograms() throws {
        let policy = try Self.policy(
            """
            scope user 1
            deny net 10.0.0.1
            scope tree 7
            deny net 10.0.0.2 unless exe /a
            scope tree /b 8
            allow net 10.0.0.2
            """)
        let conditions = PolicyConditions(policy)
        #expect(conditions.terms.map(\.kind) == [.exe, .tree, .tree, .user])
        #expect(conditions.terms[1].values == [Array("/b".utf8), Array("8".utf8)])
        #expect(conditions.programs.count == 2 && conditions.treesOfPrograms == 0b010)
        #expect(conditions.bits(of: [.tree]) == 0b110)
        #expect(conditions.trees(marked: 0).isEmpty)
        #expect(conditions.trees(marked: 1) == ["/b", "8"].map { Array($0.utf8) })
        #expect(conditions.trees(marked: 2) == [Array("7".utf8)])
    }

    @Test func rulesAboutDetectorsAreChosenAsOthers() throws {
        let policy = try Self.policy(
            """
            detect miner
            scope user 1
            deny detect miner unless exe /a
            kill detect reverse-shell
            scope user 2
            allow detect miner
            scope tree /b
            kill detect miner
            """)
        let conditions = PolicyConditions(policy)
        #expect(conditions.order(policy, detector: "miner") == [4, 1, 3, 0])
        #expect(conditions.order(policy, detector: "reverse-shell") == [2])
        #expect(conditions.order(policy, detector: "other").isEmpty)
        var decision = wire_decision()
        let choices = PolicyChoices(policy, conditions, detector: "miner", &decision)
        #expect(decision.choice == 4 && choices.table.count == 5)
        #expect(choices.table[4].verdict == WIRE_KILL.rawValue && choices.table[4].rule == 4)
        #expect(choices.table[1].with == 0 && choices.table[1].verdict == WIRE_AUDIT.rawValue)
        let users = [PolicyActorKind.user: [Array("1".utf8)]]
        let allowed = PolicyActor(users.merging([.exe: [Array("/a".utf8)]]) { a, _ in a })
        #expect(policy.isFor(policy.rules[1], PolicyActor(users)) && !policy.isFor(policy.rules[1], allowed))
        #expect(!policy.isFor(policy.rules[3], allowed) && policy.isFor(policy.rules[0], allowed))
        var alone = wire_decision()
        _ = PolicyChoices(try Self.policy("kill detect miner"), conditions, detector: "miner", &alone)
        #expect(alone.verdict == WIRE_KILL.rawValue && alone.choice == 0)
    }

    @Test func containersByNameAndID() {
        let id = String(repeating: "a1b2", count: 16)
        let actor = PolicyActor([
            .container: ["web-1", id].map { Array($0.utf8) }, .pod: ["p", "shop/p"].map { Array($0.utf8) },
        ])
        func holds(_ kind: PolicyActorKind, _ value: String) -> Bool? {
            var target = PolicyTarget()
            target.add(kind, [.init(Array(value.utf8), negated: false)])
            return target.holds(actor)
        }
        for value in ["web-*", "web-1", "a1b2a1b2a1b2", id, "web-?"] { #expect(holds(.container, value) == true) }
        // Short ones are names, and so is what is no id.
        for value in ["a1b2", "web", "b2a1b2", "a1b2a1b3"] { #expect(holds(.container, value) == false) }
        #expect(holds(.pod, "shop/p") == true && holds(.pod, "other/p") == false && holds(.pod, "p") == true)
        #expect(holds(.namespace, "shop") == false)
    }

    @Test func whoStaysHeld() {
        func isKept(_ kind: PolicyActorKind, _ value: String, negated: Bool = false) -> Bool {
            var target = PolicyTarget()
            target.add(kind, [.init(Array(value.utf8), negated: negated)])
            return target.isKept
        }
        #expect(isKept(.user, "daemon") && isKept(.cgroup, "/a") && isKept(.exe, "/a") && isKept(.pod, "a"))
        // Everybody descends from root's processes outside containers.
        #expect(!isKept(.user, "root") && !isKept(.user, "0") && !isKept(.container, "*", negated: true))
        #expect(!PolicyTarget().isKept && PolicyTarget().cgroups == [])
    }

    @Test func asManyConditionsAsThereIsRoomFor() throws {
        func text(_ count: Int, _ line: (Int) -> String) -> String { (0..<count).map(line).joined(separator: "\n") }
        func obstacle(_ text: String) throws -> String? { PolicyConditions(try Self.policy(text)).obstacle }
        #expect(try obstacle(text(60) { "deny net 10.0.0.\($0) unless user u\($0)" }) == nil)
        #expect(try obstacle(text(61) { "deny net 10.0.0.\($0) unless user u\($0)" }) != nil)
        #expect(try obstacle(text(32) { "deny net 10.0.0.\($0) unless exe /p\($0)" }) == nil)
        #expect(try obstacle(text(33) { "deny net 10.0.0.\($0) unless exe /p\($0)" }) != nil)
        func unlessTree(_ number: Int, _ first: String) -> String { "deny net 10.0.1.\(number) unless tree \(first)" }
        #expect(try obstacle(text(24) { unlessTree($0, "/p\($0)") }) == nil)
        #expect(try obstacle(text(24) { unlessTree($0, "\($0 + 1)") }) == nil)
        #expect(try obstacle(text(25) { unlessTree($0, "/p\($0)") })?.contains("25 different trees") == true)
        #expect(try obstacle(text(25) { unlessTree($0, "\($0 + 1)") }) != nil)
        // Those that begin with programs take the room of programs too.
        let programs = text(20) { "deny net 10.0.0.\($0) unless exe /p\($0)" }
        let mixed = programs + "\n" + text(13) { unlessTree($0, "/p\($0)") }
        #expect(try obstacle(mixed)?.contains("33 different lists of programs") == true)
        // Not for all of them in front of those that are.
        let scoped = text(33) { "scope user u\($0)\ndeny net 10.0.0.1" }
        #expect(PolicyLowering(try Self.policy(scoped), dry: false).choices.crowded == [0])
        let fewer = text(31) { "scope user u\($0)\ndeny net 10.0.0.1" } + "\nscope all\nallow net 10.0.0.0/8"
        let choices = PolicyLowering(try Self.policy(fewer), dry: false).choices
        #expect(choices.crowded.isEmpty && choices.table.count == 33)
    }

    @Test func manyNetworks() throws {
        var text = ""
        for number in 0..<10_000 {
            text += "allow net 10.\(number >> 16).\(number >> 8 & 255).\(number & 255):443/tcp\n"
        }
        let lowering = PolicyLowering(try Self.policy(text), dry: false)
        #expect(lowering.connect.entries().count == 10_000 && lowering.connect.shapes == 0b1000)
    }

    @Test func manyNames() throws {
        var text = "allow net *.example.com:80\n"
        for number in 0..<10_000 { text += "allow net n\(number).example.com:443/tcp\n" }
        let names = PolicyLowering(try Self.policy(text), dry: false).names
        // Each has the rule of the suffix too.
        #expect(names.patterns.count == 10_001 && names.rules.count == 20_001)
    }
}
