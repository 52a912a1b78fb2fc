// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Enrichment
internal import Events
internal import Policy

/// The conditions of a policy as the programs look them up: see bpf/include/actor.h.
struct ActorPlan {
    private(set) var settings = wire_actor_policy()
    private var users: [UInt32: UInt64] = [:]
    /// With the bytes of names that the kernel keeps, padded with NUL.
    private var names: [(name: InlineArray<16, UInt8>, mask: UInt64)] = []
    private var cgroups: [UInt64: UInt64] = [:]
    private let spared: SparedProcesses
    /// Processes with which trees begin, and the marks of those.
    private(set) var trees: [UInt32: UInt32] = [:]

    /// Refuses what this host has not, with the place of the rule that names it.
    init(_ policy: PolicyRules, _ conditions: PolicyConditions, sparing spared: SparedProcesses) throws(Failure) {
        self.spared = spared
        let firstTree = conditions.programs.count { $0.kind == .exe }
        for (bit, term) in conditions.terms.enumerated() {
            let mask = UInt64(1) << UInt64(bit)
            if term.kind == .tree {
                for pid in term.values.compactMap({ UInt32(String(decoding: $0, as: UTF8.self)) }) {
                    trees[pid, default: 0] |= 1 << UInt32(Int(WIRE_TASK_TREES) + bit - firstTree)
                }
            }
            do throws(Failure) {
                for value in term.values { try add(term.kind, String(decoding: value, as: UTF8.self), mask) }
            } catch {
                let line = Self.place(of: term, policy)
                let isOption = line == nil && term.kind == .tree
                let place =
                    line.map { policy.reference($0) + ": " } ?? "--\(term.kind == .tree ? "pid" : term.kind.rawValue): "
                throw Failure(isOption ? .usage : error.status, "\(place)\(error.message)", help: error.help)
            }
        }
        settings.any = conditions.isEmpty ? 0 : 1
        settings.programs = conditions.bits(of: [.exe])
        settings.users = conditions.bits(of: [.user])
        settings.workloads = conditions.bits(of: [.container, .pod, .namespace])
        settings.names = conditions.bits(of: [.comm])
        settings.trees = conditions.bits(of: [.tree])
        settings.tree_programs = conditions.treesOfPrograms
        settings.first_tree = UInt32(firstTree)
        settings.kept = !policy.target.isProgram && policy.target.isKept ? 1 : 0
        settings.scoped = policy.target.isProgram ? 0 : 1
        settings.scope_with = conditions.targetWith
        settings.scope_without = conditions.targetWithout | (spared.isEmpty ? 0 : WIRE_ACTOR_SPARED)
        settings.spares = spared.isEmpty ? 0 : 1
    }

    private mutating func add(_ kind: PolicyActorKind, _ value: String, _ mask: UInt64) throws(Failure) {
        switch kind {
        case .user:
            let uid: UInt32
            do throws(Failure) {
                uid = try ScopeLookup.user(value)
            } catch {
                throw Failure(.badData, String(error.message.trimmingPrefix("--user: ")), help: error.help)
            }
            users[uid, default: 0] |= mask
        case .cgroup:
            let cgroup: Scope.Cgroup
            do throws(Failure) {
                cgroup = try ScopeLookup.cgroup(value)
            } catch {
                throw Failure(error.status, String(error.message.trimmingPrefix("--cgroup: ")), help: error.help)
            }
            guard cgroup.level < UInt32(WIRE_ACTOR_LEVELS) else {
                throw Failure(
                    .unsupported, "\(value) is deeper than can be held", help: "at most \(WIRE_ACTOR_LEVELS - 1) names")
            }
            cgroups[cgroup.id, default: 0] |= mask
            settings.levels |= 1 << cgroup.level
        case .comm:
            var name = InlineArray<16, UInt8>(repeating: 0)
            for (index, byte) in value.utf8.prefix(15).enumerated() { name[index] = byte }
            names.append((name, mask))
        case .tree where UInt32(value).map({ directories(in: "/proc").contains("\($0)") }) == false:
            throw Failure(
                .badData, "there is no process \(value)",
                help: "ps -e, or ebpfguard trace --existing, shows those that are there")
        case .exe, .tree, .namespace, .pod, .container: break
        }
    }

    /// Where a condition stands.
    private static func place(of term: PolicyTerm, _ policy: PolicyRules) -> PolicyPlace? {
        for rule in policy.rules {
            if let exception = rule.exception, policy.exceptions[exception].terms.contains(term) { return rule.place }
            let scope = policy.scopes[rule.scope]
            if scope.terms.contains(term) { return scope.place ?? rule.place }
        }
        return nil
    }

    /// Whether processes have to be marked.
    var marks: Bool { settings.trees != 0 || settings.kept != 0 }

    /// Before an object is loaded.
    func prepare(_ object: inout BPFObject, choices: Int) throws(BPFError) {
        try object.setSection(".rodata.actor", to: settings)
        try object.setCapacity(UInt32(choices), map: "choices")
        try object.setCapacity(UInt32(max(1, users.count)), map: "actor_users")
        try object.setCapacity(UInt32(max(1, cgroups.count)), map: "actor_cgroups")
        try object.setCapacity(UInt32(max(1, names.count)), map: "actor_names")
        try object.setCapacity(settings.workloads == 0 ? 1 : WorkloadGate.capacity, map: "actor_workloads")
        try object.setCapacity(UInt32(max(1, spared.all.count)), map: "spared")
    }

    /// Before its programs are attached.
    func fill(_ object: borrowing BPFObject, _ choices: PolicyChoices) throws(BPFError) {
        if !choices.isEmpty {
            try object.map(named: "choices").set(choices.table.indices.map { UInt32($0) }, to: choices.table)
        }
        try object.map(named: "actor_users").set(Array(users.keys), to: Array(users.values))
        try object.map(named: "actor_cgroups").set(Array(cgroups.keys), to: Array(cgroups.values))
        let nameMap = try object.map(named: "actor_names")
        for (name, mask) in names { try nameMap.set(name, to: mask | (nameMap.value(of: name, initial: 0) ?? 0)) }
        try object.map(named: "spared").set(spared.all.map(\.pid), to: spared.all.map(\.start))
        for map in ["choices", "actor_users", "actor_cgroups", "actor_names", "spared"] {
            try object.map(named: map).freeze()
        }
    }
}
