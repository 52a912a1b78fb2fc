// SPDX-License-Identifier: Apache-2.0

/// What lies at one place of a byte string that may not be UTF-8.
struct Scalar {
    let value: UInt32
    let length: Int

    /// The scalar that starts at `index`; `nil` when no well-formed one does (Unicode 15, table 3-7).
    init?(_ bytes: Span<UInt8>, _ index: Int) {
        let first = bytes[index]
        func continuation(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xbf) -> UInt32? {
            guard index + offset < bytes.count, range.contains(bytes[index + offset]) else { return nil }
            return UInt32(bytes[index + offset] & 0x3f)
        }
        switch first {
        case 0x00...0x7f:
            value = UInt32(first)
            length = 1
        case 0xc2...0xdf:
            guard let a = continuation(1) else { return nil }
            value = UInt32(first & 0x1f) << 6 | a
            length = 2
        case 0xe0...0xef:
            let range: ClosedRange<UInt8> = first == 0xe0 ? 0xa0...0xbf : first == 0xed ? 0x80...0x9f : 0x80...0xbf
            guard let a = continuation(1, range), let b = continuation(2) else { return nil }
            value = UInt32(first & 0x0f) << 12 | a << 6 | b
            length = 3
        case 0xf0...0xf4:
            let range: ClosedRange<UInt8> = first == 0xf0 ? 0x90...0xbf : first == 0xf4 ? 0x80...0x8f : 0x80...0xbf
            guard let a = continuation(1, range), let b = continuation(2), let c = continuation(3) else { return nil }
            value = UInt32(first & 0x07) << 18 | a << 12 | b << 6 | c
            length = 4
        default: return nil
        }
    }

    /// Control characters, those that turn the direction of the text around them, and those that can't be seen.
    var isHostile: Bool {
        switch value {
        case 0..<0x20, 0x7f..<0xa0, 0xad, 0x61c, 0x180e, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x206f, 0x3164,
            0xfeff, 0xffa0, 0xfff9...0xfffb, 0xe0000...0xe007f:
            true
        default: false
        }
    }

    /// Columns on a terminal: combining marks take none, East Asian wide and emoji two. Symbols that some terminals show
    /// wide count as wide: a line that ends early is better than one that breaks.
    var columns: Int {
        switch value {
        case 0..<0x300: 1
        case 0x300...0x36f, 0x1ab0...0x1aff, 0x20d0...0x20ff, 0xfe00...0xfe0f, 0xfe20...0xfe2f: 0
        case 0x1100...0x115f, 0x231a...0x231b, 0x2329...0x232a, 0x23e9...0x23f3, 0x2600...0x27bf, 0x2b1b...0x2b55,
            0x2e80...0x303e, 0x3041...0xa4cf, 0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe10...0xfe19,
            0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x16fe0...0x18dff, 0x1aff0...0x1b2ff,
            0x1f000...0x1faff, 0x20000...0x3fffd:
            2
        default: 1
        }
    }
}
