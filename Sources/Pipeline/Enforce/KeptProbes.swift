// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Policy

/// The programs that mark processes for those that hold a policy: see bpf/kept.bpf.c. The marks are in a map of the processes'
/// object.
struct KeptProbes: ~Copyable {
    // Destroyed in this order: links first.
    private let links: InlineArray<8, BPFLink?>
    private let object: BPFObject

    /// For the footer.
    let hooks: String

    private static let programs = [
        "kept_executed", "kept_executed_2", "kept_executed_3", "kept_forked", "kept_forked_2", "kept_forked_3",
        "kept_executes", "kept_changes",
    ]
    /// How often everyone is looked at, at most: each time that is not the last has marked somebody.
    private static let looksMost = 64

    /// Loads, attaches, and marks those that are there.
    init(
        _ actors: ActorPlan, _ programs: PlacePlan?, hasSecurityHooks: Bool, _ config: wire_config,
        _ types: KernelTypes,
        sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_kept, types: types)
        try object.configure(config)
        try object.joinScope(of: processes)
        try object.share(try processes.map(named: ".data.control"), map: ".data.control")
        try actors.prepare(&object, choices: 1)
        try PlacePlan.prepare(&object, programs)
        let isKept = actors.settings.kept != 0
        let wanted = Self.programs.filter { program in
            if program.hasSuffix("_2") || program.hasSuffix("_3") { guard config.repeated != 0 else { return false } }
            if program.hasPrefix("kept_executed") { return true }
            return isKept && (program.hasPrefix("kept_forked") || hasSecurityHooks)
        }
        for program in Self.programs where !wanted.contains(program) { try object.setEnabled(false, program: program) }
        try object.load()
        try actors.fill(object, PolicyChoices())
        if let programs { try programs.fill(object, programs.inodes(object)) }
        let marked = try object.sharedSection(".data.marked")
        var links = InlineArray<8, BPFLink?> { _ in nil }
        for (index, program) in wanted.enumerated() { links[index] = try object.attach(program) }
        // A parent that is marked marks the children that it forks, so that the only gap is a fork by one that is not marked yet.
        let marks = try processes.map(named: "task_scope")
        for (pid, mark) in actors.trees {
            try marks.set(pid, to: mark | (marks.value(of: pid, initial: UInt32(0)) ?? 0))
        }
        for _ in 0..<Self.looksMost {
            let before = unsafe clinux_load_acquire_64(marked.start)
            _ = try object.runIterator("kept_existing")
            if unsafe clinux_load_acquire_64(marked.start) == before { break }
        }
        hooks =
            "marks by tp_btf/sched_process_exec" + (isKept ? ", _fork" : "")
            + (isKept && hasSecurityHooks ? ", lsm/bprm_check_security, task_fix_setuid" : "")
        self.links = links
        self.object = object
    }

    func actorWorkloads() throws(BPFError) -> BPFMap { try object.map(named: "actor_workloads") }

    func statistics() -> ProgramStatistics { object.statistics() }
}
