// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Glibc
internal import Policy

/// What the programs that hold a cgroup to rules about detectors need of a policy.
struct JudgePlan {
    /// Of the rules about what is seen in bytes.
    let decision: wire_decision
    let choices: PolicyChoices
    let dry: Bool
    /// What the run's own attempt sends. It looks like an answer of a server of names, of which no other rule says anything.
    let canary: UInt64

    /// `nil` where no rule is about a detector.
    init?(_ policy: PolicyRules, _ conditions: PolicyConditions, dry: Bool) {
        guard policy.holds(.detect) else { return nil }
        var decision = wire_decision()
        choices = PolicyChoices(policy, conditions, detector: Detector.miner.name, &decision)
        self.decision = decision
        self.dry = dry
        canary = UInt64.random(in: 0 ... .max) | 0x80_0000
    }
}

/// The programs that hold the connections of a cgroup to rules about detectors: see bpf/judge.bpf.c.
struct JudgeProbes: ~Copyable {
    // Destroyed in this order: links first.
    private let links: InlineArray<6, BPFLink?>
    private let object: BPFObject
    private let words: Mapping

    private static let programs = [
        "connects_ipv4", "connects_ipv6", "sends_ipv4", "sends_ipv6", "forgets", "leaves_judged",
    ]

    /// For the footer.
    static let hooks = "detectors by cgroup_skb/egress"

    init(
        _ plan: JudgePlan, _ ledger: DetectionLedger, _ actors: ActorPlan, _ programs: PlacePlan?, cgroup: Int32,
        _ config: wire_config, _ types: KernelTypes,
        sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_judge, types: types)
        try object.configure(config)
        var settings = DetectProbes.settings(ledger)
        settings.verdict = plan.decision.verdict
        settings.rule = plan.decision.rule
        settings.choice = plan.decision.choice
        settings.dry = plan.dry ? 1 : 0
        settings.canary = plan.canary
        try object.setSection(".rodata.detect", to: settings)
        try object.joinRing(of: processes)
        try actors.prepare(&object, choices: plan.choices.table.count)
        try PlacePlan.prepare(&object, programs)
        try DetectProbes.size(&object, ledger)
        try object.load()
        try DetectProbes.fill(object, ledger)
        try actors.fill(object, plan.choices)
        if let programs { try programs.fill(object, programs.inodes(object)) }
        let words = try object.sharedSection(".data.judge")
        var links = InlineArray<6, BPFLink?> { _ in nil }
        for (index, program) in Self.programs.enumerated() {
            links[index] = try object.attach(program, toCgroup: cgroup)
        }
        self.links = links
        self.object = object
        self.words = words
    }

    /// How many of the run's own attempts were refused.
    func refusedCanaries() -> UInt64 { unsafe clinux_load_acquire_64(words.start) }

    /// From now on nothing of the process connects or sends.
    func condemn(_ pid: UInt32, _ verdict: Verdict) throws(BPFError) {
        try object.map(named: "condemned").set(pid, to: PolicyLowering.wire(verdict))
        unsafe words.start.storeBytes(
            of: 1, toByteOffset: MemoryLayout<wire_judge>.offset(of: \.condemned)!, as: UInt32.self)
    }

    func actorWorkloads() throws(BPFError) -> BPFMap { try object.map(named: "actor_workloads") }

    func statistics() -> ProgramStatistics { object.statistics() }
}
