// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Text from outside on its way to a terminal. Nothing in it may act on the terminal or pass for something else.
enum TextEscape {
    /// Appends the bytes; controls as \n, \x1b, direction marks as \u202e, what is not UTF-8 as \xff.
    static func append(_ storage: [UInt8], _ range: Range<Int>, to buffer: inout OutputBuffer) {
        var index = range.lowerBound
        while index < range.upperBound {
            guard let scalar = Scalar(storage, index, end: range.upperBound) else {
                appendByte(storage[index], to: &buffer)
                index += 1
                continue
            }
            let next = index + scalar.length
            if scalar.isHostile {
                append(hostile: scalar.value, to: &buffer)
            } else {
                buffer.append(contentsOf: storage[index..<next])
            }
            index = next
        }
    }

    static func append(_ bytes: Bytes, to buffer: inout OutputBuffer) {
        append(bytes.storage, bytes.range, to: &buffer)
    }

    static func append(_ path: WalkedPath, to buffer: inout OutputBuffer) {
        var isEmpty = true
        path.forEachComponent { range in
            isEmpty = false
            buffer.append(UInt8(ascii: "/"))
            append(path.bytes.storage, range, to: &buffer)
        }
        if isEmpty { buffer.append(UInt8(ascii: "/")) }
    }

    /// An argument as a shell would take it back: bare, in single quotes, or in $'...' when it has controls.
    static func appendArgument(_ storage: [UInt8], _ range: Range<Int>, to buffer: inout OutputBuffer) {
        var needsQuotes = range.isEmpty
        var needsEscapes = false
        var index = range.lowerBound
        while index < range.upperBound {
            guard let scalar = Scalar(storage, index, end: range.upperBound) else {
                needsEscapes = true
                break
            }
            if scalar.isHostile {
                needsEscapes = true
                break
            }
            if scalar.length == 1 && !isBare(storage[index]) { needsQuotes = true }
            index += scalar.length
        }
        if needsEscapes {
            buffer.append("$'")
            index = range.lowerBound
            while index < range.upperBound {
                let byte = storage[index]
                if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") {
                    buffer.append(UInt8(ascii: "\\"))
                    buffer.append(byte)
                    index += 1
                } else {
                    let end = index + (Scalar(storage, index, end: range.upperBound)?.length ?? 1)
                    append(storage, index..<end, to: &buffer)
                    index = end
                }
            }
            buffer.append(UInt8(ascii: "'"))
        } else if needsQuotes {
            buffer.append(UInt8(ascii: "'"))
            for byte in storage[range] {
                if byte == UInt8(ascii: "'") { buffer.append("'\\'") }
                buffer.append(byte)
            }
            buffer.append(UInt8(ascii: "'"))
        } else {
            buffer.append(contentsOf: storage[range])
        }
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
            for shift in stride(from: value < 0x10000 ? 12 : 28, through: 0, by: -4) {
                buffer.append(OutputBuffer.hexDigit(UInt8(value >> UInt32(shift) & 0xf)))
            }
        }
    }

    private static func appendByte(_ byte: UInt8, to buffer: inout OutputBuffer) {
        buffer.append("\\x")
        buffer.append(OutputBuffer.hexDigit(byte >> 4))
        buffer.append(OutputBuffer.hexDigit(byte & 0xf))
    }
}
