// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CWire
internal import Enrichment
internal import Glibc
internal import Policy

/// One run of `trace` or `watch-net`, from the probes to the footer.
package enum Trace {
    /// Runs to the end and gives the exit status.
    package static func run(_ options: TraceOptions) throws(Failure) -> ExitStatus {
        try run(options, nil)
    }

    /// A comparison is for `window`, where there is one.
    static func run(_ options: TraceOptions, _ window: ComparisonWindow?) throws(Failure) -> ExitStatus {
        clinux_fill_standard_descriptors()
        if let path = options.readsFrom { return try replay(path, options) }
        LibbpfLog.install(verbose: options.verbose)
        let host = Host.current()
        let baseline = try options.baseline.map { path throws(Failure) in try Baseline(path: path) }
        let reports = try Reports(options)
        var learning = try PolicyLearning(options)
        let sink = try Sink(options, host: host)
        var loop = EventLoop()
        let programPath = options.program.isEmpty ? nil : try Program.find(options.program[0])
        let lookups = Lookups(options.recordsTo == nil ? .system : .systemForRecording, root: options.root)
        var comparing: Comparing?
        if let comparison = options.comparison {
            comparing = try Comparing(comparison, options, lookups: lookups, host: host)
        }
        var recorder: Recorder?
        if let path = options.recordsTo { recorder = try Recorder(path: path, lookups: lookups) }

        var enforcer: Enforcer?
        if let policy = options.policy {
            enforcer = try Enforcer(policy, options)
        }
        let probes = try TraceProbes.attach(options, policy: enforcer?.enforcement)
        lookups.dropReasons = probes.dropReasons
        if let policy = options.policy { lookups.policyRules = { Enforcer.name($0, of: policy) } }
        var meter = CostMeter(watchesCalls: probes.watchesCalls, isPreemptible: TraceProbes.isPreemptible)
        var state = TraceState(
            options, host: host, sink: sink, failedExecHook: probes.processes.failedExecHook, lookups: lookups,
            started: Host.boottime(), losses: probes.losses(), gate: try probes.gate(options.scope.workloads),
            workloads: ActorWorkloads(options.policy, try probes.actorWorkloads()),
            marks: try probes.taskMarks(), recorder: recorder.take(),
            baseline: baseline, learning: learning.take()
        )
        try state.beginRecording(RecordingHeader(options, host, probes, started: state.started).values)
        for descriptor in probes.descriptors { loop.watchRing(descriptor) }
        loop.watchOutput(1)
        // Forked now, so that its life starts when it does; it waits to be marked.
        var program: Program?
        var scope = options.scope
        if let programPath {
            let child = try Program(programPath, options.program)
            scope.pids.append(.init(UInt32(child.pid), negated: false))
            try probes.processes.mark([UInt32(child.pid)], UInt32(WIRE_TASK_STARTING))
            try enforcer?.take(child, probes)
            program = consume child
        }
        state.takeExisting(try probes.processes.existing(), isScoped: false, show: false)
        state.surveyCgroups()
        try mark(scope, probes, &state)
        // Again, because only now the programs know who is in scope. A recording has them for whoever asks later.
        if options.existing || options.recordsTo != nil || !options.chosenDetectors.isEmpty {
            let shows = options.existing && options.command == .trace
            state.takeExisting(try probes.processes.existing(), isScoped: true, show: shows)
        }
        if let ledger = comparing?.begin() { state.begin(ledger) }
        // Always: when one of them is closed, it is known whose it was.
        state.takeExisting(
            try probes.existingSockets(1), isScoped: true, show: options.existing && options.command == .watchNet)
        if options.existing || options.recordsTo != nil {
            let shows = options.existing && options.command == .watchNet
            state.takeExisting(try probes.existingRawSockets(), isScoped: true, show: shows)
        }
        if !options.quiet {
            let end = options.program.isEmpty ? "; Ctrl-C ends" : ""
            note("watching \(options.command.subject) on \(host.name), Linux \(kernelRelease())\(end)")
            for reason in probes.missing { note("missing: \(reason)") }
            if let hint = state.scopeHint { note(hint) }
            if let header = state.sink.header { note(header) }
        }
        try enforcer?.begin(probes, quiet: options.quiet)
        if let spared = enforcer?.executioner.spared {
            try state.judge(openConnections: probes.openConnections, options, sparing: spared)
        }
        try program?.start()
        var lasting = options
        if let window {
            window.begins()
            // It is as long from its beginning.
            lasting.duration = options.duration.map { $0 + Host.boottime() - state.started }
        }

        let programStatus = try watch(lasting, probes, &loop, &state, &program, &meter, &enforcer)
        window?.isInterrupted = state.isInterrupted
        return try finish(options, probes, loop, &state, programStatus, meter.measured, reports, comparing, window)
    }

    /// Marks the processes that `--pid` names and all that descend from them.
    ///
    /// A parent that is marked marks the children it forks, so the only gap is a fork by a process that is not marked yet;
    /// hence again, until a look at all processes finds no more.
    private static func mark(
        _ scope: Scope, _ probes: borrowing TraceProbes, _ state: inout TraceState
    ) throws(Failure) {
        for (negated, mark) in [(false, WIRE_TASK_TREE), (true, WIRE_TASK_NOT_TREE)] {
            let pids = Set(scope.pids.filter { $0.negated == negated }.map(\.value))
            var marked: Set<UInt32> = []
            while !pids.isEmpty {
                let found = state.descendants(of: pids).subtracting(marked)
                if found.isEmpty { break }
                if marked.isEmpty, let absent = found.first(where: { found.count == pids.count && !state.knows($0) }) {
                    throw Failure(
                        .usage, "--pid: there is no process \(absent), and none that descends from it",
                        help: "ps -e, or ebpfguard trace --existing, shows those that are there"
                    )
                }
                try probes.processes.mark(found, UInt32(mark))
                marked.formUnion(found)
                state.takeExisting(try probes.processes.existing(), isScoped: false, show: false)
            }
        }
    }

    private static func take(_ record: RawSpan, _ executioner: Executioner?, _ state: inout TraceState) -> Bool {
        executioner?.look(at: record)
        return state.take(record)
    }

    /// Who is to be killed is not spared by a slow reader of our output.
    private static func foresee(_ record: RawSpan, _ executioner: Executioner?, _ state: inout TraceState) {
        executioner?.look(at: record)
        state.foresee(record)
    }

    /// The loop. Gives the status of the program behind `--` when it ended.
    private static func watch(
        _ options: TraceOptions, _ probes: borrowing TraceProbes, _ loop: inout EventLoop,
        _ state: inout TraceState, _ program: inout Program?, _ meter: inout CostMeter, _ enforcer: inout Enforcer?
    ) throws(Failure) -> Int32? {
        let watchesFlows = options.command.watchesNetwork
        let executioner = enforcer?.executioner
        var programStatus: Int32?
        var ended: UInt64?
        var look: UInt32 = 1
        var looked = Host.boottime()
        var lookedAtFlows = looked
        var idle = 0  // looks in a row at an empty ring
        var tick: Int32 = 10
        var waits = false  // for whoever reads our output
        var ahead: UInt64 = 0
        while true {
            // Events can wait for a slow reader, files that name a container can't.
            if waits { probes.processes.ring.lookAhead(from: &ahead) { foresee($0, executioner, &state) } }
            let isHeld = waits && (state.sink.isFull || state.isComplete)
            let count = isHeld ? 0 : probes.drain { take($0, executioner, &state) }
            // Full buffers stopped it: what is left in the ring is not waited for.
            let isFull = state.isFull
            state.checkLosses(probes)
            if let unheld = enforcer?.check(probes), !unheld.isEmpty { state.tell(unheld: unheld) }
            state.lookAtSuspects()
            try act(executioner, probes, &state)
            meter.update()
            try state.flushRecording()
            let outcome = try state.sink.flush(loop)
            if case .closed = outcome { break }
            if case .interrupted = outcome { waits = true } else { waits = false }
            // Whoever wrote a record of that time has done so.
            if count == 0, !waits, !isHeld { state.sink.closeWindows(until: Host.boottime() - 200_000_000) }
            // The program's last events were in the ring before its end was told.
            let isOver = programStatus != nil && count == 0 && !isHeld
            if !waits, state.isComplete || isOver && !lingers(options, probes, state, &ended) { break }
            if !waits, let duration = options.duration, Host.boottime() - state.started >= duration { break }
            if let interval = options.interval, Host.boottime() - looked >= interval {
                looked += interval
                look += 1
                let records = try probes.existingSockets(look, flags: UInt32(WIRE_CONNECTION_STILL))
                take(try records + probes.writtenFiles(), probes, &state)
            }
            if watchesFlows, Host.boottime() - lookedAtFlows >= flowPeriod {
                lookedAtFlows = Host.boottime()
                take(try probes.endedFlows(), probes, &state)
            }

            state.take(records: probes.countedDrops(Host.boottime()))
            // What wakes us after a pause is often a fork, and its exec is about to follow.
            tick = idle > 1 && count > 0 ? 1 : min(tick * 2, 10)
            idle = count > 0 ? 0 : idle + 1
            let pause = isFull || waits ? 0 : pause(idle, tick, options, probes, state)
            let wakeup = loop.wait(milliseconds: min(pause, meter.patience))
            if wakeup.outputIsGone { break }
            if wakeup.signals.contains(SIGWINCH) { state.sink.resize() }
            if wakeup.signals.contains(SIGCHLD), program != nil { programStatus = program!.wait() }
            guard let signal = wakeup.signals.first(where: { [SIGINT, SIGTERM, SIGHUP].contains($0) }) else { continue }
            // A program that a terminal's Ctrl-C reaches too decides for itself when it ends.
            if program == nil || programStatus != nil {
                state.isInterrupted = true
                break
            }
            if signal != SIGINT || isatty(0) == 0 { program!.send(signal) }
        }
        state.lookAtSuspects(isLast: true)
        try act(executioner, probes, &state)
        if program != nil, programStatus == nil { programStatus = end(&program!) }
        return programStatus
    }

    /// Does what is still to be done about whom detectors have found.
    private static func act(
        _ executioner: Executioner?, _ probes: borrowing TraceProbes, _ state: inout TraceState
    ) throws(Failure) {
        for action in state.takeActions() where executioner?.spared.has(action.task.pid) != true {
            try probes.act(on: action.task, action.verdict, action.connection)
        }
    }

    /// Takes the records of a look at all sockets, behind what programs have told before it.
    private static func take(_ records: [UInt8], _ probes: borrowing TraceProbes, _ state: inout TraceState) {
        if records.isEmpty { return }
        _ = probes.drain { state.take($0) }
        state.take(records: records)
    }

    /// How often it is looked which UDP flows have ended, nanoseconds.
    private static let flowPeriod: UInt64 = 1_000_000_000

    /// Whether connections of processes that have ended are still open: their last packets may be under way, and their end
    /// tells what went through them. For a while.
    private static func lingers(
        _ options: TraceOptions, _ probes: borrowing TraceProbes, _ state: borrowing TraceState, _ ended: inout UInt64?
    ) -> Bool {
        guard options.command == .watchNet else { return false }
        let now = Host.boottime()
        let since = ended ?? now
        ended = since
        guard now - since < 500_000_000 else { return false }
        var gone = false
        gone = probes.hasConnection { !state.knows($0) }
        return gone
    }

    /// How long to wait, in milliseconds. After an event: one tick, and the programs wake nobody, as that is what costs.
    /// When a tick brought nothing: until a program wakes us. A program that read "awake" just before sleep was announced
    /// has written its record within a tick, so the first sleep is a short one too.
    private static func pause(
        _ idle: Int, _ tick: Int32, _ options: TraceOptions, _ probes: borrowing TraceProbes,
        _ state: borrowing TraceState
    ) -> Int32 {
        var timeout = tick
        if idle == 0 {
            probes.announceAwake()
        } else {
            probes.announceSleep()
            if !probes.isEmpty { return 0 }
            if idle > 1 { timeout = 1000 }
        }
        if state.recordingIsBehind { timeout = min(timeout, Recorder.patience) }
        if let interval = options.interval { timeout = min(timeout, Int32(min(interval / 10_000_000, 1000)) + 1) }
        if let patience = probes.dropPatience(Host.boottime()) {
            let milliseconds = Int32(min(patience / 1_000_000 + 1, 1000))
            timeout = timeout < 0 ? milliseconds : min(timeout, milliseconds)
        }
        guard let duration = options.duration else { return timeout }
        let elapsed = Host.boottime() - state.started
        let left = duration > elapsed ? (duration - elapsed) / 1_000_000 + 1 : 0
        return min(timeout, Int32(min(left, 1000)))
    }

    /// Ends the program when the run ends before it: asked first, then made to.
    private static func end(_ program: inout Program) -> Int32? {
        program.send(SIGTERM)
        for _ in 0..<200 {
            if let status = program.wait() { return status }
            usleep(10_000)
        }
        program.send(SIGKILL)
        return program.wait(blocking: true)
    }

    private static func finish(
        _ options: TraceOptions, _ probes: borrowing TraceProbes, _ loop: borrowing EventLoop,
        _ state: inout TraceState, _ programStatus: Int32?, _ measured: UInt64,
        _ reports: borrowing Reports, _ comparing: consuming Comparing?, _ window: ComparisonWindow?
    ) throws(Failure) -> ExitStatus {
        let watched = Host.boottime() - state.started
        while !state.isComplete, probes.drain({ state.take($0) }) > 0 {
            try state.flushRecording()
            guard case .done = try state.sink.flush(loop, isLast: true) else { break }
        }
        if options.command.watchesNetwork, !state.isComplete { state.take(records: try probes.endedFlows()) }
        state.take(records: probes.countedDrops(Host.boottime(), isLast: true))
        if !state.isComplete { state.take(records: try probes.writtenFiles()) }
        // What is open still has had its bytes too.
        if options.summary != nil || options.recordsTo != nil || options.comparison != nil {
            state.take(records: try probes.existingSockets(.max, flags: UInt32(WIRE_CONNECTION_LAST)))
        }
        state.checkLosses(probes, isLast: true)
        state.end(counted: try probes.counted(), time: state.started + watched)
        try state.finishRecording(watched: watched)
        _ = try state.sink.flush(loop, isLast: true)
        let cost = probes.cost()
        let dropped = probes.dropped()
        var footer = Footer(
            watched: watched, seen: state.seen + dropped, printed: state.sink.printed,
            filtered: state.filtered + dropped, outOfScope: state.outOfScope, heldBack: state.heldBack,
            folded: state.folded,
            summarised: state.summarised, callsCounted: state.callsCounted, lost: state.lost, hooks: probes.hooks,
            missing: probes.missing, taxesSystemCalls: probes.taxesSystemCalls, cost: cost,
            measured: measured, startCPU: state.startCPU, ownCPU: Footer.ownCPU()
        )
        footer.baseline = state.baselineLine
        footer.files = state.filesLine
        footer.hashes = state.hashLine
        footer.learned = try state.learned(options)
        if options.policy != nil { footer.policy = state.policyLine }
        var isFound = false
        if var comparison = comparing.take(), let ledger = state.takeLedger() {
            let result = comparison.finish(ledger, footer)
            window?.comparison = result
            if window == nil { isFound = try comparison.report(result) }
        }
        if !options.quiet { for line in footer.lines() { note(line) } }
        Reports.tell(state.findings.lines(), options.command)
        let status = isFound ? .finding : status(options, state, footer, programStatus)
        try reports.write(
            state.report(options, footer, status))
        return status
    }

    static func status(
        _ options: TraceOptions, _ state: borrowing TraceState, _ footer: Footer, _ programStatus: Int32?
    ) -> ExitStatus {
        if state.isUnheld { return .incomplete }
        // What was found is certain, however much else was missed.
        if !state.findings.isEmpty { return .finding }
        if options.strict && !footer.isComplete { return .incomplete }
        return programStatus.map { .program($0) } ?? .success
    }
}
