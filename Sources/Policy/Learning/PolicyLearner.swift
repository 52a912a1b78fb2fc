// SPDX-License-Identifier: Apache-2.0

/// Gathers what a run does, and writes the least policy that allows it.
package struct PolicyLearner: Sendable {
    private var needs: [LearnedNeed: LearnedEvidence] = [:]
    /// Needs that found no room.
    package private(set) var missed: UInt64 = 0
    private let limit: Int

    package init(limit: Int = 1 << 17) { self.limit = limit }

    /// `time` is of CLOCK_REALTIME, nanoseconds.
    package mutating func add(_ need: LearnedNeed, by name: String, at time: UInt64) {
        if needs[need] != nil {
            needs[need]!.add(name, time)
        } else if needs.count < limit {
            needs[need] = LearnedEvidence(name, time)
        } else {
            missed += 1
        }
    }

    /// What was learned, held against the policy that there is already.
    package struct Result: Sendable {
        /// Lines to add, each with its end.
        package fileprivate(set) var text = ""
        package fileprivate(set) var rules = 0
        /// Needs that the policy there was allows.
        package fileprivate(set) var allowed = 0
        /// Needs that a rule of it is against, each with the place of the rule.
        package fileprivate(set) var refused: [(need: String, rule: String)] = []
    }

    /// Rules for what `policy` does not allow yet, with a default for each of `groups` that has none; without groups, the
    /// needs are of what another policy was against. What a rule of `policy` is against stays so. `isLasting` tells whether a path was
    /// there before the run and still is; `timeText` gives a time of CLOCK_REALTIME in nanoseconds.
    package func result(
        beside policy: PolicyRules?, groups: [PolicyClass], isLasting: @escaping ([UInt8]) -> Bool = { _ in false },
        timeText: (UInt64) -> String
    ) -> Result {
        var result = Result()
        let evaluator = policy.map { PolicyEvaluator($0) }
        var open: [LearnedNeed: LearnedEvidence] = [:]
        for (need, evidence) in needs {
            let decision = evaluator?.decide(need.question)
            if let decision, let policy, let rule = decision.rule {
                if decision.verdict.stops {
                    result.refused.append((Self.text(need), policy.reference(policy.rules[rule].place)))
                } else {
                    result.allowed += 1
                }
            } else if need.operation.defaultClass == nil, !groups.isEmpty {
                // No default is about it, so that it is allowed without a rule.
                result.allowed += 1
            } else {
                open[need] = evidence
            }
        }
        result.refused.sort { $0.need < $1.need }
        var lines: [(rule: String, comment: String)] = []
        for group in groups where policy?.defaultVerdict(group) == nil {
            lines.append(("default \(group.rawValue) deny", ""))
        }
        // Below the scope that a file ends in, they would hold only there.
        if let policy, policy.scopes.count > 1 { lines.insert(("scope all", ""), at: 0) }
        for operation in PolicyOperation.allCases {
            let subjects = Self.subjects(operation, open, isLasting)
            let rules = subjects.compactMap { entry -> (rule: String, comment: String)? in
                entry.subject.text.map { ("allow \(operation.rawValue) \($0)", entry.evidence.comment(timeText)) }
            }
            result.rules += rules.count
            lines += rules.sorted { $0.rule < $1.rule }
        }
        if lines.contains(where: { !$0.comment.isEmpty }) || policy == nil {
            let column = lines.filter { !$0.comment.isEmpty }.map(\.rule.count).filter { $0 < Self.widest }.max() ?? 0
            for line in lines { result.text += Self.padded(line.rule, line.comment, column + 2) + "\n" }
        }
        return result
    }

    private static func subjects(
        _ operation: PolicyOperation, _ needs: [LearnedNeed: LearnedEvidence], _ isLasting: @escaping ([UInt8]) -> Bool
    ) -> [(subject: PolicySubject, evidence: LearnedEvidence)] {
        var targets: [TargetGeneralizer.Entry] = []
        var paths: [(path: [UInt8], evidence: LearnedEvidence)] = []
        var others: [(subject: PolicySubject, evidence: LearnedEvidence)] = []
        for (need, evidence) in needs where need.operation == operation {
            switch need.subject {
            case .target(let target): targets.append((target, evidence))
            case .file(.exact(let path)): paths.append((path, evidence))
            case let subject: others.append((subject, evidence))
            }
        }
        others += TargetGeneralizer.generalized(targets).map { (.target($0.target), $0.evidence) }
        let generalizer = PathGeneralizer(operation, paths, isLasting: isLasting)
        others += generalizer.entries().map { (.file($0.pattern), $0.evidence) }
        return others
    }

    private static func text(_ need: LearnedNeed) -> String {
        [need.operation.rawValue, need.subject.text ?? ""].joined(separator: " ")
    }

    /// Comments stand behind the longest rule that is shorter than this.
    private static let widest = 60

    /// Names of processes are from outside.
    private static func padded(_ rule: String, _ comment: String, _ column: Int) -> String {
        guard !comment.isEmpty else { return rule }
        return rule + String(repeating: " ", count: max(2, column - rule.count)) + "# " + withoutControls(comment)
    }
}
