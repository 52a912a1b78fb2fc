// SPDX-License-Identifier: Apache-2.0

internal import Rendering

extension Comparison {
    /// As GitHub and GitLab show it. `conditions` are those of `--fail-on`, with whether each holds.
    package func markdown(conditions: [(text: String, holds: Bool)] = []) -> String {
        let failed = conditions.count(where: \.holds)
        let checks = counted(conditions.count, "check")
        let verdict = conditions.isEmpty ? "" : failed == 0 ? ": passed" : ": \(failed) of \(checks) failed"
        var text = "## ebpfguard compare-sidecar\(verdict)\n\n\(Self.plain(ComparisonText.title(of: self)))\n\n"
        if !conditions.isEmpty {
            text += "| | check |\n| --- | --- |\n"
            for condition in conditions {
                text +=
                    "| \(condition.holds ? "**failed**" : "passed") | \(Self.plain("--fail-on " + condition.text)) |\n"
            }
            text += "\n"
        }
        text += "| | sidecar | eBPF |\n| --- | --- | --- |\n"
        for row in rows {
            text += "| **\(row.subject.rawValue)** | \(Self.cell(row.sidecar)) | \(Self.cell(row.ebpf)) |\n"
        }
        text += "\n### Workloads\n\n"
        text += "| workload | sidecar | connections | passed | bytes | execs | files | UDP | ways round |\n"
        text += "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
        for workload in workloads { text += Self.row(of: workload) }
        if !sidecars.isEmpty {
            text += "\n### Sidecars\n\n| of | CPU | memory | threads | CPU request | limit | memory request | limit |\n"
            text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
            for workload in workloads { for sidecar in workload.sidecars { text += Self.row(of: sidecar, workload) } }
        }
        if !unseen.isEmpty {
            text += "\n### What no sidecar saw\n\n| times | workload | process | what | why |\n"
            text += "| ---: | --- | --- | --- | --- |\n"
            for unseen in unseen.prefix(50) {
                let what = [unseen.kind.title, unseen.destination].compactMap { $0 }.joined(separator: " ")
                text += "| \(grouped(unseen.count)) | \(Self.plain(unseen.workload)) | \(Self.plain(unseen.process)) "
                text += "| \(Self.plain(what)) | \(unseen.reason) |\n"
            }
        }
        if let lab { text += Self.laboratory(lab) }
        text += "\n<details><summary>Evidence</summary>\n\n"
        for row in rows {
            for (side, cell) in [("sidecar", row.sidecar), ("eBPF", row.ebpf)] where !cell.evidence.isEmpty {
                text += "- \(row.subject.rawValue), \(side)\n"
                for evidence in cell.evidence.prefix(100) {
                    text += "  - \(Self.plain(evidence.source)): \(Self.plain(evidence.fact))\n"
                }
            }
        }
        return text + "\n</details>\n"
    }

    private static func laboratory(_ lab: LabFigures) -> String {
        var text = "\n### Laboratory\n\n\(plain(lab.sentence))\n"
        for table in lab.tables {
            text += "\n| \(table.columns.map(plain).joined(separator: " | ")) |\n"
            text += "| --- |\(String(repeating: " ---: |", count: table.columns.count - 1))\n"
            for row in table.rows { text += "| \(row.map(plain).joined(separator: " | ")) |\n" }
            for note in table.notes { text += "\n\(plain(note))\n" }
        }
        return text
    }

    private static func row(of sidecar: Sidecar, _ workload: ComparedWorkload) -> String {
        let use = sidecar.use
        let cells = [
            plain("\(workload.name): \(sidecar.process)"), use.share.map { percentText($0) } ?? "",
            use.memory.map { byteText($0) } ?? "", "\(sidecar.threads)", use.boundText(.requestCPU),
            use.boundText(.limitCPU), use.boundText(.requestMemory), use.boundText(.limitMemory),
        ]
        return "| \(cells.joined(separator: " | ")) |\n"
    }

    private static func row(of workload: ComparedWorkload) -> String {
        let activity = workload.activity
        let connections = activity.allConnections
        let sidecars = workload.sidecars.map { "\($0.product.rawValue) (\(plain($0.process)))" }
        let cells = [
            plain(workload.name),
            sidecars.isEmpty ? workload.kind == .host ? "" : "none" : sidecars.joined(separator: ", "),
            grouped(connections.total), connections.share.map { percentText($0) } ?? "", byteText(activity.bytes.total),
            grouped(activity[.executions].total), grouped(activity[.opens].total &+ activity[.changes].total),
            grouped(activity[.datagrams].total),
            workload.ways.map { way in
                let verdicts = way.verdicts.isEmpty ? "" : " (\(way.verdicts.joined(separator: "; ")))"
                return plain("\(way.kind.title): \(way.text)\(verdicts)")
            }.joined(separator: "<br>"),
        ]
        return "| \(cells.joined(separator: " | ")) |\n"
    }

    private static func cell(_ cell: ComparisonCell) -> String {
        var lines = cell.notMeasurable.map { ["*not measurable here: \($0)*"] } ?? []
        lines += cell.lines.map(plain)
        lines += cell.limits.map { "but \($0)" }
        return lines.joined(separator: "<br>")
    }

    /// In one line, with nothing in it that Markdown or HTML would act on.
    static func plain(_ text: String) -> String {
        var result = ""
        for character in printable(text).unicodeScalars {
            switch character {
            case "|", "*", "_", "`", "[", "]", "#", "\\", "~", "!":
                result += "\\"
                result.unicodeScalars.append(character)
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
