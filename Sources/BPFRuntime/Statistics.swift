// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import Glibc

/// What the programs of an object cost, as the kernel counted it.
package struct ProgramStatistics {
    /// Times any of the programs ran.
    package var runs: UInt64 = 0
    /// Nanoseconds they took together. Grows only while `StatisticsSwitch` is held.
    package var nanoseconds: UInt64 = 0
    /// Times a program was skipped because it was already running on that CPU (Linux 5.12; 0 before).
    package var recursionMisses: UInt64 = 0

    package init() {}
}

/// Turns on the kernel's counting of run time for as long as it lives. Linux 5.8. Costs each program run two readings of
/// the clock.
package struct StatisticsSwitch: ~Copyable {
    private let descriptor: Int32

    package init() throws(BPFError) {
        descriptor = bpf_enable_stats(BPF_STATS_RUN_TIME)
        guard descriptor >= 0 else { throw BPFError(lastFailureOf: "turn on BPF statistics") }
    }

    deinit {
        close(descriptor)
    }
}

extension BPFObject {
    /// The sum over the loaded programs, but for those named.
    package func statistics(without others: Set<String> = []) -> ProgramStatistics {
        var sum = ProgramStatistics()
        for name in loadedPrograms where !others.contains(name) {
            let part = statistics(of: name)
            sum.runs += part.runs
            sum.nanoseconds += part.nanoseconds
            sum.recursionMisses += part.recursionMisses
        }
        return sum
    }

    /// Those of one program; zeros when it is not loaded.
    package func statistics(of name: String) -> ProgramStatistics {
        var result = ProgramStatistics()
        guard let descriptor = try? descriptor(ofProgram: name), descriptor >= 0 else { return result }
        var info = bpf_prog_info()
        var length = UInt32(MemoryLayout<bpf_prog_info>.size)
        guard unsafe bpf_obj_get_info_by_fd(descriptor, &info, &length) == 0 else { return result }
        result.runs = info.run_cnt
        result.nanoseconds = info.run_time_ns
        result.recursionMisses = info.recursion_misses
        return result
    }
}
