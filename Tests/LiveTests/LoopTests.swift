// SPDX-License-Identifier: Apache-2.0

import Glibc

// The main job: a shell loop, in which no process may be missed and none may be seen twice.

private func loop(_ count: Int) -> String {
    "for i in $(seq \(count)); do /bin/true $i; done"
}

let loopTests = [
    Test("loop500: every program with its own argument, parent and end") { t in
        let loop = loop(500)
        let run = try t.trace([], ["sh", "-c", loop])
        t.equal(run.events.of("exec").count, 502, "the number of execs")
        t.equal(run.events.of("exit").count, 502, "the number of exits")
        t.equal(run.events.failures.count, 0, "the number of failed execs")
        t.equal(run.surelyLost, 0, "'lost' in the footer")
        t.equal(run.footer("printed"), run.events.count, "'printed' in the footer")
        let shells = run.events.of("exec").with(args: ["sh", "-c", loop])
        t.equal(shells.count, 1, "the number of shells")
        let shell = try t.require(shells.first, "shell")
        checkLoop(t, run.events, shell, 500)

        t.equal(shell["process.parent.pid"], .integer(run.child.pid), "the shell's parent")
        t.equal(shell.ancestors, [run.child.pid] + lineage(of: Int(getpid())), "the shell's ancestors")
        t.equal(shell["process.executable"], .string(resolvedCommand("sh")), "the shell's executable")
        t.equal(shell["process.name"], "sh", "the shell's name")
    },

    Test("loop500x4: four loops at once") { t in
        let count = t.settings.isSlow ? 20 : 500
        let loop = loop(count)
        let run = try t.trace([], ["sh", "-c", "for n in 1 2 3 4; do sh -c \"$0\" & done; wait", loop])
        t.equal(run.events.of("exec").count, 4 * (count + 2) + 1, "the number of execs")
        t.equal(run.events.of("exit").count, 4 * (count + 2) + 1, "the number of exits")
        t.equal(run.events.failures.count, 0, "the number of failed execs")
        t.equal(run.surelyLost, 0, "'lost' in the footer")
        let shells = run.events.of("exec").with(args: ["sh", "-c", loop])
        t.equal(shells.count, 4, "the number of loops")
        for shell in shells { checkLoop(t, run.events, shell, count) }
    },
]

private func checkLoop(_ t: Context, _ events: [Event], _ shell: Event, _ count: Int) {
    let mine = events.filter { $0["process.parent.entity_id"] == shell["process.entity_id"] }
    t.equal(mine.of("fork").count, count + 1, "the number of the shell's forks")
    t.equal(mine.of("exec").with(args: ["seq", "\(count)"]).count, 1, "the number of seq")
    let programs = mine.of("exec").filter { $0.args.first == "/bin/true" }
    t.equal(Set(programs.map(\.args)), Set((1...count).map { ["/bin/true", "\($0)"] }), "the arguments")
    t.equal(programs.count, count, "the number of /bin/true")

    let executable = JSON.string(resolved("/bin/true"))
    let directory = JSON.string(resolved("."))
    let ends = Dictionary(grouping: events.of("exit"), by: \.pid)
    for program in programs {
        t.equal(program["process.executable"], executable, "process.executable")
        t.equal(program["process.name"], "true", "process.name")
        t.equal(program["process.args_count"], 2, "process.args_count")
        t.equal(program["process.args_truncated"], nil, "process.args_truncated")
        t.equal(program["process.working_directory"], directory, "process.working_directory")
        t.equal(program["process.marks"], nil, "process.marks")
        t.equal(program["process.vpid"], nil, "process.vpid")
        t.equal(program["process.thread.id"], nil, "process.thread.id")
        t.equal(program["process.parent.pid"], .integer(shell.pid), "process.parent.pid")
        t.equal(program["process.parent.name"], "sh", "process.parent.name")
        t.equal(program["process.parent.executable"], shell["process.executable"], "process.parent.executable")
        t.equal(program["process.parent.args"], shell["process.args"], "process.parent.args")
        t.equal(program.ancestors, [shell.pid] + shell.ancestors, "process.ancestors")
        t.equal(program["user.id"], "0", "user.id")
        t.equal(program["user.name"], userName(0).map(JSON.string), "user.name")
        t.equal(program["group.id"], "0", "group.id")
        t.equal(program["process.real_user.id"], "0", "process.real_user.id")
        t.equal(program["process.real_group.id"], "0", "process.real_group.id")
        let end = ends[program.pid] ?? []
        t.equal(end.count, 1, "the number of exits of \(program.args)")
        if let end = end.first {
            checkEnd(t, end, of: program)
            t.equal(end["process.exit_code"], 0, "process.exit_code")
        }
        if !t.failures.isEmpty { return }
    }
}

/// What an exit says about the process is what its exec said.
func checkEnd(_ t: Context, _ end: Event, of start: Event) {
    for key in [
        "process.entity_id", "process.name", "process.executable", "process.args", "process.args_count",
        "process.start", "process.parent", "process.ancestors", "user", "group", "process.real_user",
    ] {
        t.equal(end[key], start[key], "\(key) at the exit of \(start.args.prefix(3))")
    }
    let start = end["process.start"]?.string.flatMap(nanoseconds(of:)) ?? 0
    let stop = end["process.end"]?.string.flatMap(nanoseconds(of:)) ?? 0
    let duration = end["event.duration"]?.integer ?? -1
    // A start time of the wall clock may have been rounded on its way.
    t.expect(abs(stop - start - duration) < 1_000_000, "event.duration \(duration) is not end - start \(stop - start)")
    t.equal((end["process.exit_code"] == nil) != (end["process.exit_signal"] == nil), true, "one kind of end")
}
