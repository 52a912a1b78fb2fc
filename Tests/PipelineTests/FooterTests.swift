// SPDX-License-Identifier: Apache-2.0

import BPFRuntime
import Rendering
import Testing

@testable import Pipeline

struct FooterTests {
    @Test(
        arguments: [
            (0, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (123_456, "123,456"),
            (1_234_567, "1,234,567"), (.max, "18,446,744,073,709,551,615"),
        ] as [(UInt64, String)])
    func groups(_ number: UInt64, _ expected: String) {
        #expect(grouped(number) == expected)
    }

    private var quiet: Footer {
        var footer = Footer()
        footer.watched = 10_000_000_000
        footer.seen = 1234
        footer.printed = 1200
        footer.hooks = ["exec tp_btf/sched_process_exec"]
        footer.startCPU = 20_000_000
        footer.ownCPU = 120_000_000
        return footer
    }

    @Test func plain() {
        let lines = quiet.lines()
        #expect(lines[0] == "watched 10.0 s: 1,234 events seen, 1,200 printed, 0 lost")
        #expect(lines[1].hasPrefix("hooks:"))
        #expect(lines[1].hasSuffix(" exec tp_btf/sched_process_exec"))
        #expect(lines[2].hasSuffix("not measured"))
        #expect(lines[3].contains("20.0 ms of CPU to start, then 1.00 %;"))
        #expect(lines.count == 4)
    }

    @Test func everything() {
        var footer = quiet
        footer.filtered = 30
        footer.heldBack = 4
        footer.lost = [("exec", 1000), ("fork", 1)]
        footer.missing = ["failed execs are not seen: no"]
        footer.taxesSystemCalls = true
        footer.cost.runs = 1000
        footer.cost.nanoseconds = 1_500_000
        let lines = footer.lines()
        #expect(footer.lostTotal == 1001)
        #expect(lines[0].contains(", 30 filtered, 4 held back (--max-rate), 1,001 lost"))
        #expect(lines[0].contains("(exec 1,000, fork 1)"))
        #expect(lines[0].hasSuffix("raise --buffer-size"))
        #expect(lines[2] == "missing: failed execs are not seen: no")
        #expect(lines[3].contains("slows all calls"))
        #expect(lines[4].hasSuffix(" programs ran 1,000 times, 1.5 us each, 0.01 % of a CPU"))
    }

    @Test func baseline() {
        var footer = quiet
        footer.baseline = "baseline: 1 listener and 2 destinations known; 0 listeners and 1 destination new"
        #expect(footer.lines()[1] == footer.baseline)
        footer.recording = ["from x"]
        #expect(footer.lines().dropFirst() == [footer.baseline ?? "", "from x"])
    }

    @Test func oneOfAll() {
        var footer = Footer(seen: 1, printed: 1, callsCounted: 1)
        footer.cost.runs = 1
        footer.cost.nanoseconds = 1500
        #expect(footer.lines()[0] == "watched 0 ns: 1 event seen, 1 printed, 1 call counted, 0 lost")
        #expect(footer.lines().contains { $0.contains(" ran 1 time, 1.5 us each") })
    }

    @Test func nothingWatched() {
        #expect(Footer().lines()[0] == "watched 0 ns: 0 events seen, 0 printed, 0 lost")
        #expect(Footer().lines().last?.contains("0 %;") == true)
    }

    /// A terminal that is 80 wide shows each line whole, in a run that lost nothing.
    @Test(
        arguments: [
            (59_900_000_000, 12_345, 0),
            (86_400_000_000_000, 1_234_567, 1_234_567),
            (864_000_000_000_000, 12_345_678, 12_345_678),
        ] as [(UInt64, UInt64, UInt64)])
    func width(_ watched: UInt64, _ events: UInt64, _ filtered: UInt64) {
        var footer = quiet
        footer.watched = watched
        footer.seen = events
        footer.printed = events - filtered
        footer.filtered = filtered
        footer.taxesSystemCalls = true
        footer.ownCPU = watched / 100
        footer.cost.runs = 10 * events
        footer.cost.nanoseconds = 12_345 * events
        for line in footer.lines().flatMap({ $0.split(separator: "\n") }) {
            #expect(line.count <= 80, "\(line)")
        }
    }
}
