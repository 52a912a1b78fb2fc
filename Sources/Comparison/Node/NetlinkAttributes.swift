// SPDX-License-Identifier: Apache-2.0

/// The attributes of a netlink message, by number: struct nlattr, each aligned to 4 bytes.
struct NetlinkAttributes {
    private(set) var entries: [(kind: UInt16, value: ArraySlice<UInt8>)] = []

    init(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while rest.count >= 4 {
            let length = Int(Self.native16(rest)!)
            guard length >= 4, length <= rest.count else { return }
            // The upper two bits say that it is nested, or in network order.
            let kind = Self.native16(rest.dropFirst(2))! & 0x3fff
            entries.append((kind, rest.dropFirst(4).prefix(length - 4)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
    }

    subscript(kind: UInt16) -> ArraySlice<UInt8>? { entries.first { $0.kind == kind }?.value }

    func nested(_ kind: UInt16) -> NetlinkAttributes? { self[kind].map { NetlinkAttributes($0) } }

    /// Each of the elements of a list.
    func list(_ kind: UInt16) -> [NetlinkAttributes] {
        nested(kind)?.entries.map { NetlinkAttributes($0.value) } ?? []
    }

    /// Without the NUL at its end. From outside.
    func text(_ kind: UInt16) -> String? { self[kind].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } }

    /// A number in network order.
    func number(_ kind: UInt16) -> UInt32? { self[kind].flatMap { Self.big32($0) } }

    static func big32(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        bytes.count < 4 ? nil : bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func big16(_ bytes: ArraySlice<UInt8>) -> UInt16? {
        bytes.count < 2 ? nil : bytes.prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
    }

    static func native16(_ bytes: ArraySlice<UInt8>) -> UInt16? {
        bytes.count < 2 ? nil : bytes.prefix(2).reversed().reduce(0) { $0 << 8 | UInt16($1) }
    }

    static func native32(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        bytes.count < 4 ? nil : bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
