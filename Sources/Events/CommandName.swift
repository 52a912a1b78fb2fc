// SPDX-License-Identifier: Apache-2.0

/// A fixed C string of 16 bytes, such as the name that the kernel keeps of a thread. May be anything, also invalid UTF-8.
package struct CommandName: Sendable {
    private let bytes: InlineArray<16, UInt8>
    private let length: UInt8

    package typealias CString = (
        CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar
    )

    package init(_ string: CString) {
        bytes = unsafe unsafeBitCast(string, to: InlineArray<16, UInt8>.self)
        var length: UInt8 = 0
        while length < 16, bytes[Int(length)] != 0 { length += 1 }
        self.length = length
    }

    /// Bytes up to the NUL, if there is one.
    package var count: Int { Int(length) }

    package var isEmpty: Bool { count == 0 }

    package var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes.span.extracting(first: count) }
    }

    /// For messages and tests; invalid UTF-8 becomes U+FFFD.
    package var string: String { Bytes(array).string }

    package var array: [UInt8] { (0..<count).map { bytes[$0] } }
}

extension CommandName {
    /// Whether this is the driver of pseudo terminals.
    package var isPseudoTerminal: Bool {
        bytes[0] == UInt8(ascii: "p") && bytes[1] == UInt8(ascii: "t") && bytes[2] == UInt8(ascii: "s") && length == 3
    }
}

extension CommandName: Equatable {
    package static func == (a: CommandName, b: CommandName) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count where a.bytes[index] != b.bytes[index] { return false }
        return true
    }
}
