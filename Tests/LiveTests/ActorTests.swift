// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// For whom rules are: the same act by one whom a rule is for, and by one whom it is not for.

/// What is tried, its errno (1: denied) or its signal, negative, and the line of the rule; 0 where nothing is told.
typealias HeldAttempt = (steps: String, outcome: Int, line: Int)

extension Context {
    /// Holds a workload to `rules`: what becomes of each attempt, and which rules tell of it, in their order.
    func hold(_ attempts: [HeldAttempt], to rules: [String]) throws {
        let file = "\(scratch)/policy"
        try write(rules.joined(separator: "\n"), to: file)
        let run = try trace(
            [file], workload("guard") + attempts.map(\.steps), milliseconds: 60_000, status: .code(3),
            command: "enforce")
        let outcomes = run.outcomes
        for attempt in attempts { equal(outcomes[attempt.steps], attempt.outcome, attempt.steps) }
        equal(
            run.told.compactMap { $0["rule.reference"]?.string },
            attempts.filter { $0.line > 0 }.map { "\(file):\($0.line)" }, "rules of violations")
        expect(run.told.allSatisfy { $0["ebpfguard.enforced"] == true }, "ebpfguard.enforced")
    }
}

/// Another file with the same contents.
func copyFile(_ source: String, to path: String) throws {
    let from = unsafe open(source, O_RDONLY | O_CLOEXEC)
    let to = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o755)
    defer {
        close(from)
        close(to)
    }
    guard from >= 0, to >= 0 else { throw Stop.failed("\(path): \(describe(errno: errno))") }
    while true {
        let count = sendfile(to, from, nil, 1 << 24)
        guard count >= 0 else { throw Stop.failed("\(path): \(describe(errno: errno))") }
        if count == 0 { return }
    }
}

let actorTests = [
    Test("enforce: rules about the network, for whom they are") { t in
        let root = t.scratch
        for directory in ["bin", "mount"] { try makeDirectory("\(root)/\(directory)") }
        let allowed = "\(root)/allowed"
        try copyFile("/proc/self/exe", to: allowed)
        try copyFile("/proc/self/exe", to: "\(root)/other")
        try copyFile("/proc/self/exe", to: "\(root)/bin/below")
        guard unsafe link(allowed, "\(root)/hard") == 0 else { throw Stop.failed("link: \(describe(errno: errno))") }
        let mount = try t.require(cgroupMount(), "cgroup v2")
        let name = "live-actors-\(getpid())"
        guard unsafe mkdir("\(mount)/\(name)", 0o755) == 0 else {
            throw Stop.failed("cgroup: \(describe(errno: errno))")
        }
        defer { unsafe rmdir("\(mount)/\(name)") }
        let rules = [
            "deny net 127.0.0.1:20101 unless exe \(allowed) \(root)/bin/**",
            "deny net 127.0.0.0/8:20102 unless user daemon 2",
            "allow net 127.0.0.1:20104 unless user 3",
            "deny net 127.0.0.0/8:20104",
            "deny net listen *:20105 unless user 1",
            "drop net 127.0.0.1:20106 unless user 1",
            "scope user 2",
            "deny net 127.0.0.1:20103",
            "deny net listen 127.0.0.1",
            "scope cgroup /",
            "scope user 1",
            "deny net 127.0.0.1:20107",
            "scope cgroup /\(name)",
            "deny net 127.0.0.1:20108",
            "scope user 3",
            "deny dns *",
        ]
        let attempts: [HeldAttempt] = [
            ("as \(allowed) net tcp 127.0.0.1 20101", 111, 0), ("as \(root)/hard net tcp 127.0.0.1 20101", 111, 0),
            ("as \(root)/other net tcp 127.0.0.1 20101", 1, 1),
            ("as \(root)/bin/below net tcp 127.0.0.1 20101", 111, 0),
            ("net tcp 127.0.0.1 20101", 1, 1),
            // What another program is mounted on does not make it the one.
            ("own-mounts , bind \(root)/other \(allowed) , as \(allowed) net tcp 127.0.0.1 20101", 1, 1),
            ("own-mounts , bind \(root) \(root)/bin , as \(root)/bin/other net tcp 127.0.0.1 20101", 1, 1),
            ("user 1 , net tcp 127.0.0.1 20102", 111, 0), ("user 2 , net udp 127.0.0.2 20102", 0, 0),
            ("user 3 , net tcp 127.0.0.1 20102", 1, 2), ("net send 127.0.0.1 20102", 1, 2),
            ("net tcp 127.0.0.1 20103", 111, 0), ("user 2 , net tcp 127.0.0.1 20103", 1, 8),
            // The less specific rule decides for whom the other is not.
            ("net tcp 127.0.0.1 20104", 111, 0), ("user 3 , net tcp 127.0.0.1 20104", 1, 4),
            ("user 1 , net bind 127.0.0.1 20105", 0, 0), ("net bind 127.0.0.1 20105", 1, 5),
            ("user 1 , net timed 127.0.0.1 20106", 111, 0), ("net timed 127.0.0.1 20106", 110, 6),
            ("net send 127.0.0.1 20106", 0, 6), ("user 1 , net send 127.0.0.1 20106", 0, 0),
            ("user 1 , net tcp 127.0.0.1 20107", 1, 12), ("user 2 , net tcp 127.0.0.1 20107", 111, 0),
            ("net tcp 127.0.0.1 20108", 111, 0),
            // By packets.
            ("user 1 , net unbound 127.0.0.1 0", 0, 0), ("user 2 , net bind 127.0.0.1 20109", 1, 9),
        ]
        try t.hold(attempts, to: rules)
    },

    Test("enforce: rules about programs and files, for whom they are") { t in
        let check = try t.run(["--check-policy", "-q", "--rule", "deny exec /none"], command: "enforce")
        if check.status != .code(0) { throw Stop.skipped("no BPF LSM: \(check.text.suffix(200))") }
        let root = t.scratch
        for directory in ["bin", "data", "data/deep"] { try makeDirectory("\(root)/\(directory)") }
        let allowed = "\(root)/allowed"
        try copyFile("/proc/self/exe", to: allowed)
        try copyFile("/proc/self/exe", to: "\(root)/other")
        for program in ["bin/a", "bin/b", "bin/c"] { try makeProgram("\(root)/\(program)") }
        for file in ["data/a", "data/deep/b", "data/c", "data/own"] {
            try write("x", to: "\(root)/\(file)")
            guard unsafe chmod("\(root)/\(file)", 0o666) == 0 else { throw Stop.failed(describe(errno: errno)) }
        }
        let rules = [
            "deny file read \(root)/data/** unless exe \(allowed)",
            "deny file write \(root)/data/deep/** unless user 2",
            "allow file write \(root)/data/deep/b unless user 3",
            "deny exec \(root)/bin/a unless exe \(allowed)",
            "kill exec **/b unless user 1",
            "deny net raw unless user 0",
            "scope user 1",
            "deny exec \(root)/bin/**",
            "allow exec \(root)/bin/c unless exe \(allowed)",
            "deny file read \(root)/data/own",
            "scope all",
            "allow file read \(root)/data/own",
        ]
        let attempts: [HeldAttempt] = [
            ("read \(root)/data/a", 1, 1), ("as \(allowed) read \(root)/data/a", 0, 0),
            ("as \(root)/other read \(root)/data/deep/b", 1, 1), ("as \(allowed) read \(root)/data/deep/b", 0, 0),
            ("user 2 , append \(root)/data/deep/b", 0, 0), ("append \(root)/data/deep/b", 0, 0),
            ("user 3 , append \(root)/data/deep/b", 1, 2),
            ("exec \(root)/bin/a", 1, 4), ("as \(allowed) exec \(root)/bin/a", 0, 0),
            ("as \(root)/other exec \(root)/bin/a", 1, 4),
            ("exec \(root)/bin/b", -9, 5), ("exec \(root)/bin/c", 0, 0),
            // As specific, and for fewer.
            ("user 1 , exec \(root)/bin/b", 1, 8), ("user 1 , exec \(root)/bin/c", 0, 0),
            ("read \(root)/data/own", 0, 0), ("user 1 , read \(root)/data/own", 1, 10),
            ("socket 2 3 1", 0, 0),
        ]
        try t.hold(attempts, to: rules)
    },

    Test("enforce: conditions that there are not, and too many of them", dependsOnKernel: false) { t in
        func refused(_ words: [String], _ status: Int, _ part: String) throws {
            let run = try t.run(words + ["--", "/bin/true"], command: "enforce")
            t.equal(run.status, .code(status), "status of \(words.prefix(4))")
            t.expect(run.errors.contains(part), "it says \(run.errors.suffix(500))")
        }
        try refused(["--rule", "deny net * unless user nobody-is-this"], 65, "--rule:1: this host has no user")
        let many = (0..<63).flatMap { ["--rule", "deny net 10.0.0.\($0) unless user \($0)"] }
        try refused(many, 5, "63 different conditions, and at most 60")
    },
]
