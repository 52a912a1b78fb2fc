// SPDX-License-Identifier: Apache-2.0

/// RFC 3339 in UTC with nanoseconds.
struct Timestamp {
    /// The last seconds that were written, up to the point: many events have those of the event and of the process.
    private var known: InlineArray<4, Second> = .init(repeating: Second())

    private struct Second {
        var number: UInt64 = .max
        var text: [UInt8] = []
    }

    mutating func append(_ nanoseconds: UInt64, to buffer: inout OutputBuffer) {
        let (second, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let place = Int(second & 3)
        if known[place].number != second { known[place] = Second(number: second, text: Self.text(second)) }
        buffer.append(known[place].text.span)
        buffer.append(padded: fraction, width: 9)
        buffer.append(UInt8(ascii: "Z"))
    }

    /// Days to a date by the method of Howard Hinnant's "chrono-compatible low-level date algorithms".
    private static func text(_ second: UInt64) -> [UInt8] {
        let (day, time) = second.quotientAndRemainder(dividingBy: 86_400)
        let days = day + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        var buffer = OutputBuffer(capacity: 32)
        buffer.append(padded: year, width: 4)
        buffer.append(UInt8(ascii: "-"))
        buffer.append(padded: month, width: 2)
        buffer.append(UInt8(ascii: "-"))
        buffer.append(padded: dayOfMonth, width: 2)
        buffer.append(UInt8(ascii: "T"))
        buffer.append(padded: time / 3600, width: 2)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(padded: time / 60 % 60, width: 2)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(padded: time % 60, width: 2)
        buffer.append(UInt8(ascii: "."))
        return buffer.array()
    }
}

/// A time of CLOCK_REALTIME for a message: RFC 3339 in UTC, to the second.
package func timestampText(_ nanoseconds: UInt64) -> String {
    var buffer = OutputBuffer(capacity: 32)
    var timestamp = Timestamp()
    timestamp.append(nanoseconds, to: &buffer)
    return String(decoding: buffer.array().prefix(19), as: UTF8.self) + "Z"
}
