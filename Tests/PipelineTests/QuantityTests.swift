// SPDX-License-Identifier: Apache-2.0

import Pipeline
import Testing

struct QuantityTests {
    @Test(
        arguments: [
            ("30", 30_000_000_000), ("30s", 30_000_000_000), ("500ms", 500_000_000), ("250us", 250_000),
            ("5m", 300_000_000_000), ("1h", 3_600_000_000_000), ("0.5s", 500_000_000), ("1.5m", 90_000_000_000),
            ("0", 0), ("0.000000001s", 1), ("0.25", 250_000_000),
        ] as [(String, UInt64)])
    func nanoseconds(_ text: String, _ expected: UInt64) {
        #expect(Quantity.nanoseconds(text) == expected)
    }

    @Test(arguments: [
        "18446744073.999999999s",
        "", "s", "ms", " 1s", "1 s", "-1s", "+1s", "1.s", ".5s", "1.2.3s", "1e3", "0x10", "1d", "1S", "٣s", "1s ",
        "1.0000000001s", "99999999999999999999", "18446744073710s", "5124096h",
    ])
    func noDuration(_ text: String) {
        #expect(Quantity.nanoseconds(text) == nil)
    }

    @Test(arguments: [
        ("64K", 65_536), ("64k", 65_536), ("65536", 65_536), ("65537", 131_072), ("100K", 131_072),
        ("1M", 1_048_576), ("8m", 8_388_608), ("1.5M", 2_097_152), ("3M", 4_194_304), ("1G", 1_073_741_824),
        ("0.5G", 536_870_912),
    ])
    func bufferSize(_ text: String, _ expected: Int) {
        #expect(Quantity.bufferSize(text) == expected)
    }

    @Test(arguments: ["", "0", "63K", "65535", "1.1G", "2G", "1T", "8MB", "8 M", "-8M", "M"])
    func noBufferSize(_ text: String) {
        #expect(Quantity.bufferSize(text) == nil)
    }
}
