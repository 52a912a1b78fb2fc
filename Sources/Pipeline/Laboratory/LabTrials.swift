// SPDX-License-Identifier: Apache-2.0

internal import Comparison
internal import Laboratory

/// What was done in the scene by the count of who did it, beside what sidecars and eBPF saw of it.
struct LabTrials {
    private let comparison: Comparison
    private let pods: [(deeds: LabDeeds, seen: Activity)]
    private let bare: (deeds: LabDeeds, seen: Activity)

    /// `comparison` is of the laboratory's own workloads.
    init(_ comparison: Comparison, _ laboratory: Laboratory) {
        self.comparison = comparison
        pods = (0..<laboratory.size).map { index in
            let workload = comparison.pods.first { $0.podUID == laboratory.podUID(index) }
            return (laboratory.deeds(index), workload?.activity ?? Activity())
        }
        bare = (laboratory.deeds(laboratory.size), comparison.containers.first?.activity ?? Activity())
    }

    /// Whether a workload is one of a laboratory: other containers may be on the host.
    static func isOurs(_ workload: ComparedWorkload) -> Bool {
        switch workload.kind {
        case .pod: workload.podUID?.hasPrefix(Laboratory.podUIDPrefix) == true
        case .container: workload.name == Laboratory.bareName
        case .host: false
        }
    }

    var trials: [LabFigures.Trial] {
        [
            trial("programs", .executions, \.programs, "the pod's wait(2)"),
            trial("files", .opens, \.files, "the pod's open(2)"),
            trial("TCP connections", .connections, \.tcpConnections, rules),
            trial("UDP flows", .datagrams, { $0.datagrams + $0.questions }, "answers to the pod"),
            trial("DNS questions", .questions, \.questions, "answers to the pod"),
            bareTrial("programs", .executions, \.programs, "its wait(2)"),
            bareTrial("files", .opens, \.files, "its open(2)"),
            bareTrial("TCP connections", .connections, \.tcpConnections, pool),
            bareTrial("UDP flows", .datagrams, { $0.datagrams + $0.questions }, "answers to it"),
            bareTrial("DNS questions", .questions, \.questions, "answers to it"),
            bypass, kill,
        ]
    }

    private func trial(
        _ what: String, _ kind: Activity.Kind, _ done: (LabDeeds) -> UInt64, _ source: String
    ) -> LabFigures.Trial {
        trial("\(pods.count) pods: \(what)", pods, kind, done, source)
    }

    private func bareTrial(
        _ what: String, _ kind: Activity.Kind, _ done: (LabDeeds) -> UInt64, _ source: String
    ) -> LabFigures.Trial {
        trial("bare miner: \(what)", [bare], kind, done, source)
    }

    private func trial(
        _ subject: String, _ places: [(deeds: LabDeeds, seen: Activity)], _ kind: Activity.Kind,
        _ done: (LabDeeds) -> UInt64, _ source: String
    ) -> LabFigures.Trial {
        func sum(_ value: ((deeds: LabDeeds, seen: Activity)) -> UInt64) -> UInt64 {
            places.reduce(0) { $0 + value($1) }
        }
        let count = sum { done($0.deeds) }
        return LabFigures.Trial(
            subject, done: count, seenBySidecar: sum { $0.seen[kind].passed }, seenByEBPF: sum { $0.seen[kind].total },
            evidence: [Evidence(source, "\(count)")])
    }

    private var rules: String {
        let led = pods.reduce(0) { $0 + $1.deeds.redirectedOut }
        return "connect(2); since they were set the rules' counters led \(led) to the proxies"
    }

    private var pool: String { "connect(2); the pool accepted \(bare.deeds.poolConnections)" }

    private var bypass: LabFigures.Trial {
        let deeds = pods[0].deeds
        let seen = comparison.unseen.filter {
            $0.process == Laboratory.bypassName && $0.kind == .connections && $0.workload.hasSuffix("pod-1")
        }
        return LabFigures.Trial(
            "as the proxy's user: TCP connections", done: deeds.bypasses, seenBySidecar: 0,
            seenByEBPF: seen.reduce(0) { $0 + $1.count },
            evidence: [Evidence("the service outside", "accepted \(deeds.visitsOutside) from that pod")])
    }

    private var kill: LabFigures.Trial {
        let deeds = pods[pods.count - 1].deeds
        let absent = comparison.sidecars.filter { $0.life.absent > 0 }
        return LabFigures.Trial(
            "a proxy is killed", done: deeds.killed == nil ? 0 : 1, seenBySidecar: 0, seenByEBPF: UInt64(absent.count),
            evidence: [
                Evidence(
                    "its pod's client",
                    "\(deeds.failuresAfter) of \(deeds.failuresAfter + deeds.requestsAfter) requests failed after it")
            ])
    }
}

extension LabDeeds {
    /// All that succeeded: of the load, to the service outside, round the proxy.
    fileprivate var tcpConnections: UInt64 { connections + visits + bypasses }
}
