// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// --learn: the policy that a run needed passes the same run, and stops another.

/// Lines without their comments, as a policy has them.
private func rules(_ text: String) -> [String] {
    lines(text).compactMap { line in
        var rule = line.firstRange(of: "# ").map { line[..<$0.lowerBound] } ?? line[...]
        while rule.last == " " { rule.removeLast() }
        return rule.isEmpty ? nil : String(rule)
    }
}

let learnTests = [
    Test("learn: connections, fed back, merged and kept", dependsOnKernel: false) { t in
        let file = "\(t.scratch)/learned"
        let first = ["tcp 127.0.0.1 20001", "send ::1 20002"]
        let added = "tcp 127.0.0.1 20003"
        func learn(_ attempts: [String]) throws -> Run {
            try t.trace(["--learn", file], workload("policy") + attempts, milliseconds: 20_000, command: "watch-net")
        }
        func enforce(_ attempts: [String], _ status: Child.ExitStatus) throws -> Run {
            try t.trace(
                [file], workload("policy") + attempts, milliseconds: 40_000, status: status, command: "enforce")
        }
        t.expect(try learn(first).errors.contains("learned: 2 rules into \(file)"), "the footer does not tell of it")
        let learned = try t.require(contents(of: file), "the file")
        t.equal(
            rules(learned), ["default net deny", "allow net 127.0.0.1:20001/tcp", "allow net [::1]:20002/udp"],
            "what was learned")
        t.equal(try enforce(first, .code(0)).told.count, 0, "violations of the same run")
        let stopped = try enforce(first + [added], .code(3)).told
        t.equal(stopped.compactMap { $0["destination.port"]?.integer }, [20003], "what is stopped of a changed one")

        // What a person has written stays, byte for byte, and decides.
        let mine = "# mine\ndeny net 127.0.0.1:20003\n"
        try write(learned + mine, to: file)
        let again = try learn(first + [added, "tcp 127.0.0.1 20004"])
        t.expect(again.errors.contains("learned: 1 rule into \(file); 2 allowed there before"), "\(again.errors)")
        t.expect(again.errors.contains("net 127.0.0.1:20003/tcp was needed, and \(file):"), "\(again.errors)")
        let merged = try t.require(contents(of: file), "the file")
        t.expect(merged.hasPrefix(learned + mine), "what was there has changed: \(merged)")
        t.equal(rules(String(merged.dropFirst((learned + mine).count))), ["allow net 127.0.0.1:20004/tcp"], "added")

        try write("alow net *\n", to: file)
        let wrong = try t.run(["--learn", file], ["/bin/true"], command: "watch-net")
        t.equal(wrong.status, .code(65), "the exit status with mistakes in the file")
        t.equal(contents(of: file), "alow net *\n", "the file with mistakes")
        t.equal(
            try t.run(["--learn", "/nonexistent/x"], ["/bin/true"]).status, .code(66),
            "the exit status without a directory")
    },

    Test("learn: programs and files, and the same of a recording", dependsOnKernel: false) { t in
        let recording = "\(t.scratch)/recording"
        try write("#!/bin/sh\n/bin/cat \(t.scratch)/in > \(t.scratch)/out\n", to: "\(t.scratch)/script")
        try write("in\n", to: "\(t.scratch)/in")
        t.equal(unsafe chmod("\(t.scratch)/script", 0o755), 0, "chmod")
        let program = ["\(t.scratch)/script"]
        _ = try t.trace(
            ["-w", recording, "--learn", "\(t.scratch)/live"], program, milliseconds: 20_000)
        let replay = try t.run(["-r", recording, "--learn", "\(t.scratch)/replayed"], milliseconds: 20_000)
        t.equal(replay.status, .code(0), "the exit status of the replay")
        let live = rules(try t.require(contents(of: "\(t.scratch)/live"), "the file"))
        t.equal(live, rules(contents(of: "\(t.scratch)/replayed") ?? ""), "rules of the recording")
        t.equal(live.first, "default exec deny", "the default")
        for path in ["\(t.scratch)/script", resolved("/bin/sh"), resolved("/bin/cat")] {
            t.expect(live.contains("allow exec \(path)"), "no rule for \(path): \(live)")
        }

        _ = try t.trace(
            ["--learn", "\(t.scratch)/files"], program, milliseconds: 20_000, command: "watch-files")
        let files = rules(try t.require(contents(of: "\(t.scratch)/files"), "the file"))
        t.equal(files.first, "default file deny", "the default")
        for rule in ["allow file read \(t.scratch)/in", "allow file write \(t.scratch)/out"] {
            t.expect(files.contains(rule), "no \(rule): \(files)")
        }
        t.expect(files.count < 40, "\(files.count) rules are many")
    },
]
