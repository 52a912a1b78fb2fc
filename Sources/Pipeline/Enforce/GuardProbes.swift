// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Events
internal import Glibc
internal import Policy

/// What the programs need of rules about programs and files.
struct GuardPlan {
    var places: PlacePlan
    /// Of the file that all are refused.
    let canary: Int32
    let canaryDirectory: Int32
    let canaryProtocol: UInt32
    /// That of the program's cgroup, and how deep it is.
    let cgroup: UInt64
    let level: UInt32
}

/// The programs that hold processes to rules about programs and files: see bpf/guard.bpf.c. Their records go into the ring
/// of the processes.
struct GuardProbes: ~Copyable {
    // Destroyed in this order: links first.
    private let links: InlineArray<32, BPFLink?>
    private let object: BPFObject
    private let state: Mapping
    private let firstMember: Mapping
    private let hasMembers: Bool

    /// Those in use.
    let hooks: [wire_guard_hook]

    /// For the footer, in lines.
    var name: String {
        var lines = ["policy by"]
        for (index, hook) in hooks.enumerated() {
            let whole = "\(PolicyMechanisms.name(of: hook))"
            let name = index > 0 && whole.hasPrefix("lsm/") ? String(whole.dropFirst(4)) : whole
            if lines[lines.count - 1].count + name.count > 68 { lines.append("      ") }
            lines[lines.count - 1] += " " + name + (index + 1 < hooks.count ? "," : "")
        }
        return lines.joined(separator: "\n")
    }

    /// With a bit for each operation that they are for.
    private static let programs: [(name: String, hook: wire_guard_hook, operations: UInt32)] = [
        ("program_executed", WIRE_GUARD_BPRM, 1), ("program_mapped", WIRE_GUARD_MMAP, 1),
        ("program_protected", WIRE_GUARD_MPROTECT, 1), ("file_opened", WIRE_GUARD_OPEN, 6),
        ("file_received", WIRE_GUARD_RECEIVE, 6), ("name_added", WIRE_GUARD_LINK, 7),
        ("name_changed", WIRE_GUARD_RENAME, 6), ("name_removed", WIRE_GUARD_UNLINK, 4),
        ("directory_removed", WIRE_GUARD_RMDIR, 4), ("directory_made", WIRE_GUARD_MKDIR, 4),
        ("file_made", WIRE_GUARD_MKNOD, 4), ("link_made", WIRE_GUARD_SYMLINK, 4),
        ("file_truncated", WIRE_GUARD_TRUNCATE, 4), ("mode_changed", WIRE_GUARD_CHMOD, 4),
        ("owner_changed", WIRE_GUARD_CHOWN, 4), ("open_file_truncated", WIRE_GUARD_FILE_TRUNCATE, 4),
        ("attributes_changed", WIRE_GUARD_SETATTR, 4), ("attribute_set", WIRE_GUARD_SETXATTR, 4),
        ("attribute_removed", WIRE_GUARD_REMOVEXATTR, 4), ("acl_set", WIRE_GUARD_SET_ACL, 4),
        ("acl_removed", WIRE_GUARD_REMOVE_ACL, 4), ("socket_made", WIRE_GUARD_SOCKET, 8),
    ]
    /// Those that came with 6.2, and one that takes structures by value, to which programs can attach since 6.1: what they
    /// see other hooks see before.
    private static let later = [
        WIRE_GUARD_FILE_TRUNCATE, WIRE_GUARD_SET_ACL, WIRE_GUARD_REMOVE_ACL, WIRE_GUARD_CHOWN,
    ]

    /// The hooks that an operation is held by.
    static func hooks(of operation: PolicyOperation) -> [wire_guard_hook] {
        let slot =
            operation == .raw ? Int(WIRE_GUARD_RAW.rawValue) : FileLowering.operations.firstIndex(of: operation)
        let bit = slot.map { UInt32(1) << UInt32($0) } ?? 0
        return programs.filter { $0.operations & bit != 0 }.map(\.hook)
    }

    /// Those of them that a kernel must have.
    static func requiredHooks(of operation: PolicyOperation) -> [wire_guard_hook] {
        hooks(of: operation).filter { !later.contains($0) }
    }

    /// What the kernel attaches programs of a hook to.
    static func function(of hook: wire_guard_hook) -> String {
        "bpf_lsm_" + "\(GuardRecord.hooks[Int(hook.rawValue)])".dropFirst(4)
    }
    private static let tracepoints = ["program_begins", "program_begins_2", "program_begins_3"]
    /// How many tasks can be held at a time: more are not made.
    private static let memberCapacity: UInt32 = 65536

    /// Loads, fills the maps, and attaches.
    init(
        _ plan: GuardPlan, _ actors: ActorPlan, usesSecurityHooks: Bool, _ config: wire_config, _ types: KernelTypes,
        sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        let hasMembers = usesSecurityHooks && actors.settings.scoped == 0
        var settings = plan.places.lowering.settings
        settings.cgroup_id = plan.cgroup
        settings.cgroup_level = plan.level
        let takesStructures = kernelVersion() >= (major: 6, minor: 1)
        settings.owners_by_setattr = takesStructures ? 0 : 1
        settings.dentry_second = Self.dentrySecond(types)
        var object = unsafe try BPFObject(embedded_guard, types: types)
        try object.configure(config)
        try object.joinRing(of: processes)
        var wanted: [(name: String, hook: wire_guard_hook?)] = []
        if usesSecurityHooks {
            let known = types.functions(Set(Self.programs.map { Self.function(of: $0.hook) }))
            wanted = Self.programs.filter {
                $0.operations & settings.operations != 0 && known[Self.function(of: $0.hook)] != nil
                    && ($0.hook != WIRE_GUARD_CHOWN || takesStructures)
            }.map { ($0.name, $0.hook) }
            if hasMembers { wanted += [("member_made", nil), ("member_gone", nil)] }
        } else {
            wanted = Self.tracepoints.prefix(config.repeated != 0 ? 3 : 1).map { ($0, WIRE_GUARD_TRACEPOINT) }
        }
        for name in Self.programs.map(\.name) + Self.tracepoints + ["member_made", "member_gone"] {
            try object.setEnabled(wanted.contains { $0.name == name }, program: name)
        }
        try PlacePlan.prepare(&object, plan.places)
        try actors.prepare(&object, choices: plan.places.lowering.choiceCapacity)
        if hasMembers { try object.setCapacity(Self.memberCapacity, map: "members") }
        try object.setCapacity(1 + ProcessProbes.possibleCPUs() * Self.scratchSlots, map: "scratch_map")
        try object.setCapacity(ProcessProbes.possibleCPUs() * Self.scratchSlots, map: "claimed")
        try object.setSection(".rodata.guard", to: settings)
        try object.load()

        let inodes = try plan.places.inodes(object)
        let state = try object.sharedSection(".data.guard")
        let firstMember = try object.sharedSection(".data.first")
        guard let canary = inodes[plan.canary], let directory = inodes[plan.canaryDirectory] else {
            throw BPFError(step: "find the inode of a file", code: ENOENT)
        }
        unsafe state.start.storeBytes(of: canary, as: UInt64.self)
        unsafe state.start.storeBytes(of: directory, toByteOffset: 8, as: UInt64.self)
        unsafe state.start.storeBytes(of: UInt64(plan.canaryProtocol), toByteOffset: 16, as: UInt64.self)
        try actors.fill(object, try plan.places.fill(object, inodes))
        // Only with all entries in place: nothing is decided by half of a policy.
        var links = InlineArray<32, BPFLink?> { _ in nil }
        for (index, program) in wanted.enumerated() { links[index] = try object.attach(program.name) }
        var hooks: [wire_guard_hook] = []
        for hook in wanted.compactMap(\.hook) where !hooks.contains(hook) { hooks.append(hook) }
        self.hooks = hooks
        self.links = links
        self.object = object
        self.state = state
        self.firstMember = firstMember
        self.hasMembers = hasMembers
    }

    /// SCRATCH_SHARED_COUNT in bpf/include/scratch.h.
    private static let scratchSlots: UInt32 = 3

    /// Hooks that hand on something else in front of the dentry: 5.12 and later, or 6.3 and later.
    private static func dentrySecond(_ types: KernelTypes) -> UInt32 {
        let hooks = [
            WIRE_GUARD_SETATTR, WIRE_GUARD_SETXATTR, WIRE_GUARD_REMOVEXATTR, WIRE_GUARD_SET_ACL, WIRE_GUARD_REMOVE_ACL,
        ]
        let parameters = types.parameterStructures(of: Set(hooks.map { function(of: $0) }))
        return hooks.reduce(0) { bits, hook in
            parameters[function(of: hook)]?.firstIndex(of: "dentry") == 1 ? bits | 1 << hook.rawValue : bits
        }
    }

    /// Holds a process, which has only one thread and no children yet, and all that will descend from it.
    func hold(_ pid: pid_t) throws(BPFError) {
        guard hasMembers else { return }
        unsafe clinux_store_full_32(firstMember.start, UInt32(pid))
        _ = try object.runIterator("members_begin")
        unsafe clinux_store_full_32(firstMember.start, 0)
    }

    /// How many of the run's own attempts a hook has refused.
    func refused(_ hook: wire_guard_hook) -> UInt64 {
        unsafe clinux_load_acquire_64(state.start + 24 + Int(hook.rawValue) * 8)
    }

    func actorWorkloads() throws(BPFError) -> BPFMap { try object.map(named: "actor_workloads") }

    func statistics() -> ProgramStatistics { object.statistics() }
}
