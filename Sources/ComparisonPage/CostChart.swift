// SPDX-License-Identifier: Apache-2.0

internal import Comparison
internal import Rendering

/// Cost against the number of pods where a laboratory measured that; else of each sidecar, and ours.
struct CostChart {
    private let comparison: Comparison

    init(_ comparison: Comparison) {
        self.comparison = comparison
    }

    var html: HTML {
        if let lab = comparison.lab, !lab.scale.isEmpty { return curves(lab) }
        return bars
    }

    private func curves(_ lab: LabFigures) -> HTML {
        let processors = CostCurves(
            lab: lab, title: "CPU, in thousandths of one", sidecar: \.sidecarCPU, ebpf: \.ebpfCPU,
            text: { decimalText($0, 2) + " m" })
        let memory = CostCurves(
            lab: lab, title: "Memory, in MB", sidecar: \.sidecarMemory, ebpf: \.ebpfMemory,
            text: { decimalText($0, 1) + " MB" })
        return """
            <figure><figcaption>Cost against pods, each calling another \(lab.pace) times a second: sidecars \
            <i class="key sidecar"></i>, eBPF <i class="key ebpf"></i>. A line shows the trend of least squares.\
            </figcaption>
            <div class="pair">\(raw: processors.html)\(raw: memory.html)</div></figure>

            """
    }

    // MARK: Of a live node

    private struct Bar {
        let name, style: String
        let cpu: Double?
        let memory: UInt64?
    }

    private var bars: HTML {
        let most = 120
        let sidecars = comparison.workloads.flatMap { workload in
            workload.sidecars.map { sidecar in
                let cpu = sidecar.use.cpu.map { Double($0) / Double(max(sidecar.use.span, 1)) }
                return Bar(name: workload.name, style: "sidecar", cpu: cpu, memory: sidecar.use.memory)
            }
        }
        let own = Bar(
            name: "eBPF, whole node", style: "ebpf", cpu: comparison.value(of: .ebpfCPU),
            memory: comparison.ebpf.peakMemory)
        let all = sidecars.prefix(most) + [own]
        let row = 22.0
        let name = 230.0
        let bar = 420.0
        var chart = Chart(
            width: 900, height: 10 + row * Double(all.count), title: "CPU of each sidecar and of eBPF")
        let scale = Scale(0...max(all.compactMap(\.cpu).max() ?? 0, 1e-9), from: 0, to: bar)
        for (index, one) in all.enumerated() {
            let y = 5 + row * Double(index)
            chart.text(one.name, x: name - 8, y: y + 14, anchor: .end, style: "name")
            let cpu = one.cpu.map { "\(decimalText($0 * 1000, 2)) m CPU" } ?? "CPU not measured"
            let memory = one.memory.map { "\(byteText($0))B" } ?? "memory not measured"
            chart.rectangle(
                x: name, y: y + 3, width: scale.place(one.cpu ?? 0), height: row - 7, style: one.style, hint: cpu)
            chart.text("\(cpu), \(memory)", x: name + scale.place(one.cpu ?? 0) + 10, y: y + 14)
        }
        return """
            <figure><figcaption>Cost in the window: each sidecar <i class="key sidecar"></i>, and eBPF \
            <i class="key ebpf"></i> for the whole node.</figcaption>
            \(raw: chart.html)</figure>

            """
    }
}
