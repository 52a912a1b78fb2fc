// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads a recording, a block at a time. Believes nothing: a file may be cut, damaged or made to harm.
package struct RecordingReader: ~Copyable {
    /// How a recording ends.
    package enum End: Equatable, Sendable {
        /// With its end mark.
        case whole
        /// Without: the run was killed, or the file was cut. So many bytes of an unfinished block are left over.
        case cut(leftOver: Int)
        /// The block at this offset is not what was written.
        case damaged(offset: UInt64)
        case unreadable(errno: Int32)
    }

    package enum Step: Equatable, Sendable {
        /// There are entries to take.
        case entries
        case end(End)
    }

    private let descriptor: Int32
    private let decompressor = Decompressor()
    private var offset: UInt64 = 0
    private var entriesRead: UInt64 = 0
    private var ended: End?
    /// Entries of the block that was read last.
    private var block: [UInt8] = []
    /// Read by somebody else, and not yet by us.
    private var ahead: ArraySlice<UInt8> = []

    /// What the recording says of itself at its start, in order.
    package private(set) var header: [(name: String, value: String)] = []
    /// The same at its end; empty until then.
    package private(set) var footer: [(name: String, value: String)] = []
    /// The file's own version.
    package private(set) var major: UInt16 = 0
    package private(set) var minor: UInt16 = 0

    /// Opens a file; "-" is standard input.
    package init(path: String) throws(RecordingError) {
        let descriptor = path == "-" ? dup(0) : unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw .unreadable(errno: errno) }
        try self.init(descriptor: descriptor)
    }

    /// Reads from a descriptor, and closes it at the end. `start` is what was read from it before: a FIFO gives it once.
    package init(descriptor: Int32, start: [UInt8] = []) throws(RecordingError) {
        self.descriptor = descriptor
        ahead = start[...]
        try readHeader()
    }

    /// Whether what begins with these bytes can be a recording.
    package static func isRecording(_ start: [UInt8]) -> Bool {
        !start.isEmpty && RecordingFormat.magic.starts(with: start.prefix(RecordingFormat.magic.count))
    }

    deinit {
        close(descriptor)
    }

    private mutating func readHeader() throws(RecordingError) {
        let prefix = try read(RecordingFormat.prefixSize)
        if prefix.isEmpty { throw .empty }
        guard prefix.count == RecordingFormat.prefixSize, prefix.starts(with: RecordingFormat.magic) else {
            throw prefix.starts(with: RecordingFormat.magic) ? .noHeader : .foreign
        }
        major = prefix.littleEndian(at: 8, UInt16.self)
        minor = prefix.littleEndian(at: 10, UInt16.self)
        guard major <= RecordingFormat.major else { throw .newer(major: major) }
        guard major > 0 else { throw .foreign }
        guard case .block(.header) = readBlock() else { throw .noHeader }
        header = values()
    }

    /// Reads on to the next block of entries. The end is the end, however often it is asked for.
    package mutating func next() -> Step {
        if let ended { return .end(ended) }
        let blockStart = offset
        switch readBlock() {
        case .block(.entries): return .entries
        case .block(.end):
            footer = values()
            // Nothing may follow.
            let more = (try? read(1)) ?? []
            return end(more.isEmpty ? .whole : .damaged(offset: offset - 1))
        case .block(.header): return end(.damaged(offset: blockStart))
        case .end(let reason): return end(reason)
        }
    }

    private mutating func end(_ reason: End) -> Step {
        ended = reason
        block = []
        return .end(reason)
    }

    /// Gives each entry of the block, in order, until `body` wants no more. Kinds that are not known are left out.
    package func forEachEntry(_ body: (EntryKind, RawSpan) -> Bool) {
        var start = 0
        while start < block.count {
            let size = Int(block.littleEndian(at: start + 1, UInt32.self))
            let end = start + RecordingFormat.entryHeadSize + size
            if let kind = EntryKind(rawValue: block[start]) {
                let bytes = unsafe block.span.bytes.extracting(start + RecordingFormat.entryHeadSize..<end)
                guard body(kind, bytes) else { return }
            }
            start = end
        }
    }

    private enum ReadBlock {
        case block(BlockHead.Kind)
        case end(End)
    }

    private mutating func readBlock() -> ReadBlock {
        do throws(RecordingError) {
            let start = offset
            let headBytes = try read(BlockHead.size)
            guard headBytes.count == BlockHead.size else { return .end(.cut(leftOver: headBytes.count)) }
            guard let head = BlockHead(headBytes) else { return .end(.damaged(offset: start)) }
            let stored = try read(head.storedSize)
            guard stored.count == head.storedSize else {
                return .end(.cut(leftOver: headBytes.count + stored.count))
            }
            guard BlockHead.isIntact(headBytes, stored.span), head.firstEntry == entriesRead,
                let entries = decompressor.decompress(stored.span, size: head.size),
                Self.entryCount(entries) == Int(head.entryCount)
            else { return .end(.damaged(offset: start)) }
            entriesRead += UInt64(head.entryCount)
            block = entries
            return .block(head.kind)
        } catch {
            guard case .unreadable(let code) = error else { return .end(.damaged(offset: offset)) }
            return .end(.unreadable(errno: code))
        }
    }

    /// How many entries follow one another to the end of the block; `nil` when they do not.
    static func entryCount(_ block: [UInt8]) -> Int? {
        var count = 0
        var start = 0
        while start < block.count {
            guard block.count - start >= RecordingFormat.entryHeadSize else { return nil }
            start += RecordingFormat.entryHeadSize + Int(block.littleEndian(at: start + 1, UInt32.self))
            count += 1
        }
        return start == block.count ? count : nil
    }

    private func values() -> [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        forEachEntry { kind, bytes in
            guard kind == .value else { return true }
            let text = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
            let end = text.firstIndex(of: 0) ?? text.endIndex
            let name = String(decoding: text[..<end], as: UTF8.self)
            result.append((name, String(decoding: text[end...].dropFirst(), as: UTF8.self)))
            return true
        }
        return result
    }

    /// Up to `count` bytes; fewer only at the end of the file. Memory grows with what is really there.
    private mutating func read(_ count: Int) throws(RecordingError) -> [UInt8] {
        var bytes = Array(ahead.prefix(count))
        ahead = ahead.dropFirst(count)
        var failure: Int32 = 0
        while bytes.count < count, failure == 0 {
            let wanted = min(count - bytes.count, 1 << 18)
            var got = 0
            bytes.append(
                contentsOf: unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
                    repeat {
                        got = unsafe Glibc.read(descriptor, buffer.baseAddress, wanted)
                    } while got < 0 && errno == EINTR
                    if got < 0 { failure = errno }
                    initialized = max(0, got)
                })
            if got <= 0 { break }
        }
        offset += UInt64(bytes.count)
        if failure != 0 { throw .unreadable(errno: failure) }
        return bytes
    }
}
