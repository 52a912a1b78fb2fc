// SPDX-License-Identifier: Apache-2.0

internal import Comparison
internal import Rendering

extension Footer {
    /// What came of `--strict`.
    var strictCheck: Report.Check {
        let faults = (lostTotal > 0 ? [counted(lostTotal, "event was lost", "events were lost")] : []) + missing
        return Report.Check(
            "strict", "", isMet: isComplete,
            outcome: faults.isEmpty ? "nothing was lost or missing" : faults.joined(separator: "; "))
    }

    /// What is told of the run when it is over; `started` in CLOCK_REALTIME.
    func report(
        _ options: TraceOptions, host: String, started: UInt64, status: ExitStatus, checks: [Report.Check],
        lines: [String]
    ) -> Report {
        var report = Report(
            version: options.toolVersion, command: options.command.name, arguments: options.commandLine,
            host: host, started: started, watched: watched, status: status.code, checks: checks,
            counts: [("seen", seen), ("printed", printed), ("filtered", filtered)],
            lost: lost, missing: missing, footer: lines)
        report.job = JobService.job
        return report
    }
}

extension Comparison {
    /// What job servers read: a check for each condition.
    func report(_ options: TraceOptions, _ conditions: [(text: String, holds: Bool)]) -> Report {
        var footer = Footer(watched: node.window, seen: ebpf.seen)
        footer.lost = ebpf.lost.map { ($0.kind, $0.count) }
        footer.missing = ebpf.missing
        var checks = conditions.map { condition in
            Report.Check(
                "fail-on", condition.text, isMet: !condition.holds,
                outcome: condition.holds ? "the figures are so" : "the figures are not so, or could not be measured")
        }
        if options.strict { checks.append(footer.strictCheck) }
        let isFound = conditions.contains(where: \.holds)
        let text = ComparisonText.text(of: self, columns: 80, colors: false)
        return footer.report(
            options, host: node.name, started: node.started,
            status: isFound ? .finding : options.strict && !footer.isComplete ? .incomplete : .success,
            checks: checks, lines: text.split(separator: "\n").map(String.init))
    }
}
