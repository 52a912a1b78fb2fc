// SPDX-License-Identifier: Apache-2.0

// Arguments and paths of every size and with any byte: right, or marked as cut.

let argumentTests = [
    Test("arguments: a list of 1 MB is cut, marked and counted") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("arguments", program, "1000", "1047"))
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["process.executable"], .string(program), "process.executable")
        t.equal(exec["process.args_count"], 1001, "process.args_count")
        t.equal(exec["process.args_truncated"], true, "process.args_truncated")
        checkPrefix(t, exec.args, of: [program] + numbered(1000, length: 1047))
        let end = try t.require(run.events.of("exit").by(exec.pid).first, "exit")
        checkEnd(t, end, of: exec)
    },

    Test("arguments: one of 100 KB is cut and marked") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("arguments", program, "1", "100000"))
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["process.args_count"], 2, "process.args_count")
        t.equal(exec["process.args_truncated"], true, "process.args_truncated")
        checkPrefix(t, exec.args, of: [program] + numbered(1, length: 100_000))
    },

    Test("arguments: 32 KiB are kept whole") { t in
        // As the kernel stores them: each with its NUL.
        let program = try makeProgram("\(t.scratch)/program")
        let length = 32768 - (program.utf8.count + 1) - 1
        let run = try t.trace(workload("arguments", program, "1", "\(length)"))
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["process.args"], JSON([program] + numbered(1, length: length)), "process.args")
        t.equal(exec["process.args_truncated"], nil, "process.args_truncated")
        t.equal(exec["process.args_count"], 2, "process.args_count")
    },

    Test("arguments: a thousand of them") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("arguments", program, "1000", "8"))
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["process.args"], JSON([program] + numbered(1000, length: 8)), "process.args")
        t.equal(exec["process.args_truncated"], nil, "process.args_truncated")
        t.equal(exec["process.args_count"], 1001, "process.args_count")
    },

    Test("arguments: escape sequences come through JSON exactly") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let words = ["a\u{1B}[31mred\u{1B}[0m", "\u{7}\u{8}\t\n\r\u{1F}\u{7F}", "\"\\/", "é\u{9B}31m\u{202E}😀"]
        let run = try t.trace([program] + words)
        let exec = try t.require(run.events.of("exec").first, "exec")
        t.equal(exec["process.args"], JSON([program] + words), "process.args")
    },

    Test("arguments: no control character reaches the text output", dependsOnKernel: false) { t in
        let program = try makeProgram("\(t.scratch)/program")
        let words = ["a\u{1B}[31mred\u{1B}[0m", "\u{7}\u{8}\t\n\r\u{1F}\u{7F}", "é\u{9B}31m\u{85}", "\u{202E}last"]
        for form in ["text", "wide"] {
            let run = try t.run(["-o", form], [program] + words)
            t.equal(run.status, .code(0), "the exit status")
            t.expect(run.text.contains("last"), "the arguments are not shown: \(run.text)")
            t.equal(run.footer("printed"), lines(run.child.output).count, "'printed' beside the number of lines")
            for scalar in run.text.unicodeScalars where scalar != "\n" {
                let isControl = scalar.properties.generalCategory == .control || scalar == "\u{202E}"
                t.expect(!isControl, "U+\(String(scalar.value, radix: 16)) in \(form)")
            }
        }
    },

    Test("arguments: invalid UTF-8") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("exec", program, "name", "bad\\xff\\xfe\\xc3(end", "\\xc3\\xa9"))
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["process.args"], ["name", "bad\u{FFFD}\u{FFFD}\u{FFFD}(end", "é"], "process.args")
    },

    Test("arguments: empty ones in the middle and at the end") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("exec", program, "name", "", "middle", "", ""))
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["process.args"], ["name", "", "middle", "", ""], "process.args")
        t.equal(exec["process.args_count"], 5, "process.args_count")
        let nameless = try t.trace(workload("exec", program, ""))
        t.equal(nameless.events.of("exec").last?["process.args"], [""], "process.args of a program without a name")
    },

    Test("paths: 4,000 bytes by absolute and by relative path") { t in
        for (length, form) in [(4050, "absolute"), (4095, "absolute"), (4095, "relative")] {
            let run = try t.trace(workload("deep", t.scratch, "\(length)", form))
            let exec = try t.require(run.events.of("exec").last, "exec")
            let path = try t.require(lines(run.said).first { $0.hasPrefix(t.scratch) }, "path from the workload")
            t.equal(path.utf8.count, length, "the length of the path")
            t.equal(exec["process.executable"], .string(path), "process.executable (\(form))")
            let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            t.equal(exec["process.working_directory"], .string(directory), "process.working_directory")
            t.equal(exec["process.args"], ["deep"], "process.args")
        }
    },

    Test("secrets in arguments are masked, unless they are asked for", dependsOnKernel: false) { t in
        let program = try makeProgram("\(t.scratch)/program")
        let words = [
            program, "--password=hunter2", "--token", "hunter2", "-H", "Authorization: Bearer hunter2",
            "--pass-through", "plain",
        ]
        let masked = [
            program, "--password=*****", "--token", "*****", "-H", "Authorization: Bearer *****",
            "--pass-through", "plain",
        ]
        let run = try t.trace(words)
        t.equal(run.events.of("exec").map(\.args), [masked], "process.args")
        t.equal(run.events.of("exit").map(\.args), [masked], "process.args at the exit")
        let child = try t.trace(workload("exec", program) + words)
        t.equal(child.events.of("exec").last?.args, masked, "process.args of a child")
        for run in [run, child, try t.run(["-o", "text"], words), try t.run(["-o", "wide"], words)] {
            t.expect(!run.text.contains("hunter2"), "the secret is in the output: \(run.text.prefix(300))")
        }
        let shown = try t.trace(["--no-redact"], words)
        t.equal(shown.events.of("exec").map(\.args), [words], "process.args with --no-redact")
    },
]

/// What the workload `arguments` passes.
private func numbered(_ count: Int, length: Int) -> [String] {
    (1...count).map { number in
        let digits = "\(number)"
        let start = String(repeating: "0", count: 7 - digits.count) + digits
        return start + String(repeating: "x", count: length - 7)
    }
}

/// Cut behind 32,000 bytes at the earliest, and before that nothing is missing.
private func checkPrefix(_ t: Context, _ actual: [String], of whole: [String]) {
    t.expect(actual.reduce(0) { $0 + $1.utf8.count + 1 } >= 32000, "only \(actual.count) arguments are kept")
    t.equal(actual.dropLast(), whole.prefix(actual.count - 1), "the arguments that are kept")
    let last = actual.last ?? ""
    let isStart = whole[max(actual.count - 1, 0)].hasPrefix(last)
    t.expect(isStart, "the last argument that is kept is wrong: \(last.prefix(40))")
}
