// SPDX-License-Identifier: Apache-2.0

/// A figure of a comparison, as `--fail-on`, `--list-fields` and JSON name it.
package enum ComparisonField: String, CaseIterable, Sendable {
    case sidecarCoverage = "sidecar.coverage"
    case sidecarConnectionsCoverage = "sidecar.connections.coverage"
    case sidecarBytesCoverage = "sidecar.bytes.coverage"
    case sidecarEventsCoverage = "sidecar.events.coverage"
    case sidecarCount = "sidecar.count"
    case sidecarCPU = "sidecar.cpu"
    case sidecarMemory = "sidecar.memory"
    case sidecarThreads = "sidecar.threads"
    case sidecarThrottled = "sidecar.throttled"
    case sidecarRequestCPU = "sidecar.request.cpu"
    case sidecarRequestMemory = "sidecar.request.memory"
    case sidecarLimitCPU = "sidecar.limit.cpu"
    case sidecarLimitMemory = "sidecar.limit.memory"
    case sidecarLatencyMedian = "sidecar.latency.p50"
    case sidecarLatencyHigh = "sidecar.latency.p99"
    case directLatencyMedian = "direct.latency.p50"
    case directLatencyHigh = "direct.latency.p99"
    case sidecarRestarts = "sidecar.restarts"
    case sidecarOOMKills = "sidecar.oom_kills"
    case sidecarAbsent = "sidecar.absent"
    case workloadsTotal = "workloads.total"
    case workloadsWithoutSidecar = "workloads.without_sidecar"
    case bypassOpen = "bypass.open"
    case bypassWorkloads = "bypass.workloads"
    case bypassProved = "bypass.proved"
    case eventsSeen = "events.seen"
    case eventsLost = "events.lost"
    case probesMissing = "probes.missing"
    case ebpfCoverage = "ebpf.coverage"
    case ebpfCPU = "ebpf.cpu"
    case ebpfMemory = "ebpf.memory"
    case ebpfRunTime = "ebpf.run_time"

    package var name: String { rawValue }

    package enum Unit: String, Sendable {
        /// A share between 0 and 1.
        case share
        case count
        /// CPUs: 0.5 is half of one.
        case processors
        case bytes
        case seconds
        case nanoseconds
    }

    package var unit: Unit {
        switch self {
        case .sidecarCoverage, .sidecarConnectionsCoverage, .sidecarBytesCoverage, .sidecarEventsCoverage,
            .ebpfCoverage:
            .share
        case .sidecarCPU, .sidecarRequestCPU, .sidecarLimitCPU, .ebpfCPU: .processors
        case .sidecarMemory, .sidecarRequestMemory, .sidecarLimitMemory, .ebpfMemory: .bytes
        case .sidecarThrottled, .sidecarAbsent: .seconds
        case .ebpfRunTime, .sidecarLatencyMedian, .sidecarLatencyHigh, .directLatencyMedian, .directLatencyHigh:
            .nanoseconds
        case .sidecarCount, .sidecarThreads, .sidecarRestarts, .sidecarOOMKills, .workloadsTotal,
            .workloadsWithoutSidecar, .bypassOpen, .bypassWorkloads, .bypassProved, .eventsSeen, .eventsLost,
            .probesMissing:
            .count
        }
    }

    package var meaning: String {
        switch self {
        case .sidecarCoverage: "share of pods and bare containers that have a sidecar"
        case .sidecarConnectionsCoverage: "share of TCP connections whose other end was a sidecar's"
        case .sidecarBytesCoverage: "share of their bytes"
        case .sidecarEventsCoverage: "share of everything that was seen that passed a sidecar"
        case .sidecarCount: "sidecars on this node"
        case .sidecarCPU: "CPUs that all sidecars used"
        case .sidecarMemory: "bytes of memory of all sidecars"
        case .sidecarThreads: "threads of all sidecars"
        case .sidecarThrottled: "seconds for which limits of CPU stopped sidecars"
        case .sidecarRequestCPU: "CPUs that were requested for sidecars, of those where that is known"
        case .sidecarRequestMemory: "bytes of memory that were requested for them"
        case .sidecarLimitCPU: "CPUs that sidecars may use, of those that have a limit"
        case .sidecarLimitMemory: "bytes of memory that they may use"
        case .sidecarLatencyMedian: "nanoseconds of half of the requests through a sidecar, with --probe"
        case .sidecarLatencyHigh: "nanoseconds of 99 % of them"
        case .directLatencyMedian: "nanoseconds of half of the requests past it, with --probe"
        case .directLatencyHigh: "nanoseconds of 99 % of them"
        case .sidecarRestarts: "sidecars that were started again in the window"
        case .sidecarOOMKills: "kills of sidecars for want of memory in the window"
        case .sidecarAbsent: "seconds without a sidecar that its pod had, of all pods"
        case .workloadsTotal: "pods and bare containers"
        case .workloadsWithoutSidecar: "those of them without a sidecar"
        case .bypassOpen: "ways round a sidecar that are open, of all workloads"
        case .bypassWorkloads: "workloads with such a way"
        case .bypassProved: "ways that a try of --probe got through"
        case .eventsSeen: "events that were seen by eBPF"
        case .eventsLost: "events that were lost"
        case .probesMissing: "probes that this host does not allow"
        case .ebpfCoverage: "share of the events that were not lost"
        case .ebpfCPU: "CPUs that the programs and this process used"
        case .ebpfMemory: "bytes of memory of this process, at most"
        case .ebpfRunTime: "nanoseconds of one run of a program, on average"
        }
    }
}

extension Comparison {
    /// The value of a figure; `nil` where there is nothing to measure.
    package func value(of field: ComparisonField) -> Double? {
        let guests = guests
        let sidecars = sidecars
        func sum(_ value: (Sidecar) -> UInt64?) -> Double? {
            let values = sidecars.compactMap(value)
            return values.isEmpty ? nil : Double(values.reduce(0, &+))
        }
        func count(_ number: Int) -> Double { Double(number) }
        return switch field {
        case .sidecarCoverage:
            guests.isEmpty ? nil : Double(guests.count(where: \.hasSidecar)) / Double(guests.count)
        case .sidecarConnectionsCoverage: activity.allConnections.share
        case .sidecarBytesCoverage: activity.bytes.share
        case .sidecarEventsCoverage: activity.events.share
        case .sidecarCount: count(sidecars.count)
        case .sidecarCPU:
            sidecars.reduce(nil as Double?) { sum, sidecar in
                guard let cpu = sidecar.use.cpu, sidecar.use.span > 0 else { return sum }
                return (sum ?? 0) + Double(cpu) / Double(sidecar.use.span)
            }
        case .sidecarMemory: sum(\.use.memory)
        case .sidecarThreads: sidecars.isEmpty ? nil : count(sidecars.reduce(0) { $0 + $1.threads })
        case .sidecarThrottled: sum(\.use.throttled).map { $0 / 1e9 }
        case .sidecarRequestCPU: sum(\.use.requestCPU?.lowerBound).map { $0 / 1000 }
        case .sidecarRequestMemory: sum(\.use.requestMemory)
        case .sidecarLimitCPU: sum(\.use.limitCPU).map { $0 / 1000 }
        case .sidecarLimitMemory: sum(\.use.limitMemory)
        case .sidecarLatencyMedian: latency(\.proxied, 0.5)
        case .sidecarLatencyHigh: latency(\.proxied, 0.99)
        case .directLatencyMedian: latency(\.direct, 0.5)
        case .directLatencyHigh: latency(\.direct, 0.99)
        case .sidecarRestarts: sum(\.life.restarts)
        case .sidecarOOMKills: sum(\.life.oomKills)
        case .sidecarAbsent: sum(\.life.absent).map { $0 / 1e9 }
        case .workloadsTotal: count(guests.count)
        case .workloadsWithoutSidecar: count(guests.count { !$0.hasSidecar })
        case .bypassOpen: count(guests.reduce(0) { $0 + $1.ways.count })
        case .bypassWorkloads: count(guests.count { !$0.ways.isEmpty })
        case .bypassProved:
            isProbed ? count(guests.reduce(0) { $0 + $1.ways.count(where: \.isProved) }) : nil
        case .eventsSeen: Double(ebpf.seen)
        case .eventsLost: Double(ebpf.lostTotal)
        case .probesMissing: count(ebpf.missing.count)
        case .ebpfCoverage:
            ebpf.seen &+ ebpf.lostTotal == 0 ? nil : Double(ebpf.seen) / Double(ebpf.seen &+ ebpf.lostTotal)
        case .ebpfCPU: ebpf.processorShare(window: node.window)
        case .ebpfMemory: Double(ebpf.peakMemory)
        case .ebpfRunTime: ebpf.runs == 0 ? nil : Double(ebpf.nanoseconds) / Double(ebpf.runs)
        }
    }

    /// Of the requests of all workloads together.
    private func latency(_ requests: (WorkloadProbe) -> [UInt64], _ part: Double) -> Double? {
        Self.percentile(part, of: guests.flatMap { $0.probe.map(requests) ?? [] }.sorted()).map { Double($0) }
    }

    /// Whether ways round were tried.
    package var isProbed: Bool { guests.contains { $0.ways.contains(where: \.isTried) } }

    /// Of all workloads.
    package var activity: Activity { workloads.reduce(into: Activity()) { $0.add($1.activity) } }
}
