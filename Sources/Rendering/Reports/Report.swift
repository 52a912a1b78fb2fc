// SPDX-License-Identifier: Apache-2.0

/// What a run found, for those who read it when it is over: a job's page, a test report, a list of alerts.
package struct Report: Sendable {
    /// The forms, by the suffix of the file.
    package enum Form: String, CaseIterable, Sendable {
        case markdown = "md"
        case json
        case junit = "xml"
        case sarif
        case codeQuality = "codequality.json"

        /// The form for a file of this name.
        package init?(path: String) {
            let name = path.lowercased()
            if name.hasSuffix(".codequality.json") || name.hasSuffix("gl-code-quality-report.json") {
                self = .codeQuality
                return
            }
            guard let dot = path.lastIndex(of: "."),
                let form = Form(rawValue: path[path.index(after: dot)...].lowercased())
            else { return nil }
            self = form
        }
    }

    /// One thing that was asked for.
    package struct Check: Sendable {
        /// The option: fail-on, expect or strict; or "policy".
        package let name: String
        /// What behind it; empty where nothing is.
        package let condition: String
        package let isMet: Bool
        /// One sentence of what came out.
        package let outcome: String
        /// Some of the events that are to blame, the first ones.
        package let findings: [Finding]
        /// Where it is written, in a file of rules.
        package let place: (file: String, line: UInt32)?

        package init(
            _ name: String, _ condition: String, isMet: Bool, outcome: String, findings: [Finding] = [],
            place: (file: String, line: UInt32)? = nil
        ) {
            self.place = place
            self.name = name
            self.condition = condition
            self.isMet = isMet
            self.outcome = outcome
            self.findings = findings
        }

        /// As on the command line.
        package var title: String {
            let name = name == "policy" ? name : "--\(name)"
            return condition.isEmpty ? name : "\(name) \(condition)"
        }
    }

    /// An event that a check does not allow.
    package struct Finding: Sendable {
        /// CLOCK_REALTIME, nanoseconds; `nil` for what is no single event.
        package let time: UInt64?
        /// `event.action`.
        package let action: String
        package let pid: UInt32
        package let process: String
        /// The program's path, as its process sees it; `nil` where it is not known.
        package let executable: String?
        /// The event's line of text, controls escaped, without its time.
        package let line: String

        package init(
            time: UInt64?, action: String, pid: UInt32, process: String, executable: String?, line: String
        ) {
            self.time = time
            self.action = action
            self.pid = pid
            self.process = process
            self.executable = executable
            self.line = line
        }

        /// With its time, where it has one.
        var text: String { time.map { "\(timestampText($0)) \(line)" } ?? line }
    }

    package var version: String
    /// trace, watch-net and so on.
    package var command: String
    /// The whole command line, as words.
    package var arguments: [String]
    package var host: String
    /// CLOCK_REALTIME, nanoseconds.
    package var started: UInt64
    /// Nanoseconds.
    package var watched: UInt64
    /// The exit status.
    package var status: Int32
    package var checks: [Check]
    package var counts: [(name: String, count: UInt64)]
    package var lost: [(name: String, count: UInt64)]
    package var missing: [String]
    /// What the run said at its end.
    package var footer: [String]
    package var job = Job()

    package init(
        version: String, command: String, arguments: [String], host: String, started: UInt64, watched: UInt64,
        status: Int32, checks: [Check], counts: [(name: String, count: UInt64)],
        lost: [(name: String, count: UInt64)], missing: [String], footer: [String]
    ) {
        self.version = version
        self.command = command
        self.arguments = arguments
        self.host = host
        self.started = started
        self.watched = watched
        self.status = status
        self.checks = checks
        self.counts = counts
        self.lost = lost
        self.missing = missing
        self.footer = footer
    }

    package func text(_ form: Form) -> String {
        switch form {
        case .markdown: markdown()
        case .json: json()
        case .junit: junit()
        case .sarif: sarif()
        case .codeQuality: codeQuality()
        }
    }

    /// The command line as it would be typed.
    var commandLine: String { (["ebpfguard"] + arguments.map(Self.quotedForShell)).joined(separator: " ") }

    var failures: Int { checks.count { !$0.isMet } }

    private static func quotedForShell(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !special.contains($0) }
        return isPlain
            ? word : "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
    }

    private static let special = Array("\"'\\$`!*?[]{}()<>|&;~#".utf8)
}
