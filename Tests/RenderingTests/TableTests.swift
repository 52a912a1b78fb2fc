// SPDX-License-Identifier: Apache-2.0

import Events
import Rendering
import Testing

struct TableTests {
    private static let calls = Table(
        columns: ["TIME %", "TIME", "AVERAGE", "CALLS", "ERRORS"], labelTitle: "SYSTEM CALL",
        rows: [
            .init(
                [.share(3, of: 4), .duration(3_000_000), .duration(1500), .count(2000), .count(7)], Bytes("futex"),
                style: .strong),
            .init(
                [.share(1, of: 4), .duration(999), .none, .count(1_234_567), .count(0)], Bytes("read"), isPart: true),
        ])

    @Test func aligned() {
        #expect(
            lines(Self.calls) == [
                "TIME %    TIME  AVERAGE      CALLS  ERRORS  SYSTEM CALL",
                " 75.00  3.0 ms   1.5 us      2,000       7  futex",
                " 25.00  999 ns        -  1,234,567       0    read",
            ])
    }

    @Test func titlesAlone() {
        #expect(lines(Table(columns: ["A", "BC"], labelTitle: "D")) == ["A  BC  D"])
    }

    /// Numbers move together before labels are cut.
    @Test func narrow() {
        #expect(
            lines(Self.calls, columns: 60) == [
                "TIME %   TIME AVERAGE     CALLS ERRORS  SYSTEM CALL",
                " 75.00 3.0 ms  1.5 us     2,000      7  futex",
                " 25.00 999 ns       - 1,234,567      0    read",
            ])
    }

    /// Of a path the end says more.
    @Test(arguments: [
        ("/usr/libexec/some/very/long/directory/program", true, "…ng/directory/program"),
        ("/usr/libexec/some/very/long/directory/program", false, "/usr/libexec/some/ve…"),
        ("/usr/bin/short", true, "/usr/bin/short"),
        ("/exactly/21/columns/x", true, "/exactly/21/columns/x"),
        ("/漢字漢字漢字漢字漢字漢字", true, "…漢字漢字漢字漢字漢字"),
        ("/漢字漢字漢字漢字漢字漢字", false, "/漢字漢字漢字漢字漢…"),
    ])
    func cut(_ label: String, _ isPath: Bool, _ expected: String) {
        let table = Table(columns: ["CALLS"], labelTitle: "L", rows: [.init([.count(1)], Bytes(label), isPath: isPath)])
        #expect(lines(table, columns: 28)[1] == "    1  " + expected)
    }

    @Test(arguments: [20, 30, 40, 60, 80, 132])
    func neverWiderThanTheTerminal(_ columns: Int) {
        var table = Self.calls
        for label in [String(repeating: "x", count: 200), String(repeating: "漢", count: 200), "\u{1b}[31m\u{202e}"] {
            for isPath in [true, false] {
                table.rows.append(
                    .init(
                        [.share(1, of: 1), .duration(.max), .duration(.max), .count(.max), .count(.max)], Bytes(label),
                        isPath: isPath))
            }
        }
        for line in lines(table, columns: columns) {
            let width = line.unicodeScalars.reduce(0) { $0 + ($1.value >= 0x3041 ? 2 : 1) }
            #expect(width <= columns, "\(line)")
        }
    }

    @Test func hostileLabels() {
        let table = Table(
            columns: ["CALLS"], labelTitle: "L", rows: [.init([.count(1)], Bytes("a\u{1b}[2J\nb\u{202e}c"))])
        #expect(lines(table)[1] == #"    1  a\x1b[2J\nb\u202ec"#)
    }

    @Test func colors() {
        var buffer = OutputBuffer()
        TableRenderer(columns: nil, colors: true).append(Self.calls, to: &buffer)
        let lines = String(decoding: buffer.array(), as: UTF8.self).split(separator: "\n")
        #expect(lines[1].hasPrefix("\u{1b}[1m"))
        #expect(lines[1].hasSuffix("\u{1b}[0m"))
        #expect(!lines[2].contains("\u{1b}"))
    }

    private func lines(_ table: Table, columns: Int? = nil) -> [String] {
        var buffer = OutputBuffer()
        TableRenderer(columns: columns, colors: false).append(table, to: &buffer)
        return String(decoding: buffer.array(), as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
