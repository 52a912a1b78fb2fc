// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rendering

struct JSONStringTests {
    /// Bytes that are looked at eight at a time: what has to be escaped is found wherever it is.
    @Test(arguments: [
        (0x00, "\\u0000"), (0x1f, "\\u001f"), (0x20, " "), (0x22, "\\\""), (0x5c, "\\\\"), (0x7e, "~"),
        (0x7f, "\\u007f"),
        (0x80, "\u{fffd}"), (0xff, "\u{fffd}"),
    ])
    func escapesEverywhere(_ byte: UInt8, _ expected: String) throws {
        for count in 0..<20 {
            for place in 0...count {
                var text = [UInt8](repeating: UInt8(ascii: "a"), count: count)
                text.insert(byte, at: place)
                var buffer = OutputBuffer()
                JSONRenderer.append(text.span, to: &buffer)
                let before = String(repeating: "a", count: place)
                let after = String(repeating: "a", count: count - place)
                #expect(String(decoding: buffer.array(), as: UTF8.self) == "\"\(before)\(expected)\(after)\"")
            }
        }
    }
}
