// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Policy
import Rendering
import Testing

@testable import Pipeline

struct SummaryTests {
    private func summary(
        by grouping: SummaryGrouping? = nil, limit: Int = 10_000, _ change: (inout TraceOptions) -> Void = { _ in }
    ) -> Summary {
        var options = TraceOptions()
        let summary = SummaryOptions(mode: .only, grouping: grouping)
        options.summary = summary
        change(&options)
        return Summary(options, summary, limit: limit)
    }

    /// Numbers and label of each row of text.
    private func text(_ table: SummaryTable?) -> [String] {
        guard let table else { return [] }
        var buffer = OutputBuffer()
        TableRenderer(columns: nil, colors: false).append(table.table, to: &buffer)
        return String(decoding: buffer.array(), as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: " ").joined(separator: " ")
        }
    }

    private func number(_ row: [Field: FieldValue]?, _ field: Field) -> Int64? {
        guard case .integer(let value) = row?[field] else { return nil }
        return value
    }

    private func words(_ row: [Field: FieldValue]?, _ field: Field) -> String? {
        switch row?[field] {
        case .text(let text): text.string
        case .word(let word): "\(word)"
        case .name(let name): name.string
        case .path(let path): path.string
        default: nil
        }
    }

    // MARK: Processes

    @Test func processes() throws {
        var summary = summary()
        for pid in UInt32(1)...3 {
            summary.add(try event(.exec, pid, executable: "/usr/bin/a"))
            summary.add(
                try event(.exit(code: pid == 3 ? 256 : 0), pid, time: 1000 + UInt64(pid), executable: "/usr/bin/a"))
        }
        summary.add(try event(.exec, 4, executable: "/usr/bin/b"))
        summary.add(try event(.exit(code: 0x8b), 4, time: 2_001_000, executable: "/usr/bin/b"))
        summary.add(try event(.fork, 5, executable: "/usr/bin/b"))
        let table = summary.tables(top: nil, parts: nil).first
        #expect(
            text(table) == [
                "STARTS FAILED EXITS NONZERO KILLED AVG LIFE MAX LIFE EXECUTABLE",
                "3 0 3 1 0 2 ns 3 ns /usr/bin/a",
                "1 0 1 0 1 2.0 ms 2.0 ms /usr/bin/b",
                "4 0 4 1 1 500 us 2.0 ms total",
            ])
        #expect(table?.rows.count == 2)
        #expect(number(table?.rows[0], .summaryStarts) == 3)
        #expect(number(table?.rows[0], .summaryFailedExits) == 1)
        #expect(number(table?.rows[0], .summaryLifetimeLongest) == 3)
        #expect(number(table?.rows[1], .summaryKilled) == 1)
        #expect(number(table?.rows[1], .summaryRunning) == nil)
        #expect(words(table?.rows[1], .processExecutable) == "/usr/bin/b")
        #expect(words(table?.rows[1], .summaryBy) == "executable")
    }

    @Test func running() throws {
        var summary = summary { $0.existing = true }
        summary.add(try event(.existing, 1))
        summary.add(try event(.existing, 2))
        let table = summary.tables(top: nil, parts: nil).first
        #expect(text(table).last == "0 0 0 0 0 - - 2 /usr/bin/demo")
        #expect(number(table?.rows[0], .summaryRunning) == 2)
        #expect(number(table?.rows[0], .summaryLifetimeAverage) == nil)
    }

    @Test func top() throws {
        var summary = summary()
        for number in 1...5 {
            for _ in 0..<number { summary.add(try event(.exec, executable: "/bin/\(number)")) }
        }
        let table = summary.tables(top: 2, parts: nil).first
        #expect(
            text(table).dropFirst() == [
                "5 0 0 0 0 - - /bin/5", "4 0 0 0 0 - - /bin/4", "6 0 0 0 0 - - … and 3 more", "15 0 0 0 0 - - total",
            ])
        #expect(table?.rows.count == 3)
        #expect(words(table?.rows[2], .summaryGroup) == "(others)")
        #expect(number(table?.rows[2], .summaryStarts) == 6)
    }

    /// Beyond so many groups there is one for all the others.
    @Test func bounded() throws {
        var summary = summary(limit: 3)
        for number in 1...9 { summary.add(try event(.exec, executable: "/bin/\(number)")) }
        summary.add(try event(.exec, executable: "/bin/1"))
        #expect(
            text(summary.tables(top: nil, parts: nil).first).dropFirst() == [
                "2 0 0 0 0 - - /bin/1", "1 0 0 0 0 - - /bin/2", "1 0 0 0 0 - - /bin/3", "6 0 0 0 0 - - (others)",
                "10 0 0 0 0 - - total",
            ])
        #expect(text(summary.tables(top: 1, parts: nil).first)[2] == "8 0 0 0 0 - - … and at least 2 more")
    }

    /// Of groups that there is room for, calls have their own bound; signals too.
    @Test func boundedCalls() throws {
        var summary = summary(by: .process, limit: 2) { $0.syscalls = try? SyscallSet("all") }
        for pid in UInt32(1)...5 {
            summary.add(entry(0, calls: 10, errors: 1, time: 100), of: .process(task(pid, "p"), executable: nil))
        }
        #expect(summary.calls.entries.count == 2)
        #expect(summary.otherCalls == CallCounts(calls: 30, errors: 3, time: 300))
        let rows = summary.tables(top: nil, parts: nil)[0].rows
        #expect(rows.map { words($0, .summaryGroup) } == ["1 p", "2 p", "(others)"])
        #expect(rows.reduce(0) { $0 + (number($1, .summaryCalls) ?? 0) } == 50)
    }

    @Test func boundedPairs() throws {
        var summary = summary(by: .process) { $0.syscalls = try? SyscallSet("all") }
        let limit = SyscallCounts.limit
        for number in 0..<limit + 7 {
            summary.add(entry(number % 512, calls: 1), of: .process(task(1 + number / 512, "p"), executable: nil))
        }
        #expect(summary.calls.entries.values.reduce(0) { $0 + $1.counts.count } == Int(limit))
        #expect(summary.otherCalls.calls == 7)
    }

    @Test func boundedSignals() throws {
        var summary = summary(by: .process, limit: 2) { $0.signals = .max }
        for pid in UInt32(1)...5 { summary.add(try event(.signal, signal: 9, target: task(pid, "x"))) }
        #expect(
            text(summary.tables(top: nil, parts: nil).first).dropFirst() == [
                "1 SIGKILL to 1 x", "1 SIGKILL to 2 x", "3 (others)", "5 total",
            ])
    }

    /// Names and paths that want to act on a terminal, or to look like rows; none is wider than the terminal.
    @Test(arguments: [SummaryGrouping.executable, .process, .user, .container, .pod])
    func hostile(_ grouping: SummaryGrouping) throws {
        var summary = summary(by: grouping)
        for (number, text) in [
            "\u{1b}]0;x\u{7}", "\n9 9 total", "\u{202e}txt", String(repeating: "漢", count: 300), "\u{9b}2J", "…",
        ].enumerated() {
            summary.add(
                try event(
                    .exec, UInt32(number + 1), name: String(text.prefix(5)), executable: "/tmp/\(text)", user: text,
                    cgroup: "/docker/\(text)"))
        }
        let table = try #require(summary.tables(top: nil, parts: nil).first).table
        var buffer = OutputBuffer()
        TableRenderer(columns: 80, colors: false).append(table, to: &buffer)
        let lines = String(decoding: buffer.array(), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == table.rows.count + 1)
        for line in lines {
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) })
            #expect(!line.unicodeScalars.contains("\u{202e}"))
            #expect(line.unicodeScalars.reduce(0) { $0 + ($1.value >= 0x3041 ? 2 : 1) } <= 80, "\(line)")
        }
    }

    /// What nothing was counted of is no division by zero.
    @Test func nothing() {
        for grouping in SummaryGrouping.allCases {
            let summary = summary(by: grouping) {
                $0.syscalls = try? SyscallSet("all")
                $0.signals = .max
                $0.existing = true
            }
            #expect(summary.tables(top: 1, parts: 1).allSatisfy { $0.rows.isEmpty && $0.table.rows.isEmpty })
        }
    }

    @Test(arguments: [
        (SummaryGrouping.process, ["1 a", "2 a", "3 b"]), (.user, ["alice", "root"]), (.executable, ["/usr/bin/demo"]),
        (.container, ["0123456789ab", "host /"]), (.pod, ["1b4e28ba-2fa1-11d2-883f-0016d3cca427", "host /"]),
    ])
    func groups(_ grouping: SummaryGrouping, _ labels: [String]) throws {
        let container =
            "/kubepods/pod1b4e28ba-2fa1-11d2-883f-0016d3cca427/"
            + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        var summary = summary(by: grouping)
        summary.add(try event(.exec, 1, name: "a"))
        summary.add(try event(.exec, 2, name: "a", uid: 1000, user: "alice", cgroup: container))
        summary.add(try event(.exec, 3, name: "b", uid: 1000, user: "alice", cgroup: container + "/init.scope"))
        let rows = summary.tables(top: nil, parts: nil).flatMap(\.rows)
        #expect(rows.compactMap { words($0, .summaryGroup) }.sorted() == labels)
    }

    /// A container is called by its name as soon as that is known, and keeps it.
    @Test(arguments: [
        (SummaryGrouping.container, "payments/api-7c9f:api", "0123456789ab", 1),
        (.pod, "payments/api-7c9f", "1b4e28ba-2fa1-11d2-883f-0016d3cca427", 0),
    ])
    func names(_ grouping: SummaryGrouping, _ name: String, _ id: String, _ containerNames: Int) throws {
        let container =
            "/kubepods/pod1b4e28ba-2fa1-11d2-883f-0016d3cca427/"
            + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        var names = WorkloadNames()
        var summary = summary(by: grouping)
        func groups() -> [[Field: FieldValue]] { summary.tables(top: nil, parts: nil).flatMap(\.rows) }
        summary.add(try event(.exec, 2, cgroup: container))
        #expect(words(groups().first, .summaryGroup) == id)
        names.pod = Bytes("api-7c9f")
        names.namespace = Bytes("payments")
        names.container = Bytes("api")
        summary.add(try event(.exec, 3, cgroup: container, names: names))
        summary.add(try event(.exec, 4, cgroup: container))
        #expect(groups().count == 1)
        #expect(words(groups().first, .summaryGroup) == name)
        #expect(words(groups().first, .kubernetesPodName) == "api-7c9f")
        #expect(words(groups().first, .containerName) == (containerNames == 1 ? "api" : nil))
    }

    // MARK: System calls

    private func entry(
        _ number: UInt32, abi: UInt16 = 0, calls: UInt64, errors: UInt64 = 0, time: UInt64 = 0
    ) -> SyscallCounts.Entry {
        var count = wire_count()
        count.calls = calls
        count.errors = errors
        count.time = time
        return SyscallCounts.Entry(abi: abi, number: number, count: count)
    }

    private func name(_ number: UInt32) -> String { SyscallTable.name(.native, number)?.string ?? "" }

    @Test func calls() throws {
        var summary = summary { $0.syscalls = try? SyscallSet("all") }
        summary.add(entry(0, calls: 1000, errors: 10, time: 3_000_000), of: .all)
        summary.add(entry(1, calls: 10, time: 1_000_000), of: .all)
        summary.add(entry(1, abi: 1, calls: 1), of: .all)
        let tables = summary.tables(top: nil, parts: nil)
        #expect(tables.count == 1)
        #expect(
            text(tables[0]).prefix(3) == [
                "TIME % TIME AVERAGE CALLS ERRORS SYSTEM CALL", "75.00 3.0 ms 3.0 us 1,000 10 \(name(0))",
                "25.00 1.0 ms 100 us 10 0 \(name(1))",
            ])
        #expect(text(tables[0])[3].hasSuffix("(\(SyscallABI.compat.name()))"))
        #expect(text(tables[0]).last == "100.00 4.0 ms 3.9 us 1,011 10 total")
        #expect(number(tables[0].rows[0], .summaryErrors) == 10)
        #expect(number(tables[0].rows[0], .summaryAverage) == 3000)
        #expect(words(tables[0].rows[2], .syscallABI) == "\(SyscallABI.compat.name())")
    }

    /// A process with its totals, then its calls; in JSON only the calls.
    @Test func callsByProcess() throws {
        var summary = summary(by: .process) { $0.syscalls = try? SyscallSet("all") }
        for number in UInt32(0)..<3 {
            summary.add(entry(number, calls: 2, time: 100), of: .process(task(7, "seven"), executable: nil))
        }
        summary.add(entry(0, calls: 1, errors: 1, time: 100), of: .process(task(8, "eight"), executable: nil))
        let tables = summary.tables(top: nil, parts: 2)
        #expect(
            text(tables[0]) == [
                "TIME % TIME AVERAGE CALLS ERRORS PROCESS, SYSTEM CALL", "75.00 300 ns 50 ns 6 0 7 seven",
                "25.00 100 ns 50 ns 2 0 \([name(0), name(1), name(2)].sorted()[0])",
                "25.00 100 ns 50 ns 2 0 \([name(0), name(1), name(2)].sorted()[1])",
                "25.00 100 ns 50 ns 2 0 … and 1 more", "25.00 100 ns 100 ns 1 1 8 eight",
                "25.00 100 ns 100 ns 1 1 \(name(0))", "100.00 400 ns 57 ns 7 1 total",
            ])
        let rows = summary.tables(top: nil, parts: nil)[0].rows
        #expect(rows.count == 4)
        #expect(number(rows[0], .processPID) == 7)
        #expect(words(rows[0], .summaryGroup) == "7 seven")
        #expect(words(rows[3], .syscallName) == name(0))
        #expect(number(rows[3], .summaryCalls) == 1)
    }

    @Test func signals() throws {
        var summary = summary { $0.signals = .max }
        for pid in UInt32(20)...22 { summary.add(try event(.signal, signal: 15, target: task(pid, "nginx"))) }
        summary.add(try event(.oom, target: task(30, "redis")))
        #expect(
            text(summary.tables(top: nil, parts: nil).first) == [
                "SENT SIGNAL", "3 SIGTERM to nginx", "1 OOM kill to redis", "4 total",
            ])
    }

    // MARK: Options

    @Test func kernelCounts() throws {
        func counts(_ change: (inout TraceOptions) throws -> Void) rethrows -> Bool {
            var options = TraceOptions()
            options.syscalls = try? SyscallSet("all")
            options.summary = SummaryOptions(mode: .only)
            try change(&options)
            return options.syscallCounts != nil
        }
        #expect(counts { _ in })
        #expect(counts { $0.summary?.grouping = .pod })
        #expect(!counts { $0.summary?.grouping = .user })
        #expect(!counts { $0.summary?.mode = .also })
        #expect(!counts { $0.kinds = [.exec] })
        #expect(!counts { $0.security = true })
        #expect(try !counts { $0.filters = [try Filter("process.pid == 1")] })
        #expect(!counts { $0.syscalls = nil })
    }

    @Test func mistakes() {
        func mistake(_ change: (inout TraceOptions) -> Void) -> String? {
            var options = TraceOptions()
            options.summary = SummaryOptions(mode: .only)
            change(&options)
            return options.summaryMistake?.message
        }
        #expect(mistake { _ in } == nil)
        #expect(mistake { $0.count = 5 } == nil)
        #expect(mistake { $0.maxRate = 5 }?.contains("--max-rate") == true)
        #expect(mistake { $0.dedup = 5 }?.contains("--dedup") == true)
        #expect(mistake { $0.summary?.grouping = .syscall }?.contains("--by syscall") == true)
        let both = mistake {
            $0.count = 5
            $0.syscalls = try? SyscallSet("all")
        }
        #expect(both?.contains("--count") == true)
    }
}
