// SPDX-License-Identifier: Apache-2.0

package import CWire

/// Something that was done to a file, or could not be done.
package final class FileRecord: Sendable {
    package let fixed: wire_file
    package let operation: FileOperation
    /// Where it is; `nil` where nothing is known of that.
    package let path: FilePath?

    /// The old name of a rename, or the file that a link was made to.
    package let second: FilePath?
    /// What a symbolic link contains.
    package let contents: Bytes?
    /// The name of the extended attribute that it is about.
    package let attribute: Bytes?
    /// Type of the file system that is mounted, and what it is of.
    package let mountType: Bytes?
    package let mountSource: Bytes?

    package init(decoding span: RawSpan) throws(DecodeError) {
        let fixed = try span.load(wire_file.self)
        guard let operation = FileOperation(rawValue: fixed.operation) else {
            throw .unknownKind(fixed.operation)
        }
        var end = MemoryLayout<wire_file>.size
        func take(_ size: UInt16) -> Range<Int> {
            defer { end += Int(size) }
            return end..<end + Int(size)
        }
        let parts = (
            take(fixed.path_size), take(fixed.name_size), take(fixed.second_size), take(fixed.second_name_size)
        )
        guard end <= span.byteCount else { throw .partsTooLong }
        self.fixed = fixed
        self.operation = operation
        let storage = span.copy(0..<end)
        let isAsked = UInt32(fixed.header.flags) & WIRE_FILE_AS_ASKED != 0
        func path(_ walked: Range<Int>, _ name: Range<Int>) -> FilePath? {
            let walked = walked.isEmpty ? nil : WalkedPath(Bytes(storage, walked))
            return isAsked ? FilePath(asked: Bytes(storage, name), from: walked) : walked.map { .resolved($0) }
        }
        self.path = path(parts.0, parts.1)
        let text = parts.3.isEmpty ? nil : Bytes(storage, parts.3)
        contents = operation == .symlink ? text : nil
        attribute = operation == .setxattr || operation == .removexattr ? text : nil
        let isMoved = UInt32(fixed.header.flags) & WIRE_FILE_MOVED != 0
        let isMount = operation == .umount || operation == .mount && !(isMoved && isAsked)
        let separator = isMount ? text.flatMap { $0.slice.firstIndex(of: 0) } : nil
        mountType = separator.flatMap { $0 > parts.3.lowerBound ? Bytes(storage, parts.3.lowerBound..<$0) : nil }
        mountSource = separator.flatMap {
            $0 + 1 < parts.3.upperBound ? Bytes(storage, $0 + 1..<parts.3.upperBound) : nil
        }
        let hasSecond = contents == nil && attribute == nil && operation != .umount && (!isMount || isMoved)
        second = hasSecond ? path(parts.2, parts.3) : nil
    }

    /// What was to be done, `self`, with what became of it.
    package func done(by outcome: FileRecord) -> FileRecord { FileRecord(self, outcome) }

    private init(_ pending: FileRecord, _ outcome: FileRecord) {
        var fixed = pending.fixed
        fixed.header.flags &= ~UInt16(WIRE_FILE_PENDING)
        fixed.header.flags |= outcome.fixed.header.flags & UInt16(WIRE_FILE_STILL | WIRE_FILE_MAPPED)
        fixed.bytes = outcome.fixed.bytes
        fixed.header.time = outcome.fixed.header.time
        fixed.error = outcome.fixed.error
        self.fixed = fixed
        operation = pending.operation
        path = pending.path
        second = pending.second
        contents = pending.contents
        attribute = pending.attribute
        mountType = pending.mountType
        mountSource = pending.mountSource
    }

    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }
    /// The positive errno of what failed.
    package var error: Int32? { fixed.error > 0 ? fixed.error : nil }
    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }

    /// Bytes that were written to it since it was opened; `nil` for what is no write.
    package var bytesWritten: UInt64? { operation == .write ? fixed.bytes : nil }
    package var bytesRead: UInt64? { operation == .read ? fixed.bytes : nil }

    /// What it was to be made as long as.
    package var sizeAsked: UInt64? { operation == .truncate ? fixed.bytes : nil }

    /// Who was to own it; `nil` for who does all the same.
    package var ownerAsked: UInt32? { operation == .chown ? Self.identity(fixed.bytes) : nil }
    package var groupAsked: UInt32? { operation == .chown ? Self.identity(fixed.bytes >> 32) : nil }

    private static func identity(_ value: UInt64) -> UInt32? {
        let value = UInt32(truncatingIfNeeded: value)
        return value == .max ? nil : value
    }

    /// Names of the flags that something was mounted or unmounted with; `nil` where there are none.
    package var mountFlags: TextList? {
        guard fixed.bytes != 0 else { return nil }
        return switch operation {
        case .mount: FlagSets.list(fixed.bytes, named: "mount")
        case .umount: FlagSets.list(fixed.bytes, named: "umount")
        default: nil
        }
    }

    /// Permissions: of what was to be changed those that were asked for; `nil` where nothing is known of the file.
    package var permissions: UInt32? {
        let isChange = operation == .chmod && (error != nil || mode == nil)
        return (isChange ? UInt32(truncatingIfNeeded: fixed.bytes) : mode).map { $0 & 0o7777 }
    }

    /// Whether it is only told to be written to now: how much is told later.
    package var beginsToBeWritten: Bool { operation == .write && has(WIRE_FILE_PENDING) }

    /// Type and permissions; `nil` where there is no file, or none that is known.
    package var mode: UInt32? { fixed.mode == 0 ? nil : fixed.mode }

    package var isRegular: Bool { fixed.mode & 0o170000 == 0o100000 }

    /// Whether it is a device, a FIFO or a socket.
    package var isSpecial: Bool {
        switch fixed.mode & 0o170000 {
        case 0o010000, 0o020000, 0o060000, 0o140000: true
        default: false
        }
    }

    /// As in stat(1), in words of ECS where it has them.
    package var type: StaticString? {
        switch fixed.mode & 0o170000 {
        case 0o100000: "file"
        case 0o040000: "dir"
        case 0o120000: "symlink"
        case 0o010000: "fifo"
        case 0o140000: "socket"
        case 0o020000: "char_device"
        case 0o060000: "block_device"
        default: nil
        }
    }

    /// Names of the flags that it was opened with; `nil` for what was not opened.
    package var openFlags: TextList? {
        guard has(WIRE_FILE_HAS_FLAGS) else { return nil }
        return FlagSets.list(UInt64(fixed.open_flags), named: "open")
    }

    /// What is unusual about it, in a fixed order.
    package var marks: [StaticString] {
        var marks: [StaticString] = []
        if has(WIRE_FILE_EXEC) { marks.append("exec") }
        if has(WIRE_FILE_AS_ASKED), path != nil { marks.append("as_asked") }
        if has(WIRE_FILE_BY_HANDLE) { marks.append("by_handle") }
        if has(WIRE_FILE_TMPFILE) {
            marks.append("tmpfile")
        } else if has(WIRE_FILE_DELETED) {
            marks.append("deleted")
        }
        if has(WIRE_FILE_STILL) { marks.append("open") }
        if has(WIRE_FILE_MAPPED) { marks.append("mmap") }
        if has(WIRE_FILE_EXCHANGE) { marks.append("exchange") }
        if has(WIRE_FILE_REPLACED) { marks.append("replaced") }
        if has(WIRE_FILE_UPPER_LAYER) { marks.append("upper_layer") }
        return marks
    }
}

/// How a file is named.
package enum FilePath: Sendable {
    /// By the kernel: whole, with what lies above the process's root.
    case resolved(WalkedPath)
    /// By whoever asked for it: symbolic links in it are not followed. `nil` for a directory where it begins with a slash,
    /// or where that is not known.
    case asked(directory: WalkedPath?, Bytes)

    init?(asked name: Bytes, from directory: WalkedPath?) {
        if name.isEmpty { return nil }
        self = .asked(directory: directory, name)
    }

    /// As the process itself sees it.
    package var value: FieldValue {
        switch self {
        case .resolved(let path): .path(path)
        case .asked(let directory?, let name): .joinedPath(directory: directory, name)
        // An absolute one; or all that is known of a relative one.
        case .asked(nil, let name): .text(name)
        }
    }

    /// As the host sees it, where that differs and is known.
    package var hostPath: WalkedPath? {
        if case .resolved(let path) = self, path.hasHostPart { path } else { nil }
    }

    /// As the process itself sees it, in bytes.
    package var bytes: [UInt8] {
        var result: [UInt8] = []
        func append(_ path: WalkedPath) {
            path.forEachComponent { range in
                result.append(UInt8(ascii: "/"))
                result.append(contentsOf: path.bytes.storage[range])
            }
        }
        switch self {
        case .resolved(let path):
            append(path)
            if result.isEmpty { result = [UInt8(ascii: "/")] }
        case .asked(let directory, let name):
            if let directory, name.slice.first != UInt8(ascii: "/") {
                append(directory)
                result.append(UInt8(ascii: "/"))
                result += name.storage[name.withoutDotSlash]
            } else {
                result += name.slice
            }
        }
        return result
    }
}
