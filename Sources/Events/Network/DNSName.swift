// SPDX-License-Identifier: Apache-2.0

/// Domain names on the wire.
enum DNSName {
    /// Bytes of a name with the lengths of its labels (RFC 1035, 2.3.4).
    private static let limit = 255
    /// A name of 255 bytes has no more labels than this, so one that follows more pointers means harm.
    private static let pointerLimit = 127

    /// Appends the name at `start` as dig writes it, in small letters and without its last dot; the root is ".". Gives the
    /// offset behind it, or `nil` (and leaves `text` as it was) for a name that is none: cut, too long, or with a pointer
    /// that does not lead back.
    static func append(at start: Int, of message: borrowing RawSpan, to text: inout ArgumentText) -> Int? {
        let begin = text.bytes.count
        guard
            let end = forEachLabel(
                at: start, of: message,
                { label, isFirst in
                    if !isFirst { text.append(".") }
                    for index in 0..<label.byteCount { append(label.byte(at: index) ?? 0, to: &text) }
                })
        else {
            text.removeLast(text.bytes.count - begin)
            return nil
        }
        if text.bytes.count == begin { text.append(".") }
        return end
    }

    /// The offset behind the name at `start`.
    static func end(at start: Int, of message: borrowing RawSpan) -> Int? {
        forEachLabel(at: start, of: message) { _, _ in }
    }

    private static func forEachLabel(
        at start: Int, of message: borrowing RawSpan, _ body: (RawSpan, _ isFirst: Bool) -> Void
    ) -> Int? {
        var offset = start
        var end: Int?
        // Where the labels that are being read begin. A pointer leads in front of that, so this comes to an end.
        var run = start
        var pointers = 0
        var length = 1
        while true {
            guard let size = message.byte(at: offset) else { return nil }
            switch size >> 6 {
            case 0 where size == 0:
                return end ?? offset + 1
            case 0:
                let first = length == 1
                length += Int(size) + 1
                guard length <= limit, offset + 1 + Int(size) <= message.byteCount else { return nil }
                body(message.extracting(offset + 1..<offset + 1 + Int(size)), first)
                offset += 1 + Int(size)
            case 3:
                guard let word = message.big16(at: offset) else { return nil }
                let target = Int(word & 0x3fff)
                pointers += 1
                guard target < run, pointers <= pointerLimit else { return nil }
                end = end ?? offset + 2
                offset = target
                run = target
            default:
                return nil
            }
        }
    }

    /// One byte of a label: a dot in it is not one between labels, and what is not printable is a decimal number.
    private static func append(_ byte: UInt8, to text: inout ArgumentText) {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): text.append(CollectionOfOne(byte | 0x20))
        case UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: "\""):
            text.append("\\")
            text.append(CollectionOfOne(byte))
        case 0x21...0x7e: text.append(CollectionOfOne(byte))
        default:
            text.append("\\")
            for divisor: UInt8 in [100, 10, 1] { text.append(decimal: byte / divisor % 10) }
        }
    }
}
