// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Enrichment
internal import Events
package import Policy

/// How each rule can be held on this host, by trying. `enforce` asks the same before it starts.
package struct PolicyMechanisms: ~Copyable {
    /// How one rule is held.
    package struct Answer: Sendable {
        /// The hooks; what holds it where it can be held.
        package let hooks: String
        /// What it compiles to.
        package let entries: String
        /// Why it can't be held here; `nil` where it can.
        package let obstacle: String?
        /// What would help.
        package let help: String?
    }

    private var probe: FeatureProbe
    /// Looked for once: the list of mounts is read for it.
    private let hasHierarchy = CgroupHierarchy.v2() != nil
    private let policy: PolicyRules
    /// Operations of which something is stopped or reported: to allow anything of the others needs nothing.
    private let held: Set<PolicyOperation>
    /// What is wrong with the conditions of rules, whichever rules they are of.
    private let conditionObstacle: String?
    /// Rules that are the first of too many about the same thing.
    private let crowded: Set<UInt32>
    private let suffixSizes: Int

    package init(_ policy: PolicyRules) {
        self.policy = policy
        let hooks = (FileLowering.operations + [.raw]).flatMap { GuardProbes.requiredHooks(of: $0) }
        probe = FeatureProbe(KernelTypes(), functions: Set(hooks.map { GuardProbes.function(of: $0) }))
        held = Set(PolicyOperation.allCases.filter(policy.holds))
        let conditions = PolicyConditions(policy)
        let obstacle = conditions.obstacle
        conditionObstacle = obstacle
        suffixSizes = FileLowering.suffixSizes(policy).count
        // Not by `conditionObstacle`: the second operand of || would read a value that is not whole yet, which the optimizer
        // of Swift 6.3 gets wrong.
        crowded = conditions.isEmpty || obstacle != nil ? [] : Self.crowded(policy, conditions)
    }

    private static func crowded(_ policy: PolicyRules, _ conditions: PolicyConditions) -> Set<UInt32> {
        var files = FileLowering(policy, conditions, dry: true) { _ in [] }
        _ = files.tables()
        var decision = wire_decision()
        let miner = PolicyChoices(policy, conditions, detector: Detector.miner.name, &decision)
        return PolicyLowering(policy, dry: true).choices.crowded.union(files.choices.crowded).union(miner.crowded)
    }

    /// Whose acts a rule is about, where that can't be held.
    private func actorObstacle(_ rule: PolicyRule) -> String? {
        let terms = policy.scopes[rule.scope].terms + (rule.exception.map { policy.exceptions[$0].terms } ?? [])
        if !terms.isEmpty, let conditionObstacle { return conditionObstacle }
        if terms.contains(where: { [.exe, .tree].contains($0.kind) }), suffixSizes > Int(WIRE_GUARD_SUFFIXES) {
            return suffixObstacle
        }
        return nil
    }

    private let crowdObstacle =
        "more than \(WIRE_CHOICES) rules for different actors are about the same, or hold where it does not"

    private var suffixObstacle: String {
        "the policy has suffixes of \(suffixSizes) different lengths, and at most \(WIRE_GUARD_SUFFIXES) can be held"
    }

    /// Of a rule with its number.
    package mutating func answer(_ rule: PolicyRule, _ number: Int) -> Answer {
        if rule.verdict == .allow, !held.contains(rule.operation) {
            return Answer(
                hooks: "none", entries: "nothing: no rule and no default stops any \(rule.operation.rawValue)",
                obstacle: nil, help: nil)
        }
        switch rule.operation {
        case .connect, .listen:
            return network(
                rule.operation, rule.verdict, target: rule.subject, obstacle: obstacle(rule, number))
        case .raw:
            return file(.raw, rule.subject, obstacle: obstacle(rule, number))
        case .ask:
            return question(rule, obstacle: obstacle(rule, number))
        case .read, .write:
            return file(rule.operation, rule.subject, obstacle: obstacle(rule, number))
        case .execute:
            return program(rule.verdict, rule.subject, obstacle: obstacle(rule, number), asksFor: programs(rule))
        case .detect:
            return detector(rule, number)
        }
    }

    /// Of a default, for one of the operations of its class.
    package mutating func answer(_ fallback: PolicyDefault, for operation: PolicyOperation) -> Answer {
        if fallback.verdict == .allow {
            return Answer(hooks: "none", entries: "nothing: it is allowed anyway", obstacle: nil, help: nil)
        }
        switch operation {
        case .connect, .listen:
            return network(
                operation, operation.applied(fallback.verdict), target: nil, obstacle: nil)
        case .execute:
            return program(operation.applied(fallback.verdict), nil, obstacle: common(), asksFor: false)
        case .read, .write: return file(operation, nil, obstacle: common())
        // No default is for them.
        case .raw, .ask, .detect: return Answer(hooks: "none", entries: "nothing", obstacle: nil, help: nil)
        }
    }

    /// What is seen of bytes is decided by a cgroup's program; of the rest, when it is seen.
    private mutating func detector(_ rule: PolicyRule, _ number: Int) -> Answer {
        var obstacle = actorObstacle(rule)
        var help: String?
        if crowded.contains(UInt32(number)) { obstacle = crowdObstacle }
        if rule.subject == .detector(Detector.reverseShell.name), [.deny, .drop].contains(rule.verdict) {
            obstacle = "a shell has its connection already when it is found"
            help = "write kill in place of \(rule.verdict.rawValue)"
        }
        return Answer(
            hooks: "cgroup_skb/egress, cgroup/connect4, connect6, sendmsg4, sendmsg6, tp_btf/net_dev_queue",
            entries: "patterns in one automaton, and signals in user space", obstacle: obstacle ?? hostObstacle(),
            help: help)
    }

    // MARK: Programs and files

    /// As events name it, without what holds for all.
    static func name(of hook: wire_guard_hook) -> StaticString { GuardRecord.hooks[Int(hook.rawValue)] }

    private static func hooks(of operation: PolicyOperation) -> String {
        "lsm/"
            + GuardProbes.hooks(of: operation).map { GuardProbes.function(of: $0).dropFirst(8) }.joined(separator: ", ")
    }

    private static let programTracepoint = "tp_btf/sched_process_exec and SIGKILL"

    private mutating func program(
        _ verdict: Verdict, _ subject: PolicySubject?, obstacle: String?, asksFor programs: Bool
    ) -> Answer {
        var obstacle = obstacle
        var help: String?
        var hooks = Self.hooks(of: .execute)
        if case .no(let reason) = probe.support(.securityModule) {
            hooks = Self.programTracepoint
            if obstacle == nil, verdict == .deny {
                obstacle = "only BPF LSM can have an exec fail, which this host has not: \(reason)"
                help = "write kill in place of deny: the program then dies before its first instruction"
            } else if obstacle == nil, programs {
                obstacle = "only BPF LSM sees which program executes another, and this host has not: \(reason)"
            } else if obstacle == nil {
                obstacle = tracepointObstacle()
            }
        }
        return Answer(hooks: hooks, entries: Self.entries(subject), obstacle: obstacle, help: help)
    }

    private mutating func file(
        _ operation: PolicyOperation, _ subject: PolicySubject?, obstacle: String?
    ) -> Answer {
        var obstacle = obstacle
        if case .no(let reason) = probe.support(.securityModule) {
            let what = operation == .raw ? "who makes a raw socket" : "what is done to files"
            obstacle = obstacle ?? "only BPF LSM can hold \(what), which this host has not: \(reason)"
        }
        let absent = GuardProbes.requiredHooks(of: operation).map { GuardProbes.function(of: $0) }
            .filter { !probe.hasFunction($0) }
        if obstacle == nil, !absent.isEmpty {
            let option = operation == .raw ? "CONFIG_SECURITY_NETWORK" : "CONFIG_SECURITY_PATH"
            obstacle = "this kernel has no \(absent.joined(separator: ", ")): it was built without \(option)"
        }
        return Answer(hooks: Self.hooks(of: operation), entries: Self.entries(subject), obstacle: obstacle, help: nil)
    }

    private mutating func tracepointObstacle() -> String? {
        switch probe.support(.tracing) {
        case .yes: nil
        case .no(let reason), .unknown(let reason): "this host has no \(Feature.tracing.rawValue): \(reason)"
        }
    }

    /// What rules about programs and files have in common.
    private func common() -> String? { suffixSizes > Int(WIRE_GUARD_SUFFIXES) ? suffixObstacle : nil }

    private func programs(_ rule: PolicyRule) -> Bool {
        policy.target.asks(for: .exe)
            || rule.exception.map { policy.exceptions[$0].terms.contains { $0.kind == .exe } } ?? false
    }

    private static func entries(_ subject: PolicySubject?) -> String {
        switch subject {
        case .file(.exact): "the inode of the file and its name in its directory, in hashes"
        case .file(.below), .file(.directlyIn): "the inode of the directory, in a hash"
        case .file(.named), .file(.suffixed): "a name in a hash"
        case nil: "the verdict where no entry is found"
        case .all: "one verdict for all of them"
        default: "a verdict by what the file is"
        }
    }

    // MARK: Network

    package static let connectHooks = "cgroup/connect4, connect6, sendmsg4, sendmsg6"
    package static let listenHooks = "cgroup/bind4, bind6, cgroup_skb/ingress"

    private mutating func network(
        _ operation: PolicyOperation, _ verdict: Verdict, target: PolicySubject?, obstacle: String?
    ) -> Answer {
        var hooks = operation == .listen ? Self.listenHooks : Self.connectHooks
        var entries = "the verdict where no entry is found"
        if case .target(let target) = target {
            switch target.host {
            case .any: entries = "2 entries in a hash, of IPv4 and IPv6"
            case .network: entries = "1 entry in a hash, and at most 7 on the way to it"
            case .name, .below:
                hooks += ", cgroup_skb/ingress, \(Self.askHook)"
                entries = "a pattern in a hash, and 1 entry in another; addresses of answers as they come"
            }
        }
        if verdict == .drop, operation == .connect { hooks = "\(Self.connectHooks), \(Self.dropHooks)" }
        if verdict == .kill { hooks += ", SIGKILL" }
        return Answer(hooks: hooks, entries: entries, obstacle: obstacle ?? hostObstacle(), help: nil)
    }

    package static let dropHooks = "cgroup/sock_release, cgroup_skb/ingress, cgroup_skb/egress"
    package static let askHook = "cgroup_skb/egress"

    private func obstacle(_ rule: PolicyRule, _ number: Int) -> String? {
        if let obstacle = actorObstacle(rule) { return obstacle }
        return crowded.contains(UInt32(number))
            ? crowdObstacle
            : FileLowering.operations.contains(rule.operation) ? common() : nil
    }

    private mutating func question(_ rule: PolicyRule, obstacle: String?) -> Answer {
        Answer(
            hooks: Self.askHook,
            entries: rule.subject == .name(.any)
                ? "the verdict where no entry is found" : "a pattern in a hash, and 1 entry in another",
            obstacle: obstacle ?? hostObstacle(), help: nil)
    }

    private mutating func hostObstacle() -> String? {
        if !hasHierarchy {
            return "no cgroup hierarchy of version 2 is mounted: mount -t cgroup2 none DIR"
        }
        return switch probe.support(.cgroupAddresses) {
        case .yes: nil
        case .no(let reason), .unknown(let reason): "this host has no \(Feature.cgroupAddresses.rawValue): \(reason)"
        }
    }
}
