// SPDX-License-Identifier: Apache-2.0

/// Kinds of types in BTF (include/uapi/linux/btf.h).
enum TypeKind: UInt32 {
    case integer = 1
    case pointer, array, structure, union, enumeration, forward, typedef, volatile, const, restrict
    case function, prototype, variable, dataSection, float, declarationTag, typeTag, enumeration64
}

/// The types and strings of a BTF blob, read in place. Offsets count from the start of the type section.
struct TypeSection {
    private let bytes: [UInt8]
    private let types: Int
    private let strings: Int
    private let stringsEnd: Int
    /// Bytes of all types.
    let count: Int

    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        func word(_ offset: Int) -> Int { Int(Self.load(bytes, offset)) }
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
    func word(_ offset: Int) -> UInt32 { Self.load(bytes, types + offset) }

    func name(_ offset: UInt32) -> String {
        let start = strings + Int(offset)
        guard start < stringsEnd else { return "" }
        return String(decoding: bytes[start..<stringsEnd].prefix { $0 != 0 }, as: UTF8.self)
    }

    /// A number that equal names share and that most others do not, from their first four bytes.
    func nameHash(_ offset: UInt32) -> Int {
        let start = strings + Int(offset)
        guard start + 4 <= stringsEnd else { return 0 }
        return Self.hash(bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3])
    }

    static func hash(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> Int {
        (Int(a) &* 31 ^ Int(b) &* 61 ^ Int(c) &* 131 ^ Int(d) &* 17) & 0xff
    }

    private static func load(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
}

/// Picks types by name out of very many, most of which a look at four bytes rules out.
struct NameFilter {
    private var hashes = [Bool](repeating: false, count: 256)
    private var names: [TypeKind: Set<String>] = [:]

    /// Names shorter than four bytes are told apart by what follows their end, so they are not hashed.
    private var hasShort = false

    mutating func add(_ name: String, _ kind: TypeKind) {
        names[kind, default: []].insert(name)
        let bytes = Array(name.utf8)
        if bytes.count < 4 {
            hasShort = true
        } else {
            hashes[TypeSection.hash(bytes[0], bytes[1], bytes[2], bytes[3])] = true
        }
    }

    /// The name of the type at `offset`, a place where one starts, when it is asked for.
    func match(_ types: TypeSection, _ offset: Int) -> String? {
        let nameOffset = types.word(offset)
        guard hasShort || hashes[types.nameHash(nameOffset)] else { return nil }
        guard let kind = TypeKind(rawValue: (types.word(offset + 4) >> 24) & 0x1f), let wanted = names[kind] else {
            return nil
        }
        let name = types.name(nameOffset)
        return wanted.contains(name) ? name : nil
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
