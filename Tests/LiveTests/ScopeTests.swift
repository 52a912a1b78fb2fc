// SPDX-License-Identifier: Apache-2.0

import Glibc

// What is watched and what is not. A scope that lets too much through fails here as well as one that loses something.

let scopeTests = [
    Test("scope: --comm and --exe") { t in
        try makeDirectory("\(t.scratch)/inner")
        try makeDirectory("\(t.scratch)/inner/deep")
        let alpha = try makeProgram("\(t.scratch)/alpha")
        let beta = try makeProgram("\(t.scratch)/beta.bin")
        let gamma = try makeProgram("\(t.scratch)/inner/gamma")
        let deep = try makeProgram("\(t.scratch)/inner/deep/alpha")
        let scratch = t.scratch
        let all: Set = [alpha, beta, gamma, deep]
        let cases: [(options: [String], expected: Set<String>)] = [
            ([], all.union([ownPath])),
            (["--comm", "alpha"], [alpha, deep]),
            (["--comm", "!alpha"], [beta, gamma, ownPath]),
            (["--comm", "alpha", "--comm", "gamma"], [alpha, deep, gamma]),
            (["--comm", "alph"], []),
            (["--exe", alpha], [alpha]),
            (["--exe", "\(scratch)/**"], all),
            (["--exe", "\(scratch)/*"], [alpha, beta]),
            (["--exe", "\(scratch)/inner/**"], [gamma, deep]),
            (["--exe", "**/alpha"], [alpha, deep]),
            (["--exe", "**/*.bin"], [beta]),
            (["--exe", "!\(scratch)/**"], [ownPath]),
            (["--exe", alpha, "--exe", gamma], [alpha, gamma]),
            (["--exe", "\(scratch)/inner/**", "--comm", "alpha"], [deep]),
            (["--exe", "\(scratch)/*", "--comm", "!alpha"], [beta]),
        ]
        // On a slow machine five: each kind negated, an exact path, all below a directory, both kinds.
        for (number, (options, expected)) in cases.enumerated() where !t.settings.isSlow || number % 3 == 2 {
            let run = try t.trace(options, workload("each", alpha, beta, gamma, deep))
            for action in ["exec", "exit"] {
                let seen = run.events.of(action).compactMap { $0["process.executable"]?.string }
                t.equal(Set(seen), expected, "\(action) with \(options)")
                t.equal(seen.count, expected.count, "the number of \(action) with \(options)")
            }
            t.equal(run.surelyLost, 0, "'lost' with \(options)")
        }
    },

    Test("scope: --user") { t in
        let program = try makeProgram("\(t.scratch)/program")
        // The exec of as-user and everything before it is root's.
        let words = workload("as-user", "65534", "65534", program)
        var options = [["-u", "65534"], ["-u", "!0"], ["-u", "65534", "-u", "4242"]]
        if let name = userName(65534) { options += [["--user", name], ["-u", "!\(userName(0) ?? "0")"]] }
        for options in options.prefix(t.settings.isSlow ? 2 : options.count) {
            let run = try t.trace(options, words)
            t.equal(run.events.of("exec").map(\.args), [[program]], "the execs with \(options)")
            t.equal(run.events.of("exit").map(\.args), [[program]], "the exits with \(options)")
        }
        let root = try t.trace(["-u", "0"], words)
        t.equal(root.events.of("exec").map(\.args), [words], "the execs with -u 0")
        let other = try t.trace(["-u", "4242"], words)
        t.equal(other.events.count, 0, "the number of events with -u 4242")
    },

    Test("scope: --cgroup, with those below") { t in
        let outer = try Cgroup(t, "outer")
        let inner = try Cgroup(t, "inner", below: outer.path)
        let program = try makeProgram("\(t.scratch)/program")
        let words = [
            ["sh", "-c", "\"$@\" & wait", "outside", program, "outside"],
            workload("in-cgroup", outer.path, program, "outer"),
            workload("in-cgroup", inner.path, program, "inner"),
        ]
        func check(_ options: [String], _ expected: Set<String>) throws {
            let child = try t.watch(["-o", "json"] + options)
            for words in words {
                let child = try Child(words)
                child.wait(milliseconds: t.allow(milliseconds: 2000))
            }
            let run = try t.stop(child)
            let seen = run.events.of("exec").filter { $0.args.first == program }.compactMap(\.args.last)
            t.equal(Set(seen), expected, "what \(options) lets through")
            t.equal(seen.count, expected.count, "the number of execs with \(options)")
        }
        try check(["--cgroup", outer.path], ["outer", "inner"])
        try check(["--cgroup", "!\(outer.path)"], ["outside"])
        if t.settings.isSlow { return }
        try check(["--cgroup", outer.name], ["outer", "inner"])
        try check(["--cgroup", inner.path], ["inner"])
        try check(["--cgroup", outer.path, "--comm", "nothing"], [])
    },

    Test("scope: -p follows descendants, old and new, also when one between has gone") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let family = try Child(workload("family", program))
        func said(_ line: String) -> Bool {
            family.wait(milliseconds: t.allow(milliseconds: 2000)) { $0.outputText.contains(line + "\n") }
        }
        family.wait(milliseconds: t.allow(milliseconds: 2000)) { $0.outputText.hasSuffix("\n") }
        let pids = lines(family.outputText).first.map { $0.split(separator: " ").compactMap { Int($0) } } ?? []
        guard pids.count == 3 else { throw Stop.failed("the workload says \(family.outputText)") }
        defer { for pid in pids { kill(pid_t(pid), SIGKILL) } }

        let child = try t.watch(["-o", "json", "-p", "\(pids[0])"])
        for (pid, name) in zip(pids, ["eldest", "middle", "youngest"]) {
            _ = try Child([program, "stranger"]).wait(milliseconds: 2000)
            kill(pid_t(pid), SIGUSR1)
            t.expect(said("done \(name)"), "the workload never started the program of \(name)")
        }
        kill(pid_t(pids[1]), SIGUSR2)
        child.wait(milliseconds: t.allow(milliseconds: 2000)) { _ in hasEnded(pids[1]) }
        kill(pid_t(pids[2]), SIGUSR1)
        t.expect(said("done youngest\ndone youngest"), "the workload never started the program of the orphan")
        let run = try t.stop(child)

        let expected = ["eldest", "middle", "youngest", "youngest"].map { [program, $0] }
        t.equal(run.events.of("exec").map(\.args), expected, "the execs")
        t.equal(run.events.of("exit").filter { $0.args.first == program }.map(\.args), expected, "the exits")
        t.equal(run.events.of("fork").count, 4, "the number of forks")
        t.equal(run.events.of("exit").filter { $0.args.first != program }.map(\.pid), [pids[1]], "the other exits")
        t.equal(run.events.count, 4 * 3 + 1, "the number of events")
        for (exec, parent) in zip(run.events.of("exec"), [pids[0], pids[1], pids[2], pids[2]]) {
            t.equal(exec["process.parent.pid"], .integer(parent), "process.parent.pid")
            t.equal(exec["process.parent.executable"], .string(ownPath), "process.parent.executable")
        }
        t.equal(
            run.events.of("exec").first?.ancestors, [pids[0]] + lineage(of: Int(getpid())), "the eldest's ancestors")
        t.equal(
            run.events.of("exec").dropFirst(2).first?.ancestors,
            [pids[2], pids[1], pids[0]] + lineage(of: Int(getpid())), "the youngest's ancestors")
    },

    Test("scope: -p twice, and a pid that does not exist") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let families = try (0..<3).map { _ in try Child(workload("family", program)) }
        for family in families {
            family.wait(milliseconds: t.allow(milliseconds: 2000)) { $0.outputText.hasSuffix("\n") }
        }
        let pids = families.flatMap { family in
            family.outputText.split { " \n".contains($0) }.compactMap { Int($0) }
        }
        guard pids.count == 9 else { throw Stop.failed("the workloads did not start") }
        defer { for pid in pids { kill(pid_t(pid), SIGKILL) } }
        let child = try t.watch(["-o", "json", "-p", "\(pids[0])", "-p", "\(pids[3])"])
        for family in families { family.kill(SIGUSR1) }
        for family in families {
            family.wait(milliseconds: t.allow(milliseconds: 2000)) { $0.outputText.contains("done") }
        }
        let run = try t.stop(child)
        let parents = run.events.of("exec").compactMap { $0["process.parent.pid"]?.integer }
        t.equal(parents.sorted(), [pids[0], pids[3]].sorted(), "the parents of what was started")

        let absent = try t.run(["-p", "999999999"], milliseconds: 5000)
        t.expect(absent.status != .code(0), "a pid that does not exist is accepted")
        t.expect(absent.errors.contains("999999999"), "the message does not name it: \(absent.errors)")
    },
]
