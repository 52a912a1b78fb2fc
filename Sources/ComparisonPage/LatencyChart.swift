// SPDX-License-Identifier: Apache-2.0

internal import Comparison
internal import Rendering

/// What part of the requests had been answered after how long, for each way that they took.
struct LatencyChart {
    private let loads: [LabFigures.Load]

    init(_ lab: LabFigures) {
        loads = lab.loads.filter { !$0.latencies.isEmpty }
    }

    var html: HTML {
        guard !loads.isEmpty else { return "" }
        return """
            <figure><figcaption>Latency, by the clients' own clocks: the part of requests that were answered within a \
            time.</figcaption>
            \(raw: chart)
            <table><thead><tr><th>requests</th><th>p50</th><th>p90</th><th>p99</th><th>answered</th><th>failed</th>\
            <th>most in a second</th></tr></thead><tbody>
            \(raw: HTML.joined(loads, Self.row))
            </tbody></table>\(raw: HTML.joined(loads.filter { $0.lost > 0 }, Self.loss))</figure>

            """
    }

    private static func row(_ load: LabFigures.Load) -> HTML {
        func cell(_ part: Double) -> HTML { "<td>\(load.percentile(part).map(durationText) ?? "")</td>" }
        let most = load.mostTime == 0 ? "not measured" : grouped(UInt64(load.requestsPerSecond))
        return """
            <tr><th><i class="key \(load.path.rawValue)"></i> \(load.path.title)</th>\
            \(raw: cell(0.5))\(raw: cell(0.9))\(raw: cell(0.99))<td>\(grouped(load.requests))</td>\
            <td>\(grouped(load.failures))</td><td>\(most)</td></tr>

            """
    }

    private static func loss(_ load: LabFigures.Load) -> HTML {
        "<p>\(load.path.title): \(counted(load.lost, "event was", "events were")) lost.</p>"
    }

    private var chart: HTML {
        let least = loads.map { Double($0.latencies[0]) }.min() ?? 1
        let most = loads.compactMap { $0.percentile(0.999) }.max() ?? 1
        let decades = Scale.decades(max(least, 1), max(Double(most), 2))
        let x = Scale(decades[0]...decades[decades.count - 1], from: 60, to: 880, isLogarithmic: true)
        let y = Scale(0...1, from: 265, to: 15)
        var chart = Chart(width: 900, height: 310, title: "Distribution of the latency of requests, by their way")
        for part in [0, 0.25, 0.5, 0.75, 1] {
            chart.line(x1: 60, y1: y.place(part), x2: 880, y2: y.place(part), style: "grid")
            chart.text(percentText(part), x: 52, y: y.place(part) + 4, anchor: .end)
        }
        for decade in decades {
            chart.line(x1: x.place(decade), y1: 15, x2: x.place(decade), y2: 265, style: "grid")
            let anchor: Chart.Anchor = decade == decades.last ? .end : .middle
            chart.text(durationText(UInt64(decade)), x: x.place(decade), y: 284, anchor: anchor)
        }
        for load in loads {
            let points = Self.parts.compactMap { part in
                load.percentile(part).map { (x: x.place(Double($0)), y: y.place(part)) }
            }
            chart.curve(points, style: "curve \(load.path.rawValue)")
        }
        return chart.html
    }

    /// Closer to each other towards the end, where it matters.
    private static let parts: [Double] =
        (0...94).map { Double($0) / 100 } + (0...49).map { 0.95 + Double($0) / 1000 } + [0.9995, 1]
}
