// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rendering

struct NumberTests {
    private func written(_ body: (inout OutputBuffer) -> Void) -> String {
        var buffer = OutputBuffer()
        body(&buffer)
        return String(decoding: buffer.array(), as: UTF8.self)
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 12_345, 4_294_967_295, 9_999_999_999_999_999_999, .max] as [UInt64])
    func unsigned(_ value: UInt64) {
        #expect(written { $0.append(decimal: value) } == "\(value)")
        #expect(written { $0.append(hexadecimal: value) } == String(value, radix: 16))
    }

    @Test(arguments: [0, -1, 42, .min, .max] as [Int64])
    func signed(_ value: Int64) {
        #expect(written { $0.append(decimal: value) } == "\(value)")
    }

    @Test(
        arguments: [(0, 1, "0"), (0, 3, "000"), (7, 2, "07"), (10, 2, "10"), (99, 3, "099")]
            as [(UInt64, Int, String)])
    func padded(_ value: UInt64, _ width: Int, _ expected: String) {
        #expect(written { $0.append(padded: value, width: width) } == expected)
    }

    /// More than the buffer had room for at first.
    @Test func growth() {
        var buffer = OutputBuffer()
        let piece = [UInt8](repeating: 0x61, count: 1000)
        for _ in 0..<300 { buffer.append(piece.span) }
        #expect(buffer.count == 300_000)
        buffer.truncate(to: 5)
        buffer.append("é")
        #expect(String(decoding: buffer.array(), as: UTF8.self) == "aaaaaé")
        buffer.removeAll()
        #expect(buffer.count == 0)
    }
}

struct TimeTests {
    private func timestamp(_ seconds: UInt64, _ nanoseconds: UInt64 = 0) -> String {
        var buffer = OutputBuffer()
        var timestamp = Timestamp()
        timestamp.append(seconds * 1_000_000_000 + nanoseconds, to: &buffer)
        return String(decoding: buffer.array(), as: UTF8.self)
    }

    /// Times of more seconds than are remembered, in turn, by one formatter.
    @Test func manySeconds() {
        var timestamp = Timestamp()
        for second in [5, 6, 5, 9, 5, 86_405, 9, 6, 1_772_323_199, 1_772_323_200, 6] as [UInt64] {
            var buffer = OutputBuffer()
            timestamp.append(second * 1_000_000_000 + 7, to: &buffer)
            #expect(String(decoding: buffer.array(), as: UTF8.self) == self.timestamp(second, 7))
        }
    }

    /// Expected values by GNU date.
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00"), (951_782_400, "2000-02-29T00:00:00"), (951_868_800, "2000-03-01T00:00:00"),
            (1_709_251_199, "2024-02-29T23:59:59"), (1_709_251_200, "2024-03-01T00:00:00"),
            (1_735_689_599, "2024-12-31T23:59:59"), (1_735_689_600, "2025-01-01T00:00:00"),
            (1_772_323_199, "2026-02-28T23:59:59"), (1_772_323_200, "2026-03-01T00:00:00"),
            (2_147_483_648, "2038-01-19T03:14:08"), (4_107_542_399, "2100-02-28T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"), (4_294_967_295, "2106-02-07T06:28:15"),
            (4_294_967_296, "2106-02-07T06:28:16"), (18_446_744_072, "2554-07-21T23:34:32"),
        ] as [(UInt64, String)])
    func dates(_ seconds: UInt64, _ expected: String) {
        #expect(timestamp(seconds) == expected + ".000000000Z")
    }

    @Test func nanoseconds() {
        #expect(timestamp(0, 1) == "1970-01-01T00:00:00.000000001Z")
        #expect(timestamp(0, 999_999_999) == "1970-01-01T00:00:00.999999999Z")
        #expect(timestamp(0, 120_000_000) == "1970-01-01T00:00:00.120000000Z")
    }

    /// The second is kept from one to the next, forward and back.
    @Test func manyOfThem() {
        var buffer = OutputBuffer()
        var timestamp = Timestamp()
        for time: UInt64 in [5, 1_000_000_005, 1_000_000_006, 5] { timestamp.append(time, to: &buffer) }
        #expect(
            String(decoding: buffer.array(), as: UTF8.self)
                == "1970-01-01T00:00:00.000000005Z1970-01-01T00:00:01.000000005Z"
                + "1970-01-01T00:00:01.000000006Z1970-01-01T00:00:00.000000005Z")
    }

    @Test(
        arguments: [
            (0, "0 ns"), (999, "999 ns"), (1000, "1.0 us"), (1_590, "1.5 us"), (99_900, "99.9 us"), (100_000, "100 us"),
            (999_999, "999 us"), (1_000_000, "1.0 ms"), (999_999_999, "999 ms"), (1_000_000_000, "1.0 s"),
            (59_999_000_000, "59.9 s"), (119_999_999_999, "119 s"), (120_000_000_000, "2 min"),
            (7_199_000_000_000, "119 min"), (7_200_000_000_000, "2 h 0 min"), (9_000_000_000_000, "2 h 30 min"),
            (172_799_000_000_000, "47 h 59 min"), (172_800_000_000_000, "2 d 0 h"), (360_000_000_000_000, "4 d 4 h"),
            (.max, "213503 d 23 h"),
        ] as [(UInt64, String)])
    func durations(_ nanoseconds: UInt64, _ expected: String) {
        #expect(durationText(nanoseconds) == expected)
    }

    @Test func counts() {
        #expect([0, 1, 2, 1234].map { counted($0, "event") } == ["0 events", "1 event", "2 events", "1,234 events"])
        #expect([1, 2].map { counted($0, "process", "processes") } == ["1 process", "2 processes"])
    }
}
