// SPDX-License-Identifier: Apache-2.0

import Glibc

// Who runs it: names come from where the process lives, and nothing it can prepare there harms or leaks.

let userTests = [
    Test("user: name from the process's own root") { t in
        let root = try makeRoot(t)
        try write("root:x:0:0::/:/bin/sh\nboxed:x:4242:4242::/:/bin/sh\n", to: "\(root)/etc/passwd")
        let run = try t.trace(inside(root, t))
        let exec = try t.require(run.events.of("exec").last, "exec")
        t.equal(exec["user.id"], "4242", "user.id")
        t.equal(exec["user.name"], "boxed", "user.name")
        t.equal(exec["group.id"], "4242", "group.id")
        t.equal(exec["process.executable"], "/program", "process.executable")
        t.equal(exec["process.working_directory"], "/", "process.working_directory")
        checkEnd(t, try t.require(run.events.of("exit").last, "exit"), of: exec)
        t.equal(run.events.of("exec").first?["user.name"], userName(0).map(JSON.string), "user.name outside")
    },

    Test("user: a passwd file that leads out of the root is not read") { t in
        let outside = "\(t.scratch)/outside"
        try write("leaked:x:4242:4242::/:/bin/sh\n", to: outside)
        for target in [outside, "../../outside", "/proc/self/cwd/outside"] {
            let root = try makeRoot(t)
            guard unsafe symlink(target, "\(root)/etc/passwd") == 0 else { throw Stop.failed("symlink") }
            try checkNameless(t, root)
        }
    },

    Test("user: a passwd file that is a FIFO or a device does not hang") { t in
        let fifo = try makeRoot(t)
        guard unsafe mkfifo("\(fifo)/etc/passwd", 0o666) == 0 else { throw Stop.failed("mkfifo") }
        try checkNameless(t, fifo)
        let zero = try makeRoot(t)
        guard unsafe mknod("\(zero)/etc/passwd", S_IFCHR | 0o666, 0x105) == 0 else { throw Stop.failed("mknod") }
        try checkNameless(t, zero)
    },

    Test("user: login id") { t in
        let program = try makeProgram("\(t.scratch)/program")
        try t.requires(
            "auditing", isThere: bytes(of: "/proc/self/loginuid") != nil, sinceKernel: KernelVersion(99, 0))
        let run = try t.trace(workload("login", "4243", program))
        t.equal(run.events.of("exec").last?["user.audit.id"], "4243", "user.audit.id")
        let own = contents(of: "/proc/self/loginuid") ?? ""
        let expected: JSON? = own == "4294967295" ? nil : .string(own)
        t.equal(run.events.of("exec").first?["user.audit.id"], expected, "user.audit.id before")
    },
]

private func makeRoot(_ t: Context) throws -> String {
    var root: String
    var number = 1
    repeat {
        root = "\(t.scratch)/root\(number)"
        number += 1
    } while unsafe access(root, F_OK) == 0
    try makeDirectory(root)
    try makeDirectory("\(root)/etc")
    if unsafe link(ownPath, "\(root)/program") != 0 {
        try write(bytes(of: ownPath) ?? [], to: "\(root)/program", mode: 0o755)
    }
    return root
}

/// A process that lives there long enough for its root to be looked at.
private func inside(_ root: String, _ t: Context) -> [String] {
    workload("chroot", root, "4242", "/program", "workload", "sleep", t.settings.isSlow ? "300" : "100")
}

private func checkNameless(_ t: Context, _ root: String) throws {
    let run = try t.trace(inside(root, t), milliseconds: 5000)
    let exec = try t.require(run.events.of("exec").last, "exec")
    t.equal(exec["process.executable"], "/program", "process.executable")
    t.equal(exec["user.id"], "4242", "user.id")
    t.equal(exec["user.name"], nil, "user.name")
    t.expect(!run.events.contains { "\($0.json)".contains("leaked") }, "a name from outside of the root")
}
