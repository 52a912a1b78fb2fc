// SPDX-License-Identifier: Apache-2.0

/// Numbers with units, as options have them.
package enum Quantity {
    /// "500ms", "30s", "5m", "1h", or seconds without a unit.
    package static func nanoseconds(_ text: String) -> UInt64? {
        let units: [(String, UInt64)] = [
            ("ms", 1_000_000), ("us", 1000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
            ("", 1_000_000_000),
        ]
        return value(text, units)
    }

    /// Bytes, rounded up to a power of two between 64 KiB and 1 GiB, as the kernel asks of a ring.
    package static func bufferSize(_ text: String) -> Int? {
        let units: [(String, UInt64)] = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("", 1)]
        guard let bytes = value(text.uppercased(), units), bytes >= 1 << 16, bytes <= 1 << 30 else { return nil }
        var size = 1 << 16
        while size < bytes { size <<= 1 }
        return size
    }

    private static func value(_ text: String, _ units: [(String, UInt64)]) -> UInt64? {
        for (unit, factor) in units where text.hasSuffix(unit) {
            let number = text.dropLast(unit.count)
            guard !number.isEmpty, number.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }) else { return nil }
            let parts = number.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count <= 2, let whole = UInt64(parts[0]) else { return nil }
            let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
            if overflow { return nil }
            guard parts.count == 2 else { return product }
            guard !parts[1].isEmpty, parts[1].count <= 9, let fraction = UInt64(parts[1]) else { return nil }
            var scale: UInt64 = 1
            for _ in parts[1] { scale *= 10 }
            let part = UInt64((Double(fraction) / Double(scale)) * Double(factor))
            let (sum, tooLarge) = product.addingReportingOverflow(part)
            return tooLarge ? nil : sum
        }
        return nil
    }
}
