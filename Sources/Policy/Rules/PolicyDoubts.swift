// SPDX-License-Identifier: Apache-2.0

/// What in a policy is allowed and can hardly be meant: rules twice, and rules that never decide.
struct PolicyDoubts {
    private let policy: PolicyRules

    init(_ policy: PolicyRules) { self.policy = policy }

    /// What two rules have in common that are about the same.
    private struct Key: Hashable {
        let operation: PolicyOperation
        let subject: PolicySubject
        let scope: Int
    }

    func problems() -> [PolicyProblem] {
        var problems = defaults()
        var first: [Key: Int] = [:]
        first.reserveCapacity(policy.rules.count)
        // Those that have more than one rule.
        var others: [Key: [Int]] = [:]
        for (index, rule) in policy.rules.enumerated() {
            let key = Key(operation: rule.operation, subject: rule.subject, scope: rule.scope)
            if let earlier = first[key] {
                problems += doubts(of: index, beside: [earlier] + others[key, default: []])
                others[key, default: []].append(index)
            } else {
                first[key] = index
            }
        }
        return problems
    }

    private func doubts(of index: Int, beside earlier: [Int]) -> [PolicyProblem] {
        let rule = policy.rules[index]
        for other in earlier {
            let other = policy.rules[other]
            let reference = policy.reference(other.place)
            if rule.exception == other.exception {
                if rule.verdict == other.verdict {
                    return [warning("the same as \(reference)", at: rule.place, help: "leave one of them out")]
                }
                let stricter = max(rule.verdict, other.verdict)
                return [
                    warning(
                        "contradicts \(reference): \(policy.text(other))", at: rule.place,
                        help: "they are equally specific, so \(stricter.rawValue) wins and the other never decides")
                ]
            }
            // With an exception it decides for some; without one for all.
            if other.exception == nil, other.verdict >= rule.verdict {
                return [
                    warning(
                        "never decides: \(reference) does, which has no exception", at: rule.place,
                        help: "put unless there too, or leave this one out")
                ]
            }
            if rule.exception == nil, rule.verdict >= other.verdict {
                return [
                    warning(
                        "with this rule \(reference) never decides, although it has an exception", at: rule.place,
                        help: "the exception is void: put unless here too, or leave this one out")
                ]
            }
        }
        return []
    }

    private func defaults() -> [PolicyProblem] {
        var problems: [PolicyProblem] = []
        for (index, later) in policy.defaults.enumerated() {
            guard let first = policy.defaults[..<index].first(where: { $0.group == later.group }) else { continue }
            let reference = policy.reference(first.place)
            problems.append(
                first.verdict == later.verdict
                    ? warning("the same as \(reference)", at: later.place, help: "leave one of them out")
                    : warning(
                        "contradicts \(reference): \(policy.line(first.place))", at: later.place,
                        help: "\(max(first.verdict, later.verdict).rawValue) holds, which is stricter"))
        }
        return problems
    }

    private func warning(_ message: String, at place: PolicyPlace, help: String?) -> PolicyProblem {
        PolicyProblem(message, in: policy.sources[place.source], at: place, help: help, isError: false)
    }
}
