// SPDX-License-Identifier: Apache-2.0

/// Bytes on their way out. Everything is appended here; nothing is made into a `String` first.
package struct OutputBuffer {
    package private(set) var bytes: [UInt8] = []

    package init() {
        bytes.reserveCapacity(1 << 16)
    }

    /// Without memory of its own yet.
    init(empty: Void) {}

    package var count: Int { bytes.count }

    /// Empties the buffer and keeps its memory.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    package mutating func truncate(to count: Int) {
        bytes.removeLast(bytes.count - count)
    }

    package mutating func append(_ byte: UInt8) {
        bytes.append(byte)
    }

    package mutating func append(_ text: StaticString) {
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    package mutating func append(contentsOf slice: ArraySlice<UInt8>) {
        bytes.append(contentsOf: slice)
    }

    package mutating func append(decimal value: UInt64) {
        if value < 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(value))
            return
        }
        var digits: InlineArray<20, UInt8> = .init(repeating: 0)
        var rest = value
        var index = 20
        while rest > 0 {
            index -= 1
            digits[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        for position in index..<20 { bytes.append(digits[position]) }
    }

    package mutating func append(decimal value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    /// `value` with leading zeros to `width` digits.
    package mutating func append(padded value: UInt64, width: Int) {
        var limit: UInt64 = 1
        for _ in 1..<width {
            limit *= 10
            if value < limit { bytes.append(UInt8(ascii: "0")) }
        }
        // The loop above counts from the small end; the number of zeros is the same.
        append(decimal: value)
    }

    package mutating func append(hexadecimal value: UInt64) {
        var started = false
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8((value >> UInt64(shift)) & 0xf)
            if digit == 0 && !started && shift > 0 { continue }
            started = true
            bytes.append(Self.hexDigit(digit))
        }
    }

    static func hexDigit(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
}
