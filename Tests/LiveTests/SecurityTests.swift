// SPDX-License-Identifier: Apache-2.0

import Glibc

// What changes who may do what: every such call, and no other.

/// The actions that are not just "syscall".
private let actions = [
    "ptrace": "ptrace", "process_vm_writev": "ptrace", "pwrite64": "ptrace", "write": "ptrace", "writev": "ptrace",
    "setuid": "setuid", "setgid": "setuid", "setresuid": "setuid", "setgroups": "setuid", "capset": "setuid",
    "mount": "mount", "umount2": "mount", "pivot_root": "mount", "init_module": "module_load",
    "finit_module": "module_load", "delete_module": "module_load", "bpf": "bpf",
]

let securityTests = [
    Test("security: what is done to others, to the host and to one's own rights") { t in
        try makeDirectory("\(t.scratch)/place")
        let run = try t.trace(["--security"], workload("security", "\(t.scratch)/place"))
        let seen = run.told.map { event in
            let result = event["ebpfguard.syscall.return"]?.integer ?? 0
            return "told \(event.pid) \(event["ebpfguard.syscall.name"]?.string ?? event.action) \(result)"
        }
        let said = lines(run.said).filter { $0.hasPrefix("told ") }
        t.expect(said.count > 40, "the workload did only \(said.count) things")
        t.equal(seen.count, said.count, "the number of calls")
        if let first = zip(seen, said).first(where: { $0 != $1 }) { t.fail("\(first.0) instead of \(first.1)") }
        for event in run.told {
            let name = event["ebpfguard.syscall.name"]?.string ?? ""
            t.equal(event.action, actions[name] ?? "syscall", "the action of \(name)")
            let result = event["ebpfguard.syscall.return"]?.integer ?? 0
            t.equal(event["event.outcome"], result < 0 ? "failure" : "success", "the outcome of \(name)")
            t.equal(event["ebpfguard.errno"], result < 0 ? .integer(-result) : nil, "the errno of \(name)")
        }
        let victim = try t.require(run.said("victim").first, "victim")
        for name in ["ptrace", "process_vm_writev", "pwrite64", "write", "writev"] {
            let events = run.told.filter { $0["ebpfguard.syscall.name"] == .string(name) }
            let event = try t.require(events.first, name)
            t.equal(event["ebpfguard.target.pid"], .integer(victim), "the target of \(name)")
            t.equal(event["ebpfguard.target.name"], .string(event["process.name"]?.string ?? ""), "its name by \(name)")
            t.equal(event["ebpfguard.target.executable"], .string(ownPath), "its executable by \(name)")
            t.expect(
                event["ebpfguard.target.entity_id"]?.string?.hasSuffix("-\(victim)") == true, "its id by \(name)")
        }
        let attach = run.told.first
        t.equal(attach?["ebpfguard.syscall.args.0"], "PTRACE_ATTACH", "what ptrace did first")
        let mounted = run.told.first { $0["ebpfguard.syscall.args.1"] == .string("\(t.scratch)/place") }
        t.equal(mounted?["ebpfguard.syscall.name"], "mount", "what was done to the place")
        t.equal(run.surelyLost, 0, "'lost' in the footer")
        // From 7.0 on the entry is needed to know which of three programs has told of a call.
        t.expect(
            KernelVersion.running >= KernelVersion(7, 0) || !run.errors.contains("sys_enter"),
            "--security pays for the entry of every call: \(run.errors)")
        t.expect(run.errors.contains("sys_exit"), "the footer does not name the hook")
    },

    Test("security: nothing of ordinary programs") { t in
        let loop = "for i in 1 2 3; do ls / >/dev/null; (cd /; :); done; exec cat /dev/null"
        let run = try t.trace(["--security"], ["sh", "-c", loop])
        t.equal(run.told.map { $0["ebpfguard.syscall.name"]?.string ?? $0.action }, [], "the events")
        let threads = try t.trace(["--security"], workload("group-exit", "2"))
        t.equal(threads.told.map { $0["ebpfguard.syscall.name"]?.string ?? $0.action }, [], "the events of threads")
    },

    Test("security: the execution of a memfd") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(["--security"], workload("memfd", program, "execveat"))
        t.equal(
            run.told.map { $0["ebpfguard.syscall.name"]?.string ?? $0.action }, ["memfd_create", "exec"], "the events")
        t.equal(run.told.last?["process.marks"], ["memfd"], "process.marks")
        t.equal(run.told.last?["process.executable"], "/memfd:ghost", "process.executable")
    },

    Test("security: a 32-bit ptrace, beside what --syscalls asks for") { t in
        let run = try t.trace(["--security", "--syscalls=getppid"], workload("abis"), status: nil)
        if run.status == .code(77) { throw Stop.skipped("this kernel refuses 32-bit calls") }
        t.equal(run.told.map(\.action), ["ptrace"], "the actions")
        let event = try t.require(run.told.first, "ptrace")
        t.equal(event["ebpfguard.syscall.abi"], "i386", "ebpfguard.syscall.abi")
        t.equal(event["ebpfguard.syscall.name"], "ptrace", "ebpfguard.syscall.name")
        t.equal(event["error.code"], "ESRCH", "error.code")
        t.equal(event["ebpfguard.syscall.args.1"], .string("\(0x3FFF_FFFF)"), "whom it asks for")
        t.equal(event["ebpfguard.target"], nil, "ebpfguard.target, which does not exist")
    },
]
