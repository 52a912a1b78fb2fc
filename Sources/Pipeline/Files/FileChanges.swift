// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Rendering

/// How the net difference of a run is told.
enum FileChanges {
    /// A row, for the output.
    static func event(_ row: FileDifference.Row, time: UInt64, host: Host) -> Event {
        let type: StaticString =
            switch row.verdict {
            case .created: "creation"
            case .changed, .replaced: "change"
            case .deleted: "deletion"
            }
        var values: [Field: FieldValue] = [
            .eventKind: .word("state"), .eventCategory: .words(["file"]), .eventType: .words([type]),
            .filePath: .text(Bytes(row.place.path)), .fileNetChange: .word(row.verdict.name),
            .processPID: .integer(Int64(row.who.pid)), .processName: .text(Bytes(row.who.name)),
        ]
        if !row.aspects.isEmpty { values[.fileNetChanged] = .words(row.aspects.map(\.name)) }
        if let origin = row.origin { values[.fileOriginalPath] = .text(Bytes(origin)) }
        if let destination = row.destination { values[.fileNetMovedTo] = .text(Bytes(destination)) }
        if row.isExecuted { values[.fileNetExecuted] = .bool(true) }
        if !row.place.container.isEmpty { values[.containerID] = .text(Bytes(row.place.container)) }
        return Event(netChange: values, time: time, host: host)
    }

    /// One line for the footer.
    static func line(_ rows: [FileDifference.Row], missed: UInt64, isListed: Bool) -> String {
        let verdicts: [FileDifference.Verdict] = [.created, .changed, .replaced, .deleted]
        let counts = verdicts.map { verdict in (verdict, rows.count { $0.verdict == verdict }) }.filter { $0.1 > 0 }
        var line =
            counts.isEmpty
            ? "no file is left changed"
            : "left: " + counts.map { "\(grouped(UInt64($0.1))) \($0.0.name)" }.joined(separator: ", ")
        if !counts.isEmpty, !isListed { line += " (--diff lists them)" }
        if missed > 0 {
            line += "; \(counted(missed, "change of another file was", "changes of more files were")) not followed"
        }
        return line
    }
}
