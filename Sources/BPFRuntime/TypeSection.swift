// SPDX-License-Identifier: Apache-2.0

/// Kinds of types in BTF (include/uapi/linux/btf.h).
enum TypeKind: UInt32 {
    case integer = 1
    case pointer, array, structure, union, enumeration, forward, typedef, volatile, const, restrict
    case function, prototype, variable, dataSection, float, declarationTag, typeTag, enumeration64
}

/// The types and strings of a BTF blob, read in place. Offsets count from the start of the type section.
struct TypeSection {
    private let bytes: TypeBytes
    private let types: Int
    private let strings: Int
    private let stringsEnd: Int
    /// Bytes of all types.
    let count: Int

    init?(_ bytes: TypeBytes) {
        self.bytes = bytes
        func word(_ offset: Int) -> Int { Int(bytes.word(offset)) }
        guard bytes.count >= 24, word(0) & 0xffff == 0xeb9f else { return nil }
        let header = word(4)
        types = header + word(8)
        count = word(12)
        strings = header + word(16)
        stringsEnd = strings + word(20)
        guard header >= 24, types + count <= bytes.count, stringsEnd <= bytes.count else { return nil }
    }

    /// The kind of the type at `offset`; `nil` at the end, and for a kind newer than this reader.
    func kind(at offset: Int) -> TypeKind? {
        guard offset + 12 <= count, let kind = TypeKind(rawValue: (word(offset + 4) >> 24) & 0x1f) else { return nil }
        return offset + size(at: offset, kind) <= count ? kind : nil
    }

    /// Bytes that the type takes: 12 and a tail that its kind decides.
    func size(at offset: Int, _ kind: TypeKind) -> Int {
        let elements = memberCount(at: offset)
        return switch kind {
        case .integer, .variable, .declarationTag: 12 + 4
        case .array: 12 + 12
        case .structure, .union, .dataSection, .enumeration64: 12 + 12 * elements
        case .enumeration, .prototype: 12 + 8 * elements
        case .pointer, .forward, .typedef, .volatile, .const, .restrict, .function, .float, .typeTag: 12
        }
    }

    func memberCount(at offset: Int) -> Int { Int(word(offset + 4) & 0xffff) }

    func memberName(at offset: Int, _ index: Int) -> String { name(word(offset + 12 + 12 * index)) }

    /// The name without a flavour: `file___old` stands for `file` (libbpf's convention).
    func essentialName(at offset: Int) -> String {
        let name = name(word(offset))
        var index = name.startIndex
        while index < name.endIndex {
            if name[index...].hasPrefix("___") { return String(name[..<index]) }
            index = name.index(after: index)
        }
        return name
    }

    /// The word at a byte offset, which lies within the section for what `kind(at:)` has answered for.
    func word(_ offset: Int) -> UInt32 { bytes.word(types + offset) }

    func name(_ offset: UInt32) -> String {
        let start = strings + Int(offset)
        guard start < stringsEnd else { return "" }
        return bytes.text(start, end: stringsEnd)
    }

    /// Whether the name at `offset` is this one.
    func isName(_ offset: UInt32, _ name: [UInt8]) -> Bool {
        let start = strings + Int(offset)
        guard start + name.count < stringsEnd, bytes[start + name.count] == 0 else { return false }
        return bytes.equals(name, at: start)
    }

    /// A number below `TypeIndex.buckets` that equal names share, from their first four bytes.
    func nameHash(_ offset: UInt32) -> Int {
        let start = strings + Int(offset)
        if start + 4 <= stringsEnd { return Self.hash(bytes.word(start)) }
        var word: UInt32 = 0
        for index in start..<max(start, stringsEnd) { word |= UInt32(bytes[index]) << UInt32(8 * (index - start)) }
        return Self.hash(word)
    }

    /// Bytes behind a NUL are another name's.
    static func hash(_ word: UInt32) -> Int {
        var word = word
        if word & 0xff == 0 {
            word = 0
        } else if word & 0xff00 == 0 {
            word &= 0xff
        } else if word & 0xff_0000 == 0 {
            word &= 0xffff
        }
        return Int((word &* 0x9e37_79b1) >> 20)
    }
}

/// Ids of types by name: made in one pass over all of them, because each further pass would take 2 ms.
struct TypeIndex {
    static let buckets = 4096

    private let types: TypeSection
    /// Where each type starts in the section, by id; [0] is void.
    let offsets: [UInt32]
    /// Ids that have a name, bucket by bucket, and in each by number.
    private let ids: [UInt32]
    private let starts: [UInt32]

    /// `nil` for a kind newer than this reader: its size is not known.
    init?(_ types: TypeSection) {
        var offsets: [UInt32] = [0]
        var hashes: [UInt16] = [0]
        offsets.reserveCapacity(200_000)
        hashes.reserveCapacity(200_000)
        var counts = [UInt32](repeating: 0, count: Self.buckets + 1)
        var offset = 0
        while let kind = types.kind(at: offset) {
            let name = types.word(offset)
            // Bucket 0 is of those without a name that anybody asks for.
            let hash = name == 0 ? 0 : types.nameHash(name)
            offsets.append(UInt32(offset))
            hashes.append(UInt16(truncatingIfNeeded: hash))
            counts[hash + 1] += 1
            offset += types.size(at: offset, kind)
        }
        guard offset == types.count else { return nil }
        for bucket in 0..<Self.buckets { counts[bucket + 1] += counts[bucket] }
        starts = counts
        var ids = [UInt32](repeating: 0, count: offsets.count - 1)
        for id in 1..<max(1, offsets.count) {
            let bucket = Int(hashes[id])
            ids[Int(counts[bucket])] = UInt32(id)
            counts[bucket] += 1
        }
        self.types = types
        self.offsets = offsets
        self.ids = ids
    }

    /// Those with this name and kind, by number. More than one where source files of the kernel differ.
    func find(_ name: String, _ kinds: TypeKind...) -> [UInt32] {
        let text = Array(name.utf8)
        guard !text.isEmpty else { return [] }
        var word: UInt32 = 0
        for (index, byte) in text.prefix(4).enumerated() { word |= UInt32(byte) << UInt32(8 * index) }
        let bucket = TypeSection.hash(word)
        return ids[Int(starts[bucket])..<Int(starts[bucket + 1])].filter { id in
            let offset = Int(offsets[Int(id)])
            guard let kind = types.kind(at: offset), kinds.contains(kind) else { return false }
            return types.isName(types.word(offset), text)
        }
    }
}

/// Copies some types of a BTF blob to another, with all that they are made of by value. What they point to is left out:
/// libbpf relocates an access from one structure to the next as two.
struct TypeWriter {
    private let types: TypeSection
    private let offsets: [UInt32]
    private let structures: Set<String>
    private let members: Set<String>
    private var output: [[UInt32]] = []
    private var strings: [UInt8] = [0]
    private var stringOffsets: [String: UInt32] = ["": 0]
    private var copies: [UInt32: UInt32] = [0: 0]

    init(types: TypeSection, offsets: [UInt32], structures: Set<String>, members: Set<String>) {
        self.types = types
        self.offsets = offsets
        self.structures = structures
        self.members = members
    }

    /// Copies the type with this id, unless it was copied; answers its new id.
    mutating func copy(_ id: UInt32) -> UInt32 {
        if let copy = copies[id] { return copy }
        guard Int(id) < offsets.count, let kind = types.kind(at: Int(offsets[Int(id)])) else { return 0 }
        let offset = Int(offsets[Int(id)])
        // The number is taken before the parts are copied, so that they may refer to it.
        let new = UInt32(output.count + 1)
        output.append([])
        copies[id] = new
        let name = string(types.name(types.word(offset)))
        let info = types.word(offset + 4)
        let sizeOrType = types.word(offset + 8)
        switch kind {
        case .structure, .union:
            output[Int(new) - 1] = copyMembers(offset, name: name, info: info, size: sizeOrType)
        case .array:
            output[Int(new) - 1] = [
                name, info, 0, copy(types.word(offset + 12)), copy(types.word(offset + 16)), types.word(offset + 20),
            ]
        case .typedef, .volatile, .const, .restrict, .typeTag:
            let target = copy(sizeOrType)
            output[Int(new) - 1] = [name, info, target]
        case .integer:
            output[Int(new) - 1] = [name, info, sizeOrType, types.word(offset + 12)]
        case .enumeration, .enumeration64:  // without its values
            output[Int(new) - 1] = [name, info & 0xffff_0000, sizeOrType]
        case .float, .forward:
            output[Int(new) - 1] = [name, info, sizeOrType]
        case .pointer, .function, .prototype, .variable, .dataSection, .declarationTag:
            output[Int(new) - 1] = [0, TypeKind.pointer.rawValue << 24, 0]
        }
        return new
    }

    /// Members that are asked for, and those without a name, which may hold some. A structure that nobody asked for keeps
    /// its size alone.
    private mutating func copyMembers(_ offset: Int, name: UInt32, info: UInt32, size: UInt32) -> [UInt32] {
        let isWanted = name == 0 || structures.contains(types.essentialName(at: offset))
        var words: [UInt32] = []
        var count: UInt32 = 0
        for index in 0..<(isWanted ? types.memberCount(at: offset) : 0) {
            let member = types.memberName(at: offset, index)
            guard member.isEmpty || members.contains(member) else { continue }
            let start = offset + 12 + 12 * index
            words += [string(member), copy(types.word(start + 4)), types.word(start + 8)]
            count += 1
        }
        return [name, (info & 0xffff_0000) | count, size] + words
    }

    private mutating func string(_ text: String) -> UInt32 {
        if let offset = stringOffsets[text] { return offset }
        let offset = UInt32(strings.count)
        strings.append(contentsOf: text.utf8)
        strings.append(0)
        stringOffsets[text] = offset
        return offset
    }

    /// The whole blob.
    func finish() -> [UInt8] {
        let words = output.flatMap { $0 }
        let typesSize = UInt32(words.count * 4)
        let header: [UInt32] = [0x0001_eb9f, 24, 0, typesSize, typesSize, UInt32(strings.count)]
        var bytes: [UInt8] = []
        for word in header + words {
            for shift in stride(from: 0, to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(shift)))
            }
        }
        return bytes + strings
    }
}
