// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Fixtures
import Testing

/// Each fixture's bytes, value by value.
struct DecodingTests {
    @Test func exec() throws {
        let record = try Fixture.exec.process
        #expect(record.kind == WIRE_EXEC.rawValue)
        #expect(record.time == 1_000_123_456_789)
        #expect(record.has(UInt32(WIRE_PROCESS_UPPER_LAYER)))
        #expect(record.has(UInt32(WIRE_PROCESS_SETUID)))
        #expect(record.has(UInt32(WIRE_PROCESS_SCRIPT)))
        #expect(!record.has(UInt32(WIRE_PROCESS_MEMFD)))
        #expect(!record.has(UInt32(WIRE_PROCESS_KERNEL_THREAD)))

        let task = record.task
        #expect(task.key == ProcessKey(pid: 5_000_001, start: 999_500_000_000))
        #expect(task.parentKey == ProcessKey(pid: 5_000_000, start: 900_000_000_000))
        #expect(task.tid == 5_000_001)
        #expect(task.vpid == 17)
        #expect(task.cgroup == 4242)
        #expect([task.uid, task.gid, task.euid, task.egid] == [1000, 1000, 0, 0])
        #expect(task.login_uid == 1000)
        #expect(task.session == 5_000_000)
        #expect(task.name.string == "run.sh")

        let fixed = record.fixed
        #expect(fixed.inode == 77)
        #expect(fixed.root_inode == 256)
        #expect(fixed.root_device == 8 << 20 | 1)
        #expect(fixed.root_generation == 52)
        #expect(fixed.args_count == 4)
        #expect(fixed.old_tid == 5_000_007)
        #expect(fixed.tty_major == 136)
        #expect(fixed.tty_index == 3)
        #expect(CommandName(fixed.tty).string == "pts")

        #expect(record.executable?.string == "/usr/bin/bash")
        #expect(record.directory?.string == "/home/alice")
        #expect(record.at == nil)
        #expect(record.execPath.string == "./run.sh")
        #expect(record.interpreter.string == "/bin/bash")
        #expect(record.arguments.strings == ["/bin/bash", "./run.sh", "", "--password=hunter2"])
        #expect(record.argumentsAreCut)
        #expect(record.ancestors.map(\.name.string) == ["sshd", "systemd"])
        #expect(
            record.ancestors.map(\.key) == [
                ProcessKey(pid: 5_000_000, start: 900_000_000_000), ProcessKey(pid: 4_999_999, start: 2_000_000_000),
            ])
    }

    @Test func failedExec() throws {
        let record = try Fixture.failedExec.process
        #expect(record.kind == WIRE_EXEC_FAILED.rawValue)
        #expect(record.fixed.error == 2)
        #expect(record.has(UInt32(WIRE_PROCESS_AT_DIRECTORY)))
        #expect(record.execPath.string == "tool")
        #expect(record.at?.string == "/opt")
        #expect(record.directory?.string == "/home/alice")
        #expect(record.arguments.strings == ["tool", "-x"])
        #expect(!record.argumentsAreCut)
    }

    @Test func existing() throws {
        let record = try Fixture.existing.process
        #expect(record.kind == WIRE_EXISTING.rawValue)
        #expect(record.has(UInt32(WIRE_PROCESS_MEMFD)))
        #expect(record.executable?.string == "/memfd:payload")
        #expect(record.executable?.isRooted == false)
        #expect(record.directory?.string == "/")
        #expect(record.task.login_uid == .max)
        #expect(record.arguments.bytes.isEmpty)
    }

    @Test func fork() throws {
        guard case .fork(let task, let time) = try Fixture.fork.record else {
            Issue.record("not a fork")
            return
        }
        #expect(time == 999_500_000_000)
        #expect(task.key == ProcessKey(pid: 5_000_001, start: 999_500_000_000))
        #expect(task.name.string == "sshd")
    }

    @Test func exit() throws {
        guard case .exit(let task, let code, let time) = try Fixture.exit.record else {
            Issue.record("not an exit")
            return
        }
        #expect(time == 1_003_250_000_000)
        #expect(code == 0x8b)
        #expect(task.key == ProcessKey(pid: 5_000_001, start: 999_500_000_000))
    }

    @Test func cgroup() throws {
        guard case .cgroup(let id, let path, _) = try Fixture.cgroup.record else {
            Issue.record("not a cgroup")
            return
        }
        #expect(id == 4242)
        #expect(path.string == "/system.slice/demo.service")
    }

    /// What is kept of a process for its end has fewer arguments, and everything else.
    @Test func keepsFewerArguments() throws {
        let whole = try Fixture.failedExec.process
        let kept = whole.keepingArguments(5)
        #expect(kept.arguments.strings == ["tool"])
        #expect(kept.argumentsAreCut)
        #expect(kept.byteCount == whole.byteCount - 3)
        #expect(kept.executable?.string == whole.executable?.string)
        #expect(kept.at?.string == "/opt")
        #expect(whole.keepingArguments(8).argumentsAreCut == false)
        #expect(whole.keepingArguments(0).arguments.strings == [])
    }

    /// A name that fills its 16 bytes has no NUL.
    @Test func nameWithoutEnd() {
        var ancestor = wire_ancestor()
        unsafe withUnsafeMutableBytes(of: &ancestor.comm) { unsafe $0.copyBytes(from: "0123456789abcdef".utf8) }
        #expect(ancestor.name.string == "0123456789abcdef")
    }

    @Test func syscall() throws {
        let call = try Fixture.syscall.call
        #expect(call.time == 1_000_500_000_000)
        #expect(call.task.key == ProcessKey(pid: 5_000_001, start: 999_500_000_000))
        #expect(call.task.tid == 5_000_007)
        #expect(call.task.name.string == "cat")
        #expect(call.duration == 24_256)
        #expect((call.abi, call.number) == (.native, 257))
        #expect(call.result == -2)
        #expect(call.error == 2)
        #expect(call.fixed.target_pid == 0)
        #expect(call.path?.string == "/srv/missing")
    }

    @Test func connect() throws {
        let call = try Fixture.connect.call
        #expect(call.shownName.string == "connect")
        #expect(call.destination?.port == 1)
        #expect(call.error == 111)
        #expect(call.argumentTexts.strings == ["3", "127.0.0.1:1", "16"])
    }

    @Test func signal() throws {
        let (task, target, time, signal) = try Fixture.signal.act
        #expect(time == 1_000_500_000_000)
        #expect(task.name.string == "sender")
        #expect(target.name.string == "receiver")
        #expect(target.key == ProcessKey(pid: 5_000_002, start: 999_600_000_000))
        #expect(target.vpid == 9)
        #expect([signal?.signal, signal?.code, signal?.result] == [12, 0, 1])
    }

    @Test func oom() throws {
        let (task, target, time, _) = try Fixture.oom.act
        #expect(time == 1_000_500_000_000)
        #expect(task.pid == 5_000_001)
        #expect(target.key == ProcessKey(pid: 5_000_002, start: 999_600_000_000))
    }
}
