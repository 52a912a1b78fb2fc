// SPDX-License-Identifier: Apache-2.0

/// Where in a policy something stands.
package struct PolicyPlace: Hashable, Sendable {
    /// Of `PolicyRules.sources`.
    package let source: Int
    /// From 1.
    package let line: Int
    /// In bytes from the start of the line.
    package let offset: Int
}

/// A file of rules, or the rules of the command line.
package struct PolicySource: Sendable {
    /// As it was given, or for an included file the path that it was found by.
    package let name: String
    package let text: [UInt8]
    /// Where each line begins.
    private let starts: [Int]

    package init(name: String, text: [UInt8]) {
        self.name = name
        self.text = text
        var starts = [0]
        for (index, byte) in text.enumerated() where byte == UInt8(ascii: "\n") { starts.append(index + 1) }
        // A last line that is empty is none.
        if starts.count > 1, starts[starts.count - 1] == text.count { starts.removeLast() }
        self.starts = starts
    }

    package var lineCount: Int { starts.count }

    /// A line, from 1, without its end.
    package func line(_ number: Int) -> ArraySlice<UInt8> {
        let start = starts[number - 1]
        var end = number < starts.count ? starts[number] - 1 : text.count
        if end > start, text[end - 1] == UInt8(ascii: "\n") { end -= 1 }
        if end > start, text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return text[start..<max(start, end)]
    }
}

/// Something wrong with a policy, or doubtful.
package struct PolicyProblem: Error, Sendable {
    package let isError: Bool
    package let source: String
    package let line: Int
    /// In characters, from 1.
    package let column: Int
    /// The message, and the line with a caret.
    package let error: FilterError

    init(_ message: String, in source: PolicySource, at place: PolicyPlace, help: String?, isError: Bool) {
        self.isError = isError
        self.source = source.name
        line = place.line
        let text = Array(source.line(place.line))
        let offset = min(place.offset, text.count)
        column = String(decoding: text[..<offset], as: UTF8.self).unicodeScalars.count + 1
        error = FilterError(message, at: offset, in: text, help: help)
    }

    /// The first line of the report, as compilers write it.
    package var headline: String { "\(source):\(line):\(column): \(isError ? "error" : "warning"): \(error.message)" }

    /// All of it.
    package var lines: [String] { [headline] + error.lines.map { "  " + $0 } }
}

/// All that is wrong with a policy.
package struct PolicyErrors: Error, Sendable {
    package let problems: [PolicyProblem]
}
