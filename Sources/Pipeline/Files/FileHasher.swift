// SPDX-License-Identifier: Apache-2.0

internal import CCrypto
internal import CLinux
internal import CWire
internal import Enrichment
internal import Events
internal import Glibc
internal import Rendering
internal import Synchronization

/// SHA-256 of files, as they were at an event.
///
/// By a thread of its own: a file system may take any time to find a file, and to read it. The loop waits for it a little,
/// and a part of the time at most.
final class FileHasher {
    /// Bytes; of larger files there is no hash.
    static let sizeLimit = 16 << 20
    /// How long one file may take, milliseconds.
    private static let patience: UInt64 = 200
    /// A quarter of the time, of which so much may be saved up, nanoseconds.
    private static let share: UInt64 = 4
    private static let budgetLimit: UInt64 = 1_000_000_000

    struct Job: Sendable {
        let inode: UInt64
        /// As the kernel has it: major << 20 | minor. `nil` where that is not known.
        let device: UInt32?
        /// CLOCK_BOOTTIME of the event, nanoseconds.
        let time: UInt64
        /// Where it may be. Tried in this order; it is known again by its numbers.
        let places: [Place]
    }

    enum Place: Sendable {
        /// A magic link to the file itself.
        case link(String)
        /// A path in the root directory that a link leads to.
        case path([UInt8], root: String)
    }

    enum Outcome: Sendable {
        case hash([UInt8])
        case gone, changed, tooLarge, unreadable, late
    }

    private let worker = Worker()
    private var isStarted = false
    private var isBusy = false
    private var budget = budgetLimit
    private var budgetTime: UInt64 = 0
    private var counts: [UInt64] = [0, 0, 0, 0, 0]
    private var hashed: UInt64 = 0

    func hash(_ job: Job) -> [UInt8]? {
        let outcome = outcome(of: job)
        switch outcome {
        case .hash(let bytes):
            hashed += 1
            return bytes
        case .changed: counts[0] += 1
        case .gone: counts[1] += 1
        case .tooLarge: counts[2] += 1
        case .unreadable: counts[3] += 1
        case .late: counts[4] += 1
        }
        return nil
    }

    /// For the footer.
    var line: String {
        let reasons = [
            "changed since", "not found any more", "larger than 16 MiB", "in a file system that is not read",
            "for want of time",
        ]
        let left = zip(counts, reasons).filter { $0.0 > 0 }.map { "\(grouped($0.0)) \($0.1)" }
        return "hashed \(counted(hashed, "time"))" + (left.isEmpty ? "" : "; left out: \(left.joined(separator: ", "))")
    }

    private func outcome(of job: Job) -> Outcome {
        let start = Host.boottime()
        if budgetTime != 0 { budget = min(Self.budgetLimit, budget + (start - budgetTime) / Self.share) }
        budgetTime = start
        if isBusy {
            guard worker.waits(milliseconds: 0) else { return .late }
            _ = worker.outcome()
            isBusy = false
        }
        guard budget > 1_000_000, isStarted || worker.start() else { return .late }
        isStarted = true
        worker.begin(job)
        let isDone = worker.waits(milliseconds: min(Self.patience, budget / 1_000_000))
        let now = Host.boottime()
        budget -= min(budget, now - start)
        budgetTime = now
        isBusy = !isDone
        return isDone ? worker.outcome() : .late
    }
}

extension FileHasher {
    /// Where to look for the file of an event: in the root directory of its process, in those of the processes above, which
    /// live longer, and in ours.
    static func places(of event: Event, also others: [[UInt8]]) -> [Place] {
        var places: [Place] = []
        let isExecuted = event.executed != nil || event.file?.record.has(WIRE_FILE_EXEC) == true
        if isExecuted { places.append(.link("/proc/\(event.task.pid)/exe")) }
        let path = event.executed?.path ?? event.file?.path
        if let path {
            for pid in [event.task.pid] + event.ancestors.prefix(Self.mostAncestors).map(\.key.pid) {
                places.append(.path(path.bytes, root: "/proc/\(pid)/root"))
            }
        }
        for path in (path.map { [$0.hostPathBytes] } ?? []) + others { places.append(.path(path, root: "/")) }
        return places
    }

    private static let mostAncestors = 3
}

extension FileHasher {
    /// What both threads know. It lives as long as the process: the thread may hang in a file system.
    private final class Worker: Sendable {
        private struct State {
            var job: Job?
            var outcome: Outcome?
        }

        private let state = Mutex(State())
        private let request = clinux_event()
        private let done = clinux_event()

        func start() -> Bool {
            guard request >= 0, done >= 0 else { return false }
            var thread = pthread_t()
            let this = unsafe Unmanaged.passRetained(self)
            let code = unsafe pthread_create(
                &thread, nil,
                { pointer in
                    unsafe Unmanaged<Worker>.fromOpaque(pointer!).takeRetainedValue().run()
                    return nil
                }, unsafe this.toOpaque())
            if code == 0 { pthread_detach(thread) } else { unsafe this.release() }
            return code == 0
        }

        func begin(_ job: Job) {
            state.withLock { $0 = State(job: job) }
            clinux_tell_event(request)
        }

        /// Whether it has done what it was asked for.
        func waits(milliseconds: UInt64) -> Bool {
            clinux_await_event(done, Int32(milliseconds))
        }

        func outcome() -> Outcome { state.withLock { $0.outcome } ?? .late }

        private func run() {
            // Signals are the loop's.
            var all = sigset_t()
            unsafe sigfillset(&all)
            unsafe pthread_sigmask(SIG_BLOCK, &all, nil)
            var reader = FileReader()
            while true {
                guard clinux_await_event(request, -1) else { return }
                guard let job = state.withLock({ $0.job }) else { continue }
                let outcome = reader.outcome(of: job)
                state.withLock { $0.outcome = outcome }
                clinux_tell_event(done)
            }
        }
    }
}

/// Finds and reads files, in the hasher's thread.
private struct FileReader: ~Copyable {
    /// A file as it was.
    private struct Version: Hashable {
        let device, inode, size, seconds, nanoseconds: UInt64
    }

    private var known: [Version: [UInt8]] = [:]
    private static let mostKnown = 4096
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)

    mutating func outcome(of job: FileHasher.Job) -> FileHasher.Outcome {
        var worst = FileHasher.Outcome.gone
        for place in job.places {
            let file = Self.find(place)
            guard file >= 0 else { continue }
            defer { close(file) }
            guard let outcome = outcome(of: file, job) else { continue }
            if case .hash = outcome { return outcome }
            worst = outcome
        }
        return worst
    }

    /// Without opening it: to open a device may do something. -1 when it is not there.
    private static func find(_ place: FileHasher.Place) -> Int32 {
        switch place {
        case .link(let path): return unsafe clinux_find(path)
        case .path(let path, let root):
            let directory = unsafe clinux_find(root)
            guard directory >= 0 else { return -1 }
            defer { close(directory) }
            return unsafe (path + [0]).withUnsafeBytes { path in
                unsafe clinux_find_beneath(directory, path.baseAddress!.assumingMemoryBound(to: CChar.self))
            }
        }
    }

    /// `nil` for another file.
    private mutating func outcome(of file: Int32, _ job: FileHasher.Job) -> FileHasher.Outcome? {
        var status = stat()
        var system = statfs()
        guard unsafe fstat(file, &status) == 0, status.st_ino == job.inode, status.st_mode & S_IFMT == S_IFREG,
            unsafe fstatfs(file, &system) == 0
        else { return nil }
        let magic = UInt32(truncatingIfNeeded: system.f_type)
        guard Self.local.contains(magic) else { return .unreadable }
        // stat(2) has another device than the kernel for a subvolume and for what an overlay shows of a layer.
        if let device = job.device, !Self.hasOwnDevices.contains(magic), Self.device(status.st_dev) != device {
            return nil
        }
        let changed = Self.nanoseconds(status.st_ctim)
        guard changed <= Self.realtime(of: job.time) else { return .changed }
        guard status.st_size <= FileHasher.sizeLimit else { return .tooLarge }
        let version = Version(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: UInt64(status.st_size),
            seconds: UInt64(bitPattern: Int64(status.st_ctim.tv_sec)), nanoseconds: UInt64(status.st_ctim.tv_nsec))
        if let hash = known[version] { return .hash(hash) }
        let copy = clinux_open_found(file)
        guard copy >= 0 else { return .unreadable }
        defer { close(copy) }
        guard let (hash, size) = read(copy) else { return .unreadable }
        var after = stat()
        guard unsafe fstat(copy, &after) == 0, size == status.st_size, after.st_size == status.st_size,
            Self.nanoseconds(after.st_ctim) == changed
        else { return .changed }
        // A change in the same tick of the file system's clock would not be seen.
        if Self.now(CLOCK_REALTIME) > changed + 1_000_000_000 {
            if known.count >= Self.mostKnown { known.removeAll() }
            known[version] = hash
        }
        return .hash(hash)
    }

    private mutating func read(_ file: Int32) -> (hash: [UInt8], size: Int)? {
        var context = SHA256_CTX()
        unsafe SHA256_Init(&context)
        var size = 0
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress!, $0.count) }
            if count == 0 || size > FileHasher.sizeLimit { break }
            guard count > 0 else { return nil }
            unsafe buffer.withUnsafeBytes { _ = unsafe SHA256_Update(&context, $0.baseAddress!, count) }
            size += count
        }
        var hash = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        unsafe hash.withUnsafeMutableBufferPointer { _ = unsafe SHA256_Final($0.baseAddress!, &context) }
        return (hash, size)
    }

    /// File systems whose regular files are just that, and on this host: linux/magic.h.
    private static let local: Set<UInt32> = [
        0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994, 0x8584_58f6, 0x794c_7630, 0xca45_1a4e, 0x2fc1_2fc1,
        0xe0f5_e1e2, 0x7371_7368, 0x4d44, 0x2011_bab0, 0x9660,
    ]
    private static let hasOwnDevices: Set<UInt32> = [0x9123_683e, 0x794c_7630, 0xca45_1a4e]

    /// As the kernel has it.
    private static func device(_ device: dev_t) -> UInt32 {
        UInt32(truncatingIfNeeded: (device >> 8 & 0xfff) << 20 | device & 0xff | device >> 12 & 0xfff00)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func now(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return nanoseconds(time)
    }

    /// By the clocks of now: that of the day may have been set since the run began. A little late, as two readings are.
    private static func realtime(of time: UInt64) -> Int64 {
        let boot = now(CLOCK_BOOTTIME)
        return now(CLOCK_REALTIME) - (boot - Int64(time))
    }
}
