// SPDX-License-Identifier: Apache-2.0

package import CWire

/// The rules about names as the kernel programs look them up: see bpf/include/policy_names.h.
package struct PolicyNameLowering: Sendable {
    /// Patterns with their numbers. Names are in there by their hash.
    package private(set) var patterns: [(key: wire_name_pattern, number: UInt32)] = []
    package private(set) var rules: [(key: wire_name_rule, decision: wire_decision)] = []
    /// See `wire_policy`.
    package private(set) var suffixes: UInt64 = 0
    package private(set) var shapes: UInt32 = 0
    package private(set) var hasConnections = false
    package private(set) var hasQuestions = false
    /// What holds for a question about which there is no other rule, and for one that can't be read.
    package private(set) var anyQuestion = wire_decision()
    package private(set) var unreadable = wire_decision()

    private let secret: wire_name_hash

    private struct Key: Hashable {
        let port: UInt16
        let transport: UInt8
        let operation: UInt8
    }

    private struct Pattern {
        let pattern: NamePattern
        /// What decides of each key, what goes before others first.
        var rules: [(key: Key, candidates: [PolicyCandidate])] = []
    }

    init(
        _ policy: PolicyRules, _ conditions: PolicyConditions, _ choices: inout PolicyChoices, secret: wire_name_hash
    ) {
        self.secret = secret
        var numbers: [NamePattern: Int] = [:]
        var found: [Pattern] = []
        var any: [PolicyCandidate] = []
        var stopping: [PolicyCandidate] = []
        for (number, rule) in policy.rules.enumerated() {
            guard let (pattern, key, rank) = Self.subject(of: rule) else { continue }
            let candidate = conditions.candidate(rule, number, rank: rank)
            if rule.operation == .connect {
                hasConnections = true
            } else {
                hasQuestions = true
                if rule.verdict.stops { stopping.append(candidate) }
            }
            guard pattern != .any else {
                any.append(candidate)
                continue
            }
            let index = numbers[pattern] ?? found.count
            if index == found.count {
                numbers[pattern] = index
                found.append(Pattern(pattern: pattern))
            }
            if let known = found[index].rules.firstIndex(where: { $0.key == key }) {
                found[index].rules[known].candidates.append(candidate)
            } else {
                found[index].rules.append((key, [candidate]))
            }
        }
        any.sort { $0.precedes($1) }
        for index in found.indices {
            for key in found[index].rules.indices where found[index].rules[key].candidates.count > 1 {
                found[index].rules[key].candidates.sort { $0.precedes($1) }
            }
        }
        inherit(&found, numbers)
        anyQuestion = choices.decision(any)
        // Of all that stop any, the strictest that is for whoever asks.
        stopping.sort { $0.verdict != $1.verdict ? $0.verdict > $1.verdict : $0.rule < $1.rule }
        unreadable = choices.decision(stopping)
        add(found, any, &choices)
    }

    private static func subject(of rule: PolicyRule) -> (NamePattern, Key, Int)? {
        switch rule.subject {
        case .target(let target) where rule.operation == .connect:
            let pattern: NamePattern
            switch target.host {
            case .name(let name): pattern = .exact(name)
            case .below(let suffix): pattern = .below(suffix)
            case .any, .network: return nil
            }
            let key = Key(
                port: target.port ?? 0, transport: PolicyLowering.number(of: target.transport),
                operation: UInt8(WIRE_POLICY_CONNECT.rawValue))
            return (pattern, key, target.rank + 1)
        case .name(let pattern) where rule.operation == .ask:
            return (pattern, Key(port: 0, transport: 0, operation: UInt8(WIRE_POLICY_ASK.rawValue)), 1)
        default: return nil
        }
    }

    /// Gives each pattern the rules of those that it is below, where it has none for the same port and protocol that is for
    /// all: a look-up for the most specific pattern that a name matches then finds what all have to say.
    private mutating func inherit(_ found: inout [Pattern], _ numbers: [NamePattern: Int]) {
        func labels(_ pattern: NamePattern) -> Int {
            switch pattern {
            case .below(let suffix): NamePattern.labels(of: suffix)
            case .exact, .any: Int.max
            }
        }
        for pattern in found {
            guard case .below(let suffix) = pattern.pattern else { continue }
            suffixes |= 1 << UInt64(min(63, NamePattern.labels(of: suffix)))
        }
        guard suffixes != 0 else { return }
        // Those above come first, so that what they inherit is handed on.
        for index in found.indices.sorted(by: { labels(found[$0].pattern) < labels(found[$1].pattern) }) {
            guard let above = above(found[index].pattern, numbers) else { continue }
            for rule in found[above].rules {
                guard let own = found[index].rules.firstIndex(where: { $0.key == rule.key }) else {
                    found[index].rules.append(rule)
                    continue
                }
                // Where none of its own holds.
                if found[index].rules[own].candidates.contains(where: \.isForAll) { continue }
                found[index].rules[own].candidates += rule.candidates
            }
        }
    }

    private func above(_ pattern: NamePattern, _ numbers: [NamePattern: Int]) -> Int? {
        let name: [UInt8]
        switch pattern {
        case .exact(let exact): name = exact
        case .below(let suffix): name = suffix
        case .any: return nil
        }
        var left = NamePattern.labels(of: name)
        for dot in name.indices where name[dot] == UInt8(ascii: ".") {
            left -= 1
            guard suffixes >> UInt64(min(63, left)) & 1 != 0 else { continue }
            if let number = numbers[.below(Array(name[(dot + 1)...]))] { return number }
        }
        return nil
    }

    private mutating func add(_ found: [Pattern], _ any: [PolicyCandidate], _ choices: inout PolicyChoices) {
        patterns.reserveCapacity(found.count + 1)
        rules.reserveCapacity(found.count + 1)
        for (index, pattern) in found.enumerated() {
            let number = UInt32(index + 1)
            patterns.append((key(of: pattern.pattern), number))
            for rule in pattern.rules {
                var candidates = rule.candidates
                if rule.key.operation == UInt8(WIRE_POLICY_ASK.rawValue) {
                    if !candidates.contains(where: \.isForAll) { candidates += any }
                } else {
                    let port = rule.key.port == 0 ? 0 : UInt32(WIRE_SHAPE_PORT)
                    shapes |= 1 << (port | (rule.key.transport == 0 ? 0 : UInt32(WIRE_SHAPE_PROTOCOL)))
                }
                rules.append(
                    (
                        wire_name_rule(
                            pattern: number, port: rule.key.port, protocol: rule.key.transport,
                            operation: rule.key.operation),
                        choices.decision(candidates)
                    ))
            }
        }
    }

    /// Adds a name that nobody else knows, questions for which are always refused.
    mutating func addCanary(_ name: [UInt8]) {
        let number = UInt32(patterns.count + 1)
        patterns.append((key(of: .exact(name)), number))
        rules.append(
            (
                wire_name_rule(pattern: number, port: 0, protocol: 0, operation: UInt8(WIRE_POLICY_ASK.rawValue)),
                wire_decision(verdict: WIRE_CANARY.rawValue, rank: .max, rule: .max, choice: 0)
            ))
    }

    private func key(of pattern: NamePattern) -> wire_name_pattern {
        switch pattern {
        case .exact(let name):
            wire_name_pattern(hash: Self.hash(name, secret), kind: UInt32(WIRE_NAME_EXACT), unused: 0)
        case .below(let suffix):
            wire_name_pattern(hash: Self.hash(suffix, secret), kind: UInt32(WIRE_NAME_BELOW), unused: 0)
        case .any: wire_name_pattern()
        }
    }

    /// As the programs do it.
    static func hash(_ name: [UInt8], _ secret: wire_name_hash) -> wire_name_hash {
        var hash = secret
        for character in name.reversed() {
            hash.a = (hash.a ^ UInt64(character)) &* UInt64(WIRE_NAME_FACTOR_A)
            hash.a ^= hash.a >> 29
            hash.b = (hash.b &+ UInt64(character)) &* UInt64(WIRE_NAME_FACTOR_B)
            hash.b ^= hash.b >> 31
        }
        return hash
    }
}
