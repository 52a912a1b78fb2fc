// SPDX-License-Identifier: Apache-2.0

import Glibc

// `-- PROGRAM`: it is run as if the tool were not there.

let programTests = [
    Test("program: its status is the tool's") { t in
        let nine = try t.trace([], ["sh", "-c", "exit 9"], status: .code(9))
        t.equal(nine.events.of("exit").first?["process.exit_code"], 9, "process.exit_code")
        let killed = try t.trace([], ["sh", "-c", "kill -TERM $$"], status: .code(143))
        t.equal(killed.events.of("exit").first?["process.exit_signal"], 15, "process.exit_signal")
    },

    Test("program: not found, or not executable") { t in
        let absent = try t.run(["-o", "json"], ["no-such-program-anywhere"])
        t.equal(absent.status, .code(127), "the exit status")
        t.expect(absent.errors.contains("no-such-program-anywhere"), "the message: \(absent.errors)")
        t.equal(absent.text, "", "stdout")
        try write("plain", to: "\(t.scratch)/plain")
        let plain = try t.run(["-o", "json"], ["\(t.scratch)/plain"])
        t.equal(plain.status, .code(126), "the exit status")
        t.expect(plain.errors.contains("\(t.scratch)/plain"), "the message: \(plain.errors)")
        t.equal(plain.text, "", "stdout")
    },

    Test("program: its output goes to stderr, the events alone to stdout", dependsOnKernel: false) { t in
        let run = try t.trace([], ["sh", "-c", "echo from-program; echo complaint >&2"])
        t.expect(run.errors.contains("from-program\n"), "its stdout is lost: \(run.errors)")
        t.expect(run.errors.contains("complaint\n"), "its stderr is lost: \(run.errors)")
        t.equal(run.events.of("exec").count, 1, "the number of execs")
    },

    Test("program: gets its arguments byte for byte", dependsOnKernel: false) { t in
        let words = workload("expect-arguments", "\\xff\\xfe", "", "\\xc3\\xa9", "-x", "--")
        let arguments: [[UInt8]] = [[0xFF, 0xFE], [], [0xC3, 0xA9], Array("-x".utf8)]
        let child = try Child(
            ([t.settings.tool, "trace", "-o", "json", "--"] + words).map { Array($0.utf8) } + arguments)
        let run = try t.finish(child, milliseconds: 10_000)
        t.equal(run.status, .code(0), "the exit status")
        let exec = try t.require(run.events.of("exec").first, "exec")
        t.equal(Array(exec.args.suffix(4)), ["\u{FFFD}\u{FFFD}", "", "é", "-x"], "the end of process.args")
    },

    Test("program: nothing else is watched") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let busy = try Child(["sh", "-c", "while :; do \"$0\" stranger; done", program])
        let run = try t.trace([], ["sh", "-c", "for i in 1 2 3 4 5; do \"$0\" $i; done; sleep 0.2", program])
        busy.kill(SIGKILL)
        let args = run.events.of("exec").map(\.args)
        t.equal(args.filter { $0.first == program }, (1...5).map { [program, "\($0)"] }, "the programs")
        t.equal(args.count, 7, "the number of execs")
        t.equal(run.events.of("exit").count, 7, "the number of exits")
    },

    Test("program: a descendant that outlives it", dependsOnKernel: false) { t in
        // The run ends with the program; the tool does not wait for what it left behind.
        let run = try t.trace([], ["sh", "-c", "sleep 5 & exit 4"], milliseconds: 4000, status: .code(4))
        t.expect(run.child.seconds < 3 || t.settings.isSlow, "it took \(run.child.seconds) s")
        if let sleeper = run.events.of("exec").first(where: { $0.args.first == "sleep" }) {
            kill(pid_t(sleeper.pid), SIGKILL)
        }
    },
]
