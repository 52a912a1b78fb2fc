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
    private let links: InlineArray<13, BPFLink?>
    let ring: BPFRing
    let object: BPFObject
    private let controlSection: Mapping
    /// `nil` when only operations of io_uring are wanted, which use this object's ring.
    let hooks: String?
    private let counts: SyscallCounts.Grouping?
    private let isRepeated: Bool

    var control: UnsafeMutablePointer<wire_control> {
        unsafe controlSection.start.assumingMemoryBound(to: wire_control.self)
    }

    /// Loads and attaches. `processes` is the object of those programs, which keep what all ask of the scope.
    init(
        _ rules: SyscallRules, _ predicate: wire_predicate, _ config: wire_config, _ types: KernelTypes,
        sharing processes: borrowing BPFObject, bufferSize: Int, counts: SyscallCounts.Grouping?
    ) throws(BPFError) {
        // Three programs at each tracepoint, where one may be skipped; see bpf/syscall.bpf.c. Which of them has told of a call
        // shows in what is known of its entry.
        let isRepeated = config.repeated != 0
        let needsEntry = rules.needsEntry || (rules.wantsCalls && isRepeated)
        var object = unsafe try BPFObject(embedded_syscall, types: types)
        try object.configure(config, predicate)
        try object.setSection(
            ".rodata.syscalls", words: rules.lowered(counts: counts?.wire, seesEntry: needsEntry))
        try object.joinScope(of: processes)
        try object.setCapacity(counts == nil ? UInt32(bufferSize) : UInt32(getpagesize()), map: "ring")
        if needsEntry { try object.setCapacity(256, map: "exec_paths") }
        if let counts {
            if case .syscall = counts {
                try object.setCapacity(UInt32(WIRE_ABI_COUNT * WIRE_NUMBERS_MAX), map: "counts")
                // For calls of which it is not known yet whether they are in scope.
                if config.workloads != 0 { try object.setCapacity(SyscallCounts.limit, map: "counts_by_owner") }
            } else {
                try object.setCapacity(SyscallCounts.limit, map: "counts_by_owner")
                try object.setCapacity(SyscallCounts.limit, map: "count_owners")
            }
        }
        // An exec is the first call of a program that we start.
        let watchesExecs = needsEntry || (rules.wantsCalls && config.tree != 0)
        let wanted = [
            ("syscall_returned", rules.wantsCalls), ("call_executed", watchesExecs), ("thread_exited", needsEntry),
            ("syscall_entered", needsEntry),
        ]
        for (name, isWanted) in wanted {
            for (number, program) in Self.copies(of: name).enumerated() {
                try object.setEnabled(isWanted && (number == 0 || isRepeated), program: program)
            }
        }
        try object.setEnabled(needsEntry, program: "task_switched")
        try object.load()
        let control = try object.sharedSection(".data.control")
        let ring = try BPFRing(
            try object.map(named: "ring"), size: counts == nil ? bufferSize : Int(getpagesize()))

        // Returns before entries: a call that is under way now is told too, without its duration.
        var links = InlineArray<13, BPFLink?> { _ in nil }
        if needsEntry { links[12] = try object.attach("task_switched") }
        for (index, (name, isWanted)) in wanted.enumerated() where isWanted {
            for (number, program) in Self.copies(of: name).enumerated() where number == 0 || isRepeated {
                links[3 * index + number] = try object.attach(program)
            }
        }
        self.links = links
        self.ring = ring
        self.object = object
        controlSection = control
        self.counts = counts
        self.isRepeated = isRepeated
        hooks =
            !rules.wantsCalls
            ? nil : needsEntry ? "system calls by tp_btf/sys_enter, sys_exit" : "system calls by tp_btf/sys_exit"
    }

    private static func copies(of program: String) -> [String] { [program, program + "_2", program + "_3"] }

    /// Times that a program was skipped. Where there are three the programs themselves count the calls that all missed.
    func skipped() -> UInt64 { isRepeated ? 0 : object.statistics().recursionMisses }

    /// Events that the filter kept in the kernel.
    func dropped() -> UInt64 { object.dropped() }

    func statistics() -> ProgramStatistics { object.statistics() }

    /// What was counted so far, where calls are only counted.
    func counted() throws(BPFError) -> [SyscallCounts.Entry] {
        guard let counts else { return [] }
        var owned = try SyscallCounts.byOwner(
            object.map(named: "counts_by_owner"), owners: object.map(named: "count_owners"))
        guard case .syscall = counts else { return owned }
        for index in owned.indices { owned[index].isUngrouped = true }
        return try SyscallCounts.byNumber(object.map(named: "counts")) + owned
    }
}
