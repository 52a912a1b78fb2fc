// SPDX-License-Identifier: Apache-2.0

import CWire
import Testing

@testable import Policy

struct FileLoweringTests {
    private static func policy(_ text: String) throws -> PolicyRules {
        var parser = PolicyParser { _ throws(PolicyParser.Unreadable) in throw .init("no") }
        parser.add(file: "p", Array(text.utf8))
        return try parser.finish()
    }

    /// What bpf/include/places.h does, of files whose inodes are their paths.
    private struct Programs {
        let tables: FileLowering.Tables
        let settings: wire_guard_policy
        /// Places that are there.
        let marks: [[String]: UInt32]
        let choices: [wire_choice]
        /// The conditions that hold.
        let holds: UInt64

        private static func slot(_ values: (UInt32, UInt32, UInt32, UInt32), _ index: Int) -> UInt32 {
            [values.0, values.1, values.2][index]
        }

        private func named(_ directory: UInt32, _ name: some StringProtocol) -> UInt32? {
            tables.names.first { key, _ in
                let bytes = unsafe withUnsafeBytes(of: key.name) { unsafe Array($0.prefix { $0 != 0 }) }
                return key.directory == directory && bytes == Array(name.utf8)
            }?.node
        }

        private func first(_ a: UInt32, _ b: UInt32) -> UInt32 {
            let ranks = ((a >> 29) << 3 | a & 7, (b >> 29) << 3 | b & 7)
            if ranks.0 != ranks.1 { return ranks.0 > ranks.1 ? a : b }
            return min(a & 0x1fff_ffff, b & 0x1fff_ffff) == a & 0x1fff_ffff ? a : b
        }

        private func held(_ decision: UInt32) -> UInt32 {
            guard decision & 7 == WIRE_GUARD_CHOICE.rawValue else { return decision }
            var index = decision >> 3
            while index != 0 {
                let choice = choices[Int(index)]
                if choice.with & ~holds == 0, choice.without & holds == 0 {
                    let verdict = choice.verdict < WIRE_GUARD_DENY.rawValue ? choice.verdict + 1 : choice.verdict
                    return verdict | choice.rule << 3 | (choice.rank & 7) << 29
                }
                index = choice.next
            }
            return 0
        }

        private func byName(_ name: String, _ slot: Int) -> UInt32 {
            var candidates = [named(UInt32(WIRE_GUARD_ANYWHERE), name)]
            let sizes = unsafe withUnsafeBytes(of: settings.suffix_sizes) {
                unsafe Array($0.bindMemory(to: UInt32.self))
            }
            for size in sizes.prefix(Int(settings.suffix_count)) where name.utf8.count >= Int(size) {
                candidates.append(named(UInt32(WIRE_GUARD_SUFFIX), String(name.suffix(Int(size)))))
            }
            for case let node? in candidates {
                let decision = held(Self.slot(tables.nodes[Int(node)].exact, slot))
                if decision != 0 { return decision }
            }
            return 0
        }

        func decide(_ path: String, _ slot: Int, isMemfd: Bool, isDrift: Bool) -> UInt32 {
            let parts = path.split(separator: "/").map(String.init)
            var levels = 0
            while marks[Array(parts.dropLast(levels))] == nil { levels += 1 }
            var node = marks[Array(parts.dropLast(levels))]!
            while levels > 0, let child = named(node, parts[parts.count - levels]) {
                #expect(tables.nodes[Int(node)].has_children != 0)
                node = child
                levels -= 1
            }
            let place = tables.nodes[Int(node)]
            var decision: UInt32
            switch levels {
            case 0:
                let exact = held(Self.slot(place.exact, slot))
                if exact != 0 { return exact }
                decision = held(Self.slot(place.own, slot))
            case 1 where held(Self.slot(place.direct, slot)) != 0: decision = held(Self.slot(place.direct, slot))
            default: decision = held(Self.slot(place.below, slot))
            }
            decision = first(decision, byName(parts.last!, slot))
            var other = isMemfd ? held(settings.memfd) : 0
            if other == 0, isDrift { other = held(settings.drift) }
            decision = first(decision, other)
            return decision != 0 ? decision : Self.slot(settings.fallback, slot)
        }
    }

    private static let names = ["a", "b", "c.k", "d.x.k", ".k"]

    private static func path(_ numbers: inout Numbers) -> String {
        (0...numbers.next(4)).map { _ in "/" + numbers.pick(names) }.joined()
    }

    @Test func rawSocketsHaveOneVerdict() throws {
        let rules = try Self.policy("audit net raw\ndeny net raw\nallow exec /a")
        let settings = FileLowering(rules, PolicyConditions(rules), dry: false) { _ in [] }.settings
        #expect(settings.raw == 1 << 3 | WIRE_GUARD_DENY.rawValue)
        #expect(settings.operations == 1 << WIRE_GUARD_RAW.rawValue)
        #expect(FileLowering.isNeeded(rules))
        #expect(!FileLowering.isNeeded(try Self.policy("allow net raw\ndeny net *")))
    }

    @Test func whatIsDirectlyInADirectoryIsMoreSpecificForAPlaceToo() throws {
        let policy = try Self.policy("deny exec /**\naudit exec /a/b\nallow exec /* unless user al")
        let conditions = PolicyConditions(policy)
        var lowering = FileLowering(policy, conditions, dry: false) { _ in [] }
        let tables = lowering.tables()
        let place = UInt32(try #require(lowering.places[0].children[Array("a".utf8)]))
        for (user, rule) in [("cy", 2), ("al", 0)] as [(String, UInt32)] {
            let holds = conditions.held(by: PolicyActor([.user: [Array(user.utf8)]]))
            for marks in [[[]: 0], [[]: 0, ["a"]: place]] as [[[String]: UInt32]] {
                let programs = Programs(
                    tables: tables, settings: lowering.settings, marks: marks, choices: lowering.choices.table,
                    holds: holds)
                let decision = programs.decide("/a", 0, isMemfd: false, isDrift: false)
                #expect(decision >> 3 & 0x3ff_ffff == rule, "\(user), \(marks)")
            }
        }
    }

    @Test func theTablesDecideAsThePolicyDoes() throws {
        var numbers = Numbers(state: 7)
        for _ in 0..<300 {
            var text = ""
            for group in ["file", "exec"] where numbers.next(2) == 0 {
                text += "default \(group) \(numbers.pick(["allow", "audit", "deny", "kill"]))\n"
            }
            for _ in 0..<(1 + numbers.next(10)) {
                let operation = numbers.pick(["exec", "file read", "file write"])
                let directory = numbers.next(4) == 0 ? "" : Self.path(&numbers)
                let patterns = [
                    directory + "/**", directory + "/*", Self.path(&numbers), "**/" + numbers.pick(Self.names),
                    "**/*" + numbers.pick([".k", ".x.k"]), operation == "exec" ? "memfd" : "/a",
                    operation == "exec" ? "drift" : "/b",
                ]
                let verdict = numbers.pick(["allow", "audit", "deny", "kill"])
                let exception = numbers.next(4) == 0 ? " unless user \(numbers.pick(["al", "bo"]))" : ""
                text += "\(verdict) \(operation) \(numbers.pick(patterns))\(exception)\n"
                switch numbers.next(10) {
                case 0: text += "scope user \(numbers.pick(["al", "bo al"]))\n"
                case 1: text += "scope user al\nscope pod p\n"
                case 2: text += "scope all\n"
                default: break
                }
            }
            let policy = try Self.policy(text)
            let evaluator = PolicyEvaluator(policy)
            let conditions = PolicyConditions(policy)
            var lowering = FileLowering(policy, conditions, dry: false) { _ in [] }
            let capacity = lowering.choiceCapacity
            let tables = lowering.tables()
            #expect(tables.nodes.count < lowering.capacity && lowering.choices.table.count <= capacity)
            // Some of the places are there: it must make no difference which.
            var marks: [[String]: UInt32] = [[]: 0]
            var waiting: [(path: [String], place: Int)] = [([], 0)]
            while let next = waiting.popLast() {
                for (name, child) in lowering.places[next.place].children where numbers.next(2) == 0 {
                    let path = next.path + [String(decoding: name, as: UTF8.self)]
                    marks[path] = UInt32(child)
                    waiting.append((path, child))
                }
            }
            for _ in 0..<20 {
                let actor = PolicyActor([
                    .user: [Array(numbers.pick(["al", "bo", "cy"]).utf8)],
                    .pod: [Array(numbers.pick(["p", "q"]).utf8)],
                ])
                let programs = Programs(
                    tables: tables, settings: lowering.settings, marks: marks, choices: lowering.choices.table,
                    holds: conditions.held(by: actor))

                let slot = numbers.next(3)
                var question = PolicyQuestion(FileLowering.operations[slot])
                let path = Self.path(&numbers)
                question.actor = actor
                question.path = Array(path.utf8)
                question.isMemfd = slot == 0 && numbers.next(3) == 0
                question.isDrift = slot == 0 && numbers.next(3) == 0
                let expected = evaluator.decide(question)
                let decision = programs.decide(path, slot, isMemfd: question.isMemfd, isDrift: question.isDrift)
                let name = decision == 0 ? nil : PolicyRuleName(decision >> 3 & 0x3ff_ffff, of: policy)
                let place = (expected.rule.map { policy.rules[$0].place } ?? expected.fallback?.place)
                #expect(name?.reference == place.map { policy.reference($0) }, "\(text)\n\(question.operation) \(path)")
            }
        }
    }

    @Test func placesThatAreTheSameHoldForBoth() throws {
        let policy = try Self.policy("deny exec /bin/**\nallow exec /usr/bin/ok\ndeny exec /usr/bin/no\n")
        var lowering = FileLowering(policy, PolicyConditions(policy), dry: false) { _ in [] }
        let bin = lowering.places[0].children[Array("bin".utf8)]!
        let usr = lowering.places[0].children[Array("usr".utf8)]!
        let usrBin = lowering.places[usr].children[Array("bin".utf8)]!
        lowering.unify(bin, usrBin)
        #expect(lowering.representative(of: bin) == lowering.representative(of: usrBin))
        let node = UInt32(lowering.representative(of: bin))
        let tables = lowering.tables()
        #expect(tables.nodes[Int(node)].below.0 == 0 << 3 | WIRE_GUARD_DENY.rawValue)
        #expect(tables.names.count { $0.key.directory == node } == 2)
    }

    @Test func linksAndMountsAddPlaces() throws {
        let policy = try Self.policy("deny exec /bin/sh\ndeny exec /srv/**\n")
        var lowering = FileLowering(policy, PolicyConditions(policy), dry: false) { path in
            path.starts(with: "/bin/".utf8) ? [Array("/usr/bin/dash".utf8)] : []
        }
        let usr = lowering.places[0].children[Array("usr".utf8)]
        #expect(usr != nil)
        let before = lowering.places.count
        lowering.add(mountPoint: Array("/home/x".utf8))
        #expect(lowering.places.count == before)
        lowering.add(mountPoint: Array("/srv/x/y".utf8))
        #expect(lowering.places.count == before + 2)
    }

    @Test func onlyWhatIsStoppedOrToldIsHeld() throws {
        let policy = try Self.policy("allow file read /etc/**\ndefault exec deny\n")
        #expect(!policy.holds(.read) && policy.holds(.execute))
        #expect(FileLowering(policy, PolicyConditions(policy), dry: true) { _ in [] }.settings.operations == 1)
    }
}
