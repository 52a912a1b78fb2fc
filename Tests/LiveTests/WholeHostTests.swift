// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Policies that are not for one program: for a cgroup, for containers, users and programs, and for all of the machine. Those
// of the latter kind run only where the machine is the tests' own.

/// A container that is there when the tool starts, and one that starts later.
private let api = PodContainer(
    String(repeating: "a1b2", count: 16), uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "payments", "api-7c9f", "api")
private let web = PodContainer(
    String(repeating: "c3d4", count: 16), uid: "6fa459ea-ee8a-3ca4-894e-db77e160355e", "shop", "web-0", "web")

extension Context {
    /// Starts `enforce` and waits until it holds.
    func enforce(_ options: [String], rules: [String] = []) throws -> Child {
        let child = try start(
            ["-o", "json"] + options + rules.flatMap { ["--rule", $0] }, command: "enforce")
        let isHeld = child.wait(milliseconds: allow(milliseconds: 8000)) { child in
            lines(child.errorText).contains { $0.hasPrefix("enforcing") }
        }
        guard isHeld else { throw Stop.failed("it never said 'enforcing': \(child.errorText.suffix(400))") }
        return child
    }

    /// What became of each attempt of the workload, by one who is put somewhere before.
    func attempt(_ attempts: [String], within wrapper: [String] = []) throws -> [Int?] {
        let child = try Child(wrapper + workload("guard") + attempts)
        guard child.wait(milliseconds: allow(milliseconds: 8000)) else { throw Stop.failed("attempts last") }
        let said = lines(child.output).map { String(decoding: $0, as: UTF8.self) }
        return attempts.map { attempt in
            said.first { $0.hasPrefix(attempt + ": ") }.flatMap { Int($0.dropFirst(attempt.count + 2)) }
        }
    }

    /// Ends the tool; what it found is told.
    func end(_ child: Child, _ references: [String]) throws -> Run {
        child.kill(SIGINT)
        let run = try finish(child, milliseconds: 8000)
        equal(run.status, .code(references.isEmpty ? 0 : 3), "the exit status: \(run.errors.suffix(300))")
        equal(run.told.compactMap { $0["rule.reference"]?.string }, references, "rules of violations")
        return run
    }

    /// The whole machine is held: only where it is the tests' own.
    func requireOwnMachine() throws {
        guard settings.isSlow else { throw Stop.skipped("holds the whole machine: for guests") }
    }
}

/// The errno of a connection that this process itself asks for on its loopback.
private func ownConnect(_ port: UInt16) -> CInt {
    let file = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(file) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let result = unsafe withUnsafePointer(to: &address) { address in
        unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            unsafe connect(file, address, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    return result == 0 ? 0 : errno
}

private func ownWrite(_ path: String) -> CInt {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { return errno }
    close(file)
    return 0
}

let wholeHostTests = [
    Test("whole host: a cgroup, whoever is in it or comes into it") { t in
        let cgroup = try Cgroup(t, "held")
        let below = try Cgroup(t, "below", below: cgroup.path)
        let program = try makeProgram("\(t.scratch)/program")
        let attempts = ["net tcp 127.0.0.1 20201", "exec \(program)", "net tcp 127.0.0.1 20202"]
        let child = try t.enforce(
            ["--cgroup", cgroup.name], rules: ["deny net 127.0.0.1:20201", "kill exec \(program)"])
        t.equal(try t.attempt(attempts), [111, 0, 111], "who is not in it")
        t.equal(try t.attempt(attempts, within: workload("in-cgroup", cgroup.path)), [1, -9, 111], "who is in it")
        t.equal(try t.attempt(attempts, within: workload("in-cgroup", below.path)), [1, -9, 111], "who is below it")
        let run = try t.end(child, ["--rule:1", "--rule(2):1", "--rule:1", "--rule(2):1"])
        t.expect(run.told.allSatisfy { $0["ebpfguard.enforced"] == true }, "ebpfguard.enforced")
        t.expect(run.errors.contains("enforcing 2 lines on cgroup \(cgroup.name);"), "it says \(run.errors)")
        t.equal(
            try t.attempt(attempts, within: workload("in-cgroup", cgroup.path)), [111, 0, 111], "when it is over")
    },

    Test("whole host: a process that runs already, and all that it starts") { t in
        let cgroup = try Cgroup(t, "tree")
        let program = try makeProgram("\(t.scratch)/program")
        let attempts = ["net tcp 127.0.0.1 20261", "exec \(program)"]
        let within = workload("in-cgroup", cgroup.path)
        let shell = ["/bin/sh", "-c", "read x; \"$@\" & wait", "sh"]
        let waiting = try Child(within + shell + workload("guard") + attempts)
        t.children.append(waiting)
        let rules = ["deny net 127.0.0.1:20261", "kill exec \(program)"]
        var child = try t.enforce(["--cgroup", cgroup.name, "-p", "\(waiting.pid)"], rules: rules)
        t.equal(try t.attempt(attempts, within: within), [111, 0], "another in its cgroup")
        waiting.closeInput()
        waiting.wait(milliseconds: t.allow(milliseconds: 5000))
        t.equal(
            lines(waiting.output).map { String(decoding: $0, as: UTF8.self) },
            ["\(attempts[0]): 1", "\(attempts[1]): -9"], "what it starts")
        _ = try t.end(child, ["--rule:1", "--rule(2):1"])

        child = try t.enforce(["--cgroup", cgroup.name, "--comm", "live-tests"], rules: rules)
        t.equal(try t.attempt([attempts[0]], within: within), [1], "who is called so")
        let copy = "\(t.scratch)/called"
        try copyFile("/proc/self/exe", to: copy)
        t.equal(try t.attempt(["as \(copy) \(attempts[0])"], within: within), [1], "who was")
        let enter = ["/bin/sh", "-c", "echo $$ >\(cgroup.path)/cgroup.procs; exec \"$@\"", "sh"]
        let other = try Child(enter + [copy, "workload", "guard", attempts[0]])
        other.wait(milliseconds: t.allow(milliseconds: 5000))
        t.equal(other.outputText, "\(attempts[0]): 111\n", "who is not")
        _ = try t.end(child, ["--rule:1", "--rule:1"])
    },

    Test("whole host: scopes of a policy by container, pod and namespace, of what is there and what starts later") {
        t in
        let root = "\(t.scratch)/root"
        for container in [api, web] { _ = try container.write(below: root) }
        let program = try makeProgram("\(t.scratch)/program")
        let outer = try Cgroup(t, "node")
        let first = try Cgroup(at: "\(outer.path)/\(api.scope)", mount: cgroupMount() ?? "")
        let rules = [
            "deny net 127.0.0.1:20211 unless container api", "scope pod shop/web-*", "deny net 127.0.0.1:20212",
            "scope all", "scope namespace payments", "deny net 127.0.0.1:20213", "kill exec \(program)", "scope all",
            "scope container web", "deny net 127.0.0.1:20214",
        ]
        let policy = "\(t.scratch)/policy"
        try write(rules.joined(separator: "\n"), to: policy)
        let child = try t.enforce(["--cgroup", outer.name, "--root", root, policy])
        let attempts = (20211...20214).map { "net tcp 127.0.0.1 \($0)" } + ["exec \(program)"]
        t.equal(
            try t.attempt(attempts, within: workload("in-cgroup", outer.path)), [1, 111, 111, 111, 0],
            "outside containers")
        t.equal(
            try t.attempt(attempts, within: workload("in-cgroup", first.path)), [111, 111, 1, 111, -9],
            "in the first container")
        let later = try Cgroup(at: "\(outer.path)/\(web.scope)", mount: cgroupMount() ?? "")
        // Until it is known what it is, what may be held is: so it is known first.
        try Child(workload("in-cgroup", later.path, program)).wait(milliseconds: t.allow(milliseconds: 5000))
        t.equal(
            try t.attempt(attempts, within: workload("in-cgroup", later.path)), [1, 1, 111, 1, 0],
            "in the second container")
        child.kill(SIGINT)
        let run = try t.finish(child, milliseconds: 8000)
        t.equal(run.status, .code(3), "the exit status")
        let pods = run.told.compactMap { $0["k8s.pod.name"]?.string }
        t.expect(Set(pods) == ["api-7c9f", "web-0"], "pods of violations: \(pods)")
    },

    Test("whole host: everybody, but not those that it was started by") { t in
        try t.requireOwnMachine()
        let root = t.scratch
        let program = try makeProgram("\(root)/program")
        try makeDirectory("\(root)/held")
        let rules = [
            "deny net 127.0.0.1:20221", "deny net listen 127.0.0.1:20222", "deny file write \(root)/held/**",
            "deny exec \(program)",
        ]
        let attempts = [
            "net tcp 127.0.0.1 20221", "net bind 127.0.0.1 20222", "create \(root)/held/a", "exec \(program)",
            "user 2 , net tcp 127.0.0.1 20221", "leave \(cgroupMount() ?? "")/cgroup.procs , fork , exec \(program)",
        ]
        let told = ["--rule:1", "--rule(2):1", "--rule(3):1", "--rule(4):1", "--rule:1", "--rule(4):1"]
        var child = try t.enforce([], rules: rules)
        t.equal(try t.attempt(attempts), [1, 1, 1, 1, 1, 1], "everybody")
        t.equal(ownConnect(20221), 111, "who started it connects")
        t.equal(ownWrite("\(root)/held/own"), 0, "who started it writes")
        var run = try t.end(child, told)
        t.expect(run.errors.contains("on this host;"), "it says \(run.errors)")
        t.equal(try t.attempt(attempts), [111, 0, 0, 0, 111, 0], "when it is over")

        child = try t.enforce(["--no-self-protect"], rules: rules)
        t.equal(ownConnect(20221), 1, "who started it connects without protection")
        t.equal(ownWrite("\(root)/held/new"), 1, "who started it writes without protection")
        run = try t.end(child, ["--rule:1", "--rule(3):1"])
    },

    Test("whole host: users, programs and containers") { t in
        try t.requireOwnMachine()
        let root = "\(t.scratch)/root"
        _ = try api.write(below: root)
        let outer = try Cgroup(t, "node")
        let first = try Cgroup(at: "\(outer.path)/\(api.scope)", mount: cgroupMount() ?? "")
        let file = "\(t.scratch)/secret"
        try write("x", to: file)
        guard unsafe chmod(file, 0o644) == 0 else { throw Stop.failed(describe(errno: errno)) }
        let rules = ["deny net 127.0.0.1:20231", "deny file read \(file)"]
        let attempts = ["net tcp 127.0.0.1 20231", "read \(file)"]

        var child = try t.enforce(["-u", "daemon", "-u", "2"], rules: rules)
        t.equal(try t.attempt(attempts), [111, 0], "another user")
        t.equal(try t.attempt(attempts.map { "user 1 , \($0)" }), [1, 1], "a user")
        _ = try t.end(child, ["--rule:1", "--rule(2):1"])

        // All are root's at first: who is held only because of that, is as long as that holds.
        child = try t.enforce(["-u", "root"], rules: rules)
        t.equal(try t.attempt(attempts), [1, 1], "root")
        t.equal(try t.attempt(attempts.map { "user 1 , fork , \($0)" }), [111, 0], "whom root has become")
        _ = try t.end(child, ["--rule:1", "--rule(2):1"])

        child = try t.enforce(["--root", root, "--pod", "api-*"], rules: rules)
        t.equal(try t.attempt(attempts), [111, 0], "outside the pod")
        t.equal(try t.attempt(attempts, within: workload("in-cgroup", first.path)), [1, 1], "in the pod")
        _ = try t.end(child, ["--rule:1", "--rule(2):1"])

        child = try t.enforce(["--root", root, "--host"], rules: rules)
        t.equal(try t.attempt(attempts), [1, 1], "outside containers")
        t.equal(try t.attempt(attempts, within: workload("in-cgroup", first.path)), [111, 0], "in a container")
        _ = try t.end(child, ["--rule:1", "--rule(2):1"])

        // Who is held stays so, whatever it becomes.
        let copy = "\(t.scratch)/copy"
        try copyFile("/proc/self/exe", to: copy)
        child = try t.enforce(["--exe", copy], rules: ["deny file read \(file)", "deny exec /none"])
        t.equal(
            try t.attempt(["read \(file)", "as \(copy) read \(file)", "as \(copy) as /proc/self/exe read \(file)"]),
            [0, 1, 1], "a program, and what it becomes")
        _ = try t.end(child, ["--rule:1", "--rule:1"])
    },

    Test("whole host: SIGSTOP lets nobody go, SIGKILL everybody") { t in
        try t.requireOwnMachine()
        let program = try makeProgram("\(t.scratch)/program")
        let attempts = ["net tcp 127.0.0.1 20241", "exec \(program)"]
        let before = loadedPrograms()
        let child = try t.enforce([], rules: ["deny net 127.0.0.1:20241", "deny exec \(program)"])
        child.kill(SIGSTOP)
        t.equal(try t.attempt(attempts), [1, 1], "while it is stopped")
        child.kill(SIGKILL)
        child.wait(milliseconds: t.allow(milliseconds: 5000))
        for _ in 0..<50 where loadedPrograms() != before { usleep(100_000) }
        t.expect(loadedPrograms() == before, "programs are left")
        t.equal(try t.attempt(attempts), [111, 0], "when it is gone")
    },

    Test("whole host: when ebpfguard is out of memory everybody is let go") { t in
        let cgroup = try Cgroup(t, "memory")
        if t.settings.isSlow { try? write("+memory", to: "\(cgroupMount() ?? "")/cgroup.subtree_control") }
        guard unsafe access("\(cgroup.path)/memory.max", W_OK) == 0 else {
            throw Stop.skipped("no memory controller in the hierarchy of version 2")
        }
        try t.requireOwnMachine()
        let program = try makeProgram("\(t.scratch)/program")
        let file = "\(t.scratch)/file"
        try write("x", to: file)
        let attempts = ["net tcp 127.0.0.1 20271", "exec \(program)", "read \(file)"]
        let rules = ["deny net 127.0.0.1:20271", "deny exec \(program)", "deny file read \(file)"]
        let before = loadedPrograms()
        let child = try Child(
            workload("in-cgroup", cgroup.path) + [t.settings.tool, "enforce", "-o", "json"]
                + rules.flatMap { ["--rule", $0] })
        t.children.append(child)
        let isHeld = child.wait(milliseconds: t.allow(milliseconds: 8000)) { child in
            lines(child.errorText).contains { $0.hasPrefix("enforcing") }
        }
        t.expect(isHeld, "it never said 'enforcing': \(child.errorText.suffix(400))")
        t.equal(try t.attempt(attempts), [1, 1, 1], "while it holds")
        try write("1M", to: "\(cgroup.path)/memory.max")
        child.wait(milliseconds: t.allow(milliseconds: 8000))
        t.equal(child.status, .signal(9), "how it ended")
        let events = lines(contents(of: "\(cgroup.path)/memory.events") ?? "")
        t.expect(events.contains("oom_kill 1"), "it was not for memory: \(events)")
        for _ in 0..<50 where loadedPrograms() != before { usleep(100_000) }
        t.expect(loadedPrograms() == before, "programs are left")
        t.equal(try t.attempt(attempts), [111, 0, 0], "when it is gone")
    },

    Test("whole host: connections that are open already") { t in
        let cgroup = try Cgroup(t, "open")
        let ends = try Child(workload("in-cgroup", cgroup.path) + workload("open-connections"))
        t.children.append(ends)
        func said(_ word: String) -> String? {
            lines(ends.output).map { String(decoding: $0, as: UTF8.self) }.first { $0.hasPrefix(word) }
        }
        guard ends.wait(milliseconds: t.allow(milliseconds: 5000), until: { _ in said("open") != nil }) else {
            throw Stop.failed("no connections: \(ends.errorText)")
        }
        let rules = ["deny net 127.0.0.1:4000", "audit net [::1]:4001"]
        let target = ["--cgroup", cgroup.name]
        // Both to the first, one to the second; those that were accepted are nobody's to ask for.
        let references = ["--rule(2):1", "--rule:1", "--rule:1"]
        for options in [["--existing", "report"], ["--existing", "close", "--dry-run"], []] {
            let child = try t.start(
                ["-o", "json"] + target + options + rules.flatMap { ["--rule", $0] }, command: "enforce")
            let holds = child.wait(milliseconds: t.allow(milliseconds: 8000)) { child in
                lines(child.errorText).contains { $0.contains("an attempt of our own") }
            }
            t.expect(holds, "\(options): \(child.errorText.suffix(300))")
            child.kill(SIGINT)
            let run = try t.finish(child, milliseconds: 8000)
            let told = run.told.compactMap { $0["rule.reference"]?.string }.sorted()
            t.equal(told, options.isEmpty ? [] : references, "violations with \(options)")
            t.expect(run.told.allSatisfy { $0["ebpfguard.enforced"] == false }, "ebpfguard.enforced with \(options)")
            t.expect(run.told.allSatisfy { $0["process.name"] == "open-ends" }, "process.name with \(options)")
        }
        let closing = ["--existing", "close"]
        let run = try t.run(
            closing + target + ["-d", "1s", "-o", "json", "-q"] + rules.flatMap { ["--rule", $0] }, command: "enforce")
        ends.closeInput()
        ends.wait(milliseconds: t.allow(milliseconds: 5000))
        if run.status == .code(5) {
            t.expect(run.errors.contains("CONFIG_INET_DIAG_DESTROY"), "it says \(run.errors)")
            t.equal(said("written"), "written 0 0 0 0", "connections when none can be closed")
            throw Stop.skipped("this kernel closes no connections of others")
        }
        t.equal(run.status, .code(3), "the exit status: \(run.errors.suffix(300))")
        let stopped = lines(run.text).count { $0.contains("\"enforced\":true") }
        t.equal(stopped, 2, "connections that were closed: \(run.text)")
        t.equal(said("written"), "written 103 0 103 0", "what a write to each says")
    },

    Test("whole host: by their numbers nobody changes rules, and who takes programs away is told of") { t in
        let cgroup = try Cgroup(t, "tampered")
        let attempts = ["net tcp 127.0.0.1 20251"]
        let within = workload("in-cgroup", cgroup.path)
        let child = try t.enforce(["--cgroup", cgroup.name], rules: ["deny net 127.0.0.1:20251"])
        func tamper(_ words: [String]) throws -> String {
            let tampering = try Child(words)
            tampering.wait(milliseconds: t.allow(milliseconds: 5000))
            return String(decoding: tampering.output, as: UTF8.self)
        }
        let names = ["connect_targets", "listen_targets", "actor_cgroups", "spared"]
        t.equal(try tamper(workload("tamper-maps") + names), "changed 0, refused 6\n", "what of the rules is changed")
        t.equal(try t.attempt(attempts, within: within), [1], "then")
        t.equal(try tamper(workload("tamper-links", cgroup.path)), "taken 7\n", "what is taken away")
        t.equal(try t.attempt(attempts, within: within), [111], "without programs")
        let isTold = child.wait(milliseconds: t.allow(milliseconds: 5000)) { child in
            lines(child.errorText).contains { $0.hasPrefix("NOT ENFORCING") }
        }
        t.expect(isTold, "no alarm: \(child.errorText.suffix(300))")
        child.kill(SIGINT)
        let run = try t.finish(child, milliseconds: 8000)
        t.equal(run.status, .code(4), "the exit status")
    },

    Test("whole host: a policy that would cut off its own session") { t in
        try t.requireOwnMachine()
        let unprotected = ["--no-self-protect", "-d", "1s"]
        // Something that this very process has executed.
        let rule = ["--rule", "deny exec \(resolved("/proc/self/exe"))"]
        let refused = try t.run(unprotected + rule, command: "enforce")
        t.equal(refused.status, .code(64), "the exit status: \(refused.errors)")
        t.expect(refused.errors.contains("would cut off the session"), "it says \(refused.errors)")
        for others in [["--force"] + unprotected + rule, ["-d", "1s"] + rule, ["--dry-run"] + unprotected + rule] {
            t.equal(try t.run(others, command: "enforce").status, .code(0), "the exit status of \(others)")
        }
    },

    Test("whole host: what can't be a scope of a policy") { t in
        let cases: [(options: [String], status: Int, text: String)] = [
            (["--cgroup", "/none-such"], 66, "--cgroup"), (["-p", "x"], 64, "not a process id"),
            (["-p", "!1"], 64, "can't leave out"),
            (["--exe", "sh"], 64, "--exe"),
            (["-u", "no-such-user"], 64, "no user \"no-such-user\""), (["--host", "--pod", "x"], 64, "exclude"),
        ]
        for (options, status, text) in cases {
            let run = try t.run(options + ["--rule", "deny net 127.0.0.1:9"], command: "enforce")
            t.equal(run.status, .code(status), "the exit status of \(options): \(run.errors)")
            t.expect(run.errors.contains(text), "\(options): it says \(run.errors)")
        }
        let run = try t.run(["-u", "0", "--rule", "deny net 127.0.0.1:9"], ["/bin/true"], command: "enforce")
        t.equal(run.status, .code(64), "the exit status with a program")
    },
]
