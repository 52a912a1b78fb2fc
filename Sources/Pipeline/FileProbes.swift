// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire
internal import Events

/// The programs of `watch-files`. Their records go into a ring of their own: a flood of files loses no process.
@safe
struct FileProbes: ~Copyable {
    // Fields are destroyed in this order: links first, so that no program runs while its ring goes away.
    private let links: InlineArray<112, BPFLink?>
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
    private let readsToo: Bool

    /// SCRATCH_USERS in bpf/include/scratch.h.
    private static let scratchSlots: UInt32 = 34
    /// SCRATCH_SHARED_COUNT.
    private static let sharedSlots: UInt32 = 3

    /// Loads and attaches.
    init(
        _ config: wire_config, _ types: KernelTypes, _ hook: HostCheck.FileHook, _ choice: FileChoice,
        sharing processes: borrowing BPFObject, bufferSize: Int
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_file, types: types)
        try object.configure(config)
        // struct wire_files
        let ids = object.structureIDs(["file", "filename", "open_flags", "path", "dentry"])
        let names = hook.functions.values.reduce(into: UInt32(0)) { bits, function in
            if hook.takesStructures.contains(function), let operation = HostCheck.nameOperation(of: function) {
                bits |= 1 << UInt32(operation.rawValue)
            }
        }
        let keepsNames: UInt32 = hook.functions["unlink_ends"] == "filename_unlinkat" ? 1 : 0
        let hasCast: UInt32 = types.functions(["bpf_rdonly_cast"]).isEmpty ? 0 : 1
        try object.setSection(
            ".rodata.files",
            words: FileCalls.words(choice.operations) + ids + [keepsNames, names] + choice.words + [
                hook.usesCalls ? 0 : 1, hasCast,
            ])
        try object.joinScope(of: processes)
        try object.setCapacity(UInt32(bufferSize), map: "ring")
        try object.setCapacity(1 + ProcessProbes.possibleCPUs() * Self.scratchSlots, map: "scratch_map")
        try object.setCapacity(ProcessProbes.possibleCPUs() * Self.sharedSlots, map: "claimed")
        let hasReads = choice.operations.contains(.read)
        if !hasReads { try object.setCapacity(1, map: "read_files") }
        let functions = hook.functions.filter {
            !choice.operations.isDisjoint(with: HostCheck.fileOperations(of: $0.key))
        }
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
        var links = InlineArray<112, BPFLink?> { _ in nil }
        // Where an operation returns first, and where it begins last: of one that is under way only the end is seen, and
        // that is told by nobody.
        let order = ["_ends", "_allowed", "_begins"]
        let programs = functions.keys.sorted { a, b in
            let (first, second) = (order.firstIndex { a.hasSuffix($0) }, order.firstIndex { b.hasSuffix($0) })
            return (first ?? -1, a) < (second ?? -1, b)
        }
        for (index, program) in programs.enumerated() { links[index] = try object.attach(program) }
        if hook.usesCalls { links[0] = try object.attach("file_call_exited") }
        self.links = links
        self.ring = ring
        self.object = object
        controlSection = control
        hooks = ["files by \(hook.name)"]
        missing = hook.missing(of: choice.operations)
        taxesSystemCalls = hook.usesCalls
        readsToo = hasReads
    }

    /// Records of the files that are written to or read and still open.
    func written() throws(BPFError) -> [UInt8] {
        let records = try object.runIterator("written_seen", over: try object.map(named: "written_files"))
        guard readsToo else { return records }
        return try records + object.runIterator("written_seen", over: try object.map(named: "read_files"))
    }

    /// Times that a program was skipped; see `ProcessProbes.skipped`.
    func skipped() -> UInt64 { object.statistics().recursionMisses }

    func statistics() -> ProgramStatistics { object.statistics() }
}

extension HostCheck {
    /// How the use of files can be seen.
    enum FileHook {
        /// The programs and the functions they return from.
        case fexit([String: String], takesStructures: Set<String>, unseen: [FileOperation])
        /// All system calls, when they return.
        case calls

        /// For the footer.
        var name: String {
            switch self {
            case .fexit(let functions, _, _):
                "fexit/\(functions["file_opened"] ?? ""), security_path_*, \(functions["unlink_ends"] ?? "") and so on"
            case .calls: "tp_btf/sys_exit"
            }
        }

        var functions: [String: String] {
            if case .fexit(let functions, _, _) = self { functions } else { [:] }
        }

        /// Those functions that get names as struct filename.
        var takesStructures: Set<String> {
            if case .fexit(_, let structures, _) = self { structures } else { [] }
        }

        var usesCalls: Bool {
            if case .calls = self { true } else { false }
        }

        /// What can't be seen by it of what is asked for.
        func missing(of operations: Set<FileOperation>) -> [String] {
            if case .fexit(_, _, let all) = self {
                let unseen = all.filter(operations.contains)
                if unseen.isEmpty { return [] }
                return ["this kernel does not show " + unseen.map { "\($0.name)" }.joined(separator: ", ")]
            }
            guard usesCalls else { return [] }
            return [
                "without fexit, what io_uring and exec do with files is not seen, and names that are made, removed or fail "
                    + "are told as they were asked for, bytes written when the run ends, and files that are mapped are not seen"
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

    /// What calls about names lead to, by what their programs are called: up to 6.19, and later.
    static let nameFunctions: [(program: String, operation: FileOperation, functions: [String], allowed: String)] = [
        ("unlink", .unlink, ["do_unlinkat", "filename_unlinkat"], "security_path_unlink"),
        ("rmdir", .rmdir, ["do_rmdir", "filename_rmdir"], "security_path_rmdir"),
        ("rename", .rename, ["do_renameat2", "filename_renameat2"], "security_path_rename"),
        ("mkdir", .mkdir, ["do_mkdirat", "filename_mkdirat"], "security_path_mkdir"),
        ("mknod", .mknod, ["do_mknodat", "filename_mknodat"], "security_path_mknod"),
        ("symlink", .symlink, ["do_symlinkat", "filename_symlinkat"], "security_path_symlink"),
        ("link", .link, ["do_linkat", "filename_linkat"], "security_path_link"),
    ]

    /// Every function that files may be seen by.
    static var fileFunctions: Set<String> {
        Set(
            openFunctions + handleFunctions.values + nameFunctions.flatMap { $0.functions + [$0.allowed] }
                + writeFunctions.values + changeFunctions.map(\.name))
    }

    /// Where bytes are written, and where a file is closed at last.
    static let writeFunctions = [
        "file_written": "vfs_write", "vector_written": "vfs_writev", "file_spliced": "do_splice",
        "file_sent": "do_splice_direct", "copy_begins": "vfs_copy_file_range", "file_copied": "vfs_copy_file_range",
        "ring_written": "kiocb_done", "file_released": "locks_remove_file", "file_mapped": "security_mmap_file",
    ]

    static func nameOperation(of function: String) -> FileOperation? {
        nameFunctions.first { $0.functions.contains(function) }?.operation
    }

    /// Every program that follows a function.
    static var filePrograms: [String] {
        ["file_opened"] + handleFunctions.keys
            + nameFunctions.flatMap { ["\($0.program)_begins", "\($0.program)_allowed", "\($0.program)_ends"] }
            + writeFunctions.keys + changeFunctions.map(\.program)
    }

    /// What a program is needed for.
    static func fileOperations(of program: String) -> Set<FileOperation> {
        if program == "file_mapped" { return [.execMap, .write] }
        if ["copy_begins", "file_copied", "file_released"].contains(program) { return [.write, .read] }
        if writeFunctions[program] != nil { return [.write] }
        if let name = nameFunctions.first(where: { program.hasPrefix($0.program + "_") }) { return [name.operation] }
        let changes = Set(changeFunctions.filter { $0.program == program }.flatMap(\.operations))
        return changes.isEmpty ? [.open, .create] : changes
    }

    mutating func fileHook() -> FileHook {
        guard probe.support(.functionEntry).isYes, let open = Self.openFunctions.first(where: { probe.hasFunction($0) })
        else { return .calls }
        var programs = Self.handleFunctions.filter { probe.hasFunction($0.value) }
        programs["file_opened"] = open
        for entry in Self.nameFunctions {
            guard let function = entry.functions.first(where: { probe.hasFunction($0) }),
                probe.hasFunction(entry.allowed)
            else { return .calls }
            programs["\(entry.program)_begins"] = function
            programs["\(entry.program)_allowed"] = entry.allowed
            programs["\(entry.program)_ends"] = function
        }
        for (program, function) in Self.writeFunctions {
            guard probe.hasFunction(function) else { return .calls }
            programs[program] = function
        }
        let takesStructures = types?.parameterStructures(of: Set(programs.values)) ?? [:]
        let changes = changePrograms()
        programs.merge(changes.programs) { first, _ in first }
        return .fexit(
            programs, takesStructures: Set(takesStructures.filter { $0.value.contains("filename") }.keys),
            unseen: changes.unseen)
    }
}
