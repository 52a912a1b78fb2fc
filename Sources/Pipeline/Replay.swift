// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Glibc
internal import Recording
internal import Rendering

extension Trace {
    /// The same run on a recording: nothing is asked of the system, and each record takes the way that it took then.
    static func replay(_ path: String, _ options: TraceOptions) throws(Failure) -> ExitStatus {
        let name = path == "-" ? "standard input" : path
        let baseline = try options.baseline.map { path throws(Failure) in try Baseline(path: path) }
        let reports = try Reports(options)
        var learning = try PolicyLearning(options)
        var reader: RecordingReader
        do throws(RecordingError) {
            reader = try RecordingReader(path: path)
        } catch {
            throw failure(error, name)
        }
        guard let header = RecordingHeader(reader.header) else {
            throw Failure(.badData, "\(name) does not say which host it was made on", help: "its header is not whole")
        }
        guard header.command == options.command.name || options.judges else {
            let judged = ", and ebpfguard enforce -r holds it against a policy"
            throw Failure(
                .badData, "\(name) is a recording of \(header.command)",
                help: "ebpfguard \(header.command) -r reads it" + (header.command == "enforce" ? "" : judged))
        }
        let lookups = Lookups(.recording)
        var replay = Replay(
            options, header, lookups: lookups,
            state: TraceState(
                options, host: header.host, sink: try Sink(options, host: header.host),
                failedExecHook: header.failedExecHook, lookups: lookups, started: header.started, baseline: baseline,
                learning: learning.take()
            )
        )
        var loop = EventLoop()
        loop.watchOutput(1)
        if !options.quiet, let line = replay.state.sink.header { note(line) }
        let end = try read(&reader, &replay, &loop)
        let recorded = reader.footer.first { $0.name == "watched" }.flatMap { UInt64($0.value) }
        let watched = recorded ?? (replay.last > header.started ? replay.last - header.started : 0)
        replay.state.end(counted: [], time: header.started &+ watched)
        _ = try replay.state.sink.flush(loop, isLast: true)

        var footer = Footer(
            watched: min(watched, replay.end.map { $0 - header.started } ?? watched), seen: replay.state.seen,
            printed: replay.state.sink.printed, filtered: replay.state.filtered,
            heldBack: replay.state.heldBack, folded: replay.state.folded, summarised: replay.state.summarised,
            lost: replay.state.lost, missing: header.missing,
            recording: ["from \(name): \(header.hostName), Linux \(header.kernel), \(header.time(header.started))"]
        )
        footer.baseline = replay.state.baselineLine
        footer.files = replay.state.filesLine
        footer.learned = try replay.state.learned(options)
        if options.command == .enforce { footer.policy = replay.state.policyLine }
        if !options.quiet { for line in footer.lines() { note(line) } }
        Reports.tell(replay.state.findings.lines(), options.command)
        if let end, let problem = problem(end, name, header.time(replay.last > 0 ? replay.last : header.started)) {
            throw problem
        }
        let status = status(options, replay.state, footer, nil)
        try reports.write(replay.state.report(options, footer, status))
        return status
    }

    /// Reads up to the end, and gives it; `nil` when the run was over before.
    private static func read(
        _ reader: inout RecordingReader, _ replay: inout Replay, _ loop: inout EventLoop
    ) throws(Failure) -> RecordingReader.End? {
        while true {
            if case .end(let end) = reader.next() { return end }
            var taken = 0
            while try replay.take(reader, from: &taken) {
                if case .closed = try replay.state.sink.flush(loop) { return nil }
            }
            if case .closed = try replay.state.sink.flush(loop) { return nil }
            if replay.isOver { return nil }
            let wakeup = loop.wait(milliseconds: 0)
            if wakeup.outputIsGone || wakeup.signals.contains(where: { [SIGINT, SIGTERM, SIGHUP].contains($0) }) {
                return nil
            }
            if wakeup.signals.contains(SIGWINCH) { replay.state.sink.resize() }
        }
    }

    private static func problem(_ end: RecordingReader.End, _ name: String, _ time: String) -> Failure? {
        let rest = "it tells of what happened up to \(time), and that is shown"
        switch end {
        case .whole: return nil
        case .cut(let leftOver):
            let what = counted(leftOver, "byte of an unfinished block is", "bytes of an unfinished block are")
            let bytes = leftOver == 0 ? "" : ", and \(what) left over"
            return Failure(.badData, "\(name) is cut: its end mark is missing\(bytes)", help: rest)
        case .damaged(let offset):
            return Failure(
                .badData, "\(name) is damaged at byte \(grouped(offset)): nothing behind is read", help: rest)
        case .unreadable(let code):
            return Failure(.failure, "can't read \(name): \(unsafe String(cString: strerror(code)))", help: rest)
        }
    }

    static func failure(_ error: RecordingError, _ name: String) -> Failure {
        switch error {
        case .unreadable(EISDIR): Failure(.badData, "\(name) is a directory, not a recording")
        case .unreadable(let code), .unwritable(let code):
            Failure(.noInput, "can't read \(name): \(unsafe String(cString: strerror(code)))")
        case .empty: Failure(.badData, "\(name) is empty")
        case .foreign: Failure(.badData, "\(name) is not a recording", help: "ebpfguard trace -w FILE makes one")
        case .newer(let major):
            Failure(
                .badData, "\(name) was made by a newer ebpfguard: its format is \(major), this one reads 1",
                help: "read it with the version that made it"
            )
        case .noHeader:
            Failure(
                .badData, "\(name) is cut or damaged in its header: nothing can be shown",
                help: "a recording says first of which host it is"
            )
        }
    }
}

/// What a replay takes from the entries of a recording.
private struct Replay: ~Copyable {
    private let options: TraceOptions
    private let lookups: Lookups
    var state: TraceState
    /// Where `--duration` ends, CLOCK_BOOTTIME; `nil` when the recording has no more than that.
    let end: UInt64?
    /// Time of the latest record.
    private(set) var last: UInt64 = 0
    /// Nothing that follows is wanted.
    private(set) var isOver = false

    init(_ options: TraceOptions, _ header: RecordingHeader, lookups: Lookups, state: consuming TraceState) {
        self.options = options
        self.lookups = lookups
        self.state = state
        // A run that had this limit itself has its last events a little behind it.
        if let duration = options.duration, header.duration.map({ $0 > duration }) ?? true {
            let (end, overflow) = header.started.addingReportingOverflow(duration)
            self.end = overflow ? nil : end
        } else {
            end = nil
        }
    }

    /// Takes entries of the block from number `taken` on. True when there is output to write, and entries are left.
    mutating func take(_ reader: borrowing RecordingReader, from taken: inout Int) throws(Failure) -> Bool {
        var index = 0
        var stopped = false
        reader.forEachEntry { kind, bytes in
            index += 1
            if index <= taken { return true }
            taken = index
            take(kind, bytes)
            stopped = state.sink.isFull
            return !stopped && !isOver
        }
        return stopped && !isOver
    }

    private mutating func take(_ kind: EntryKind, _ bytes: RawSpan) {
        switch kind {
        case .answer:
            if let answer = RecordedAnswer(Self.copy(bytes)) { lookups.learn(answer.question, answer.answer) }
        case .known: state.takeExisting(bytes, show: false)
        case .existing: state.takeExisting(bytes, show: options.existing)
        case .loss:
            // The losses of a run that was complete before belong to it: they were looked for when it ended.
            guard let loss = RecordedLoss(Self.copy(bytes)), end.map({ loss.time <= $0 }) ?? true else { return }
            state.take(loss)
        case .record:
            if state.isComplete {
                isOver = true
                return
            }
            let time = Record.time(of: bytes)
            last = max(last, time)
            if let end, time >= end { return }
            if wants(bytes) { _ = state.take(bytes) }
        case .value: break
        }
    }

    /// Whether a run with these options would have had this record at all: which calls and signals are told is decided in
    /// the kernel, and the recorded run may have been asked for more.
    private func wants(_ bytes: RawSpan) -> Bool {
        guard Record.isOptional(bytes), let record = try? Record(decoding: bytes) else { return true }
        switch record {
        case .syscall(let call):
            if options.security && call.isSecurity { return true }
            guard let calls = options.syscalls else { return false }
            guard let abi = call.abi, call.name != nil else { return calls.containsUnknown }
            return calls.contains(abi, call.number)
        case .signal(let signal):
            return (1...64).contains(signal.signal) && options.signals >> (signal.signal - 1) & 1 != 0
        case .oom: return options.signals != 0
        case .connection, .rawSocket: return options.judges || options.command == .watchNet
        case .message:
            return options.judges || options.command == .watchNet || !options.chosenDetectors.isEmpty
        case .detected: return !options.chosenDetectors.isEmpty
        case .drop: return options.drops
        case .unix: return options.unix
        case .file: return options.judges || options.command == .watchFiles
        default: return true
        }
    }

    private static func copy(_ bytes: RawSpan) -> [UInt8] { unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
}

extension RecordingHeader {
    /// UTC, for a CLOCK_BOOTTIME.
    fileprivate func time(_ boottime: UInt64) -> String { timestampText(host.realtime(boottime)) }
}
