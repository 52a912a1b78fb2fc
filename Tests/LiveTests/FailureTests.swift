// SPDX-License-Identifier: Apache-2.0

// An exec that fails is an event too: what was asked for, and why it was refused.

let failureTests = [
    Test("failed exec: every errno, with what was asked for") { t in
        let run = try t.trace(workload("failing", t.scratch))
        let execs = run.events.of("exec")
        t.equal(execs.count, 2, "the number of execs that worked")
        let caller = try t.require(execs.first, "exec")
        let expected: [(path: String, args: [String], code: String, errno: Int)] = [
            ("absent", ["first", "one", "two"], "ENOENT", 2),
            ("absent", ["second"], "ENOENT", 2),
            ("plain", ["third"], "EACCES", 13),
            ("garbage", ["fourth"], "ENOEXEC", 8),
            ("plain/inside", ["fifth"], "ENOTDIR", 20),
            ("inner", ["sixth"], "EACCES", 13),
            ("loop", ["seventh"], "ELOOP", 40),
            ("inner/absent", ["eighth"], "ENOENT", 2),
            ("/", ["ninth"], "EACCES", 13),
            ("fine", ["tenth"], "E2BIG", 7),
        ]
        t.equal(run.events.failures.count, expected.count, "the number of execs that failed")
        for (event, expected) in zip(run.events.failures, expected) {
            let path = expected.path == "/" ? "/" : "\(t.scratch)/\(expected.path)"
            t.equal(event["ebpfguard.exec_path"], .string(path), "ebpfguard.exec_path")
            if expected.code != "E2BIG" {
                t.equal(event["ebpfguard.exec_args"], JSON(expected.args), "ebpfguard.exec_args of \(path)")
            }
            t.equal(event["error.code"], .string(expected.code), "error.code of \(path)")
            t.equal(event["ebpfguard.errno"], .integer(expected.errno), "ebpfguard.errno of \(path)")
            for key in ["entity_id", "pid", "executable", "args", "parent"] {
                t.equal(event["process.\(key)"], caller["process.\(key)"], "process.\(key) of the caller")
            }
            t.equal(event["process.working_directory"], .string(t.scratch), "process.working_directory")
        }
        let last = try t.require(execs.last, "exec")
        t.equal(last["process.executable"], .string("\(t.scratch)/fine"), "the executable in the end")
        for key in ["error.code", "ebpfguard.errno", "ebpfguard.exec_path", "ebpfguard.exec_args"] {
            t.equal(last[key], nil, "\(key) of an exec that worked")
        }
        t.equal(run.events.of("exit").count, 1, "the number of exits")
    }
]
