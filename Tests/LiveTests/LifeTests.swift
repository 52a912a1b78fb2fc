// SPDX-License-Identifier: Apache-2.0

// How processes start and end: forks without exec, threads, codes, signals.

let lifeTests = [
    Test("life: exit codes of children that never call exec") { t in
        let run = try t.trace(workload("codes", "0", "7", "255"))
        let exec = try t.require(run.events.of("exec").first, "exec")
        t.equal(run.events.of("exec").count, 1, "the number of execs")
        t.equal(run.events.of("exit").count, 4, "the number of exits")
        for code in [0, 7, 255] {
            let pid = try t.require(run.said("\(code)").first, "pid from the workload")
            let fork = try t.require(run.events.of("fork").by(pid).first, "fork of \(pid)")
            let end = try t.require(run.events.of("exit").by(pid).first, "exit of \(pid)")
            t.equal(run.events.by(pid).count, 2, "the number of events of \(pid)")
            t.equal(end["process.exit_code"], .integer(code), "process.exit_code")
            t.equal(end["process.exit_signal"], nil, "process.exit_signal")
            for event in [fork, end] {
                t.equal(event["process.parent.pid"], .integer(exec.pid), "process.parent.pid")
                t.equal(event["process.parent.entity_id"], exec["process.entity_id"], "process.parent.entity_id")
                t.equal(event["process.executable"], exec["process.executable"], "process.executable")
                t.equal(event["process.args"], exec["process.args"], "process.args")
            }
            t.expect(fork["process.entity_id"] != exec["process.entity_id"], "the fork has its parent's entity_id")
            checkEnd(t, end, of: fork)
        }
        t.equal(run.events.of("exit").by(exec.pid).first?["process.exit_code"], 0, "the workload's exit code")
    },

    Test("life: killed by a signal") { t in
        let run = try t.trace(workload("signals", "9", "11", "15"))
        for number in [9, 11, 15] {
            let pid = try t.require(run.said("\(number)").first, "pid from the workload")
            let ends = run.events.of("exit").by(pid)
            t.equal(ends.count, 1, "the number of exits")
            t.equal(ends.first?["process.exit_signal"], .integer(number), "process.exit_signal")
            t.equal(ends.first?["process.exit_code"], nil, "process.exit_code")
        }
    },

    Test("life: lifetime of 300 ms") { t in
        let run = try t.trace(workload("lifetime", "300"))
        let pid = try t.require(run.said("").first, "pid from the workload")
        let end = try t.require(run.events.of("exit").by(pid).first, "exit")
        let fork = try t.require(run.events.of("fork").by(pid).first, "fork")
        let duration = (end["event.duration"]?.integer ?? 0) / 1_000_000
        let longest = 300 + t.allow(milliseconds: 150)
        t.expect((300...longest).contains(duration), "event.duration is \(duration) ms")
        let apart = (end.nanoseconds - fork.nanoseconds) / 1_000_000
        t.expect((299...longest).contains(apart), "the events are \(apart) ms apart")
        checkEnd(t, end, of: fork)
    },

    Test("life: a thread that is not the leader calls exec") { t in
        let program = try makeProgram("\(t.scratch)/program", exitCode: 5)
        let run = try t.trace(workload("thread-exec", program), status: .code(5))
        let ids = run.said("")
        guard ids.count == 2 else { throw Stop.failed("no ids from the workload") }
        t.equal(run.events.of("exec").count, 2, "the number of execs")
        t.equal(run.events.of("exit").count, 1, "the number of exits")
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec.pid, ids[0], "process.pid")
        t.equal(exec["process.thread.id"], .integer(ids[1]), "process.thread.id")
        t.equal(exec["process.args"], JSON([program, "from-thread"]), "process.args")
        t.equal(exec["process.executable"], .string(program), "process.executable")
        t.equal(run.events.of("exec").first?["process.thread.id"], nil, "process.thread.id of the leader's exec")
        let end = try t.require(run.events.of("exit").first, "exit")
        t.equal(end["process.exit_code"], 5, "process.exit_code")
        t.equal(run.events.last?.action, "exit", "the last event")
        checkEnd(t, end, of: exec)
        t.expect(run.events.by(ids[1]).isEmpty, "events of the thread's own id")
    },

    Test("life: vfork and exec") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("vfork-exec", program))
        let first = try t.require(run.events.of("exec").first, "exec")
        let second = try t.require(run.events.of("exec").last, "exec")
        let child = run.events.by(second.pid)
        t.equal(child.map(\.action), ["fork", "exec", "exit"], "the child's events")
        t.equal(child.first?["process.executable"], .string(ownPath), "process.executable before the exec")
        t.equal(second["process.executable"], .string(program), "process.executable")
        t.equal(second["process.args"], JSON([program, "from-vfork"]), "process.args")
        t.equal(second["process.parent.entity_id"], first["process.entity_id"], "process.parent.entity_id")
        t.equal(run.events.of("exit").count, 2, "the number of exits")
    },

    Test("life: the leader ends before another thread") { t in
        let run = try t.trace(workload("leader-first"), status: .code(3))
        t.equal(run.events.of("exit").count, 1, "the number of exits")
        let exec = try t.require(run.events.of("exec").first, "exec")
        let end = try t.require(run.events.of("exit").first, "exit")
        t.equal(end["process.exit_code"], 3, "process.exit_code")
        let lived = (end.nanoseconds - exec.nanoseconds) / 1_000_000
        t.expect(lived >= 200, "the exit came after \(lived) ms: with the leader, not with the last thread")
        checkEnd(t, end, of: exec)
        t.expect(run.events.of("fork").allSatisfy { $0.pid == exec.pid }, "a thread was reported as a process")
    },

    Test("life: eight threads call exit_group at once") { t in
        let count = t.settings.isSlow ? 10 : 50
        let run = try t.trace(workload("group-exit", "\(count)"))
        let workload = try t.require(run.events.of("exec").first, "exec")
        let forks = run.events.of("fork").filter { $0.pid != workload.pid }
        t.equal(forks.count, count, "the number of forks")
        let ends = run.events.of("exit").filter { $0.pid != workload.pid }
        t.equal(ends.count, count, "the number of exits")
        t.equal(Set(ends.map(\.pid)), Set(forks.map(\.pid)), "the processes that ended")
        t.expect(ends.allSatisfy { $0["process.exit_code"] == 42 }, "not every process.exit_code is 42")
    },
]
