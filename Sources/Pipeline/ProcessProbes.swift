// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Glibc

/// The programs of `trace`: loaded, attached, and read from.
@safe
struct ProcessProbes: ~Copyable {
    // Fields are destroyed in this order: links first, so that no program runs while its ring goes away.
    private let exec, fork, exit, cgroups: BPFLink
    private let repeated: InlineArray<6, BPFLink?>
    private let failed: InlineArray<8, BPFLink?>

    /// Programs that are there for what others are skipped for.
    private let substitutes: Set<String>
    private static let repeatedPrograms = [
        "process_exit_2", "process_exec_2", "process_fork_2", "process_exit_3", "process_exec_3", "process_fork_3",
    ]
    let ring: BPFRing
    let object: BPFObject
    private let controlSection: Mapping

    /// The words that both sides write.
    var control: UnsafeMutablePointer<wire_control> {
        unsafe controlSection.start.assumingMemoryBound(to: wire_control.self)
    }

    /// Hooks in use, for the footer.
    let hooks: [String]
    /// What was asked for and is not seen, each with its reason.
    let missing: [String]
    /// For `ebpfguard.hook`.
    let failedExecHook: StaticString
    /// Whether every system call of the host pays for the failed execs.
    let taxesSystemCalls: Bool

    /// Loads and attaches. `bufferSize` is the ring's, in bytes, a power of two.
    init(
        _ config: wire_config, _ types: KernelTypes, _ tracksProcesses: Bool, _ bufferSize: Int,
        _ failedExecs: HostCheck.FailedExecHook
    ) throws(BPFError) {
        // Everything that can fail is done with local values: a struct that is half initialised can't be thrown out of.
        var object = unsafe try BPFObject(embedded_process, types: types)
        try object.configure(config)
        let isRepeated = config.repeated != 0
        for program in Self.repeatedPrograms { try object.setEnabled(isRepeated, program: program) }
        try object.setCapacity(UInt32(bufferSize), map: "ring")
        try object.setCapacity(1 + Self.possibleCPUs() * Self.scratchSlots, map: "scratch_map")
        if config.workloads != 0 { try object.setCapacity(WorkloadGate.capacity, map: "cgroup_scope") }
        if tracksProcesses { try object.setCapacity(65536, map: "task_scope") }
        let failedPrograms = failedExecs.programs
        for (program, function) in failedExecs.functions {
            try object.setTarget(function, program: program)
            if isRepeated { try object.setTarget(function, program: program + "_2") }
        }
        for program in HostCheck.failedExecPrograms {
            let isLoaded = failedExecs.loadedPrograms.contains(program)
            try object.setEnabled(isLoaded, program: program)
            if program != "exec_exited" { try object.setEnabled(isLoaded && isRepeated, program: program + "_2") }
        }
        try object.load()
        let control = try object.sharedSection(".data.control")
        let ring = try BPFRing(try object.map(named: "ring"), size: bufferSize)

        // Exit before exec before fork: nothing that starts is missed at its end.
        var repeated = InlineArray<6, BPFLink?> { _ in nil }
        let exit = try object.attach("process_exit")
        let exec = try object.attach("process_exec")
        let fork = try object.attach("process_fork")
        if isRepeated {
            for (index, program) in Self.repeatedPrograms.enumerated() { repeated[index] = try object.attach(program) }
        }
        let cgroups = try object.attach("cgroup_made")
        var failed = InlineArray<8, BPFLink?> { _ in nil }
        // Refused to a process that may load programs but not open perf events, for one: then the rest still works.
        var refusal: String?
        do throws(BPFError) {
            for (index, program) in failedPrograms.enumerated() {
                // A trampoline runs last what was attached to it first.
                if isRepeated { failed[2 * index + 1] = try object.attach(program + "_2") }
                failed[2 * index] = try object.attach(program)
            }
            if case .tracepoint = failedExecs {
                failed[0] = try object.attach("exec_exited", tracepoint: "sys_exit_execve", of: "syscalls")
                failed[1] = try object.attach("exec_exited", tracepoint: "sys_exit_execveat", of: "syscalls")
            }
        } catch {
            refusal = error.description
        }
        // What a program took while the one in front of it was not there yet.
        unsafe control.start.assumingMemoryBound(to: wire_control.self).pointee.caught = 0

        self.exec = exec
        self.fork = fork
        self.exit = exit
        self.cgroups = cgroups
        self.repeated = repeated
        substitutes = Set(Self.repeatedPrograms + failedPrograms.map { $0 + "_2" })
        self.failed = failed
        self.ring = ring
        self.object = object
        controlSection = control
        let failedHook = refusal == nil ? failedExecs.name : nil
        hooks = ["tp_btf/sched_process_exec, _fork, _exit"] + (failedHook.map { ["failed execs by \($0)"] } ?? [])
        missing = (refusal ?? failedExecs.reason).map { ["failed execs are not seen: \($0)"] } ?? []
        failedExecHook = failedHook ?? "none"
        if case .tracepoint = failedExecs, refusal == nil { taxesSystemCalls = true } else { taxesSystemCalls = false }
    }

    /// Marks processes for the programs' scope.
    func mark(_ pids: Set<UInt32>, _ marks: UInt32) throws(Failure) {
        do throws(BPFError) {
            let map = try object.map(named: "task_scope")
            for pid in pids {
                let known = map.value(of: pid, initial: UInt32(0)) ?? 0
                try map.set(pid, to: known | marks)
            }
        } catch {
            throw Failure(error)
        }
    }

    /// Records of all processes that are there now, one after the other.
    func existing() throws(Failure) -> [UInt8] {
        do throws(BPFError) {
            return try object.runIterator("process_existing")
        } catch {
            throw Failure(error)
        }
    }

    /// Times that a program was skipped because it was already running on that CPU (counted since Linux 5.12), without what
    /// another took in its place. Asks the kernel about each program. An upper bound of what is missing: a program may be
    /// skipped for what it would not have reported.
    func skipped() -> UInt64 {
        let misses = object.statistics(without: substitutes).recursionMisses
        let caught = unsafe clinux_load_acquire_64(&control.pointee.caught)
        return misses - min(misses, caught)
    }

    func statistics() -> ProgramStatistics { object.statistics() }

    // MARK: Details

    /// SCRATCH_USERS in bpf/include/scratch.h.
    private static let scratchSlots: UInt32 = 4

    /// From /sys/devices/system/cpu/possible: "0-7" or "0,2-3". CPU numbers index the scratch map, so the highest counts.
    static func possibleCPUs() -> UInt32 {
        let text = readText("/sys/devices/system/cpu/possible") ?? ""
        let numbers = text.split(whereSeparator: { !$0.isNumber }).compactMap { UInt32($0) }
        return (numbers.max() ?? 1023) + 1
    }
}
