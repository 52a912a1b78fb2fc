// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import Policy
internal import Rendering

/// What `enforce` tells of a policy without enforcing it.
package enum PolicyCheck {
    /// `--check-policy`: each rule, what it compiles to, and whether this host can hold it.
    package static func check(_ paths: [String], rules: [String], json: Bool) throws(Failure) -> ExitStatus {
        let policy = try PolicyFiles.read(paths, rules: rules)
        let lines = lines(of: policy)
        let refused = lines.count { $0.answer.obstacle != nil }
        try show(json ? JSONDocument.object(document(policy, lines)).text : text(lines, policy))
        return refused == 0 ? .success : .unsupported
    }

    /// One rule, or what a default is for one operation.
    package struct Line {
        let place: String
        let rule: String
        let verdict: String
        let operation: String
        let scope: String?
        let answer: PolicyMechanisms.Answer
    }

    /// Those whose answers are wanted: a text for each of many rules takes its time.
    private static func lines(
        of policy: PolicyRules, where isWanted: (PolicyMechanisms.Answer) -> Bool = { _ in true }
    ) -> [Line] {
        var mechanisms = PolicyMechanisms(policy)
        var lines: [Line] = []
        for group in PolicyClass.allCases {
            guard let fallback = policy.defaultVerdict(group) else { continue }
            for operation in PolicyOperation.allCases where operation.defaultClass == group {
                let answer = mechanisms.answer(fallback, for: operation)
                guard isWanted(answer) else { continue }
                lines.append(
                    Line(
                        place: policy.reference(fallback.place),
                        rule: "default \(group.rawValue) \(fallback.verdict.rawValue) (\(operation.rawValue))",
                        verdict: operation.applied(fallback.verdict).rawValue, operation: operation.rawValue,
                        scope: nil, answer: answer))
            }
        }
        for (number, rule) in policy.rules.enumerated() {
            let answer = mechanisms.answer(rule, number)
            guard isWanted(answer) else { continue }
            let scope = policy.scopes[rule.scope]
            lines.append(
                Line(
                    place: policy.reference(rule.place), rule: policy.text(rule), verdict: rule.verdict.rawValue,
                    operation: rule.operation.rawValue, scope: scope.isEverywhere ? nil : scope.text,
                    answer: answer))
        }
        return lines
    }

    private static func text(_ lines: [Line], _ policy: PolicyRules) -> String {
        var text = ""
        for line in lines {
            text += "\(line.answer.obstacle == nil ? "yes" : "no ")  \(withoutControls(line.rule))\n"
            text += "     \(withoutControls(line.place))" + (line.scope.map { ", \(withoutControls($0))" } ?? "") + "\n"
            text += "     \(line.answer.hooks): \(line.answer.entries)\n"
            if let obstacle = line.answer.obstacle { text += "     not here: \(withoutControls(obstacle))\n" }
            if let help = line.answer.help { text += "     \(help)\n" }
        }
        let refused = lines.count { $0.answer.obstacle != nil }
        text += "\(counted(policy.rules.count, "rule")), "
        text +=
            refused == 0
            ? "all of which can be held here"
            : "and \(counted(refused, "line")) above that can't be held here"
        return text + "\n"
    }

    private static func document(_ policy: PolicyRules, _ lines: [Line]) -> [(name: String, value: JSONDocument?)] {
        [
            ("kernel", .string(kernelRelease())),
            ("supported", .bool(!lines.contains { $0.answer.obstacle != nil })),
            ("warnings", .array(policy.warnings.map { .string($0.headline) })),
            (
                "rules",
                .array(
                    lines.map { line in
                        .object([
                            ("rule", .string(line.rule)), ("place", .string(line.place)),
                            ("verdict", .string(line.verdict)), ("operation", .string(line.operation)),
                            ("scope", line.scope.map { .string($0) }), ("hooks", .string(line.answer.hooks)),
                            ("entries", .string(line.answer.entries)),
                            ("supported", .bool(line.answer.obstacle == nil)),
                            ("reason", line.answer.obstacle.map { .string($0) }),
                        ])
                    })
            ),
        ]
    }

    // MARK: --explain

    /// `--explain`: which rule decides, and why the others that are about the same do not.
    package static func explain(
        _ question: String, _ paths: [String], rules: [String], json: Bool
    ) throws(Failure) -> ExitStatus {
        let asked: PolicyQuestion
        do throws(PolicyProblem) {
            asked = try PolicyQuestion(parsing: question)
        } catch {
            throw Failure(.usage, error.headline, help: error.error.lines.joined(separator: "\n  "))
        }
        let policy = try PolicyFiles.read(paths, rules: rules)
        let decision = PolicyEvaluator(policy).decide(asked)
        try show(
            json
                ? JSONDocument.object(document(question, decision, policy)).text : text(question, decision, policy))
        return .success
    }

    private static func text(_ question: String, _ decision: PolicyEvaluator.Decision, _ policy: PolicyRules) -> String
    {
        var text = "\(decision.verdict.rawValue)  \(withoutControls(question))\n"
        text += "by \(withoutControls(decider(decision, policy)))\n"
        for other in decision.others {
            let rule = policy.rules[other.rule]
            text += "not by \(withoutControls(policy.reference(rule.place))): \(withoutControls(policy.text(rule)))\n"
            text += "       \(withoutControls(why(other, decision, policy)))\n"
        }
        return text
    }

    private static func decider(_ decision: PolicyEvaluator.Decision, _ policy: PolicyRules) -> String {
        if let rule = decision.rule.map({ policy.rules[$0] }) {
            return "\(policy.reference(rule.place)): \(policy.text(rule))"
        }
        if let fallback = decision.fallback {
            return "\(policy.reference(fallback.place)): \(policy.line(fallback.place)) (no rule is about it)"
        }
        return "nothing: no rule is about it, and there is no default"
    }

    private static func why(
        _ other: PolicyEvaluator.Other, _ decision: PolicyEvaluator.Decision, _ policy: PolicyRules
    ) -> String {
        let rule = policy.rules[other.rule]
        return switch other.reason {
        case .lessSpecific: "less specific"
        case .lessScoped: "as specific, but applies in more places"
        case .lessStrict: "as specific, but \(rule.verdict.rawValue) is less strict than \(decision.verdict.rawValue)"
        case .later: "as specific and as strict, and stands behind"
        case .excepted: "does not hold " + (rule.exception.map { policy.exceptions[$0].text } ?? "")
        case .outOfScope: "only in \(policy.scopes[rule.scope].text), which the question does not say"
        }
    }

    private static func document(
        _ question: String, _ decision: PolicyEvaluator.Decision, _ policy: PolicyRules
    ) -> [(name: String, value: JSONDocument?)] {
        let rule = decision.rule.map { policy.rules[$0] }
        return [
            ("question", .string(question)), ("verdict", .string(decision.verdict.rawValue)),
            ("rule", rule.map { .string(policy.text($0)) } ?? decision.fallback.map { .string(policy.line($0.place)) }),
            ("place", (rule?.place ?? decision.fallback?.place).map { .string(policy.reference($0)) }),
            (
                "others",
                .array(
                    decision.others.map { other in
                        .object([
                            ("rule", .string(policy.text(policy.rules[other.rule]))),
                            ("place", .string(policy.reference(policy.rules[other.rule].place))),
                            ("reason", .string(why(other, decision, policy))),
                        ])
                    })
            ),
        ]
    }
}

extension PolicyCheck {
    /// Why a run with these options can't begin; `nil` where it can. Rules that can't be held come first: they are what a
    /// user has to know, whatever else is missing. (Without privileges nothing can be held.)
    package static func refusal(of options: TraceOptions) -> Failure? {
        guard let policy = options.policy else { return nil }
        return HostCheck.privilegeFailure(options.command) ?? refusal(policy)
    }

    /// All lines that can't be held, in one message.
    static func refusal(_ policy: PolicyRules) -> Failure? {
        let refused = lines(of: policy) { $0.obstacle != nil }
        guard let first = refused.first, let obstacle = first.answer.obstacle else { return nil }
        let more = refused.dropFirst().prefix(20).map { "\($0.place): \($0.rule): \($0.answer.obstacle ?? "")" }
        let rest = refused.count > 21 ? ["and \(refused.count - 21) more"] : []
        return Failure(
            .unsupported, "can't be enforced here: \(first.place): \(first.rule): \(obstacle)",
            help: ([first.answer.help].compactMap { $0 } + more + rest + [
                "nothing is enforced; --check-policy shows all rules"
            ]).joined(separator: "\n  "))
    }
}
