// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Enrichment
internal import Events
internal import Policy

/// Which rule decides about whoever a detector finds.
struct DetectionRules {
    private let policy: PolicyRules?
    private let conditions: PolicyConditions?
    /// Numbers of rules by detector, the first of which goes before the others.
    private var rules: [String: [Int]] = [:]
    private let isDry: Bool
    /// Whether records are of a kernel that has this policy: those of a recording are of another.
    private let isLive: Bool
    /// By process id, what the kernel programs have marked; `nil` where they mark nothing.
    private let marks: BPFMap?
    /// Whether whose container it is counts.
    private let asksForWorkloads: Bool

    init(_ options: TraceOptions, marks: BPFMap?) {
        policy = options.policy
        isDry = options.dryRun || options.readsFrom != nil
        isLive = options.readsFrom == nil
        self.marks = marks
        let conditions = options.policy.map { PolicyConditions($0) }
        self.conditions = conditions
        asksForWorkloads = conditions.map { $0.bits(of: [.container, .pod, .namespace]) != 0 } ?? false
        for detector in options.chosenDetectors {
            rules[detector.name] = conditions?.order(options.policy, detector: detector.name)
        }
    }

    /// The one about something that was found, and whether it was done by then; `nil` where none is for whoever it is. `event`
    /// tells who.
    func rule(_ found: DetectionTracker.Found, _ event: Event) -> DetectionRule? {
        guard let policy else { return DetectionRule(found.detection.detector) }
        // The kernel has decided.
        if isLive, let record = found.record, record.has(WIRE_DETECT_DECIDED) {
            guard record.fixed.verdict != WIRE_ALLOW.rawValue else { return nil }
            return DetectionRule(policy.rules[Int(record.fixed.rule)], of: policy, dry: isDry)
        }
        var actor = event.actor
        var isHeld = false
        if let marks, let pid = found.task?.pid {
            let known = marks.value(of: pid, initial: UInt32(0)) ?? 0
            actor.facts[.tree] = conditions?.trees(marked: known >> UInt32(WIRE_TASK_TREES)) ?? []
            isHeld = known & WIRE_TASK_HELD != 0
        }
        guard isHeld || policy.target.holds(actor) else { return nil }
        let number = rules[found.detection.detector.name]?.first { policy.isFor(policy.rules[$0], actor) }
        guard let number, policy.rules[number].verdict != .allow else { return nil }
        return DetectionRule(policy.rules[number], of: policy, dry: isDry)
    }

    /// Whether whose container it is counts and is not certain yet.
    func mustWait(_ found: DetectionTracker.Found, _ enricher: inout Enricher) -> Bool {
        guard isLive, asksForWorkloads, let task = found.task, found.record?.has(WIRE_DETECT_DECIDED) != true else {
            return false
        }
        return enricher.workload(ofCgroup: task.cgroup, now: found.time) != nil
            && !enricher.isSettled(ofCgroup: task.cgroup)
    }
}

/// What is done about whoever a detector finds.
struct DetectionRule {
    let name: ViolatedRule
    let verdict: Verdict
    /// Whether it is not only told.
    let acts: Bool

    /// Of `--detect`.
    init(_ detector: Detector) {
        name = ViolatedRule(
            text: Bytes("detect \(detector.name)"), reference: Bytes("--detect"), operation: Bytes("detect"))
        verdict = .audit
        acts = false
    }

    init(_ rule: PolicyRule, of policy: PolicyRules, dry: Bool) {
        name = ViolatedRule(
            text: Bytes(policy.text(rule)), reference: Bytes(policy.reference(rule.place)), operation: Bytes("detect"))
        verdict = rule.verdict
        acts = !dry && [.deny, .drop, .kill].contains(rule.verdict)
    }

    var verdictName: StaticString {
        switch verdict {
        case .allow: "allow"
        case .audit: "audit"
        case .deny: "deny"
        case .drop: "drop"
        case .kill: "kill"
        }
    }
}
