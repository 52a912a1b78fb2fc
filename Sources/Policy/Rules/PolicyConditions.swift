// SPDX-License-Identifier: Apache-2.0

package import CWire

/// What a policy asks of whoever acts: each kind with its values, in scopes and exceptions, is one condition with one bit.
package struct PolicyConditions: Sendable {
    /// In the order of their bits. Those on programs come first, then trees, of which those that begin with programs come first.
    package let terms: [PolicyTerm]
    private let bits: [PolicyTerm: Int]
    private let scopes: [UInt64]
    private let exceptions: [UInt64]
    /// Scopes by how many kinds they have.
    private let kinds: [UInt32]
    /// Those that have to hold for whomever the policy is for, and those that must not.
    package let targetWith, targetWithout: UInt64

    package init(_ policy: PolicyRules) {
        var seen: Set<PolicyTerm> = []
        var terms: [PolicyTerm] = []
        for rule in policy.rules where rule.exception != nil || rule.scope != 0 {
            let all = policy.scopes[rule.scope].terms + (rule.exception.map { policy.exceptions[$0].terms } ?? [])
            for term in all where seen.insert(term).inserted { terms.append(term) }
        }
        let target = policy.target.terms + policy.target.without
        for term in target where seen.insert(term).inserted { terms.append(term) }
        let sorted =
            terms.filter { $0.kind == .exe } + terms.filter(\.beginsWithProgram)
            + terms.filter { $0.kind == .tree && !$0.beginsWithProgram }
            + terms.filter { $0.kind != .exe && $0.kind != .tree }
        let bits = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, $0) })
        func mask(_ terms: [PolicyTerm]) -> UInt64 { terms.reduce(0) { $0 | 1 << UInt64(bits[$1] ?? 64) } }
        scopes = policy.scopes.map { mask($0.terms) }
        exceptions = policy.exceptions.map { mask($0.terms) }
        kinds = policy.scopes.map { UInt32($0.terms.count) }
        targetWith = mask(policy.target.terms)
        targetWithout = mask(policy.target.without)
        self.terms = sorted
        self.bits = bits
    }

    package var isEmpty: Bool { terms.isEmpty }

    /// Those on programs, and trees that begin with some: the first of all terms.
    package var programs: [PolicyTerm] { terms.filter { $0.kind == .exe || $0.beginsWithProgram } }

    /// The bits of trees that begin with programs.
    package var treesOfPrograms: UInt64 {
        terms.enumerated().reduce(0) { $0 | ($1.element.beginsWithProgram ? 1 << UInt64($1.offset) : 0) }
    }

    /// Why there are more than can be held; `nil` where there are not.
    package var obstacle: String? {
        if programs.count > Int(WIRE_ACTOR_PROGRAMS) {
            return "the policy has \(programs.count) different lists of programs, and at most \(WIRE_ACTOR_PROGRAMS) "
                + "can be held"
        }
        let trees = terms.count { $0.kind == .tree }
        if trees > Int(WIRE_TASK_TREES_MAX) {
            return
                "the policy has \(trees) different trees of processes, and at most \(WIRE_TASK_TREES_MAX) can be held"
        }
        return terms.count > Int(WIRE_ACTOR_CONDITIONS)
            ? "the policy has \(terms.count) different conditions, and at most \(WIRE_ACTOR_CONDITIONS) can be held"
            : nil
    }

    package func bits(of kinds: Set<PolicyActorKind>) -> UInt64 {
        terms.enumerated().reduce(0) { $0 | (kinds.contains($1.element.kind) ? 1 << UInt64($1.offset) : 0) }
    }

    /// Those that hold for somebody.
    package func held(by actor: PolicyActor) -> UInt64 {
        terms.enumerated().reduce(0) { $0 | ($1.element.holds(actor) == true ? 1 << UInt64($1.offset) : 0) }
    }

    /// Values of the trees that a process is in; `marks` has a bit for each, from the first tree on.
    package func trees(marked marks: UInt32) -> [[UInt8]] {
        let trees = terms.filter { $0.kind == .tree }
        return trees.enumerated().filter { marks >> UInt32($0.offset) & 1 != 0 }.flatMap(\.element.values)
    }

    /// The rules about a detector, as the kernel programs choose one.
    func candidates(_ policy: PolicyRules, detector: String) -> [PolicyCandidate] {
        policy.rules.enumerated().filter { $0.element.subject == .detector(detector) }
            .map { candidate($0.element, $0.offset, rank: 0) }.sorted { $0.precedes($1) }
    }

    /// Their numbers, the first of which goes before the others.
    package func order(_ policy: PolicyRules?, detector: String) -> [Int] {
        policy.map { candidates($0, detector: detector).map { Int($0.rule) } } ?? []
    }

    /// A rule as one of several about the same thing. `rank` says how specific it is.
    func candidate(_ rule: PolicyRule, _ number: Int, rank: Int) -> PolicyCandidate {
        PolicyCandidate(
            with: scopes[rule.scope], without: rule.exception.map { exceptions[$0] } ?? 0,
            verdict: PolicyLowering.wire(rule.operation.applied(rule.verdict)),
            rank: UInt32(rank) << 3 | kinds[rule.scope], rule: UInt32(number))
    }
}

/// A rule as the kernel programs choose it.
struct PolicyCandidate: Hashable, Sendable {
    let with: UInt64
    let without: UInt64
    let verdict: UInt32
    /// With the number of kinds that its scope has below how specific it is.
    let rank: UInt32
    let rule: UInt32

    var isForAll: Bool { with == 0 && without == 0 }

    /// Whether it goes before another one.
    func precedes(_ other: PolicyCandidate) -> Bool {
        if rank != other.rank { return rank > other.rank }
        return verdict != other.verdict ? verdict > other.verdict : rule < other.rule
    }

    /// Whether it holds wherever another one does.
    func covers(_ other: PolicyCandidate) -> Bool { with & ~other.with == 0 && without & ~other.without == 0 }
}

/// Those of several rules that hold for some only, linked in the order in which they decide: see bpf/include/actor.h.
package struct PolicyChoices: Sendable {
    /// The first is nothing: 0 ends each list.
    package private(set) var table = [wire_choice()]
    private var known: [Link: UInt32] = [:]
    /// Rules that are the first of more than can be held.
    package private(set) var crowded: Set<UInt32> = []

    private struct Link: Hashable {
        let candidate: PolicyCandidate
        let next: UInt32
    }

    package init() {}

    package var isEmpty: Bool { table.count == 1 }

    /// Drops those that never decide, since one before them always does.
    static func reduced(_ candidates: [PolicyCandidate]) -> [PolicyCandidate] {
        var kept: [PolicyCandidate] = []
        for next in candidates where !kept.contains(where: { $0.covers(next) }) {
            kept.append(next)
            if next.isForAll || kept.count > Int(WIRE_CHOICES) { break }
        }
        return kept
    }

    /// What is decided about whoever a detector finds, by these alone.
    package init(
        _ policy: PolicyRules, _ conditions: PolicyConditions, detector: String, _ decision: inout wire_decision
    ) {
        decision = self.decision(conditions.candidates(policy, detector: detector))
    }

    /// What is decided by those, of which the first goes before the others; nothing where there are none.
    mutating func decision(_ candidates: [PolicyCandidate]) -> wire_decision {
        guard let first = candidates.first else { return wire_decision() }
        if first.isForAll {
            return wire_decision(verdict: first.verdict, rank: first.rank, rule: first.rule, choice: 0)
        }
        let kept = Self.reduced(candidates)
        if kept.count > Int(WIRE_CHOICES) { crowded.insert(first.rule) }
        var next: UInt32 = 0
        for candidate in kept.reversed() {
            let link = Link(candidate: candidate, next: next)
            if let index = known[link] {
                next = index
                continue
            }
            table.append(
                wire_choice(
                    with: candidate.with, without: candidate.without, verdict: candidate.verdict, rank: candidate.rank,
                    rule: candidate.rule, next: next))
            next = UInt32(table.count - 1)
            known[link] = next
        }
        return wire_decision(verdict: 0, rank: 0, rule: 0, choice: next)
    }
}
