// SPDX-License-Identifier: Apache-2.0

/// The values in a JSON text, for files of container runtimes and our own: an ebpfguard that runs as root must read these without
/// trusting who wrote them. As strict as RFC 8259; nothing is kept but the way to where it reads.
package struct JSONReader {
    private struct Invalid: Error {}

    private let bytes: [UInt8]
    private var index = 0
    /// Keys of objects, and positions in arrays.
    private var path: [String] = []
    private let visit: (_ path: [String], _ value: Scalar) -> Void

    /// A value that is no object and no array.
    package enum Scalar {
        case string([UInt8])
        /// As it is written.
        case number(ArraySlice<UInt8>)
        case boolean(Bool)
        case null
    }

    private static let depthLimit = 64

    /// Calls `visit` for each string that is a value, with the keys that lead to it. False when the text is not JSON, is
    /// cut, or is nested too deep; `visit` was called for what came before then.
    package static func forEachString(
        in bytes: [UInt8], _ visit: (_ path: [String], _ value: [UInt8]) -> Void
    ) -> Bool {
        forEachScalar(in: bytes) { path, value in
            if case .string(let text) = value { visit(path, text) }
        }
    }

    /// The same for each string, number, boolean and null.
    package static func forEachScalar(
        in bytes: [UInt8], _ visit: (_ path: [String], _ value: Scalar) -> Void
    ) -> Bool {
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        return withoutActuallyEscaping(visit) { visit in
            var reader = JSONReader(bytes: bytes, visit: visit)
            do {
                try reader.value()
                reader.skipSpace()
                return reader.index == bytes.count
            } catch {
                return false
            }
        }
    }

    private init(bytes: [UInt8], visit: @escaping ([String], Scalar) -> Void) {
        self.bytes = bytes
        self.visit = visit
    }

    private mutating func value() throws(Invalid) {
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): try object()
        case UInt8(ascii: "["): try array()
        case UInt8(ascii: "\""): visit(path, .string(try string()))
        case UInt8(ascii: "t"): try literal("true", .boolean(true))
        case UInt8(ascii: "f"): try literal("false", .boolean(false))
        case UInt8(ascii: "n"): try literal("null", .null)
        default:
            let start = index
            try number()
            visit(path, .number(bytes[start..<index]))
        }
    }

    private mutating func object() throws(Invalid) {
        try descend()
        if take(UInt8(ascii: "}")) { return }
        repeat {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw Invalid() }
            path.append(String(decoding: try string(), as: UTF8.self))
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw Invalid() }
            try value()
            path.removeLast()
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw Invalid() }
    }

    private mutating func array() throws(Invalid) {
        try descend()
        if take(UInt8(ascii: "]")) { return }
        var position = 0
        repeat {
            path.append("\(position)")
            try value()
            path.removeLast()
            position += 1
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw Invalid() }
    }

    private mutating func descend() throws(Invalid) {
        guard path.count < Self.depthLimit else { throw Invalid() }
        index += 1
        skipSpace()
    }

    private mutating func string() throws(Invalid) -> [UInt8] {
        index += 1
        var result: [UInt8] = []
        while let byte = peek() {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return result
            case UInt8(ascii: "\\"): try escape(&result)
            case 0..<0x20: throw Invalid()
            default: result.append(byte)
            }
        }
        throw Invalid()
    }

    private mutating func escape(_ result: inout [UInt8]) throws(Invalid) {
        guard let byte = peek() else { throw Invalid() }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0c)
        case UInt8(ascii: "n"): result.append(0x0a)
        case UInt8(ascii: "r"): result.append(0x0d)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"): result.append(contentsOf: String(try scalar()).utf8)
        default: throw Invalid()
        }
    }

    /// Half of a surrogate pair without the other is U+FFFD.
    private mutating func scalar() throws(Invalid) -> Unicode.Scalar {
        let first = try hexadecimal()
        guard (0xd800..<0xdc00).contains(first), peek() == UInt8(ascii: "\\"),
            index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "u")
        else { return Unicode.Scalar(first) ?? "\u{fffd}" }
        let start = index
        index += 2
        let second = try hexadecimal()
        guard (0xdc00..<0xe000).contains(second) else {
            index = start
            return "\u{fffd}"
        }
        return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)) ?? "\u{fffd}"
    }

    private mutating func hexadecimal() throws(Invalid) -> UInt32 {
        guard bytes.count - index >= 4 else { throw Invalid() }
        var value: UInt32 = 0
        for byte in bytes[index..<index + 4] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            default: throw Invalid()
            }
        }
        index += 4
        return value
    }

    private mutating func number() throws(Invalid) {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        guard take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) else { return }
        if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
        try digits()
    }

    private mutating func digits() throws(Invalid) {
        let start = index
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
        guard index > start else { throw Invalid() }
    }

    private mutating func literal(_ word: String, _ value: Scalar) throws(Invalid) {
        guard bytes[index...].starts(with: word.utf8) else { throw Invalid() }
        index += word.utf8.count
        visit(path, value)
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { index += 1 }
    }

    private func peek() -> UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        index += 1
        return true
    }
}
