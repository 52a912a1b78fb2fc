// SPDX-License-Identifier: Apache-2.0

// More of the network than there is room for.

let floodTests = [
    Test("udp: a flood that nobody reads is counted, and costs no process", dependsOnKernel: false) { t in
        let count = t.settings.isSlow ? 8000 : 20_000
        let wait = t.allow(milliseconds: 1500)
        let child = try t.start(
            ["-o", "json", "--strict", "--buffer-size", "64K", "--events", "udp"],
            workload("flood", "\(count)", "\(wait)"), command: "watch-net")
        child.readsOutput = false
        let isOver = child.wait(milliseconds: t.allow(milliseconds: 15_000)) { $0.errorText.contains("over\n") }
        guard isOver else { throw Stop.failed("a tool that cannot write stops the program") }
        child.readsOutput = true
        let run = try t.finish(child, milliseconds: 20_000)
        t.equal(run.status, .code(4), "the exit status")
        let flows = run.told.filter { $0.action == "udp" && ($0["destination.port"]?.integer ?? 0) >= 10_000 }
        var lost: [String: Int] = [:]
        for loss in run.events where loss.action == "loss" {
            for (kind, number) in loss["ebpfguard.lost"]?.object ?? [:] {
                lost[kind, default: 0] += number.integer ?? 0
            }
        }
        // From 7.0 on programs that were skipped, maybe for nothing.
        let skipped = lost.removeValue(forKey: "skipped") ?? 0
        t.expect((lost["udp"] ?? 0) > 0, "nothing is lost, so this test shows nothing")
        t.equal(flows.count + (lost["udp"] ?? 0), count, "flows and those that are lost (skipped \(skipped))")
        t.equal(lost.keys.sorted(), ["udp"], "the kinds that are lost")
        let late = run.numbers(of: "late")
        t.equal(late.count, 10, "processes that began in the flood")
        for said in late {
            guard said.count == 2 else { throw Stop.failed("the workload says \(said)") }
            let own = run.told.filter { $0.action == "udp" && $0["destination.port"] == .integer(said[1]) }
            t.equal(own.map(\.pid), [said[0]], "who sent to \(said[1])")
            t.equal(own.first?["process.name"], "late", "process.name")
            t.equal(own.first?["process.executable"], .string(ownPath), "process.executable")
            t.equal(own.first?.args.prefix(3).last, "flood", "process.args")
            t.expect(own.first?.ancestors.isEmpty == false, "no process.ancestors")
        }
    }
]
