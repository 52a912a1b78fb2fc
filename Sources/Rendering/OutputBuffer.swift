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

    @inline(__always)
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

    /// Closes `count` JSON objects, at most 3, before what follows them.
    @inline(__always)
    mutating func closeObjects(_ count: Int) {
        reserve(4)
        // "}}}," less those that are not wanted, in the order of memory.
        let text = (0x2c7d_7d7d as UInt32) &>> UInt32(truncatingIfNeeded: 8 * (3 - count))
        unsafe UnsafeMutableRawPointer(start + self.count).storeBytes(of: text.littleEndian, as: UInt32.self)
        self.count += count + 1
    }

    package mutating func append(decimal value: UInt64) {
        if value < 10 { return append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)) }
        reserve(20)
        var digits = 1
        var rest = value
        while rest >= 10_000 {
            rest /= 10_000
            digits += 4
        }
        digits += (rest >= 10 ? 1 : 0) + (rest >= 100 ? 1 : 0) + (rest >= 1000 ? 1 : 0)
        write(value, digits: digits)
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
        var position = count &+ digits
        while position >= count &+ 2 {
            position &-= 2
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            let digits = unsafe Self.pairs.utf8Start + Int(truncatingIfNeeded: pair &<< 1)
            unsafe start[position] = digits[0]
            unsafe start[position &+ 1] = digits[1]
            rest = quotient
        }
        if position > count { unsafe start[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10) }
        count &+= digits
    }

    /// 00 to 99.
    private static var pairs: StaticString {
        """
        0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
        5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
        """
    }

    package mutating func append(hexadecimal value: UInt64) {
        let digits = max(1, (67 - value.leadingZeroBitCount) / 4)
        append(hexadecimal: value, digits: digits)
    }

    mutating func append(hexadecimal value: UInt64, digits: Int) {
        reserve(digits)
        var rest = value
        var position = count &+ digits
        while position > count {
            position &-= 1
            unsafe start[position] = Self.hexDigit(UInt8(truncatingIfNeeded: rest & 0xf))
            rest &>>= 4
        }
        count &+= digits
    }

    static func hexDigit(_ digit: UInt8) -> UInt8 {
        unsafe ("0123456789abcdef" as StaticString).utf8Start[Int(digit & 0xf)]
    }
}
