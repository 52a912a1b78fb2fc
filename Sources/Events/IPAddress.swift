// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address, in network order.
package struct IPAddress: Hashable, Sendable {
    /// 4 or 16.
    package let count: Int
    private let high: UInt64
    private let low: UInt64

    private init(count: Int, high: UInt64, low: UInt64) {
        self.count = count
        self.high = high
        self.low = low
    }

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

    /// IPv4 where IPv6 only carries it (::ffff:10.0.0.1); else itself.
    package var unmapped: IPAddress {
        guard count == 16, high == 0, low >> 32 == 0xffff else { return self }
        return IPAddress(count: 4, high: low << 32, low: 0)
    }

    /// The same with all bits behind the first `bits` cleared.
    package func keeping(bits: Int) -> IPAddress {
        func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits)) }
        return IPAddress(count: count, high: high & mask(bits), low: low & mask(bits - 64))
    }
}

extension IPAddress {
    /// From text: four decimal numbers without leading zeros (in another reading they would be octal), or IPv6 as RFC 4291
    /// has it, also with a dotted end.
    package init?(_ text: some StringProtocol) {
        let text = Array(text.utf8)
        if !text.contains(UInt8(ascii: ":")) {
            guard let bytes = Self.dotted(text[...]) else { return nil }
            self.init(bytes.span)
            return
        }
        // Words in front of "::", and behind it.
        var front: [UInt16] = []
        var back: [UInt16] = []
        var hasGap = false
        var rest = text[...]
        if rest.starts(with: [UInt8(ascii: ":"), UInt8(ascii: ":")]) {
            hasGap = true
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
            let part = rest[..<end]
            let isLast = end == rest.endIndex
            var words: [UInt16] = []
            if isLast, part.contains(UInt8(ascii: ".")) {
                guard let bytes = Self.dotted(part) else { return nil }
                words = [UInt16(bytes[0]) << 8 | UInt16(bytes[1]), UInt16(bytes[2]) << 8 | UInt16(bytes[3])]
            } else {
                guard let word = Self.number(part, radix: 16, digits: 4) else { return nil }
                words = [UInt16(word)]
            }
            if hasGap { back += words } else { front += words }
            if front.count + back.count > 8 { return nil }
            rest = rest[end...].dropFirst()
            if isLast { break }
            if rest.isEmpty { return nil }
            if rest.first == UInt8(ascii: ":") {
                if hasGap { return nil }
                hasGap = true
                rest = rest.dropFirst()
            }
        }
        let missing = 8 - front.count - back.count
        guard hasGap ? missing >= 1 : missing == 0 else { return nil }
        let words = front + Array(repeating: 0, count: missing) + back
        func join(_ words: ArraySlice<UInt16>) -> UInt64 { words.reduce(0) { $0 << 16 | UInt64($1) } }
        self.init(count: 16, high: join(words[..<4]), low: join(words[4...]))
    }

    private static func dotted(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard let number = number(part, radix: 10, digits: 3), number < 256 else { return nil }
            if part.count > 1 && part.first == UInt8(ascii: "0") { return nil }
            bytes.append(UInt8(number))
        }
        return bytes
    }

    private static func number(_ text: ArraySlice<UInt8>, radix: Int, digits: Int) -> Int? {
        guard !text.isEmpty, text.count <= digits else { return nil }
        var value = 0
        for byte in text {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, digit < radix else { return nil }
            value = value * radix + digit
        }
        return value
    }
}
