// SPDX-License-Identifier: Apache-2.0

internal import Policy

/// Bytes as a policy, through everything that is done with one. What is behind a NUL is a question to it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPolicies(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let parts = unsafe UnsafeBufferPointer(start: start, count: count).split(
        separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let text = unsafe Array(parts[0])
    var parser = PolicyParser { path throws(PolicyParser.Unreadable) in
        if path == "itself" { return text }
        throw PolicyParser.Unreadable("no such file")
    }
    parser.add(file: "policy", text)
    let policy: PolicyRules
    do {
        policy = try parser.finish()
    } catch {
        precondition(error.problems.contains(where: \.isError))
        error.problems.forEach(check)
        return 0
    }
    policy.warnings.forEach(check)
    for rule in policy.rules {
        // A rule by itself means the same.
        let line = policy.text(rule)
        // What is not UTF-8 is shown so.
        if line.unicodeScalars.contains("\u{fffd}") { continue }
        var again = PolicyParser { _ throws(PolicyParser.Unreadable) in throw PolicyParser.Unreadable("no") }
        again.add(rule: Array(line.utf8), number: 1)
        guard let other = try? again.finish() else { fatalError("not read again: \(line)") }
        precondition(other.rules.count == 1 && other.rules[0].subject == rule.subject, line)
        precondition(other.rules[0].verdict == rule.verdict && other.text(other.rules[0]) == line, line)
    }
    let question = unsafe parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : "net a.example:443"
    do {
        let decision = PolicyEvaluator(policy).decide(try PolicyQuestion(parsing: question))
        precondition(decision.rule == nil || policy.rules[decision.rule!].verdict == decision.verdict)
    } catch {
        check(error)
    }
    return 0
}

/// The caret is under the excerpt, or right behind it.
private func check(_ problem: PolicyProblem) {
    precondition(problem.error.column <= problem.error.excerpt.unicodeScalars.count, problem.headline)
    precondition(problem.error.excerpt.unicodeScalars.count <= 80, problem.headline)
    precondition(problem.line > 0 && problem.column > 0, problem.headline)
}
