// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Decides by a policy as the kernel programs have to: by look-ups of what was asked for, never by going through the rules.
package struct PolicyEvaluator: Sendable {
    /// Which rule decides, and which would have.
    package struct Decision: Sendable {
        package let verdict: Verdict
        /// `nil`: a default does, or nothing at all.
        package let rule: Int?
        package let fallback: PolicyDefault?
        package let others: [Other]
    }

    /// A rule that is about what was asked for, and does not decide.
    package struct Other: Sendable, Equatable {
        package enum Reason: Sendable, Equatable {
            /// The deciding one is about less.
            case lessSpecific
            /// Both are about as much, and the deciding one applies in fewer places.
            case lessScoped
            case lessStrict
            /// The same verdict, written later.
            case later
            case excepted
            case outOfScope
        }

        package let rule: Int
        package let reason: Reason
    }

    package let policy: PolicyRules
    private var index: [Key: [Int]] = [:]
    /// Lengths of the networks that there are.
    private var lengths4: [Int] = []
    private var lengths6: [Int] = []

    private struct Key: Hashable {
        let operation: PolicyOperation
        let subject: PolicySubject
    }

    package init(_ policy: PolicyRules) {
        self.policy = policy
        index.reserveCapacity(policy.rules.count)
        var lengths4: Set<Int> = []
        var lengths6: Set<Int> = []
        for (number, rule) in policy.rules.enumerated() {
            index[Key(operation: rule.operation, subject: rule.subject), default: []].append(number)
            guard case .target(let target) = rule.subject, case .network(let prefix) = target.host else { continue }
            if prefix.first.count == 4 { lengths4.insert(prefix.length) } else { lengths6.insert(prefix.length) }
        }
        self.lengths4 = lengths4.sorted(by: >)
        self.lengths6 = lengths6.sorted(by: >)
    }

    /// Rules about the same thing, by how specific they are. Ranks can be compared within a group; between groups of the
    /// same tier none is more specific.
    private struct Candidate {
        let tier: Int
        let group: Int
        let rank: Int
        let rules: [Int]
    }

    package func decide(_ question: PolicyQuestion) -> Decision {
        var applying: [(rule: Int, candidate: Candidate)] = []
        var others: [Other] = []
        for candidate in candidates(question) {
            for number in candidate.rules {
                let rule = policy.rules[number]
                if !policy.scopes[rule.scope].holds(question.actor) {
                    others.append(Other(rule: number, reason: .outOfScope))
                } else if let exception = rule.exception, policy.exceptions[exception].holds(question.actor) {
                    others.append(Other(rule: number, reason: .excepted))
                } else {
                    applying.append((number, candidate))
                }
            }
        }
        // The best of each group first, as only within a group ranks can be compared.
        var best: [Int: (rule: Int, candidate: Candidate)] = [:]
        for next in applying {
            guard let known = best[next.candidate.group] else {
                best[next.candidate.group] = next
                continue
            }
            let isBetter =
                next.candidate.rank != known.candidate.rank
                ? next.candidate.rank > known.candidate.rank : precedes(next.rule, known.rule)
            if isBetter { best[next.candidate.group] = next }
        }
        let winner = best.values.reduce(nil) { (known: (rule: Int, candidate: Candidate)?, next) in
            guard let known else { return next }
            if next.candidate.tier != known.candidate.tier {
                return next.candidate.tier > known.candidate.tier ? next : known
            }
            return precedes(next.rule, known.rule) ? next : known
        }
        guard let winner else {
            let fallback = question.operation.defaultClass.flatMap { policy.defaultVerdict($0) }
            let verdict = fallback.map { question.operation.applied($0.verdict) } ?? .allow
            return Decision(
                verdict: verdict, rule: nil, fallback: fallback, others: others.sorted { $0.rule < $1.rule })
        }
        for (rule, candidate) in applying where rule != winner.rule {
            others.append(Other(rule: rule, reason: reason(rule, candidate, winner, best[candidate.group])))
        }
        return Decision(
            verdict: policy.rules[winner.rule].verdict, rule: winner.rule, fallback: nil,
            others: others.sorted { $0.rule < $1.rule })
    }

    /// Among those that are equally specific: the one that applies in fewer places, the stricter, the earlier.
    private func precedes(_ a: Int, _ b: Int) -> Bool {
        let first = policy.rules[a]
        let second = policy.rules[b]
        let terms = (policy.scopes[first.scope].terms.count, policy.scopes[second.scope].terms.count)
        if terms.0 != terms.1 { return terms.0 > terms.1 }
        if first.verdict != second.verdict { return first.verdict > second.verdict }
        return a < b
    }

    private func reason(
        _ number: Int, _ candidate: Candidate, _ winner: (rule: Int, candidate: Candidate),
        _ best: (rule: Int, candidate: Candidate)?
    ) -> Other.Reason {
        if candidate.tier < winner.candidate.tier { return .lessSpecific }
        // Beaten in its own group already.
        if let best, best.candidate.rank > candidate.rank { return .lessSpecific }
        let rule = policy.rules[number]
        let deciding = policy.rules[winner.rule]
        if policy.scopes[rule.scope].terms.count < policy.scopes[deciding.scope].terms.count { return .lessScoped }
        return rule.verdict < deciding.verdict ? .lessStrict : .later
    }

    // MARK: Look-ups

    private func candidates(_ question: PolicyQuestion) -> [Candidate] {
        switch question.operation {
        case .connect, .listen: targets(question)
        case .raw: found(.raw, .all).map { [Candidate(tier: 0, group: 0, rank: 0, rules: $0)] } ?? []
        case .ask: names(question)
        case .read, .write, .execute: files(question)
        case .detect: []
        }
    }

    private func found(_ operation: PolicyOperation, _ subject: PolicySubject) -> [Int]? {
        index[Key(operation: operation, subject: subject)]
    }

    private func targets(_ question: PolicyQuestion) -> [Candidate] {
        var hosts: [NetTarget.Host] = [.any]
        if let address = question.address?.unmapped {
            for length in address.count == 4 ? lengths4 : lengths6 {
                if let prefix = IPPrefix(address, length: length) { hosts.append(.network(prefix)) }
            }
        }
        if question.operation == .connect {
            for name in question.names {
                hosts.append(.name(name))
                for suffix in Self.suffixes(of: name) { hosts.append(.below(suffix)) }
            }
        }
        var candidates: [Candidate] = []
        for host in Set(hosts) {
            for port in question.port.map({ [$0, nil] }) ?? [nil] {
                for transport in question.transport.map({ [$0, nil] }) ?? [nil] {
                    let target = NetTarget(host: host, port: port, transport: transport)
                    guard let rules = found(question.operation, .target(target)) else { continue }
                    candidates.append(Candidate(tier: 0, group: 0, rank: target.rank, rules: rules))
                }
            }
        }
        return candidates
    }

    /// Those that a name is below.
    private static func suffixes(of name: [UInt8]) -> [[UInt8]] {
        name.indices.filter { name[$0] == UInt8(ascii: ".") }.map { Array(name[($0 + 1)...]) }
    }

    private func names(_ question: PolicyQuestion) -> [Candidate] {
        var candidates: [Candidate] = []
        func add(_ pattern: NamePattern, rank: Int) {
            guard let rules = found(.ask, .name(pattern)) else { return }
            candidates.append(Candidate(tier: 0, group: 0, rank: rank, rules: rules))
        }
        add(.any, rank: 0)
        for name in question.names {
            add(.exact(name), rank: 1000)
            for suffix in Self.suffixes(of: name) { add(.below(suffix), rank: NamePattern.labels(of: suffix)) }
        }
        return candidates
    }

    /// A path is the most specific. Its directory, its name, and where the program is from say different things of it, so
    /// that none is more specific than another.
    private func files(_ question: PolicyQuestion) -> [Candidate] {
        var candidates: [Candidate] = []
        func add(_ subject: PolicySubject, tier: Int = 0, group: Int, rank: Int = 0) {
            guard let rules = found(question.operation, subject) else { return }
            candidates.append(Candidate(tier: tier, group: group, rank: rank, rules: rules))
        }
        if question.isMemfd { add(.memfd, group: 3, rank: 1) }
        if question.isDrift { add(.drift, group: 3) }
        guard let path = question.path else { return candidates }
        add(.file(.exact(path)), tier: 1, group: 0)
        let slashes = path.indices.filter { path[$0] == UInt8(ascii: "/") }
        guard let last = slashes.last else { return candidates }
        add(.file(.directlyIn(Array(path[..<last]))), group: 1, rank: path.count + 1)
        for slash in slashes { add(.file(.below(Array(path[..<slash]))), group: 1, rank: slash) }
        let name = path[(last + 1)...]
        add(.file(.named(Array(name))), group: 2, rank: path.count + 1)
        for dot in name.indices where name[dot] == UInt8(ascii: ".") {
            add(.file(.suffixed(Array(name[dot...]))), group: 2, rank: path.count - dot)
        }
        return candidates
    }
}
