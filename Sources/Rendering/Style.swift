// SPDX-License-Identifier: Apache-2.0

/// How a part of a line stands out, when colour is on.
package enum Style {
    case plain, faint, strong, good, warning, bad

    package var code: StaticString {
        switch self {
        case .plain: ""
        case .faint: "\u{1b}[2m"
        case .strong: "\u{1b}[1m"
        case .good: "\u{1b}[32m"
        case .warning: "\u{1b}[33m"
        case .bad: "\u{1b}[31m"
        }
    }

    package static let reset: StaticString = "\u{1b}[0m"
}

/// "1.2 ms", "3.4 s", "2 h 05 m": three digits are enough to read.
package func durationText(_ nanoseconds: UInt64) -> String {
    func decimal(_ value: UInt64, _ unit: UInt64, _ name: String) -> String {
        let whole = value / unit
        return whole >= 100 ? "\(whole) \(name)" : "\(whole).\(value % unit * 10 / unit) \(name)"
    }
    switch nanoseconds {
    case 0..<1_000: return "\(nanoseconds) ns"
    case 1_000..<1_000_000: return decimal(nanoseconds, 1_000, "us")
    case 1_000_000..<1_000_000_000: return decimal(nanoseconds, 1_000_000, "ms")
    case 1_000_000_000..<120_000_000_000: return decimal(nanoseconds, 1_000_000_000, "s")
    default:
        let minutes = nanoseconds / 60_000_000_000
        if minutes < 120 { return "\(minutes) min" }
        if minutes < 48 * 60 { return "\(minutes / 60) h \(minutes % 60) min" }
        return "\(minutes / 60 / 24) d \(minutes / 60 % 24) h"
    }
}

/// "1 event", "1,234 events"; `plural` where it is not the noun with an s.
package func counted(_ number: UInt64, _ noun: String, _ plural: String? = nil) -> String {
    "\(grouped(number)) \(number == 1 ? noun : plural ?? noun + "s")"
}

package func counted(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
    counted(UInt64(number), noun, plural)
}

/// 1,234,567
package func grouped(_ number: UInt64) -> String {
    let digits = Array(String(number))
    var result = ""
    for (index, digit) in digits.enumerated() {
        if index > 0 && (digits.count - index) % 3 == 0 { result.append(",") }
        result.append(digit)
    }
    return result
}
