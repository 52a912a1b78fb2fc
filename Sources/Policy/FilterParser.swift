// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Reads an expression: `or` binds least, then `and`, then `not`.
struct FilterParser {
    /// Longer ones are refused, as are deeper ones: what handles an expression calls itself.
    static let longest = 65_536
    static let deepest = 100

    private let text: [UInt8]
    private let tokens: [FilterToken]
    private var index = 0
    private var depth = 0

    static func expression(_ string: String) throws(FilterError) -> FilterExpression {
        let text = Array(string.utf8)
        guard text.count <= longest else {
            throw FilterError(
                "an expression of \(text.count) bytes", at: longest, in: text, help: "at most \(longest) are allowed")
        }
        var parser = try FilterParser(text)
        return try parser.whole()
    }

    private init(_ text: [UInt8]) throws(FilterError) {
        self.text = text
        tokens = try FilterLexer.tokens(text)
    }

    private var token: FilterToken { tokens[index] }

    private func error(_ message: String, at token: FilterToken, help: String?) -> FilterError {
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

    // MARK: Grammar

    private mutating func whole() throws(FilterError) -> FilterExpression {
        if token.kind == .end {
            throw error("there is no expression", at: token, help: "write one such as 'process.name == \"curl\"'")
        }
        let result = try alternatives()
        switch token.kind {
        case .end: return result
        case .symbol(")"): throw error("there is no ( for this )", at: token, help: nil)
        case .symbol(let symbol) where symbol != "(" && symbol != ",":
            throw error(
                "comparisons can't be chained", at: token,
                help: "join two with and: event.duration > 1s and event.duration < 2s")
        case .word(let word) where Self.keywords[word.lowercased()] != nil:
            throw error("\"\(word)\" is not an operator", at: token, help: Self.keywords[word.lowercased()])
        case .word(let unit) where Self.units.contains(unit):
            guard index > 0, case .word(let number) = tokens[index - 1].kind, Self.isNumber(number) else { fallthrough }
            throw error("a unit belongs to its number", at: token, help: "write \(number)\(unit)")
        default: throw error("here the expression should go on with and or or", at: token, help: nil)
        }
    }

    private mutating func alternatives() throws(FilterError) -> FilterExpression {
        var parts = [try conjunction()]
        while accept(.word("or")) { parts.append(try conjunction()) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func conjunction() throws(FilterError) -> FilterExpression {
        var parts = [try operand()]
        while accept(.word("and")) { parts.append(try operand()) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func operand() throws(FilterError) -> FilterExpression {
        let first = token
        guard first.kind == .symbol("(") || first.kind == .word("not") else { return .test(try comparison()) }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else {
            throw error("this is nested too deeply", at: first, help: "at most \(Self.deepest) levels are allowed")
        }
        index += 1
        if first.kind == .word("not") { return .not(try operand()) }
        let inner = try alternatives()
        guard accept(.symbol(")")) else {
            if case .word(let word) = token.kind, let help = Self.keywords[word.lowercased()] {
                throw error("\"\(word)\" is not an operator", at: token, help: help)
            }
            throw token.kind == .end
                ? error("this ( is not closed", at: first, help: "close it with )")
                : error("here the expression should go on with and, or, or )", at: token, help: nil)
        }
        return inner
    }

    /// What is written in other languages, and what it is here.
    private static let keywords = [
        "and": "write and, in lower case", "or": "write or, in lower case", "not": "write not, in lower case",
        "in": "write in, in lower case", "exists": "write exists, in lower case",
        "cidr": "write cidr, in lower case",
        "contains": "write ~ \"*text*\"; for a list: == \"element\"",
        "matches": "write ~ with a pattern such as \"*.sh\"",
        "like": "write ~ with a pattern such as \"*.sh\"", "is": "write ==", "eq": "write ==", "equals": "write ==",
        "ne": "write !=", "lt": "write <", "le": "write <=", "gt": "write >", "ge": "write >=",
        "startswith": "write ~ \"text*\"", "endswith": "write ~ \"*text\"",
    ]

    private static let units = ["ns", "us", "ms", "s", "m", "h", "d"]

    private mutating func comparison() throws(FilterError) -> FilterTest {
        let place = token
        let field = try fieldName()
        if field == .eventSequence {
            throw error(
                "event.sequence is counted when an event is printed, which is after the filter", at: place,
                help: "--count ends a run after so many events")
        }
        let operatorToken = token
        let operation = try operation(behind: field)
        var literals: [FilterOperand] = []
        switch operation {
        case .exists: break
        case .isIn:
            guard accept(.symbol("(")) else {
                throw error("a list in parentheses should follow in", at: token, help: "write in (100, 101)")
            }
            repeat { literals.append(try literal(for: field)) } while accept(.symbol(","))
            guard accept(.symbol(")")) else {
                throw error("here the list should go on with , or )", at: token, help: nil)
            }
        default: literals = [try literal(for: field)]
        }
        let checker = FilterChecker(field: field, operation: operation, place: operatorToken.offset, text: text)
        return try checker.test(literals)
    }

    private mutating func fieldName() throws(FilterError) -> Field {
        let place = take()
        switch place.kind {
        case .end: throw error("here a comparison should follow", at: place, help: "write FIELD == VALUE")
        case .text(let text):
            throw error(
                "a comparison begins with a field", at: place, help: "write FIELD == \(FilterLiteral.quoted(text))")
        case .symbol(let symbol):
            throw error("here a field should stand, not \"\(symbol)\"", at: place, help: "write FIELD == VALUE")
        case .word(let word):
            if let field = Field(named: word) { return field }
            if Self.isNumber(word) || word == "true" || word == "false" {
                throw error("a comparison begins with a field", at: place, help: "write FIELD == \(word)")
            }
            if ["and", "or", "in", "exists", "cidr"].contains(word) {
                throw error("here a field should stand, not \"\(word)\"", at: place, help: "write FIELD == VALUE")
            }
            if word.lowercased() == "not" {
                throw error("\"\(word)\" is not an operator", at: place, help: "write not")
            }
            throw error("there is no field \"\(word)\"", at: place, help: Self.help(instead: word))
        }
    }

    private static func help(instead word: String) -> String {
        let below = Field.allCases.map(\.name).filter { $0.hasPrefix(word + ".") }
        if !below.isEmpty {
            return "below it are " + below.prefix(3).joined(separator: ", ") + (below.count > 3 ? " …" : "")
        }
        return Field.suggestion(for: word).map { "did you mean \($0.name)?" } ?? "--list-fields shows all there are"
    }

    private mutating func operation(behind field: Field) throws(FilterError) -> FilterOperation {
        let place = take()
        switch place.kind {
        case .symbol(let symbol):
            if let operation = FilterOperation(rawValue: symbol) { return operation }
        case .word(let word):
            if let operation = FilterOperation(rawValue: word) { return operation }
            if word == "not", token.kind == .word("in") {
                throw error("\"not in\" is not an operator", at: place, help: "write not \(field.name) in (…)")
            }
            if word != "and", word != "or", word != "not", let help = Self.keywords[word.lowercased()] {
                throw error("\"\(word)\" is not an operator", at: place, help: help)
            }
        case .text, .end: break
        }
        throw error(
            "behind \(field.name) an operator should follow", at: place,
            help: FilterType(field) == .boolean
                ? "write \(field.name) == true" : "write \(field.name) exists, or compare it with a value")
    }

    private mutating func literal(for field: Field) throws(FilterError) -> FilterOperand {
        let place = take()
        let example = FilterType(field).example
        switch place.kind {
        case .end: throw error("here a value should follow", at: place, help: example)
        case .symbol(let symbol): throw error("here a value should stand, not \"\(symbol)\"", at: place, help: example)
        case .text(let text): return FilterOperand(value: .text(text), offset: place.offset)
        case .word("true"): return FilterOperand(value: .boolean(true), offset: place.offset)
        case .word("false"): return FilterOperand(value: .boolean(false), offset: place.offset)
        case .word(let word):
            if Self.isNumber(word) { return FilterOperand(value: .number(word), offset: place.offset) }
            if Field(named: word) != nil {
                throw error("a field can be compared with a value only, not with a field", at: place, help: example)
            }
            if ["and", "or", "not", "in", "exists", "cidr"].contains(word) {
                throw error("here a value should stand, not \"\(word)\"", at: place, help: example)
            }
            throw error(
                "\(word) is not a value: text stands in quotes", at: place,
                help: "write \(FilterLiteral.quoted(Array(word.utf8)))")
        }
    }

    private static func isNumber(_ word: String) -> Bool {
        let digits = word.utf8.first == UInt8(ascii: "-") ? word.utf8.dropFirst() : word.utf8[...]
        return digits.first.map { (0x30...0x39).contains($0) } ?? false
    }
}
