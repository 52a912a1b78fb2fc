// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Rendering

/// A table of a summary, for a person and as rows of fields.
struct SummaryTable {
    var table: Table
    var rows: [[Field: FieldValue]]
}

/// One row before it is laid out.
private struct Item<Counts: SummaryCounts> {
    let group: SummaryGroup
    var counts: Counts
    var calls: [Summary.Call: CallCounts] = [:]
}

/// The first rows of a table, and the sum of the others.
private struct Ranking<Counts: SummaryCounts> {
    var shown: [Item<Counts>]
    var rest: Counts?
    /// What to call them.
    var restLabel = "(others)"
    var total = Counts()

    /// `others` is what belongs to groups that there was no room for.
    init(_ items: [Item<Counts>], others: Counts?, top: Int?, by isBefore: (Counts, Counts) -> Bool) {
        let sorted = items.sorted { a, b in
            if isBefore(a.counts, b.counts) { return true }
            if isBefore(b.counts, a.counts) { return false }
            return a.group.label.slice.lexicographicallyPrecedes(b.group.label.slice)
        }
        shown = Array(sorted.prefix(top ?? sorted.count))
        let left = sorted.dropFirst(shown.count)
        for item in sorted { total.add(item.counts) }
        if let others { total.add(others) }
        guard others != nil || !left.isEmpty else { return }
        rest = left.reduce(into: others ?? Counts()) { $0.add($1.counts) }
        guard !left.isEmpty else { return }
        restLabel = "… and \(others == nil ? "" : "at least ")\(left.count) more"
    }
}

extension Summary {
    /// The tables that were asked for, and others for which something was counted. `top` bounds the rows, `parts` the
    /// system calls that a person is shown of each group.
    func tables(top: Int?, parts: Int?) -> [SummaryTable] {
        var tables: [SummaryTable] = []
        if showsProcesses || !processes.entries.isEmpty { tables.append(processTable(top)) }
        if showsCalls || !calls.entries.isEmpty { tables.append(callTable(top, parts: parts)) }
        if showsSignals || !signals.entries.isEmpty { tables.append(signalTable(top)) }
        if showsConnections || !connections.entries.isEmpty { tables.append(connectionTable(top)) }
        if showsFiles || !files.entries.isEmpty { tables.append(fileTable(top)) }
        return tables
    }

    // MARK: Files

    private func fileTable(_ top: Int?) -> SummaryTable {
        let ranking = Ranking(
            files.entries.values.map { Item(group: $0.group, counts: $0.counts) },
            others: otherFiles == FileCounts() ? nil : otherFiles, top: top
        ) { ($0.written + $0.read, $0.succeeded, $0.failures) > ($1.written + $1.read, $1.succeeded, $1.failures) }
        // Where they were asked for.
        let hasReads = otherFiles.read > 0 || files.entries.values.contains { $0.counts.read > 0 }
        return lay(
            ranking, by: fileGrouping.rawValue,
            columns: ["OPENS", "CREATED", "RENAMED", "DELETED", "CHANGED", "WRITTEN"] + (hasReads ? ["READ"] : [])
                + ["FAILED"],
            cells: {
                [
                    .count($0.opens), .count($0.creations), .count($0.renames), .count($0.deletions),
                    .count($0.changes), .bytes($0.written),
                ] + (hasReads ? [.bytes($0.read)] : []) + [.count($0.failures)]
            },
            fields: {
                [
                    .summaryOpens: .init($0.opens), .summaryCreations: .init($0.creations),
                    .summaryRenames: .init($0.renames), .summaryDeletions: .init($0.deletions),
                    .summaryChanges: .init($0.changes), .summaryWrittenBytes: .init($0.written),
                    .summaryReadBytes: hasReads ? .init($0.read) : .absent,
                    .summaryFailedOperations: .init($0.failures),
                ]
            })
    }

    // MARK: Connections

    private func connectionTable(_ top: Int?) -> SummaryTable {
        let ranking = Ranking(
            connections.entries.values.map { Item(group: $0.group, counts: $0.counts) },
            others: otherConnections == ConnectionCounts() ? nil : otherConnections, top: top, by: Self.isBefore)
        let columns = ["CONNECTS", "FAILED", "ACCEPTS", "CLOSED", "OPEN", "SENT", "RECEIVED"]
        let hasAddresses = connectionGrouping.isOfConnections
        return lay(
            ranking, by: connectionGrouping.rawValue, columns: hasAddresses ? columns + ["ADDRS"] : columns,
            cells: { Self.cells($0) + (hasAddresses ? [.count(UInt64($0.addresses.count))] : []) },
            fields: Self.fields)
    }

    private static func isBefore(_ a: ConnectionCounts, _ b: ConnectionCounts) -> Bool {
        let (left, right) = (a.sent &+ a.received, b.sent &+ b.received)
        if left != right { return left > right }
        return (a.connects + a.accepts, a.failedConnects) > (b.connects + b.accepts, b.failedConnects)
    }

    private static func cells(_ counts: ConnectionCounts) -> [Table.Cell] {
        [
            .count(counts.connects), .count(counts.failedConnects), .count(counts.accepts), .count(counts.closes),
            .count(counts.open), .bytes(counts.sent), .bytes(counts.received),
        ]
    }

    private static func fields(_ counts: ConnectionCounts) -> [Field: FieldValue] {
        [
            .summaryConnects: .init(counts.connects), .summaryFailedConnects: .init(counts.failedConnects),
            .summaryAccepts: .init(counts.accepts), .summaryCloses: .init(counts.closes),
            .summaryOpen: .init(counts.open), .summarySentBytes: .init(counts.sent),
            .summaryReceivedBytes: .init(counts.received), .summaryAddresses: .init(UInt64(counts.addresses.count)),
        ]
    }

    // MARK: Processes

    private func processTable(_ top: Int?) -> SummaryTable {
        let ranking = Ranking(
            processes.entries.values.map { Item(group: $0.group, counts: $0.counts) },
            others: otherProcesses == ProcessCounts() ? nil : otherProcesses, top: top
        ) { ($0.starts, $0.exits, $0.failures, $0.running) > ($1.starts, $1.exits, $1.failures, $1.running) }
        let columns = ["STARTS", "FAILED", "EXITS", "NONZERO", "KILLED", "AVG LIFE", "MAX LIFE"]
        return lay(
            ranking, by: processGrouping.rawValue, columns: showsRunning ? columns + ["RUNNING"] : columns,
            cells: cells, fields: fields)
    }

    private func cells(_ counts: ProcessCounts) -> [Table.Cell] {
        let cells: [Table.Cell] = [
            .count(counts.starts), .count(counts.failures), .count(counts.exits), .count(counts.failedExits),
            .count(counts.killed), counts.exits == 0 ? .none : .duration(counts.lifetime / counts.exits),
            counts.exits == 0 ? .none : .duration(counts.longestLifetime),
        ]
        return showsRunning ? cells + [.count(counts.running)] : cells
    }

    private func fields(_ counts: ProcessCounts) -> [Field: FieldValue] {
        var fields: [Field: FieldValue] = [
            .summaryStarts: .init(counts.starts), .summaryFailures: .init(counts.failures),
            .summaryExits: .init(counts.exits), .summaryFailedExits: .init(counts.failedExits),
            .summaryKilled: .init(counts.killed),
        ]
        if showsRunning { fields[.summaryRunning] = .init(counts.running) }
        if counts.exits > 0 {
            fields[.summaryLifetimeAverage] = .init(counts.lifetime / counts.exits)
            fields[.summaryLifetimeLongest] = .init(counts.longestLifetime)
        }
        return fields
    }

    // MARK: System calls

    private func callTable(_ top: Int?, parts: Int?) -> SummaryTable {
        let others = otherCalls == CallCounts() ? nil : otherCalls
        let columns = hasTimes ? ["TIME %", "TIME", "AVERAGE", "CALLS", "ERRORS"] : ["CALLS", "ERRORS"]
        if callGrouping == .syscall {
            let items = (calls.entries[.all]?.counts ?? [:]).map {
                Item(group: Self.group(of: $0.key), counts: $0.value)
            }
            let ranking = Ranking(items, others: others, top: top, by: Self.isBefore)
            return lay(
                ranking, by: "syscall", columns: columns, cells: { cells($0, of: ranking.total) }, fields: fields)
        }
        let items = calls.entries.values.map { entry in
            var sum = CallCounts()
            for counts in entry.counts.values { sum.add(counts) }
            return Item(group: entry.group, counts: sum, calls: entry.counts)
        }
        let ranking = Ranking(items, others: others, top: top, by: Self.isBefore)
        func rows(of item: Item<CallCounts>) -> [Part] {
            let calls = Ranking(
                item.calls.map { Item(group: Self.group(of: $0.key), counts: $0.value) }, others: nil, top: parts,
                by: Self.isBefore)
            let rows = calls.shown.map { call in
                Part(group: call.group, cells: cells(call.counts, of: ranking.total), fields: fields(call.counts))
            }
            guard let rest = calls.rest else { return rows }
            let others = SummaryGroup(.all, label: Bytes(calls.restLabel), [:])
            return rows + [Part(group: others, cells: cells(rest, of: ranking.total), fields: fields(rest))]
        }
        return lay(
            ranking, by: callGrouping.rawValue, columns: columns, cells: { cells($0, of: ranking.total) },
            fields: fields, parts: rows)
    }

    private static func isBefore(_ a: CallCounts, _ b: CallCounts) -> Bool { (a.time, a.calls) > (b.time, b.calls) }

    private static func group(of call: Call) -> SummaryGroup {
        let abi = SyscallABI(rawValue: call.abi)
        let name = abi.flatMap { SyscallTable.name($0, call.number) } ?? Bytes("syscall_\(call.number)")
        var fields: [Field: FieldValue] = [.syscallName: .text(name)]
        var label = Array(name.slice)
        if let abi {
            fields[.syscallABI] = .word(abi.name())
            if abi == .compat || abi == .x32 { label += " (\(abi.name()))".utf8 }
        }
        return SummaryGroup(.text(label), label: Bytes(label), fields)
    }

    private func cells(_ counts: CallCounts, of total: CallCounts) -> [Table.Cell] {
        let numbers: [Table.Cell] = [.count(counts.calls), .count(counts.errors)]
        guard hasTimes else { return numbers }
        return [
            .share(counts.time, of: total.time), .duration(counts.time),
            counts.calls == 0 ? .none : .duration(counts.time / counts.calls),
        ] + numbers
    }

    private func fields(_ counts: CallCounts) -> [Field: FieldValue] {
        var fields: [Field: FieldValue] = [.summaryCalls: .init(counts.calls), .summaryErrors: .init(counts.errors)]
        if hasTimes {
            fields[.summaryTime] = .init(counts.time)
            if counts.calls > 0 { fields[.summaryAverage] = .init(counts.time / counts.calls) }
        }
        return fields
    }

    // MARK: Signals

    private func signalTable(_ top: Int?) -> SummaryTable {
        let ranking = Ranking(
            signals.entries.values.map { Item(group: $0.group, counts: $0.counts) },
            others: otherSignals == SignalCounts() ? nil : otherSignals, top: top
        ) { $0.signals > $1.signals }
        return lay(
            ranking, by: "signal", columns: ["SENT"], cells: { [.count($0.signals)] },
            fields: { [.summarySignals: .init($0.signals)] })
    }

    // MARK: Rows

    /// A row under that of its group.
    private struct Part {
        let group: SummaryGroup
        let cells: [Table.Cell]
        let fields: [Field: FieldValue]
    }

    /// Where groups have parts, these are the rows of fields, and the groups only add them up.
    private func lay<Counts>(
        _ ranking: Ranking<Counts>, by title: String, columns: [String], cells: (Counts) -> [Table.Cell],
        fields: (Counts) -> [Field: FieldValue], parts: ((Item<Counts>) -> [Part])? = nil
    ) -> SummaryTable {
        let labelTitle = title == "syscall" ? "SYSTEM CALL" : title.uppercased() + (parts == nil ? "" : ", SYSTEM CALL")
        var result = SummaryTable(table: Table(columns: columns, labelTitle: labelTitle), rows: [])
        func add(_ label: Bytes, _ fields: [Field: FieldValue]...) {
            var row: [Field: FieldValue] = [.summaryBy: .text(Bytes(title)), .summaryGroup: .text(label)]
            for fields in fields { row.merge(fields) { known, _ in known } }
            result.rows.append(row)
        }
        for item in ranking.shown {
            let group = item.group
            result.table.rows.append(
                .init(cells(item.counts), group.label, isPath: group.isPath, style: parts == nil ? .plain : .strong))
            guard let parts else {
                add(group.label, group.fields, fields(item.counts))
                continue
            }
            for part in parts(item) {
                result.table.rows.append(.init(part.cells, part.group.label, isPart: true))
                add(group.label, group.fields, part.group.fields, part.fields)
            }
        }
        if let rest = ranking.rest {
            result.table.rows.append(.init(cells(rest), Bytes(ranking.restLabel), style: .faint))
            add(Bytes("(others)"), fields(rest))
        }
        if ranking.shown.count + (ranking.rest == nil ? 0 : 1) > 1 {
            result.table.rows.append(.init(cells(ranking.total), Bytes("total"), style: .strong))
        }
        return result
    }
}

extension FieldValue {
    fileprivate init(_ count: UInt64) {
        self = .integer(Int64(clamping: count))
    }
}
