// SPDX-License-Identifier: Apache-2.0

/// The text of a table. Splitting a String takes Characters apart, which would cost milliseconds when the tool starts.
struct TableText: Sendable {
    let bytes: [UInt8]

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// Ranges of the lines in `bytes`.
    var lines: Parts { parts(of: bytes.indices, at: UInt8(ascii: "\n")) }

    /// Ranges of what lies between separators, without what is empty.
    func parts(of range: Range<Int>, at separator: UInt8 = UInt8(ascii: " ")) -> Parts {
        Parts(bytes: bytes, rest: range, separator: separator)
    }

    func string(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// The first place of a byte, or the end of the range.
    func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index < range.upperBound, bytes[index] != byte { index += 1 }
        return index
    }

    /// A hexadecimal number without anything in front.
    func hexadecimal(_ range: Range<Int>) -> UInt64 {
        range.reduce(0) { value, index in
            let byte = UInt64(bytes[index])
            return value << 4 | (byte < 0x3a ? byte - 0x30 : byte - 0x57)
        }
    }

    struct Parts: Sequence, IteratorProtocol {
        fileprivate let bytes: [UInt8]
        fileprivate var rest: Range<Int>
        fileprivate let separator: UInt8

        mutating func next() -> Range<Int>? {
            var start = rest.lowerBound
            while start < rest.upperBound, bytes[start] == separator { start += 1 }
            var end = start
            while end < rest.upperBound, bytes[end] != separator { end += 1 }
            rest = end..<rest.upperBound
            return start < end ? start..<end : nil
        }
    }
}
