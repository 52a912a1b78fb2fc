// SPDX-License-Identifier: Apache-2.0

import Glibc

// What the tool cannot do, it says in one sentence, with a status that scripts can read.

let refusalTests = [
    Test("refusal: not root") { t in
        // A copy, as the way to the original may be closed to others.
        let copy = "\(t.scratch)/ebpfguard"
        let image = try t.require(bytes(of: t.settings.tool), "tool")
        try write(image, to: copy, mode: 0o755)
        let child = try Child([copy, "trace", "-o", "json", "--", "true"], user: 65534)
        let run = try t.finish(child, milliseconds: 5000)
        t.equal(run.status, .code(5), "the exit status")
        t.expect(run.errors.contains("root"), "the message does not name root: \(run.errors)")
        t.expect(lines(run.errors).count <= 2, "more than a sentence: \(run.errors)")
        t.equal(run.events.count, 0, "the number of events")
    },

    Test("refusal: usage errors", dependsOnKernel: false) { t in
        let cases: [(options: [String], mentions: String)] = [
            (["--no-such-option"], "no-such-option"),
            (["-d", "abc"], "abc"),
            (["-c", "0x"], "0x"),
            (["-o", "xml"], "xml"),
            (["--fields", "process.pdi"], "process.pid"),
            (["-u", "no-such-user"], "no-such-user"),
            (["--exe", "bin/sh"], "/dir/**"),
            (["--color", "perhaps"], "perhaps"),
            (["--buffer-size", "12parsecs"], "12parsecs"),
        ]
        for (options, mentions) in cases {
            let run = try t.run(options, ["true"], milliseconds: 5000)
            t.equal(run.status, .code(64), "the exit status of \(options)")
            t.expect(run.errors.contains(mentions), "the message for \(options): \(run.errors)")
            t.equal(run.text, "", "stdout for \(options)")
        }
        let unknown = try t.run([], milliseconds: 5000, command: "tarce")
        t.equal(unknown.status, .code(64), "the exit status of an unknown command")
        t.expect(unknown.errors.contains("commands: trace, watch-net"), "the message for it: \(unknown.errors)")
        let absent = try t.run(["--cgroup", "/no/such/cgroup"], ["true"], milliseconds: 5000)
        t.expect([.code(64), .code(66)].contains(absent.status), "the exit status of an absent cgroup")
    },

    Test("check: a table, and the same as JSON") { t in
        let table = try t.run(["--check"], milliseconds: 5000)
        t.equal(table.status, .code(0), "the exit status")
        for word in ["BTF", "ring buffer"] { t.expect(table.text.contains(word), "no \(word) in \(table.text)") }
        let json = try t.run(["--check", "-o", "json"], milliseconds: 5000)
        t.equal(json.status, .code(0), "the exit status with -o json")
        let documents = try lines(json.child.output).map { try JSON(parsing: $0) }
        t.expect(!documents.isEmpty, "no JSON")
        t.expect(json.text.contains("BTF"), "no BTF in \(json.text)")
    },
]
