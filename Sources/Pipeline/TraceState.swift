// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Comparison
internal import Enrichment
internal import Events
internal import Policy
internal import Recording
internal import Rendering

/// What a run knows and counts: record in, line out.
struct TraceState: ~Copyable {
    private var enricher: Enricher
    var sink: Sink
    private let host: Host
    private let countLimit: UInt64?
    private let groupsByPod: Bool
    /// Whether what processes do is an event of this command. Where not, it only tells who they are.
    private let showsProcesses: Bool
    /// Whether what is still open is told now and then.
    private let showsProgress: Bool
    private let failedOnly: Bool
    private let paths: PathSelection?
    private let changesOnly: Bool
    /// What is done to files, taken together; `nil` where files are not watched.
    private var files: FileTracker?
    private let showsDifference: Bool
    /// Who wrote files, to be told when they are executed; `nil` where files are not watched.
    private var writers: FileWriters?
    /// `nil` where no hashes are asked for.
    private let hasher: FileHasher?
    private let lookups: Lookups
    /// What is shown; `nil` for all.
    private var filter: FilterMatcher?
    private var until: FilterMatcher?
    private(set) var findings: Findings
    /// What a replay is held against; `nil` where nobody asked.
    private var judge: PolicyJudge?
    /// What an earlier run had; `nil` when none was named.
    private var baseline: BaselineCheck?
    /// What the run needs of a policy; `nil` where nobody asked.
    private var learning: PolicyLearning?
    /// What sidecars are compared by; `nil` where they are not.
    private var ledger: ActivityLedger?
    /// `nil` where nothing is to be detected.
    private var detection: DetectionTracker?
    private let detectionRules: DetectionRules
    private let showsNames: Bool
    /// Which containers are wanted; `nil` for all and the host.
    private var gate: WorkloadGate?
    private var actorWorkloads: ActorWorkloads?
    /// When the probes were attached, CLOCK_BOOTTIME.
    let started: UInt64
    /// Nanoseconds of CPU used until then.
    let startCPU: UInt64

    private(set) var seen: UInt64 = 0
    private(set) var filtered: UInt64 = 0
    private(set) var outOfScope: UInt64 = 0
    private(set) var heldBack: UInt64 = 0
    private(set) var folded: UInt64 = 0
    private(set) var summarised: UInt64 = 0
    /// System calls that the kernel counted.
    private(set) var callsCounted: UInt64 = 0
    private var undecodable: UInt64 = 0
    /// The kernel's counters at the last look.
    private var losses: [UInt64]
    /// Times that a program was skipped, and when that was asked for.
    private var skipped: UInt64 = 0
    private var skippedChecked: UInt64 = 0
    /// What a recording told of losses, by kind, in the order of their first time.
    private var recordedLosses: [(name: String, count: UInt64)] = []
    /// The run has printed what it was asked for.
    private(set) var isComplete = false
    /// A signal has ended it.
    var isInterrupted = false
    private var recorder: Recorder?

    /// `losses` are the kernel's counters at the start; none for a replay.
    init(
        _ options: TraceOptions, host: Host, sink: consuming Sink, failedExecHook: StaticString, lookups: Lookups,
        started: UInt64, losses: [UInt64] = [], gate: WorkloadGate? = nil, workloads: ActorWorkloads? = nil,
        marks: BPFMap? = nil,
        recorder: consuming Recorder? = nil,
        baseline: Baseline? = nil, learning: consuming PolicyLearning? = nil
    ) {
        enricher = Enricher(
            host: host, failedExecHook: failedExecHook, lookups: lookups, keepsEnded: options.command != .trace)
        self.sink = sink
        self.host = host
        self.started = started
        self.losses = losses
        self.gate = gate
        actorWorkloads = workloads
        self.recorder = recorder
        self.baseline = baseline.map { BaselineCheck($0, host: host) }
        self.learning = learning
        countLimit = options.count
        groupsByPod = options.summary?.grouping == .pod
        judge = options.judges ? options.policy.map { PolicyJudge($0) } : nil
        showsProcesses = options.command.watchesProcesses || options.judges
        showsProgress = options.interval != nil
        failedOnly = options.failedOnly
        paths = options.paths
        changesOnly = options.changesOnly
        files = options.tracksFiles ? FileTracker(options.paths, inside: options.writesInside) : nil
        showsDifference = options.difference
        writers = options.command == .watchFiles ? FileWriters() : nil
        hasher = options.hashes ? FileHasher() : nil
        self.lookups = lookups
        detection = options.chosenDetectors.isEmpty ? nil : DetectionTracker(options)
        detectionRules = DetectionRules(options, marks: marks)
        showsNames = options.command.watchesNetwork || options.judges
        filter = options.filters.isEmpty ? nil : Filter.all(options.filters).matcher(boot: host.boot)
        until = options.until?.matcher(boot: host.boot)
        findings = Findings(options, host: host)
        startCPU = Footer.ownCPU()
    }

    /// Takes one record from the ring. False when no more are wanted for now.
    mutating func take(_ bytes: RawSpan) -> Bool {
        let isWanted = see(bytes)
        recorder?.add(isWanted ? .record : .known, bytes)
        return !isComplete && !sink.isFull && recorder?.hasWholeBlock != true
    }

    /// Looks at a record that will be taken later.
    mutating func foresee(_ bytes: RawSpan) {
        guard Record.isCgroup(bytes), let record = try? Record(decoding: bytes) else { return }
        _ = enricher.event(for: record)
    }

    /// False for an event out of scope, which only adds to what is known.
    private mutating func see(_ bytes: RawSpan) -> Bool {
        guard let record = try? Record(decoding: bytes) else {
            undecodable += 1
            return true
        }
        if case .message(let message) = record {
            see(message)
            return true
        }
        if case .detected(let record) = record {
            see(record)
            return true
        }
        if case .cgroup(let cgroup, _, let time) = record {
            _ = enricher.event(for: record)
            actorWorkloads?.survey(cgroup, &enricher, now: time)
            return true
        }
        guard var event = enricher.event(for: record) else { return true }
        actorWorkloads?.survey(event.task.cgroup, &enricher, now: event.time)
        let isWanted = wants(event)
        if isWanted { writers?.take(&event) }
        if event.file?.record.beginsToBeWritten == true { return isWanted }
        if isWanted { files?.take(event) }
        if let connection = event.connection, connection.has(WIRE_CONNECTION_LAST) {
            ledger?.take(event)
            if isWanted, filter?.matches({ event.value(of: $0) }) != false { sink.addOpen(event) }
        } else if event.isProgress, !showsProgress {
            return isWanted
        } else if let file = event.file, isWanted, !selects(file) {
            seen += 1
            filtered += 1
        } else if showsProcesses || !event.isAboutProcess || isExecutionToShow(event) {
            if isWanted { emit(&event) } else { outOfScope += 1 }
        }
        if isWanted { detect(event) }
        enricher.finish(event)
        return isWanted
    }

    /// Whether the paths that were named have this file, and what became of it is asked for.
    private func selects(_ file: FileFact) -> Bool {
        if failedOnly, file.error == nil { return false }
        if changesOnly, !file.mayChange { return false }
        return paths.map { file.isSelected(by: $0) } ?? true
    }

    /// Whether it executes what was written in this run, where that is asked for.
    private func isExecutionToShow(_ event: Event) -> Bool {
        guard let path = event.executed?.path, !failedOnly else { return false }
        return paths.map { path.matches($0) } ?? true
    }

    /// Names are learned from all messages, and those of processes in scope are told.
    private mutating func see(_ message: MessageRecord) {
        for var event in enricher.events(for: message) where !isComplete {
            guard wants(event) else {
                outOfScope += 1
                continue
            }
            detect(event)
            if showsNames { emit(&event) }
        }
    }

    // MARK: Detectors

    /// Something that is still to be done about whom a detector has found.
    struct Action {
        let task: wire_task
        let verdict: Verdict
        let connection: wire_detect?
    }

    private(set) var pendingActions: [Action] = []
    /// What was found, of whom it is not certain yet who it is.
    private var undecided: [DetectionTracker.Found] = []

    mutating func takeActions() -> [Action] {
        defer { pendingActions.removeAll() }
        return pendingActions
    }

    private mutating func detect(_ event: Event) {
        guard let found = detection?.take(event) else { return }
        tell(found)
    }

    private mutating func see(_ record: DetectRecord) {
        let owner =
            record.hasOwner
            ? record.task : detection?.owner(ofSocket: record.fixed.inode).flatMap { enricher.task(ofPID: $0) }
        guard let found = detection?.take(record, owner: owner) else { return }
        tell(found)
    }

    /// Looks at processes that something was seen of.
    mutating func lookAtSuspects(isLast: Bool = false) {
        let waiting = undecided
        undecided = []
        tell(waiting, waits: !isLast)
        guard let found = detection?.look(now: Host.boottime()) else { return }
        tell(found)
    }

    private mutating func tell(_ found: [DetectionTracker.Found], waits: Bool = true) {
        for one in found where !isComplete {
            if waits, undecided.count < DetectionTracker.candidatesMost, detectionRules.mustWait(one, &enricher) {
                undecided.append(one)
                continue
            }
            let anonymous = one.fact(DetectionRule(one.detection.detector), isEnforced: false)
            let who = enricher.event(of: anonymous, one.task, time: one.time, hook: one.hook)
            guard let rule = detectionRules.rule(one, who) else { continue }
            let acts = rule.acts && one.task != nil
            if acts, let task = one.task {
                pendingActions.append(Action(task: task, verdict: rule.verdict, connection: one.record?.fixed))
            }
            let fact = one.fact(rule, isEnforced: acts || one.record?.isStopped == true)
            var event = enricher.event(of: fact, one.task, time: one.time, hook: one.hook)
            if wants(event) { tell(&event) }
        }
    }

    /// Whether the event is of a container that is asked for. A signal is its sender's and its receiver's.
    private mutating func wants(_ event: Event) -> Bool {
        guard gate != nil, event.action != .loss else { return true }
        if gate!.wants(event.task.cgroup, event.workload, &enricher) { return true }
        guard [.signal, .oom].contains(event.action), let target = event.target?.task, target.start != 0 else {
            return false
        }
        return gate!.wants(target.cgroup, enricher.workload(ofCgroup: target.cgroup, now: event.time), &enricher)
    }

    /// Tells the programs of a policy whose the cgroups are that there are.
    mutating func surveyCgroups() { actorWorkloads?.surveyAll(&enricher, now: started) }

    /// Tells of connections that were there before the policy, which is against them, and closes them where that is asked
    /// for. By which names they were made is not known.
    mutating func judge(
        openConnections records: [UInt8], _ options: TraceOptions, sparing spared: SparedProcesses
    ) throws(Failure) {
        guard let policy = options.policy, !records.isEmpty else { return }
        var judge = PolicyJudge(policy)
        for connection in OpenConnections.outgoing(records) where !spared.has(connection.task.pid) {
            guard var violation = judge.violation(openConnection: connection, &enricher) else { continue }
            let isStopped = violation.verdict >= UInt16(WIRE_DENY.rawValue) && !options.dryRun
            if options.openConnections == .close, isStopped {
                guard try OpenConnections.close(connection) else { continue }
                violation.header.flags |= UInt16(WIRE_VIOLATION_ENFORCED)
            }
            take(records: unsafe withUnsafeBytes(of: violation) { unsafe Array($0) })
        }
    }

    /// What to tell the user of scopes that match nothing.
    var scopeHint: String? { gate?.hint }

    /// Takes records that stand one after the other, as if they came from the ring.
    mutating func take(records: [UInt8]) {
        var rest = unsafe records.span.bytes
        while rest.byteCount >= MemoryLayout<wire_header>.size {
            let length = unsafe Int(rest.unsafeLoadUnaligned(as: UInt32.self))
            guard length > 0, length <= rest.byteCount else { break }
            _ = take(rest.extracting(first: length))
            rest = rest.extracting(droppingFirst: length)
        }
    }

    /// Takes the records of an iterator over all processes: those that were there before us. `isScoped` when the programs
    /// that wrote them knew who is in scope.
    mutating func takeExisting(_ bytes: [UInt8], isScoped: Bool, show: Bool) {
        var rest = unsafe bytes.span.bytes
        while rest.byteCount >= MemoryLayout<wire_header>.size {
            let length = unsafe Int(rest.unsafeLoadUnaligned(as: UInt32.self))
            guard length > 0, length <= rest.byteCount else { break }
            let span = rest.extracting(first: length)
            rest = rest.extracting(droppingFirst: length)
            takeExisting(span, show: show)
            recorder?.add(isScoped ? .existing : .known, span)
        }
    }

    /// Takes one of them.
    mutating func takeExisting(_ bytes: RawSpan, show: Bool) {
        guard let record = try? Record(decoding: bytes) else {
            undecodable += 1
            return
        }
        guard var event = enricher.event(for: record) else { return }
        gate?.survey(event.task.cgroup, &enricher, now: event.time)
        actorWorkloads?.survey(event.task.cgroup, &enricher, now: event.time)
        if detection != nil, event.record?.has(WIRE_PROCESS_IN_SCOPE) == true, wants(event) { detect(event) }
        if event.action == .open { ledger?.take(event) }
        guard show, !isComplete else { return }
        if event.action == .open {
            if wants(event) { emit(&event) }
            return
        }
        guard showsProcesses, let process = event.process else { return }
        guard event.record?.has(WIRE_PROCESS_IN_SCOPE) == true, process.key.start < started else { return }
        if wants(event) { emit(&event) }
    }

    /// From now on events are counted by workload, and no others told of.
    mutating func begin(_ ledger: ActivityLedger) { self.ledger = ledger }

    /// What was counted, when the window is over.
    mutating func takeLedger() -> ActivityLedger? { ledger.take() }

    /// Whether there was a process with this pid at the last look.
    func knows(_ pid: UInt32) -> Bool { enricher.knows(pid) }

    /// Those of `pids` and their descendants, as far as they are known.
    func descendants(of pids: Set<UInt32>) -> Set<UInt32> { enricher.descendants(of: pids) }

    /// Prints an event for what was lost since the last look. Skipped programs are asked for once a second: it takes a
    /// system call for each program.
    mutating func checkLosses(_ probes: borrowing TraceProbes, isLast: Bool = false) {
        let now = Host.boottime()
        let asks = isLast || now - skippedChecked >= 1_000_000_000
        var counters = probes.losses()
        // Never less than before: what was skipped and what another took are not counted at the same moment.
        let skippedNow = asks ? max(skipped, probes.skipped()) : skipped
        if asks { skippedChecked = now }
        guard counters != losses || skippedNow != skipped else { return }
        var new = Self.named(zip(counters, losses).map { $0 &- $1 })
        if skippedNow > skipped { new.append(("skipped", skippedNow - skipped)) }
        swap(&losses, &counters)
        skipped = skippedNow
        emit(lost: new, time: now)
        recorder?.add(lost: new, time: now)
    }

    /// Takes what a recording tells of losses.
    mutating func take(_ loss: RecordedLoss) {
        for (name, count) in loss.lost {
            if let index = recordedLosses.firstIndex(where: { $0.name == name }) {
                recordedLosses[index].count = recordedLosses[index].count.saturatingAdd(count)
            } else if recordedLosses.count < 256 {
                recordedLosses.append((name, count))
            }
        }
        emit(lost: loss.lost, time: loss.time)
    }

    private mutating func emit(lost: [(name: String, count: UInt64)], time: UInt64) {
        var event = Event(.loss, time: time, process: nil, lost: lost, host: host)
        seen += 1
        look(at: event)
        // A comparison tells of all losses at its end, and nothing else stands beside it.
        if ledger == nil { _ = sink.take(&event) }
    }

    /// The recording's part of a turn of the loop.
    mutating func flushRecording() throws(Failure) { try recorder?.flush(now: Host.boottime()) }

    /// Whether there is enough to write that no more is taken before.
    var isFull: Bool {
        switch recorder {
        case .some(let recorder): recorder.hasWholeBlock || sink.isFull
        case .none: sink.isFull
        }
    }

    /// Whether something is not yet in the recording's file.
    var recordingIsBehind: Bool {
        switch recorder {
        case .some(let recorder): recorder.isBehind
        case .none: false
        }
    }

    mutating func beginRecording(_ values: [(String, String)]) throws(Failure) { try recorder?.begin(values) }

    /// The end mark, with the figures of the footer.
    mutating func finishRecording(watched: UInt64) throws(Failure) {
        let lost = lost.reduce(0) { $0 + $1.count }
        try recorder?.finish([
            ("watched", String(watched)), ("seen", String(seen)), ("printed", String(sink.printed)),
            ("filtered", String(filtered)), ("lost", String(lost)),
        ])
    }

    /// Everything lost so far, by kind.
    var lost: [(name: String, count: UInt64)] {
        var result = losses.isEmpty ? recordedLosses : Self.named(losses)
        if skipped > 0 { result.append(("skipped", skipped)) }
        if undecodable > 0 { result.append(("undecodable", undecodable)) }
        return result
    }

    /// Violations of the policy, and of those the ones that were stopped.
    private(set) var violations: UInt64 = 0
    private var stopped: UInt64 = 0
    /// Whether the policy was found not to hold.
    private(set) var isUnheld = false

    /// Tells that hooks do not hold the policy any more.
    mutating func tell(unheld hooks: [String]) {
        isUnheld = true
        for hook in hooks { note("NOT ENFORCING: an attempt that the policy is against was not refused by \(hook)") }
        emit(lost: [("enforcement", UInt64(hooks.count))], time: Host.boottime())
    }

    /// What the footer says of the policy.
    var policyLine: String {
        "policy: \(counted(violations, "violation")), \(grouped(stopped)) of them stopped"
            + (isUnheld ? "; IT DID NOT HOLD ALL THE TIME" : "")
    }

    private mutating func emit(_ event: inout Event) {
        guard var violations = judge?.violations(event) else {
            tell(&event)
            return
        }
        for index in violations.indices { tell(&violations[index]) }
    }

    private mutating func tell(_ event: inout Event) {
        seen += 1
        if ledger != nil {
            ledger!.take(event)
            summarised += 1
            return
        }
        addHash(to: &event)
        if let isEnforced = event.fact?.isEnforced {
            violations += 1
            if isEnforced { stopped += 1 }
        }
        baseline?.mark(&event)
        look(at: event)
        if filter?.matches({ event.value(of: $0) }) == false {
            filtered += 1
            sink.skip(event)
            return
        }
        learning?.take(event)
        if showsDifference {
            summarised += 1
            return
        }
        switch sink.take(&event) {
        case .printed: break
        case .filtered: filtered += 1
        case .heldBack: heldBack += 1
        case .folded: folded += 1
        case .summarised: summarised += 1
        }
        if let countLimit, sink.counted >= countLimit { isComplete = true }
    }

    /// Of what was written or is executed, and of what has another name now.
    private func addHash(to event: inout Event) {
        guard let hasher, let (inode, device) = hashed(event) else { return }
        event.hash = lookups.fileHash(inode: inode, time: event.time) {
            let places = FileHasher.places(of: event, also: writers?.places(of: event) ?? [])
            return hasher.hash(.init(inode: inode, device: device, time: event.time, places: places)).map {
                Bytes(hex($0))
            }
        }
    }

    private func hashed(_ event: Event) -> (inode: UInt64, device: UInt32)? {
        if let file = event.executed { return (file.inode, file.device) }
        guard let file = event.file, let inode = file.inode, file.error == nil, file.record.isRegular else {
            return nil
        }
        let isWanted =
            switch file.operation {
            case .write: true
            case .open: file.record.has(WIRE_FILE_EXEC)
            case .rename: writers?.places(of: event) != nil
            default: false
            }
        return isWanted ? (inode, file.device ?? 0) : nil
    }

    /// What the footer says of hashes; `nil` where none were asked for, or none were made here.
    var hashLine: String? { hasher?.line }

    /// What is told of the run when it is over.
    func report(_ options: TraceOptions, _ footer: Footer, _ status: ExitStatus) -> Report {
        var checks = findings.checks
        if options.strict { checks.append(footer.strictCheck) }
        return footer.report(
            options, host: host.name, started: host.realtime(started), status: status, checks: checks,
            lines: footer.lines())
    }

    /// What the footer says of changed files, when the run is over; `nil` where they are not watched.
    private(set) var filesLine: String?

    /// What the footer says of the baseline.
    var baselineLine: String? {
        switch baseline {
        case .some(let check): check.line
        case .none: nil
        }
    }

    /// Writes what was learned, when the run is over. Answers a line for the footer; `nil` where nobody asked.
    func learned(_ options: TraceOptions) throws(Failure) -> String? {
        switch learning {
        case .some(let learning): try learning.finish(options, host: host, started: started)
        case .none: nil
        }
    }

    /// What a run has left changed of files: its rows, where they are asked for, and a line for the footer.
    private mutating func endFiles(time: UInt64) {
        guard let tracker = files.take() else { return }
        let rows = tracker.difference.rows()
        filesLine = FileChanges.line(rows, missed: tracker.difference.missed, isListed: showsDifference)
        findings.look(outside: tracker.outside, missed: tracker.outsideMissed)
        if showsDifference { sink.print(rows.map { FileChanges.event($0, time: time, host: host) }) }
        files = consume tracker
    }

    /// What is told when the run ends: repeats whose window is open, and the summary, with calls that the kernel counted.
    /// `time` is that of the end.
    mutating func end(counted entries: [SyscallCounts.Entry], time: UInt64) {
        sink.closeWindows(until: .max)
        for var entry in entries {
            if gate != nil, let cgroup = entry.cgroup {
                let workload = enricher.workload(ofCgroup: cgroup, now: time)
                guard gate!.wants(cgroup, workload, &enricher) else { continue }
                if entry.isUngrouped { entry.who = 0 }
            }
            callsCounted += entry.count.calls
            sink.add(entry, of: group(of: entry, time: time))
        }
        endFiles(time: time)
        sink.printSummary(time: time)
    }

    /// Whose calls these are.
    private mutating func group(of entry: SyscallCounts.Entry, time: UInt64) -> SummaryGroup {
        if let task = entry.owner { return .process(task, executable: enricher.executable(of: task.key)) }
        guard entry.who != 0 else { return .all }
        return .workload(
            enricher.workload(ofCgroup: entry.who, now: time), path: enricher.path(ofCgroup: entry.who),
            cgroup: entry.who, byPod: groupsByPod)
    }

    /// What is asked of all events, whether they are shown or not.
    private mutating func look(at event: Event) {
        findings.look(at: event)
        if until?.matches({ event.value(of: $0) }) == true { isComplete = true }
    }

    private static func named(_ counters: [UInt64]) -> [(name: String, count: UInt64)] {
        let names: [(Int, String)] = [
            (Int(WIRE_EXEC.rawValue), "exec"), (Int(WIRE_EXEC_FAILED.rawValue), "exec_failed"),
            (Int(WIRE_FORK.rawValue), "fork"), (Int(WIRE_EXIT.rawValue), "exit"),
            (Int(WIRE_CGROUP.rawValue), "cgroup"), (Int(WIRE_SYSCALL.rawValue), "syscall"),
            (Int(WIRE_SIGNAL.rawValue), "signal"), (Int(WIRE_OOM.rawValue), "oom"),
            (Int(WIRE_CONNECT.rawValue), "connect"), (Int(WIRE_ACCEPT.rawValue), "accept"),
            (Int(WIRE_LISTEN.rawValue), "listen"), (Int(WIRE_CLOSE.rawValue), "close"),
            (Int(WIRE_SOCKET.rawValue), "socket"), (Int(WIRE_UDP.rawValue), "udp"),
            (Int(WIRE_LOSS_FLOW.rawValue), "flow"),
            (Int(WIRE_LOSS_SOCKET.rawValue), "owner"),
            (Int(WIRE_MESSAGE.rawValue), "message"), (Int(WIRE_DROP.rawValue), "drop"),
            (Int(WIRE_RAW_SOCKET.rawValue), "raw_socket"), (Int(WIRE_VIOLATION.rawValue), "policy_violation"),
            (Int(WIRE_GUARD.rawValue), "policy_violation"), (Int(WIRE_DETECT.rawValue), "detection"),
            (Int(WIRE_UNIX.rawValue), "unix"),
            (Int(WIRE_FILE.rawValue), "file"),
            (Int(WIRE_LOSS_SCOPE.rawValue), "scope"),
        ]
        return names.compactMap { index, name in counters[index] > 0 ? (name, counters[index]) : nil }
    }
}

private func hex(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
}

extension UInt64 {
    fileprivate func saturatingAdd(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
