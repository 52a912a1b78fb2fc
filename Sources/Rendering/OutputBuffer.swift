// SPDX-License-Identifier: Apache-2.0

/// Bytes on their way out. Everything is appended here; nothing is made into a `String` first. An array would ask whether
/// it is shared, and how long it is, for every byte.
@safe
package struct OutputBuffer: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    package private(set) var count = 0

    package init() {
        self.init(capacity: 1 << 16)
    }

    /// For a short text.
    init(capacity: Int) {
        unsafe start = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit {
        unsafe start.deallocate()
    }

    package var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: self) }
    }

    /// A copy.
    package func array(from index: Int = 0) -> [UInt8] {
        precondition(index >= 0 && index <= count)
        return unsafe Array(UnsafeBufferPointer(start: start + index, count: count - index))
    }

    /// Empties the buffer and keeps its memory.
    package mutating func removeAll() {
        count = 0
    }

    package mutating func truncate(to count: Int) {
        precondition(count <= self.count)
        self.count = count
    }

    /// Makes room for `count` bytes more.
    @inline(__always)
    private mutating func reserve(_ count: Int) {
        if self.count + count > capacity { grow(count) }
    }

    @inline(never)
    private mutating func grow(_ count: Int) {
        capacity = max(capacity * 2, self.count + count)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        unsafe larger.update(from: start, count: self.count)
        unsafe start.deallocate()
        unsafe start = larger
    }

    @inline(__always)
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe start[count] = byte
        count += 1
    }

    @inline(__always)
    package mutating func append(_ text: StaticString) {
        unsafe append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func append(string: String) {
        for byte in string.utf8 { append(byte) }
    }

    package mutating func append(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { unsafe append($0) }
    }

    @inline(__always)
    private mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        unsafe (start + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    package mutating func append(decimal value: UInt64) {
        reserve(20)
        var length = 1
        var limit: UInt64 = 10
        while value >= limit {
            length += 1
            let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
            if overflow { break }
            limit = next
        }
        write(value, digits: length)
    }

    package mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    /// `value` with leading zeros to `width` digits, of which it has no more.
    package mutating func append(padded value: UInt64, width: Int) {
        reserve(width)
        write(value, digits: width)
    }

    @inline(__always)
    private mutating func write(_ value: UInt64, digits: Int) {
        var rest = value
        var position = count + digits
        while position > count {
            position -= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            unsafe start[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            rest = quotient
        }
        count += digits
    }

    package mutating func append(hexadecimal value: UInt64) {
        let digits = max(1, (67 - value.leadingZeroBitCount) / 4)
        append(hexadecimal: value, digits: digits)
    }

    mutating func append(hexadecimal value: UInt64, digits: Int) {
        for digit in stride(from: (digits - 1) * 4, through: 0, by: -4) {
            append(Self.hexDigit(UInt8(truncatingIfNeeded: value >> UInt64(digit)) & 0xf))
        }
    }

    static func hexDigit(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
}
