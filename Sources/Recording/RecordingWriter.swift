// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Writes a recording. What was written is readable also when the end never comes.
package struct RecordingWriter: ~Copyable {
    private let descriptor: Int32
    private let compressor = Compressor()
    /// Entries of the block that grows.
    private var entries: [UInt8] = []
    private var entryCount: UInt32 = 0
    private var firstEntry: UInt64 = 0
    /// Blocks that are made and not yet written.
    private var blocks: [UInt8] = []
    private var written: UInt64 = 0
    /// Entries of each kind so far, by its number.
    private var counts = [UInt64](repeating: 0, count: 256)

    /// Creates or empties the file, for nobody else to read: arguments hold secrets.
    package init(path: String) throws(RecordingError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unwritable(errno: errno) }
        self.descriptor = descriptor
        entries.reserveCapacity(RecordingFormat.blockSize * 2)
    }

    deinit {
        close(descriptor)
    }

    /// What is known at the start; before anything else.
    package mutating func begin(_ values: [(String, String)]) throws(RecordingError) {
        blocks.append(contentsOf: RecordingFormat.magic)
        blocks.append(littleEndian: RecordingFormat.major)
        blocks.append(littleEndian: RecordingFormat.minor)
        blocks.append(littleEndian: UInt32(0))
        append(values)
        seal(.header)
        try flush()
    }

    /// Adds an entry. It is on its way after the next `flush`.
    package mutating func append(_ kind: EntryKind, _ bytes: RawSpan) {
        precondition(bytes.byteCount <= RecordingFormat.largestBlock / 2)
        counts[Int(kind.rawValue)] += 1
        entries.append(kind.rawValue)
        entries.append(littleEndian: UInt32(bytes.byteCount))
        unsafe bytes.withUnsafeBytes { unsafe entries.append(contentsOf: $0) }
        entryCount += 1
        if entries.count >= RecordingFormat.blockSize { seal(.entries) }
    }

    /// Whether there is a whole block to write.
    package var hasWholeBlock: Bool { !blocks.isEmpty }
    /// Whether anything is not yet in the file.
    package var isBehind: Bool { entryCount > 0 || !blocks.isEmpty }
    /// Entries of these kinds so far.
    package func count(of kinds: EntryKind...) -> UInt64 { kinds.reduce(0) { $0 + counts[Int($1.rawValue)] } }
    /// Bytes in the file.
    package var size: UInt64 { written }

    /// Writes what is there, a block that is not full included.
    package mutating func flush() throws(RecordingError) {
        if entryCount > 0 { seal(.entries) }
        try flushWholeBlocks()
    }

    package mutating func flushWholeBlocks() throws(RecordingError) {
        var offset = 0
        while offset < blocks.count {
            let count = unsafe blocks.withUnsafeBytes { bytes in
                unsafe write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .unwritable(errno: count == 0 ? ENOSPC : errno) }
            offset += count
        }
        written += UInt64(blocks.count)
        blocks.removeAll(keepingCapacity: true)
    }

    /// The end mark with what is known at the end.
    package mutating func finish(_ values: [(String, String)]) throws(RecordingError) {
        if entryCount > 0 { seal(.entries) }
        append(values)
        seal(.end)
        try flushWholeBlocks()
    }

    private mutating func append(_ values: [(String, String)]) {
        for (name, value) in values {
            let bytes = Array(name.utf8) + [0] + Array(value.utf8)
            entries.append(EntryKind.value.rawValue)
            entries.append(littleEndian: UInt32(bytes.count))
            entries.append(contentsOf: bytes)
            entryCount += 1
        }
    }

    private mutating func seal(_ kind: BlockHead.Kind) {
        let stored = compressor.compress(entries.span)
        let head = BlockHead(
            kind, storedSize: stored.count, size: entries.count, firstEntry: firstEntry, entryCount: entryCount)
        blocks.append(contentsOf: head.bytes(of: stored.span))
        blocks.append(contentsOf: stored)
        firstEntry += UInt64(entryCount)
        entryCount = 0
        entries.removeAll(keepingCapacity: true)
    }
}

/// A recording with one block of these bytes, right in everything but what the bytes are. For tests of readers.
package func sealedRecording(block: [UInt8]) -> [UInt8] {
    func seal(_ kind: BlockHead.Kind, _ bytes: [UInt8], first: UInt64, count: UInt32) -> [UInt8] {
        let stored = Compressor().compress(bytes.span)
        let head = BlockHead(kind, storedSize: stored.count, size: bytes.count, firstEntry: first, entryCount: count)
        return head.bytes(of: stored.span) + stored
    }
    var file = RecordingFormat.magic
    file.append(littleEndian: RecordingFormat.major)
    file.append(littleEndian: RecordingFormat.minor)
    file.append(littleEndian: UInt32(0))
    file += seal(.header, [], first: 0, count: 0)
    return file + seal(.entries, block, first: 0, count: UInt32(RecordingReader.entryCount(block) ?? 1))
}
