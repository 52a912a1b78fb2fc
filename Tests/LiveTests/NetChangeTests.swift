// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// watch-files: what a run leaves changed, and what it writes where it should not.

private let script = """
    cd "$1"
    echo a > in/new
    echo b > in/tmp; rm in/tmp
    echo c > in/edited.tmp; mv in/edited.tmp in/edited
    echo d >> in/old
    rm in/gone
    mv in/moved out/moved
    mkdir in/dir; echo 1 > in/dir/f; mv in/dir in/dir2
    ln -s new in/link; ln in/new in/hard
    cp "$2" in/prog; in/prog workload exit 0
    rm in/prog.old; cp in/old in/prog.old
    echo > /dev/null
    cat in/new
    echo e > out/log; rm out/log
    """

extension Context {
    /// Files that are there before.
    fileprivate func prepare(_ name: String = "run") throws -> String {
        let place = "\(scratch)/\(name)"
        for directory in ["", "/in", "/out"] { unsafe mkdir(place + directory, 0o755) }
        for name in ["edited", "old", "gone", "moved", "prog.old"] { try write("1\n", to: "\(place)/in/\(name)") }
        return place
    }

    fileprivate func changes(_ options: [String], _ place: String, status: Child.ExitStatus = .code(0)) throws -> Run {
        try trace(
            options, ["/bin/sh", "-ec", script, "sh", place, ownPath], status: status, command: "watch-files")
    }
}

extension Run {
    /// "created /x (content) executed", with what lies behind `place`.
    fileprivate func rows(below place: String) -> [String] {
        events.filter { $0.action == "net_change" }.map { row in
            func name(_ field: String) -> String? {
                row[field]?.string.map { $0.hasPrefix(place) ? String($0.dropFirst(place.count)) : $0 }
            }
            var line = "\(name("ebpfguard.file.change") ?? "-") \(name("file.path") ?? "-")"
            if let origin = name("file.original_path") { line += " was \(origin)" }
            if let destination = name("ebpfguard.file.moved_to") { line += " now \(destination)" }
            if let aspects = row["ebpfguard.file.changed"]?.strings { line += " (\(aspects.joined(separator: ",")))" }
            return row["ebpfguard.file.executed"]?.bool == true ? line + " executed" : line
        }
    }
}

let netChangeTests = [
    Test("files: what a run leaves changed, without what came and went") { t in
        let place = try t.prepare()
        let recording = "\(t.scratch)/run.rec"
        let run = try t.changes(["--diff", "-w", recording, "\(place)/in"], place)
        t.equal(run.surelyLost, 0, "what was lost")
        t.equal(run.events.count { $0.action != "net_change" && $0.action != "loss" }, 0, "other events with --diff")
        // Without fexit nobody knows that there was a file before.
        let edited = try t.hasFunctionEntry() ? "changed" : "created"
        // What is written is told at the end there, under the file's first name.
        let inDirectory = try t.hasFunctionEntry() ? " (content)" : ""
        let expected = [
            "created /in/dir2", "created /in/dir2/f\(inDirectory)", "\(edited) /in/edited (content)",
            "deleted /in/gone",
            "created /in/hard", "created /in/link", "deleted /in/moved now /out/moved", "created /in/new (content)",
            "changed /in/old (content)", "created /in/prog (content) executed", "replaced /in/prog.old (content)",
            "created /out/moved was /in/moved",
        ]
        t.equal(run.rows(below: place), expected, "what is left")
        let who = run.events.first { $0["file.path"]?.string == "\(place)/in/gone" }
        t.equal(who?["process.name"]?.string, "rm", "who has removed a file")
        t.equal(who?["event.type"]?.strings, ["deletion"], "type of a deletion")
        t.expect(
            run.errors.contains("left: \(edited == "created" ? 8 : 7) created, "),
            "the footer: \(run.errors)")

        let replay = try t.run(["-o", "json", "--diff", "-r", recording, "\(place)/in"], command: "watch-files")
        t.expect(replay.child.output == run.child.output, "a replay leaves something else")
        let text = try t.run(["--diff", "-r", recording, "\(place)/in"], command: "watch-files")
        t.expect(text.text.contains("deleted  \(place)/in/gone  by rm["), "text: \(text.text)")
        t.expect(!text.errors.contains("WHAT"), "a header above no events: \(text.errors)")
    },

    Test("files: writes outside a directory are findings", dependsOnKernel: false) { t in
        let place = try t.prepare()
        let report = "\(t.scratch)/report.json"
        let run = try t.changes(
            ["--expect-no-writes-outside", "\(place)/in", "--report", report], place, status: .code(3))
        let findings = lines(run.errors).filter { $0.hasPrefix("finding: ") }
        t.equal(findings.count, 2, "findings: \(findings)")
        t.expect(
            findings.contains { $0.hasPrefix("finding: \(place)/out/moved (rename) by mv[") }, "a rename in \(findings)"
        )
        t.expect(
            findings.contains { $0.hasPrefix("finding: \(place)/out/log (create") && $0.contains("unlink") },
            "a file that came and went in \(findings)")
        let check = try JSON(parsing: try t.require(bytes(of: report), "report"))["checks.0"]
        t.equal(check?["passed"]?.bool, false, "the check in the report")
        t.equal(check?["findings"]?.array?.count, 2, "findings in the report")

        // What is shown does not decide of what is looked at.
        let little = try t.prepare("little")
        let shown = try t.changes(
            ["--ops", "mkdir", "--expect-no-writes-outside", "\(little)/in", "\(little)/in"], little, status: .code(3))
        let elsewhere = lines(shown.errors).filter { $0.hasPrefix("finding: ") }
        t.equal(elsewhere.count, 2, "findings: \(elsewhere)")
        t.equal(Set(shown.told.map(\.action)), ["mkdir"], "what is shown")

        let both = try t.prepare("both")
        let all = try t.changes(
            ["--expect-no-writes-outside", "\(both)/in", "--expect-no-writes-outside", "\(both)/out"], both)
        t.expect(!all.told.contains { $0.action == "read" }, "reads that nobody has asked for")
    },

    Test("files: who wrote what is executed", dependsOnKernel: false) { t in
        let script = """
            cd "$1"
            cp "$2" tool; mv tool moved; ./moved workload exit 0
            printf '#!/bin/sh\\nexit 0\\n' > run; chmod +x run; ./run
            ln moved other; rm moved; ./other workload exit 0
            ./old workload exit 0
            """
        _ = try makeProgram("\(t.scratch)/old")
        let recording = "\(t.scratch)/run.rec"
        let arguments = ["/bin/sh", "-ec", script, "sh", t.scratch, ownPath]
        let run = try t.trace(
            ["-w", recording, "--fail-on", "ebpfguard.file.written_by.pid exists"], arguments, status: .code(3),
            command: "watch-files")
        t.equal(run.surelyLost, 0, "what was lost")
        func executions(_ action: String, in events: [Event]) -> [String] {
            events.filter { $0.action == action && $0["ebpfguard.file.written_by.pid"] != nil }.map { event in
                "\(event.path.split(separator: "/").last ?? "-") by \(event["ebpfguard.file.written_by.name"]?.string ?? "-")"
            }
        }
        t.equal(executions("exec", in: run.told), ["moved by cp", "run by sh", "other by cp"], "what is executed")
        t.equal(run.told.count { $0.action == "exec" }, 3, "all execs")
        for exec in run.told where exec.action == "exec" {
            let writes = run.told.filter {
                ["create", "write"].contains($0.action) && $0.pid == exec["ebpfguard.file.written_by.pid"]?.integer
            }
            t.expect(!writes.isEmpty, "its writer wrote nothing")
            let identity = exec["ebpfguard.file.written_by.entity_id"]
            t.equal(identity, writes.first?["process.entity_id"], "entity_id of who wrote it")
            let time = exec["ebpfguard.file.written_by.time"]?.string.flatMap(nanoseconds(of:)) ?? .max
            t.expect(time < exec.nanoseconds, "it was written later")
        }
        // What an exec opens is told before, where it can be.
        let opens = executions("open", in: run.told)
        let expected = ["moved by cp", "run by sh", "other by cp"]
        t.equal(opens, try t.hasFunctionEntry() ? expected : [], "what an exec opens")

        let again = try t.run(["-o", "json", "-r", recording], command: "watch-files")
        t.equal(lines(again.text), lines(run.text).filter { !$0.contains("\"loss\"") }, "the replay")
        let text = try t.run(["--ops", "exec", "-r", recording], command: "watch-files")
        let moved = lines(text.text).filter { $0.contains("exec       \(t.scratch)/moved written by cp[") }
        t.equal(moved.count, 1, "text: \(text.text)")
        t.equal(lines(text.text).count, 3, "lines with --ops exec")
    },

    Test("files: hashes of what is written and executed", dependsOnKernel: false) { t in
        let program = try makeProgram("\(t.scratch)/program")
        let script = """
            cd "$1"
            echo hello > written
            echo moved > passing; mv passing final
            cp program tool; ./tool
            echo 1 > twice; sleep 0.1; echo 2 > twice
            truncate -s 17M large; echo x >> large
            """
        let recording = "\(t.scratch)/run.rec"
        let run = try t.trace(
            ["--hash", "sha256", "-w", recording, t.scratch], ["/bin/sh", "-ec", script, "sh", t.scratch],
            command: "watch-files")
        t.equal(run.surelyLost, 0, "what was lost")
        let names = ["written", "final", "tool", "twice"]
        let sums = try Child(["/usr/bin/sha256sum"] + names.map { "\(t.scratch)/\($0)" })
        sums.closeInput()
        t.expect(sums.wait(milliseconds: t.allow(milliseconds: 10_000)), "sha256sum still runs")
        let known = Dictionary(uniqueKeysWithValues: zip(names, lines(sums.outputText).map { String($0.prefix(64)) }))
        func hashes(_ action: String, _ name: String) -> [String?] {
            run.told.filter { $0.action == action && $0.path == "\(t.scratch)/\(name)" }
                .map { $0["file.hash.sha256"]?.string }
        }
        t.equal(known.count, 4, "sums")
        t.equal(hashes("write", "written"), [known["written"]], "of what was written")
        t.equal(hashes("exec", "tool"), [known["tool"]], "of what was executed")
        t.equal(hashes("write", "large"), [nil], "of a large file")
        t.expect(run.errors.contains("1 larger than 16 MiB"), "it is not said: \(run.errors.suffix(800))")
        // A file that has changed since has none: never that of what was written later.
        let twice = hashes("write", "twice")
        t.equal(twice.last, known["twice"], "of what was written last")
        if try t.hasFunctionEntry() {
            t.equal(hashes("open", "tool").contains(known["tool"]), true, "of what an exec opens")
            t.equal(hashes("rename", "final"), [known["final"]], "of what has another name now")
            t.equal(twice.count, 2, "writes of a file that is written twice")
            t.expect(twice[0] != known["twice"], "the first write has the hash of the second")
        } else {
            t.equal(hashes("write", "passing"), [known["final"]], "of what has another name now")
        }
        let again = try t.run(["-o", "json", "--hash", "sha256", "-r", recording, t.scratch], command: "watch-files")
        t.equal(lines(again.text), lines(run.text).filter { !$0.contains("\"loss\"") }, "the replay")
        let text = try t.run(["--hash", "sha256", "-r", recording, t.scratch], command: "watch-files")
        let short = " sha256:\(known["written"]?.prefix(12) ?? "-")"
        t.expect(lines(text.text).contains { $0.contains("/written 6\(short)") }, "text: \(text.text)")
        let wrong = try t.run(["--hash", "md5", "--", program], command: "watch-files")
        t.equal(wrong.status, .code(64), "the exit status of another function")
    },

    Test("files: sets of paths, and changes alone", dependsOnKernel: false) { t in
        let root = "\(t.scratch)/home/.ssh"
        unsafe mkdir("\(t.scratch)/home", 0o755)
        unsafe mkdir(root, 0o755)
        try write("key\n", to: "\(root)/authorized_keys")
        let program = ["/bin/sh", "-c", "cat \(root)/authorized_keys; echo key >> \(root)/authorized_keys"]
        func opens(_ options: [String]) throws -> [String] {
            let run = try t.trace(options, program, command: "watch-files")
            return run.told.filter { $0.action == "open" }.map { $0["file.path"]?.string ?? "-" }
        }
        let file = "\(root)/authorized_keys"
        t.equal(try opens(["--preset", "persistence"]), [file], "opens to write")
        t.equal(try opens(["--preset", "persistence", "--ops", "open"]), [file, file], "all opens")
        t.equal(try opens(["--preset", "secrets"]), [file, file], "secrets that are read too")
        t.equal(try opens(["--preset", "k8s-tokens"]), [], "other files")
        let wrong = try t.run(["--preset", "secret", "--", "/bin/true"], command: "watch-files")
        t.equal(wrong.status, .code(64), "the exit status of a set that there is not")
        t.expect(wrong.errors.contains("k8s-tokens"), "the message: \(wrong.errors)")
    },
]
