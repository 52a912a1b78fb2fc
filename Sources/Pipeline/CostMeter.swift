// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import Enrichment

/// Has the kernel count what our programs cost. The counting itself reads the clock twice for each run of a program, which
/// for those of system calls is as much as the program; so after a while it is on for a twentieth of the time only.
///
/// Where tracepoints leave preemption on (see bpf/include/common.h) it is on for 10 ms in 5 s, and for less at first: reading
/// the clock lets another task in when the program has just ended, while the kernel still takes it for running.
struct CostMeter: ~Copyable {
    private var counting: StatisticsSwitch?
    /// These are in nanoseconds.
    private let first, share, period, started: UInt64
    private var turnedOn: UInt64
    private var measuredBefore: UInt64 = 0

    /// Counts at first for a while on end: all of a short run, where that costs little.
    init(watchesCalls: Bool, isPreemptible: Bool) {
        counting = try? StatisticsSwitch()
        period = isPreemptible ? 5_000_000_000 : 1_000_000_000
        share = period / (isPreemptible ? 500 : 20)
        first = isPreemptible ? 20_000_000 : watchesCalls ? 50_000_000 : period
        started = Host.boottime()
        turnedOn = started
    }

    /// Turns the counting on or off when it is time.
    mutating func update() {
        let now = Host.boottime()
        let isOn = now - started < first || (now - started) % period < share
        if isOn == (counting != nil) { return }
        if isOn {
            counting = try? StatisticsSwitch()
            turnedOn = now
        } else {
            measuredBefore += now - turnedOn
            counting = nil
        }
    }

    /// How long the counting was on, nanoseconds.
    var measured: UInt64 {
        measuredBefore + (counting == nil ? 0 : Host.boottime() - turnedOn)
    }

    /// Milliseconds until `update` has something to do.
    var patience: Int32 {
        let past = Host.boottime() - started
        let phase = past < first ? past : past % period
        let end = past < first ? first : counting == nil ? period : share
        return Int32((end - min(phase, end)) / 1_000_000) + 1
    }
}
