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
            Self.tryWays(of: &workload, sender, rules(of: sender)) {
                if Self.isInterrupted { return "interrupted" }
                return now() < deadline ? nil : "the 20 s for all tries were over"
            }
            workloads[key] = workload
        }
    }

    /// `stop` gives why there is to be no other try.
    private static func tryWays(
        of workload: inout ComparedWorkload, _ sender: SurveyedProcess, _ rules: RedirectRules, _ stop: () -> String?
    ) {
        guard var probe = WayProbe(sender, rules, hasSidecar: workload.hasSidecar) else {
            let reason = "its network namespace can't be entered: \(unsafe String(cString: strerror(errno)))"
            for index in workload.ways.indices { workload.ways[index].trial = .notTried(reason) }
            return
        }
        for index in workload.ways.indices {
            workload.ways[index].trial = stop().map { .notTried($0) } ?? probe.trial(of: workload.ways[index])
        }
        var facts = WorkloadProbe(ordinary: stop().map { "not tried: \($0)" } ?? probe.ordinary())
        facts.unmeasured = stop() ?? probe.measureLatency(into: &facts)
        workload.probe = facts
    }

    /// Whether one of the signals that end a run waits to be taken.
    private static var isInterrupted: Bool {
        var pending = sigset_t()
        guard unsafe sigpending(&pending) == 0 else { return false }
        return [SIGINT, SIGTERM, SIGHUP].contains { unsafe sigismember(&pending, $0) == 1 }
    }
}
