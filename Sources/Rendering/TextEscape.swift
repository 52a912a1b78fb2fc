// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Text from outside with its controls escaped.
package func printable(_ text: String) -> String {
    var buffer = OutputBuffer(capacity: 256)
    TextEscape.append(Array(text.utf8).span, to: &buffer)
    return String(decoding: buffer.array(), as: UTF8.self)
}

/// Text from outside on its way to a terminal. Nothing in it may act on the terminal or pass for something else.
enum TextEscape {
    /// Appends the bytes; controls as \n, \x1b, direction marks as \u202e, what is not UTF-8 as \xff.
    static func append(_ bytes: Span<UInt8>, to buffer: inout OutputBuffer) {
        var start = 0
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte >= 0x20 && byte < 0x7f {
                index += 1
                continue
            }
            let scalar = Scalar(bytes, index)
            if let scalar, !scalar.isHostile {
                index += scalar.length
                continue
            }
            buffer.append(bytes.extracting(start..<index))
            if let scalar {
                append(hostile: scalar.value, to: &buffer)
            } else {
                appendByte(byte, to: &buffer)
            }
            index += scalar?.length ?? 1
            start = index
        }
        buffer.append(bytes.extracting(start..<index))
    }

    static func append(_ path: WalkedPath, to buffer: inout OutputBuffer) {
        var isEmpty = true
        path.forEachComponent { range in
            isEmpty = false
            buffer.append(UInt8(ascii: "/"))
            append(path.bytes.storage.span.extracting(range), to: &buffer)
        }
        if isEmpty { buffer.append(UInt8(ascii: "/")) }
    }

    static func append(terminal driver: CommandName, _ number: UInt16, to buffer: inout OutputBuffer) {
        append(driver.span, to: &buffer)
        if driver.isPseudoTerminal { buffer.append(UInt8(ascii: "/")) }
        buffer.append(decimal: UInt64(number))
    }

    /// 10.0.0.1, or IPv6 by RFC 5952; where that only carries IPv4, it ends like IPv4.
    static func append(_ address: IPAddress, to buffer: inout OutputBuffer) {
        let carried = address.unmapped
        if carried.count < address.count {
            buffer.append("::ffff:")
            append(carried, to: &buffer)
            return
        }
        if address.count == 4 {
            for index in 0..<4 {
                if index > 0 { buffer.append(UInt8(ascii: ".")) }
                buffer.append(decimal: UInt64(address[index]))
            }
            return
        }
        let zeros = address.longestZeros
        var index = 0
        while index < 8 {
            if index == zeros.lowerBound && !zeros.isEmpty {
                buffer.append("::")
                index = zeros.upperBound
                continue
            }
            if index > 0 && index != zeros.upperBound || index > 0 && zeros.isEmpty { buffer.append(UInt8(ascii: ":")) }
            buffer.append(hexadecimal: UInt64(address.word(index)))
            index += 1
        }
    }

    /// An argument as a shell would take it back: bare, in single quotes, or in $'...' when it has controls.
    static func appendArgument(_ bytes: Span<UInt8>, to buffer: inout OutputBuffer) {
        switch quoting(bytes) {
        case .none: buffer.append(bytes)
        case .single:
            buffer.append(UInt8(ascii: "'"))
            for index in bytes.indices {
                if bytes[index] == UInt8(ascii: "'") { buffer.append("'\\'") }
                buffer.append(bytes[index])
            }
            buffer.append(UInt8(ascii: "'"))
        case .escaped:
            buffer.append("$'")
            var index = 0
            while index < bytes.count {
                let byte = bytes[index]
                if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") { buffer.append(UInt8(ascii: "\\")) }
                let length = Scalar(bytes, index)?.length ?? 1
                append(bytes.extracting(index..<index + length), to: &buffer)
                index += length
            }
            buffer.append(UInt8(ascii: "'"))
        }
    }

    private enum Quoting {
        case none, single, escaped
    }

    private static func quoting(_ bytes: Span<UInt8>) -> Quoting {
        var quoting: Quoting = bytes.isEmpty ? .single : .none
        var index = 0
        while index < bytes.count {
            guard let scalar = Scalar(bytes, index), !scalar.isHostile else { return .escaped }
            if scalar.length == 1 && !isBare(bytes[index]) { quoting = .single }
            index += scalar.length
        }
        return quoting
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-_./:=,+@%^".utf8.contains(byte)
        }
    }

    private static func append(hostile value: UInt32, to buffer: inout OutputBuffer) {
        switch value {
        case 0x0a: buffer.append("\\n")
        case 0x0d: buffer.append("\\r")
        case 0x09: buffer.append("\\t")
        case 0..<0x80: appendByte(UInt8(value), to: &buffer)
        default:
            buffer.append(value < 0x10000 ? "\\u" : "\\U")
            buffer.append(hexadecimal: UInt64(value), digits: value < 0x10000 ? 4 : 8)
        }
    }

    private static func appendByte(_ byte: UInt8, to buffer: inout OutputBuffer) {
        buffer.append("\\x")
        buffer.append(hexadecimal: UInt64(byte), digits: 2)
    }
}
