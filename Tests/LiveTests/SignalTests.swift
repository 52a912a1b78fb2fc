// SPDX-License-Identifier: Apache-2.0

import Glibc

// Who sent which signal to whom, and whom the OOM killer chose.

let signalTests = [
    Test("signal: from one process to another, and to itself") { t in
        let run = try t.trace(["--signals"], workload("kills"))
        let pids = run.said("pids")
        guard pids.count == 4 else { throw Stop.failed("the workload says \(run.said)") }
        let (sender, receiver, faulting, aborting) = (pids[0], pids[1], pids[2], pids[3])
        let expected: [(from: Int, signal: String, to: Int, result: String)] = [
            (sender, "SIGUSR2", receiver, "ignored"), (sender, "SIGHUP", receiver, "delivered"),
            (sender, "SIGHUP", receiver, "pending"), (sender, "SIGUSR1", receiver, "delivered"),
            (sender, "SIGRTMIN+3", receiver, "delivered"), (faulting, "SIGSEGV", faulting, "delivered"),
            (aborting, "SIGABRT", aborting, "delivered"),
        ]
        t.equal(run.told.count, expected.count, "the number of signals")
        for (event, expected) in zip(run.told, expected) {
            t.equal(event.action, "signal", "event.action")
            t.equal(event["ebpfguard.signal"], .string(expected.signal), "ebpfguard.signal")
            t.equal(event["ebpfguard.signal_result"], .string(expected.result), "the result of \(expected)")
            t.equal(event.pid, expected.from, "the sender of \(expected)")
            t.equal(event["ebpfguard.target.pid"], .integer(expected.to), "the receiver of \(expected)")
            t.equal(event["process.name"], "sender", "the sender's name")
            let name = expected.to == receiver ? "receiver" : "sender"
            t.equal(event["ebpfguard.target.name"], .string(name), "the receiver's name")
            t.equal(event["ebpfguard.target.executable"], .string(ownPath), "the receiver's executable")
            t.equal(event["process.executable"], .string(ownPath), "the sender's executable")
            let isItself = event["ebpfguard.target.entity_id"] == event["process.entity_id"]
            t.equal(isItself, expected.from == expected.to, "the same entity_id on both sides")
        }
    },

    Test("signal: --signals=SET, and SIGCHLD only when it is asked for") { t in
        func signals(_ option: String) throws -> [String] {
            try t.trace([option, "--events", "signal"], workload("kills")).told
                .map { $0["ebpfguard.signal"]?.string ?? "" }
        }
        t.equal(try signals("--signals=SIGCHLD"), ["SIGCHLD", "SIGCHLD", "SIGCHLD"], "only SIGCHLD")
        t.equal(try signals("--signals=rtmin+3,abrt"), ["SIGRTMIN+3", "SIGABRT"], "two of them")
        if t.settings.isSlow { return }
        t.equal(try signals("--signals=all").count, 10, "the number of all")
        t.equal(try signals("--signals=!SIGHUP,!SIGCHLD").count, 5, "the number without SIGHUP")
    },

    Test("signal: -p by receiver and by sender") { t in
        let receiver = try Child(workload("wait-for-input"))
        let other = try Child(workload("wait-for-input"))
        let child = try t.watch(["-o", "json", "--signals", "-p", "\(receiver.pid)"])
        for target in [other, receiver] {
            try Child(workload("signal", "\(SIGWINCH)", "\(target.pid)")).wait(
                milliseconds: t.allow(milliseconds: 2000))
        }
        let run = try t.stop(child)
        t.equal(run.told.map { $0["ebpfguard.target.pid"] }, [.integer(receiver.pid)], "who was sent one")
        t.equal(run.told.first?["ebpfguard.signal_result"], "ignored", "the result")
        t.equal(run.told.first?["process.name"], "live-tests", "who sent it")

        let sent = try t.trace(["--signals"], workload("signal", "\(SIGWINCH)", "\(receiver.pid)"))
        t.equal(sent.told.map { $0["ebpfguard.target.pid"] }, [.integer(receiver.pid)], "whom the program sent one")
        t.equal(sent.told.first?["ebpfguard.target.executable"], .string(ownPath), "the target's executable")
    },

    Test("signal: a process out of scope that started later is known by its pid") { t in
        let file = "\(t.scratch)/pid"
        let script = "while [ ! -s \(file) ]; do sleep 0.05; done; kill -WINCH $(cat \(file))"
        let child = try t.start(["-o", "json", "--syscalls=kill"], ["sh", "-c", script])
        child.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.errorText.contains("watching") }
        let stranger = try Child(workload("wait-for-input"))
        try write("\(stranger.pid)", to: "\(file).new")
        unsafe rename("\(file).new", file)
        let run = try t.finish(child, milliseconds: 5000)
        let event = try t.require(run.told.first, "kill")
        t.equal(event["ebpfguard.syscall.args"], JSON(["\(stranger.pid)", "SIGWINCH"]), "the arguments")
        t.equal(event["ebpfguard.target.pid"], .integer(stranger.pid), "ebpfguard.target.pid")
        t.equal(event["ebpfguard.target.entity_id"], nil, "ebpfguard.target.entity_id")
        t.equal(run.told.count, 1, "the number of calls")
    },

    Test("signal: an OOM kill in a cgroup") { t in
        let mount = cgroupMount() ?? ""
        let controllers = (contents(of: "\(mount)/cgroup.controllers") ?? "").split { " \n".contains($0) }
        guard controllers.contains("memory") else {
            if t.settings.mustNotSkip { throw Stop.failed("no memory controller in cgroup v2") }
            throw Stop.skipped("cgroup v2 of this host has no memory controller")
        }
        try write("+memory", to: "\(mount)/cgroup.subtree_control")
        let group = try Cgroup(t, "oom")
        try write("\(16 << 20)", to: "\(group.path)/memory.max")
        let run = try t.trace(
            ["--signals", "--events", "exec,signal,oom,exit"],
            workload("in-cgroup", group.path, ownPath, "workload", "consume", "256"), status: .code(137))
        let program = try t.require(run.told.of("exec").last, "exec")
        let rest = run.told.drop { $0.action == "exec" }
        // In this order: the kernel sends the signal before it names the victim.
        t.equal(rest.map(\.action), ["signal", "oom", "exit"], "what happened to it")
        let signal = try t.require(rest.first, "signal")
        t.equal(signal["ebpfguard.signal"], "SIGKILL", "the signal")
        t.equal(signal["ebpfguard.target.pid"], .integer(program.pid), "who was killed")
        let kill = try t.require(rest.dropFirst().first, "oom")
        t.equal(kill["ebpfguard.target.pid"], .integer(program.pid), "the victim")
        t.equal(kill["ebpfguard.target.entity_id"], program["process.entity_id"], "the victim's id")
        t.equal(kill["ebpfguard.target.name"], program["process.name"], "the victim's name")
        t.equal(kill["ebpfguard.target.executable"], .string(ownPath), "the victim's executable")
        t.equal(rest.last?["process.exit_signal"], 9, "process.exit_signal")
        t.equal(rest.last?["ebpfguard.signal"], "SIGKILL", "the signal of the exit")
    },
]
