// SPDX-License-Identifier: Apache-2.0

internal import Comparison
internal import Laboratory
internal import Rendering

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
        trials(of: pods, counted(pods.count, "pod")) + trials(of: [bare], "bare miner") + [bypass, kill]
    }

    private typealias Place = (deeds: LabDeeds, seen: Activity)

    private func trials(of places: [Place], _ who: String) -> [LabFigures.Trial] {
        func sum(_ value: (LabDeeds) -> UInt64) -> UInt64 { places.reduce(0) { $0 + value($1.deeds) } }
        func trial(
            _ what: String, _ kind: Activity.Kind, _ done: (LabDeeds) -> UInt64, _ source: String, _ fact: String
        ) -> LabFigures.Trial {
            LabFigures.Trial(
                "\(who): \(what)", done: sum(done), seenBySidecar: places.reduce(0) { $0 + $1.seen[kind].passed },
                seenByEBPF: places.reduce(0) { $0 + $1.seen[kind].total }, evidence: [Evidence(source, fact)])
        }
        let led = sum(\.redirectedOut)
        let outside = "the service outside accepted \(sum { $0.visitsOutside + $0.poolConnections })"
        let connections = led == 0 ? outside : "\(outside), rules led \(led) out since they were set"
        let datagrams = sum { $0.datagramsOutside + $0.questionsOutside }
        return [
            trial("programs", .executions, \.programs, "wait(2)", "\(sum(\.programs)) ended with 0"),
            trial("files", .opens, \.files, "open(2)", "\(sum(\.files)) opened"),
            trial("TCP connections", .connections, \.tcpConnections, "connect(2)", connections),
            trial(
                "UDP flows", .datagrams, { $0.datagrams + $0.questions }, "the service outside", "received \(datagrams)"
            ),
            trial(
                "DNS questions", .questions, \.questions, "the name server", "received \(sum(\.questionsOutside))"),
        ]
    }

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
                    "\(deeds.failuresAfter) of \(counted(deeds.failuresAfter + deeds.requestsAfter, "request")) failed after it"
                )
            ])
    }
}

extension LabDeeds {
    /// All that succeeded: of the load, to the service outside, round the proxy.
    fileprivate var tcpConnections: UInt64 { connections + visits + bypasses }
}
