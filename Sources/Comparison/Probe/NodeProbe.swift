// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension NodeSurvey {
    /// Nothing is begun after so long.
    private static let limit: UInt64 = 20_000_000_000

    /// Tries the ways round of all pods and containers, one after the other. A signal that would end the run ends it too.
    package mutating func tryWays(now: () -> UInt64) {
        let deadline = now() + Self.limit
        for key in workloads.keys.sorted(by: { workloads[$0]!.name < workloads[$1]!.name }) where key != .host {
            guard var workload = workloads[key], let sender = senders[key] else { continue }
            Self.tryWays(of: &workload, sender, (rules(of: sender), ipv6Rules(of: sender))) {
                if Self.isInterrupted { return "interrupted" }
                return now() < deadline ? nil : "the 20 s for all tries were over"
            }
            workloads[key] = workload
        }
    }

    /// `stop` gives why there is to be no other try.
    private static func tryWays(
        of workload: inout ComparedWorkload, _ sender: SurveyedProcess,
        _ rules: (all: RedirectRules, ipv6: RedirectRules),
        _ stop: () -> String?
    ) {
        let hasSidecar = workload.hasSidecar
        guard var probe = WayProbe(sender, rules.all, .ipv4, hasSidecar: hasSidecar),
            var other = WayProbe(sender, rules.ipv6, .ipv6, hasSidecar: hasSidecar)
        else {
            let reason = "its network namespace can't be entered: \(unsafe String(cString: strerror(errno)))"
            for index in workload.ways.indices { workload.ways[index].trial = .notTried(reason) }
            return
        }
        let hasIPv6 = ProcessSurvey.globalIPv6(of: sender.pid) != nil
        for index in workload.ways.indices {
            let way = workload.ways[index]
            if let obstacle = WayProbe.obstacle(to: way.kind) {
                workload.ways[index].trial = .notTried(obstacle)
                continue
            }
            if !way.isOfIPv6 {
                workload.ways[index].trial = stop().map { .notTried($0) } ?? probe.trial(of: way.kind)
            }
            if hasIPv6 {
                workload.ways[index].trialByIPv6 = stop().map { .notTried($0) } ?? other.trial(of: way.kind)
            }
        }
        func text(_ attempt: () -> String) -> String { stop().map { "not tried: \($0)" } ?? attempt() }
        var facts = WorkloadProbe(ordinary: text { probe.ordinary() })
        facts.ordinaryByIPv6 = hasIPv6 ? text { other.ordinary() } : "not tried: it has no global IPv6 address"
        let isByIPv6 = hasIPv6 && !probe.reaches
        facts.unmeasured =
            stop() ?? (isByIPv6 ? other.measureLatency(into: &facts) : probe.measureLatency(into: &facts))
        workload.probe = facts
    }

    /// Whether one of the signals that end a run waits to be taken.
    private static var isInterrupted: Bool {
        var pending = sigset_t()
        guard unsafe sigpending(&pending) == 0 else { return false }
        return [SIGINT, SIGTERM, SIGHUP].contains { unsafe sigismember(&pending, $0) == 1 }
    }
}
