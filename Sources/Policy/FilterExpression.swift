// SPDX-License-Identifier: Apache-2.0

internal import Events

/// A filter, parsed and checked.
indirect enum FilterExpression: Sendable {
    case test(FilterTest)
    case not(FilterExpression)
    case all([FilterExpression])
    case any([FilterExpression])
}

/// One comparison of a field.
struct FilterTest: Sendable {
    let field: Field
    let check: FilterCheck
    /// The field has to be there and the check must not hold: `!=`.
    let differs: Bool
    /// What stands behind the field's name.
    let text: String
}

/// What a value must be. Sets of numbers are ranges, ordered and apart from each other.
enum FilterCheck: Sendable {
    case exists
    case boolean(Bool)
    case numbers([ClosedRange<Int64>])
    case identifiers([ClosedRange<UInt64>])
    case times([ClosedRange<UInt64>])
    case texts([[UInt8]])
    case glob(Glob)
    case addresses([IPPrefix])
}

extension FilterExpression: CustomStringConvertible {
    var description: String {
        switch self {
        case .test(let test): "\(test.field.name) \(test.text)"
        case .not(let part): "not \(part.operand)"
        case .all(let parts): parts.map(\.operand).joined(separator: " and ")
        case .any(let parts): parts.map(\.operand).joined(separator: " or ")
        }
    }

    /// In parentheses where it needs them, or where a reader might.
    private var operand: String {
        switch self {
        case .test, .not: description
        case .all, .any: "(\(description))"
        }
    }
}

extension [ClosedRange<Int64>] {
    /// All other numbers.
    var complement: [ClosedRange<Int64>] {
        var result: [ClosedRange<Int64>] = []
        var next: Int64? = .min
        for range in self {
            if let start = next, start < range.lowerBound { result.append(start...range.lowerBound - 1) }
            next = range.upperBound == .max ? nil : range.upperBound + 1
        }
        if let next { result.append(next...Int64.max) }
        return result
    }
}

/// The ranges in order, joined where they meet.
func joined<Number: FixedWidthInteger>(_ ranges: [ClosedRange<Number>]) -> [ClosedRange<Number>] {
    var result: [ClosedRange<Number>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
        if let last = result.last, last.upperBound == .max || range.lowerBound <= last.upperBound + 1 {
            result[result.count - 1] = last.lowerBound...Swift.max(last.upperBound, range.upperBound)
        } else {
            result.append(range)
        }
    }
    return result
}
