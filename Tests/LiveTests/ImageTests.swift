// SPDX-License-Identifier: Apache-2.0

import Glibc

// Which file really runs, and what is odd about it.

let imageTests = [
    Test("image: a plain program has no mark, also when it is run by descriptor") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("descriptor", program))
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["process.executable"], .string(program), "process.executable")
        t.equal(exec["process.marks"], nil, "process.marks")
        t.equal(exec["ebpfguard.script"], nil, "ebpfguard.script")
    },

    Test("image: a deleted executable") { t in
        let program = try makeProgram("\(t.scratch)/doomed")
        let run = try t.trace(workload("deleted", program))
        t.equal(run.events.of("exec").count, 2, "the number of execs")
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["process.executable"], .string(program), "process.executable")
        t.equal(exec["process.marks"], ["deleted"], "process.marks")
        t.equal(exec["process.args"], ["deleted", "argument"], "process.args")
        t.equal(run.events.of("exec").first?["process.marks"], nil, "the marks of the workload itself")
        checkEnd(t, try t.require(run.events.of("exit").first, "exit"), of: exec)
    },

    Test("image: a memfd") { t in
        let program = try makeProgram("\(t.scratch)/program")
        for way in ["execveat", "fexecve", "proc"] {
            let run = try t.trace(workload("memfd", program, way))
            t.equal(run.events.of("exec").count, 2, "the number of execs")
            let exec = try t.require(run.events.of("exec").last, "exec")
            t.equal(exec["process.executable"], "/memfd:ghost", "process.executable by \(way)")
            t.equal(exec["process.marks"], ["memfd"], "process.marks by \(way)")
            t.equal(exec["process.args"], ["memory", "argument"], "process.args by \(way)")
        }
    },

    Test("image: a script") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let script = try makeScript("\(t.scratch)/script", "#!\(program) -x\n")
        let run = try t.trace([script, "one"])
        t.equal(run.events.of("exec").count, 1, "the number of execs")
        let exec = try t.require(run.events.of("exec").first, "exec")
        t.equal(exec["process.executable"], .string(program), "process.executable")
        t.equal(exec["process.args"], JSON([program, "-x", script, "one"]), "process.args")
        t.equal(exec["ebpfguard.script"], .string(script), "ebpfguard.script")
        t.equal(exec["ebpfguard.interpreter"], .string(program), "ebpfguard.interpreter")
        t.equal(exec["process.name"], "script", "process.name")
        let plain = try t.trace([program])
        t.equal(plain.events.of("exec").first?["ebpfguard.script"], nil, "the script of a program")
        t.equal(plain.events.of("exec").first?["ebpfguard.interpreter"], nil, "the interpreter of a program")
    },

    Test("image: a script by relative path, with a shell") { t in
        try makeScript("\(t.scratch)/script", "#!/bin/sh\nexit 6\n")
        let run = try t.trace(["./script", "one"], directory: t.scratch, status: .code(6))
        let exec = try t.require(run.events.of("exec").first, "exec")
        t.equal(exec["process.executable"], .string(resolved("/bin/sh")), "process.executable")
        t.equal(exec["process.args"], ["/bin/sh", "./script", "one"], "process.args")
        t.equal(exec["ebpfguard.script"], .string("\(t.scratch)/script"), "ebpfguard.script")
        t.equal(exec["ebpfguard.interpreter"], "/bin/sh", "ebpfguard.interpreter")
        t.equal(exec["process.working_directory"], .string(t.scratch), "process.working_directory")
    },

    Test("image: a script whose interpreter is a script whose interpreter is a script") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let third = try makeScript("\(t.scratch)/third", "#!\(program) -3\n")
        let second = try makeScript("\(t.scratch)/second", "#!\(third) -2\n")
        let first = try makeScript("\(t.scratch)/first", "#!\(second) -1\n")
        let run = try t.trace([first, "one"])
        t.equal(run.events.of("exec").count, 1, "the number of execs")
        let exec = try t.require(run.events.of("exec").first, "exec")
        t.equal(exec["process.executable"], .string(program), "process.executable")
        t.equal(exec["ebpfguard.script"], .string(first), "ebpfguard.script")
        t.equal(exec["ebpfguard.interpreter"], .string(program), "ebpfguard.interpreter")
        t.equal(exec["process.args"], JSON([program, "-3", third, "-2", second, "-1", first, "one"]), "process.args")
    },

    Test("image: a set-user-id program") { t in
        let plain = try makeProgram("\(t.scratch)/plain")
        let raised = try makeProgram("\(t.scratch)/raised", mode: 0o4755)
        func exec(_ words: [String]) throws -> Event {
            let run = try t.trace(words)
            let exec = try t.require(run.events.of("exec").last, "exec")
            t.equal(exec["process.executable"], .string(words.last ?? ""), "process.executable")
            checkEnd(t, try t.require(run.events.of("exit").by(exec.pid).first, "exit"), of: exec)
            return exec
        }
        let strong = try exec(workload("as-user", "65534", "65534", raised))
        t.equal(strong["user.id"], "0", "user.id")
        t.equal(strong["process.real_user.id"], "65534", "process.real_user.id")
        t.equal(strong["group.id"], "65534", "group.id")
        t.equal(strong["process.real_group.id"], "65534", "process.real_group.id")
        t.equal(strong["process.marks"], ["setuid"], "process.marks")
        let weak = try exec(workload("as-user", "65534", "65534", plain))
        t.equal(weak["user.id"], "65534", "user.id of a plain program")
        t.equal(weak["process.marks"], nil, "process.marks of a plain program")
        let held = try exec(workload("as-user", "65534", "65534", ownPath, "workload", "no-new-privileges", raised))
        t.equal(held["user.id"], "65534", "user.id with no_new_privs")
    },

    Test("image: upper layer of an overlay") { t in
        let run = try t.trace(workload("overlay", t.scratch), status: nil)
        try t.requires("overlayfs", isThere: run.status != .code(77), sinceKernel: KernelVersion(3, 18))
        t.equal(run.status, .code(0), "the exit status")
        func marks(_ name: String) throws -> JSON? {
            let exec = try t.require(run.events.of("exec").with(args: [name]).first, "exec of \(name)")
            let place = name == "outside" ? t.scratch : "\(t.scratch)/merged"
            t.equal(exec["process.executable"], .string("\(place)/\(name)"), "process.executable")
            return exec["process.marks"]
        }
        t.equal(try marks("image"), nil, "the marks of a program of the image")
        t.equal(try marks("added"), ["upper_layer"], "the marks of a program that was added")
        t.equal(try marks("changed"), ["upper_layer"], "the marks of a program that was changed")
        t.equal(try marks("outside"), nil, "the marks of a program outside of the overlay")
    },
]
