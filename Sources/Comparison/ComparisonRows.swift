// SPDX-License-Identifier: Apache-2.0

internal import Rendering

/// The four rows, from the facts alone.
extension Comparison {
    private static let none = "no sidecar on this node"

    private func figures(_ fields: [ComparisonField]) -> [Figure] {
        fields.compactMap { field in value(of: field).map { Figure(field, $0) } }
    }

    // MARK: Visibility

    var visibilityRow: ComparisonRow {
        ComparisonRow(.visibility, sidecar: visibleToSidecars, ebpf: visibleToUs)
    }

    private var visibleToSidecars: ComparisonCell {
        guard !sidecars.isEmpty else { return without(Self.none, [.sidecarCoverage, .sidecarEventsCoverage]) }
        var cell = ComparisonCell()
        cell.figures = figures([
            .sidecarCoverage, .sidecarConnectionsCoverage, .sidecarBytesCoverage, .sidecarEventsCoverage,
        ])
        let activity = activity
        let covered = guests.count(where: \.hasSidecar)
        cell.lines.append("\(covered) of \(guestsText) \(have) one")
        cell.lines.append(Self.part(activity.allConnections, "TCP connection"))
        cell.lines.append(Self.part(activity.bytes, "byte", text: byteText))
        cell.lines.append(Self.part(activity.events, "event of all kinds", "events of all kinds"))
        cell.limits = ["no programs and no files, no UDP but what rules lead there, no raw packets"]
        cell.evidence = guests.flatMap(\.evidence)
        return cell
    }

    private var visibleToUs: ComparisonCell {
        var cell = ComparisonCell()
        cell.figures = figures([.ebpfCoverage, .eventsSeen])
        let activity = activity
        let bytes = activity.bytes.total
        cell.lines.append(guests.isEmpty ? "the host" : "\(guests.count == 1 ? "" : "all ")\(guestsText), and the host")
        cell.lines.append(
            "\(counted(activity.allConnections.total, "connection")), \(byteText(bytes)) \(bytes == 1 ? "byte" : "bytes")"
        )
        cell.lines.append(
            counted(activity[.executions].total, "program") + ", " + counted(activity[.opens].total, "opened file")
                + ", \(grouped(activity[.changes].total)) changed")
        cell.lines.append(
            counted(activity[.datagrams].total, "UDP flow") + ", "
                + counted(activity[.questions].total, "DNS question"))
        cell.limits = ["not what is inside TLS, and no requests: a proxy that ends TLS sees both"]
        cell.evidence = ebpf.hooks.map { Evidence("eBPF", $0) }
        return cell
    }

    // MARK: Bypassability

    var bypassabilityRow: ComparisonRow {
        var sidecar = ComparisonCell()
        let open = guests.filter { !$0.ways.isEmpty }
        if guests.isEmpty {
            sidecar = without("no pods and no containers", [])
        } else if sidecars.isEmpty {
            sidecar = without(Self.none, [.bypassOpen, .bypassWorkloads])
        } else {
            sidecar.figures = figures([.bypassOpen, .bypassWorkloads, .bypassProved])
            sidecar.lines.append("\(open.count) of \(guests.count) \(have) a way round open")
            if let proved = value(of: .bypassProved) {
                let ways = guests.reduce(0) { $0 + $1.ways.count }
                sidecar.lines.append("\(Int(proved)) of \(counted(ways, "way")) proved by a try")
            }
            for kind in WayRound.Kind.allCases {
                let count = guests.count { $0.ways.contains { $0.kind == kind } }
                if count > 0 { sidecar.lines.append("\(kind.title): \(count)") }
            }
            sidecar.evidence = guests.flatMap { $0.ways.flatMap(\.evidence) + Self.trials(of: $0) }
        }
        var ebpf = ComparisonCell()
        ebpf.lines.append("seen whatever the user, port, protocol or network")
        if !self.ebpf.missing.isEmpty {
            ebpf.lines.append("\(counted(self.ebpf.missing.count, "probe")) missing here")
        }
        let administrators = guests.filter { $0.ways.contains { $0.kind == .privileged } }
        ebpf.limits = ["a privileged container can end this process or detach its programs"]
        if !administrators.isEmpty { ebpf.lines.append("\(administrators.count) privileged here could end it") }
        ebpf.figures = figures([.probesMissing])
        ebpf.evidence = administrators.flatMap { $0.ways.filter { $0.kind == .privileged }.flatMap(\.evidence) }
        return ComparisonRow(.bypassability, sidecar: sidecar, ebpf: ebpf)
    }

    // MARK: Performance

    var performanceRow: ComparisonRow {
        var sidecar = ComparisonCell()
        if sidecars.isEmpty {
            sidecar = without(Self.none, [])
        } else {
            sidecar.figures = figures([
                .sidecarCPU, .sidecarMemory, .sidecarThreads, .sidecarThrottled, .sidecarRequestCPU,
                .sidecarRequestMemory,
                .sidecarLimitCPU, .sidecarLimitMemory, .sidecarLatencyMedian, .sidecarLatencyHigh, .directLatencyMedian,
                .directLatencyHigh,
            ])
            let count = Double(sidecars.count)
            if let cpu = value(of: .sidecarCPU) {
                sidecar.lines.append("\(Self.processors(cpu)), \(Self.processors(cpu / count)) each")
            }
            if let memory = value(of: .sidecarMemory) {
                sidecar.lines.append("\(byteText(UInt64(memory))), \(byteText(UInt64(memory / count))) each")
            }
            let threads = sidecars.reduce(0) { $0 + $1.threads }
            sidecar.lines.append("\(counted(threads, "thread")) of \(counted(sidecars.count, "sidecar"))")
            if let throttled = value(of: .sidecarThrottled), throttled > 0 {
                sidecar.lines.append("stopped by its CPU limit for \(durationText(UInt64(throttled * 1e9)))")
            }
            sidecar.lines.append(
                bounds("requests", \.requestCPU?.lowerBound, \.requestMemory, .requestCPU, .requestMemory))
            sidecar.lines.append(bounds("limits", \.limitCPU, \.limitMemory, .limitCPU, .limitMemory))
            sidecar.evidence = sidecars.flatMap(\.use.evidence)
            if isProbed {
                sidecar.lines += latencyLines
                sidecar.evidence += guests.compactMap(Self.latencyEvidence)
            }
        }
        sidecar.limits = ["each request passes a proxy twice: once on either side"]
        var ours = ComparisonCell()
        ours.figures = figures([.ebpfCPU, .ebpfMemory, .ebpfRunTime])
        if let cpu = value(of: .ebpfCPU) { ours.lines.append("\(Self.processors(cpu)) for the whole node") }
        ours.lines.append("\(byteText(ebpf.peakMemory)) at most")
        if let time = value(of: .ebpfRunTime) {
            ours.lines.append("\(counted(ebpf.runs, "run")) of programs, \(durationText(UInt64(time))) each")
        } else {
            ours.lines.append("the programs' time was not measured")
        }
        ours.evidence = [
            Evidence("BPF statistics", "run_cnt \(ebpf.runs), run_time_ns \(ebpf.nanoseconds) in \(ebpf.measured) ns"),
            Evidence("getrusage(2)", "\(ebpf.processCPU) ns in the window, \(ebpf.startCPU) ns before it"),
            Evidence("/proc/self/status", "VmHWM \(ebpf.peakMemory / 1024) kB"),
        ]
        ours.limits = ["no retries, no load balancing, no mutual TLS: it only watches"]
        return ComparisonRow(.performance, sidecar: sidecar, ebpf: ours)
    }

    // MARK: Reliability

    var reliabilityRow: ComparisonRow {
        var sidecar = ComparisonCell()
        if sidecars.isEmpty {
            sidecar = without(Self.none, [])
        } else {
            sidecar.figures = figures([.sidecarRestarts, .sidecarOOMKills, .sidecarAbsent])
            let restarts = sidecars.reduce(0) { $0 + Int($1.life.restarts) }
            sidecar.lines.append("\(counted(restarts, "restart")) in the window")
            if let kills = value(of: .sidecarOOMKills) {
                sidecar.lines.append("\(Int(kills)) killed for want of memory")
            }
            let absent = sidecars.reduce(UInt64(0)) { $0 &+ $1.life.absent }
            sidecar.lines.append(
                absent == 0 ? "never absent while its pod ran" : "absent for \(durationText(absent)) while its pod ran")
            sidecar.evidence = sidecars.flatMap(\.life.evidence)
        }
        sidecar.limits = ["when it is down, its pod has no network"]
        var ours = ComparisonCell()
        ours.figures = figures([.eventsLost, .probesMissing])
        ours.lines.append("\(grouped(ebpf.lostTotal)) of \(counted(ebpf.seen, "event")) lost")
        ours.lines.append(
            ebpf.missing.isEmpty ? "no probe is missing" : "\(counted(ebpf.missing.count, "probe")) missing")
        ours.evidence =
            [Evidence("kernel counters", "\(ebpf.lostTotal) lost")]
            + ebpf.lost.map { Evidence("kernel counters", "\($0.kind): \($0.count) lost") }
            + ebpf.missing.map { Evidence("missing", $0) }
        ours.limits = ["when it is down, nothing is seen, and traffic goes on"]
        return ComparisonRow(.reliability, sidecar: sidecar, ebpf: ours)
    }

    // MARK: Parts

    /// "requests: 0.3 CPU of 3, memory not measurable here".
    private func bounds(
        _ name: String, _ cpu: (ResourceUse) -> UInt64?, _ memory: (ResourceUse) -> UInt64?,
        _ cpuBound: ResourceUse.Bound, _ memoryBound: ResourceUse.Bound
    ) -> String {
        func part(_ value: (ResourceUse) -> UInt64?, _ bound: ResourceUse.Bound, _ text: (UInt64) -> String) -> String {
            let known = sidecars.filter { !$0.use.unmeasured.contains(bound) }
            guard !known.isEmpty else { return "not measurable here" }
            let values = known.compactMap { value($0.use) }
            guard !values.isEmpty else { return "none" }
            let sum = text(values.reduce(0, &+))
            return values.count == sidecars.count ? sum : "\(sum) of \(values.count)"
        }
        let processors = part(cpu, cpuBound) { "\(grouped($0)) m" }
        let bytes = part(memory, memoryBound) { byteText($0) }
        return "\(name): CPU \(processors), memory \(bytes)"
    }

    /// What tries of ways round brought, of one workload.
    private static func trials(of workload: ComparedWorkload) -> [Evidence] {
        let tries = workload.ways.flatMap { way in way.tries.map { "\(way.kind.title): \($0)" } }
        let ordinary = [workload.probe?.ordinary, workload.probe?.ordinaryByIPv6.map { "by IPv6: \($0)" }]
        return (tries + ordinary.compactMap { $0.map { "as any application: \($0)" } }).map {
            Evidence("--probe, \(workload.name)", $0)
        }
    }

    private var latencyLines: [String] {
        guard let median = value(of: .sidecarLatencyMedian), let high = value(of: .sidecarLatencyHigh),
            let directMedian = value(of: .directLatencyMedian), let directHigh = value(of: .directLatencyHigh)
        else {
            let reasons = guests.filter(\.hasSidecar).compactMap { $0.probe?.unmeasured }
            return ["latency not measurable here: \(reasons.first ?? "nothing could be tried")"]
        }
        func time(_ value: Double) -> String { durationText(UInt64(value)) }
        return [
            "a request through it: p50 \(time(median)), p99 \(time(high))",
            "past it: p50 \(time(directMedian)), p99 \(time(directHigh))",
        ]
    }

    private static func latencyEvidence(_ workload: ComparedWorkload) -> Evidence? {
        guard workload.hasSidecar, let probe = workload.probe else { return nil }
        return Evidence(
            "--probe, \(workload.name)",
            probe.unmeasured.map { "latency not measurable here: \($0)" }
                ?? "\(counted(probe.proxied.count, "request")) through the proxy, \(probe.direct.count) past it, in turns"
        )
    }

    private func without(_ reason: String, _ fields: [ComparisonField]) -> ComparisonCell {
        var cell = ComparisonCell(notMeasurable: reason)
        cell.figures = figures(fields)
        return cell
    }

    /// "3 pods", or "3 pods and containers" where there are both.
    private var guestsText: String {
        if containers.isEmpty { return counted(pods.count, "pod") }
        if pods.isEmpty { return counted(containers.count, "container") }
        return "\(guests.count) pods and containers"
    }

    /// What goes with that.
    private var have: String { guests.count == 1 ? "has" : "have" }

    private static func part(
        _ count: Activity.Count, _ noun: String, _ plural: String? = nil, text: (UInt64) -> String = grouped
    ) -> String {
        let share = count.share.map { " (\(percentText($0)))" } ?? ""
        return "\(text(count.passed)) of \(text(count.total)) \(count.total == 1 ? noun : plural ?? noun + "s")\(share)"
    }

    static func processors(_ value: Double) -> String {
        let text = value < 0.01 ? decimalText(value * 1000, 2) + " m " : decimalText(value, 3) + " "
        return text + "CPU"
    }
}

extension WayRound.Kind {
    /// As people say it.
    package var title: String {
        switch self {
        case .noSidecar: "no sidecar"
        case .hostNetwork: "host network"
        case .rulesMissing: "no redirect rules"
        case .excludedPorts: "ports left out"
        case .excludedRanges: "addresses left out"
        case .proxyUser: "the proxy's user"
        case .datagrams: "UDP"
        case .rawSockets: "raw packets"
        case .networkAdministrator: "may change the rules"
        case .privileged: "privileged"
        case .startedBefore: "began before the proxy"
        }
    }
}

/// "12.5 %"; never "100 %" of what is not whole, nor "0 %" of what is not nothing.
package func percentText(_ share: Double) -> String {
    let percent = share * 100
    if percent > 0, percent < 0.1 { return "<0.1 %" }
    if percent < 100, percent > 99.9 { return ">99.9 %" }
    return decimalText(percent, percent == percent.rounded() ? 0 : 1) + " %"
}

/// With so many digits behind the point.
package func decimalText(_ value: Double, _ digits: Int) -> String {
    var scale: UInt64 = 1
    for _ in 0..<digits { scale *= 10 }
    guard value.isFinite, value >= 0, value < 1e15 else { return "\(value)" }
    let scaled = UInt64((value * Double(scale)).rounded())
    if digits == 0 { return grouped(scaled) }
    let fraction = String(scaled % scale)
    return "\(grouped(scaled / scale)).\(String(repeating: "0", count: digits - fraction.utf8.count))\(fraction)"
}
