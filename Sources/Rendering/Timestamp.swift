// SPDX-License-Identifier: Apache-2.0

/// RFC 3339 in UTC with nanoseconds.
struct Timestamp {
    /// The part up to the second, of the last time that was written: events come many to a second.
    private var second: UInt64 = .max
    private var prefix: [UInt8] = []

    mutating func append(_ nanoseconds: UInt64, to buffer: inout OutputBuffer) {
        let seconds = nanoseconds / 1_000_000_000
        if seconds != second {
            second = seconds
            prefix = Self.dateTime(seconds)
        }
        buffer.append(contentsOf: prefix[...])
        buffer.append(UInt8(ascii: "."))
        buffer.append(padded: nanoseconds % 1_000_000_000, width: 9)
        buffer.append(UInt8(ascii: "Z"))
    }

    /// Days to a date by the method of Howard Hinnant's "chrono-compatible low-level date algorithms".
    private static func dateTime(_ seconds: UInt64) -> [UInt8] {
        let days = Int64(seconds / 86_400) + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        var buffer = OutputBuffer()
        buffer.append(padded: UInt64(year), width: 4)
        buffer.append(UInt8(ascii: "-"))
        buffer.append(padded: UInt64(month), width: 2)
        buffer.append(UInt8(ascii: "-"))
        buffer.append(padded: UInt64(day), width: 2)
        buffer.append(UInt8(ascii: "T"))
        buffer.append(padded: seconds / 3600 % 24, width: 2)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(padded: seconds / 60 % 60, width: 2)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(padded: seconds % 60, width: 2)
        return buffer.bytes
    }
}
