// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Glibc
internal import Policy

/// What the programs that hold a cgroup to rules about detectors need of a policy.
struct JudgePlan {
    /// The strictest of the rules about what is seen in bytes.
    let verdict: Verdict
    let dry: Bool
    /// What the run's own attempt sends. It looks like an answer of a server of names, of which no other rule says anything.
    let canary: UInt64

    /// `nil` where no rule is about a detector.
    init?(_ policy: PolicyRules, dry: Bool) {
        let verdicts = policy.rules.compactMap { rule in
            if case .detector(let name) = rule.subject, name == Detector.miner.name { rule.verdict } else { nil }
        }
        guard policy.holds(.detect) else { return nil }
        verdict = verdicts.max() ?? .audit
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
        _ plan: JudgePlan, _ ledger: DetectionLedger, cgroup: Int32, _ config: wire_config, _ types: KernelTypes,
        sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_judge, types: types)
        try object.configure(config)
        var settings = DetectProbes.settings(ledger)
        settings.verdict = plan.verdict.wire
        settings.dry = plan.dry ? 1 : 0
        settings.canary = plan.canary
        try object.setSection(".rodata.detect", to: settings)
        for map in ["ring", ".data.control"] { try object.share(try processes.map(named: map), map: map) }
        try DetectProbes.size(&object, ledger)
        try object.load()
        try DetectProbes.fill(object, ledger)
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
    func condemn(_ pid: UInt32) throws(BPFError) {
        try object.map(named: "condemned").set(pid, to: UInt32(1))
        unsafe words.start.storeBytes(
            of: 1, toByteOffset: MemoryLayout<wire_judge>.offset(of: \.condemned)!, as: UInt32.self)
    }

    func statistics() -> ProgramStatistics { object.statistics() }
}

extension Verdict {
    fileprivate var wire: UInt32 {
        switch self {
        case .allow: WIRE_ALLOW.rawValue
        case .audit: WIRE_AUDIT.rawValue
        case .deny: WIRE_DENY.rawValue
        case .drop: WIRE_LOSE.rawValue
        case .kill: WIRE_KILL.rawValue
        }
    }
}
