// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import Glibc
internal import Rendering

/// What a run says at its end, on standard error.
struct Footer {
    var watched: UInt64 = 0
    var seen: UInt64 = 0
    var printed: UInt64 = 0
    var filtered: UInt64 = 0
    /// Sent before the programs knew that they are of a container that is not asked for.
    var outOfScope: UInt64 = 0
    /// Held back by `--max-rate`.
    var heldBack: UInt64 = 0
    /// Repeats that `--dedup` did not print one by one.
    var folded: UInt64 = 0
    /// What went into a summary instead of being printed, and system calls that the kernel counted.
    var summarised: UInt64 = 0
    var callsCounted: UInt64 = 0
    var lost: [(name: String, count: UInt64)] = []
    var hooks: [String] = []
    var missing: [String] = []
    var taxesSystemCalls = false
    var cost = ProgramStatistics()
    /// Nanoseconds in which that was counted.
    var measured: UInt64 = 0
    /// What was new to `--baseline`; `nil` where none was named.
    var baseline: String?
    /// What became of the policy; `nil` where none was enforced.
    var policy: String?
    /// What files were left changed; `nil` where they were not watched.
    var hashes: String?
    /// What was written into the file of `--learn`; `nil` where none is named.
    var learned: String?
    var files: String?
    /// Nanoseconds of CPU: until the probes were attached, and in all.
    var startCPU: UInt64 = 0
    var ownCPU: UInt64 = 0

    /// Whether nothing was lost and nothing that was asked for is missing.
    var isComplete: Bool { lostTotal == 0 && missing.isEmpty }

    var lostTotal: UInt64 { lost.reduce(0) { $0 &+ $1.count } }

    /// Lines about the recording that was read instead of this host; `nil` when it was this host.
    var recording: [String]?

    func lines() -> [String] {
        var first = "watched \(durationText(watched)): \(counted(seen, "event")) seen, \(grouped(printed)) printed"
        if filtered > 0 { first += ", \(grouped(filtered)) filtered" }
        if outOfScope > 0 { first += ", \(grouped(outOfScope)) out of scope" }
        if summarised > 0 { first += ", \(grouped(summarised)) summed up" }
        if callsCounted > 0 { first += ", \(counted(callsCounted, "call")) counted" }
        if folded > 0 { first += ", \(grouped(folded)) folded (--dedup)" }
        if heldBack > 0 { first += ", \(grouped(heldBack)) held back (--max-rate)" }
        first += ", \(grouped(lostTotal)) lost"
        if lostTotal > 0 {
            first += " (\(lost.map { "\($0.name) \(grouped($0.count))" }.joined(separator: ", ")))"
            if recording == nil { first += "; raise --buffer-size" }
        }
        let firstLines = [first] + [policy, baseline, files, hashes, learned].compactMap { $0 }
        if let recording { return firstLines + recording + missing.map { "missing: \($0)" } }
        var lines = firstLines + ["hooks: " + hooks.joined(separator: ";\n       ")]
        for reason in missing { lines.append("missing: \(reason)") }
        if taxesSystemCalls {
            lines.append("       (fexit is refused here; a tracepoint slows all calls a little)")
        }
        lines.append("cost:  \(programCost())")
        let start = durationText(startCPU)
        let share = percent(ownCPU - min(ownCPU, startCPU), of: watched)
        lines.append(
            "       ebpfguard: \(start) of CPU to start, then \(share); \(Self.peakBytes() >> 20) MB at most")
        return lines
    }

    private func programCost() -> String {
        guard cost.runs > 0 else { return "of the programs: not measured" }
        let average = durationText(cost.nanoseconds / cost.runs)
        // Measuring has its own cost, so it is not done all the time.
        let isPart = measured > 0 && measured < watched / 10 * 9
        let part = isPart ? " in the \(durationText(measured)) that were measured" : ""
        let share = percent(cost.nanoseconds, of: isPart ? measured : watched)
        return "programs ran \(counted(cost.runs, "time"))\(part), \(average) each, \(share) of a CPU"
    }

    /// Nanoseconds of CPU that this process has used.
    static func ownCPU() -> UInt64 {
        var usage = rusage()
        unsafe getrusage(__rusage_who_t(0), &usage)
        func nanoseconds(_ time: timeval) -> UInt64 {
            UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1000
        }
        return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)
    }

    /// (ru_maxrss counts what the process was before exec as well: its parent's size.)
    static func peakBytes() -> UInt64 {
        let line = readText("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { UInt64($0) } ?? 0
        return kilobytes * 1024
    }

    private func percent(_ part: UInt64, of whole: UInt64) -> String {
        guard whole > 0 else { return "0 %" }
        let hundredths = UInt64(Double(part) / Double(whole) * 10_000)
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) %"
    }
}
