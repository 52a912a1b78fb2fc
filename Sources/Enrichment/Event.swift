// SPDX-License-Identifier: Apache-2.0

package import CWire
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
        case syscall
        /// Also one that does nothing (ignored, blocked, pending already).
        case signal
        case oom
        /// That was decided, one way or the other.
        case connect
        /// The first datagram of a flow.
        case udp
        case accept
        case listen
        case close
        /// A connection, or a listening socket, that was there before.
        case open
        case dnsQuery
        case dnsAnswer
        case tlsClientHello
        case drop
        case rawSocket
        /// Something that a policy is against.
        case violation
        /// What somebody does or is shows that it is something that a detector looks for.
        case detection
        case file(FileOperation)
        /// A row of a summary: not something that happened, but numbers of what did.
        case summary
        /// What the run has left of a file.
        case netChange
        case loss
    }

    package let action: Action
    /// CLOCK_BOOTTIME, nanoseconds.
    package let time: UInt64
    package let process: Process?
    /// What `process` was when this happened.
    package let task: wire_task
    package let image: Image?
    private let imageRecord: ProcessRecord?
    /// The record of the exec that made the image, whose arguments are the program's own.
    private let exec: ProcessRecord?
    private let parentImage: Image?
    /// The record itself, for exec, failed exec and existing.
    package let record: ProcessRecord?
    package let call: SyscallRecord?
    package let signal: wire_signal?
    package let connection: ConnectionRecord?
    package let names: NameFacts?
    /// What class the other side's address is of; `nil` where nobody has looked.
    private let place: AddressClass?
    package let fact: NetworkFact?
    package let file: FileFact?
    /// Whom it was done to.
    package let target: Target?
    package let userName: Bytes?
    package let cgroup: Bytes?
    package let workload: Workload?
    package let lineage: Lineage
    package let lost: [(name: String, count: UInt64)]
    package let hook: StaticString?
    package let host: Host
    /// Set when the event is printed.
    package var sequence: UInt64 = 0
    /// How many events like this one were not printed, this last one included, and in what time, nanoseconds.
    package var repeats: (count: UInt64, time: UInt64) = (0, 0)
    /// What `--baseline` does not have.
    package var novelty: Novelty?
    /// Who wrote the file last that this executes, where it was written in this run.
    package var writer: FileWriter?
    /// That file, of an exec.
    package var executed: ExecutedFile?
    /// Of the file, as it was then.
    package var hash: Bytes?
    /// What a row of a summary has.
    private var row: [Field: FieldValue] = [:]
    var rowFields: FieldSet { FieldSet(row.keys) }

    package enum Novelty: Sendable {
        case listener, destination
    }

    /// The process that a signal, a ptrace or the OOM killer is about.
    package struct Target {
        package let task: wire_task
        package let process: Process?

        package init(task: wire_task, process: Process?) {
            self.task = task
            self.process = process
        }
    }

    /// `task` is who acted where that is a thread of `process`, which may have a name of its own.
    package init(
        _ action: Action, time: UInt64, process: Process?, task: wire_task? = nil, record: ProcessRecord? = nil,
        call: SyscallRecord? = nil, signal: wire_signal? = nil, connection: ConnectionRecord? = nil,
        names: NameFacts? = nil, fact: NetworkFact? = nil, file: FileFact? = nil, place: AddressClass? = nil,
        target: Target? = nil, userName: Bytes? = nil,
        cgroup: Bytes? = nil, workload: Workload? = nil, lineage: Lineage = .none,
        lost: [(name: String, count: UInt64)] = [],
        hook: StaticString? = nil, host: Host
    ) {
        self.action = action
        self.time = time
        self.process = process
        self.task = task ?? process?.task ?? wire_task()
        image = process?.image
        imageRecord = process?.image?.record
        exec = imageRecord?.kind == WIRE_EXEC.rawValue ? imageRecord : nil
        parentImage = process?.parentImage
        self.record = record
        self.call = call
        self.signal = signal
        self.connection = connection
        self.names = names
        self.place = place
        self.fact = fact
        self.file = file
        self.target = target
        self.userName = userName
        self.cgroup = cgroup
        self.workload = workload
        self.lineage = lineage
        self.lost = lost
        self.hook = hook
        self.host = host
    }

    /// A row of a summary.
    package init(summary row: [Field: FieldValue], time: UInt64, host: Host) {
        self.init(.summary, time: time, process: nil, host: host)
        self.row = row
    }

    /// What the run has left of a file.
    package init(netChange row: [Field: FieldValue], time: UInt64, host: Host) {
        self.init(.netChange, time: time, process: nil, host: host)
        self.row = row
    }

    /// Version of the fields and their meaning.
    package static let schema: Int64 = 1

    /// The value of a field, `.absent` where it is not known or does not apply.
    package func value(of field: Field) -> FieldValue {
        if let value = fact?.value(of: field) ?? file?.value(of: field) { return value }
        if process == nil { return valueWithoutProcess(of: field) }
        return switch field {
        case .timestamp: .time(host.realtime(time))
        case .eventKind: .word("event")
        case .eventCategory: .words(category)
        case .eventType: .words(eventType)
        case .eventAction: .word(actionName)
        case .eventOutcome: outcome.map { .word($0) } ?? .absent
        case .eventDuration: duration.map { .integer(Int64(clamping: $0)) } ?? .absent
        case .eventSequence: sequence == 0 ? .absent : .integer(Int64(sequence))
        case .errorCode: error.flatMap { errnoName($0) }.map { .word($0) } ?? .absent
        case .processPID: .integer(Int64(task.pid))
        case .processVPID: task.vpid == task.pid || task.vpid == 0 ? .absent : .integer(Int64(task.vpid))
        case .processEntityID: .entity(task.key)
        case .processName: .name(task.name)
        case .processExecutable: .init(executable)
        case .processArgs: .init(exec.map { $0.arguments } ?? image?.arguments)
        case .processArgsCount:
            exec.map { .integer(Int64($0.fixed.args_count)) } ?? image?.argumentCount.map { .integer(Int64($0)) }
                ?? .absent
        case .processArgsTruncated: exec?.argumentsAreCut == true ? .bool(true) : .absent
        case .processWorkingDirectory: .init(surroundings?.directory)
        case .processStart: .time(host.realtime(task.start))
        case .processEnd: exitCode == nil ? .absent : .time(host.realtime(time))
        case .processExitCode: exitCode.flatMap { $0 & 0x7f == 0 ? .integer(Int64($0 >> 8 & 0xff)) : nil } ?? .absent
        case .processExitSignal: exitSignal.map { .integer(Int64($0)) } ?? .absent
        case .processInteractive: surroundings.map { .bool($0.fixed.tty_major != 0) } ?? .absent
        case .processTTYName: surroundings.map(Self.terminal) ?? .absent
        case .processThreadID: otherThread.map { .integer(Int64($0)) } ?? .absent
        case .processMarks: .init(marks)
        case .processRealUserID: .identifier(UInt64(task.uid))
        case .processRealGroupID: .identifier(UInt64(task.gid))
        case .processSessionLeaderPID: task.session == 0 ? .absent : .integer(Int64(task.session))
        case .processCgroup: .init(cgroup)
        case .parentPID: ancestors.first.map { .integer(Int64($0.key.pid)) } ?? .absent
        case .parentEntityID: ancestors.first.map { .entity($0.key) } ?? .absent
        case .parentName: ancestors.first.flatMap { $0.name.isEmpty ? nil : .name($0.name) } ?? .absent
        case .parentExecutable: .init(parentImage?.executable ?? ancestors.first?.executable)
        case .parentArgs: .init(parentImage?.arguments)
        case .processAncestors: ancestors.isEmpty ? .absent : .ancestors(lineage)
        case .userID: .identifier(UInt64(task.euid))
        case .userName: .init(userName)
        case .userAuditID: task.login_uid == .max ? .absent : .identifier(UInt64(task.login_uid))
        case .groupID: .identifier(UInt64(task.egid))
        case .containerID, .containerName, .containerImageName, .containerRuntime, .containerLabels,
            .kubernetesNamespaceName,
            .kubernetesPodName, .kubernetesPodUID, .kubernetesContainerName, .kubernetesNodeName:
            workload?.value(of: field) ?? .absent
        case .filePath: executed?.path.value ?? .init(call?.path)
        case .destinationIP where !isNetwork: call?.destination.map { .address($0.address) } ?? .absent
        case .destinationPort where !isNetwork: call?.destination.map { .integer(Int64($0.port)) } ?? .absent
        case .sourceIP, .sourcePort, .sourceBytes, .sourcePackets, .destinationIP, .destinationPort, .destinationBytes,
            .destinationPackets, .destinationNatIP, .destinationNatPort, .networkType, .networkTransport,
            .networkDirection, .networkBytes, .ebpfguardCloseReason, .ebpfguardOpenedBefore,
            .ebpfguardRoundTrip, .ebpfguardRetransmits, .ebpfguardNetworkNamespace:
            connection?.value(of: field) ?? names?.value(of: field, at: time) ?? .absent
        case .destinationDomain, .networkProtocol, .dnsType, .dnsID, .dnsHeaderFlags, .dnsQuestionName,
            .dnsQuestionType, .dnsQuestionClass, .dnsResponseCode, .dnsAnswers, .dnsResolvedIP, .tlsClientServerName,
            .ebpfguardNameSource, .ebpfguardNameChain, .ebpfguardNameAge, .ebpfguardNameTTL, .ebpfguardNameServer,
            .ebpfguardNameShared, .ebpfguardDirectToIP, .ebpfguardMessagePartial, .ebpfguardTLSProtocols,
            .ebpfguardTLSVersion, .ebpfguardTLSECH:
            names?.value(of: field, at: time) ?? .absent
        case .ebpfguardRemoteClass: remoteClass.map { .word($0.name) } ?? .absent
        case .ebpfguardNewListener: novelty == .listener ? .bool(true) : .absent
        case .ebpfguardFirstSeen: novelty == .destination ? .bool(true) : .absent
        case .hostName: .text(host.nameBytes)
        case .ebpfguardSchema: .integer(Self.schema)
        case .ebpfguardHook: hook.map { .word($0) } ?? .absent
        case .ebpfguardErrno: error.map { .integer(Int64($0)) } ?? .absent
        case .ebpfguardScript: script.map { .joinedPath(directory: $0.directory, $0.execPath) } ?? .absent
        case .ebpfguardInterpreter: script.map { .text($0.interpreter) } ?? .absent
        case .ebpfguardExecPath: failure.map(Self.execPath) ?? .absent
        case .ebpfguardExecArgs: .init(failure?.arguments)
        case .ebpfguardExecArgsTruncated: failure?.has(WIRE_PROCESS_EXEC_ARGS_CUT) == true ? .bool(true) : .absent
        case .ebpfguardHostPath: executable.map { .init(hostPath: $0) } ?? .absent
        case .ebpfguardCgroupID: .identifier(task.cgroup & ~WIRE_CGROUP_V1)
        case .ebpfguardSignal: (signal?.signal ?? exitSignal).flatMap(signalName).map { .word($0) } ?? .absent
        case .ebpfguardSignalResult: signal.flatMap { signalResult($0.result) }.map { .word($0) } ?? .absent
        case .ebpfguardCoreDump: exitCode.map { $0 & 0x80 != 0 } == true ? .bool(true) : .absent
        case .fileHashSHA256: .init(hash)
        case .fileWrittenByPID, .fileWrittenByEntityID, .fileWrittenByName, .fileWrittenByTime:
            writer?.value(of: field, host: host) ?? .absent
        case .syscallName: .init(call?.shownName)
        case .syscallABI: call?.abi.map { .word($0.name()) } ?? .absent
        case .syscallArgs: .init(call?.argumentTexts)
        case .syscallReturn: call?.result.map { .integer($0) } ?? .absent
        case .targetPID: target.map { .integer(Int64($0.task.pid)) } ?? .absent
        case .targetEntityID: target.flatMap { $0.task.start == 0 ? nil : .entity($0.task.key) } ?? .absent
        case .targetName: target.flatMap { $0.task.name.isEmpty ? nil : .name($0.task.name) } ?? .absent
        case .targetExecutable: .init(target?.process?.image?.executable)
        case .ebpfguardRepeats: repeats.count == 0 ? .absent : .integer(Int64(clamping: repeats.count))
        case .summaryBy, .summaryGroup, .summaryCalls, .summaryErrors, .summaryTime, .summaryAverage, .summaryStarts,
            .summaryFailures, .summaryExits, .summaryFailedExits, .summaryKilled, .summaryRunning,
            .summaryLifetimeAverage, .summaryLifetimeLongest, .summarySignals, .summaryConnects, .summaryFailedConnects,
            .summaryAccepts, .summaryCloses, .summaryOpen, .summarySentBytes, .summaryReceivedBytes, .summaryAddresses,
            .summaryOpens, .summaryCreations, .summaryRenames, .summaryDeletions, .summaryChanges, .summaryWrittenBytes,
            .summaryReadBytes,
            .summaryFailedOperations,
            .ebpfguardLost, .networkIANANumber, .ebpfguardDropReason, .ebpfguardDropCount, .ebpfguardSocketFamily,
            .ebpfguardSocketType, .ebpfguardSocketProtocol, .ebpfguardSocketPair, .destinationAddress,
            .ruleName, .ruleCategory, .ruleReference, .ebpfguardVerdict, .ebpfguardEnforced, .threatTechniqueID,
            .detectionName, .detectionScore, .detectionReasons, .detectionEvidence,
            .fileOriginalPath, .fileTargetPath, .fileType,
            .fileMode, .fileUID, .fileGID, .fileSize,
            .fileInode, .fileDevice, .fileOpenFlags, .ebpfguardFileBytesWritten,
            .ebpfguardFileBytesRead, .ebpfguardFileAttribute,
            .ebpfguardFileMarks, .ebpfguardMountType, .ebpfguardMountSource, .ebpfguardMountFlags,
            .fileNetChange, .fileNetChanged, .fileNetMovedTo, .fileNetExecuted:
            .absent
        }
    }

    private func valueWithoutProcess(of field: Field) -> FieldValue {
        switch field {
        case .timestamp: .time(host.realtime(time))
        case .eventKind where isNetwork: .word("event")
        case .eventKind: row[field] ?? .word(action == .summary ? "metric" : "pipeline_error")
        case .eventCategory where isNetwork: .words(["network"])
        case .eventType where isNetwork: .words(eventType)
        case .eventAction: .word(actionName)
        case .eventOutcome: outcome.map { .word($0) } ?? .absent
        case .eventDuration: duration.map { .integer(Int64(clamping: $0)) } ?? row[field] ?? .absent
        case .errorCode: error.flatMap { errnoName($0) }.map { .word($0) } ?? .absent
        case .ebpfguardErrno: error.map { .integer(Int64($0)) } ?? .absent
        case .ebpfguardHook: hook.map { .word($0) } ?? .absent
        case .eventSequence: sequence == 0 ? .absent : .integer(Int64(sequence))
        case .hostName: .text(host.nameBytes)
        case .ebpfguardSchema: .integer(Self.schema)
        case .fileHashSHA256: .init(hash)
        case .ebpfguardLost: lost.isEmpty ? .absent : .counts(lost)
        case .ebpfguardRemoteClass: remoteClass.map { .word($0.name) } ?? .absent
        case .ebpfguardNewListener: novelty == .listener ? .bool(true) : .absent
        case .ebpfguardFirstSeen: novelty == .destination ? .bool(true) : .absent
        default: valueOfNetwork(field) ?? row[field] ?? .absent
        }
    }

    private func valueOfNetwork(_ field: Field) -> FieldValue? {
        let value = connection?.value(of: field) ?? .absent
        if case .absent = value { return names?.value(of: field, at: time) ?? (connection == nil ? nil : .absent) }
        return value
    }

    // MARK: Parts

    /// Whether it is about what a process does with the network, and not about one of its system calls.
    private var isNetwork: Bool { connection != nil || names?.message != nil || fact != nil }

    /// What class the address of the other side is of, as it was asked for.
    package var remoteClass: AddressClass? {
        place ?? (connection?.asked.address ?? names?.message?.server.address).map { AddressClass($0) }
    }

    /// Whether it tells what became of a process, not what a process did.
    package var isAboutProcess: Bool {
        switch action {
        case .exec, .execFailed, .fork, .exit, .existing: true
        default: false
        }
    }

    /// Whether it tells of what is still open, at an interval.
    package var isProgress: Bool {
        if case .unix(let unix) = fact { return unix.has(WIRE_CONNECTION_STILL) }
        return connection?.has(WIRE_CONNECTION_STILL) == true
    }

    /// Parent first.
    package var ancestors: [Ancestor] { lineage.ancestors }

    package var actionName: StaticString {
        switch action {
        case .exec, .execFailed: "exec"
        case .fork: "fork"
        case .exit: "exit"
        case .existing: "existing"
        case .syscall: call?.action ?? "syscall"
        case .signal: "signal"
        case .oom: "oom"
        case .connect: "connect"
        case .udp: "udp"
        case .accept: "accept"
        case .listen: "listen"
        case .close: "close"
        case .open: "existing"
        case .dnsQuery: "dns_query"
        case .dnsAnswer: "dns_answer"
        case .tlsClientHello: "tls_client_hello"
        case .drop: "drop"
        case .rawSocket: "raw_socket"
        case .violation: "policy_violation"
        case .detection: "detection"
        case .file(let operation): operation.name
        case .summary: "summary"
        case .netChange: "net_change"
        case .loss: "loss"
        }
    }

    private var category: [StaticString] {
        if isNetwork { return ["network"] }
        if file != nil { return ["file"] }
        if let call { return [call.category] }
        return ["process"]
    }

    private var eventType: [StaticString] {
        if let fact { return fact.types }
        return switch action {
        case .exec, .execFailed, .fork: ["start"]
        case .exit: ["end"]
        case .existing, .open, .syscall, .signal, .drop, .rawSocket, .violation, .detection,
            .summary, .netChange, .loss:
            ["info"]
        case .oom: ["end"]
        case .file(let operation): operation.types
        case .connect, .accept, .udp: ["connection", "start"]
        case .listen: ["start"]
        case .dnsQuery, .dnsAnswer, .tlsClientHello: ["protocol", "info"]
        case .close: connection?.isListener == true ? ["end"] : ["connection", "end"]
        }
    }

    private var outcome: StaticString? {
        if let fact { return fact.outcome }
        return switch action {
        case .file: error == nil ? "success" : "failure"
        case .exec: "success"
        case .execFailed: "failure"
        case .syscall: call?.result.map { _ in error == nil ? "success" : "failure" }
        case .connect, .accept, .listen, .close, .udp: error == nil ? "success" : "failure"
        case .dnsAnswer: names?.message?.exchange?.message.responseCode == 0 ? "success" : "failure"
        default: nil
        }
    }

    /// As wait(2) reports it.
    private var exitCode: UInt32? {
        if case .exit(let code) = action { code } else { nil }
    }

    private var exitSignal: Int32? {
        guard let code = exitCode, code & 0x7f != 0 else { return nil }
        return Int32(code & 0x7f)
    }

    /// The program that runs: a failed exec's record has the caller's own, which may be newer than what the tree knows.
    package var executable: WalkedPath? { record?.executable ?? imageRecord?.executable ?? image?.executable }

    /// What is known of directory and terminal.
    private var surroundings: ProcessRecord? { record ?? imageRecord }

    /// The record of a failed exec.
    private var failure: ProcessRecord? { action == .execFailed ? record : nil }

    /// The positive errno of what failed.
    private var error: Int32? { failure?.fixed.error ?? call?.error ?? connection?.error ?? fact?.error ?? file?.error }

    /// Nanoseconds.
    private var duration: UInt64? {
        call?.duration ?? connection?.duration ?? fact?.duration ?? names?.message?.exchange?.duration
            ?? exitCode.map { _ in time - min(time, task.start) }
    }

    /// The exec that ran a script.
    private var script: ProcessRecord? {
        guard let imageRecord, imageRecord.has(WIRE_PROCESS_SCRIPT) else { return nil }
        return imageRecord
    }

    /// As it was asked for.
    package var scriptPath: FilePath? { script.map { .asked(directory: $0.directory, $0.execPath) } }

    /// The thread that acted, when it was not the first.
    private var otherThread: UInt32? {
        if call != nil || signal != nil || isNetwork || file != nil { return task.tid == task.pid ? nil : task.tid }
        guard action == .exec, let thread = record?.fixed.old_tid, thread != 0 else { return nil }
        return thread
    }

    /// What is unusual about the executable, in a fixed order.
    package var marks: [StaticString] {
        guard action != .execFailed, let image = imageRecord else { return [] }
        var marks: [StaticString] = []
        if image.has(WIRE_PROCESS_MEMFD) { marks.append("memfd") }
        if image.has(WIRE_PROCESS_DELETED) { marks.append("deleted") }
        if image.has(WIRE_PROCESS_UPPER_LAYER) { marks.append("upper_layer") }
        if image.has(WIRE_PROCESS_SETUID) { marks.append("setuid") }
        return marks
    }

    /// Whether the program is no file, or has gained privileges by its file.
    package var isMarked: Bool {
        imageRecord?.has(WIRE_PROCESS_MEMFD) == true || imageRecord?.has(WIRE_PROCESS_SETUID) == true
    }

    private static func execPath(_ record: ProcessRecord) -> FieldValue {
        if record.execPath.isEmpty { return .absent }
        let base = record.has(WIRE_PROCESS_AT_DIRECTORY) ? record.at : record.directory
        return .joinedPath(directory: base, record.execPath)
    }

    private static func terminal(_ record: ProcessRecord) -> FieldValue {
        guard record.fixed.tty_major != 0, record.fixed.tty.0 != 0 else { return .absent }
        return .terminal(driver: CommandName(record.fixed.tty), number: record.fixed.tty_index)
    }
}

extension FieldValue {
    init(_ path: WalkedPath?) {
        self = path.map { .path($0) } ?? .absent
    }

    init(_ words: [StaticString]) {
        self = words.isEmpty ? .absent : .words(words)
    }

    init(_ text: Bytes?) {
        self = text.map { .text($0) } ?? .absent
    }

    /// From the root of the mount namespace, where that is above the process's own.
    init(hostPath path: WalkedPath) {
        guard path.hasHostPart else {
            self = .absent
            return
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(path.bytes.count + 1)
        path.forEachHostComponent { range in
            bytes.append(UInt8(ascii: "/"))
            bytes.append(contentsOf: path.bytes.storage[range])
        }
        self = .text(Bytes(bytes))
    }

    init(_ list: TextList?) {
        self = list.flatMap { $0.bytes.isEmpty ? nil : .texts($0) } ?? .absent
    }
}
