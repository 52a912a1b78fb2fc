// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address, in network order.
package struct IPAddress: Equatable, Sendable {
    /// 4 or 16.
    package let count: Int
    private let high: UInt64
    private let low: UInt64

    /// From 4 or 16 bytes; `nil` for any other number.
    package init?(_ bytes: Span<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<bytes.count {
            if index < 8 { high = high << 8 | UInt64(bytes[index]) } else { low = low << 8 | UInt64(bytes[index]) }
        }
        count = bytes.count
        self.high = bytes.count == 4 ? high << 32 : high
        self.low = low
    }

    /// The byte at `index`, below `count`.
    package subscript(index: Int) -> UInt8 {
        let word = index < 8 ? high : low
        return UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (index & 7)))
    }

    /// One of the eight words of an IPv6 address.
    package func word(_ index: Int) -> UInt16 { UInt16(self[index * 2]) << 8 | UInt16(self[index * 2 + 1]) }

    /// The words of an IPv6 address that RFC 5952 writes as "::": the first longest run of two or more zeros.
    package var longestZeros: Range<Int> {
        var zeros = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || word(index) != 0 {
            if index - start > max(1, zeros.count) { zeros = start..<index }
            start = index + 1
        }
        return zeros
    }
}
