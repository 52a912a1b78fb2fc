// SPDX-License-Identifier: Apache-2.0

/// What the EXAMPLES of a page of the manual show, read from the page that `ebpfguard help` prints: what a reader sees is
/// what is tried.
///
/// A session is what stands further in than the text around it (`.Bd -literal -offset 2n`) from its first line on: lines
/// that begin with `# ` and a command are typed, with those that they go on in; what follows up to the next is what the
/// terminal then shows. A line that is as wide as a page has room for goes on in the next one, as in a terminal.
struct ManualSession {
    struct Step {
        /// As it is typed, with line breaks.
        let command: String
        var output: [String] = []
        private var lineGoesOn = false

        init(command: String) { self.command = command }

        /// Whether a shell waits for more of the command.
        var goesOn: Bool {
            command.hasSuffix("\\") || command.hasSuffix("|") || !command.count { $0 == "'" }.isMultiple(of: 2)
        }

        mutating func show(_ line: String) {
            if lineGoesOn, let start = output.popLast() { output.append(start + line) } else { output.append(line) }
            lineGoesOn = line.count == ManualSession.columns
        }
    }

    var steps: [Step] = []

    /// The terminal: programs that cut their lines leave its last column free, others go on in the next line.
    static let columns = 72

    private static let margin = String(repeating: " ", count: 7)
    private static let commands: Set = ["ebpfguard", "cat", "echo", "jq"]

    /// All of a page, in their order.
    static func all(of page: String) -> [ManualSession] {
        var sessions: [ManualSession] = []
        var isInside = false
        var continues = false
        var isBlank = false
        for line in lines(ofSection: "EXAMPLES", in: page) {
            let isFirst = isBlank
            isBlank = line.isEmpty
            if isBlank { continue }  // within a session as well
            guard line.hasPrefix(margin), isInside || isFirst else {
                isInside = false
                continue
            }
            if !isInside { sessions.append(ManualSession()) }
            isInside = true
            let text = String(line.dropFirst(margin.count))
            let last = sessions.count - 1
            if continues, let step = sessions[last].steps.popLast() {
                sessions[last].steps.append(Step(command: step.command + "\n" + text))
            } else if text.hasPrefix("# "), commands.contains(String(text.dropFirst(2).prefix { $0 != " " })) {
                sessions[last].steps.append(Step(command: String(text.dropFirst(2))))
            } else {
                if sessions[last].steps.isEmpty { sessions[last].steps.append(Step(command: "")) }
                sessions[last].steps[sessions[last].steps.count - 1].show(text)
            }
            continues = sessions[last].steps.last.map { $0.output.isEmpty && $0.goesOn } ?? false
        }
        return sessions
    }

    /// A section goes up to the next line that begins at the left.
    static func lines(ofSection name: String, in page: String) -> [String] {
        let all = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let start = all.firstIndex(of: name) else { return [] }
        return Array(all[(start + 1)...].prefix { $0.isEmpty || $0.hasPrefix(" ") })
    }
}

/// Lines without what differs from run to run and from host to host. This is the one list of it: whatever is not here has
/// to be in the page as it is on the terminal.
func comparable(_ lines: [String]) -> [String] {
    var result: [String] = []
    var isHooks = false
    for line in lines {
        // Which hooks there are depends on the host, and their lines are filled.
        if line.hasPrefix("hooks:") { result.append("hooks: HOOKS") }
        isHooks = line.hasPrefix("hooks:") || isHooks && line.hasPrefix(" ")
        if isHooks { continue }
        let text = comparable(line)
        if text.isEmpty { continue }
        // Where a message is folded depends on how long what differs is.
        if line.hasPrefix("  "), let start = result.popLast() {
            result.append("\(start) \(text)")
        } else {
            result.append(text)
        }
    }
    return result
}

private func comparable(_ line: String) -> String {
    // The pages are ASCII.
    var line = line.replacing("\u{2026}", with: "...").replacing("\u{2191}", with: "^").replacing("\u{2193}", with: "v")
    line = line.replacing("\t", with: " ")
    // Colours, by those who do not know NO_COLOR: jq before 1.7.1.
    line.replace(#/\x1b\[[0-9;]*m/#, with: "")
    line.replace(#/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{9})?Z/#, with: "DATE")
    line.replace(#/^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3} +[0-9]+ /#, with: "TIME PID ")
    line.replace(#/[0-9][0-9.,]* (ns|us|ms|s|min)\b/#, with: "DURATION")
    line.replace(#/ on [^ ]+, Linux [^ ;]+/#, with: " on HOST, Linux VERSION")
    line.replace(#/^finding: DATE [0-9]+ /#, with: "finding: DATE PID ")
    line.replace(#/Learned on [^ ]+ from/#, with: "Learned on HOST from")
    // What the kernel takes for those who ask for none.
    line.replace(#/:(3[2-9]|[45][0-9]|6[0-5])[0-9]{3}\b/#, with: ":PORT")
    if line.hasPrefix("cost:") || line.hasPrefix("       ebpfguard:") {
        line.replace(#/[0-9][0-9.,]* (%|MB|times)/#, with: { "FIGURE " + $0.output.1 })
    }
    return line.split(separator: " ").joined(separator: " ")
}
