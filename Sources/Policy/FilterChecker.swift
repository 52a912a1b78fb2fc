// SPDX-License-Identifier: Apache-2.0

internal import Events

enum FilterOperation: String, Sendable {
    case equal = "=="
    case different = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case glob = "~"
    case isIn = "in"
    case cidr
    case exists

    /// What it compares, for messages.
    fileprivate var subjects: String {
        switch self {
        case .equal, .different: "single values"
        case .less, .lessOrEqual, .greater, .greaterOrEqual: "numbers and times"
        case .glob: "text"
        case .isIn: "numbers, times, text and addresses"
        case .cidr: "addresses"
        case .exists: "nothing"
        }
    }
}

/// A value as it is written, and where.
struct FilterOperand {
    enum Value {
        case text([UInt8])
        /// Begins like a number.
        case number(String)
        case boolean(Bool)
    }

    let value: Value
    let offset: Int

    var text: String {
        switch value {
        case .text(let text): FilterLiteral.quoted(text)
        case .number(let text): text
        case .boolean(let value): "\(value)"
        }
    }

    fileprivate var typeName: String {
        switch value {
        case .text: "text"
        case .number: "a number"
        case .boolean: "a boolean"
        }
    }
}

/// Holds a comparison to the type of its field. What could never match is an error too.
struct FilterChecker {
    private let field: Field
    private let type: FilterType
    private let operation: FilterOperation
    /// Of the operator.
    private let place: Int
    private let text: [UInt8]

    init(field: Field, operation: FilterOperation, place: Int, text: [UInt8]) {
        self.field = field
        type = FilterType(field)
        self.operation = operation
        self.place = place
        self.text = text
    }

    func test(_ operands: [FilterOperand]) throws(FilterError) -> FilterTest {
        guard type.operations.contains(operation) else {
            throw error(
                "\(field.name) is \(type.name), and \(operation.rawValue) compares \(operation.subjects)", place,
                "operators for it: " + type.operations.map(\.rawValue).joined(separator: " "))
        }
        let values = operands.map(\.text).joined(separator: ", ")
        let behind =
            switch operation {
            case .exists: "exists"
            case .isIn: "in (\(values))"
            default: "\(operation.rawValue) \(values)"
            }
        return FilterTest(
            field: field, check: try check(operands), differs: operation == .different, text: behind)
    }

    private func error(_ message: String, _ offset: Int, _ help: String?) -> FilterError {
        FilterError(message, at: offset, in: text, help: help)
    }

    private func mismatch(_ operand: FilterOperand, _ help: String? = nil) -> FilterError {
        error(
            "\(field.name) is \(type.name), \(operand.text) is \(operand.typeName)", operand.offset,
            help ?? type.example)
    }

    private func check(_ operands: [FilterOperand]) throws(FilterError) -> FilterCheck {
        if operation == .exists { return .exists }
        switch type {
        case .object: return .exists
        case .boolean:
            guard case .boolean(let value) = operands[0].value else { throw mismatch(operands[0]) }
            return .boolean(value)
        case .number, .duration:
            var ranges: [ClosedRange<Int64>] = []
            for operand in operands { ranges += self.ranges(try signed(operand)) }
            return .numbers(joined(ranges))
        case .identifier:
            var ranges: [ClosedRange<UInt64>] = []
            for operand in operands { ranges += self.ranges(try unsigned(operand)) }
            return .identifiers(joined(ranges))
        case .time:
            var ranges: [ClosedRange<UInt64>] = []
            for operand in operands {
                guard case .text(let text) = operand.value else { throw mismatch(operand) }
                guard let time = FilterLiteral.time(text) else {
                    throw error("\(operand.text) is not a time as in RFC 3339", operand.offset, type.example)
                }
                ranges += self.ranges(time)
            }
            return .times(joined(ranges))
        case .text, .textList, .name, .word, .wordList: return try textCheck(operands)
        case .address:
            var prefixes: [IPPrefix] = []
            for operand in operands { prefixes.append(try prefix(operand)) }
            return .addresses(prefixes)
        }
    }

    private func ranges<Number: FixedWidthInteger>(_ value: Number) -> [ClosedRange<Number>] {
        switch operation {
        case .less: value == .min ? [] : [.min...value - 1]
        case .lessOrEqual: [.min...value]
        case .greater: value == .max ? [] : [value + 1...Number.max]
        case .greaterOrEqual: [value...Number.max]
        default: [value...value]
        }
    }

    // MARK: Numbers

    private func signed(_ operand: FilterOperand) throws(FilterError) -> Int64 {
        if type == .duration, case .number(let text) = operand.value {
            do {
                if let duration = try FilterLiteral.duration(text) { return duration }
            } catch {
                throw self.error("\(text) is too long", operand.offset, nil)
            }
        }
        guard let value = try number(operand).signed else {
            throw error("\(operand.text) does not fit into 64 bits", operand.offset, nil)
        }
        return value
    }

    private func unsigned(_ operand: FilterOperand) throws(FilterError) -> UInt64 {
        let value = try number(operand)
        guard !value.isNegative || value.magnitude == 0 else {
            throw error("\(field.name) is never negative", operand.offset, nil)
        }
        return value.magnitude
    }

    private func number(_ operand: FilterOperand) throws(FilterError) -> FilterLiteral.Number {
        let text: String
        switch operand.value {
        case .number(let word): text = word
        // As JSON has it.
        case .text(let word) where type == .identifier: text = String(decoding: word, as: UTF8.self)
        case .text(let word):
            let inside = String(decoding: word, as: UTF8.self)
            throw mismatch(operand, (try? FilterLiteral.number(inside)) == nil ? nil : "write \(inside)")
        case .boolean: throw mismatch(operand)
        }
        do {
            return try FilterLiteral.number(text)
        } catch {
            switch error {
            case .notANumber: throw self.error("\(operand.text) is not a number", operand.offset, type.example)
            case .leadingZero(let without):
                throw self.error(
                    "a number does not begin with 0", operand.offset, "write \(without), or 0x for hexadecimal")
            case .tooLarge: throw self.error("\(operand.text) does not fit into 64 bits", operand.offset, nil)
            }
        }
    }

    // MARK: Text

    private func textCheck(_ operands: [FilterOperand]) throws(FilterError) -> FilterCheck {
        var texts: [[UInt8]] = []
        for operand in operands {
            guard case .text(let text) = operand.value else { throw mismatch(operand, "write \"\(operand.text)\"") }
            if operation == .glob {
                guard let words = type.words else { return .glob(Glob(text)) }
                texts = words.map { Array($0.utf8) }.filter { Glob(text).matches($0.span) }
                if texts.isEmpty {
                    throw error("no \(field.name) matches \(operand.text)", operand.offset, wordList)
                }
                return .texts(texts)
            }
            if let words = type.words, !words.contains(where: { $0.utf8.elementsEqual(text) }) {
                let near = words.filter { editDistance($0, String(decoding: text, as: UTF8.self)) <= 2 }
                throw error(
                    "\(field.name) is never \(operand.text)", operand.offset,
                    near.first.map { "did you mean \"\($0)\"?" } ?? wordList)
            }
            if type == .name, text.count > 15 {
                throw error(
                    "\(field.name) is never \(operand.text): the kernel keeps 15 bytes of a name", operand.offset,
                    "write \(FilterLiteral.quoted(Array(text.prefix(15))))")
            }
            texts.append(text)
        }
        return .texts(texts)
    }

    /// The words that there are, or where they are.
    private var wordList: String {
        let words = type.words ?? []
        return words.count <= 8 ? "write \(words.joined(separator: ", "))" : "ebpfguard-events(5) lists them"
    }

    // MARK: Addresses

    private func prefix(_ operand: FilterOperand) throws(FilterError) -> IPPrefix {
        guard case .text(let bytes) = operand.value else { throw mismatch(operand, "write \"\(operand.text)\"") }
        let text = String(decoding: bytes, as: UTF8.self)
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts.first ?? "") else {
            throw error("\(operand.text) is not an address", operand.offset, type.example)
        }
        guard parts.count == 2 else { return IPPrefix(address) }
        guard operation == .cidr else {
            throw error(
                "\(operand.text) is not one address", operand.offset, "write \(field.name) cidr \(operand.text)")
        }
        guard let length = try? FilterLiteral.number(String(parts[1])).signed, parts[1].first != "-",
            let prefix = IPPrefix(address, length: Int(length))
        else {
            throw error(
                "\(operand.text) is not a network", operand.offset,
                "behind the / stands a number from 0 to \(address.count * 8)")
        }
        guard address.keeping(bits: Int(length)) == address else {
            let first = address.keeping(bits: Int(length))
            let dotted = (0..<4).map { "\(first[$0])" }.joined(separator: ".")
            throw error(
                "\(operand.text) has bits behind the first \(length)", operand.offset,
                address.count == 4 ? "write \"\(dotted)/\(length)\"" : "set them to 0")
        }
        return prefix
    }
}

extension FilterType {
    /// Those that make sense for it.
    fileprivate var operations: [FilterOperation] {
        switch self {
        case .boolean: [.equal, .different, .exists]
        case .number, .duration, .identifier, .time:
            [.equal, .different, .less, .lessOrEqual, .greater, .greaterOrEqual, .isIn, .exists]
        case .text, .textList, .name, .word, .wordList: [.equal, .different, .glob, .isIn, .exists]
        case .address: [.equal, .different, .isIn, .cidr, .exists]
        case .object: [.exists]
        }
    }
}
