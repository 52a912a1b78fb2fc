// SPDX-License-Identifier: Apache-2.0

internal import Events

/// A condition on figures of a run, in the grammar of filters: `sidecar.coverage < 1 or events.lost > 0`. Figures are
/// numbers; a comparison with one that there is not is false.
package struct FigureCondition: Sendable, CustomStringConvertible {
    private indirect enum Expression: Sendable {
        case all([Expression])
        case any([Expression])
        case not(Expression)
        case exists(String)
        case comparison(String, FilterOperation, Double)
    }

    private let expression: Expression
    /// As it was written.
    package let description: String

    /// `names` are those of the figures that there are.
    package init(_ text: String, names: [String]) throws(FilterError) {
        description = text
        var parser = try Parser(Array(text.utf8), names)
        expression = try parser.whole()
    }

    /// Whether it holds. `value` answers `nil` for a figure that could not be measured.
    package func holds(_ value: (String) -> Double?) -> Bool { Self.holds(expression, value) }

    private static func holds(_ expression: Expression, _ value: (String) -> Double?) -> Bool {
        switch expression {
        case .all(let parts): return parts.allSatisfy { holds($0, value) }
        case .any(let parts): return parts.contains { holds($0, value) }
        case .not(let part): return !holds(part, value)
        case .exists(let name): return value(name) != nil
        case .comparison(let name, let operation, let number):
            guard let value = value(name) else { return false }
            return switch operation {
            case .equal: value == number
            case .different: value != number
            case .less: value < number
            case .lessOrEqual: value <= number
            case .greater: value > number
            case .greaterOrEqual: value >= number
            case .glob, .isIn, .cidr, .exists: false
            }
        }
    }

    private struct Parser {
        private let text: [UInt8]
        private let names: [String]
        private let tokens: [FilterToken]
        private var index = 0
        private var depth = 0

        private static let operations = ["==", "!=", "<", "<=", ">", ">="]

        init(_ text: [UInt8], _ names: [String]) throws(FilterError) {
            self.text = text
            self.names = names
            tokens = try FilterLexer.tokens(text)
        }

        private var token: FilterToken { tokens[index] }

        private func error(_ message: String, at token: FilterToken, _ help: String?) -> FilterError {
            FilterError(message, at: token.offset, in: text, help: help)
        }

        private mutating func accept(_ kind: FilterToken.Kind) -> Bool {
            guard token.kind == kind else { return false }
            index += 1
            return true
        }

        private mutating func take() -> FilterToken {
            defer { if index < tokens.count - 1 { index += 1 } }
            return token
        }

        mutating func whole() throws(FilterError) -> Expression {
            let result = try alternatives()
            guard token.kind == .end else {
                throw error("here the expression should go on with and or or", at: token, nil)
            }
            return result
        }

        private mutating func alternatives() throws(FilterError) -> Expression {
            var parts = [try conjunction()]
            while accept(.word("or")) { parts.append(try conjunction()) }
            return parts.count == 1 ? parts[0] : .any(parts)
        }

        private mutating func conjunction() throws(FilterError) -> Expression {
            var parts = [try operand()]
            while accept(.word("and")) { parts.append(try operand()) }
            return parts.count == 1 ? parts[0] : .all(parts)
        }

        private mutating func operand() throws(FilterError) -> Expression {
            let first = token
            guard first.kind == .symbol("(") || first.kind == .word("not") else { return try comparison() }
            depth += 1
            defer { depth -= 1 }
            guard depth <= FilterParser.deepest else {
                throw error(
                    "this is nested too deeply", at: first, "at most \(FilterParser.deepest) levels are allowed")
            }
            index += 1
            if first.kind == .word("not") { return .not(try operand()) }
            let inner = try alternatives()
            guard accept(.symbol(")")) else { throw error("this ( is not closed", at: first, "close it with )") }
            return inner
        }

        private mutating func comparison() throws(FilterError) -> Expression {
            let place = take()
            guard case .word(let name) = place.kind else {
                throw error("here a figure should stand", at: place, "write FIGURE < NUMBER")
            }
            guard names.contains(name) else {
                let near = names.min { editDistance($0, name) < editDistance($1, name) }
                let hint = near.flatMap { editDistance($0, name) <= 4 ? "did you mean \($0)?" : nil }
                throw error(
                    "there is no figure \"\(name)\"", at: place, hint ?? "--list-fields shows all there are")
            }
            let operatorToken = take()
            if operatorToken.kind == .word("exists") { return .exists(name) }
            guard case .symbol(let symbol) = operatorToken.kind, Self.operations.contains(symbol),
                let operation = FilterOperation(rawValue: symbol)
            else {
                throw error(
                    "behind \(name) an operator should follow", at: operatorToken,
                    "operators for it: \(Self.operations.joined(separator: " ")) exists")
            }
            let value = take()
            guard case .word(let word) = value.kind, let number = Self.number(word) else {
                throw error("here a number should stand", at: value, "write a number, such as 0.9, 90% or 64M")
            }
            return .comparison(name, operation, number)
        }

        /// "0.5", "50%", "64M": powers of 1000, as they are printed.
        private static func number(_ word: String) -> Double? {
            let units: [Character: Double] = ["%": 0.01, "K": 1e3, "M": 1e6, "G": 1e9]
            guard let last = word.last, let factor = units[last] else { return plain(word[...]) }
            return plain(word.dropLast()).map { factor < 1 ? $0 / 100 : $0 * factor }
        }

        private static func plain(_ word: Substring) -> Double? {
            guard let first = word.utf8.first, (0x30...0x39).contains(first),
                word.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") })
            else { return nil }
            return Double(word)
        }
    }
}
