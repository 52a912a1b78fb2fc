// SPDX-License-Identifier: Apache-2.0

import Glibc

// Whom rules are for that are about a tree of processes, and who stays held whatever becomes of it.

let treeTests = [
    Test("trees: rules for what a program starts, whatever becomes of that") { t in
        let root = t.scratch
        for directory in ["bin"] { try makeDirectory("\(root)/\(directory)") }
        let first = "\(root)/first"
        let other = "\(root)/other"
        try copyFile("/proc/self/exe", to: first)
        try copyFile("/proc/self/exe", to: other)
        try copyFile("/proc/self/exe", to: "\(root)/bin/below")
        guard unsafe link(first, "\(root)/hard") == 0 else { throw Stop.failed("link: \(describe(errno: errno))") }
        let rules = [
            "scope tree \(first)",
            "deny net 127.0.0.1:20301",
            "scope all",
            "deny net 127.0.0.1:20302 unless tree \(first)",
            "scope tree \(first)",
            "scope user 2",
            "allow net 127.0.0.1:20301",
            "scope all",
            "scope tree \(root)/bin/** \(root)/none",
            "deny net listen 127.0.0.1:20303",
            "drop net 127.0.0.1:20304",
        ]
        let attempts: [HeldAttempt] = [
            ("net tcp 127.0.0.1 20301", 111, 0), ("as \(first) net tcp 127.0.0.1 20301", 1, 2),
            ("as \(root)/hard net tcp 127.0.0.1 20301", 1, 2), ("as \(other) net tcp 127.0.0.1 20301", 111, 0),
            ("as \(first) net send 127.0.0.1 20301", 1, 2),
            // Another program, another process, another session, another parent, another user.
            ("as \(first) as \(other) net tcp 127.0.0.1 20301", 1, 2),
            ("as \(first) fork ; net tcp 127.0.0.1 20301", 1, 2),
            ("as \(first) fork ; fork ; as \(other) net tcp 127.0.0.1 20301", 1, 2),
            ("adopt , as \(first) orphan ; as \(other) net tcp 127.0.0.1 20301", 1, 2),
            ("adopt , orphan , as \(other) net tcp 127.0.0.1 20301", 111, 0),
            ("as \(first) user 1 ; net tcp 127.0.0.1 20301", 1, 2),
            // Who has started it is not in it.
            ("fork , as \(other) net tcp 127.0.0.1 20301", 111, 0),
            // As specific, and for fewer.
            ("as \(first) user 2 ; net tcp 127.0.0.1 20301", 111, 0),
            ("user 2 , net tcp 127.0.0.1 20301", 111, 0),
            ("net tcp 127.0.0.1 20302", 1, 4), ("as \(first) net tcp 127.0.0.1 20302", 111, 0),
            ("as \(first) fork ; as \(other) net tcp 127.0.0.1 20302", 111, 0),
            ("as \(other) net tcp 127.0.0.1 20302", 1, 4),
            ("net bind 127.0.0.1 20303", 0, 0), ("as \(root)/bin/below as \(other) net bind 127.0.0.1 20303", 1, 10),
            ("net timed 127.0.0.1 20304", 111, 0),
            ("as \(root)/bin/below fork ; net timed 127.0.0.1 20304", 110, 11),
        ]
        try t.hold(attempts, to: rules)
    },

    Test("trees: that run already, by the id of a process and by a program") { t in
        let cgroup = try Cgroup(t, "trees")
        let shell = "\(t.scratch)/shell"
        try copyFile(resolved("/bin/sh"), to: shell)
        let attempts = ["net tcp 127.0.0.1 20311", "net tcp 127.0.0.1 20312"]
        let within = workload("in-cgroup", cgroup.path)
        // What waits is a child that is there before the policy.
        func waiting(_ shell: String) throws -> Child {
            let inner = ["/bin/sh", "-c", "echo waits; read x; \"$@\" & wait", "sh"]
            let child = try Child(within + [shell, "-c", "\"$@\"; :", "sh"] + inner + workload("guard") + attempts)
            t.children.append(child)
            guard child.wait(milliseconds: t.allow(milliseconds: 5000), until: { $0.outputText.contains("waits") })
            else {
                throw Stop.failed("nobody waits: \(child.errorText)")
            }
            return child
        }
        let byNumber = try waiting("/bin/sh")
        let byProgram = try waiting(shell)
        let neither = try waiting("/bin/sh")
        let rules = [
            "scope tree \(byNumber.pid)", "deny net 127.0.0.1:20311", "scope all", "scope tree \(shell)",
            "deny net 127.0.0.1:20312",
        ]
        let policy = "\(t.scratch)/policy"
        try write(rules.joined(separator: "\n"), to: policy)
        let child = try t.enforce(["--cgroup", cgroup.name, policy])
        for (waiting, errors) in [(byNumber, [1, 111]), (byProgram, [111, 1]), (neither, [111, 111])] {
            waiting.closeInput()
            waiting.wait(milliseconds: t.allow(milliseconds: 5000))
            let said = lines(waiting.output).map { String(decoding: $0, as: UTF8.self) }.dropFirst()
            t.equal(Array(said), zip(attempts, errors).map { "\($0): \($1)" }, "what is started")
        }
        let later = try Child(within + [shell, "-c", "\"$@\"; :", "sh"] + workload("guard") + attempts)
        later.wait(milliseconds: t.allow(milliseconds: 5000))
        t.expect(later.outputText.contains("20311: 111\n"), "what starts later: \(later.outputText)")
        t.expect(later.outputText.contains("20312: 1\n"), "what starts later: \(later.outputText)")
        _ = try t.end(child, ["\(policy):2", "\(policy):5", "\(policy):5"])

        let absent = "\(t.scratch)/absent"
        try write("scope tree 4194303\ndeny net 127.0.0.1:9", to: absent)
        let run = try t.run([absent, "--", "/bin/true"], command: "enforce")
        t.equal(run.status, .code(65), "the exit status without the process")
        t.expect(run.errors.contains("absent:1: there is no process 4194303"), "it says \(run.errors)")
        let many = "\(t.scratch)/many"
        try write((1...25).map { "scope tree /x\($0)\ndeny net 127.0.0.1:9\nscope all\n" }.joined(), to: many)
        let refused = try t.run([many, "--", "/bin/true"], command: "enforce")
        t.equal(refused.status, .code(5), "the exit status with too many trees")
        t.expect(
            refused.errors.contains("25 different trees of processes, and at most 24"), "it says \(refused.errors)")
    },

    Test("trees: rules about files and programs") { t in
        let check = try t.run(["--check-policy", "-q", "--rule", "deny exec /none"], command: "enforce")
        if check.status != .code(0) { throw Stop.skipped("no BPF LSM: \(check.text.suffix(200))") }
        let root = t.scratch
        let first = "\(root)/first"
        let other = "\(root)/other"
        try copyFile("/proc/self/exe", to: first)
        try copyFile("/proc/self/exe", to: other)
        let program = try makeProgram("\(root)/program")
        try write("x", to: "\(root)/secret")
        guard unsafe chmod("\(root)/secret", 0o666) == 0 else { throw Stop.failed(describe(errno: errno)) }
        let rules = [
            "scope tree \(first)", "deny file read \(root)/secret", "kill exec \(program)", "deny net raw", "scope all",
            "deny file write \(root)/secret unless tree \(first)",
        ]
        let leave = "leave \(cgroupMount() ?? "")/cgroup.procs"
        let attempts: [HeldAttempt] = [
            ("read \(root)/secret", 0, 0), ("as \(first) read \(root)/secret", 1, 2),
            ("adopt , as \(first) orphan ; \(leave) ; as \(other) read \(root)/secret", 1, 2),
            ("as \(first) user 1 ; new-user ; read \(root)/secret", 1, 2),
            ("exec \(program)", 0, 0), ("as \(first) exec \(program)", -9, 3),
            ("as \(first) \(leave) ; as \(other) exec \(program)", -9, 3),
            ("socket 2 3 1", 0, 0), ("as \(first) as \(other) socket 2 3 1", 1, 4),
            ("append \(root)/secret", 1, 6), ("as \(first) fork ; as \(other) append \(root)/secret", 0, 0),
        ]
        try t.hold(attempts, to: rules)
    },

    Test("trees: who is held on the network as a user or program stays so") { t in
        let cgroup = try Cgroup(t, "kept")
        let first = "\(t.scratch)/first"
        let other = "\(t.scratch)/other"
        let owned = "\(t.scratch)/owned"
        for path in [first, other, owned] { try copyFile("/proc/self/exe", to: path) }
        guard unsafe chmod(owned, 0o4755) == 0, unsafe chmod(t.scratch, 0o755) == 0 else {
            throw Stop.failed(describe(errno: errno))
        }
        let within = workload("in-cgroup", cgroup.path)
        let rules = ["deny net 127.0.0.1:20321", "deny net listen 127.0.0.1:20322"]
        func hold(_ target: [String], _ attempts: [(String, Int)], _ references: [Int]) throws {
            let child = try t.enforce(["--cgroup", cgroup.name] + target, rules: rules)
            t.equal(try t.attempt(attempts.map(\.0), within: within), attempts.map { $0.1 }, "with \(target)")
            _ = try t.end(child, references.map { $0 == 1 ? "--rule:1" : "--rule(\($0)):1" })
        }
        // A program of root's that whoever executes it is root by, without starting anything in between.
        let seesLeaving =
            try t.run(["--check-policy", "-q", "--rule", "deny exec /none"], command: "enforce").status
            == .code(0)
        try hold(
            ["-u", "2"],
            [
                ("net tcp 127.0.0.1 20321", 111), ("user 2 , net tcp 127.0.0.1 20321", 1),
                ("as \(owned) net tcp 127.0.0.1 20321", 111),
                ("user 2 , fork , as \(owned) net tcp 127.0.0.1 20321", 1),
                ("user 2 , fork , as \(owned) net send 127.0.0.1 20321", 1),
                ("user 2 , as \(first) as \(owned) net bind 127.0.0.1 20322", 1),
                ("user 1 , as \(first) as \(owned) net tcp 127.0.0.1 20321", 111),
                ("user 2 , as \(owned) net tcp 127.0.0.1 20321", seesLeaving ? 1 : 111),
                ("effective 2 , effective 0 , net tcp 127.0.0.1 20321", seesLeaving ? 1 : 111),
                ("effective 1 , effective 0 , net tcp 127.0.0.1 20321", 111),
            ], [1, 1, 1, 2] + (seesLeaving ? [1, 1] : []))
        try hold(
            ["--exe", first],
            [
                ("net tcp 127.0.0.1 20321", 111), ("as \(first) net tcp 127.0.0.1 20321", 1),
                ("as \(first) as \(other) net tcp 127.0.0.1 20321", 1),
                ("as \(first) as \(other) fork ;; net send 127.0.0.1 20321", 1),
                ("as \(other) net tcp 127.0.0.1 20321", 111),
            ], [1, 1, 1])
    },
]
