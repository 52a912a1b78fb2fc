// SPDX-License-Identifier: Apache-2.0

internal import Comparison
internal import Rendering

/// For each pod and container a bar of all that happened there; so much of it as passed a sidecar is of its colour.
struct CoverageChart {
    private static let most = 120
    private let workloads: [ComparedWorkload]
    private let left: Int

    init(_ comparison: Comparison) {
        let all = comparison.guests + comparison.workloads.filter { $0.kind == .host }
        workloads = Array(all.prefix(Self.most))
        left = all.count - workloads.count
    }

    var html: HTML {
        guard !workloads.isEmpty else { return "" }
        let row = 22.0
        let top = 24.0
        let name = 230.0
        let bar = 420.0
        var chart = Chart(
            width: 900, height: top + row * Double(workloads.count) + 26,
            title: "Share of what happened in each workload that passed a sidecar")
        for part in [0.0, 0.25, 0.5, 0.75, 1] {
            let x = name + bar * part
            chart.line(x1: x, y1: top - 4, x2: x, y2: top + row * Double(workloads.count), style: "grid")
            chart.text(percentText(part), x: x, y: top - 9, anchor: .middle)
        }
        for (index, workload) in workloads.enumerated() {
            let y = top + row * Double(index)
            let events = workload.activity.events
            let passed = bar * (events.share ?? 0)
            chart.text(Self.short(workload.name), x: name - 8, y: y + 14, anchor: .end, style: "name")
            if events.total > 0 {
                let hint = "\(workload.name): \(grouped(events.passed)) of \(counted(events.total, "event"))"
                chart.rectangle(x: name, y: y + 3, width: passed, height: row - 7, style: "sidecar", hint: hint)
                chart.rectangle(
                    x: name + passed, y: y + 3, width: bar - passed, height: row - 7, style: "ebpf only", hint: hint)
            }
            chart.text(Self.note(workload), x: name + bar + 10, y: y + 14)
        }
        return """
            <figure><figcaption>Coverage per pod: what passed a sidecar <i class="key sidecar"></i>, and what only \
            eBPF saw <i class="key ebpf only"></i>, of programs, files, connections, UDP flows and DNS questions.\
            </figcaption>
            \(raw: chart.html)\(raw: left > 0 ? "<p>\(left) more are not shown.</p>" : "")</figure>

            """
    }

    private static func note(_ workload: ComparedWorkload) -> String {
        let events = workload.activity.events
        guard events.total > 0 else { return "nothing happened" }
        let share = percentText(events.share ?? 0)
        let sidecar = workload.kind == .host ? "" : workload.hasSidecar ? "" : ", no sidecar"
        return "\(share) of \(grouped(events.total))\(sidecar)"
    }

    /// The end of a pod's name tells replicas apart.
    private static func short(_ name: String) -> String {
        name.count <= 32 ? name : "\(name.prefix(14))…\(name.suffix(17))"
    }
}
