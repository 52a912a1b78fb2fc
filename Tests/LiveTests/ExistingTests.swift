// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// The processes that were there before.

let existingTests = [
    Test("existing: a sleeping process is listed, once and rightly") { t in
        let words = workload("sleep", "60000", "a sleeper", "")
        let started = live_clock()
        let sleeper = try Child(words)
        sleeper.wait(milliseconds: t.allow(milliseconds: 2000)) { !$0.output.isEmpty }

        let run = try t.finish(
            try t.start(["-o", "json", "--existing", "-d", "500ms"]), milliseconds: 10_000)
        t.equal(run.status, .code(0), "the exit status")
        let found = run.events.by(sleeper.pid)
        t.equal(found.map(\.action), ["existing"], "the events of the sleeper")
        let event = try t.require(found.first, "event")
        t.equal(event["process.args"], JSON(words), "process.args")
        t.equal(event["process.args_count"], .integer(words.count), "process.args_count")
        t.equal(event["process.executable"], .string(ownPath), "process.executable")
        t.equal(event["process.working_directory"], .string(resolved(".")), "process.working_directory")
        t.equal(event["process.parent.pid"], .integer(Int(getpid())), "process.parent.pid")
        t.equal(event.ancestors, lineage(of: Int(getpid())), "process.ancestors")
        t.equal(event["user.id"], "0", "user.id")
        let start = event["process.start"]?.string.flatMap(nanoseconds(of:)) ?? 0
        let late = (start - Int(started)) / 1_000_000
        t.expect(abs(late) <= t.allow(milliseconds: 100), "process.start is wrong by \(late) ms")
        t.expect(run.events.by(run.child.pid).isEmpty, "the tool lists itself")
        let own = try t.require(run.events.by(Int(getpid())).first, "event of the runner")
        t.equal(event["process.parent.entity_id"], own["process.entity_id"], "process.parent.entity_id")
    },

    Test("existing: only with --existing, within the scope, and the same process when it ends") { t in
        let sleeper = try Child(workload("sleep", "60000"))
        sleeper.wait(milliseconds: t.allow(milliseconds: 2000)) { !$0.output.isEmpty }
        let options = ["-o", "json", "-p", "\(sleeper.pid)"]

        let silent = try t.watch(options)
        t.equal(try t.stop(silent).events.count, 0, "the number of events without --existing")

        let child = try t.watch(options + ["--existing"])
        sleeper.kill(SIGTERM)
        sleeper.wait(milliseconds: t.allow(milliseconds: 2000))
        let run = try t.stop(child)
        t.equal(run.events.map(\.action), ["existing", "exit"], "the events")
        t.equal(run.events.map(\.pid), [sleeper.pid, sleeper.pid], "their pids")
        let (existing, end) = (try t.require(run.events.first, "event"), try t.require(run.events.last, "event"))
        t.equal(end["process.exit_signal"], 15, "process.exit_signal")
        for key in ["entity_id", "args", "executable", "parent", "ancestors", "start"] {
            t.equal(end["process.\(key)"], existing["process.\(key)"], "process.\(key) at the exit")
        }
    },
]
