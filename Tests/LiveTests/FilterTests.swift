// SPDX-License-Identifier: Apache-2.0

// Conditions on events: what is shown, when a run ends, and what its status says.

let filterTests = [
    Test("filter: shows what matches and counts the rest", dependsOnKernel: false) { t in
        let program = ["sh", "-c", "/bin/true one; /bin/true two; /bin/false; :"]
        let execs = try t.trace(["--filter", #"event.action == "exec" and process.args in ("one", "two")"#], program)
        t.equal(execs.events.map(\.args), [["/bin/true", "one"], ["/bin/true", "two"]], "the events")
        let seen = try t.require(execs.footer("seen"), "'seen' in the footer")
        t.equal(execs.footer("printed"), 2, "'printed' in the footer")
        t.equal(execs.footer("filtered"), seen - 2, "'filtered' in the footer")

        let failed = try t.trace(["--filter", "process.exit_code != 0"], program)
        t.equal(failed.events.map(\.args), [["/bin/false"]], "those that failed")
        t.equal(failed.events.map(\.action), ["exit"], "those that failed")

        let both = try t.trace(
            ["--filter", "event.action == 'exec'", "--filter", "not process.args ~ 't*' and process.args ~ '*wo'"],
            program)
        t.equal(both.events.map(\.args), [], "two filters that exclude each other")

        let path = try t.trace(["--filter", "process.executable ~ '*/false' and event.action == 'exec'"], program)
        t.equal(path.events.map(\.args), [["/bin/false"]], "by executable")
        let root = try t.trace(["--filter", "user.id == 0 and event.action == 'exec'"], program)
        t.equal(root.events.count, 4, "the number of execs by root")
        let duration = try t.trace(["--filter", "event.duration < 1h"], program)
        t.equal(duration.events.count, 4, "the number of exits")
    },

    Test("filter: text, fields and a file", dependsOnKernel: false) { t in
        let file = "\(t.scratch)/events.json"
        let program = ["sh", "-c", "/bin/true one; /bin/true two; :"]
        let text = try t.run(
            ["--filter", "process.args == 'two'", "--output-file", file, "--events", "exec,exit"], program)
        t.equal(text.status, .code(0), "the exit status")
        t.equal(lines(text.text).filter { !$0.isEmpty }.count, 2, "the number of lines of \(text.text)")
        let events = try lines(bytes(of: file) ?? []).map { Event(json: try JSON(parsing: $0)) }
        t.equal(events.map(\.action), ["exec", "exit"], "the events in the file")
        let fields = try t.run(
            ["-q", "--fields", "process.args", "--filter", "process.exit_code == 0 and process.args == 'one'"], program)
        t.equal(fields.text, "/bin/true one\n", "the fields")
    },

    Test("filter: the kernel decides as ebpfguard does", dependsOnKernel: true) { t in
        let conditions = [
            "error.code == 'ENOENT'", "error.code in ('ENOENT', 'EBADF') or ebpfguard.syscall.name == 'close'",
            "ebpfguard.syscall.name ~ 'open*' and event.outcome == 'failure'", "not ebpfguard.syscall.return >= 0",
            "ebpfguard.syscall.return > 0 and not ebpfguard.syscall.name in ('mmap', 'brk')", "ebpfguard.errno exists",
            "event.action == 'syscall' and process.name == 'cat'", "process.name != 'cat'", "user.id == 0",
            "event.outcome != 'success'", "process.thread.id exists or ebpfguard.syscall.name == 'exit_group'",
            "ebpfguard.syscall.args ~ '*missing*' and ebpfguard.errno == 2", "event.duration exists",
        ]
        func calls(_ options: [String], _ condition: String) throws -> [String] {
            let run = try t.trace(
                ["--syscalls=%file,close,exit_group", "--filter", condition] + options,
                ["cat", "/missing", "/dev/null"],
                status: nil)
            return run.events.map {
                "\($0["ebpfguard.syscall.name"]?.string ?? "") \($0["ebpfguard.syscall.return"]?.integer ?? 0)"
            }
        }
        // A recording has everything, so there nothing is decided in the kernel.
        for condition in conditions.prefix(t.settings.isSlow ? 4 : conditions.count) {
            let inKernel = try calls([], condition)
            t.equal(inKernel, try calls(["-w", "\(t.scratch)/recording"], condition), "the calls with \(condition)")
            t.equal(
                inKernel.isEmpty, ["process.name != 'cat'"].contains(condition),
                "whether there is any with \(condition)")
        }
    },

    Test("filter: --until ends with the event that matches", dependsOnKernel: false) { t in
        let program = ["sh", "-c", "/bin/true one; /bin/true two; /bin/true three; /bin/sleep 60"]
        let run = try t.trace(
            ["--until", "event.action == 'exec' and process.args == 'two'"], program, milliseconds: 10_000, status: nil)
        t.equal(run.events.last?.args, ["/bin/true", "two"], "the last event")
        t.equal(run.events.last?.action, "exec", "the last event")
        t.equal(run.status, .code(143), "the exit status: that of a program that was ended")

        // Found among what is not shown.
        let hidden = try t.trace(
            ["--filter", "event.action == 'exit'", "--until", "event.action == 'exec' and process.args == 'three'"],
            program, milliseconds: 10_000, status: nil)
        t.equal(hidden.events.map(\.args), [["/bin/true", "one"], ["/bin/true", "two"]], "the events")

        let never = try t.trace(
            ["--until", "process.args == 'four'"], ["sh", "-c", "/bin/true; exit 7"], status: .code(7))
        t.equal(never.events.of("exec").count, 2, "the execs")
    },

    Test("filter: --fail-on gives a status and names who it was", dependsOnKernel: false) { t in
        let program = ["sh", "-c", "/bin/true one; /bin/true two; exit 7"]
        let condition = "event.action == 'exec' and process.args == 'two'"
        let found = try t.trace(["-q", "--fail-on", condition], program, status: .code(3))
        let event = try t.require(found.events.of("exec").first { $0.args.last == "two" }, "event")
        let findings = lines(found.errors).filter { $0.hasPrefix("finding:") }
        t.equal(findings.count, 1, "the number of findings in \(found.errors)")
        for part in [
            event["@timestamp"]?.string ?? "", " \(event.pid) ", " true ", " exec ", "process.args == \"two\"",
        ] {
            t.expect(findings.first?.contains(part) == true, "no \(part) in \(findings)")
        }

        let none = try t.trace(["--fail-on", "process.args == 'four'"], program, status: .code(7))
        t.expect(!none.errors.contains("finding"), "a finding: \(none.errors)")

        // What is not printed counts too.
        for options in [
            ["--filter", "process.pid == 0"], ["--events", "exit"], ["--max-rate", "1"], ["-c", "1000"],
        ] {
            _ = try t.trace(options + ["--fail-on", condition], program, status: .code(3))
        }
        let either = try t.trace(
            ["--fail-on", "process.args == 'four'", "--fail-on", condition], program, status: .code(3))
        t.expect(either.errors.contains("finding:"), "no finding: \(either.errors)")

        let many = try t.trace(
            ["-q", "--fail-on", "event.action == 'exec'"],
            ["sh", "-c", "for i in $(seq 20); do /bin/true $i; done"], status: .code(3))
        let named = lines(many.errors).filter { $0.hasPrefix("finding:") }
        t.equal(named.count, 11, "the number of lines")
        t.expect(named.last?.contains("12 more events") == true, "the last line: \(named.last ?? "")")
    },

    Test("filter: --expect gives a status when nothing matched", dependsOnKernel: false) { t in
        let program = ["sh", "-c", "/bin/true one; exit 7"]
        let condition = "event.action == 'exec' and process.args == 'one'"
        _ = try t.trace(["--expect", condition], program, status: .code(7))
        _ = try t.trace(["--expect", condition, "--filter", "process.pid == 0"], program, status: .code(7))
        let unmet = try t.trace(
            ["-q", "--expect", condition, "--expect", "process.args == 'two'"], program, status: .code(3))
        let findings = lines(unmet.errors).filter { $0.hasPrefix("finding:") }
        t.equal(findings, ["finding: no event matched --expect process.args == \"two\""], "the findings")
        let strict = try t.trace(["--strict", "--expect", "process.args == 'two'"], program, status: .code(3))
        t.expect(strict.errors.contains("finding:"), "no finding: \(strict.errors)")
    },

    Test("filter: a broken expression", dependsOnKernel: false) { t in
        for option in ["--filter", "--until", "--fail-on", "--expect"] {
            let run = try t.run([option, "user.id == 0 and proces.name == 'x'"], ["true"], milliseconds: 5000)
            t.equal(run.status, .code(64), "the exit status of \(option)")
            t.equal(run.text, "", "stdout")
            t.equal(
                run.errors,
                """
                ebpfguard: \(option): there is no field "proces.name"
                  user.id == 0 and proces.name == 'x'
                                   ^
                  did you mean process.name?

                """, "the message")
        }
        let type = try t.run(["--filter", "event.action == \"exce\""], ["true"], milliseconds: 5000)
        t.equal(type.status, .code(64), "the exit status")
        t.expect(type.errors.contains("did you mean \"exec\"?"), "the message: \(type.errors)")
    },
]
