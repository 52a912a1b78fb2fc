// SPDX-License-Identifier: Apache-2.0

/// How numbers, durations and times are written.
enum FilterLiteral {
    /// A number with its sign apart, as identifiers reach beyond `Int64`.
    struct Number {
        var isNegative: Bool
        var magnitude: UInt64

        var signed: Int64? {
            isNegative ? Int64(exactly: 0 - Int128(magnitude)) : Int64(exactly: magnitude)
        }
    }

    enum Problem: Error {
        case notANumber
        /// Some would read it as octal.
        case leadingZero(without: String)
        case tooLarge
    }

    /// "443", "-1", "0x1bb".
    static func number(_ text: String) throws(Problem) -> Number {
        var digits = text.utf8[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits = digits.dropFirst() }
        let isHexadecimal = digits.starts(with: "0x".utf8) || digits.starts(with: "0X".utf8)
        if isHexadecimal { digits = digits.dropFirst(2) }
        let radix = isHexadecimal ? 16 : 10
        let isNumber = digits.allSatisfy { Character(UnicodeScalar($0)).hexDigitValue.map { $0 < radix } ?? false }
        guard !digits.isEmpty, isNumber else { throw .notANumber }
        if !isHexadecimal, digits.count > 1, digits.first == UInt8(ascii: "0") {
            let rest = String(decoding: digits.drop { $0 == UInt8(ascii: "0") }, as: UTF8.self)
            throw .leadingZero(without: (isNegative ? "-" : "") + (rest.isEmpty ? "0" : rest))
        }
        guard let magnitude = UInt64(String(decoding: digits, as: UTF8.self), radix: radix) else { throw .tooLarge }
        return Number(isNegative: isNegative, magnitude: magnitude)
    }

    /// "10ms", "1.5s": nanoseconds. `nil` for what is no duration.
    static func duration(_ text: String) throws(Problem) -> Int64? {
        let units: [(name: String, factor: Int64)] = [
            ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
            ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
        ]
        guard let unit = units.first(where: { text.hasSuffix($0.name) }) else { return nil }
        let parts = text.dropLast(unit.name.count).split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count) else { return nil }
        for part in parts where part.isEmpty || !part.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return nil }
        guard let whole = Int64(parts[0]) else { throw .tooLarge }
        var (value, overflows) = whole.multipliedReportingOverflow(by: unit.factor)
        if overflows { throw .tooLarge }
        guard parts.count == 2 else { return value }
        var factor = unit.factor
        for digit in parts[1].utf8 where factor > 0 {
            // Exact where it counts: all factors but those of minutes and more are powers of ten.
            let part = factor * Int64(digit - 0x30) / 10
            (value, overflows) = value.addingReportingOverflow(part)
            if overflows { throw .tooLarge }
            factor /= 10
        }
        return value
    }

    /// RFC 3339, as nanoseconds since 1970: "2026-11-21T08:30:00.5Z", or with an offset such as +01:00.
    static func time(_ text: [UInt8]) -> UInt64? {
        var rest = text[...]
        func digits(_ count: Int, _ range: ClosedRange<Int>, after separator: [Character]) -> Int? {
            if !separator.isEmpty {
                guard let byte = rest.popFirst(), separator.contains(Character(UnicodeScalar(byte))) else { return nil }
            }
            guard rest.count >= count, rest.prefix(count).allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            let value = rest.prefix(count).reduce(0) { $0 * 10 + Int($1 - 0x30) }
            rest = rest.dropFirst(count)
            return range.contains(value) ? value : nil
        }
        guard let year = digits(4, 1970...2500, after: []), let month = digits(2, 1...12, after: ["-"]),
            let day = digits(2, 1...31, after: ["-"]), day <= Self.days(year, month),
            let hour = digits(2, 0...23, after: ["T", "t", " "]), let minute = digits(2, 0...59, after: [":"]),
            let second = digits(2, 0...59, after: [":"])
        else { return nil }
        var fraction = 0
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard (1...9).contains(digits.count) else { return nil }
            fraction = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
            for _ in digits.count..<9 { fraction *= 10 }
            rest = rest.dropFirst(digits.count)
        }
        var offset = 0
        switch rest.first {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"): rest = rest.dropFirst()
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            let sign = rest.first == UInt8(ascii: "+") ? 1 : -1
            guard let hours = digits(2, 0...23, after: ["+", "-"]), let minutes = digits(2, 0...59, after: [":"]) else {
                return nil
            }
            offset = sign * (hours * 60 + minutes)
        default: return nil
        }
        guard rest.isEmpty else { return nil }
        var dayCount = day - 1
        for year in 1970..<year { dayCount += isLeap(year) ? 366 : 365 }
        for month in 1..<month { dayCount += days(year, month) }
        let seconds = ((dayCount * 24 + hour) * 60 + minute - offset) * 60 + second
        return seconds < 0 ? nil : UInt64(seconds) * 1_000_000_000 + UInt64(fraction)
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func days(_ year: Int, _ month: Int) -> Int {
        [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    /// As it would be written in an expression.
    static func quoted(_ text: [UInt8]) -> String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): result += Array("\\n".utf8)
            case UInt8(ascii: "\r"): result += Array("\\r".utf8)
            case UInt8(ascii: "\t"): result += Array("\\t".utf8)
            default: result.append(byte)
            }
        }
        return String(decoding: result + [UInt8(ascii: "\"")], as: UTF8.self)
    }
}
