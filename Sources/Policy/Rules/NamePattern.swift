// SPDX-License-Identifier: Apache-2.0

/// Names of the domain name system: one, or all below one. In lower case, without the dot of the root.
package enum NamePattern: Hashable, Sendable {
    case exact([UInt8])
    /// *.suffix: at any depth below, not the name itself.
    case below([UInt8])
    case any

    init(_ bytes: [UInt8]) throws(PolicyMistake) {
        if bytes.elementsEqual("*".utf8) {
            self = .any
            return
        }
        let isBelow = bytes.starts(with: "*.".utf8)
        let name = try Self.name(isBelow ? Array(bytes.dropFirst(2)) : bytes, offset: isBelow ? 2 : 0)
        self = isBelow ? .below(name) : .exact(name)
    }

    static func name(_ bytes: [UInt8], offset: Int = 0) throws(PolicyMistake) -> [UInt8] {
        var name = bytes.map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }
        if name.count > 1, name.last == UInt8(ascii: ".") { name.removeLast() }
        if let star = name.firstIndex(of: UInt8(ascii: "*")) {
            throw PolicyMistake(
                "\"*\" stands for whole labels in front", help: "names: example.com, *.example.com (all below)",
                offset: offset + star)
        }
        if let other = name.firstIndex(where: { !Self.isAllowed($0) }) {
            throw PolicyMistake(
                name[other] >= 0x80 ? "a name has ASCII letters only" : "a name has no such character",
                help: name[other] >= 0x80
                    ? "write it as it is asked for: xn--..." : "names: example.com, *.example.com (all below)",
                offset: offset + other)
        }
        let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard !name.isEmpty, name.count <= 253, labels.allSatisfy({ !$0.isEmpty && $0.count <= 63 }) else {
            throw PolicyMistake(
                name.isEmpty ? "here a name should stand" : "this is no name: a label has 1 to 63 characters, all 253",
                offset: offset)
        }
        if let last = labels.last, last.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
            throw PolicyMistake(
                "\"\(String(decoding: bytes, as: UTF8.self))\" is neither an address nor a name",
                help: "an address has four numbers, 0 to 255", offset: offset)
        }
        return name
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// More labels say more.
    static func labels(of name: [UInt8]) -> Int { name.count { $0 == UInt8(ascii: ".") } + 1 }

    func matches(_ name: [UInt8]) -> Bool {
        switch self {
        case .any: true
        case .exact(let wanted): name == wanted
        case .below(let suffix):
            name.count > suffix.count + 1 && name.suffix(suffix.count).elementsEqual(suffix)
                && name[name.count - suffix.count - 1] == UInt8(ascii: ".")
        }
    }

    package var text: String {
        switch self {
        case .any: "*"
        case .exact(let name): String(decoding: name, as: UTF8.self)
        case .below(let suffix): "*." + String(decoding: suffix, as: UTF8.self)
        }
    }
}
