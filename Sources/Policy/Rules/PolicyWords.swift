// SPDX-License-Identifier: Apache-2.0

internal import Events

/// A word of a line, and where it begins.
struct PolicyWord: Equatable {
    let bytes: [UInt8]
    let offset: Int
    /// What stood in quotes is no keyword.
    let isQuoted: Bool

    /// For keywords and messages.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    func isWord(_ word: String) -> Bool { !isQuoted && bytes.elementsEqual(word.utf8) }
}

/// A mistake in a word, `offset` bytes from its beginning.
struct PolicyMistake: Error {
    let message: String
    let help: String?
    var offset = 0

    init(_ message: String, help: String? = nil, offset: Int = 0) {
        self.message = message
        self.help = help
        self.offset = offset
    }
}

/// Splits a line into words: at blanks, with "..." around what has some, up to a # that begins a word.
func policyWords(_ line: ArraySlice<UInt8>) throws(PolicyMistake) -> [PolicyWord] {
    var words: [PolicyWord] = []
    var index = line.startIndex
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0c }
    while true {
        while index < line.endIndex, isBlank(line[index]) { index += 1 }
        guard index < line.endIndex, line[index] != UInt8(ascii: "#") else { return words }
        let start = index
        guard line[index] == UInt8(ascii: "\"") else {
            while index < line.endIndex, !isBlank(line[index]) { index += 1 }
            let bytes = Array(line[start..<index])
            if let control = bytes.firstIndex(where: { $0 < 0x20 || $0 == 0x7f }) {
                throw PolicyMistake("a control character", help: nil, offset: start - line.startIndex + control)
            }
            words.append(PolicyWord(bytes: bytes, offset: start - line.startIndex, isQuoted: false))
            continue
        }
        var bytes: [UInt8] = []
        index += 1
        while index < line.endIndex, line[index] != UInt8(ascii: "\"") {
            let escapes = line[index...].prefix { $0 == UInt8(ascii: "\\") }
            guard !escapes.isEmpty else {
                bytes.append(line[index])
                index += 1
                continue
            }
            // Two in front of a quote are one, and what is left of them escapes it. Others belong to the pattern.
            index = escapes.endIndex
            let isBeforeQuote = index < line.endIndex && line[index] == UInt8(ascii: "\"")
            bytes.append(contentsOf: isBeforeQuote ? escapes.prefix(escapes.count / 2) : escapes)
            if isBeforeQuote, escapes.count % 2 == 1 {
                bytes.append(line[index])
                index += 1
            }
        }
        guard index < line.endIndex else {
            throw PolicyMistake(
                "this text has no end", help: "close it with \"", offset: start - line.startIndex)
        }
        index += 1
        guard index == line.endIndex || isBlank(line[index]) else {
            throw PolicyMistake(
                "a word goes on behind its quotes", help: "put all of it in quotes", offset: index - line.startIndex)
        }
        words.append(PolicyWord(bytes: bytes, offset: start - line.startIndex, isQuoted: true))
    }
}

/// A word as it has to be written to be read again.
func policyQuoted(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    let keywords = ["unless", "memfd", "drift", "listen", "raw"]
    guard
        bytes.isEmpty || bytes.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "\"") })
            || bytes[0] == UInt8(ascii: "#") || keywords.contains(text)
    else { return text }
    let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
    var result = [quote]
    var backslashes = 0
    for byte in bytes + [quote] {
        if byte == quote { result += [UInt8](repeating: backslash, count: backslashes) }
        backslashes = byte == backslash ? backslashes + 1 : 0
        if byte == quote { result.append(backslash) }
        result.append(byte)
    }
    // The last quote is no part of the word.
    result.remove(at: result.count - 2)
    return String(decoding: result, as: UTF8.self)
}

/// The nearest of the words that could have been meant.
func policySuggestion(_ word: String, among words: [String]) -> String? {
    guard word.utf8.count <= 40 else { return nil }
    let lower = word.lowercased()
    let near = words.map { (word: $0, distance: editDistance(lower, $0)) }.min { $0.distance < $1.distance }
    // Two letters that changed places are two apart: of a short word that is nearly all of it, so the first has to be right.
    guard let near, near.distance < 2 || near.distance == 2 && near.word.first == lower.first else { return nil }
    return near.word
}

/// Text from outside as a line can hold it: an end of a line would end a comment, and others speak to terminals.
package func withoutControls(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "\u{fffd}" : $0 }))
}
