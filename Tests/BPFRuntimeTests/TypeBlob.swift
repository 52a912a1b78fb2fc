// SPDX-License-Identifier: Apache-2.0

/// Makes BTF (Documentation/bpf/btf.rst), type by type; ids count from 1.
struct TypeBlob {
    private var types: [UInt32] = []
    private var strings: [UInt8] = [0]

    static let integer: UInt32 = 1
    static let pointer: UInt32 = 2
    static let array: UInt32 = 3
    static let structure: UInt32 = 4
    static let typedef: UInt32 = 8
    static let function: UInt32 = 12
    static let prototype: UInt32 = 13

    /// `tail` is what follows the type's first three words.
    mutating func add(_ kind: UInt32, _ name: String, count: UInt32 = 0, sizeOrType: UInt32 = 0, tail: [UInt32] = []) {
        types += [string(name), kind << 24 | count, sizeOrType] + tail
    }

    mutating func add(structure name: String, size: UInt32, members: [(name: String, type: UInt32, bit: UInt32)]) {
        let tail = members.flatMap { [string($0.name), $0.type, $0.bit] }
        add(Self.structure, name, count: UInt32(members.count), sizeOrType: size, tail: tail)
    }

    mutating func string(_ text: String) -> UInt32 {
        if text.isEmpty { return 0 }
        defer { strings += Array(text.utf8) + [0] }
        return UInt32(strings.count)
    }

    var bytes: [UInt8] {
        let size = UInt32(types.count * 4)
        let header: [UInt32] = [0x0001_eb9f, 24, 0, size, size, UInt32(strings.count)]
        return (header + types).flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
            + strings
    }
}
