// SPDX-License-Identifier: Apache-2.0

package import Events

/// Masks secrets in arguments: `--password=x`, `--token x`, `AWS_SECRET_ACCESS_KEY=x`, `Authorization: Bearer x`,
/// `{"password":"x"}`, `-u user:x`, `scheme://user:x@host`, also inside a shell's command line. By name, so a secret
/// under an innocent name is shown.
package enum Redaction {
    /// The arguments as they may be shown.
    package static func arguments(_ list: TextList) -> TextList {
        let text = SecretText(list.bytes.storage)
        guard text.mayHoldSecret(list.bytes.range) else { return list }
        var masked = MaskedCopy(text.bytes, capacity: list.bytes.count + 32)
        var isSecret = false  // the argument before was an option that says so
        var isUser = false
        for range in list {
            masked.start(range)
            if isSecret && text.bytes[range].first != UInt8(ascii: "-") {
                masked.mask(range)
            } else if isUser {
                masked.mask(text.password(of: range))
            } else {
                maskSecrets(text, range, &masked)
            }
            masked.end(range)
            isSecret = text.isSecretOption(range)
            isUser = text.userOption(at: range.lowerBound, range) == range.upperBound
        }
        return masked.hasMasks ? TextList(Bytes(masked.result)) : list
    }

    private static func maskSecrets(_ text: SecretText, _ argument: Range<Int>, _ masked: inout MaskedCopy) {
        var index = argument.lowerBound
        while index < argument.upperBound {
            if let (name, isInnocent) = text.name(at: index, argument) {
                let value = isInnocent ? 0..<0 : text.value(after: name, argument)
                masked.mask(value)
                index = max(name.upperBound, value.upperBound)
            } else if let secret = text.urlPassword(at: index, argument) ?? text.userPassword(at: index, argument) {
                masked.mask(secret)
                index = max(index + 1, secret.upperBound)
            } else {
                index += 1
            }
        }
    }
}

/// A copy of some bytes in which parts are masked, in the order in which they lie.
private struct MaskedCopy {
    private let bytes: [UInt8]
    private(set) var result: [UInt8] = []
    private(set) var hasMasks = false
    private var copied = 0

    init(_ bytes: [UInt8], capacity: Int) {
        self.bytes = bytes
        result.reserveCapacity(capacity)
    }

    mutating func start(_ argument: Range<Int>) {
        copied = argument.lowerBound
    }

    mutating func mask(_ secret: Range<Int>) {
        if secret.isEmpty { return }
        result.append(contentsOf: bytes[copied..<secret.lowerBound])
        result.append(contentsOf: "*****".utf8)
        copied = secret.upperBound
        hasMasks = true
    }

    mutating func end(_ argument: Range<Int>) {
        result.append(contentsOf: bytes[copied..<argument.upperBound])
        result.append(0)
    }
}

/// Where secrets lie. Each method looks at one place of one argument, and none looks twice at the same bytes, so that the
/// longest command line is read in a time that grows with its length.
private struct SecretText {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether a closer look is worth it. Most command lines hold nothing of the kind.
    func mayHoldSecret(_ range: Range<Int>) -> Bool {
        for index in range {
            switch bytes[index] {
            case UInt8(ascii: "@"): return true
            case UInt8(ascii: "-"): if userOption(at: index, range) != nil { return true }
            case let byte:
                guard index + 1 < range.upperBound, Self.startsWord(byte | 0x20, bytes[index + 1] | 0x20) else {
                    continue
                }
                if wordEnd(at: index, range) != nil { return true }
            }
        }
        return false
    }

    // MARK: Names

    /// Words that a name of a secret has somewhere in it. "-" stands for "_" too.
    private static func words(startingWith byte: UInt8) -> [StaticString] {
        switch byte | 0x20 {
        case UInt8(ascii: "a"): ["authorization", "api-key", "apikey", "access-key", "accesskey"]
        case UInt8(ascii: "c"): ["credential"]
        case UInt8(ascii: "p"): ["password", "passwd", "passphrase", "private-key"]
        case UInt8(ascii: "s"): ["secret"]
        case UInt8(ascii: "t"): ["token"]
        default: []
        }
    }

    /// Whether any of the words starts with these two small letters: nearly everything ends here.
    @inline(__always)
    private static func startsWord(_ first: UInt8, _ second: UInt8) -> Bool {
        switch first {
        case UInt8(ascii: "a"):
            second == UInt8(ascii: "u") || second == UInt8(ascii: "p") || second == UInt8(ascii: "c")
        case UInt8(ascii: "c"): second == UInt8(ascii: "r")
        case UInt8(ascii: "p"):
            second == UInt8(ascii: "a") || second == UInt8(ascii: "r") || second == UInt8(ascii: "w")
        case UInt8(ascii: "s"): second == UInt8(ascii: "e")
        case UInt8(ascii: "t"): second == UInt8(ascii: "o")
        default: false
        }
    }

    /// Ends of names that speak of where or how, not of the secret itself: `--token-file`.
    private static let innocentEnds: [StaticString] = [
        "file", "path", "dir", "url", "uri", "endpoint", "name", "type", "ttl", "length", "stdin", "tokenizer",
    ]

    /// The name around a word of the list that starts at `index`.
    func name(at index: Int, _ argument: Range<Int>) -> (Range<Int>, isInnocent: Bool)? {
        guard var end = wordEnd(at: index, argument) else { return nil }
        while end < argument.upperBound, Self.isNameByte(bytes[end]) { end += 1 }
        let isInnocent = Self.innocentEnds.contains { word in
            let start = end - word.utf8CodeUnitCount
            return start >= index && matches(word, at: start, end)
        }
        var start = index
        while start > argument.lowerBound, Self.isNameByte(bytes[start - 1]) { start -= 1 }
        return (start..<end, isInnocent)
    }

    /// `--token`, with the value in the next argument.
    func isSecretOption(_ argument: Range<Int>) -> Bool {
        guard !argument.isEmpty, bytes[argument.lowerBound] == UInt8(ascii: "-") else { return false }
        guard bytes[argument].allSatisfy(Self.isNameByte) else { return false }
        guard let word = argument.first(where: { wordEnd(at: $0, argument) != nil }) else { return false }
        return name(at: word, argument)?.isInnocent == false
    }

    private func wordEnd(at index: Int, _ range: Range<Int>) -> Int? {
        guard index + 1 < range.upperBound, Self.startsWord(bytes[index] | 0x20, bytes[index + 1] | 0x20) else {
            return nil
        }
        for word in Self.words(startingWith: bytes[index]) where matches(word, at: index, range.upperBound) {
            return index + word.utf8CodeUnitCount
        }
        return shortWordEnd(at: index, range)
    }

    /// `DB_PASS`, `--pass`, `pass:x`, `MYSQL_PWD`: too short to count inside of other words.
    private func shortWordEnd(at index: Int, _ range: Range<Int>) -> Int? {
        guard bytes[index] | 0x20 == UInt8(ascii: "p") else { return nil }
        let before = index > range.lowerBound ? bytes[index - 1] : 0
        let isPart = before == UInt8(ascii: "-") || before == UInt8(ascii: "_")
        let end: Int
        if isPart && matches("pwd", at: index, range.upperBound) {
            end = index + 3
        } else if isPart || !Self.isNameByte(before), matches("pass", at: index, range.upperBound) {
            end = index + 4
        } else {
            return nil
        }
        return end < range.upperBound && Self.isNameByte(bytes[end]) ? nil : end
    }

    // MARK: Values

    /// The secret that follows its name; empty when none does.
    func value(after name: Range<Int>, _ argument: Range<Int>) -> Range<Int> {
        let end = argument.upperBound
        var start = skip(name.upperBound, end) { Self.isQuote($0) || $0 == UInt8(ascii: "\\") }
        let isQuotedName = start > name.upperBound
        let separator = skip(start, end) { $0 == UInt8(ascii: " ") }
        guard separator < end else { return end..<end }
        switch bytes[separator] {
        case UInt8(ascii: ":") where separator + 1 < end && bytes[separator + 1] == UInt8(ascii: ":"):
            return name.upperBound..<name.upperBound
        case UInt8(ascii: "="), UInt8(ascii: ":"):
            start = skip(separator + 1, end) { $0 == UInt8(ascii: ">") || $0 == UInt8(ascii: " ") }
        case UInt8(ascii: "-"):
            return name.upperBound..<name.upperBound
        default:
            // `--token x` inside of a longer text.
            guard separator > start, !isQuotedName, bytes[name.lowerBound] == UInt8(ascii: "-") else {
                return name.upperBound..<name.upperBound
            }
            start = separator
        }

        let content = skip(start, end) { $0 == UInt8(ascii: "\\") }
        if content < end, Self.isQuote(bytes[content]) {
            let first = afterScheme(content + 1, end, name)
            return first..<closingQuote(bytes[content], isEscaped: content > start, from: first, end)
        }
        start = afterScheme(start, end, name)
        if name.lowerBound == argument.lowerBound { return start..<end }
        // Of `-H 'Authorization: x y'` all is secret, up to the quote that was opened before the name.
        let before = bytes[name.lowerBound - 1]
        if Self.isQuote(before) && !isQuotedName { return start..<skip(start, end) { $0 != before } }
        return start..<skip(start, end) { !Self.endsValue($0) }
    }

    /// "Bearer", "Basic": which kind of authorization it is may be shown.
    private func afterScheme(_ start: Int, _ end: Int, _ name: Range<Int>) -> Int {
        let length = ("authorization" as StaticString).utf8CodeUnitCount
        guard name.count >= length, matches("authorization", at: name.upperBound - length, end) else { return start }
        let schemes: [StaticString] = ["bearer ", "basic ", "token ", "digest ", "negotiate ", "apikey "]
        guard let scheme = schemes.first(where: { matches($0, at: start, end) }) else { return start }
        return skip(start + scheme.utf8CodeUnitCount, end) { $0 == UInt8(ascii: " ") }
    }

    /// Where the text in quotes ends. Quotes inside of quotes have a backslash in front.
    private func closingQuote(_ quote: UInt8, isEscaped: Bool, from start: Int, _ end: Int) -> Int {
        var index = start
        while index < end {
            if bytes[index] == UInt8(ascii: "\\") {
                if isEscaped && index + 1 < end && bytes[index + 1] == quote { return index }
                index += isEscaped ? 1 : 2
            } else if bytes[index] == quote && !isEscaped {
                return index
            } else {
                index += 1
            }
        }
        return end
    }

    // MARK: Users

    /// Where the option `-u`, that takes user:password, ends when it starts at `index`.
    func userOption(at index: Int, _ argument: Range<Int>) -> Int? {
        let end = argument.upperBound
        guard index < end, bytes[index] == UInt8(ascii: "-") else { return nil }
        guard index == argument.lowerBound || Self.endsValue(bytes[index - 1]) else { return nil }
        let options: [StaticString] = ["--proxy-user", "--user", "-u"]
        guard let option = options.first(where: { matches($0, at: index, end) }) else { return nil }
        let after = index + option.utf8CodeUnitCount
        let ends = after == end || bytes[after] <= UInt8(ascii: " ") || bytes[after] == UInt8(ascii: "=")
        return ends ? after : nil
    }

    /// `-u user:secret` in one argument: `--user=user:secret`, or in a shell's text.
    func userPassword(at index: Int, _ argument: Range<Int>) -> Range<Int>? {
        guard let option = userOption(at: index, argument) else { return nil }
        let end = argument.upperBound
        let start = skip(option, end) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "=") || Self.isQuote($0) }
        let quote = bytes[start - 1]
        let wordEnd = skip(start, end) { Self.isQuote(quote) ? $0 != quote : !Self.endsValue($0) }
        return password(of: start..<wordEnd)
    }

    /// The part of user:secret behind the colon. Not of an address or of a pair of numbers, as in `docker run -u 0:0`.
    func password(of word: Range<Int>) -> Range<Int> {
        guard let colon = bytes[word].firstIndex(of: UInt8(ascii: ":")) else {
            return word.upperBound..<word.upperBound
        }
        let secret = colon + 1..<word.upperBound
        let isNumber = { (range: Range<Int>) in
            !range.isEmpty && bytes[range].allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        }
        let isInnocent =
            bytes[secret].starts(with: "//".utf8) || isNumber(word.lowerBound..<colon) && isNumber(secret)
        return isInnocent ? word.upperBound..<word.upperBound : secret
    }

    /// `scheme://user:secret@host`, with "://" at `index`.
    func urlPassword(at index: Int, _ argument: Range<Int>) -> Range<Int>? {
        guard bytes[index] == UInt8(ascii: ":"), matches("://", at: index, argument.upperBound) else { return nil }
        let start = index + 3
        let end = skip(start, argument.upperBound) { $0 != UInt8(ascii: "/") && $0 > UInt8(ascii: " ") }
        guard let at = bytes[start..<end].lastIndex(of: UInt8(ascii: "@")),
            let colon = bytes[start..<at].firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        return colon + 1..<at
    }

    // MARK: Bytes

    private func skip(_ start: Int, _ end: Int, while condition: (UInt8) -> Bool) -> Int {
        var index = start
        while index < end, condition(bytes[index]) { index += 1 }
        return index
    }

    /// Whether `word`, in small letters, stands at `index`. Letters of both sizes match, and "_" matches "-".
    private func matches(_ word: StaticString, at index: Int, _ end: Int) -> Bool {
        let count = word.utf8CodeUnitCount
        guard index + count <= end else { return false }
        for offset in 0..<count {
            let expected = unsafe word.utf8Start[offset]
            let byte = bytes[index + offset]
            let isDash = byte == UInt8(ascii: "_") && expected == UInt8(ascii: "-")
            guard isDash || Self.lowercase(byte) == expected else { return false }
        }
        return true
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") }

    private static func endsValue(_ byte: UInt8) -> Bool {
        byte <= UInt8(ascii: " ") || isQuote(byte) || byte == UInt8(ascii: "&") || byte == UInt8(ascii: ";")
    }
}
