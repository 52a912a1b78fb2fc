// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Glibc
internal import Policy

/// Whether a policy that spares nobody would cut off the session that it was typed in: then nobody is left to take it back.
enum SessionCheck {
    static func refusal(_ policy: PolicyRules, chain: [SparedProcesses.One]) -> Failure? {
        let evaluator = PolicyEvaluator(policy)
        let terminal = isatty(0) == 1 ? linkTarget("/proc/self/fd/0") : nil
        for (index, process) in chain.enumerated() {
            var actor = actor(process.pid)
            // Those that it descends from stand behind it.
            actor.facts[.tree] = chain[index...].flatMap { ancestor in
                [Array("\(ancestor.pid)".utf8)]
                    + [linkTarget("/proc/\(ancestor.pid)/exe").map { Array($0.utf8) }].compactMap { $0 }
            }
            guard let program = actor.facts[.exe]?.first, policy.target.holds(actor) else { continue }
            var questions: [(PolicyOperation, path: [UInt8])] = [(.execute, program)]
            if let terminal { questions += [(.read, Array(terminal.utf8)), (.write, Array(terminal.utf8))] }
            for (operation, path) in questions {
                var question = PolicyQuestion(operation)
                question.path = path
                question.actor = actor
                let decision = evaluator.decide(question)
                guard decision.verdict >= .deny else { continue }
                let place = decision.rule.map { policy.rules[$0].place } ?? decision.fallback?.place
                return Failure(
                    .usage,
                    "the policy would cut off the session that it is typed in: \(operation.rawValue) "
                        + "\(String(decoding: path, as: UTF8.self)) by \(process.name) "
                        + "(\(place.map { "\(policy.reference($0)): \(policy.line($0))" } ?? ""))",
                    help: "leave out --no-self-protect, or write --force")
            }
        }
        return nil
    }

    private static func actor(_ pid: UInt32) -> PolicyActor {
        var facts: [PolicyActorKind: [[UInt8]]] = [:]
        if let program = linkTarget("/proc/\(pid)/exe") { facts[.exe] = [Array(program.utf8)] }
        var status = stat()
        if unsafe stat("/proc/\(pid)", &status) == 0 { facts[.user] = [Array("\(status.st_uid)".utf8)] }
        let lines = String(decoding: readWhole("/proc/\(pid)/cgroup") ?? [], as: UTF8.self).split(separator: "\n")
        if let line = lines.first(where: { $0.hasPrefix("0::") }) { facts[.cgroup] = [Array(line.dropFirst(3).utf8)] }
        return PolicyActor(facts)
    }
}
