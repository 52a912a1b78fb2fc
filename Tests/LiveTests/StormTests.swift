// SPDX-License-Identifier: Apache-2.0

import Workloads

// More than anybody can read: nothing is lost, or it is said how much.

let stormTests = [
    Test("storm: all processes, or an honest count of those that are missing") { t in
        let count = t.settings.isSlow ? 2000 : 20_000
        let child = try t.start(["-o", "json", "--strict"], workload("storm", "\(count)"))
        _ = try checkStorm(t, child, count: count)
    },

    Test("storm: a dozen shells start programs, and preempt each other in ours") { t in
        let each = t.settings.isSlow ? 20 : 200
        let script = """
            start() { i=0; while [ $i -lt \(each) ]; do /bin/true $1 $i; i=$((i + 1)); done; }
            for shell in 0 1 2 3 4 5 6 7 8 9 10 11; do start $shell & done; wait
            """
        let run = try t.trace([], ["sh", "-c", script])
        let wanted = Set((0..<12).flatMap { shell in (0..<each).map { "\(shell) \($0)" } })
        let execs = run.events.of("exec").filter { $0.args.first == "/bin/true" }
        t.equal(execs.count, wanted.count, "the number of programs")
        t.expect(Set(execs.map { $0.args.dropFirst().joined(separator: " ") }) == wanted, "other programs")
        t.equal(run.events.of("fork").count, wanted.count + 12, "the number of forks")
        t.equal(run.events.of("exit").count, wanted.count + 13, "the number of ends")
    },

    Test("storm: nobody reads, and everything that is missing is counted") { t in
        let count = 3000
        let child = try t.start(["-o", "json", "--strict", "--buffer-size", "64K"], workload("storm", "\(count)"))
        child.readsOutput = false
        let isOver = child.wait(milliseconds: t.allow(milliseconds: 15_000)) { $0.errorText.contains("over\n") }
        guard isOver else { throw Stop.failed("a tool that cannot write stops the program") }
        child.readsOutput = true
        let missing = try checkStorm(t, child, count: count)
        t.expect(missing > 0, "nothing is missing, so this test shows nothing")
    },
]

/// Waits for the end of `workload storm` and returns how many of its events are missing.
private func checkStorm(_ t: Context, _ child: Child, count: Int) throws -> Int {
    var peak = 0
    var next: Int64 = 0
    let isOver = child.wait(milliseconds: t.allow(milliseconds: 30_000)) { child in
        // Not at each read: the reader must keep up.
        if live_uptime() > next {
            peak = max(peak, child.peakMemory ?? 0)
            next = live_uptime() + 20_000_000
        }
        return child.status != nil
    }
    guard isOver else { throw Stop.failed("it still runs") }
    var printed = 0
    var forks = 0
    var ends = 0
    var lost = 0
    var skipped = 0
    var workload: Event?
    var children: Set<String> = []
    try t.eachEvent(of: child) { event in
        printed += 1
        switch event.action {
        case "exec": workload = event
        case "fork" where workload != nil:
            forks += 1
            children.insert(event["process.entity_id"]?.string ?? "")
            t.equal(event["process.parent.pid"], workload?["process.pid"], "process.parent.pid")
        case "exit": ends += 1
        case "loss":
            lost += event.lost
            skipped += event["ebpfguard.lost.skipped"]?.integer ?? 0
        default: break
        }
    }
    let missing = 2 * count + 1 - forks - ends
    t.expect(workload != nil && missing >= 0, "\(-missing) events too many")
    // Programs that the kernel skips are an upper bound: it may have been for what they would not have reported.
    if skipped == 0 { t.equal(lost, missing, "the sum of the loss events") }
    t.expect(lost - skipped <= missing && missing <= lost, "\(missing) missing, \(lost) lost, \(skipped) skipped")
    t.equal(number(with: "lost", in: child.errorText), lost, "'lost' in the footer")
    t.equal(number(with: "printed", in: child.errorText), printed, "'printed' in the footer")
    t.equal(child.status, .code(lost == 0 ? 0 : 4), "the exit status")
    t.equal(children.count, forks, "the number of different processes")
    t.expect(peak > 0 && peak <= 60 * 1024, "its peak memory is \(peak) KiB")
    return missing
}
