// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Fixtures
import Glibc
import Testing

@testable import Enrichment

/// Pids above the kernel's limit of 4,194,304 belong to nobody, so /proc has nothing to say about them.
private let base: UInt32 = 5_000_000

private func task(
    _ pid: UInt32, start: UInt64, parent: UInt32 = base, parentStart: UInt64 = 900_000_000_000, session: UInt32 = 0,
    name: String = "sh"
) -> wire_task {
    var task = wire_task()
    task.pid = pid
    task.tid = pid
    task.start = start
    task.parent_pid = parent
    task.parent_start = parentStart
    task.session = session
    unsafe withUnsafeMutableBytes(of: &task.comm) { unsafe $0.copyBytes(from: name.utf8.prefix(15)) }
    return task
}

private func key(_ pid: UInt32, _ start: UInt64) -> ProcessKey { ProcessKey(pid: pid, start: start) }

struct ProcessTreeTests {
    /// Process 5000001 after its exec of a script by /usr/bin/bash.
    private func treeWithExec() throws -> (ProcessTree, Process) {
        var tree = ProcessTree()
        let process = tree.exec(try Fixture.exec.process)
        return (tree, process)
    }

    @Test func execIsKnown() throws {
        let (tree, process) = try treeWithExec()
        #expect(tree.count == 1)
        #expect(tree.process(process.key) === process)
        #expect(process.image?.executable?.string == "/usr/bin/bash")
        #expect(process.image?.arguments?.strings == ["/bin/bash", "./run.sh", "", "--password=hunter2"])
        #expect(process.image?.argumentCount == 4)
        #expect(process.ancestors.map(\.key.pid) == [5_000_000, 4_999_999])
    }

    @Test func forkInheritsImage() throws {
        var (tree, parent) = try treeWithExec()
        let child = tree.fork(task(6_000_000, start: 2, parent: 5_000_001, parentStart: 999_500_000_000))
        #expect(child.image === parent.image)
        #expect(child.parentImage === parent.image)
        #expect(child.ancestors.map(\.key) == [parent.key] + parent.ancestors.map(\.key))
        #expect(child.ancestors.first?.name.string == "run.sh")
        #expect(tree.count == 2)
    }

    @Test func execReplacesImage() throws {
        var (tree, parent) = try treeWithExec()
        let shell = parent.image
        let child = tree.fork(task(6_000_000, start: 2, parent: 5_000_001, parentStart: 999_500_000_000))
        parent = tree.exec(try Fixture.exec.process)
        #expect(parent.image !== shell)
        #expect(tree.process(parent.key)?.image === parent.image)
        // What the child was forked from does not change under it.
        #expect(child.image === shell)
        #expect(tree.count == 2)
    }

    @Test func exitForgets() throws {
        var (tree, process) = try treeWithExec()
        let end = task(5_000_001, start: 999_500_000_000, name: "renamed")
        let ended = tree.exit(end)
        #expect(ended === process)
        #expect(ended.task.name.string == "renamed")
        #expect(tree.count == 0)
        #expect(tree.process(process.key) == nil)
    }

    @Test func exitOfUnknown() {
        var tree = ProcessTree()
        let ended = tree.exit(task(6_000_000, start: 5))
        #expect(ended.image == nil)
        #expect(ended.ancestors.map(\.key) == [key(base, 900_000_000_000)])
        #expect(ended.ancestors.first?.name.isEmpty == true)
        #expect(tree.count == 0)
    }

    /// The pid is the same, the process is not.
    @Test func pidReuseNeverJoins() throws {
        var (tree, old) = try treeWithExec()
        let later: UInt64 = 2_000_000_000_000
        #expect(tree.process(key(5_000_001, later)) == nil)

        let ended = tree.exit(task(5_000_001, start: later))
        #expect(ended !== old)
        #expect(ended.image == nil)
        #expect(tree.process(old.key) === old)

        let child = tree.fork(task(6_000_000, start: later, parent: 5_000_001, parentStart: later))
        #expect(child.image == nil)
        #expect(child.ancestors.count == 1)

        let new = tree.fork(task(5_000_001, start: later, parent: 6_000_000, parentStart: later))
        #expect(tree.process(old.key) == nil)
        #expect(tree.process(new.key) === new)
        #expect(new.image == nil)
    }

    @Test func failedExecKeepsImage() throws {
        var (tree, process) = try treeWithExec()
        let image = process.image
        let caller = tree.failedExec(try Fixture.failedExec.process)
        #expect(caller === process)
        #expect(caller.image === image)
        #expect(caller.task.name.string == "bash")
    }

    @Test func failedExecOfUnknown() throws {
        var tree = ProcessTree()
        let caller = tree.failedExec(try Fixture.failedExec.process)
        #expect(caller.image?.executable?.string == "/usr/bin/bash")
        // What it asked for is not what it runs.
        #expect(caller.image?.arguments == nil)
        #expect(caller.image?.argumentCount == nil)
        #expect(tree.process(caller.key) === caller)
    }

    @Test func parentImage() throws {
        var tree = ProcessTree()
        var parent = Fixture.existing.bytes
        // The existing process as the parent that the exec names: its pid, start and name.
        parent.set(\wire_process.task.pid, to: 5_000_000)
        parent.set(\wire_process.task.start, to: 900_000_000_000)
        parent.set(\wire_process.task.comm, to: "sshd")
        tree.add(existing: try Fixture.process(parent))
        let process = tree.exec(try Fixture.exec.process)
        #expect(process.parentImage?.executable?.string == "/memfd:payload")
        let lineage = tree.lineage(of: process).ancestors
        #expect(lineage.map(\.name.string) == ["sshd", "systemd"])
        #expect(lineage.map { $0.executable?.string } == ["/memfd:payload", nil])
    }

    @Test func ancestorsAreBounded() {
        var tree = ProcessTree()
        for number in UInt32(0)..<200 {
            _ = tree.fork(task(base + 1 + number, start: 1, parent: base + number, parentStart: 1))
        }
        let last = tree.process(key(base + 200, 1))
        #expect(last?.ancestors.count == Int(WIRE_ANCESTORS_MAX))
        #expect(last?.ancestors.first?.pid == base + 199)
    }

    // MARK: Lineage

    /// A record of an exec by process 5000001 of the program /`program`, without ancestors.
    private func exec(_ program: String) throws -> ProcessRecord {
        var bytes = Array(Fixture.exec.bytes[..<MemoryLayout<wire_process>.size])
        let parts: [KeyPath<wire_process, UInt16>] = [
            \.directory_size, \.exec_path_size, \.interpreter_size, \.at_size, \.ancestor_count,
        ]
        for part in parts { bytes.set(part, to: 0) }
        bytes.set(\wire_process.args_size, to: 0)
        bytes.set(\wire_process.executable_size, to: UInt16(program.utf8.count + 2))
        bytes += Array("\(program)\0\0".utf8)
        bytes.set(\wire_process.header.length, to: UInt32(bytes.count))
        return try Fixture.process(bytes)
    }

    private func programs(_ tree: ProcessTree, _ process: Process) -> [String?] {
        tree.lineage(of: process).ancestors.map { $0.executable?.string }
    }

    @Test func siblingsShareLineage() throws {
        var (tree, parent) = try treeWithExec()
        let first = tree.fork(task(6_000_000, start: 2, parent: 5_000_001, parentStart: 999_500_000_000))
        let second = tree.fork(task(6_000_001, start: 2, parent: 5_000_001, parentStart: 999_500_000_000))
        #expect(tree.lineage(of: first) === tree.lineage(of: second))
        #expect(tree.lineage(of: first) === tree.lineage(of: first))
        #expect(tree.lineage(of: first) !== tree.lineage(of: parent))
        #expect(tree.lineage(of: first).ancestors.map(\.key.pid) == [5_000_001, 5_000_000, 4_999_999])
        #expect(tree.lineage(of: first).ancestors.map(\.name.string) == ["run.sh", "sshd", "systemd"])
    }

    /// What an ancestor runs is what it runs now, whichever generation it is of.
    @Test func lineageFollowsExec() throws {
        var tree = ProcessTree()
        _ = tree.exec(try exec("old"))
        let child = tree.fork(task(6_000_000, start: 2, parent: 5_000_001, parentStart: 999_500_000_000))
        let grandchild = tree.fork(task(6_000_001, start: 3, parent: 6_000_000, parentStart: 2))
        #expect(programs(tree, grandchild) == ["/old", "/old"])
        #expect(programs(tree, child) == ["/old"])
        _ = tree.exec(try exec("new"))
        #expect(programs(tree, grandchild) == ["/old", "/new"])
        #expect(programs(tree, child) == ["/new"])
    }

    @Test func lineageOfNobody() throws {
        var tree = ProcessTree()
        #expect(programs(tree, tree.exec(try exec("init"))) == [])
    }

    // MARK: Descendants

    @Test func descendantsByParent() {
        var tree = ProcessTree()
        // From the leaf up, so that one pass over them is not enough.
        _ = tree.fork(task(base + 3, start: 1, parent: base + 2, parentStart: 1))
        _ = tree.fork(task(base + 2, start: 1, parent: base + 1, parentStart: 1))
        _ = tree.fork(task(base + 1, start: 1, parent: base, parentStart: 1))
        _ = tree.fork(task(base + 9, start: 1, parent: base + 8, parentStart: 1))
        #expect(tree.descendants(of: [base + 1]) == [base + 1, base + 2, base + 3])
        #expect(tree.descendants(of: [base + 3, base + 8]) == [base + 3, base + 8, base + 9])
        #expect(tree.descendants(of: []) == [])
        // One that nobody knows is still meant.
        #expect(tree.descendants(of: [base + 77]) == [base + 77])
    }

    /// A session's processes descend from its leader, also when those between have ended.
    @Test func descendantsBySession() {
        var tree = ProcessTree()
        _ = tree.fork(task(base + 1, start: 1, parent: 1, parentStart: 1, session: base + 1))
        _ = tree.fork(task(base + 5, start: 1, parent: 1, parentStart: 1, session: base + 1))
        _ = tree.fork(task(base + 6, start: 1, parent: base + 5, parentStart: 1, session: base + 1))
        _ = tree.fork(task(base + 7, start: 1, parent: 1, parentStart: 1, session: base + 7))
        #expect(tree.descendants(of: [base + 1]) == [base + 1, base + 5, base + 6])
        // Not the leader: a process is no ancestor of others in its session.
        #expect(tree.descendants(of: [base + 5]) == [base + 5, base + 6])
    }

    // MARK: Memory

    /// Entries whose process is gone don't stay for ever; those of living ones do.
    @Test func sweep() {
        var tree = ProcessTree()
        let own = UInt32(getpid())
        _ = tree.fork(task(own, start: 1))
        for number in UInt32(0)..<20_000 { _ = tree.fork(task(base + number, start: 1, parent: own, parentStart: 1)) }
        #expect(tree.count < 20_000)
        #expect(tree.process(key(own, 1)) != nil)
    }

    @Test func shrink() throws {
        let (_, process) = try treeWithExec()
        process.image?.shrink()
        #expect(process.image?.arguments?.strings.count == 4)
    }
}
