// SPDX-License-Identifier: Apache-2.0

extension Report {
    /// As GitHub and GitLab show it.
    func markdown() -> String {
        let verdict =
            checks.isEmpty
            ? "" : failures == 0 ? ": passed" : ": \(failures) of \(counted(checks.count, "check")) failed"
        var text = "## ebpfguard \(command)\(verdict)\n\n"
        if !checks.isEmpty {
            text += "| | check | outcome |\n| --- | --- | --- |\n"
            for check in checks {
                let mark = check.isMet ? "passed" : "**failed**"
                text += "| \(mark) | \(Self.cell(Self.code(check.title))) | \(Self.cell(check.outcome)) |\n"
            }
            text += "\n"
        }
        for check in checks where !check.findings.isEmpty {
            text += "### \(Self.code(check.title))\n\n"
            text += Self.block(check.findings.map(\.text))
        }
        text += "<details><summary>The run</summary>\n\n"
        text += Self.block([commandLine, "on \(host), \(timestampText(started))"] + footer)
        return text + "</details>\n"
    }

    /// Lines as they are, whatever is in them.
    private static func block(_ lines: [String]) -> String {
        let fence = String(repeating: "`", count: max(3, longestRun(lines) + 1))
        return "\(fence)text\n\(lines.joined(separator: "\n"))\n\(fence)\n\n"
    }

    private static func code(_ text: String) -> String {
        let fence = String(repeating: "`", count: longestRun([text]) + 1)
        let pad = text.hasPrefix("`") || text.hasSuffix("`") ? " " : ""
        return fence + pad + oneLine(text) + pad + fence
    }

    /// A bar ends a cell, also within code.
    private static func cell(_ text: String) -> String {
        oneLine(text).split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }

    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }

    /// Of backticks.
    private static func longestRun(_ lines: [String]) -> Int {
        var longest = 0
        for line in lines {
            var run = 0
            for byte in line.utf8 {
                run = byte == UInt8(ascii: "`") ? run + 1 : 0
                longest = max(longest, run)
            }
        }
        return longest
    }
}
