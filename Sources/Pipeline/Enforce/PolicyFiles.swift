// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Policy
internal import Rendering

/// Policies as the command line names them.
package enum PolicyFiles {
    /// More than this many mistakes are counted, not shown.
    private static let shown = 100

    /// Reads files, where "-" is standard input, and rules. Tells all that is wrong or doubtful on standard error.
    package static func read(_ paths: [String], rules: [String]) throws(Failure) -> PolicyRules {
        var parser = PolicyParser { path throws(PolicyParser.Unreadable) in try contents(path) }
        for path in paths {
            do throws(PolicyParser.Unreadable) {
                parser.add(file: path, try contents(path == "-" ? "/dev/stdin" : path))
            } catch {
                throw Failure(.noInput, "\(path.isEmpty ? "\"\"" : path): \(error.reason)", help: help(path))
            }
        }
        for (index, rule) in rules.enumerated() { parser.add(rule: Array(rule.utf8), number: index + 1) }
        do throws(PolicyErrors) {
            let policy = try parser.finish()
            tell(policy.warnings)
            return policy
        } catch {
            tell(error.problems)
            let count = error.problems.count(where: \.isError)
            throw Failure(
                .badData, "the policy has \(counted(count, "error"))",
                help: "nothing was enforced; ebpfguard-policy(5) tells how rules are written")
        }
    }

    private static func tell(_ problems: [PolicyProblem]) {
        for problem in problems.prefix(shown) { for line in problem.lines { note(line) } }
        if problems.count > shown { note("and \(problems.count - shown) more") }
    }

    /// A rule that stands where a file should is taken for one.
    private static func help(_ path: String) -> String {
        let word = path.prefix { $0 != " " }
        guard word.isEmpty || Verdict(rawValue: String(word)) == nil else {
            let rule = path == word ? "\(word) ..." : path
            return "name a file of rules, or write --rule '\(rule)'"
        }
        return "name a file of rules: ebpfguard-policy(5)"
    }

    private static func contents(_ path: String) throws(PolicyParser.Unreadable) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .init(unsafe String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress!, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .init(unsafe String(cString: strerror(errno))) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            if bytes.count > 256 << 20 { throw .init("larger than 256 MB") }
        }
    }
}
