// SPDX-License-Identifier: Apache-2.0

/// JSON as RFC 8259 has it, and nothing more: a reader that takes what it should not would hide what a writer did.
package enum JSONValue: Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    /// In the order of the text.
    case object([Member])

    package struct Member: Equatable {
        package let key: String
        package let value: JSONValue
    }

    package struct Invalid: Error, CustomStringConvertible {
        let offset: Int
        let reason: String
        package var description: String { "\(reason) at byte \(offset)" }
    }

    /// The value at this path of keys.
    package subscript(_ path: String...) -> JSONValue? {
        path.reduce(self) { value, key in
            guard case .object(let members) = value else { return nil }
            return members.first { $0.key == key }?.value
        }
    }

    package init(_ bytes: some Sequence<UInt8>) throws {
        var reader = Reader(bytes: Array(bytes))
        guard String(validating: reader.bytes, as: UTF8.self) != nil else { throw reader.error("not UTF-8") }
        self = try reader.value()
        guard reader.index == reader.bytes.count else { throw reader.error("more than one value") }
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        func error(_ reason: String) -> Invalid { Invalid(offset: index, reason: reason) }

        mutating func take() throws -> UInt8 {
            guard index < bytes.count else { throw error("the end comes early") }
            defer { index += 1 }
            return bytes[index]
        }

        mutating func takes(_ text: String) -> Bool {
            guard bytes[index...].starts(with: text.utf8) else { return false }
            index += text.utf8.count
            return true
        }

        mutating func value() throws -> JSONValue {
            if takes("null") { return .null }
            if takes("true") { return .bool(true) }
            if takes("false") { return .bool(false) }
            if takes("\"") { return .string(try string()) }
            if takes("[") { return .array(try list("]") { reader in try reader.value() }) }
            if takes("{") {
                let members = try list("}") { reader in
                    guard reader.takes("\"") else { throw reader.error("no key") }
                    let key = try reader.string()
                    guard reader.takes(":") else { throw reader.error("no colon") }
                    return Member(key: key, value: try reader.value())
                }
                guard Set(members.map(\.key)).count == members.count else { throw error("a key twice") }
                return .object(members)
            }
            return .number(try number())
        }

        mutating func list<Element>(
            _ end: String, _ element: (inout Reader) throws -> Element
        ) throws -> [Element] {
            if takes(end) { return [] }
            var elements: [Element] = []
            repeat { elements.append(try element(&self)) } while takes(",")
            guard takes(end) else { throw error("no \(end)") }
            return elements
        }

        mutating func number() throws -> String {
            let start = index
            _ = takes("-")
            let digits = bytes[index...].prefix { (0x30...0x39).contains($0) }
            guard let first = digits.first, first != 0x30 || digits.count == 1 else { throw error("no value") }
            index = digits.endIndex
            return String(decoding: bytes[start..<index], as: UTF8.self)
        }

        mutating func string() throws -> String {
            var units: [UInt8] = []
            while true {
                let byte = try take()
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
                case UInt8(ascii: "\\"): units.append(contentsOf: String(try escape()).utf8)
                case 0..<0x20: throw error("a control character")
                default: units.append(byte)
                }
            }
        }

        mutating func escape() throws -> Unicode.Scalar {
            switch try take() {
            case UInt8(ascii: "\""): return "\""
            case UInt8(ascii: "\\"): return "\\"
            case UInt8(ascii: "n"): return "\n"
            case UInt8(ascii: "r"): return "\r"
            case UInt8(ascii: "t"): return "\t"
            case UInt8(ascii: "u"):
                let unit = try hexadecimal()
                if let scalar = Unicode.Scalar(unit) { return scalar }
                guard unit < 0xdc00, takes("\\u") else { throw error("half a surrogate pair") }
                let low = try hexadecimal()
                guard (0xdc00...0xdfff).contains(low),
                    let scalar = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
                else { throw error("half a surrogate pair") }
                return scalar
            default: throw error("an unknown escape")
            }
        }

        mutating func hexadecimal() throws -> UInt32 {
            var unit: UInt32 = 0
            for _ in 0..<4 {
                guard let digit = Character(Unicode.Scalar(try take())).hexDigitValue else { throw error("no digit") }
                unit = unit << 4 | UInt32(digit)
            }
            return unit
        }
    }
}
