// SPDX-License-Identifier: Apache-2.0

package import CWire

/// Why bytes are not a record.
package enum DecodeError: Error, Equatable {
    case tooShort(needed: Int, got: Int)
    case lengthMismatch(said: Int, got: Int)
    /// A part of the record ends behind its end.
    case partsTooLong
    case unknownKind(UInt16)
}

/// One record from the kernel, decoded. Numbers are copied out; everything of variable length stays in `bytes`.
package enum Record {
    case process(ProcessRecord)
    case fork(wire_task, time: UInt64)
    case exit(wire_task, code: UInt32, time: UInt64)
    case cgroup(id: UInt64, path: Bytes, time: UInt64)
    case syscall(SyscallRecord)
    case signal(wire_signal)
    case oom(wire_oom)
    case connection(ConnectionRecord)
    case message(MessageRecord)
    case drop(DropRecord)
    case rawSocket(RawSocketRecord)
    case unix(UnixRecord)
    case file(FileRecord)
    case violation(ViolationRecord)
    case guarded(GuardRecord)
    case detected(DetectRecord)

    /// When a record was made, by its header; 0 when it has none.
    package static func time(of span: RawSpan) -> UInt64 { (try? span.load(wire_header.self))?.time ?? 0 }

    /// Whether it is of a kind that is only told when it is asked for.
    package static func isOptional(_ span: RawSpan) -> Bool {
        guard let header = try? span.load(wire_header.self) else { return false }
        let kinds = [
            WIRE_SYSCALL, WIRE_SIGNAL, WIRE_OOM, WIRE_CONNECT, WIRE_ACCEPT, WIRE_LISTEN, WIRE_CLOSE, WIRE_SOCKET,
            WIRE_MESSAGE, WIRE_UDP, WIRE_DROP, WIRE_RAW_SOCKET, WIRE_UNIX, WIRE_FILE,
            WIRE_VIOLATION, WIRE_GUARD, WIRE_DETECT,
        ]
        return kinds.contains { $0.rawValue == UInt32(header.kind) }
    }

    /// Whether it tells of a new cgroup.
    package static func isCgroup(_ span: RawSpan) -> Bool {
        (try? span.load(wire_header.self))?.kind == UInt16(WIRE_CGROUP.rawValue)
    }

    package static func isViolation(_ span: RawSpan) -> Bool {
        (try? span.load(wire_header.self))?.kind == UInt16(WIRE_VIOLATION.rawValue)
    }

    package static func isDetection(_ span: RawSpan) -> Bool {
        (try? span.load(wire_header.self))?.kind == UInt16(WIRE_DETECT.rawValue)
    }

    /// Decodes a whole record. The bytes are copied once, because what a process was started with is wanted again when
    /// it ends.
    package init(decoding span: RawSpan) throws(DecodeError) {
        let header = try span.load(wire_header.self)
        guard Int(header.length) <= span.byteCount, header.length >= MemoryLayout<wire_header>.size else {
            throw .lengthMismatch(said: Int(header.length), got: span.byteCount)
        }
        let span = span.extracting(first: Int(header.length))
        switch UInt32(header.kind) {
        case WIRE_EXEC.rawValue, WIRE_EXEC_FAILED.rawValue, WIRE_EXISTING.rawValue:
            self = .process(try ProcessRecord(decoding: span))
        case WIRE_FORK.rawValue:
            let record = try span.load(wire_fork.self)
            self = .fork(record.task, time: header.time)
        case WIRE_EXIT.rawValue:
            let record = try span.load(wire_exit.self)
            self = .exit(record.task, code: record.code, time: header.time)
        case WIRE_CGROUP.rawValue:
            let record = try span.load(wire_cgroup.self)
            let start = MemoryLayout<wire_cgroup>.size
            guard start + Int(record.path_size) <= span.byteCount else { throw .partsTooLong }
            let bytes = span.copy(start..<start + Int(record.path_size))
            self = .cgroup(id: record.id, path: Bytes(bytes), time: header.time)
        case WIRE_SYSCALL.rawValue:
            self = .syscall(try SyscallRecord(decoding: span))
        case WIRE_SIGNAL.rawValue:
            self = .signal(try span.load(wire_signal.self))
        case WIRE_OOM.rawValue:
            self = .oom(try span.load(wire_oom.self))
        case WIRE_CONNECT.rawValue, WIRE_ACCEPT.rawValue, WIRE_LISTEN.rawValue, WIRE_CLOSE.rawValue,
            WIRE_SOCKET.rawValue, WIRE_UDP.rawValue:
            self = .connection(ConnectionRecord(try span.load(wire_connection.self)))
        case WIRE_MESSAGE.rawValue:
            self = .message(try MessageRecord(decoding: span))
        case WIRE_DROP.rawValue:
            self = .drop(try DropRecord(decoding: span))
        case WIRE_RAW_SOCKET.rawValue:
            self = .rawSocket(RawSocketRecord(try span.load(wire_raw_socket.self)))
        case WIRE_UNIX.rawValue:
            self = .unix(try UnixRecord(decoding: span))
        case WIRE_FILE.rawValue:
            self = .file(try FileRecord(decoding: span))
        case WIRE_VIOLATION.rawValue:
            self = .violation(ViolationRecord(try span.load(wire_violation.self)))
        case WIRE_GUARD.rawValue:
            self = .guarded(try GuardRecord(decoding: span))
        case WIRE_DETECT.rawValue:
            self = .detected(DetectRecord(try span.load(wire_detect.self)))
        default:
            throw .unknownKind(header.kind)
        }
    }
}

/// A process's image and surroundings at exec, at a failed exec, or when it was found already there.
package final class ProcessRecord: Sendable {
    package let fixed: wire_process
    package let executable: WalkedPath?
    package let directory: WalkedPath?
    private let storage: [UInt8]
    private let tails: Tails

    /// Offsets of the parts behind the fixed one, in the order in which they lie.
    private struct Tails {
        var ancestors, executable, directory, execPath, interpreter, at, arguments: Range<Int>
    }

    convenience init(decoding span: RawSpan) throws(DecodeError) {
        let fixed = try span.load(wire_process.self)
        var end = MemoryLayout<wire_process>.size
        func take(_ size: Int) -> Range<Int> {
            defer { end += size }
            return end..<end + size
        }
        let tails = Tails(
            ancestors: take(Int(fixed.ancestor_count) * MemoryLayout<wire_ancestor>.stride),
            executable: take(Int(fixed.executable_size)),
            directory: take(Int(fixed.directory_size)),
            execPath: take(Int(fixed.exec_path_size)),
            interpreter: take(Int(fixed.interpreter_size)),
            at: take(Int(fixed.at_size)),
            arguments: take(Int(fixed.args_size))
        )
        guard end <= span.byteCount else { throw .partsTooLong }
        self.init(fixed, span.copy(0..<end), tails)
    }

    private init(_ fixed: wire_process, _ storage: [UInt8], _ tails: Tails) {
        self.fixed = fixed
        self.storage = storage
        self.tails = tails
        executable = Self.path(storage, tails.executable)
        directory = Self.path(storage, tails.directory)
    }

    package var kind: UInt32 { UInt32(fixed.header.kind) }
    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }
    package var at: WalkedPath? { Self.path(storage, tails.at) }
    package var execPath: Bytes { Bytes(storage, tails.execPath) }
    package var interpreter: Bytes { Bytes(storage, tails.interpreter) }
    package var arguments: TextList { TextList(Bytes(storage, tails.arguments)) }

    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }

    /// Bytes of arguments that the process has and that are not here.
    package var argumentsAreCut: Bool { fixed.args_size < fixed.args_total }

    /// Parent first.
    package var ancestors: [wire_ancestor] {
        let storage = storage
        let span = unsafe storage.span.bytes
        return stride(
            from: tails.ancestors.lowerBound, to: tails.ancestors.upperBound, by: MemoryLayout<wire_ancestor>.stride
        )
        .map { unsafe span.unsafeLoadUnaligned(fromByteOffset: $0, as: wire_ancestor.self) }
    }

    /// The size in memory.
    package var byteCount: Int { storage.count }

    /// The same record with at most `limit` bytes of arguments, for keeping.
    package func keepingArguments(_ limit: Int) -> ProcessRecord {
        guard tails.arguments.count > limit else { return self }
        var fixed = fixed
        var tails = tails
        fixed.args_size = UInt32(limit)
        tails.arguments = tails.arguments.lowerBound..<tails.arguments.lowerBound + limit
        return ProcessRecord(fixed, Array(storage[..<tails.arguments.upperBound]), tails)
    }

    private static func path(_ storage: [UInt8], _ range: Range<Int>) -> WalkedPath? {
        range.isEmpty ? nil : WalkedPath(Bytes(storage, range))
    }
}

extension RawSpan {
    /// The value at the front. The wire structs are plain numbers, so any bytes are a valid value.
    func load<Value: BitwiseCopyable>(_ type: Value.Type) throws(DecodeError) -> Value {
        guard byteCount >= MemoryLayout<Value>.size else {
            throw .tooShort(needed: MemoryLayout<Value>.size, got: byteCount)
        }
        return unsafe unsafeLoadUnaligned(as: type)
    }

    func copy(_ range: Range<Int>) -> [UInt8] {
        let part = extracting(range)
        return unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            unsafe part.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
            }
            count = range.count
        }
    }
}

extension wire_task {
    package var key: ProcessKey { ProcessKey(pid: pid, start: start) }
    package var parentKey: ProcessKey { ProcessKey(pid: parent_pid, start: parent_start) }
    package var name: CommandName { CommandName(comm) }
}

extension wire_ancestor {
    package var key: ProcessKey { ProcessKey(pid: pid, start: start) }
    package var name: CommandName { CommandName(comm) }
}
