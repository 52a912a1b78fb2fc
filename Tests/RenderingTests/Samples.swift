// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Rendering

/// The event of each fixture, as a run would make it.
enum Sample: CaseIterable {
    case exec, failedExec, existing, fork, exit, syscall, connect, signal, oom, loss
    case connected, unreachable, reset, listening

    var event: Event {
        get throws {
            var tree = ProcessTree()
            var event =
                switch self {
                case .exec: make(.exec, tree.exec(try Fixture.exec.process), try Fixture.exec.process)
                case .failedExec:
                    make(.execFailed, tree.failedExec(try Fixture.failedExec.process), try Fixture.failedExec.process)
                case .existing:
                    make(.existing, tree.add(existing: try Fixture.existing.process), try Fixture.existing.process)
                case .fork: make(.fork, tree.fork(try Fixture.fork.task.0), time: try Fixture.fork.task.time)
                case .exit:
                    try {
                        _ = tree.exec(try Fixture.exec.process)
                        let (task, time) = try Fixture.exit.task
                        return make(.exit(code: 0x8b), tree.exit(task), time: time)
                    }()
                case .syscall: try act(.syscall, call: Fixture.syscall.call)
                case .connect: try act(.syscall, call: Fixture.connect.call)
                case .signal: try act(.signal, on: Fixture.signal.act)
                case .oom: try act(.oom, on: Fixture.oom.act)
                case .connected: try act(.connect, on: Fixture.connected.connection)
                case .unreachable: try act(.connect, on: Fixture.unreachable.connection)
                case .reset: try act(.close, on: Fixture.reset.connection)
                case .listening: try act(.listen, on: Fixture.listening.connection)
                case .loss:
                    Event(
                        .loss, time: 1_004_000_000_000, process: nil, lost: [("exec", 3), ("fork", 1)],
                        host: Fixture.host)
                }
            event.sequence = 7
            return event
        }
    }

    private func make(_ action: Event.Action, _ process: Process, _ record: ProcessRecord) -> Event {
        make(action, process, record, time: record.time)
    }

    private func act(_ action: Event.Action, call: SyscallRecord) throws -> Event {
        var tree = ProcessTree()
        return Event(
            action, time: call.time, process: tree.acting(call.task), task: call.task, call: call,
            userName: Bytes("alice"), hook: "a hook", host: Fixture.host)
    }

    private func act(
        _ action: Event.Action, on act: (task: wire_task, target: wire_task, time: UInt64, signal: wire_signal?)
    ) throws -> Event {
        var tree = ProcessTree()
        return Event(
            action, time: act.time, process: tree.acting(act.task), task: act.task, signal: act.signal,
            target: .init(task: act.target, process: nil), userName: Bytes("alice"), hook: "a hook",
            host: Fixture.host)
    }

    private func act(_ action: Event.Action, on connection: ConnectionRecord) throws -> Event {
        var tree = ProcessTree()
        return Event(
            action, time: connection.time, process: tree.acting(connection.task), task: connection.task,
            connection: connection, userName: Bytes("alice"), host: Fixture.host)
    }

    private func make(
        _ action: Event.Action, _ process: Process, _ record: ProcessRecord? = nil, time: UInt64
    ) -> Event {
        Event(
            action, time: time, process: process, record: record, userName: Bytes("alice"),
            cgroup: Bytes("/system.slice/demo.service"),
            lineage: Lineage([
                Ancestor(
                    key: ProcessKey(pid: 5_000_000, start: 900_000_000_000), name: CommandName("sshd"),
                    executable: WalkedPath(Bytes("sshd\0sbin\0usr\0\0"))),
                Ancestor(
                    key: ProcessKey(pid: 4_999_999, start: 2_000_000_000), name: CommandName("systemd"), executable: nil
                ),
            ]),
            hook: "a hook", host: Fixture.host
        )
    }

    /// The fork of the fixture, in a container.
    static func fork(in names: WorkloadNames) throws -> Event {
        let owner = CgroupOwner(path: Bytes("/docker/" + String(repeating: "0123456789abcdef", count: 4)))
        let (task, time) = try Fixture.fork.task
        var tree = ProcessTree()
        return Event(
            .fork, time: time, process: tree.fork(task), userName: Bytes("alice"), workload: Workload(owner, names),
            host: Fixture.host)
    }

    /// An exec of /usr/bin/tool with these arguments.
    static func exec(_ arguments: [[UInt8]]) throws -> Event {
        let bytes: [UInt8] = arguments.flatMap { (argument: [UInt8]) in argument + [0] }
        var record = Fixture.exec.bytes
        // Everything behind the fixed part anew: no ancestors, an executable, the arguments.
        let executable = Array("tool\0bin\0usr\0\0".utf8)
        record.removeSubrange(MemoryLayout<wire_process>.size...)
        record += executable + bytes
        record.set(\wire_process.header.length, to: UInt32(record.count))
        record.set(\wire_process.header.flags, to: 0)
        record.set(\wire_process.args_count, to: UInt32(arguments.count))
        record.set(\wire_process.args_total, to: UInt32(bytes.count))
        record.set(\wire_process.args_size, to: UInt32(bytes.count))
        record.set(\wire_process.executable_size, to: UInt16(executable.count))
        let others: [KeyPath<wire_process, UInt16>] = [
            \.directory_size, \.exec_path_size, \.interpreter_size, \.at_size, \.ancestor_count,
        ]
        for part in others { record.set(part, to: 0) }
        var tree = ProcessTree()
        let process = try Fixture.process(record)
        return Event(.exec, time: process.time, process: tree.exec(process), record: process, host: Fixture.host)
    }

    static func exec(_ arguments: String...) throws -> Event { try exec(arguments) }

    static func exec(_ arguments: [String]) throws -> Event { try exec(arguments.map { Array($0.utf8) }) }
}

func json(_ event: Event, _ fields: [Field] = Field.allCases, redacts: Bool = true) -> [UInt8] {
    var renderer = JSONRenderer(fields: Set(fields), host: Fixture.host, redacts: redacts)
    var buffer = OutputBuffer()
    renderer.append(event, to: &buffer)
    return buffer.array()
}

func text(_ events: Event..., columns: Int? = nil, colors: Bool = false, wide: Bool = false) -> String {
    var renderer = TextRenderer(options: .init(columns: columns, colors: colors, wide: wide, redacts: true))
    var buffer = OutputBuffer()
    for event in events { renderer.append(event, to: &buffer) }
    return String(decoding: buffer.array(), as: UTF8.self)
}

/// Lines without what depends on the time zone: the clock, which is 12 columns wide.
func withoutClock(_ text: String) -> [String] {
    text.split(separator: "\n").map { String($0.dropFirst(12)) }
}
