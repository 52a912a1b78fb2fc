// SPDX-License-Identifier: Apache-2.0

/// A value of RFC 8259, read so strictly that a line which any parser could misread is an error here: no invalid UTF-8,
/// no duplicate key, no lone surrogate, nothing after the value.
enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    struct Invalid: Error, CustomStringConvertible {
        let description: String
    }

    init(parsing text: some Sequence<UInt8>) throws(Invalid) {
        var parser = Parser(text: Array(text))
        self = try parser.document()
    }

    /// Follows a dotted path; a number picks from an array: `process.ancestors.0.pid`.
    subscript(path: String) -> JSON? {
        var value = self
        for key in path.utf8.split(separator: UInt8(ascii: ".")) {
            let key = String(Substring(key))
            switch value {
            case .object(let members):
                guard let member = members[key] else { return nil }
                value = member
            case .array(let elements):
                guard let index = Int(key), elements.indices.contains(index) else { return nil }
                value = elements[index]
            default:
                return nil
            }
        }
        return value
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var integer: Int? {
        if case .integer(let number) = self { number } else { nil }
    }

    var bool: Bool? {
        if case .bool(let flag) = self { flag } else { nil }
    }

    var array: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    var object: [String: JSON]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// Nil also when one element is not a string.
    var strings: [String]? {
        guard let array else { return nil }
        let strings = array.compactMap(\.string)
        return strings.count == array.count ? strings : nil
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral
{
    init(stringLiteral text: String) { self = .string(text) }
    init(integerLiteral number: Int) { self = .integer(number) }
    init(booleanLiteral flag: Bool) { self = .bool(flag) }
    init(arrayLiteral elements: JSON...) { self = .array(elements) }

    init(_ strings: [String]) { self = .array(strings.map(JSON.string)) }
}

extension JSON: CustomStringConvertible {
    var description: String {
        switch self {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .integer(let number): "\(number)"
        case .number(let number): "\(number)"
        case .string(let text): text.debugDescription
        case .array(let elements): "\(elements)"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + "}"
        }
    }
}

private struct Parser {
    let text: [UInt8]
    var position = 0

    typealias Invalid = JSON.Invalid

    mutating func document() throws(Invalid) -> JSON {
        let value = try value(depth: 0)
        skipBlanks()
        guard position == text.count else { throw invalid("something after the value") }
        return value
    }

    private func invalid(_ problem: String) -> Invalid {
        Invalid(description: "\(problem) at byte \(position)")
    }

    private var next: UInt8? {
        position < text.count ? text[position] : nil
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) throws(Invalid) {
        guard next == UInt8(ascii: character) else { throw invalid("no '\(character)'") }
        position += 1
    }

    private mutating func take(word: StaticString, as value: JSON) throws(Invalid) -> JSON {
        for scalar in word.description.unicodeScalars { try take(scalar) }
        return value
    }

    private mutating func value(depth: Int) throws(Invalid) -> JSON {
        guard depth < 32 else { throw invalid("too deep") }
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try take(word: "true", as: .bool(true))
        case UInt8(ascii: "f"): return try take(word: "false", as: .bool(false))
        case UInt8(ascii: "n"): return try take(word: "null", as: .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(Invalid) -> JSON {
        var members: [String: JSON] = [:]
        try take("{")
        skipBlanks()
        if next == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipBlanks()
            let key = try string()
            skipBlanks()
            try take(":")
            guard members.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
                throw invalid("a second \(key.debugDescription)")
            }
            skipBlanks()
            guard next == UInt8(ascii: ",") else { break }
            position += 1
        }
        try take("}")
        return .object(members)
    }

    private mutating func array(depth: Int) throws(Invalid) -> JSON {
        var elements: [JSON] = []
        try take("[")
        skipBlanks()
        if next == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            guard next == UInt8(ascii: ",") else { break }
            position += 1
        }
        try take("]")
        return .array(elements)
    }

    private mutating func digits() throws(Invalid) {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        guard position > start else { throw invalid("no digit") }
    }

    private mutating func number() throws(Invalid) -> JSON {
        let start = position
        var isWhole = true
        if next == UInt8(ascii: "-") { position += 1 }
        if next == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if next == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        let text = String(decoding: text[start..<position], as: UTF8.self)
        if isWhole, let number = Int(text) { return .integer(number) }
        guard let number = Double(text) else { throw invalid("no number") }
        return .number(number)
    }

    private mutating func string() throws(Invalid) -> String {
        try take("\"")
        var start = position
        var result = ""
        while let byte = next {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                guard let piece = String(validating: text[start..<position], as: UTF8.self) else {
                    throw invalid("invalid UTF-8")
                }
                result += piece
                position += 1
                if byte == UInt8(ascii: "\"") { return result }
                result.unicodeScalars.append(try escape())
                start = position
            } else if byte < 0x20 {
                throw invalid("a bare control character")
            } else {
                position += 1
            }
        }
        throw invalid("no end of the string")
    }

    private mutating func escape() throws(Invalid) -> Unicode.Scalar {
        guard let byte = next else { throw invalid("half an escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw invalid("an unknown escape")
        }
        var code = UInt32(try hexadecimal())
        if (0xD800..<0xDC00).contains(code) {
            try take("\\")
            try take("u")
            let low = UInt32(try hexadecimal())
            guard (0xDC00..<0xE000).contains(low) else { throw invalid("half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw invalid("half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(Invalid) -> UInt16 {
        guard position + 4 <= text.count,
            text[position..<position + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let code = UInt16(String(decoding: text[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw invalid("no four hexadecimal digits") }
        position += 4
        return code
    }
}
