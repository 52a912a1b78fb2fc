// SPDX-License-Identifier: Apache-2.0

internal import Rendering

/// A table of what a laboratory has measured: names on the left, figures on the right.
struct LabTable {
    let columns: [String]
    let rows: [[String]]
    /// What follows from it, in a sentence each.
    var notes: [String] = []
}

extension LabFigures.Path {
    /// As people say it.
    package var title: String {
        switch self {
        case .direct: "direct"
        case .sidecar: "through two sidecars"
        case .ebpf: "direct, eBPF on"
        }
    }
}

extension LabFigures {
    var tables: [LabTable] { [requests, cost, deeds].filter { !$0.rows.isEmpty } }

    private var requests: LabTable {
        var table = LabTable(
            columns: ["requests", "p50", "p90", "p99", "answered", "failed", "most in a second"],
            rows: loads.map { load in
                func latency(_ part: Double) -> String { load.percentile(part).map(durationText) ?? "-" }
                return [
                    load.path.title, latency(0.5), latency(0.9), latency(0.99), grouped(load.requests),
                    grouped(load.failures), load.mostTime == 0 ? "-" : grouped(UInt64(load.requestsPerSecond)),
                ]
            })
        for load in loads where load.lost > 0 {
            table.notes.append("\(load.path.title): \(counted(load.lost, "event was", "events were")) lost")
        }
        return table
    }

    private var cost: LabTable {
        func cpu(_ value: Double) -> String { decimalText(value / 1e6, 2) + " m" }
        func memory(_ value: Double) -> String { byteText(UInt64(max(0, value))) }
        var table = LabTable(
            columns: ["cost of pods", "sidecars' CPU", "memory", "eBPF's CPU", "memory"],
            rows: scale.map { point in
                [
                    "\(point.pods)", cpu(point.sidecarCPU), memory(point.sidecarMemory), cpu(point.ebpfCPU),
                    memory(point.ebpfMemory),
                ]
            })
        func signed(_ value: Double, _ text: (Double) -> String) -> String { (value < 0 ? "-" : "") + text(abs(value)) }
        for (name, cpuOf, memoryOf) in [
            ("sidecars", \Scale.sidecarCPU, \Scale.sidecarMemory), ("eBPF", \Scale.ebpfCPU, \Scale.ebpfMemory),
        ] {
            guard let processor = slope({ $0[keyPath: cpuOf] }), let bytes = slope({ $0[keyPath: memoryOf] }) else {
                continue
            }
            table.notes.append(
                "each pod more, \(name): \(signed(processor, cpu)) CPU, \(signed(bytes, memory)) of memory")
        }
        return table
    }

    private var deeds: LabTable {
        LabTable(
            columns: ["done on purpose", "done", "sidecar saw", "eBPF saw"],
            rows: trials.map { [$0.subject, grouped($0.done), grouped($0.seenBySidecar), grouped($0.seenByEBPF)] })
    }

    /// What it was made of.
    var sentence: String { "laboratory with \(proxy); each pod sends \(pace) requests a second to the next one" }
}

extension LabFigures {
    var json: JSONDocument {
        .object([
            ("proxy", .string(proxy)), ("requests_per_second", .number(pace)),
            ("loads", .array(loads.map(\.json))), ("scale", .array(scale.map(\.json))),
            (
                "slope",
                .object([
                    ("sidecar_cpu", slope(\.sidecarCPU).map { .decimal($0 / 1e9) }),
                    ("sidecar_memory", slope(\.sidecarMemory).map { .decimal($0) }),
                    ("ebpf_cpu", slope(\.ebpfCPU).map { .decimal($0 / 1e9) }),
                    ("ebpf_memory", slope(\.ebpfMemory).map { .decimal($0) }),
                ])
            ),
            ("trials", .array(trials.map(\.json))),
        ])
    }
}

extension LabFigures.Load {
    var json: JSONDocument {
        .object([
            ("path", .string(path.rawValue)), ("requests", .number(requests)), ("failures", .number(failures)),
            ("connections", .number(connections)), ("served_connections", .number(servedConnections)),
            ("served_requests", .number(servedRequests)), ("time_ns", .number(time)),
            ("p50_ns", percentile(0.5).map { .number($0) }), ("p90_ns", percentile(0.9).map { .number($0) }),
            ("p99_ns", percentile(0.99).map { .number($0) }),
            ("lost", .number(lost)), ("most_per_second", mostTime == 0 ? nil : .decimal(requestsPerSecond)),
        ])
    }
}

extension LabFigures.Scale {
    var json: JSONDocument {
        .object([
            ("pods", .number(UInt64(pods))), ("sidecar_cpu", .decimal(sidecarCPU / 1e9)),
            ("sidecar_memory", .decimal(sidecarMemory)), ("ebpf_cpu", .decimal(ebpfCPU / 1e9)),
            ("ebpf_memory", .decimal(ebpfMemory)),
        ])
    }
}

extension LabFigures.Trial {
    var json: JSONDocument {
        .object([
            ("subject", .string(subject)), ("done", .number(done)), ("seen_by_sidecar", .number(seenBySidecar)),
            ("seen_by_ebpf", .number(seenByEBPF)), ("evidence", .array(evidence.map(\.json))),
        ])
    }
}
