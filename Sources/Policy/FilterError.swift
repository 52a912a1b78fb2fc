// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a filter expression, where, and what to write instead.
package struct FilterError: Error, CustomStringConvertible {
    package let message: String
    package let help: String?
    /// The expression as one line, or the part of it around the place.
    package let excerpt: String
    /// Columns of the excerpt in front of the place.
    package let column: Int

    /// `offset` is in bytes of `text`.
    init(_ message: String, at offset: Int, in text: [UInt8], help: String? = nil) {
        self.message = message
        self.help = help
        // No more than can be shown.
        let offset = min(offset, text.count)
        let before = Self.columns(text[max(0, offset - 400)..<offset].drop { offset > 400 && $0 & 0xc0 == 0x80 })
        let after = Self.columns(text[offset..<min(text.count, offset + 400)])
        // Fits a terminal that is 80 wide.
        let front = before.count > 50 ? ["…"] + before.suffix(50) : before
        let room = 76 - front.count
        let back = after.count > room ? after.prefix(room) + ["…"] : after[...]
        excerpt = String(String.UnicodeScalarView(front + back))
        column = front.count
    }

    /// A line break or a control would move the caret away from its place.
    private static func columns(_ bytes: ArraySlice<UInt8>) -> [Unicode.Scalar] {
        String(decoding: bytes, as: UTF8.self).unicodeScalars.map { scalar in
            scalar.value == 9 || scalar.value == 10 || scalar.value == 13 ? " " : isPlain(scalar) ? scalar : "?"
        }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }

    /// The lines below the message: the expression, a caret under the place, and the help.
    package var lines: [String] {
        let caret = String(repeating: " ", count: column) + "^"
        return [excerpt, caret] + (help.map { [$0] } ?? [])
    }

    package var description: String { ([message] + lines).joined(separator: "\n") }
}
