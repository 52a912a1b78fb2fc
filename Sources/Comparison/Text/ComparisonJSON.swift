// SPDX-License-Identifier: Apache-2.0

package import Rendering

extension Comparison {
    /// One object with all of it, in one line or indented.
    package func json() -> JSONDocument {
        .object([
            ("schema", .number(1)),
            (
                "node",
                .object([
                    ("name", .string(node.name)), ("kernel", .string(node.kernel)),
                    ("cpus", .number(UInt64(node.processors))), ("memory", .number(node.memory)),
                    ("started", .string(timestampText(node.started))), ("window", .decimal(Double(node.window) / 1e9)),
                ])
            ),
            ("figures", figuresJSON(ComparisonField.allCases.map { ($0, value(of: $0)) })),
            ("rows", .array(rows.map(\.json))),
            ("workloads", .array(workloads.map(\.json))),
            ("unseen", .array(unseen.map(\.json))),
            ("ebpf", ebpf.json),
            ("lab", lab?.json),
        ])
    }

    /// Those that could be measured.
    private func figuresJSON(_ figures: [(ComparisonField, Double?)]) -> JSONDocument {
        .object(figures.map { field, value in (field.name, value.map { Figure(field, $0).json }) })
    }
}

extension Figure {
    /// Counts and bytes are whole numbers.
    var json: JSONDocument {
        let isWhole = [.count, .bytes].contains(field.unit) && value >= 0 && value < 1e18
        return isWhole ? .number(UInt64(value)) : .decimal(value)
    }
}

extension Evidence {
    var json: JSONDocument { .object([("source", .string(source)), ("fact", .string(fact))]) }
}

extension ComparisonRow {
    var json: JSONDocument {
        .object([("subject", .string(subject.rawValue)), ("sidecar", sidecar.json), ("ebpf", ebpf.json)])
    }
}

extension ComparisonCell {
    var json: JSONDocument {
        .object([
            ("figures", .object(figures.map { ($0.field.name, $0.json) })),
            ("text", .array(lines.map { .string($0) })), ("limits", .array(limits.map { .string($0) })),
            ("not_measurable", notMeasurable.map { .string($0) }), ("evidence", .array(evidence.map(\.json))),
        ])
    }
}

extension ComparedWorkload {
    var json: JSONDocument {
        .object([
            ("kind", .string(kind.rawValue)), ("name", .string(name)), ("namespace", namespace.map { .string($0) }),
            ("pod_uid", podUID.map { .string($0) }), ("containers", .array(containers.map { .string($0) })),
            ("network_namespaces", .array(networkNamespaces.map { .number($0) })),
            ("host_network", .bool(isOnHostNetwork)), ("processes", .number(UInt64(processes))),
            ("sidecars", .array(sidecars.map(\.json))), ("activity", activity.json),
            ("ways_round", .array(ways.map(\.json))), ("probe", probe?.json),
            ("evidence", .array(evidence.map(\.json))),
        ])
    }
}

extension WorkloadProbe {
    var json: JSONDocument {
        func latency(_ values: [UInt64]) -> JSONDocument? {
            values.isEmpty
                ? nil
                : .object([
                    ("requests", .number(UInt64(values.count))),
                    ("p50_ns", Comparison.percentile(0.5, of: values).map { .number($0) }),
                    ("p99_ns", Comparison.percentile(0.99, of: values).map { .number($0) }),
                ])
        }
        return .object([
            ("ordinary", .string(ordinary)), ("ordinary_ipv6", ordinaryByIPv6.map { .string($0) }),
            ("through_proxy", latency(proxied)), ("direct", latency(direct)),
            ("latency_not_measurable", unmeasured.map { .string($0) }),
        ])
    }
}

extension WayTrial {
    var json: JSONDocument { .object([("verdict", .string(verdict)), ("text", .string(text))]) }
}

extension Activity {
    var json: JSONDocument {
        .object(
            Kind.allCases.map { kind in
                let count = self[kind]
                return (
                    kind.rawValue, .object([("total", .number(count.total)), ("passed", .number(count.passed))])
                )
            })
    }
}

extension WayRound {
    var json: JSONDocument {
        .object([
            ("kind", .string(kind.rawValue)), ("text", .string(text)), ("trial", trial?.json),
            ("trial_ipv6", trialByIPv6?.json),
            ("evidence", .array(evidence.map(\.json))),
        ])
    }
}

extension UnseenActivity {
    var json: JSONDocument {
        .object([
            ("workload", .string(workload)), ("process", .string(process)), ("kind", .string(kind.rawValue)),
            ("destination", destination.map { .string($0) }), ("reason", .string(reason)), ("count", .number(count)),
        ])
    }
}

extension Sidecar {
    var json: JSONDocument {
        .object([
            ("product", .string(product.rawValue)), ("process", .string(process)), ("pid", .number(UInt64(pid))),
            ("container", container.map { .string($0) }), ("user", .number(UInt64(user))),
            ("pids", .array(pids.map { .number(UInt64($0)) })), ("threads", .number(UInt64(threads))),
            ("listens", .array(listens.map { .number(UInt64($0)) })), ("use", use.json), ("life", life.json),
            ("evidence", .array(evidence.map(\.json))),
        ])
    }
}

extension ResourceUse {
    var json: JSONDocument {
        func number(_ value: UInt64?) -> JSONDocument? { value.map { .number($0) } }
        return .object([
            ("cpu_ns", number(cpu)), ("span_ns", .number(span)), ("memory", number(memory)),
            ("peak_memory", number(peakMemory)), ("throttled_periods", number(throttledPeriods)),
            ("throttled_ns", number(throttled)), ("limit_cpu_m", number(limitCPU)),
            ("limit_memory", number(limitMemory)), ("request_cpu_m", number(requestCPU?.lowerBound)),
            ("request_cpu_most_m", number(requestCPU?.upperBound)), ("request_memory", number(requestMemory)),
            ("not_measurable", .array(unmeasured.map { .string($0.rawValue) })),
            ("evidence", .array(evidence.map(\.json))),
        ])
    }
}

extension SidecarLife {
    var json: JSONDocument {
        .object([
            ("restarts", .number(restarts)), ("oom_kills", oomKills.map { .number($0) }),
            ("oom_kills_before", oomKillsBefore.map { .number($0) }), ("absent_ns", .number(absent)),
            ("evidence", .array(evidence.map(\.json))),
        ])
    }
}

extension ObserverFacts {
    var json: JSONDocument {
        .object([
            ("seen", .number(seen)), ("lost", .object(lost.map { ($0.kind, .number($0.count)) })),
            ("missing", .array(missing.map { .string($0) })), ("hooks", .array(hooks.map { .string($0) })),
            ("runs", .number(runs)), ("run_time_ns", .number(nanoseconds)), ("measured_ns", .number(measured)),
            ("process_cpu_ns", .number(processCPU)), ("start_cpu_ns", .number(startCPU)),
            ("peak_memory", .number(peakMemory)),
        ])
    }
}
