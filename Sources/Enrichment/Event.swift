// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

/// One event with all that is known about it: what filters, text and JSON are made from.
package struct Event {
    package enum Action: Equatable {
        case exec
        case execFailed
        case fork
        /// As wait(2) reports it.
        case exit(code: UInt32)
        case existing
        case loss
    }

    package let action: Action
    /// CLOCK_BOOTTIME, nanoseconds.
    package let time: UInt64
    package let process: Process?
    /// The record itself, for exec, failed exec and existing.
    package let record: ProcessRecord?
    package let userName: Bytes?
    package let cgroup: Bytes?
    package let ancestors: [Ancestor]
    package let lost: [(name: String, count: UInt64)]
    package let hook: StaticString?
    package let host: Host
    /// Set when the event is printed.
    package var sequence: UInt64 = 0

    package init(
        _ action: Action, time: UInt64, process: Process?, record: ProcessRecord? = nil, userName: Bytes? = nil,
        cgroup: Bytes? = nil, ancestors: [Ancestor] = [], lost: [(name: String, count: UInt64)] = [],
        hook: StaticString? = nil, host: Host
    ) {
        self.action = action
        self.time = time
        self.process = process
        self.record = record
        self.userName = userName
        self.cgroup = cgroup
        self.ancestors = ancestors
        self.lost = lost
        self.hook = hook
        self.host = host
    }

    /// Version of the fields and their meaning.
    package static let schema: Int64 = 1

    /// The value of a field, `.absent` where it is not known or does not apply.
    package func value(of field: Field) -> FieldValue {
        switch field {
        case .timestamp: return .time(host.realtime(time))
        case .eventKind: return .word(action == .loss ? "pipeline_error" : "event")
        case .eventCategory: return action == .loss ? .absent : .words(["process"])
        case .eventType: return eventType
        case .eventAction: return .word(actionName)
        case .eventOutcome:
            switch action {
            case .exec: return .word("success")
            case .execFailed: return .word("failure")
            default: return .absent
            }
        case .eventSequence: return sequence == 0 ? .absent : .integer(Int64(sequence))
        case .hostName: return .text(Bytes(host.name))
        case .ebpfguardSchema: return .integer(Self.schema)
        case .ebpfguardHook: return hook.map { .word($0) } ?? .absent
        case .ebpfguardLost: return lost.isEmpty ? .absent : .counts(lost)
        default:
            guard let process else { return .absent }
            return value(of: field, process)
        }
    }

    /// The values that need a process.
    private func value(of field: Field, _ process: Process) -> FieldValue {
        let task = process.task
        switch field {
        case .processPID: return .integer(Int64(task.pid))
        case .processVPID: return task.vpid == task.pid || task.vpid == 0 ? .absent : .integer(Int64(task.vpid))
        case .processEntityID: return .entity(process.key)
        case .processName: return .text(task.name)
        case .processExecutable: return .init(executable)
        case .processArgs: return process.image?.arguments.map { .texts($0) } ?? .absent
        case .processArgsCount: return process.image?.argumentCount.map { .integer(Int64($0)) } ?? .absent
        case .processArgsTruncated: return process.image?.argumentsAreCut == true ? .bool(true) : .absent
        case .processWorkingDirectory: return .init((record ?? process.image?.record)?.directory)
        case .processStart: return .time(host.realtime(process.key.start))
        case .processInteractive: return terminal.map { .bool($0.tty_major != 0) } ?? .absent
        case .processTTYName: return terminal.flatMap(Self.terminalName).map { .text($0) } ?? .absent
        case .processThreadID:
            guard action == .exec, let thread = record?.fixed.old_tid, thread != 0 else { return .absent }
            return .integer(Int64(thread))
        case .processMarks:
            let marks = self.marks
            return marks.isEmpty ? .absent : .words(marks)
        case .processRealUserID: return .identifier(UInt64(task.uid))
        case .processRealGroupID: return .identifier(UInt64(task.gid))
        case .processSessionLeaderPID: return task.session == 0 ? .absent : .integer(Int64(task.session))
        case .processCgroup: return cgroup.map { .text($0) } ?? .absent
        case .processAncestors: return ancestors.isEmpty ? .absent : .ancestors(ancestors)
        case .userID: return .identifier(UInt64(task.euid))
        case .userName: return userName.map { .text($0) } ?? .absent
        case .userAuditID: return task.login_uid == .max ? .absent : .identifier(UInt64(task.login_uid))
        case .groupID: return .identifier(UInt64(task.egid))
        case .ebpfguardCgroupID: return .identifier(task.cgroup)
        default: break
        }
        switch field {
        case .parentPID: return ancestors.first.map { .integer(Int64($0.key.pid)) } ?? .absent
        case .parentEntityID: return ancestors.first.map { .entity($0.key) } ?? .absent
        case .parentName: return ancestors.first.map { $0.name.isEmpty ? .absent : .text($0.name) } ?? .absent
        case .parentExecutable: return .init(process.parentImage?.executable ?? ancestors.first?.executable)
        case .parentArgs: return process.parentImage?.arguments.map { .texts($0) } ?? .absent
        default: break
        }
        if case .exit(let code) = action { return exitValue(of: field, code, process) }
        return execValue(of: field, process)
    }

    private func exitValue(of field: Field, _ code: UInt32, _ process: Process) -> FieldValue {
        let signal = Int32(code & 0x7f)
        switch field {
        case .eventDuration: return .integer(Int64(clamping: time - min(time, process.key.start)))
        case .processEnd: return .time(host.realtime(time))
        case .processExitCode: return signal == 0 ? .integer(Int64((code >> 8) & 0xff)) : .absent
        case .processExitSignal: return signal == 0 ? .absent : .integer(Int64(signal))
        case .ebpfguardSignal: return signal == 0 ? .absent : signalName(signal).map { .word($0) } ?? .absent
        case .ebpfguardCoreDump: return code & 0x80 == 0 ? .absent : .bool(true)
        default: return execValue(of: field, process)
        }
    }

    private func execValue(of field: Field, _ process: Process) -> FieldValue {
        switch field {
        case .ebpfguardScript:
            guard let image = process.image?.record, image.has(WIRE_PROCESS_SCRIPT) else { return .absent }
            return .joinedPath(directory: image.directory, image.execPath)
        case .ebpfguardInterpreter:
            guard let image = process.image?.record, image.has(WIRE_PROCESS_SCRIPT) else { return .absent }
            return .text(image.interpreter)
        case .ebpfguardHostPath:
            guard let path = executable, path.hasHostPart else { return .absent }
            var bytes: [UInt8] = []
            path.forEachHostComponent { range in
                bytes.append(UInt8(ascii: "/"))
                bytes.append(contentsOf: path.bytes.storage[range])
            }
            return .text(Bytes(bytes))
        case .errorCode:
            guard action == .execFailed, let record else { return .absent }
            return errnoName(record.fixed.error).map { .word($0) } ?? .absent
        case .ebpfguardErrno:
            guard action == .execFailed, let record else { return .absent }
            return .integer(Int64(record.fixed.error))
        case .ebpfguardExecPath:
            guard action == .execFailed, let record, !record.execPath.isEmpty else { return .absent }
            let base = record.has(WIRE_PROCESS_AT_DIRECTORY) ? record.at : record.directory
            return .joinedPath(directory: base, record.execPath)
        case .ebpfguardExecArgs:
            guard action == .execFailed, let record, !record.arguments.bytes.isEmpty else { return .absent }
            return .texts(record.arguments)
        case .ebpfguardExecArgsTruncated:
            return record?.has(WIRE_PROCESS_EXEC_ARGS_CUT) == true ? .bool(true) : .absent
        default: return .absent
        }
    }

    // MARK: Parts

    package var actionName: StaticString {
        switch action {
        case .exec, .execFailed: "exec"
        case .fork: "fork"
        case .exit: "exit"
        case .existing: "existing"
        case .loss: "loss"
        }
    }

    private var eventType: FieldValue {
        switch action {
        case .exec, .execFailed, .fork: .words(["start"])
        case .exit: .words(["end"])
        case .existing: .words(["info"])
        case .loss: .absent
        }
    }

    /// The program that runs: a failed exec's record has the caller's own, which may be newer than what the tree knows.
    package var executable: WalkedPath? { record?.executable ?? process?.image?.executable }

    private var terminal: wire_process? { (record ?? process?.image?.record)?.fixed }

    /// What is unusual about the executable, in a fixed order.
    package var marks: [StaticString] {
        guard action != .execFailed, let image = process?.image?.record else { return [] }
        var marks: [StaticString] = []
        if image.has(WIRE_PROCESS_MEMFD) { marks.append("memfd") }
        if image.has(WIRE_PROCESS_DELETED) { marks.append("deleted") }
        if image.has(WIRE_PROCESS_UPPER_LAYER) { marks.append("upper_layer") }
        if image.has(WIRE_PROCESS_SETUID) { marks.append("setuid") }
        return marks
    }

    /// "pts/0": pseudo terminals are in a directory, others are their driver's name and number.
    private static func terminalName(_ record: wire_process) -> Bytes? {
        guard record.tty_major != 0 else { return nil }
        var name = commandName(record.tty)
        guard !name.isEmpty else { return nil }
        if name.elementsEqual("pts".utf8) { name.append(UInt8(ascii: "/")) }
        name.append(contentsOf: String(record.tty_index).utf8)
        return Bytes(name)
    }
}

extension FieldValue {
    init(_ path: WalkedPath?) {
        self = path.map { .path($0) } ?? .absent
    }
}
