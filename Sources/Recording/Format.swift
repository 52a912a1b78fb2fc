// SPDX-License-Identifier: Apache-2.0

/// What the bytes of a recording mean; ebpfguard-recording(5) tells the same to others.
package enum RecordingFormat {
    /// Not text, and damaged visibly by whatever converts line ends.
    static let magic: [UInt8] = [0x89] + Array("EBGREC".utf8) + [0x0a]
    /// Grows when older readers would misunderstand.
    package static let major: UInt16 = 1
    /// Grows when there is more that older readers may skip.
    package static let minor: UInt16 = 0
    /// The magic, the two numbers, and 4 bytes that are not used.
    static let prefixSize = 16

    /// A block is written when it has as many bytes of entries, so that is what a crash may cost.
    static let blockSize = 256 << 10
    /// No block has more bytes of entries. A reader gives no more memory to a file that asks for it.
    static let largestBlock = 8 << 20
    /// Kind and length in front of each entry.
    static let entryHeadSize = 5
}

/// What an entry is. Its bytes are its reader's business.
package enum EntryKind: UInt8, Sendable, CaseIterable {
    /// A record from the kernel's ring, as it came.
    case record = 1
    /// A record of a process that was there, told before the scope was known: it only adds to what is known.
    case known = 2
    /// The same, told when the scope was known: what `--existing` shows.
    case existing = 3
    /// What the system answered when the records that follow were looked at.
    case answer = 4
    /// How many events were lost since the last one.
    case loss = 5
    /// A name and its value, of the first and the last block.
    case value = 6
}

/// What is wrong with a file.
package enum RecordingError: Error, Equatable {
    case unreadable(errno: Int32)
    case unwritable(errno: Int32)
    case empty
    case foreign
    /// Its format is one that is not known yet.
    case newer(major: UInt16)
    /// It ends before it says anything, or what it says first is damaged.
    case noHeader
}

/// The head of a block.
struct BlockHead: Equatable {
    enum Kind: UInt8 {
        case header = 1
        case entries = 2
        case end = 3
    }

    static let size = 32
    static let mark: UInt32 = 0x4b4c_4245  // "EBLK"

    var kind: Kind
    /// Bytes that follow, compressed.
    var storedSize: Int
    /// Bytes of the entries.
    var size: Int
    /// The number of the first entry in the file, from 0.
    var firstEntry: UInt64
    var entryCount: UInt32

    /// The head with the checksum over itself and `stored`.
    func bytes(of stored: Span<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: Self.mark)
        bytes.append(littleEndian: UInt32(kind.rawValue))
        bytes.append(littleEndian: UInt32(storedSize))
        bytes.append(littleEndian: UInt32(size))
        bytes.append(littleEndian: firstEntry)
        bytes.append(littleEndian: entryCount)
        var checksum = Checksum()
        checksum.add(bytes.span)
        checksum.add(stored)
        bytes.append(littleEndian: checksum.value)
        return bytes
    }

    /// `nil` for bytes that are no head, or one that asks for more memory than any block needs.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size, bytes.littleEndian(at: 0, UInt32.self) == Self.mark,
            let kind = UInt8(exactly: bytes.littleEndian(at: 4, UInt32.self)).flatMap({ Kind(rawValue: $0) })
        else { return nil }
        self.kind = kind
        storedSize = Int(bytes.littleEndian(at: 8, UInt32.self))
        size = Int(bytes.littleEndian(at: 12, UInt32.self))
        firstEntry = bytes.littleEndian(at: 16, UInt64.self)
        entryCount = bytes.littleEndian(at: 24, UInt32.self)
        guard size <= RecordingFormat.largestBlock, storedSize <= RecordingFormat.largestBlock + 1 << 16 else {
            return nil
        }
    }

    init(_ kind: Kind, storedSize: Int, size: Int, firstEntry: UInt64, entryCount: UInt32) {
        self.kind = kind
        self.storedSize = storedSize
        self.size = size
        self.firstEntry = firstEntry
        self.entryCount = entryCount
    }

    /// Whether the checksum at the end of `head` fits the rest of it and `stored`.
    static func isIntact(_ head: [UInt8], _ stored: Span<UInt8>) -> Bool {
        var checksum = Checksum()
        checksum.add(head.span.extracting(first: size - 4))
        checksum.add(stored)
        return checksum.value == head.littleEndian(at: size - 4, UInt32.self)
    }
}

/// CRC-32 as in zlib and gzip.
struct Checksum {
    private var state = UInt32.max

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xedb8_8320 }
    }

    var value: UInt32 { ~state }

    mutating func add(_ bytes: Span<UInt8>) {
        let table = Self.table.span
        var state = state
        for index in bytes.indices {
            state = state >> 8 ^ table[Int(UInt8(truncatingIfNeeded: state) ^ bytes[index])]
        }
        self.state = state
    }
}

extension [UInt8] {
    package mutating func append(littleEndian value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// The number at `offset`, where the bytes have to be.
    package func littleEndian<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, _ type: Value.Type) -> Value {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= count)
        return Value(littleEndian: unsafe span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
