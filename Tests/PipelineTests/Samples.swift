// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures

/// A task as the kernel programs tell of it.
func task(_ pid: UInt32, _ name: String = "demo", uid: UInt32 = 0, cgroup: UInt64 = 1, start: UInt64 = 1000)
    -> wire_task
{
    var task = wire_task()
    task.pid = pid
    task.tid = pid
    task.vpid = pid
    task.start = start
    task.euid = uid
    task.cgroup = cgroup
    unsafe withUnsafeMutableBytes(of: &task.comm) { unsafe $0.copyBytes(from: name.utf8.prefix(15)) }
    return task
}

/// Something that a process did which runs `executable`.
func event(
    _ action: Event.Action, _ pid: UInt32 = 7, time: UInt64 = 5000, name: String = "demo",
    executable: String = "/usr/bin/demo", arguments: [String] = ["demo"], uid: UInt32 = 0, user: String? = "root",
    cgroup: String? = "/", names: WorkloadNames = WorkloadNames(), signal: Int32? = nil, target: wire_task? = nil,
    inode: UInt64 = 1, flags: UInt32 = 0
) throws -> Event {
    let path = executable.split(separator: "/").reversed().map { "\($0)\0" }.joined() + "\0"
    let words = arguments.map { "\($0)\0" }.joined()
    var bytes = Array(Fixture.exec.bytes.prefix(MemoryLayout<wire_process>.size))
    bytes += Array(path.utf8) + Array(words.utf8)
    bytes.set(\wire_process.header.length, to: UInt32(bytes.count))
    bytes.set(\wire_process.header.flags, to: UInt16(flags))
    bytes.set(\wire_process.inode, to: inode)
    bytes.set(\wire_process.task.pid, to: pid)
    bytes.set(\wire_process.task.tid, to: pid)
    bytes.set(\wire_process.task.vpid, to: pid)
    bytes.set(\wire_process.task.start, to: UInt64(1000))
    bytes.set(\wire_process.task.euid, to: uid)
    bytes.set(\wire_process.task.comm, to: name)
    bytes.set(\wire_process.args_count, to: UInt32(arguments.count))
    bytes.set(\wire_process.args_total, to: UInt32(words.utf8.count))
    bytes.set(\wire_process.args_size, to: UInt32(words.utf8.count))
    bytes.set(\wire_process.executable_size, to: UInt16(path.utf8.count))
    let others: [KeyPath<wire_process, UInt16>] = [
        \.directory_size, \.exec_path_size, \.interpreter_size, \.at_size, \.ancestor_count,
    ]
    for part in others { bytes.set(part, to: 0) }
    let record = try Fixture.process(bytes)
    var tree = ProcessTree()
    let process = tree.exec(record)
    let owner = cgroup.map { CgroupOwner(path: Bytes($0)) }
    var sent = wire_signal()
    sent.signal = signal ?? 0
    return Event(
        action, time: time, process: process, record: action == .exec ? record : nil,
        signal: signal == nil ? nil : sent, target: target.map { Event.Target(task: $0, process: nil) },
        userName: user.map { Bytes($0) }, cgroup: cgroup.map { Bytes($0) },
        workload: owner?.containerID ?? owner?.podUID == nil ? nil : owner.map { Workload($0, names) },
        host: Fixture.host)
}
