// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Glibc
internal import Policy
internal import Rendering

/// What the probes need of a policy.
struct Enforcement {
    /// `nil` where no rule is about the network.
    let lowering: PolicyLowering?
    let actors: ActorPlan
    /// The programs that conditions name; `nil` where none does.
    let programs: PlacePlan?
    /// The directory that the programs attach to.
    let cgroup: Int32
    /// `nil` where no rule is about programs or files.
    let guardPlan: GuardPlan?
    /// `nil` where none is about detectors.
    let judgePlan: JudgePlan?
}

/// A policy while it holds: whom it holds for, and the attempts that show that it does.
struct Enforcer: ~Copyable {
    // Destroyed in this order: the canary has sockets in the cgroup.
    private var canary: Canary
    private let guardCanary: GuardCanary?
    private let guardPlan: GuardPlan?
    private let judgePlan: JudgePlan?
    /// What the addresses of inodes are true by.
    private let marks: FileMarks?
    private let actors: ActorPlan
    private let programs: PlacePlan?
    private let programMarks: FileMarks?
    private let place: EnforcePlace
    private let lowering: PolicyLowering?
    private let dry: Bool
    private let target: PolicyTarget
    let executioner: Executioner
    private let lineCount: Int
    private var tried: UInt64 = 0
    /// Hooks that were found not to refuse, once each.
    private var failed: Set<String> = []

    private static let interval: UInt64 = 2_000_000_000

    /// Makes the cgroup. The policy is one that can be held here: see `PolicyCheck.refusal`.
    init(_ policy: PolicyRules, _ options: TraceOptions) throws(Failure) {
        if options.openConnections == .close, let obstacle = OpenConnections.obstacle() { throw obstacle }
        let dry = options.dryRun
        let target = policy.target
        let conditions = PolicyConditions(policy)
        let found = target.isProgram ? SparedProcesses() : .found()
        if !options.sparesOwn, !options.isForced, !dry,
            let refusal = SessionCheck.refusal(policy, chain: Array(found.all.prefix(found.chain)))
        {
            throw refusal
        }
        let spared = options.sparesOwn ? found : SparedProcesses()
        let actors = try ActorPlan(policy, conditions, sparing: spared)
        var canary = Canary()
        let place =
            target.isProgram
            ? try EnforcePlace()
            : try EnforcePlace(above: Self.cgroups(target).map { String(decoding: $0, as: UTF8.self) })
        try place.settle(&canary)
        let judge = JudgePlan(policy, conditions, dry: dry)
        var lowering: PolicyLowering?
        if PolicyLowering.isNeeded(policy) {
            lowering = Self.lowering(policy, &canary, dry: dry, grace: options.nameGrace, isJudged: judge != nil)
        }
        var programMarks: FileMarks?
        var programs: PlacePlan?
        if !conditions.programs.isEmpty {
            let found = try FileMarks(withMounts: FileLowering(conditions) { FileSpelling.others(of: $0) })
            programs = found.plan
            programMarks = consume found
        }
        var marks: FileMarks?
        var guardCanary: GuardCanary?
        var plan: GuardPlan?
        if FileLowering.isNeeded(policy) {
            let found = try FileMarks(
                withMounts: FileLowering(policy, conditions, dry: dry) { FileSpelling.others(of: $0) })
            let canary = try GuardCanary()
            plan = GuardPlan(
                places: found.plan, canary: canary.file, canaryDirectory: canary.directory,
                canaryProtocol: canary.protocol, cgroup: place.id, level: place.level)
            marks = consume found
            guardCanary = consume canary
        }
        self.actors = actors
        self.programs = programs
        self.programMarks = programMarks
        self.marks = marks
        self.guardCanary = guardCanary
        guardPlan = plan
        judgePlan = judge
        self.canary = canary
        self.place = place
        self.lowering = lowering
        self.dry = dry
        self.target = target
        executioner = Executioner(spared: spared)
        lineCount = policy.rules.count + policy.defaults.count
    }

    /// All that sockets have to be in.
    private static func cgroups(_ target: PolicyTarget) -> [[UInt8]] {
        target.terms.first { $0.kind == .cgroup }?.values ?? []
    }

    private static func lowering(
        _ policy: PolicyRules, _ canary: inout Canary, dry: Bool, grace: UInt32, isJudged: Bool
    ) -> PolicyLowering {
        var lowering = PolicyLowering(policy, dry: dry, grace: grace)
        canary.isHeld = true
        for address in canary.addresses { lowering.addCanary(address) }
        if lowering.readsPackets {
            canary.asks = true
            canary.isAnswered = lowering.names.hasConnections || lowering.losesPackets
            lowering.addCanary(canary.name, server: canary.server)
        }
        if isJudged { lowering.addCanary(server: canary.server) }
        return lowering
    }

    var enforcement: Enforcement {
        Enforcement(
            lowering: lowering, actors: actors, programs: programs, cgroup: place.descriptor, guardPlan: guardPlan,
            judgePlan: judgePlan)
    }

    /// What events say of the rule with a number that a program has.
    static func name(_ number: UInt32, of policy: PolicyRules) -> ViolatedRule? {
        PolicyRuleName(number, of: policy).map {
            ViolatedRule(text: Bytes($0.text), reference: Bytes($0.reference), operation: Bytes($0.operation))
        }
    }

    /// Puts the program under the policy. It has not begun.
    func take(_ program: borrowing Program, _ probes: borrowing TraceProbes) throws(Failure) {
        try place.add(program.pid)
        // The first that raised it knows what it was.
        if programMarks != nil {
            programMarks?.restoreLimit(of: program.pid)
        } else {
            marks?.restoreLimit(of: program.pid)
        }
        try probes.hold(program.pid)
    }

    /// Says that the policy holds, when that was seen.
    mutating func begin(_ probes: borrowing TraceProbes, quiet: Bool) throws(Failure) {
        tried = Host.boottime()
        let failures = failures(probes)
        guard failures.isEmpty else {
            throw Failure(
                .unsupported,
                "the policy would not hold: an attempt that it is against was not refused by \(failures.joined(separator: ", "))",
                help: "the kernel took the programs and does not call them; nothing was started")
        }
        guard !quiet else { return }
        let count = lineCount
        let rules = counted(count, "line")
        note(
            dry
                ? "dry run of \(rules): violations are told, and nothing is stopped; seen by an attempt of our own"
                : "enforcing \(rules) on \(whom); an attempt of our own was refused")
        if !executioner.spared.isEmpty { note(executioner.spared.text) }
        if probes.guardHooks.contains(WIRE_GUARD_TRACEPOINT) {
            note(
                "without BPF LSM programs die as they begin; not held: scripts but for their interpreters, and what is mapped"
            )
        }
        let limits = limits(probes)
        if !limits.isEmpty { note("not held: " + limits.joined(separator: ", and ")) }
    }

    private var whom: String {
        if target.isProgram { return "PROGRAM and all that it starts" }
        return target.text.map { withoutControls($0) } ?? "this host"
    }

    /// What there is no way to hold.
    private func limits(_ probes: borrowing TraceProbes) -> [String] {
        var limits: [String] = []
        if lowering != nil, !probes.guardHooks.contains(WIRE_GUARD_SOCKET) {
            limits.append("raw and packet sockets, which need a privilege")
        }
        if lowering != nil, actors.settings.kept != 0, target.asks(for: .user), !probes.seesLeaving {
            limits.append("who becomes another user before it starts anything")
        }
        if target.asks(for: .comm) {
            limits.append("who calls itself something else before it does anything that is held")
        }
        if target.isProgram || target.asks(for: .cgroup) { limits.append("who leaves the cgroup \(place.path)") }
        return limits
    }

    /// Tries again, now and then. Answers hooks that have been found not to refuse any more.
    mutating func check(_ probes: borrowing TraceProbes) -> [String] {
        let now = Host.boottime()
        guard now - tried >= Self.interval else { return [] }
        tried = now
        let new = failures(probes).filter { !failed.contains($0) }
        failed.formUnion(new)
        return new
    }

    /// The hooks that do not refuse what they have to.
    private func failures(_ probes: borrowing TraceProbes) -> [String] {
        let others = guardCanary?.failures(probes.guardHooks) { probes.refused($0) } ?? []
        var failures = canary.failures { probes.refusedCanaries() } + others
        if let judgePlan, !canary.isJudged(judgePlan.canary, { probes.judgedCanaries() }) {
            failures.append(JudgeProbes.hooks)
        }
        return failures
    }
}
