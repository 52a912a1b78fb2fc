// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs of `watch-files`. Their records go into a ring of their own: a flood of files loses no process.
@safe
struct FileProbes: ~Copyable {
    // Fields are destroyed in this order: links first, so that no program runs while its ring goes away.
    private let links: InlineArray<3, BPFLink?>
    let ring: BPFRing
    private let object: BPFObject
    private let controlSection: Mapping

    var control: UnsafeMutablePointer<wire_control> {
        unsafe controlSection.start.assumingMemoryBound(to: wire_control.self)
    }

    /// Hooks in use, for the footer.
    let hooks: [String]
    /// What is not seen, with the reason.
    let missing: [String]
    let taxesSystemCalls: Bool

    /// SCRATCH_USERS in bpf/include/scratch.h.
    private static let scratchSlots: UInt32 = 3

    /// Loads and attaches.
    init(
        _ config: wire_config, _ types: KernelTypes, _ hook: HostCheck.FileHook, sharing processes: borrowing BPFObject,
        bufferSize: Int
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_file, types: types)
        try object.configure(config)
        // struct wire_files
        let ids = object.structureIDs(["file", "filename", "open_flags"])
        let hasCast: UInt32 = types.functions(["bpf_rdonly_cast"]).isEmpty ? 0 : 1
        try object.setSection(".rodata.files", words: FileCalls.words() + ids + [hasCast])
        try object.joinScope(of: processes)
        try object.setCapacity(UInt32(bufferSize), map: "ring")
        try object.setCapacity(1 + ProcessProbes.possibleCPUs() * Self.scratchSlots, map: "scratch_map")
        let functions = hook.functions
        for program in HostCheck.filePrograms {
            if let function = functions[program] {
                try object.setTarget(function, program: program)
            } else {
                try object.setEnabled(false, program: program)
            }
        }
        try object.setEnabled(hook.usesCalls, program: "file_call_exited")
        try object.load()
        let control = try object.sharedSection(".data.control")
        let ring = try BPFRing(try object.map(named: "ring"), size: bufferSize)
        var links = InlineArray<3, BPFLink?> { _ in nil }
        for (index, program) in functions.keys.sorted().enumerated() { links[index] = try object.attach(program) }
        if hook.usesCalls { links[0] = try object.attach("file_call_exited") }
        self.links = links
        self.ring = ring
        self.object = object
        controlSection = control
        hooks = ["files by \(hook.name)"]
        missing = hook.missing
        taxesSystemCalls = hook.usesCalls
    }

    /// Times that a program was skipped; see `ProcessProbes.skipped`.
    func skipped() -> UInt64 { object.statistics().recursionMisses }

    func statistics() -> ProgramStatistics { object.statistics() }
}

extension HostCheck {
    /// How the use of files can be seen.
    enum FileHook {
        /// The programs and the functions they return from.
        case fexit([String: String])
        /// All system calls, when they return.
        case calls

        /// For the footer.
        var name: String {
            switch self {
            case .fexit(let functions): "fexit/\(functions["file_opened"] ?? "")"
            case .calls: "tp_btf/sys_exit"
            }
        }

        var functions: [String: String] {
            if case .fexit(let functions) = self { functions } else { [:] }
        }

        var usesCalls: Bool {
            if case .calls = self { true } else { false }
        }

        /// What can't be seen by it.
        var missing: [String] {
            guard usesCalls else { return [] }
            return [
                "without fexit, files that io_uring and exec open are not seen, and names that fail are read when the call "
                    + "has returned"
            ]
        }
    }

    /// What all opens by name lead to: do_filp_open up to 6.19.
    static let openFunctions = ["do_filp_open", "do_file_open"]

    /// Those of handles, by this architecture's names. That of 32-bit programs may be missing.
    #if arch(x86_64)
        static let handleFunctions = [
            "handle_opened": "__x64_sys_open_by_handle_at",
            "compat_handle_opened": "__ia32_compat_sys_open_by_handle_at",
        ]
    #elseif arch(arm64)
        static let handleFunctions = [
            "handle_opened": "__arm64_sys_open_by_handle_at",
            "compat_handle_opened": "__arm64_compat_sys_open_by_handle_at",
        ]
    #endif

    /// Every program that follows a function.
    static let filePrograms = ["file_opened"] + handleFunctions.keys

    mutating func fileHook() -> FileHook {
        guard probe.support(.functionEntry).isYes, let open = Self.openFunctions.first(where: { probe.hasFunction($0) })
        else { return .calls }
        return .fexit(Self.handleFunctions.filter { probe.hasFunction($0.value) }.merging(["file_opened": open]) { $1 })
    }
}
