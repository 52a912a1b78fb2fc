// SPDX-License-Identifier: Apache-2.0

/// A pattern for a whole text: `*` for any bytes, `?` for one character, `\` in front of what stands for itself.
package struct Glob: Sendable {
    private enum Element: Sendable, Equatable {
        case byte(UInt8)
        case anyCharacter
        case anything
    }

    private let elements: [Element]

    package init(_ pattern: [UInt8]) {
        var elements: [Element] = []
        var index = 0
        while index < pattern.count {
            switch pattern[index] {
            case UInt8(ascii: "*"): if elements.last != .anything { elements.append(.anything) }
            case UInt8(ascii: "?"): elements.append(.anyCharacter)
            case UInt8(ascii: "\\") where index + 1 < pattern.count:
                index += 1
                elements.append(.byte(pattern[index]))
            case let byte: elements.append(.byte(byte))
            }
            index += 1
        }
        self.elements = elements
    }

    /// When a part does not fit, only the last `*` takes more: that finds a match if there is one, in a time of at most
    /// the two lengths multiplied.
    package func matches(_ text: Span<UInt8>) -> Bool {
        var index = 0
        var element = 0
        // Where to go on when what follows the last `*` does not fit.
        var retry: (element: Int, index: Int)?
        while index < text.count {
            if element < elements.count {
                switch elements[element] {
                case .anything:
                    element += 1
                    retry = (element, index)
                    continue
                case .anyCharacter:
                    element += 1
                    index += Self.characterLength(text, index)
                    continue
                case .byte(let byte) where byte == text[index]:
                    element += 1
                    index += 1
                    continue
                case .byte: break
                }
            }
            guard let last = retry else { return false }
            element = last.element
            index = last.index + Self.characterLength(text, last.index)
            retry = (element, index)
        }
        while element < elements.count, elements[element] == .anything { element += 1 }
        return element == elements.count
    }

    /// Bytes of the UTF-8 character at `index`; 1 where there is none.
    private static func characterLength(_ text: Span<UInt8>, _ index: Int) -> Int {
        let first = text[index]
        let length = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1
        guard index + length <= text.count else { return 1 }
        for next in index + 1..<index + length where text[next] & 0xc0 != 0x80 { return 1 }
        return length
    }
}
