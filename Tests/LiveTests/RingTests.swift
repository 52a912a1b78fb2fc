// SPDX-License-Identifier: Apache-2.0

import Glibc

// Operations of io_uring: what a program does without system calls.

let ringTests = [
    Test("uring: each operation, with its names and its outcome") { t in
        let run = try traceRing(t, workload("ring", t.scratch))
        // "done RESULT..." of each submission but the last, in their order.
        let results = lines(run.said).filter { $0.hasPrefix("done ") && $0.split(separator: " ").count < 10 }
            .flatMap { $0.split(separator: " ").dropFirst().compactMap { Int($0) } }
        let expected: [(name: String, args: [String])] = [
            ("OPENAT", ["/dev/null", "AT_FDCWD", "O_RDONLY"]),
            ("OPENAT", ["missing", "AT_FDCWD", "O_RDONLY"]),
            ("CONNECT", ["127.0.0.1:1"]),
            ("NOP", []),
            ("STATX", ["/dev/null", "AT_FDCWD", "0"]),
            ("MKDIRAT", ["made", "AT_FDCWD", "0700"]),
            ("RENAMEAT", ["made", "renamed", "AT_FDCWD", "0"]),
            ("UNLINKAT", ["renamed", "AT_FDCWD", "AT_REMOVEDIR"]),
            ("OPENAT", ["first of a pair", "AT_FDCWD", "O_RDONLY"]),
            ("OPENAT", ["second of a pair", "AT_FDCWD", "O_RDONLY"]),
        ]
        t.equal(results.count, expected.count, "the number of results that the workload had")
        // One that this kernel does not know is refused before it is an operation.
        let known = zip(expected, results).filter { $1 != -Int(EINVAL) }
        t.expect(known.count == expected.count || KernelVersion.running < KernelVersion(5, 15), "unknown operations")
        let operations = run.told.filter { $0.action == "syscall" }
        let hundred = operations.filter { $0["ebpfguard.syscall.args.0"]?.string?.hasPrefix("missing ") == true }
        let others = operations.filter { $0["ebpfguard.syscall.args.0"]?.string?.hasPrefix("missing ") != true }
        t.equal(others.count, known.count, "the number of operations")
        for (event, (expected, result)) in zip(others, known) {
            t.equal(event["ebpfguard.syscall.name"], .string("io_uring:\(expected.name)"), "the name")
            t.equal(event["ebpfguard.syscall.abi"], "io_uring", "the table of \(expected.name)")
            t.equal(event["ebpfguard.syscall.return"], .integer(result), "the result of \(expected)")
            t.equal(event["event.outcome"], result < 0 ? "failure" : "success", "the outcome of \(expected)")
            t.equal(event["ebpfguard.errno"], result < 0 ? .integer(-result) : nil, "the errno of \(expected)")
            t.expect((event["event.duration"]?.integer ?? 0) > 0, "no duration of \(expected)")
            t.equal(event["process.executable"], .string(ownPath), "process.executable")
            let args = event["ebpfguard.syscall.args"]?.strings ?? []
            // A descriptor, where the kernel keeps its number, is the last.
            t.equal(
                expected.name == "CONNECT" ? Array(args.prefix(1)) : args, expected.args,
                "what \(expected.name) was given")
        }
        t.equal(others.first?["file.path"], "/dev/null", "file.path")
        t.equal(others.first?["event.category"], ["file"], "event.category")
        t.equal(others.dropFirst().first?["error.code"], "ENOENT", "error.code of a missing file")
        let connect = others.first { $0["ebpfguard.syscall.name"] == "io_uring:CONNECT" }
        t.equal(connect?["destination.ip"], "127.0.0.1", "destination.ip")
        t.equal(connect?["destination.port"], 1, "destination.port")
        t.equal(connect?["error.code"], "ECONNREFUSED", "error.code of a refused connection")
        t.equal(connect?["event.category"], ["network"], "event.category")
        t.equal(others.last?["error.code"], "ECANCELED", "error.code of the second of a pair")

        t.equal(hundred.count, 100, "the number of operations of one submission")
        t.equal(
            Set(hundred.compactMap { $0["ebpfguard.syscall.args.0"]?.string }), Set((0..<100).map { "missing \($0)" }),
            "their names")
        t.expect(hundred.allSatisfy { $0["error.code"] == "ENOENT" }, "not all of them failed")
        t.equal(run.surelyLost, 0, "'lost' in the footer")
    },

    Test("uring: a thread of the kernel that submits is the process's") { t in
        let run = try traceRing(t, workload("ring-polled"))
        let exec = try t.require(run.told.of("exec").first, "exec")
        let operations = run.told.filter { $0.action == "syscall" }
        t.equal(
            operations.map { $0["ebpfguard.syscall.args.0"]?.string }, ["/missing/polled", "/dev/null"],
            "the operations")
        t.equal(operations.map { $0["error.code"]?.string }, ["ENOENT", nil], "their errors")
        for operation in operations {
            t.equal(operation.pid, exec.pid, "process.pid")
            t.equal(operation["process.entity_id"], exec["process.entity_id"], "process.entity_id")
            t.equal(operation["process.executable"], .string(ownPath), "process.executable")
        }
    },
]

/// Its operations and its exec.
private func traceRing(_ t: Context, _ words: [String]) throws -> Run {
    let setting = contents(of: "/proc/sys/kernel/io_uring_disabled")
    let run = try t.trace(["--syscalls=io_uring:*", "--events", "exec,syscall"], words, status: nil)
    if run.status == .code(77) {
        throw Stop.skipped("this kernel has no io_uring (kernel.io_uring_disabled is \(setting ?? "not there"))")
    }
    t.equal(run.status, .code(0), "the exit status")
    return Run(child: run.child, events: run.events)
}
