// SPDX-License-Identifier: Apache-2.0

import Glibc

// Where it runs: cgroup and pid namespace.

let namespaceTests = [
    Test("cgroup: path and id") { t in
        let group = try Cgroup(t, "place")
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("in-cgroup", group.path, program))
        let before = try t.require(run.events.of("exec").first, "exec")
        let inside = try t.require(run.events.of("exec").last, "exec")
        t.equal(before["process.linux.cgroup"], cgroup(of: Int(getpid())).map(JSON.string), "the runner's cgroup")
        t.equal(inside["process.linux.cgroup"], .string(group.name), "process.linux.cgroup")
        var facts = stat()
        t.equal(unsafe stat(group.path, &facts), 0, "stat of the cgroup")
        t.equal(inside["ebpfguard.cgroup_id"], .string("\(facts.st_ino)"), "ebpfguard.cgroup_id")
        checkEnd(t, try t.require(run.events.of("exit").last, "exit"), of: inside)
    },

    Test("pid namespace: both pids, and ancestors up to its first process") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(workload("pid-namespace", program))
        let first = try t.require(run.said("first").first, "pid from the workload")
        t.equal(run.said("child"), [2], "the child's pid inside")
        let birth = try t.require(run.events.of("fork").by(first).first, "fork of the first process")
        t.equal(birth["process.vpid"], 1, "process.vpid of the first process")
        let exec = try t.require(run.events.of("exec").with(args: [program, "inside"]).first, "exec inside")
        t.equal(exec["process.vpid"], 2, "process.vpid")
        t.expect(exec.pid != 2, "process.pid is the pid inside")
        t.equal(exec["process.parent.pid"], .integer(first), "process.parent.pid")
        t.equal(exec.ancestors, [first], "process.ancestors")
        t.equal(exec["process.ancestors.0.entity_id"], birth["process.entity_id"], "the ancestor's entity_id")
        let end = try t.require(run.events.of("exit").by(exec.pid).first, "exit inside")
        t.equal(end["process.vpid"], 2, "process.vpid at the exit")
        checkEnd(t, end, of: exec)
        t.equal(run.events.of("exec").first?["process.vpid"], nil, "process.vpid outside")
    },
]

/// A cgroup v2 directory for one test.
struct Cgroup: ~Copyable {
    /// Its directory in the file system.
    let path: String
    /// What /proc/PID/cgroup calls it.
    let name: String

    init(_ t: Context, _ label: String, below parent: String? = nil) throws {
        guard let mount = cgroupMount() else {
            try t.requires("cgroup v2", isThere: false, sinceKernel: KernelVersion(4, 5))
            throw Stop.failed("no cgroup v2")
        }
        try self.init(at: "\(parent ?? mount)/live-tests-\(label).\(getpid())", mount: mount)
    }

    /// With a path of the test's choice.
    init(at directory: String, mount: String) throws {
        try makeDirectory(directory)
        path = directory
        name = String(directory.dropFirst(mount.count))
    }

    /// Its last process may still be on its way out.
    deinit {
        var tries = 100
        while unsafe rmdir(path) != 0, errno == EBUSY, tries > 0 {
            usleep(10_000)
            tries -= 1
        }
    }
}
