// SPDX-License-Identifier: Apache-2.0

package import Events

/// A filter in the form that decides: tests in a row, each of which says where to go on. No recursion, and no allocation
/// once the buffer for paths has grown.
package struct FilterMatcher {
    private struct Step {
        let test: FilterTest
        let onTrue: Int
        let onFalse: Int
    }

    private static let accepts = -1
    private static let rejects = -2

    private var steps: [Step] = []
    private var start = FilterMatcher.accepts
    private let boot: [UInt8]
    /// Text that is made for a comparison.
    private var scratch: [UInt8] = []

    init(_ expression: FilterExpression, boot: [UInt8]) {
        self.boot = boot
        start = add(expression, onTrue: Self.accepts, onFalse: Self.rejects)
    }

    /// Adds the steps of an expression, the last ones first, and gives the first.
    private mutating func add(_ expression: FilterExpression, onTrue: Int, onFalse: Int) -> Int {
        switch expression {
        case .test(let test):
            steps.append(Step(test: test, onTrue: onTrue, onFalse: onFalse))
            return steps.count - 1
        case .not(let part): return add(part, onTrue: onFalse, onFalse: onTrue)
        case .all(let parts): return parts.reversed().reduce(onTrue) { add($1, onTrue: $0, onFalse: onFalse) }
        case .any(let parts): return parts.reversed().reduce(onFalse) { add($1, onTrue: onTrue, onFalse: $0) }
        }
    }

    /// Whether an event with these values matches. Asks for no more values than it needs.
    package mutating func matches(_ value: (Field) -> FieldValue) -> Bool {
        var index = start
        while index >= 0 {
            let value = value(steps[index].test.field)
            index = holds(index, value) ? steps[index].onTrue : steps[index].onFalse
        }
        return index == Self.accepts
    }

    private mutating func holds(_ index: Int, _ value: FieldValue) -> Bool {
        if case .absent = value { return false }
        let differs = steps[index].test.differs
        switch steps[index].test.check {
        case .exists: return true
        case .boolean(let expected):
            guard case .bool(let value) = value else { return false }
            return (value == expected) != differs
        case .numbers(let ranges):
            guard case .integer(let value) = value else { return false }
            return Self.contains(ranges, value) != differs
        case .identifiers(let ranges):
            guard case .identifier(let value) = value else { return false }
            return Self.contains(ranges, value) != differs
        case .times(let ranges):
            guard case .time(let value) = value else { return false }
            return Self.contains(ranges, value) != differs
        case .addresses(let prefixes):
            switch value {
            case .address(let address): return prefixes.contains { $0.contains(address) } != differs
            case .addresses(let addresses):
                return addresses.contains { address in prefixes.contains { $0.contains(address) } } != differs
            default: return false
            }
        case .texts, .glob:
            return hasText(steps[index].test.check, value) != differs
        }
    }

    private static func contains<Number: FixedWidthInteger>(_ ranges: [ClosedRange<Number>], _ value: Number) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= value
    }

    // MARK: Text

    /// Whether the value, or an element of it, is one of the texts or matches the pattern.
    private mutating func hasText(_ check: FilterCheck, _ value: FieldValue) -> Bool {
        switch value {
        case .text(let text): return check.accepts(text.span)
        case .name(let name): return check.accepts(name.span)
        case .word(let word): return check.accepts(word)
        case .words(let words):
            for word in words where check.accepts(word) { return true }
            return false
        case .texts(let list), .labels(let list):
            for range in list where check.accepts(list.bytes.storage.span.extracting(range)) { return true }
            return false
        default: break
        }
        scratch.removeAll(keepingCapacity: true)
        switch value {
        case .path(let path): scratch.append(path)
        case .joinedPath(let directory, let path):
            if path.slice.first != UInt8(ascii: "/") {
                if let directory, directory.bytes.count > 1 { scratch.append(directory) }
                scratch.append(UInt8(ascii: "/"))
            }
            scratch.append(contentsOf: path.storage[path.withoutDotSlash])
        case .entity(let key):
            scratch.append(contentsOf: boot)
            scratch.append(UInt8(ascii: "-"))
            scratch.append(key.start, radix: 16)
            scratch.append(UInt8(ascii: "-"))
            scratch.append(UInt64(key.pid), radix: 10)
        case .terminal(let driver, let number):
            for index in 0..<driver.count { scratch.append(driver.span[index]) }
            if driver.isPseudoTerminal { scratch.append(UInt8(ascii: "/")) }
            scratch.append(UInt64(number), radix: 10)
        case .identifier(let number): scratch.append(number, radix: 10)
        default: return false
        }
        return check.accepts(scratch.span)
    }
}

extension FilterCheck {
    fileprivate func accepts(_ word: StaticString) -> Bool {
        let start = unsafe UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        return accepts(unsafe start.span)
    }

    func accepts(_ text: Span<UInt8>) -> Bool {
        switch self {
        case .texts(let texts):
            for expected in texts where Self.equal(expected.span, text) { return true }
            return false
        case .glob(let glob): return glob.matches(text)
        default: return false
        }
    }

    private static func equal(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        for index in a.indices where a[index] != b[index] { return false }
        return true
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ path: WalkedPath) {
        let before = count
        path.forEachComponent { range in
            append(UInt8(ascii: "/"))
            append(contentsOf: path.bytes.storage[range])
        }
        if count == before { append(UInt8(ascii: "/")) }
    }

    fileprivate mutating func append(_ number: UInt64, radix: UInt64) {
        let start = count
        var rest = number
        repeat {
            let digit = UInt8(rest % radix)
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            rest /= radix
        } while rest > 0
        self[start...].reverse()
    }
}
