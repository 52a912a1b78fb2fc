// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Glibc
internal import Policy

/// The programs that see system calls: loaded only where they are asked for, because every call of the host then pays.
@safe
struct SyscallProbes: ~Copyable {
    // Fields are destroyed in this order: links first, so that no program runs while its ring goes away.
    private let entry, result: BPFLink?
    private let exit, exec, switching: BPFLink?
    let ring: BPFRing
    let object: BPFObject
    private let controlSection: Mapping
    /// `nil` when only operations of io_uring are wanted, which use this object's ring.
    let hooks: String?
    private let counts: SyscallCounts.Grouping?

    var control: UnsafeMutablePointer<wire_control> {
        unsafe controlSection.start.assumingMemoryBound(to: wire_control.self)
    }

    /// Loads and attaches. `scope` is the map of marks that the programs of processes keep.
    init(
        _ rules: SyscallRules, _ predicate: wire_predicate, _ config: wire_config, _ types: KernelTypes, scope: BPFMap,
        bufferSize: Int,
        counts: SyscallCounts.Grouping?
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_syscall, types: types)
        var config = config
        let ids = object.structureIDs(["task_struct", "linux_binprm", "cgroup", "pt_regs"])
        config.type_task_struct = ids[0]
        config.type_linux_binprm = ids[1]
        config.type_cgroup = ids[2]
        config.type_pt_regs = ids[3]
        try object.setSection(".rodata.config", to: config)
        try object.setSection(".rodata.predicate", to: predicate)
        try object.setSection(
            ".rodata.syscalls", words: rules.lowered(counts: counts?.wire, seesEntry: rules.needsEntry))
        try object.share(scope, map: "task_scope")
        try object.setCapacity(counts == nil ? UInt32(bufferSize) : UInt32(getpagesize()), map: "ring")
        if rules.needsEntry { try object.setCapacity(256, map: "exec_paths") }
        if let counts {
            if case .syscall = counts {
                try object.setCapacity(UInt32(WIRE_ABI_COUNT * WIRE_NUMBERS_MAX), map: "counts")
            } else {
                try object.setCapacity(SyscallCounts.limit, map: "counts_by_owner")
                try object.setCapacity(SyscallCounts.limit, map: "count_owners")
            }
        }
        // An exec is the first call of a program that we start.
        let watchesExecs = rules.needsEntry || (rules.wantsCalls && config.tree != 0)
        try object.setEnabled(watchesExecs, program: "call_executed")
        for program in ["syscall_entered", "thread_exited", "task_switched"] {
            try object.setEnabled(rules.needsEntry, program: program)
        }
        try object.load()
        let control = try object.sharedSection(".data.control")
        let ring = try BPFRing(
            try object.map(named: "ring"), size: counts == nil ? bufferSize : Int(getpagesize()))

        var result: BPFLink?
        var exec: BPFLink?
        var exit: BPFLink?
        var switching: BPFLink?
        var entry: BPFLink?
        // Returns before entries: a call that is under way now is told too, without its duration.
        if rules.wantsCalls { result = try object.attach("syscall_returned") }
        if watchesExecs { exec = try object.attach("call_executed") }
        if rules.needsEntry {
            exit = try object.attach("thread_exited")
            switching = try object.attach("task_switched")
            entry = try object.attach("syscall_entered")
        }
        self.entry = entry
        self.result = result
        self.exit = exit
        self.switching = switching
        self.exec = exec
        self.ring = ring
        self.object = object
        controlSection = control
        self.counts = counts
        hooks =
            !rules.wantsCalls
            ? nil : rules.needsEntry ? "system calls by tp_btf/sys_enter, sys_exit" : "system calls by tp_btf/sys_exit"
    }

    /// Events that the filter kept in the kernel.
    func dropped() -> UInt64 { FilteredCount.dropped(in: object) }

    func statistics() -> ProgramStatistics { object.statistics() }

    /// What was counted so far, where calls are only counted.
    func counted() throws(BPFError) -> [SyscallCounts.Entry] {
        guard let counts else { return [] }
        if case .syscall = counts { return try SyscallCounts.byNumber(object.map(named: "counts")) }
        return try SyscallCounts.byOwner(
            object.map(named: "counts_by_owner"), owners: object.map(named: "count_owners"))
    }
}
