// SPDX-License-Identifier: Apache-2.0

package import Events

/// Masks secrets in arguments: `--password=x`, `--token x`, `AWS_SECRET_ACCESS_KEY=x`, `Authorization: Bearer x`,
/// `-u user:x`, `scheme://user:x@host`. By name, so a secret under an innocent name is shown.
package enum Redaction {
    static let mask = Array("*****".utf8)

    /// The arguments as they may be shown.
    package static func arguments(_ list: TextList) -> TextList {
        var result: [UInt8] = []
        result.reserveCapacity(list.bytes.count)
        var maskNext = false
        var credentialsNext = false
        var changed = false
        let storage = list.bytes.storage
        list.forEach { range in
            let argument = storage[range]
            if maskNext && argument.first != UInt8(ascii: "-") {
                result.append(contentsOf: mask)
                changed = true
            } else if credentialsNext, let colon = argument.firstIndex(of: UInt8(ascii: ":")) {
                result.append(contentsOf: argument[...colon])
                result.append(contentsOf: mask)
                changed = true
            } else {
                changed = append(argument, to: &result) || changed
            }
            result.append(0)
            maskNext = isSecretOption(argument)
            credentialsNext = argument.elementsEqual("-u".utf8) || argument.elementsEqual("--user".utf8)
        }
        return changed ? TextList(Bytes(result)) : list
    }

    private static let words: [[UInt8]] = [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "api-key", "api_key", "accesskey",
        "access-key",
        "access_key", "private-key", "private_key", "credential", "authorization",
    ].map { Array($0.utf8) }

    /// A name that ends so speaks of where or how, not of the secret itself: `--token-file`.
    private static let innocentEnds: [[UInt8]] = ["file", "path", "dir", "url", "name", "type", "ttl", "length"].map {
        Array($0.utf8)
    }

    /// `--token`, with the value in the next argument.
    private static func isSecretOption(_ argument: ArraySlice<UInt8>) -> Bool {
        guard argument.first == UInt8(ascii: "-"), argument.count < 64 else { return false }
        guard argument.allSatisfy(isNameByte) else { return false }
        return secretName(in: argument, from: argument.startIndex)?.upperBound == argument.endIndex
    }

    /// Appends one argument, masked where needed; whether anything was.
    private static func append(_ argument: ArraySlice<UInt8>, to result: inout [UInt8]) -> Bool {
        var changed = false
        var index = argument.startIndex
        while let name = secretName(in: argument, from: index) {
            var value = name.upperBound
            guard value < argument.endIndex,
                argument[value] == UInt8(ascii: "=") || argument[value] == UInt8(ascii: ":")
            else {
                result.append(contentsOf: argument[index..<value])
                index = value
                continue
            }
            value += 1
            while value < argument.endIndex, argument[value] == UInt8(ascii: " ") || isQuote(argument[value]) {
                value += 1
            }
            // "Bearer", "Basic": which kind of secret it is may be shown.
            if ends(argument[name], with: Array("authorization".utf8)) {
                let word = argument[value...].prefix { $0 != UInt8(ascii: " ") }
                if word.endIndex < argument.endIndex { value = word.endIndex + 1 }
            }
            // `--password=two words` is all secret; inside a longer text the secret ends with the word.
            let isWhole = argument[..<name.lowerBound].allSatisfy { $0 == UInt8(ascii: "-") }
            let end = isWhole ? argument.endIndex : argument[value...].firstIndex(where: endsValue) ?? argument.endIndex
            result.append(contentsOf: argument[index..<value])
            if end > value {
                result.append(contentsOf: mask)
                changed = true
            }
            index = end
        }
        return appendURL(argument[index...], to: &result) || changed
    }

    /// `scheme://user:secret@host`
    private static func appendURL(_ text: ArraySlice<UInt8>, to result: inout [UInt8]) -> Bool {
        var index = text.startIndex
        while index + 3 < text.endIndex {
            if text[index] == UInt8(ascii: ":"), text[index + 1] == UInt8(ascii: "/"),
                text[index + 2] == UInt8(ascii: "/")
            {
                let authority = text[(index + 3)...].prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: " ") }
                if let at = authority.lastIndex(of: UInt8(ascii: "@")),
                    let colon = authority[..<at].firstIndex(of: UInt8(ascii: ":"))
                {
                    result.append(contentsOf: text[...colon])
                    result.append(contentsOf: mask)
                    result.append(contentsOf: text[at...])
                    return true
                }
            }
            index += 1
        }
        result.append(contentsOf: text)
        return false
    }

    /// The next name that holds a word of the list, as a range of name bytes around it.
    private static func secretName(in text: ArraySlice<UInt8>, from start: Int) -> Range<Int>? {
        var index = start
        while index < text.endIndex {
            if let word = words.first(where: { starts(text[index...], with: $0) }) {
                var end = index + word.count
                while end < text.endIndex, isNameByte(text[end]) { end += 1 }
                let name = text[index..<end]
                if !innocentEnds.contains(where: { ends(name, with: $0) }) {
                    var begin = index
                    while begin > start, isNameByte(text[begin - 1]) { begin -= 1 }
                    return begin..<end
                }
                index = end
            } else {
                index += 1
            }
        }
        return nil
    }

    private static func starts(_ text: ArraySlice<UInt8>, with word: [UInt8]) -> Bool {
        guard text.count >= word.count, lowercase(text[text.startIndex]) == word[0] else { return false }
        return zip(text, word).allSatisfy { lowercase($0) == $1 }
    }

    private static func ends(_ text: ArraySlice<UInt8>, with word: [UInt8]) -> Bool {
        text.count >= word.count && zip(text.suffix(word.count), word).allSatisfy { lowercase($0) == $1 }
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
