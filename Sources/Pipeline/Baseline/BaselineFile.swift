// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Glibc
internal import Recording
internal import Rendering

extension Baseline {
    /// Reads a recording, or lines of JSON; "-" is standard input. Either may come through a pipe: it is read once, from
    /// its start to its end. `limit` bounds how many things it may tell of.
    init(path: String, limit: Int = 200_000) throws(Failure) {
        let name = path == "-" ? "standard input" : path
        let descriptor = path == "-" ? dup(0) : unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else {
            throw Failure(
                .noInput, "can't read the baseline \(name): \(unsafe String(cString: strerror(errno)))",
                help: "ebpfguard watch-net -w FILE makes one")
        }
        self.init(limit: limit)
        var input = LineReader(descriptor)
        guard RecordingReader.isRecording(try input.peek(name)) else {
            defer { close(descriptor) }
            try learn(lines: &input, name)
            return
        }
        try learn(recording: descriptor, start: input.rest, name)
    }

    // MARK: Lines of JSON

    private mutating func learn(lines input: inout LineReader, _ name: String) throws(Failure) {
        var number = 0
        while let line = try input.next(name) {
            number += 1
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) { continue }
            guard let facts = BaselineFacts(line: line) else {
                throw Failure(
                    .badData, "the baseline \(name), line \(number): this is not a line of JSON, or not all of it",
                    help: "a baseline is what ebpfguard watch-net -o json writes, or a recording (-w)")
            }
            let item: BaselineItem?
            do throws(BaselineItem.Problem) {
                item = try BaselineItem(facts)
            } catch {
                throw Failure(.badData, "the baseline \(name), line \(number) \(error.message)", help: error.help)
            }
            if let item, !learn(item) { throw full(name, " by line \(number)") }
        }
    }

    private func full(_ name: String, _ place: String) -> Failure {
        Failure(
            .badData, "the baseline \(name) has more than \(grouped(UInt64(limit))) different things\(place)",
            help: "make one of a shorter run, or with a scope")
    }

    // MARK: Recordings

    /// What its own run would have told of. The descriptor is closed.
    private mutating func learn(recording descriptor: Int32, start: [UInt8], _ name: String) throws(Failure) {
        var reader: RecordingReader
        do throws(RecordingError) {
            reader = try RecordingReader(descriptor: descriptor, start: start)
        } catch {
            throw Trace.failure(error, "the baseline \(name)")
        }
        guard let header = RecordingHeader(reader.header) else {
            throw Failure(.badData, "the baseline \(name) is a recording whose header is not whole", help: Self.again)
        }
        guard header.command == WatchCommand.watchNet.name else {
            throw Failure(
                .badData, "the baseline \(name) is a recording of \(header.command)",
                help: "make the baseline with ebpfguard watch-net -w")
        }
        var learner = RecordingLearner(header)
        while true {
            guard case .entries = reader.next() else { break }
            reader.forEachEntry { kind, bytes in
                learner.take(kind, bytes)
                return true
            }
            for item in learner.takeItems() where !learn(item) { throw full(name, "") }
        }
        guard case .end(let end) = reader.next(), end != .whole else { return }
        if case .unreadable(let code) = end {
            throw Failure(.failure, "can't read the baseline \(name): \(unsafe String(cString: strerror(code)))")
        }
        // With half of it, half of what is old would look new.
        throw Failure(
            .badData, "the baseline \(name) is a recording that is cut or damaged, so not all of it can be known",
            help: Self.again)
    }

    private static let again = "make it again, and let its run come to its end"
}

/// Turns the entries of a recording into what they tell of.
private struct RecordingLearner: ~Copyable {
    private let lookups = Lookups(.recording)
    private var enricher: Enricher
    private var renderer: JSONRenderer
    private var buffer = OutputBuffer()
    private var items: [BaselineItem] = []

    init(_ header: RecordingHeader) {
        enricher = Enricher(
            host: header.host, failedExecHook: header.failedExecHook, lookups: lookups, keepsEnded: true)
        renderer = JSONRenderer(fields: BaselineFacts.fields, host: header.host, redacts: false)
    }

    mutating func takeItems() -> [BaselineItem] {
        defer { items.removeAll() }
        return items
    }

    mutating func take(_ kind: EntryKind, _ bytes: RawSpan) {
        switch kind {
        case .answer:
            let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
            if let answer = RecordedAnswer(copy) { lookups.learn(answer.question, answer.answer) }
        case .known, .existing, .record:
            guard let record = try? Record(decoding: bytes) else { return }
            if case .message(let message) = record {
                _ = enricher.events(for: message)
                return
            }
            guard let event = enricher.event(for: record) else { return }
            // The others were out of its scope.
            if kind != .known, event.connection != nil { add(event) }
            enricher.finish(event)
        case .loss, .value: break
        }
    }

    private mutating func add(_ event: Event) {
        buffer.removeAll()
        renderer.append(event, to: &buffer)
        guard let facts = BaselineFacts(line: buffer.array()), let item = (try? BaselineItem(facts)) ?? nil else {
            return
        }
        items.append(item)
    }
}

/// The lines of a descriptor, one after the other.
private struct LineReader {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    /// No event has a longer line.
    private static let limit = 4 << 20

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// What was read, and not given as lines.
    var rest: [UInt8] { Array(buffer[start...]) }

    /// Its first bytes.
    mutating func peek(_ name: String) throws(Failure) -> [UInt8] {
        while buffer.count < 8, !isAtEnd { try read(name) }
        return Array(buffer.prefix(8))
    }

    mutating func next(_ name: String) throws(Failure) -> [UInt8]? {
        var looked = start
        while true {
            if let end = buffer[looked...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                return Array(buffer[start..<end])
            }
            if isAtEnd {
                guard start < buffer.count else { return nil }
                defer { start = buffer.count }
                return Array(buffer[start...])
            }
            buffer.removeFirst(start)
            start = 0
            looked = buffer.count
            guard buffer.count <= Self.limit else {
                throw Failure(
                    .badData, "the baseline \(name) has a line of more than \(Self.limit >> 20) MB",
                    help: "a baseline is what ebpfguard watch-net -o json writes, or a recording (-w)")
            }
            try read(name)
        }
    }

    private mutating func read(_ name: String) throws(Failure) {
        var bytes = [UInt8](repeating: 0, count: 1 << 18)
        var count = 0
        repeat {
            count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
        } while count < 0 && errno == EINTR
        if count < 0 {
            let code = errno
            throw Failure(
                code == EISDIR ? .badData : .failure,
                "can't read the baseline \(name): \(unsafe String(cString: strerror(code)))",
                help: code == EISDIR ? "name a file: a recording, or lines of JSON" : nil)
        }
        if count == 0 { isAtEnd = true }
        buffer.append(contentsOf: bytes[..<count])
    }
}

extension TraceOptions {
    /// What does not go together; `nil` when all does.
    package var baselineMistake: Failure? {
        let input = ["-", "/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"]
        if baseline == "" { return Failure(.usage, "--baseline needs a file") }
        guard let baseline, let readsFrom, input.contains(baseline), input.contains(readsFrom) else { return nil }
        return Failure(
            .usage, "--baseline and --read can't both be standard input", help: "put one of them into a file")
    }
}
