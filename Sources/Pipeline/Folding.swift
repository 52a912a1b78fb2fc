// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Rendering

/// `--dedup`: the first of several events that are the same is told, and opens a window of time; those that follow in it
/// are counted. When it closes, the last of them is told with their number.
///
/// By the time of the events, not by the clock, so that a recording is folded as the run itself was.
struct Folding: ~Copyable {
    /// Events are the same when they have the same values here.
    static let fields: Set<Field> = [
        .eventAction, .eventOutcome, .errorCode, .ebpfguardErrno, .processName, .processExecutable, .processArgs,
        .processExitCode, .processExitSignal, .userID, .ebpfguardCgroupID, .ebpfguardExecPath, .ebpfguardExecArgs,
        .ebpfguardSignal, .syscallName, .syscallABI, .syscallArgs, .syscallReturn, .targetName, .targetExecutable,
        .destinationIP, .destinationPort, .networkDirection, .ebpfguardCloseReason, .ebpfguardNetworkNamespace,
        .destinationAddress, .ebpfguardDropReason, .ebpfguardSocketFamily, .ebpfguardSocketType,
        .ebpfguardSocketProtocol,
        .networkIANANumber, .filePath, .fileOriginalPath, .fileOpenFlags,
    ]

    /// What is remembered of values: they may be long. Two numbers, because one alone may collide by chance.
    private struct Key: Hashable {
        let first, second: Int

        init(_ bytes: [UInt8]) {
            var hasher = Hasher()
            hasher.combine(0)
            hasher.combine(bytes)
            first = hasher.finalize()
            hasher = Hasher()
            hasher.combine(1)
            hasher.combine(bytes)
            second = hasher.finalize()
        }
    }

    private struct Window {
        let start: UInt64
        var repeats: UInt64 = 0
        var last: Event?
        var size = 0
    }

    /// Nanoseconds.
    private let length: UInt64
    private let limit: Int
    private var windows: [Key: Window] = [:]
    /// In the order in which they were opened, which is that in which they close; those before `oldest` are closed.
    private var order: [Key] = []
    private var oldest = 0
    /// Bytes of records that are kept.
    private var kept = 0
    private static let keptLimit = 16 << 20
    private var renderer: JSONRenderer
    private var buffer = OutputBuffer()

    init(length: UInt64, host: Host, limit: Int = 10_000) {
        self.length = length
        self.limit = limit
        renderer = JSONRenderer(fields: Self.fields, host: host, redacts: false)
    }

    /// True when the event is one of those that are only counted.
    mutating func folds(_ event: Event) -> Bool {
        buffer.removeAll()
        renderer.append(event, to: &buffer)
        let key = Key(buffer.array())
        guard var window = windows.removeValue(forKey: key) else {
            windows[key] = Window(start: event.time)
            order.append(key)
            return false
        }
        kept -= window.size
        window.repeats += 1
        window.last = event
        window.size = Self.size(event)
        kept += window.size
        windows[key] = window
        return true
    }

    /// Closes the windows that end by `time`, and the oldest while there are too many; gives what is to be told of them.
    mutating func close(until time: UInt64) -> [Event] {
        var closed: [Event] = []
        while oldest < order.count, let window = windows[order[oldest]] {
            let isOver = window.start + length <= time
            guard isOver || windows.count > limit || kept > Self.keptLimit else { break }
            if let event = closeOldest(window) { closed.append(event) }
        }
        if oldest > 1024, oldest > order.count / 2 {
            order.removeFirst(oldest)
            oldest = 0
        }
        return closed
    }

    private mutating func closeOldest(_ window: Window) -> Event? {
        windows[order[oldest]] = nil
        oldest += 1
        kept -= window.size
        guard var event = window.last else { return nil }
        event.repeats = (window.repeats, event.time - min(event.time, window.start))
        return event
    }

    private static func size(_ event: Event) -> Int {
        ((event.record ?? event.image?.record)?.byteCount ?? 0) + (event.call?.byteCount ?? 0)
    }
}
