// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CWire
internal import Enrichment
internal import Events
internal import Glibc
internal import Policy

/// All programs of a run: those of processes, which every command needs to tell who it was, and those of system calls,
/// signals and the network where they are asked for.
struct TraceProbes: ~Copyable {
    // Destroyed in this order: the others use maps of the processes' object, and some those of connections.
    private let detect: DetectProbes?
    private let judge: JudgeProbes?
    private let kept: KeptProbes?
    private let enforce: EnforceProbes?
    private let guardian: GuardProbes?
    /// The connections that were open when a policy began to hold, where it is asked for them.
    let openConnections: [UInt8]
    private let files: FileProbes?
    private let sockets: SocketProbes?
    private let udp: UDPProbes?
    private let names: NameProbes?
    private let tcp: TCPProbes?
    private let signals: SignalProbes?
    private let uring: URingProbes?
    private let syscalls: SyscallProbes?
    let processes: ProcessProbes

    /// What was asked for and is not seen, each with its reason.
    let missing: [String]
    /// Nanoseconds without a datagram that end a UDP flow.
    private let udpIdle: UInt64

    /// Loads and attaches what the options ask for.
    static func attach(_ options: TraceOptions, policy: Enforcement? = nil) throws(Failure) -> TraceProbes {
        var check = HostCheck()
        try check.require(for: options.command)
        raiseLockedMemory()
        var config = wire_config()
        config.own_pid = UInt32(getpid())
        // bpf_get_current_task_btf
        config.has_typed_current = kernelVersion() >= (major: 5, minor: 11) ? 1 : 0
        config.repeated = isPreemptible ? 1 : 0
        do throws(ScopeError) {
            try options.scope.lower(into: &config)
        } catch {
            throw Failure(.usage, error.message, help: error.help)
        }
        let startsProgram = !options.program.isEmpty
        if startsProgram { config.tree = 1 }
        config.marks = policy?.actors.marks == true ? 1 : 0
        if let controller = CgroupHierarchy.v1()?.controller,
            let number = check.types?.value(of: "\(controller)_cgrp_id", in: "cgroup_subsys_id")
        {
            config.v1_controller = number + 1
        }
        let failedExecs = options.watchesFailures ? check.failedExecHook() : .none(nil)
        let hooks = options.command.watchesNetwork ? check.networkHooks() : nil
        let files = options.command.watchesFiles ? check.fileHook() : nil
        guard let types = check.types else { throw Failure(.unsupported, "this host shows no kernel types (BTF)") }
        do throws(BPFError) {
            return try TraceProbes(
                options, config, types, failedExecs, hooks, files, policy,
                hasSecurityHooks: policy.map { $0.guardPlan != nil || $0.actors.settings.kept != 0 } == true
                    && check.hasSecurityHooks)
        } catch {
            throw Failure(error)
        }
    }

    private init(
        _ options: TraceOptions, _ config: wire_config, _ types: KernelTypes, _ failedExecs: HostCheck.FailedExecHook,
        _ calls: NetworkHooks?, _ fileHook: HostCheck.FileHook?, _ policy: Enforcement?,
        hasSecurityHooks: Bool
    ) throws(BPFError) {
        let tracks = options.scope.tracksProcesses || !options.program.isEmpty
        let marks = tracks || config.marks != 0
        let predicate = options.predicate
        let processes = try ProcessProbes(
            Self.ofProcesses(config, options.command), types, marks, options.bufferSize, failedExecs)
        var syscalls: SyscallProbes?
        var uring: URingProbes?
        var missing = processes.missing
        if options.syscalls != nil || options.security {
            let rules = SyscallRules(options.syscalls, security: options.security)
            let calls = try SyscallProbes(
                rules, predicate, config, types, sharing: processes.object, bufferSize: options.bufferSize,
                counts: options.syscallCounts)
            if rules.wantsURing && options.syscallCounts == nil {
                if let programs = URingProbes.Programs(types) {
                    uring = try URingProbes(
                        programs, rules: rules.lowered(counts: nil, seesEntry: true), predicate, config, types,
                        sharing: calls.object)
                } else {
                    missing.append("operations of io_uring are not seen: this kernel's tracepoints do not name them")
                }
            }
            syscalls = consume calls
        }
        var signals: SignalProbes?
        if options.signals != 0 {
            signals = try SignalProbes(wanted: options.signals, predicate, config, types, sharing: processes.object)
        }
        var tcp: TCPProbes?
        var names: NameProbes?
        var udp: UDPProbes?
        var sockets: SocketProbes?
        if let calls {
            let isScoped = tracks || !options.scope.isEmpty
            let states = try TCPProbes(
                predicate, config, isScoped: isScoped, types, calls.connections, sharing: processes.object,
                bufferSize: options.bufferSize)
            let packets = try NameProbes(predicate, config, isScoped: isScoped, types, sharing: states)
            let datagrams = try UDPProbes(predicate, config, types, calls, sharing: states, packets)
            let others = try SocketProbes(
                config, isScoped: isScoped, drops: options.drops, unix: options.unix, types, calls,
                sharing: states, packets)
            missing += states.missing
            missing += [packets.missing].compactMap { $0 } + datagrams.missing + others.missing
            tcp = consume states
            names = consume packets
            udp = consume datagrams
            sockets = consume others
        }
        var files: FileProbes?
        if let fileHook {
            let probes = try FileProbes(
                config, types, fileHook, FileChoice(options), sharing: processes.object, bufferSize: options.bufferSize)
            missing += probes.missing
            files = consume probes
        }
        var enforce: EnforceProbes?
        if let policy, let lowering = policy.lowering {
            enforce = try EnforceProbes(
                lowering, policy.actors, policy.programs, cgroup: policy.cgroup, config, types,
                sharing: processes.object)
        }
        var guardian: GuardProbes?
        if let policy, let plan = policy.guardPlan {
            guardian = try GuardProbes(
                plan, policy.actors, usesSecurityHooks: hasSecurityHooks, config, types, sharing: processes.object)
        }
        // Behind those that decide at the same hooks: what is executed is decided of by what was so before.
        var kept: KeptProbes?
        if let policy, policy.actors.marks {
            kept = try KeptProbes(
                policy.actors, policy.programs, hasSecurityHooks: hasSecurityHooks, config, types,
                sharing: processes.object)
        }
        var detect: DetectProbes?
        if !options.chosenDetectors.isEmpty {
            let probes = try DetectProbes(
                DetectionLedger(options.chosenDetectors),
                policy == nil ? config : Self.ofProcesses(config, options.command),
                isScoped: tracks || !options.scope.isEmpty,
                byCgroup: policy != nil, types, sharing: processes.object)
            missing += [probes.missing].compactMap { $0 }
            detect = consume probes
        }
        var judge: JudgeProbes?
        if let policy, let plan = policy.judgePlan {
            judge = try JudgeProbes(
                plan, DetectionLedger(options.chosenDetectors), policy.actors, policy.programs, cgroup: policy.cgroup,
                config, types,
                sharing: processes.object)
        }
        openConnections =
            policy != nil && options.openConnections != .keep
            ? try OpenConnections.records(config, types, sharing: processes.object) : []
        self.missing = missing
        udpIdle = options.udpIdle
        taxesSystemCalls =
            processes.taxesSystemCalls || tcp?.taxesSystemCalls == true || udp?.taxesSystemCalls == true
            || sockets?.taxesSystemCalls == true || files?.taxesSystemCalls == true
        var hooks = processes.hooks
        if let calls = syscalls?.hooks ?? nil { hooks.append(calls) }
        if let operations = uring?.hooks { hooks.append(operations) }
        if signals != nil { hooks.append(SignalProbes.hooks) }
        hooks += tcp?.hooks ?? []
        hooks += udp?.hooks ?? []
        if names != nil { hooks.append(NameProbes.hooks) }
        hooks += sockets?.hooks ?? []
        hooks += files?.hooks ?? []
        if let policy = enforce?.hooks { hooks.append(policy) }
        if let name = guardian?.name { hooks.append(name) }
        if let name = kept?.hooks { hooks.append(name) }
        if let name = detect?.hooks { hooks.append(name) }
        if judge != nil { hooks.append(JudgeProbes.hooks) }
        self.hooks = hooks
        self.detect = detect
        self.judge = judge
        self.kept = kept
        seesLeaving = hasSecurityHooks
        self.enforce = enforce
        self.guardian = guardian
        self.files = files
        self.sockets = sockets
        self.names = names
        self.tcp = tcp
        self.udp = udp
        self.processes = processes
        self.syscalls = syscalls
        self.uring = uring
        self.signals = signals
    }

    /// Where what processes do is not shown, it only tells who they are. So it is told of those too that are not in scope
    /// yet: a program begins under a name, a user and in a cgroup that may change.
    private static func ofProcesses(_ config: wire_config, _ command: WatchCommand) -> wire_config {
        var config = config
        guard !command.watchesProcesses else { return config }
        config.comm_count = 0
        config.user_count = 0
        config.cgroup_count = 0
        config.workloads = 0
        return config
    }

    /// How many of the run's own attempts the policy has refused.
    func refusedCanaries() -> UInt64 { enforce?.refusedCanaries() ?? 0 }

    /// The hooks of rules about programs and files, and how many of the run's own attempts each has refused.
    var guardHooks: [wire_guard_hook] {
        switch guardian {
        case .some(let guardian): guardian.hooks
        case .none: []
        }
    }
    func refused(_ hook: wire_guard_hook) -> UInt64 { guardian?.refused(hook) ?? 0 }

    /// Whether who is held is seen before it is another user.
    let seesLeaving: Bool

    /// The same of rules about detectors.
    func judgedCanaries() -> UInt64 { judge?.refusedCanaries() ?? 0 }

    /// Acts on whoever a detector has found by anything but what the kernel has seen it send: `connection` is one that it has.
    func act(on task: wire_task, _ verdict: Verdict, _ connection: wire_detect?) throws(Failure) {
        do throws(BPFError) {
            try judge?.condemn(task.pid, verdict)
        } catch {
            throw Failure(error)
        }
        guard verdict == .kill else { return }
        if let connection { Executioner.kill(task, with: connection) } else { Executioner.kill(task) }
    }

    /// What processes are marked with, where a policy asks for that.
    func taskMarks() throws(Failure) -> BPFMap? {
        guard kept != nil else { return nil }
        do throws(BPFError) {
            return try processes.object.map(named: "task_scope")
        } catch {
            throw Failure(error)
        }
    }

    /// Holds a process, and all that will descend from it, to rules about programs and files.
    func hold(_ pid: pid_t) throws(Failure) {
        do throws(BPFError) {
            try guardian?.hold(pid)
        } catch {
            throw Failure(error)
        }
    }

    /// Hooks in use, for the footer.
    let hooks: [String]
    /// Whether every system call of the host pays for what is seen.
    let taxesSystemCalls: Bool

    /// What holds events to the scopes by container, where there are any.
    func gate(_ scope: WorkloadScope) throws(Failure) -> WorkloadGate? {
        guard !scope.isEmpty else { return nil }
        do throws(BPFError) {
            return WorkloadGate(scope, try processes.object.map(named: "cgroup_scope"))
        } catch {
            throw Failure(error)
        }
    }

    /// Those in which the programs of a policy look up whose a cgroup is.
    func actorWorkloads() throws(Failure) -> [BPFMap] {
        do throws(BPFError) {
            return try [
                enforce?.actorWorkloads(), guardian?.actorWorkloads(), kept?.actorWorkloads(), judge?.actorWorkloads(),
            ].compactMap { $0 }
        } catch {
            throw Failure(error)
        }
    }

    /// Records of the sockets that are there now, where connections are watched.
    func existingSockets(_ number: UInt32, flags: UInt32 = 0) throws(Failure) -> [UInt8] {
        do throws(BPFError) {
            let flows = flags == 0 ? try udp?.existing() : try udp?.look(idle: udpIdle, flags: flags)
            var local: [UInt8]?
            if flags == 0 { local = try sockets?.existingUnix() }
            if flags == UInt32(WIRE_CONNECTION_STILL) { local = try sockets?.lookAtUnix(flags: flags) }
            return try (tcp?.existing(number: number, flags: flags) ?? []) + (flows ?? []) + (local ?? [])
        } catch {
            throw Failure(error)
        }
    }

    /// Records of the files that are written to and still open, where files are watched.
    func writtenFiles() throws(Failure) -> [UInt8] {
        do throws(BPFError) {
            return try files?.written() ?? []
        } catch {
            throw Failure(error)
        }
    }

    /// Records of UDP flows and ports that have ended, and of UNIX sockets where nothing else tells, where they are watched.
    func endedFlows() throws(Failure) -> [UInt8] {
        do throws(BPFError) {
            return try (udp?.look(idle: udpIdle, flags: 0) ?? []) + (sockets?.lookAtUnix(flags: 0) ?? [])
        } catch {
            throw Failure(error)
        }
    }

    /// Records of the raw sockets that are there now, where the network is watched.
    func existingRawSockets() throws(Failure) -> [UInt8] {
        do throws(BPFError) {
            return try sockets?.existingRaw() ?? []
        } catch {
            throw Failure(error)
        }
    }

    /// See `SocketProbes`.
    var dropReasons: [UInt32: Bytes] { sockets?.dropReasons() ?? [:] }

    /// See `SocketProbes`.
    func dropPatience(_ now: UInt64) -> UInt64? { sockets?.dropPatience(now) ?? nil }

    /// See `SocketProbes`.
    func countedDrops(_ now: UInt64, isLast: Bool = false) -> [UInt8] {
        sockets?.countedDrops(now, isLast: isLast) ?? []
    }

    /// See `TCPProbes.hasConnection`.
    func hasConnection(of isGone: (UInt32) -> Bool) -> Bool { tcp?.hasConnection(of: isGone) ?? false }

    /// Lends waiting records, oldest first over both rings, until there is none or `body` answers false; answers how many.
    ///
    /// A record that is being written may be older than what the other ring has: by the microseconds that writing it takes.
    ///
    /// Files beside connections come last: who does something to them is known before.
    func drain(_ body: (RawSpan) -> Bool) -> Int {
        let count =
            unsafe withSecondRing { ring, _ in Self.drain(processes.ring, ring, body) }
            ?? processes.ring.drain { body($0) ? .taken : .takenLast }
        return count + (withThirdRing { ring in ring.drain { body($0) ? .taken : .takenLast } } ?? 0)
    }

    /// Lends the ring of files where that of connections is the second one.
    private func withThirdRing<Result>(_ body: (borrowing BPFRing) -> Result) -> Result? {
        guard tcp != nil else { return nil }
        switch files {
        case .some(let files): return body(files.ring)
        case .none: return nil
        }
    }

    /// Lends the ring of what comes in floods, and the words shared with its programs. `nil` where there is none.
    private func withSecondRing<Result>(
        _ body: (borrowing BPFRing, UnsafeMutablePointer<wire_control>) -> Result
    ) -> Result? {
        switch syscalls {
        case .some(let calls): return unsafe body(calls.ring, calls.control)
        case .none: break
        }
        switch tcp {
        case .some(let tcp): return unsafe body(tcp.ring, tcp.control)
        case .none: break
        }
        switch files {
        case .some(let files): return unsafe body(files.ring, files.control)
        case .none: return nil
        }
    }

    private static func drain(_ a: borrowing BPFRing, _ b: borrowing BPFRing, _ body: (RawSpan) -> Bool) -> Int {
        var count = 0
        var more = true
        var progress = true
        while progress && more {
            progress = false
            for turn in 0..<2 where more {
                let now = Host.boottime()
                let limit = (turn == 0 ? nextTime(b) : nextTime(a)) ?? now
                func take(_ record: RawSpan) -> BPFRing.Verdict {
                    guard time(of: record) <= limit else { return .left }
                    more = body(record)
                    return more ? .taken : .takenLast
                }
                let taken = turn == 0 ? a.drain(take) : b.drain(take)
                count += taken
                if taken > 0 { progress = true }
            }
        }
        return count
    }

    /// When the record happened that is the ring's next; `nil` when it is empty.
    private static func nextTime(_ ring: borrowing BPFRing) -> UInt64? {
        var time: UInt64?
        _ = ring.drain {
            time = Self.time(of: $0)
            return .left
        }
        return time
    }

    /// Of a record's head (struct wire_header).
    private static func time(of record: RawSpan) -> UInt64 {
        record.byteCount < 16 ? 0 : unsafe record.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)
    }

    /// Whether tracepoints leave preemption on, from 7.0 on; see bpf/include/once.h. Nothing shows it but the version.
    static var isPreemptible: Bool { kernelVersion().major >= 7 }

    /// Whether programs run at every system call of the host.
    var watchesCalls: Bool { syscalls != nil }

    var isEmpty: Bool {
        let second = unsafe withSecondRing { ring, _ in ring.isEmpty }
        let third = withThirdRing { $0.isEmpty }
        return processes.ring.isEmpty && second != false && third != false
    }

    /// Becomes readable when a program has woken the reader.
    var descriptors: [Int32] {
        let second = unsafe withSecondRing { ring, _ in ring.descriptor }
        let third = withThirdRing { $0.descriptor }
        return [processes.ring.descriptor] + [second, third].compactMap { $0 }
    }

    /// Asks the programs to wake the reader with the next record. Look at the rings once more before waiting.
    func announceSleep() { setSleeping(1) }

    func announceAwake() { setSleeping(0) }

    private func setSleeping(_ value: UInt32) {
        for index in unsafe 0..<controls.count {
            unsafe clinux_store_full_32(&controls[index].pointee.reader_sleeps, value)
        }
    }

    /// The words that both sides write, of each object with a ring.
    private var controls: [UnsafeMutablePointer<wire_control>] {
        let second = unsafe withSecondRing { _, control in unsafe control }
        var controls = unsafe [processes.control] + (second.map { unsafe [$0] } ?? [])
        if tcp != nil {
            switch files {
            case .some(let files): unsafe controls.append(files.control)
            case .none: break
            }
        }
        return unsafe controls
    }

    /// How many records could not be delivered so far, by cause.
    func losses() -> [UInt64] {
        var sum = [UInt64](repeating: 0, count: Int(WIRE_LOSS_COUNT.rawValue))
        for index in unsafe 0..<controls.count {
            for (cause, count) in unsafe Self.losses(controls[index]).enumerated() { sum[cause] += count }
        }
        return sum
    }

    private static func losses(_ control: UnsafeMutablePointer<wire_control>) -> [UInt64] {
        unsafe withUnsafeBytes(of: control.pointee.lost) { counters in
            (0..<Int(WIRE_LOSS_COUNT.rawValue)).map {
                unsafe clinux_load_acquire_64(counters.baseAddress! + $0 * 8)
            }
        }
    }

    /// Times that a program was skipped, an upper bound of what is missing; see `ProcessProbes.skipped`.
    func skipped() -> UInt64 {
        let others = [uring?.statistics(), signals?.statistics(), names?.statistics(), detect?.statistics()]
            .reduce(0) { $0 + ($1?.recursionMisses ?? 0) }
        return processes.skipped() + (syscalls?.skipped() ?? 0) + (tcp?.skipped() ?? 0)
            + (udp?.skipped() ?? 0) + (sockets?.skipped() ?? 0) + (files?.skipped() ?? 0) + others
    }

    /// Events that the programs did not send, because the filter rules them out.
    func dropped() -> UInt64 {
        (syscalls?.dropped() ?? 0) + (uring?.dropped() ?? 0) + (signals?.dropped() ?? 0) + (tcp?.dropped() ?? 0)
            + (names?.dropped() ?? 0) + (udp?.dropped() ?? 0)
    }

    /// What all programs cost so far.
    func cost() -> ProgramStatistics {
        var sum = processes.statistics()
        let others = others()
        sum.runs += others.runs
        sum.nanoseconds += others.nanoseconds
        return sum
    }

    private func others() -> ProgramStatistics {
        var sum = ProgramStatistics()
        for part in [
            syscalls?.statistics(), uring?.statistics(), signals?.statistics(), tcp?.statistics(),
            names?.statistics(), udp?.statistics(), sockets?.statistics(), files?.statistics(),
            enforce?.statistics(), guardian?.statistics(), detect?.statistics(), judge?.statistics(),
            kept?.statistics(),
        ] {
            guard let part else { continue }
            sum.runs += part.runs
            sum.nanoseconds += part.nanoseconds
            sum.recursionMisses += part.recursionMisses
        }
        return sum
    }

    /// System calls that were counted so far, where they are not told one by one.
    func counted() throws(Failure) -> [SyscallCounts.Entry] {
        do throws(BPFError) {
            return try syscalls?.counted() ?? []
        } catch {
            throw Failure(error)
        }
    }

    /// Before 5.11 maps count as locked memory of the user.
    private static func raiseLockedMemory() {
        var limit = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
        unsafe setrlimit(__rlimit_resource_t(8), &limit)  // RLIMIT_MEMLOCK on x86-64 and arm64
    }
}
