// SPDX-License-Identifier: Apache-2.0

package import Comparison
internal import Rendering

/// A comparison as one page of HTML: no script, and nothing that it loads from elsewhere.
package struct ComparisonPage {
    private let comparison: Comparison
    private let version: String

    /// `version` is ebpfguard's own.
    package init(_ comparison: Comparison, version: String) {
        self.comparison = comparison
        self.version = version
    }

    package var text: String {
        let html: HTML = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"/>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <title>Sidecars and eBPF on \(comparison.node.name)</title>
            <style>\(raw: pageStyle)</style></head><body>
            <h1>Sidecars and eBPF on \(comparison.node.name)</h1>
            \(raw: facts)
            \(raw: rows)
            <h2>Coverage</h2>
            \(raw: CoverageChart(comparison).html)
            <h2>Cost</h2>
            \(raw: CostChart(comparison).html)
            \(raw: sidecars)
            \(raw: laboratory)
            \(raw: unseen)
            \(raw: ways)
            \(raw: evidence)
            </body></html>

            """
        return html.description
    }

    private var facts: HTML {
        let node = comparison.node
        let what = comparison.lab.map { "laboratory, \($0.proxy)" } ?? "live"
        return """
            <p class="facts">\(what); \(timestampText(node.started)), \(durationText(node.window)); Linux \(node.kernel), \
            \(counted(node.processors, "CPU")), \(byteText(node.memory))B; \(counted(comparison.pods.count, "pod")), \
            \(counted(comparison.containers.count, "container")) without one, \(counted(comparison.sidecars.count, "sidecar")); \
            ebpfguard \(version)</p>
            """
    }

    // MARK: The four rows

    private var rows: HTML {
        """
        <table class="rows"><thead><tr><th></th><th class="sidecar-head">Sidecars</th><th class="ebpf-head">eBPF</th></tr></thead>
        <tbody>
        \(raw: HTML.joined(comparison.rows) { row in
            "<tr><th>\(row.subject.rawValue)</th><td>\(raw: Self.cell(row.sidecar))</td><td>\(raw: Self.cell(row.ebpf))</td></tr>\n"
        })</tbody></table>
        """
    }

    private static func cell(_ cell: ComparisonCell) -> HTML {
        var html: HTML = ""
        if let reason = cell.notMeasurable { html += "<p class=\"none\">not measurable here: \(reason)</p>" }
        html += list(cell.lines, style: "lines")
        html += list(cell.limits, style: "limits")
        return html
    }

    private static func list(_ lines: [String], style: String) -> HTML {
        lines.isEmpty ? "" : "<ul class=\"\(style)\">\(raw: HTML.joined(lines) { "<li>\($0)</li>" })</ul>"
    }

    // MARK: What follows them

    private var laboratory: HTML {
        guard let lab = comparison.lab else { return "" }
        return """
            <h2>Latency</h2>
            \(raw: LatencyChart(lab).html)
            <h2>What was done on purpose</h2>
            \(raw: Self.table(["what", "done", "seen by a sidecar", "seen by eBPF", "counted by"], lab.trials) { trial in
                [
                    trial.subject, grouped(trial.done), grouped(trial.seenBySidecar), grouped(trial.seenByEBPF),
                    trial.evidence.map { "\($0.source): \($0.fact)" }.joined(separator: "; "),
                ]
            })
            """
    }

    private var sidecars: HTML {
        let all = comparison.workloads.flatMap { workload in workload.sidecars.map { (workload.name, $0) } }
        guard !all.isEmpty else { return "" }
        let columns = [
            "sidecar of", "program", "CPU", "memory", "threads", "CPU request", "CPU limit", "memory request",
            "memory limit",
        ]
        return """
            <h2>Sidecars</h2>
            \(raw: Self.table(columns, all) { name, sidecar in
                let use = sidecar.use
                return [
                    name, sidecar.process, use.share.map { percentText($0) } ?? "", use.memory.map { byteText($0) } ?? "",
                    "\(sidecar.threads)", use.boundText(.requestCPU), use.boundText(.limitCPU),
                    use.boundText(.requestMemory), use.boundText(.limitMemory),
                ]
            })
            """
    }

    private static let tableMost = 200

    private var unseen: HTML {
        guard !comparison.unseen.isEmpty else { return "" }
        let columns = ["workload", "program", "what", "where to", "how often", "why"]
        return """
            <h2>What no sidecar saw</h2>
            \(raw: Self.table(columns, comparison.unseen) { one in
                [
                    one.workload, one.process, one.kind.rawValue, one.destination ?? "", grouped(one.count), one.reason,
                ]
            })
            """
    }

    private var ways: HTML {
        let open = comparison.guests.flatMap { workload in workload.ways.map { (workload.name, $0) } }
        guard !open.isEmpty else { return "" }
        return """
            <h2>Ways round a sidecar that are open</h2>
            \(raw: Self.table(["workload", "way", "what is open", "by a try"], open) { name, way in
                [name, way.kind.title, way.text, way.tries.joined(separator: "; ")]
            })
            """
    }

    private static func table<Row>(_ columns: [String], _ rows: [Row], _ cells: (Row) -> [String]) -> HTML {
        """
        <table><thead><tr>\(raw: HTML.joined(columns) { "<th>\($0)</th>" })</tr></thead><tbody>
        \(raw: HTML.joined(rows.prefix(tableMost)) { row in
            "<tr>\(raw: HTML.joined(cells(row)) { "<td>\($0)</td>" })</tr>\n"
        })</tbody></table>
        \(raw: rows.count > tableMost ? "<p>\(rows.count - tableMost) more are not shown.</p>" : "")
        """
    }

    private var evidence: HTML {
        let cells = comparison.rows.flatMap { row in
            [
                ("\(row.subject.rawValue), sidecars", row.sidecar.evidence),
                ("\(row.subject.rawValue), eBPF", row.ebpf.evidence),
            ]
        }
        return """
            <h2>Where the figures come from</h2>
            \(raw: HTML.joined(cells.filter { !$0.1.isEmpty }) { title, evidence in
                "<details><summary>\(title)</summary>\(raw: Self.table(["from", "fact"], evidence) { [$0.source, $0.fact] })</details>\n"
            })
            """
    }
}
