// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Enrichment
internal import Events
internal import Glibc

/// A line for a person: time, pid, user, and what happened, indented under the process that started it.
package struct TextRenderer {
    /// What differs between a terminal, a pipe, and `wide`.
    package struct Options: Sendable {
        /// Columns to cut lines at; `nil` to leave them whole.
        package var columns: Int?
        package var colors: Bool
        package var wide: Bool
        package var redacts: Bool

        package init(columns: Int?, colors: Bool, wide: Bool, redacts: Bool) {
            self.columns = columns
            self.colors = colors
            self.wide = wide
            self.redacts = redacts
        }
    }

    package var options: Options
    /// Processes whose start was shown: their children are indented under them.
    private var shown: Set<ProcessKey> = []
    /// Forks that were not: what they start belongs under whoever forked them.
    private var passed: Set<ProcessKey> = []
    private var clock = LocalClock()

    private static let deepest = 8

    package init(options: Options) {
        self.options = options
    }

    /// The line above the first event.
    package static func header(wide: Bool, network: Bool = false) -> String {
        if network { return "TIME             PID PROCESS      CONNECTION" }
        return wide
            ? "TIME             PID    PPID USER             WHAT"
            : "TIME             PID USER     WHAT"
    }

    /// Takes note of an event that is not shown.
    package mutating func skip(_ event: Event) {
        guard let key = event.process?.key else { return }
        switch event.action {
        case .fork: if passed.count < Self.memory { passed.insert(key) }
        case .exit: forget(key)
        default: break
        }
    }

    private mutating func forget(_ key: ProcessKey) {
        shown.remove(key)
        passed.remove(key)
    }

    /// Ends of processes may be lost, so what is remembered of them is bounded.
    private static let memory = 100_000

    private func depth(of event: Event) -> Int {
        var depth = 0
        for ancestor in event.ancestors {
            if shown.contains(ancestor.key) {
                depth += 1
            } else if !passed.contains(ancestor.key) {
                break
            }
        }
        return min(depth, Self.deepest)
    }

    package mutating func append(_ event: Event, to buffer: inout OutputBuffer) {
        if shown.count > Self.memory { shown.removeAll() }
        var line = Line(buffer, columns: options.columns, colors: options.colors)
        if event.action == .netChange {
            appendNetChange(event, to: &line)
            buffer = line.end()
            return
        }
        clock.append(event.host.realtime(event.time), to: &line.buffer)
        line.buffer.append(UInt8(ascii: " "))
        if let connection = event.connection {
            appendConnection(event, connection, to: &line)
            buffer = line.end()
            return
        }
        if let message = event.names?.message {
            appendMessage(event, message, to: &line)
            buffer = line.end()
            return
        }
        if let fact = event.fact {
            append(event, fact, to: &line)
            buffer = line.end()
            return
        }
        if let file = event.file {
            appendFile(event, file, to: &line)
            buffer = line.end()
            return
        }
        if let file = event.executed {
            appendExecution(event, file, to: &line)
            buffer = line.end()
            return
        }
        guard let process = event.process else {
            line.write(.bad) { appendLoss(event, to: &$0) }
            buffer = line.end()
            return
        }
        appendRight(UInt64(event.task.pid), width: 7, to: &line.buffer)
        if options.wide {
            line.buffer.append(UInt8(ascii: " "))
            appendRight(UInt64(event.ancestors.first?.key.pid ?? 0), width: 7, to: &line.buffer)
        }
        line.buffer.append(UInt8(ascii: " "))
        let user = event.userName ?? Bytes(String(event.task.euid))
        appendLeft(user, width: options.wide ? 16 : 8, to: &line.buffer)
        line.buffer.append(UInt8(ascii: " "))
        if let workload = event.workload {
            let label = options.wide ? workload.label : workload.shortLabel
            TextEscape.append(label.span, to: &line.buffer)
            line.buffer.append("  ")
        }
        appendWhat(event, process, to: &line)
        if options.wide { appendContext(event, process, to: &line) }
        buffer = line.end()
    }

    // MARK: What happened

    private mutating func appendWhat(_ event: Event, _ process: Process, to line: inout Line) {
        let isRepeat = event.repeats.count > 0
        let depth = isRepeat ? 0 : depth(of: event)
        if isRepeat { appendRepeats(event, to: &line) }
        if depth > 0 {
            for _ in 0..<depth { line.buffer.append("  ") }
        }
        switch event.action {
        case .exec where isRepeat:
            appendMarks(event, to: &line)
            line.write(.strong) { appendCommand(event, process, to: &$0) }
        case .exec:
            shown.insert(process.key)
            appendParent(event, depth, to: &line)
            appendMarks(event, to: &line)
            line.write(.strong) { appendCommand(event, process, to: &$0) }
        case .existing:
            if !isRepeat { shown.insert(process.key) }
            line.write(.faint) {
                $0.append(string: "running \(durationText(event.time - min(event.time, process.key.start)))  ")
            }
            appendMarks(event, to: &line)
            appendCommand(event, process, to: &line.buffer)
        case .execFailed:
            line.write(.faint) { appendName(process.task.name, to: &$0) }
            line.buffer.append(" ")
            line.write(.bad) { appendFailure(event, to: &$0) }
        case .fork:
            if !isRepeat { shown.insert(process.key) }
            line.write(.faint) { buffer in
                appendName(event.ancestors.first?.name ?? process.task.name, to: &buffer)
                buffer.append(" forked")
            }
        case .exit(let code):
            forget(process.key)
            appendExit(event, process, code, to: &line)
        case .syscall: appendCall(event, to: &line)
        case .signal: appendSignal(event, to: &line)
        case .oom:
            line.write(.bad) { $0.append("OOM killer chose ") }
            appendTarget(event, to: &line)
            line.write(.faint) { buffer in
                buffer.append(" when ")
                appendName(event.task.name, to: &buffer)
                buffer.append(" asked for memory")
            }
        case .connect, .accept, .listen, .close, .udp, .open, .dnsQuery, .dnsAnswer, .tlsClientHello, .drop, .rawSocket,
            .violation, .detection,
            .file, .summary, .netChange, .loss:
            break
        }
    }

    /// In front of the last of some events that are the same and were not printed.
    func appendRepeats(_ event: Event, to line: inout Line) {
        line.write(.warning) { buffer in
            buffer.append("… repeated ")
            if event.repeats.count == 1 {
                buffer.append("once")
            } else {
                buffer.append(decimal: event.repeats.count)
                buffer.append(" times")
            }
            buffer.append(string: " in \(durationText(event.repeats.time)): ")
        }
    }

    /// As strace shows it: name(arguments) = result, with the thread's name in front.
    private func appendCall(_ event: Event, to line: inout Line) {
        guard let call = event.call else { return }
        line.write(.faint) { buffer in
            appendName(event.task.name, to: &buffer)
            buffer.append(" ")
        }
        if let abi = call.abi, abi == .compat || abi == .x32 {
            line.write(.warning) { buffer in
                buffer.append(abi.name())
                buffer.append(UInt8(ascii: ":"))
            }
        }
        line.write(.strong) { TextEscape.append(call.shownName.span, to: &$0) }
        line.buffer.append(UInt8(ascii: "("))
        let arguments = options.redacts ? Redaction.arguments(call.argumentTexts) : call.argumentTexts
        var isFirst = true
        for range in arguments {
            if !isFirst { line.buffer.append(", ") }
            isFirst = false
            if range.isEmpty { line.buffer.append("\"\"") }
            TextEscape.append(arguments.bytes.storage.span.extracting(range), to: &line.buffer)
        }
        let end = line.buffer.count
        line.buffer.append(")")
        line.write(call.error == nil ? .plain : .bad) { buffer in
            buffer.append(" = ")
            buffer.append(string: call.resultText)
        }
        line.kept = end..<line.buffer.count
        guard let duration = call.duration else { return }
        line.write(.faint) { buffer in
            buffer.append("  ")
            buffer.append(string: durationText(duration))
        }
    }

    private func appendSignal(_ event: Event, to line: inout Line) {
        guard let signal = event.signal else { return }
        line.write(.faint) { buffer in
            // An interrupt, or a fault of the process itself.
            if signal.code > 0 || event.task.pid == 0 {
                buffer.append("kernel")
            } else {
                appendName(event.task.name, to: &buffer)
            }
        }
        line.buffer.append(" ")
        line.write(.strong) { buffer in
            if let name = signalName(signal.signal) {
                buffer.append(name)
            } else {
                buffer.append("signal ")
                buffer.append(decimal: Int64(signal.signal))
            }
        }
        line.buffer.append(" to ")
        appendTarget(event, to: &line)
        let outcomes: [StaticString] = ["", " (ignored)", " (already pending)", " (queue full)", " (details lost)"]
        if (1..<outcomes.count).contains(Int(signal.result)) {
            line.write(.faint) { $0.append(outcomes[Int(signal.result)]) }
        }
    }

    private func appendTarget(_ event: Event, to line: inout Line) {
        guard let target = event.target else { return }
        line.buffer.append(decimal: UInt64(target.task.pid))
        line.buffer.append(" ")
        appendName(target.task.name, to: &line.buffer)
    }

    /// Who started it, where that was not shown above.
    private func appendParent(_ event: Event, _ depth: Int, to line: inout Line) {
        guard depth == 0, !options.wide, let parent = event.ancestors.first, !parent.name.isEmpty else { return }
        line.write(.faint) { buffer in
            appendName(parent.name, to: &buffer)
            buffer.append(" > ")
        }
    }

    private func appendMarks(_ event: Event, to line: inout Line) {
        let marks = event.marks
        guard !marks.isEmpty else { return }
        line.write(.warning) { buffer in
            buffer.append(UInt8(ascii: "["))
            for (index, mark) in marks.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: " ")) }
                buffer.append(mark)
            }
            buffer.append("] ")
        }
    }

    /// The program by its path, which can't be forged, then its arguments. An argv[0] of another name is shown too: it
    /// is what ps would show.
    private func appendCommand(_ event: Event, _ process: Process, to buffer: inout OutputBuffer) {
        if let executable = event.executable {
            TextEscape.append(executable, to: &buffer)
        } else {
            appendName(process.task.name, to: &buffer)
        }
        guard let image = process.image else { return }
        if let arguments = image.arguments {
            appendArguments(options.redacts ? Redaction.arguments(arguments) : arguments, event.executable, to: &buffer)
        }
        if image.argumentsAreCut, let count = image.argumentCount {
            buffer.append(string: " ... (\(count) arguments in all)")
        }
    }

    private func appendArguments(_ arguments: TextList, _ executable: WalkedPath?, to buffer: inout OutputBuffer) {
        let storage = arguments.bytes.storage
        var isFirst = true
        for range in arguments {
            if !isFirst {
                buffer.append(UInt8(ascii: " "))
                TextEscape.appendArgument(storage.span.extracting(range), to: &buffer)
            } else if let executable, !sameName(executable, storage, range) {
                buffer.append(" (")
                TextEscape.appendArgument(storage.span.extracting(range), to: &buffer)
                buffer.append(")")
            }
            isFirst = false
        }
    }

    private func appendFailure(_ event: Event, to buffer: inout OutputBuffer) {
        guard let record = event.record else { return }
        buffer.append("could not execute ")
        TextEscape.appendArgument(record.execPath.span, to: &buffer)
        buffer.append(": ")
        appendErrno(record.fixed.error, to: &buffer)
    }

    private func appendExit(_ event: Event, _ process: Process, _ code: UInt32, to line: inout Line) {
        let signal = Int32(code & 0x7f)
        let status = (code >> 8) & 0xff
        let lived = durationText(event.time - min(event.time, process.key.start))
        line.write(.faint) { appendName(process.task.name, to: &$0) }
        line.buffer.append(UInt8(ascii: " "))
        line.write(signal != 0 ? .bad : status != 0 ? .warning : .faint) { buffer in
            if signal != 0 {
                buffer.append("killed by ")
                if let name = signalName(signal) {
                    buffer.append(name)
                } else {
                    buffer.append("signal ")
                    buffer.append(decimal: UInt64(signal))
                }
                if code & 0x80 != 0 { buffer.append(" (core dumped)") }
            } else {
                buffer.append("exited ")
                buffer.append(decimal: UInt64(status))
            }
            buffer.append(" after ")
            buffer.append(string: lived)
        }
    }

    private func appendLoss(_ event: Event, to buffer: inout OutputBuffer) {
        buffer.append("LOST ")
        buffer.append(decimal: event.lost.reduce(0) { $0 + $1.count })
        buffer.append(" events:")
        for (name, count) in event.lost {
            buffer.append(string: " \(name) ")
            buffer.append(decimal: count)
        }
    }

    /// What `wide` adds: directory, terminal, cgroup, and the chain of parents.
    func appendContext(_ event: Event, _ process: Process, to line: inout Line) {
        line.write(.faint) { buffer in
            switch event.action {
            case .exec, .existing, .execFailed:
                if case .path(let directory) = event.value(of: .processWorkingDirectory) {
                    buffer.append("  cwd=")
                    TextEscape.append(directory, to: &buffer)
                }
                if case .terminal(let driver, let number) = event.value(of: .processTTYName) {
                    buffer.append("  tty=")
                    TextEscape.append(terminal: driver, number, to: &buffer)
                }
                if let image = event.workload?.names.image {
                    buffer.append("  image=")
                    TextEscape.append(image.span, to: &buffer)
                }
                if let cgroup = event.cgroup {
                    buffer.append("  cgroup=")
                    TextEscape.append(cgroup.span, to: &buffer)
                }
            default: break
            }
            guard !event.ancestors.isEmpty else { return }
            buffer.append("  by ")
            for (index, ancestor) in event.ancestors.reversed().enumerated() {
                if index > 0 { buffer.append(" > ") }
                if ancestor.name.isEmpty {
                    buffer.append(decimal: UInt64(ancestor.key.pid))
                } else {
                    appendName(ancestor.name, to: &buffer)
                }
            }
        }
    }

    // MARK: Parts

    func appendName(_ name: CommandName, to buffer: inout OutputBuffer) {
        TextEscape.append(name.span, to: &buffer)
    }

    private func sameName(_ path: WalkedPath, _ storage: [UInt8], _ range: Range<Int>) -> Bool {
        var last = 0..<0
        path.forEachComponent { last = $0 }
        let argument = storage[range]
        let base = argument.lastIndex(of: UInt8(ascii: "/")).map { argument[($0 + 1)...] } ?? argument
        return path.bytes.storage[last].elementsEqual(base)
    }

    func appendRight(_ value: UInt64, width: Int, to buffer: inout OutputBuffer) {
        var limit: UInt64 = 10
        for _ in 1..<width {
            if value < limit { buffer.append(UInt8(ascii: " ")) }
            limit *= 10
        }
        buffer.append(decimal: value)
    }

    /// Escaped, cut with "+" as ps does, and padded.
    func appendLeft(_ text: Bytes, width: Int, to buffer: inout OutputBuffer) {
        var escaped = OutputBuffer(capacity: 64)
        TextEscape.append(text.span, to: &escaped)
        let bytes = escaped.bytes
        var columns = 0
        var index = 0
        var cut = (index: 0, columns: 0)  // where the text has to end for a "+" to fit
        while index < bytes.count, let scalar = Scalar(bytes, index),
            columns + scalar.columns <= width
        {
            columns += scalar.columns
            index += scalar.length
            if columns < width { cut = (index, columns) }
        }
        if index < bytes.count {
            buffer.append(bytes.extracting(first: cut.index))
            buffer.append(UInt8(ascii: "+"))
            columns = cut.columns + 1
        } else {
            buffer.append(bytes)
        }
        for _ in columns..<width { buffer.append(UInt8(ascii: " ")) }
    }
}

/// HH:MM:SS.mmm in the host's time zone.
private struct LocalClock {
    /// Of the last time that was written.
    private var second: UInt64 = .max
    private var parts: (hours: Int32, minutes: Int32, seconds: Int32) = (0, 0, 0)

    mutating func append(_ nanoseconds: UInt64, to buffer: inout OutputBuffer) {
        let seconds = nanoseconds / 1_000_000_000
        if seconds != second {
            second = seconds
            var time = time_t(seconds)
            var local = unsafe tm()
            unsafe localtime_r(&time, &local)
            parts = unsafe (local.tm_hour, local.tm_min, local.tm_sec)
        }
        buffer.append(padded: UInt64(parts.hours), width: 2)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(padded: UInt64(parts.minutes), width: 2)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(padded: UInt64(parts.seconds), width: 2)
        buffer.append(UInt8(ascii: "."))
        buffer.append(padded: nanoseconds / 1_000_000 % 1000, width: 3)
    }
}
