// SPDX-License-Identifier: Apache-2.0

internal import Comparison
internal import Rendering

/// One kind of cost against the number of pods, of sidecars and of eBPF.
struct CostCurves {
    let lab: LabFigures
    let title: String
    /// In millionths of what is shown.
    let sidecar, ebpf: (LabFigures.Scale) -> Double
    /// A value that is shown, with its unit.
    let text: (Double) -> String

    private static let unit = 1e-6

    var html: HTML {
        var chart = Chart(width: 440, height: 300, title: "\(title), against the number of pods")
        let most = lab.scale.map { max(sidecar($0), ebpf($0)) * Self.unit }.max() ?? 0
        let ticks = Scale.ticks(upTo: most)
        let pods = Scale.ticks(upTo: Double(lab.scale.map(\.pods).max() ?? 1))
        let x = Scale(0...pods[pods.count - 1], from: 60, to: 425)
        let y = Scale(0...ticks[ticks.count - 1], from: 255, to: 30)
        for tick in ticks {
            chart.line(x1: 60, y1: y.place(tick), x2: 425, y2: y.place(tick), style: "grid")
            chart.text(shortText(tick), x: 54, y: y.place(tick) + 4, anchor: .end)
        }
        for tick in pods where tick == tick.rounded() {
            chart.text(shortText(tick), x: x.place(tick), y: 273, anchor: .middle)
        }
        chart.text(title, x: 60, y: 16, style: "name")
        chart.text("pods", x: 425, y: 291, anchor: .end)
        draw(sidecar, style: "sidecar", name: "sidecars", x, y, on: &chart)
        draw(ebpf, style: "ebpf", name: "eBPF", x, y, on: &chart)
        return "<div>\(raw: chart.html)<p>\(slope(sidecar, "sidecars"))</p><p>\(slope(ebpf, "eBPF"))</p></div>"
    }

    private func draw(
        _ value: @escaping (LabFigures.Scale) -> Double, style: String, name: String, _ x: Scale, _ y: Scale,
        on chart: inout Chart
    ) {
        if let slope = lab.slope(value), let base = lab.intercept(value) {
            let ends = [x.values.lowerBound, x.values.upperBound].map {
                (x: x.place($0), y: y.place((base + slope * $0) * Self.unit))
            }
            chart.curve(ends, style: "trend \(style)")
        }
        for point in lab.scale {
            let shown = value(point) * Self.unit
            let hint = "\(name), \(counted(point.pods, "pod")): \(text(shown))"
            chart.dot(x: x.place(Double(point.pods)), y: y.place(shown), style: style, hint: hint)
        }
    }

    private func slope(_ value: (LabFigures.Scale) -> Double, _ name: String) -> String {
        guard let slope = lab.slope(value) else { return "\(name): \(lab.scale.count) point, no slope" }
        return "\(name): \(slope < 0 ? "-" : "")\(text(abs(slope) * Self.unit)) for each pod"
    }
}

/// "0.5", "250", "2,000": without zeros at the end.
func shortText(_ value: Double) -> String {
    if value >= 10 || value == value.rounded() { return decimalText(value, 0) }
    let text = decimalText(value, 3)
    let trimmed = text.reversed().drop { $0 == "0" }.reversed()
    return String(trimmed.last == "." ? trimmed.dropLast() : trimmed[...])
}
