// SPDX-License-Identifier: Apache-2.0

/// Some bytes of an array that is kept alive, without a copy. Text from outside: may be anything, also invalid UTF-8.
package struct Bytes: Sendable {
    package let storage: [UInt8]
    // Half as wide as a range: these are passed around for every field of every event.
    private let start: UInt32
    private let end: UInt32

    package init(_ storage: [UInt8], _ range: Range<Int>) {
        self.storage = storage
        start = UInt32(range.lowerBound)
        end = UInt32(range.upperBound)
    }

    package var range: Range<Int> { unsafe Range(uncheckedBounds: (Int(start), Int(end))) }

    package init(_ storage: [UInt8]) {
        self.init(storage, storage.indices)
    }

    package init(_ text: String) {
        self.init(Array(text.utf8))
    }

    /// Where they lie in memory: nowhere else as long as this is there.
    package var address: UInt {
        unsafe storage.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } &+ UInt(start)
    }

    package var isEmpty: Bool { range.isEmpty }
    package var count: Int { range.count }
    package var slice: ArraySlice<UInt8> { storage[range] }
    package var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { storage.span.extracting(range) }
    }

    /// The same, for readers of raw bytes.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe storage.span.bytes.extracting(range) }
    }

    /// For messages and tests; invalid UTF-8 becomes U+FFFD.
    package var string: String { String(decoding: slice, as: UTF8.self) }
}

extension Bytes {
    /// The range without leading "./", for joining to a directory.
    package var withoutDotSlash: Range<Int> {
        var start = range.lowerBound
        while start + 2 < range.upperBound, storage[start] == UInt8(ascii: "."), storage[start + 1] == UInt8(ascii: "/")
        {
            start += 2
        }
        return start..<range.upperBound
    }
}

/// A path as the kernel programs walk it: components from the leaf to the root, each ended by NUL. An empty component
/// marks the root directory of the process; what follows lies above that root.
package struct WalkedPath: Sendable {
    package let bytes: Bytes
    private let ownEnd: UInt32
    /// Whether the path leads to the process's root.
    package let isRooted: Bool

    /// The components below the process's root.
    private var own: Range<Int> { bytes.range.lowerBound..<Int(ownEnd) }

    package init(_ bytes: Bytes) {
        self.bytes = bytes
        var start = bytes.range.lowerBound
        var index = start
        while index < bytes.range.upperBound {
            if bytes.storage[index] == 0 {
                if index == start { break }
                start = index + 1
            }
            index += 1
        }
        ownEnd = UInt32(min(index, bytes.range.upperBound))
        isRooted = index < bytes.range.upperBound
    }

    /// Calls `body` with the range in `bytes.storage` of each component from the root to the leaf, as the process itself
    /// sees the path.
    package func forEachComponent(_ body: (Range<Int>) -> Void) {
        Self.backward(through: bytes.storage, own, body)
    }

    /// The same from the root of the mount namespace, which is higher when the process lives in a chroot.
    package func forEachHostComponent(_ body: (Range<Int>) -> Void) {
        if isRooted { Self.backward(through: bytes.storage, own.upperBound + 1..<bytes.range.upperBound, body) }
        forEachComponent(body)
    }

    /// Whether something lies above the process's root.
    package var hasHostPart: Bool { isRooted && own.upperBound + 1 < bytes.range.upperBound }

    package var string: String {
        var result: [UInt8] = []
        forEachComponent { range in
            result.append(UInt8(ascii: "/"))
            result.append(contentsOf: bytes.storage[range])
        }
        return result.isEmpty ? "/" : String(decoding: result, as: UTF8.self)
    }

    private static func backward(through storage: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
        var end = range.upperBound
        while end > range.lowerBound {
            // `end` is one past a NUL, or past the last byte when the walk was cut.
            let last = storage[end - 1] == 0 ? end - 1 : end
            var start = last
            while start > range.lowerBound, storage[start - 1] != 0 { start -= 1 }
            if start < last { body(start..<last) }
            end = start
        }
    }
}

/// NUL-terminated strings in a row, as an argument list lies in memory. Its elements are ranges in `bytes.storage`. A last
/// string without its NUL was cut, and counts.
package struct TextList: Sequence, Sendable {
    package let bytes: Bytes

    package init(_ bytes: Bytes) {
        self.bytes = bytes
    }

    package struct Iterator: IteratorProtocol {
        fileprivate let storage: [UInt8]
        fileprivate var rest: Range<Int>

        package mutating func next() -> Range<Int>? {
            guard !rest.isEmpty else { return nil }
            var end = rest.lowerBound
            while end < rest.upperBound, storage[end] != 0 { end += 1 }
            defer { rest = Swift.min(end + 1, rest.upperBound)..<rest.upperBound }
            return rest.lowerBound..<end
        }
    }

    package func makeIterator() -> Iterator { Iterator(storage: bytes.storage, rest: bytes.range) }

    package var strings: [String] { map { String(decoding: bytes.storage[$0], as: UTF8.self) } }
}
