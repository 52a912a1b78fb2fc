// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Testing

/// Every field of every kind of event: its value, or none.
struct EventValueTests {
    /// Expects the fields that are given to have these values, and no other field to have one.
    private func expect(
        _ event: Event, _ expected: [Field: String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for field in Field.allCases {
            let value = describe(event.value(of: field))
            #expect(value == expected[field], "\(field.name)", sourceLocation: sourceLocation)
        }
    }

    private func describe(_ value: FieldValue) -> String? {
        switch value {
        case .absent: nil
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .identifier(let value): "#\(value)"
        case .word(let word): "\(word)"
        case .words(let words): words.map { "\($0)" }.joined(separator: ",")
        case .text(let text): text.string
        case .name(let name): name.string
        case .texts(let list), .labels(let list): list.strings.joined(separator: "|")
        case .path(let path): path.string
        case .joinedPath(let directory, let path): "\(directory?.string ?? "-") + \(path.string)"
        case .address(let address): (0..<address.count).map { "\(address[$0])" }.joined(separator: ".")
        case .addresses(let addresses): "\(addresses.count) addresses"
        case .answers(let answers): answers.map(\.data.string).joined(separator: "|")
        case .time(let time): "\(time)"
        case .terminal(let driver, let number): "\(driver.string)\(driver.isPseudoTerminal ? "/" : "")\(number)"
        case .entity(let key): "\(key.start)/\(key.pid)"
        case .ancestors(let lineage):
            lineage.ancestors.map { "\($0.name.string) \($0.key.pid) \($0.executable?.string ?? "-")" }.joined(
                separator: "|")
        case .counts(let counts): counts.map { "\($0.name) \($0.count)" }.joined(separator: ",")
        }
    }

    private static let ancestors = [
        Ancestor(
            key: ProcessKey(pid: 5_000_000, start: 900_000_000_000), name: CommandName("sshd"),
            executable: WalkedPath(Bytes("sshd\0sbin\0usr\0\0"))),
        Ancestor(key: ProcessKey(pid: 4_999_999, start: 2_000_000_000), name: CommandName("systemd"), executable: nil),
    ]

    private func event(
        _ action: Event.Action, _ time: UInt64, _ process: Process, _ record: ProcessRecord?, hook: StaticString
    ) -> Event {
        Event(
            action, time: time, process: process, record: record, userName: Bytes("alice"),
            cgroup: Bytes("/system.slice/demo.service"), lineage: Lineage(Self.ancestors), hook: hook,
            host: Fixture.host
        )
    }

    /// What the task of all fixtures has in common.
    private static let common: [Field: String] = [
        .eventKind: "event", .eventCategory: "process", .processPID: "5000001",
        .processEntityID: "999500000000/5000001", .processStart: "1700000999500000000", .processRealUserID: "#1000",
        .processRealGroupID: "#1000", .processSessionLeaderPID: "5000000",
        .processCgroup: "/system.slice/demo.service", .parentPID: "5000000",
        .parentEntityID: "900000000000/5000000", .parentName: "sshd", .parentExecutable: "/usr/sbin/sshd",
        .processAncestors: "sshd 5000000 /usr/sbin/sshd|systemd 4999999 -", .userID: "#1000", .userName: "alice",
        .userAuditID: "#1000", .groupID: "#1000", .hostName: "node-1", .ebpfguardSchema: "1",
        .ebpfguardCgroupID: "#4242",
    ]

    /// What the image of exec.hex adds to an event of its process or of a child.
    private static let image: [Field: String] = [
        .processExecutable: "/usr/bin/bash", .processArgs: "/bin/bash|./run.sh||--password=hunter2",
        .processArgsCount: "4", .processArgsTruncated: "true", .processWorkingDirectory: "/home/alice",
        .processInteractive: "true", .processTTYName: "pts/3", .processMarks: "upper_layer,setuid",
        .ebpfguardScript: "/home/alice + ./run.sh", .ebpfguardInterpreter: "/bin/bash",
        .ebpfguardHostPath: "/srv/jail/usr/bin/bash",
    ]

    private func fields(_ sets: [Field: String]...) -> [Field: String] {
        sets.reduce(into: [:]) { $0.merge($1) { _, new in new } }
    }

    @Test func workload() throws {
        let id = String(repeating: "0123456789abcdef", count: 4)
        var names = WorkloadNames()
        names.container = Bytes("api")
        names.image = Bytes("api:1.2")
        names.namespace = Bytes("payments")
        names.pod = Bytes("api-7c9f")
        names.node = Bytes("node-7")
        let uid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
        let path = Bytes("/kubepods/pod\(uid)/crio-\(id)")
        let (task, time) = try Fixture.fork.task
        var tree = ProcessTree()
        func values(_ names: WorkloadNames, _ path: Bytes) -> [Field: String] {
            let event = Event(
                .fork, time: time, process: tree.fork(task), workload: Workload(CgroupOwner(path: path), names),
                host: Fixture.host)
            return Workload.fields.reduce(into: [:]) { $0[$1] = describe(event.value(of: $1)) }
        }
        let pod: [Field: String] = [
            .kubernetesNamespaceName: "payments", .kubernetesPodName: "api-7c9f", .kubernetesPodUID: uid,
            .kubernetesNodeName: "node-7",
        ]
        let container: [Field: String] = [
            .containerID: id, .containerName: "api", .containerImageName: "api:1.2", .containerRuntime: "cri-o",
            .kubernetesContainerName: "api",
        ]
        #expect(values(names, path) == fields(pod, container))
        #expect(
            values(WorkloadNames(), path) == [.containerID: id, .containerRuntime: "cri-o", .kubernetesPodUID: uid])
        names.container = nil
        names.image = nil
        #expect(values(names, Bytes("/kubepods/pod\(uid)")) == pod)
        #expect(values(WorkloadNames(), Bytes("/docker/\(id)")) == [.containerID: id, .containerRuntime: "docker"])
    }

    @Test func exec() throws {
        let record = try Fixture.exec.process
        var tree = ProcessTree()
        var event = event(.exec, record.time, tree.exec(record), record, hook: "tp_btf/sched_process_exec")
        event.sequence = 9
        expect(
            event,
            fields(
                Self.common, Self.image,
                [
                    .timestamp: "1700001000123456789", .eventType: "start", .eventAction: "exec",
                    .eventOutcome: "success", .eventSequence: "9", .processVPID: "17", .processName: "run.sh",
                    .processThreadID: "5000007", .userID: "#0", .groupID: "#0",
                    .ebpfguardHook: "tp_btf/sched_process_exec",
                ]))
    }

    @Test func failedExec() throws {
        let record = try Fixture.failedExec.process
        var tree = ProcessTree()
        let event = event(.execFailed, record.time, tree.failedExec(record), record, hook: "fexit/__x64_sys_execve")
        expect(
            event,
            fields(
                Self.common,
                [
                    .timestamp: "1700001001000000000", .eventType: "start", .eventAction: "exec",
                    .eventOutcome: "failure", .errorCode: "ENOENT", .processName: "bash",
                    .processExecutable: "/usr/bin/bash", .processWorkingDirectory: "/home/alice",
                    .processInteractive: "false", .ebpfguardHook: "fexit/__x64_sys_execve", .ebpfguardErrno: "2",
                    .ebpfguardExecPath: "/opt + tool", .ebpfguardExecArgs: "tool|-x",
                ]))
    }

    @Test func existing() throws {
        let record = try Fixture.existing.process
        var tree = ProcessTree()
        let event = event(.existing, record.time, tree.add(existing: record), record, hook: "iter/task")
        var expected = fields(
            Self.common,
            [
                .timestamp: "1700001002000000000", .eventType: "info", .eventAction: "existing", .processName: "3",
                .processExecutable: "/memfd:payload", .processWorkingDirectory: "/", .processInteractive: "false",
                .processMarks: "memfd", .ebpfguardHook: "iter/task",
            ])
        expected[.userAuditID] = nil
        expected[.processSessionLeaderPID] = nil
        expect(event, expected)
    }

    @Test func fork() throws {
        let (task, time) = try Fixture.fork.task
        var tree = ProcessTree()
        expect(
            event(.fork, time, tree.fork(task), nil, hook: "tp_btf/sched_process_fork"),
            fields(
                Self.common,
                [
                    .timestamp: "1700000999500000000", .eventType: "start", .eventAction: "fork",
                    .processName: "sshd", .ebpfguardHook: "tp_btf/sched_process_fork",
                ]))
    }

    private func exit(code: UInt32, after record: ProcessRecord) throws -> Event {
        let (task, time) = try Fixture.exit.task
        var tree = ProcessTree()
        _ = tree.exec(record)
        return event(.exit(code: code), time, tree.exit(task), nil, hook: "tp_btf/sched_process_exit")
    }

    private static let exit: [Field: String] = [
        .timestamp: "1700001003250000000", .eventType: "end", .eventAction: "exit", .eventDuration: "3750000000",
        .processName: "run.sh", .processEnd: "1700001003250000000", .ebpfguardHook: "tp_btf/sched_process_exit",
    ]

    @Test func exitBySignal() throws {
        expect(
            try exit(code: 0x8b, after: Fixture.exec.process),
            fields(
                Self.common, Self.image, Self.exit,
                [.processExitSignal: "11", .ebpfguardSignal: "SIGSEGV", .ebpfguardCoreDump: "true"]))
    }

    @Test func exitByItself() throws {
        expect(
            try exit(code: 7 << 8, after: Fixture.exec.process),
            fields(Self.common, Self.image, Self.exit, [.processExitCode: "7"]))
    }

    /// A real-time signal counts from the first that the C library leaves to programs.
    @Test func exitByRealTimeSignal() throws {
        let event = try exit(code: 37, after: Fixture.exec.process)
        #expect(describe(event.value(of: .processExitSignal)) == "37")
        #expect(describe(event.value(of: .ebpfguardSignal)) == "SIGRTMIN+3")
        #expect(describe(event.value(of: .ebpfguardCoreDump)) == nil)
    }

    // MARK: Calls, signals, OOM kills

    private func call(_ fixture: Fixture, after record: ProcessRecord) throws -> Event {
        let call = try fixture.call
        var tree = ProcessTree()
        _ = tree.exec(record)
        return Event(
            .syscall, time: call.time, process: tree.acting(call.task), task: call.task, call: call,
            userName: Bytes("alice"), cgroup: Bytes("/system.slice/demo.service"), lineage: Lineage(Self.ancestors),
            hook: "tp_btf/sys_exit", host: Fixture.host)
    }

    private static let acting: [Field: String] = [
        .timestamp: "1700001000500000000", .eventType: "info",
    ]

    @Test func syscall() throws {
        expect(
            try call(.syscall, after: Fixture.exec.process),
            fields(
                Self.common, Self.image, Self.acting,
                [
                    .eventCategory: "file", .eventAction: "syscall", .eventOutcome: "failure", .eventDuration: "24256",
                    .errorCode: "ENOENT", .processName: "cat", .processThreadID: "5000007",
                    .filePath: "/srv/missing", .ebpfguardHook: "tp_btf/sys_exit", .ebpfguardErrno: "2",
                    .syscallName: "openat", .syscallABI: "x86-64", .syscallArgs: "AT_FDCWD|/srv/missing|O_RDONLY",
                    .syscallReturn: "-2",
                ]))
    }

    @Test func connect() throws {
        expect(
            try call(.connect, after: Fixture.exec.process),
            fields(
                Self.common, Self.image, Self.acting,
                [
                    .eventCategory: "network", .eventAction: "syscall", .eventOutcome: "failure",
                    .eventDuration: "24256", .errorCode: "ECONNREFUSED", .processName: "bash",
                    .destinationIP: "127.0.0.1", .destinationPort: "1", .ebpfguardHook: "tp_btf/sys_exit",
                    .ebpfguardErrno: "111", .syscallName: "connect", .syscallABI: "x86-64",
                    .syscallArgs: "3|127.0.0.1:1|16", .syscallReturn: "-111",
                ]))
    }

    private func act(_ action: Event.Action, _ fixture: Fixture) throws -> Event {
        let (task, target, time, signal) = try fixture.act
        var tree = ProcessTree()
        let record = try Fixture.exec.process
        _ = tree.exec(record)
        return Event(
            action, time: time, process: tree.acting(task), task: task, signal: signal,
            target: .init(task: target, process: tree.process(record.task.key)), userName: Bytes("alice"),
            cgroup: Bytes("/system.slice/demo.service"), lineage: Lineage(Self.ancestors), hook: "a hook",
            host: Fixture.host)
    }

    private static let target: [Field: String] = [
        .processName: "sender", .targetPID: "5000002", .targetEntityID: "999600000000/5000002",
        .targetName: "receiver", .targetExecutable: "/usr/bin/bash", .ebpfguardHook: "a hook",
    ]

    @Test func signal() throws {
        expect(
            try act(.signal, .signal),
            fields(
                Self.common, Self.image, Self.acting, Self.target,
                [.eventAction: "signal", .ebpfguardSignal: "SIGUSR2", .ebpfguardSignalResult: "ignored"]))
    }

    @Test func oom() throws {
        expect(
            try act(.oom, .oom),
            fields(
                Self.common, Self.image, Self.acting, Self.target, [.eventAction: "oom", .eventType: "end"]))
    }

    @Test func loss() {
        let event = Event(
            .loss, time: 1_000_000_000, process: nil, lost: [("exec", 3), ("fork", 1)], host: Fixture.host)
        expect(
            event,
            [
                .timestamp: "1700000001000000000", .eventKind: "pipeline_error", .eventAction: "loss",
                .hostName: "node-1", .ebpfguardSchema: "1", .ebpfguardLost: "exec 3,fork 1",
            ])
    }

    // MARK: What is not known

    /// Fields of exec.hex's bytes, changed.
    private func changed(_ change: (inout [UInt8]) -> Void) throws -> Event {
        var bytes = Fixture.exec.bytes
        change(&bytes)
        let record = try Fixture.process(bytes)
        var tree = ProcessTree()
        return event(.exec, record.time, tree.exec(record), record, hook: "")
    }

    /// The kernel could not read them: not an empty list.
    @Test func unreadableArguments() throws {
        let event = try changed { bytes in
            bytes.set(\wire_header.flags, to: UInt16(WIRE_PROCESS_ARGS_UNREADABLE))
            bytes.set(\wire_process.args_size, to: 0)
        }
        #expect(describe(event.value(of: .processArgs)) == nil)
        #expect(describe(event.value(of: .processArgsTruncated)) == "true")
        #expect(describe(event.value(of: .processArgsCount)) == "4")
    }

    @Test func sameNumberInBothNamespaces() throws {
        let event = try changed { $0.set(\wire_process.task.vpid, to: 5_000_001) }
        #expect(describe(event.value(of: .processVPID)) == nil)
    }

    @Test func vpidUnknown() throws {
        let event = try changed { $0.set(\wire_process.task.vpid, to: 0) }
        #expect(describe(event.value(of: .processVPID)) == nil)
    }

    /// A terminal that is not a pseudo terminal.
    @Test func serialTerminal() throws {
        let event = try changed { $0.set(\wire_process.tty, to: "ttyS") }
        #expect(describe(event.value(of: .processTTYName)) == "ttyS3")
    }

    @Test func noTerminal() throws {
        let event = try changed { $0.set(\wire_process.tty_major, to: 0) }
        #expect(describe(event.value(of: .processTTYName)) == nil)
        #expect(describe(event.value(of: .processInteractive)) == "false")
    }

    /// Times that the kernel would never write.
    @Test func endBeforeStart() throws {
        var (task, _) = try Fixture.exit.task
        var tree = ProcessTree()
        let early = event(.exit(code: 0), 1, tree.exit(task), nil, hook: "")
        #expect(describe(early.value(of: .eventDuration)) == "0")
        task.start = 0
        let late = event(.exit(code: 0), .max, tree.exit(task), nil, hook: "")
        #expect(describe(late.value(of: .eventDuration)) == "\(Int64.max)")
    }

    /// Arguments of a failed exec are cut for keeping; that says nothing of the caller's own.
    @Test func cutFailedExecIsNoCutProcess() throws {
        let record = try Fixture.failedExec.process.keepingArguments(1)
        var tree = ProcessTree()
        let event = event(.execFailed, record.time, tree.failedExec(record), record, hook: "")
        #expect(describe(event.value(of: .processArgsTruncated)) == nil)
    }
}
