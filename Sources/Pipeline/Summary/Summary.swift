// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

/// What `--summary` counts: events by group, and system calls that the kernel has counted.
struct Summary {
    /// A system call in one table of numbers.
    struct Call: Hashable {
        let abi: UInt16
        let number: UInt32
    }

    let options: SummaryOptions
    /// Whether system calls were watched from their entry on, so that there are times.
    let hasTimes: Bool
    /// Tables that are shown though nothing was counted.
    let showsProcesses, showsCalls, showsSignals: Bool
    let showsRunning: Bool

    private(set) var processes: SummaryGroups<ProcessCounts>
    private(set) var otherProcesses = ProcessCounts()
    private(set) var calls: SummaryGroups<[Call: CallCounts]>
    private(set) var otherCalls = CallCounts()
    private(set) var signals: SummaryGroups<SignalCounts>
    private(set) var otherSignals = SignalCounts()
    private(set) var connections: SummaryGroups<ConnectionCounts>
    private(set) var otherConnections = ConnectionCounts()
    let showsConnections: Bool
    private(set) var files: SummaryGroups<FileCounts>
    private(set) var otherFiles = FileCounts()
    let showsFiles: Bool
    /// Pairs of group and call.
    private var pairs = 0
    /// Pairs of group and address.
    private var addressPairs = 0
    private let addressLimit: Int

    init(_ options: TraceOptions, _ summary: SummaryOptions, limit: Int = 10_000) {
        self.options = summary
        hasTimes = options.syscalls != nil
        let kinds = options.shownKinds
        showsProcesses = options.command == .trace && kinds?.isDisjoint(with: [.exec, .failed, .fork, .exit]) != true
        showsCalls = kinds.map { !$0.isDisjoint(with: [.syscall, .security]) } ?? false
        showsSignals = kinds.map { !$0.isDisjoint(with: [.signal, .oom]) } ?? false
        showsRunning = options.existing
        addressLimit = 6 * limit
        processes = SummaryGroups(limit: limit)
        calls = SummaryGroups(limit: limit)
        signals = SummaryGroups(limit: limit)
        connections = SummaryGroups(limit: limit)
        showsConnections = options.command == .watchNet
        files = SummaryGroups(limit: limit)
        showsFiles = options.command == .watchFiles
    }

    /// What the table of processes is by.
    var processGrouping: SummaryGrouping {
        guard let grouping = options.grouping, grouping != .syscall, !grouping.isOfConnections else {
            return .executable
        }
        return grouping
    }

    /// What connections are grouped by.
    var connectionGrouping: SummaryGrouping { options.grouping ?? .destination }

    /// What the use of files is grouped by.
    var fileGrouping: SummaryGrouping { options.grouping ?? .path }

    /// What calls are grouped by; `syscall` when they are not.
    var callGrouping: SummaryGrouping { options.grouping ?? .syscall }

    /// Counts an event that passed everything that was asked for.
    mutating func add(_ event: Event) {
        switch event.action {
        case .exec: count(event) { $0.starts += 1 }
        case .execFailed: count(event) { $0.failures += 1 }
        case .existing: count(event) { $0.running += 1 }
        case .exit(let code):
            let lifetime = event.time - min(event.time, event.task.start)
            count(event) { $0.addExit(code: code, lifetime: lifetime) }
        case .syscall:
            guard let call = event.call else { return }
            let isError = call.result.map { (-4095 ... -1).contains($0) } ?? false
            let counts = CallCounts(calls: 1, errors: isError ? 1 : 0, time: call.duration ?? 0)
            let group = callGrouping == .syscall ? .all : group(of: event, by: callGrouping)
            count(Call(abi: call.fixed.abi, number: call.number), counts, group)
        case .signal, .oom:
            let counted = signals.update(receiver(of: event), initial: SignalCounts()) { $0.signals += 1 }
            if !counted { otherSignals.signals += 1 }
        case .connect, .accept, .close, .udp: event.connection.map { countConnection(event, $0) }
        case .file: event.file.map { count(event, $0) }
        case .fork, .listen, .open, .dnsQuery, .dnsAnswer, .tlsClientHello, .drop, .rawSocket, .violation, .detection,
            .summary,
            .netChange,
            .loss:
            break
        }
    }

    /// Counts a connection that is still open when the run ends.
    mutating func addOpen(_ event: Event) { event.connection.map { countConnection(event, $0) } }

    private mutating func countConnection(_ event: Event, _ connection: ConnectionRecord) {
        if connection.isListener { return }
        var counts = ConnectionCounts()
        switch event.action {
        case .connect where connection.error == nil: counts.connects = 1
        case .connect: counts.failedConnects = 1
        case .udp where connection.error != nil: counts.failedConnects = 1
        case .accept: counts.accepts = 1
        case .udp: if connection.isIncoming == true { counts.accepts = 1 } else { counts.connects = 1 }
        default:
            if event.action == .open { counts.open = 1 } else { counts.closes = 1 }
            counts.sent = connection.traffic?.sent ?? 0
            counts.received = connection.traffic?.received ?? 0
        }
        let group = group(of: event, connection)
        let hasRoom = addressPairs < addressLimit
        var isNew = false
        let counted = connections.update(group, initial: ConnectionCounts()) { known in
            known.add(counts)
            if let address = connection.asked.address, hasRoom { isNew = known.addresses.insert(address).inserted }
        }
        if isNew { addressPairs += 1 }
        if !counted { otherConnections.add(counts) }
    }

    private mutating func count(_ event: Event, _ file: FileFact) {
        let counts = FileCounts(file)
        let group = fileGrouping == .path ? .path(of: file) : group(of: event, by: fileGrouping)
        if !files.update(group, initial: FileCounts(), { $0.add(counts) }) { otherFiles.add(counts) }
    }

    /// Counts calls that the kernel has counted.
    mutating func add(_ entry: SyscallCounts.Entry, of group: SummaryGroup) {
        let counts = CallCounts(calls: entry.count.calls, errors: entry.count.errors, time: entry.count.time)
        count(Call(abi: entry.abi, number: entry.number), counts, group)
    }

    private mutating func count(_ event: Event, _ body: (inout ProcessCounts) -> Void) {
        let group = group(of: event, by: processGrouping)
        if !processes.update(group, initial: ProcessCounts(), body) { body(&otherProcesses) }
    }

    private mutating func count(_ call: Call, _ counts: CallCounts, _ group: SummaryGroup) {
        var isFull = false
        let counted = calls.update(group, initial: [:]) { known in
            if known[call] == nil {
                isFull = pairs >= Int(SyscallCounts.limit)
                if isFull { return }
                pairs += 1
            }
            known[call, default: CallCounts()].add(counts)
        }
        if !counted || isFull { otherCalls.add(counts) }
    }

    // MARK: Groups

    private func group(of event: Event, _ connection: ConnectionRecord) -> SummaryGroup {
        switch connectionGrouping {
        case .destination: .destination(of: event, connection)
        case .domain: .domain(of: event, connection)
        default: group(of: event, by: connectionGrouping)
        }
    }

    private func group(of event: Event, by grouping: SummaryGrouping) -> SummaryGroup {
        switch grouping {
        case .executable, .syscall, .destination, .domain, .path: .executable(program(of: event), name: event.task.name)
        case .process: .process(event.task, executable: event.executable)
        case .user: .user(event.task.euid, name: event.userName)
        case .container: .workload(event.workload, path: event.cgroup, cgroup: event.task.cgroup, byPod: false)
        case .pod: .workload(event.workload, path: event.cgroup, cgroup: event.task.cgroup, byPod: true)
        }
    }

    /// The absolute path of the program that runs, or of the one that a failed exec asked for.
    private func program(of event: Event) -> [UInt8]? {
        if event.action == .execFailed, case .joinedPath(let directory, let path) = event.value(of: .ebpfguardExecPath)
        {
            guard path.slice.first != UInt8(ascii: "/") else { return Array(path.slice) }
            return (directory.map(Self.bytes) ?? []) + [UInt8(ascii: "/")] + path.slice
        }
        return event.executable.map(Self.bytes)
    }

    private static func bytes(of path: WalkedPath) -> [UInt8] {
        var bytes: [UInt8] = []
        path.forEachComponent { range in
            bytes.append(UInt8(ascii: "/"))
            bytes.append(contentsOf: path.bytes.storage[range])
        }
        return bytes
    }

    /// Signals are grouped by what was sent and who got it: by name, or each process for itself.
    private func receiver(of event: Event) -> SummaryGroup {
        let signal = event.signal.map { signalName($0.signal).map { "\($0)" } ?? "signal \($0.signal)" } ?? "OOM kill"
        var fields: [Field: FieldValue] = [:]
        let name = event.value(of: .ebpfguardSignal)
        if case .absent = name {} else { fields[.ebpfguardSignal] = name }
        var label = Array("\(signal) to ".utf8)
        if let target = event.target {
            if options.grouping == .process {
                label += Array("\(target.task.pid) ".utf8)
                fields[.targetPID] = .integer(Int64(target.task.pid))
                if target.task.start != 0 { fields[.targetEntityID] = .entity(target.task.key) }
            }
            label += target.task.name.array
            if !target.task.name.isEmpty { fields[.targetName] = .name(target.task.name) }
        }
        return SummaryGroup(.text(label), label: Bytes(label), fields)
    }
}
