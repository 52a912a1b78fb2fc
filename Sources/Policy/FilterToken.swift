// SPDX-License-Identifier: Apache-2.0

/// A piece of a filter expression.
struct FilterToken: Equatable {
    enum Kind: Equatable {
        /// A keyword, a field's name, a number: what of these is the parser's to decide.
        case word(String)
        /// The contents of a text in quotes.
        case text([UInt8])
        case symbol(String)
        case end
    }

    let kind: Kind
    /// In bytes of the expression.
    let offset: Int
}

/// Splits an expression into tokens, the last one being `.end`.
struct FilterLexer {
    private let text: [UInt8]
    private var index = 0

    init(_ text: [UInt8]) {
        self.text = text
    }

    static func tokens(_ text: [UInt8]) throws(FilterError) -> [FilterToken] {
        var lexer = FilterLexer(text)
        var tokens: [FilterToken] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private mutating func next() throws(FilterError) -> FilterToken {
        while index < text.count, [0x20, 0x09, 0x0a, 0x0d].contains(text[index]) { index += 1 }
        guard index < text.count else { return FilterToken(kind: .end, offset: index) }
        let start = index
        switch text[index] {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return FilterToken(kind: .text(try quoted()), offset: start)
        case let byte where Self.isWord(byte):
            while index < text.count, Self.isWord(text[index]) { index += 1 }
            return FilterToken(kind: .word(String(decoding: text[start..<index], as: UTF8.self)), offset: start)
        default: return FilterToken(kind: .symbol(try symbol()), offset: start)
        }
    }

    /// More than names have, so that what should stand in quotes is one token: a path, an address, a glob.
    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
            true
        default: "_.@-+/:*?%".utf8.contains(byte)
        }
    }

    private mutating func symbol() throws(FilterError) -> String {
        let start = index
        while index < text.count, "=!<>~&|^".utf8.contains(text[index]) { index += 1 }
        if index == start { index += 1 }
        let symbol = String(decoding: text[start..<index], as: UTF8.self)
        switch symbol {
        case "==", "!=", "<", "<=", ">", ">=", "~", "(", ")", ",": return symbol
        case "=", "===": throw error("\"\(symbol)\" is not an operator", start, "write ==")
        case "&&", "&": throw error("\"\(symbol)\" is not an operator", start, "write and")
        case "||", "|": throw error("\"\(symbol)\" is not an operator", start, "write or")
        case "!": throw error("\"!\" is not an operator", start, "write not")
        case "<>": throw error("\"<>\" is not an operator", start, "write !=")
        case "=~": throw error("\"=~\" is not an operator", start, "write ~ with a pattern such as \"*.sh\"")
        case "!~": throw error("\"!~\" is not an operator", start, "write not FIELD ~ \"pattern\"")
        case "=>": throw error("\"=>\" is not an operator", start, "write >=")
        case "=<": throw error("\"=<\" is not an operator", start, "write <=")
        case "[", "]", "{", "}":
            throw error("\"\(symbol)\" has no meaning here", start, "a list is written in (100, 101)")
        default:
            let isSingle = symbol.utf8.count == 1
            throw error(
                isSingle && text[start] < 0x20
                    ? "a control character outside of quotes" : "\"\(symbol)\" has no meaning here",
                start, "operators: == != < <= > >= ~ in cidr exists and or not")
        }
    }

    private mutating func quoted() throws(FilterError) -> [UInt8] {
        let start = index
        let quote = text[index]
        var result: [UInt8] = []
        index += 1
        while index < text.count, text[index] != quote {
            guard text[index] == UInt8(ascii: "\\") else {
                result.append(text[index])
                index += 1
                continue
            }
            guard index + 1 < text.count else { break }
            switch text[index + 1] {
            case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): result.append(text[index + 1])
            case UInt8(ascii: "n"): result.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "r"): result.append(UInt8(ascii: "\r"))
            case UInt8(ascii: "t"): result.append(UInt8(ascii: "\t"))
            default:
                throw error(
                    "a backslash stands in front of \" ' \\ n r t only", index, "write \\\\ for a backslash in the text"
                )
            }
            index += 2
        }
        guard index < text.count else {
            throw error("this text has no end", start, "close it with \(quote == UInt8(ascii: "'") ? "'" : "\"")")
        }
        index += 1
        return result
    }

    private func error(_ message: String, _ offset: Int, _ help: String) -> FilterError {
        FilterError(message, at: offset, in: text, help: help)
    }
}
