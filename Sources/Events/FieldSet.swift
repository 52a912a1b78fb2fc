// SPDX-License-Identifier: Apache-2.0

/// Some of the fields. Two are joined, and one is gone through, in a few instructions.
package struct FieldSet: Sendable {
    /// A bit for each field, in the order of the list.
    package private(set) var words: InlineArray<4, UInt64>

    package init() {
        words = .init(repeating: 0)
    }

    package init(_ fields: some Sequence<Field>) {
        self.init()
        for field in fields { insert(field) }
    }

    package mutating func insert(_ field: Field) {
        words[field.rawValue >> 6] |= 1 << UInt64(field.rawValue & 63)
    }

    package func contains(_ field: Field) -> Bool {
        words[field.rawValue >> 6] & 1 << UInt64(field.rawValue & 63) != 0
    }

    package mutating func formUnion(_ other: FieldSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    package func union(_ other: FieldSet) -> FieldSet {
        var result = self
        result.formUnion(other)
        return result
    }

    package mutating func formIntersection(_ other: FieldSet) {
        for index in words.indices { words[index] &= other.words[index] }
    }
}

extension FieldSet: ExpressibleByArrayLiteral {
    package init(arrayLiteral fields: Field...) {
        self.init(fields)
    }
}
