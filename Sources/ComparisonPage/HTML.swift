// SPDX-License-Identifier: Apache-2.0

internal import Rendering

/// Text that is HTML already. What is put into it by interpolation is not, and is escaped: `.raw` is for other HTML.
struct HTML: ExpressibleByStringInterpolation, CustomStringConvertible {
    private(set) var description: String

    init(stringLiteral value: String) {
        description = value
    }

    init(stringInterpolation: StringInterpolation) {
        description = stringInterpolation.text
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 16)
        }

        mutating func appendLiteral(_ literal: String) {
            text += literal
        }

        mutating func appendInterpolation(_ value: String) {
            text += HTML.escaped(value)
        }

        mutating func appendInterpolation(_ value: some BinaryInteger) {
            text += String(value)
        }

        /// A length or place in a picture: a tenth of a pixel is enough.
        mutating func appendInterpolation(_ value: Double) {
            let tenths = value.isFinite ? Int((value * 10).rounded()) : 0
            text += "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
        }

        mutating func appendInterpolation(raw value: HTML) {
            text += value.description
        }
    }

    static func += (a: inout HTML, b: HTML) {
        a.description += b.description
    }

    /// Of each of them one after the other.
    static func joined<Elements: Sequence>(_ elements: Elements, _ form: (Elements.Element) -> HTML) -> HTML {
        elements.reduce(into: "") { $0 += form($1) }
    }

    /// Controls and direction marks as a terminal would have them, then what HTML would take for its own.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in Rendering.escaped(Array(text.utf8)).unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
