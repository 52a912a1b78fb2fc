// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Rules about programs and files: what they stop really does not happen, by whichever way it is tried.

extension Run {
    /// What became of each attempt of the workload: an errno, or a signal, negative.
    var outcomes: [String: Int] {
        var outcomes: [String: Int] = [:]
        for line in lines(said) {
            guard let colon = line.lastIndex(of: ":"), let number = Int(line[colon...].dropFirst(2)) else { continue }
            outcomes[String(line[..<colon])] = number
        }
        return outcomes
    }
}

/// What is tried, what becomes of it, and the rule that says so, by its number from 1; 0 where nothing is told.
private struct Attempt {
    let steps: String
    let outcome: Int
    let rule: Int
    /// The file that the event is about, where that is not obvious.
    let path: String?

    init(_ steps: String, _ outcome: Int, _ rule: Int = 0, path: String? = nil) {
        self.steps = steps
        self.outcome = outcome
        self.rule = rule
        self.path = path
    }
}

extension Context {
    /// Whether BPF LSM works here, as the tool says. Tests in guests must not be skipped for it.
    fileprivate func requireSecurityHooks() throws {
        let run = try run(["--check-policy", "-q", "--rule", "deny exec /none"], command: "enforce")
        if run.status == .code(0) { return }
        throw Stop.skipped("no BPF LSM: \(run.text.suffix(200))")
    }

    /// Runs the attempts under rules, and holds what became of each, and what is told of it, against the table.
    fileprivate func hold(
        _ rules: [String], _ attempts: [Attempt], options: [String] = [], enforces: Bool = true, hook: String = "lsm/"
    ) throws {
        let words = rules.flatMap { ["--rule", $0] }
        let isFound = attempts.contains { $0.rule > 0 }
        let run = try trace(
            options + words, workload("guard") + attempts.map(\.steps), milliseconds: 40_000,
            status: .code(isFound ? 3 : 0), command: "enforce")
        let outcomes = run.outcomes
        for attempt in attempts {
            equal(outcomes[attempt.steps], enforces || attempt.rule == 0 ? attempt.outcome : 0, attempt.steps)
        }
        let expected = attempts.filter { $0.rule > 0 }
        equal(run.told.count, expected.count, "violations in \(run.errors.suffix(400))")
        for (event, attempt) in zip(run.told, expected) {
            let rule = rules[attempt.rule - 1]
            let place = attempt.rule == 1 ? "--rule:1" : "--rule(\(attempt.rule)):1"
            equal(event["rule.name"], .string(rule), "rule.name of \(attempt.steps)")
            equal(event["rule.reference"], .string(place), "rule.reference of \(attempt.steps)")
            let isAudit = attempt.outcome == 0
            equal(event["ebpfguard.enforced"], .bool(enforces && !isAudit), "ebpfguard.enforced of \(attempt.steps)")
            let verdict = rule.split(separator: " ").first { $0 != "default" && $0 != "exec" && $0 != "file" } ?? ""
            if rule.hasSuffix("net raw") {
                equal(event["ebpfguard.hook"], "lsm/socket_create", "ebpfguard.hook of \(attempt.steps)")
                let families = ["2": "inet", "10": "inet6", "17": "packet", "44": "xdp"]
                let words = attempt.steps.split(separator: " ").drop { $0 != "socket" }.dropFirst()
                let family = words.dropFirst().first == "10" ? "packet" : families[String(words.first ?? "")] ?? ""
                equal(event["ebpfguard.socket_family"], .string(family), "the family of \(attempt.steps)")
            }
            equal(event["ebpfguard.verdict"], .string(String(verdict)), "ebpfguard.verdict of \(attempt.steps)")
            expect(event["ebpfguard.hook"]?.string?.hasPrefix(hook) == true, "ebpfguard.hook of \(attempt.steps)")
            let last = attempt.steps.split(separator: " ").last.map(String.init)
            if let path = attempt.path ?? last, path != "" {
                equal(event["file.path"], .string(path), "file.path of \(attempt.steps)")
            }
        }
    }
}

let guardTests = [
    Test("guard: programs, by every way there") { t in
        try t.requireSecurityHooks()
        let root = t.scratch
        for directory in ["denied", "denied/deep", "other", "mount", "names", "root", "moved", "layers"] {
            try makeDirectory("\(root)/\(directory)")
        }
        for program in [
            "denied/a", "denied/deep/b", "denied/allowed", "exact", "free", "audited", "names/tool", "names/tool.exe",
            "names/some.tool", "killed", "moved/p",
        ] { try makeProgram("\(root)/\(program)") }
        try makeScript("\(root)/script", "#!\(root)/exact\n")
        try makeScript("\(root)/denied/script", "#!\(root)/free\n")
        // Whatever leads there is not the file.
        guard unsafe symlink("\(root)/exact", "\(root)/symbolic") == 0,
            unsafe link("\(root)/exact", "\(root)/hard") == 0
        else { throw Stop.failed("links: \(describe(errno: errno))") }
        let cgroups = try t.require(cgroupMount(), "cgroup v2")
        let rules = [
            "deny exec \(root)/denied/**", "allow exec \(root)/denied/allowed", "deny exec \(root)/exact",
            "audit exec \(root)/audited", "deny exec **/tool", "deny exec **/*.exe", "deny exec memfd",
            "kill exec \(root)/killed", "deny exec \(root)/later/new", "deny exec \(root)/moved/p",
            "deny exec drift",
        ]
        try t.hold(
            rules,
            [
                Attempt("exec \(root)/free", 0), Attempt("exec \(root)/exact", 1, 3),
                Attempt("exec \(root)/denied/a", 1, 1), Attempt("exec \(root)/denied/deep/b", 1, 1),
                Attempt("exec \(root)/denied/allowed", 0), Attempt("exec \(root)/audited", 0, 4),
                Attempt("exec \(root)/symbolic", 1, 3, path: "\(root)/exact"),
                Attempt("exec \(root)/hard", 1, 3),
                Attempt("exec-found \(root)/exact", 1, 3), Attempt("exec-opened \(root)/hard", 1, 3),
                Attempt("map \(root)/exact", 1, 3), Attempt("protect \(root)/exact", 1, 3),
                Attempt("map \(root)/free", 0),
                Attempt("chdir \(root)/denied , exec ./a", 1, 1, path: "\(root)/denied/a"),
                // The interpreter, and the script.
                Attempt("exec \(root)/script", 1, 3, path: "\(root)/exact"),
                Attempt("exec \(root)/denied/script", 1, 1),
                Attempt("chroot \(root) , exec /exact", 1, 3, path: "/exact"),
                Attempt("chroot \(root)/denied , exec /deep/b", 1, 1, path: "/deep/b"),
                Attempt("own-mounts , bind \(root)/denied/deep \(root)/mount , exec \(root)/mount/b", 1, 1),
                Attempt("own-mounts , bind \(root)/denied \(root)/mount , exec \(root)/mount/allowed", 0),
                Attempt("own-mounts , bind \(root)/free \(root)/exact , exec \(root)/exact", 1, 3),
                Attempt(
                    "own-mounts , tmpfs \(root)/denied/deep , copy \(root)/free \(root)/denied/deep/x , "
                        + "exec \(root)/denied/deep/x", 1, 1),
                Attempt("enter \(root)/denied , exec ./deep/b", 1, 1, path: "/deep/b"),
                Attempt("exec \(root)/names/tool", 1, 5), Attempt("exec \(root)/names/tool.exe", 1, 6),
                Attempt("exec \(root)/names/some.tool", 0),
                Attempt("exec-copy \(root)/free", 1, 7, path: "/memfd:copy"), Attempt("exec \(root)/killed", -9, 8),
                Attempt("rename \(root)/denied \(root)/renamed , exec \(root)/renamed/deep/b", 1, 1),
                Attempt("exec \(root)/renamed/allowed", 0), Attempt("rename \(root)/renamed \(root)/denied", 0),
                // What takes a protected name, in a directory that was not there.
                Attempt("mkdir \(root)/later , copy \(root)/free \(root)/later/new , exec \(root)/later/new", 1, 9),
                Attempt("replace \(root)/free \(root)/moved/p , exec \(root)/moved/p", 1, 10),
                // Of an image, and not.
                Attempt("own-mounts , layers \(root)/layers \(root)/free , exec \(root)/layers/merged/image", 0),
                Attempt(
                    "own-mounts , layers \(root)/layers \(root)/free , copy \(root)/free \(root)/layers/merged/new , "
                        + "exec \(root)/layers/merged/new", 1, 11),
                // Whoever they become.
                Attempt("fork , exec \(root)/exact", 1, 3),
                Attempt("leave \(cgroups)/cgroup.procs , fork , exec \(root)/exact", 1, 3),
                Attempt("new-user , fork , exec \(root)/exact", 1, 3), Attempt("user 1 , exec \(root)/exact", 1, 3),
            ])
    },

    Test("guard: a dry run tells the same, and a default says what no rule does") { t in
        try t.requireSecurityHooks()
        let root = t.scratch
        for directory in ["in", "in/deep"] { try makeDirectory("\(root)/\(directory)") }
        for program in ["in/a", "in/deep/b", "out", "killed"] { try makeProgram("\(root)/\(program)") }
        try write("content\n", to: "\(root)/secret")
        let rules = [
            "default exec deny", "allow exec \(root)/in/*", "kill exec \(root)/killed",
            // The workload itself, which is what the tool starts.
            "allow exec \(ownPath)", "deny file read \(root)/secret",
        ]
        let attempts = [
            Attempt("exec \(root)/in/a", 0), Attempt("exec \(root)/in/deep/b", 1, 1), Attempt("exec \(root)/out", 1, 1),
            Attempt("exec \(root)/killed", -9, 3), Attempt("exec-copy \(root)/in/a", 1, 1, path: "/memfd:copy"),
            Attempt("read \(root)/secret", 1, 5),
        ]
        try t.hold(rules, attempts)
        try t.hold(rules, attempts, options: ["--dry-run"], enforces: false)
    },

    Test("guard: a program is killed before its first instruction, with security hooks and without") { t in
        let root = t.scratch
        try makeDirectory("\(root)/denied")
        for program in ["denied/a", "free", "audited"] { try makeProgram("\(root)/\(program)", exitCode: 7) }
        let cgroups = try t.require(cgroupMount(), "cgroup v2")
        try t.hold(
            ["kill exec \(root)/denied/**", "audit exec \(root)/audited", "kill exec memfd"],
            [
                Attempt("exec \(root)/denied/a", -9, 1), Attempt("exec \(root)/free", 7),
                Attempt("fork , exec \(root)/denied/a", -9, 1),
                Attempt("chroot \(root)/denied , exec /a", -9, 1, path: "/a"),
                Attempt("leave \(cgroups)/cgroup.procs , fork , exec \(root)/denied/a", -9, 1),
                Attempt("exec-copy \(root)/free", -9, 3, path: "/memfd:copy"),
            ], hook: "")
    },

    Test("guard: what is read, by every way there") { t in
        try t.requireSecurityHooks()
        let root = t.scratch
        for directory in ["secret", "secret/deep", "open", "mount"] { try makeDirectory("\(root)/\(directory)") }
        for file in [
            "secret/a", "secret/deep/b", "secret/public", "exact", "free", "open/id_key", "open/x.pem", "audited",
        ] {
            try write("content\n", to: "\(root)/\(file)")
        }
        try makeProgram("\(root)/program")
        guard unsafe symlink("\(root)/exact", "\(root)/symbolic") == 0,
            unsafe link("\(root)/exact", "\(root)/hard") == 0
        else { throw Stop.failed("links: \(describe(errno: errno))") }
        try t.hold(
            [
                "deny file read \(root)/secret/**", "allow file read \(root)/secret/public",
                "deny file read \(root)/exact", "deny file read **/id_key", "kill file read **/*.pem",
                "audit file read \(root)/audited", "deny file read \(root)/program", "deny file read \(root)/later",
            ],
            [
                Attempt("read \(root)/free", 0), Attempt("read \(root)/secret/a", 1, 1),
                Attempt("read \(root)/secret", 0), Attempt("read \(root)/secret/deep", 1, 1),
                Attempt("read \(root)/secret/public", 0), Attempt("write \(root)/secret/a", 0),
                Attempt("update \(root)/secret/a", 1, 1), Attempt("read \(root)/exact", 1, 3),
                Attempt("read \(root)/hard", 1, 3), Attempt("read \(root)/symbolic", 1, 3, path: "\(root)/exact"),
                Attempt("read \(root)/open/id_key", 1, 4), Attempt("read \(root)/open/x.pem", -9, 5),
                Attempt("read \(root)/audited", 0, 6), Attempt("exec \(root)/program", 0),
                Attempt("chroot \(root)/secret , read /deep/b", 1, 1, path: "/deep/b"),
                Attempt("own-mounts , bind \(root)/secret/deep \(root)/mount , read \(root)/mount/b", 1, 1),
                Attempt("own-mounts , bind \(root)/secret/a \(root)/free , read \(root)/free", 1, 1),
                Attempt("enter \(root)/secret/deep , read ./b", 1, 1, path: "/b"),
                // Out of the rule: by another name, or elsewhere.
                Attempt("link \(root)/secret/a \(root)/out", 1, 1, path: "\(root)/secret/a"),
                Attempt("rename \(root)/secret/a \(root)/out", 1, 1, path: "\(root)/secret/a"),
                Attempt("rename \(root)/secret/deep \(root)/out", 1, 1, path: "\(root)/secret/deep"),
                Attempt("rename \(root)/secret \(root)/renamed , read \(root)/renamed/a", 1, 1),
                Attempt("rename \(root)/renamed \(root)/secret", 0),
                Attempt("copy \(root)/free \(root)/later , read \(root)/later", 1, 8),
                Attempt("fork , new-user , fork , read \(root)/exact", 1, 3),
            ])
    },

    Test("guard: what is changed about files, by every way there") { t in
        try t.requireSecurityHooks()
        let root = t.scratch
        for directory in ["held", "held/deep", "free", "mount"] { try makeDirectory("\(root)/\(directory)") }
        for file in ["held/a", "held/b", "held/deep/c", "held/open", "free/f", "exact"] {
            try write("content\n", to: "\(root)/\(file)")
        }
        let held = "\(root)/held/a"
        // Times of the directory's contents, its names, and sizes and modes of what is in it.
        func state() -> [String] {
            ["", "/a", "/b", "/deep", "/deep/c", "/open"].map { name in
                var facts = stat()
                guard unsafe stat("\(root)/held\(name)", &facts) == 0 else { return "\(name) is gone" }
                return
                    "\(name) \(facts.st_size) \(facts.st_mode) \(facts.st_uid) \(facts.st_nlink) \(facts.st_ctim.tv_nsec)"
            }
        }
        let before = state()
        try t.hold(
            [
                "deny file write \(root)/held/**", "audit file write \(root)/held/open",
                "deny file write \(root)/exact",
                "deny file write \(root)/new/name", "kill file write **/*.lock",
            ],
            [
                Attempt("read \(held)", 0), Attempt("write \(root)/free/f", 0),
                Attempt("write \(held)", 1, 1), Attempt("append \(held)", 1, 1), Attempt("update \(held)", 1, 1),
                Attempt("empty \(held)", 1, 1), Attempt("create \(root)/held/n", 1, 1),
                Attempt("mkdir \(root)/held/n", 1, 1), Attempt("mknod \(root)/held/n", 1, 1),
                Attempt("symlink x \(root)/held/n", 1, 1), Attempt("link \(root)/free/f \(root)/held/n", 1, 1),
                Attempt("link \(held) \(root)/free/n", 1, 1, path: held), Attempt("unlink \(held)", 1, 1),
                Attempt("rmdir \(root)/held/deep", 1, 1),
                Attempt("rename \(held) \(root)/free/n", 1, 1, path: held),
                Attempt("rename \(root)/free/f \(held)", 1, 1), Attempt("swap \(root)/free/f \(held)", 1, 1),
                Attempt("chmod \(held)", 1, 1), Attempt("chown \(held)", 1, 1), Attempt("truncate \(held)", 1, 1),
                Attempt("times \(held)", 1, 1), Attempt("trusted \(held)", 1, 1), Attempt("untrusted \(held)", 1, 1),
                Attempt("unnamed \(root)/free \(root)/held/n", 1, 1), Attempt("write \(root)/held/open", 0, 2),
                Attempt("own-mounts , bind \(root)/held/deep \(root)/mount , write \(root)/mount/c", 1, 1),
                Attempt(
                    "own-mounts , bind \(root)/held/deep \(root)/mount , times \(root)/mount/c", 1, 1,
                    path: "\(root)/held/deep/c"),
                Attempt("chroot \(root)/held , unlink /deep/c", 1, 1, path: "/deep/c"),
                Attempt("enter \(root)/held/deep , write ./c", 1, 1, path: "/c"),
                Attempt("chmod \(root)/exact", 1, 3),
                Attempt("rename \(root)/exact \(root)/x", 1, 3, path: "\(root)/exact"),
                // A name in a directory that is not there yet.
                Attempt("mkdir \(root)/new , create \(root)/new/other", 0), Attempt("create \(root)/new/name", 1, 4),
                Attempt("symlink x \(root)/new/name", 1, 4), Attempt("rename \(root)/new/other \(root)/new/name", 1, 4),
                Attempt("create \(root)/free/x.lock", -9, 5),
            ])
        t.equal(state(), before, "what is there")
        for name in ["held/n", "free/n", "free/x.lock", "new/name"] {
            t.equal(unsafe access("\(root)/\(name)", F_OK), -1, "access to \(name)")
        }
    },

    Test("guard: raw and packet sockets") { t in
        try t.requireSecurityHooks()
        // The families are 2 and 10 of IP, 17 for packets, 44 of XDP, and 16 is netlink; type 3 is raw.
        let made = [
            Attempt("socket 17 3 768", 1, 1, path: ""), Attempt("socket 17 2 1544", 1, 1, path: ""),
            Attempt("socket 2 3 1", 1, 1, path: ""), Attempt("socket 10 3 58", 1, 1, path: ""),
            Attempt("socket 44 3", 1, 1, path: ""), Attempt("socket 2 10 768", 1, 1, path: ""),
            Attempt("user 1 , socket 17 3 768", 1, 1, path: ""), Attempt("new-user , socket 2 3 1", 1, 1, path: ""),
            Attempt("socket 2 1", 0), Attempt("socket 10 2", 0), Attempt("socket 1 3", 0), Attempt("socket 16 3 0", 0),
        ]
        try t.hold(["deny net raw"], made)
        try t.hold(["kill net raw"], [Attempt("socket 17 3 768", -9, 1, path: ""), Attempt("socket 2 1", 0)])
    },

    Test("guard: switched off behind its back, it says so") { t in
        try t.requireSecurityHooks()
        let switchFile = "/proc/sys/kernel/ftrace_enabled"
        guard contents(of: switchFile) != nil else { throw Stop.skipped("no \(switchFile)") }
        let program = try makeProgram("\(t.scratch)/denied")
        let child = try t.start(
            ["--rule", "deny exec \(program)"], workload("guard-lasting", "exec \(program)"), command: "enforce")
        func sees(_ text: String, _ milliseconds: Int) -> Bool {
            child.wait(milliseconds: milliseconds) { lines($0.errorText).contains { $0.hasPrefix(text) } }
        }
        t.expect(sees("now 1", t.allow(milliseconds: 8000)), "nothing was denied: \(child.errorText.suffix(300))")
        do {
            try write("0", to: switchFile)
        } catch {
            // 5.10 refuses it while a program is attached: then it goes on.
            t.expect(contents(of: switchFile)?.first == "1", "\(switchFile) can't be written")
            child.kill(SIGTERM)
            _ = try t.finish(child, milliseconds: 8000, isJSON: false)
            return
        }
        defer { try? write("1", to: switchFile) }
        t.expect(sees("NOT ENFORCING", 5000), "no alarm: \(child.errorText.suffix(300))")
        child.kill(SIGTERM)
        let run = try t.finish(child, milliseconds: 8000, isJSON: false)
        t.equal(run.status, .code(4), "the exit status")
        t.expect(run.errors.contains("IT DID NOT HOLD ALL THE TIME"), "the footer says \(run.errors.suffix(300))")
    },

    Test("guard: without security hooks a denial is refused, and a kill is offered") { t in
        let run = try t.run(["--rule", "deny exec /none"], ["/bin/true"], command: "enforce")
        let check = try t.run(["--check-policy", "--rule", "deny exec /none"], command: "enforce")
        t.equal(run.status, check.status, "the exit status")
        if run.status == .code(0) {
            t.expect(check.text.contains("lsm/bprm_check_security"), "it says \(check.text)")
            return
        }
        t.equal(run.status, .code(5), "the exit status")
        t.expect(run.errors.contains("BPF LSM") && run.errors.contains("write kill"), "it says \(run.errors)")
        let raw = try t.run(["--rule", "audit net raw"], ["/bin/true"], command: "enforce")
        t.equal(raw.status, .code(5), "the exit status of a rule about raw sockets")
        t.expect(raw.errors.contains("only BPF LSM can hold who makes a raw socket"), "it says \(raw.errors)")
    },
]
