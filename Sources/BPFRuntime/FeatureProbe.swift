// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import CLinux
internal import Glibc

/// What a kernel may or may not let us do. Each is found out by doing it.
package enum Feature: String, CaseIterable, Sendable {
    case typeInformation = "kernel type information (BTF)"
    case ringBuffer = "BPF ring buffer"
    case tracing = "BTF-typed tracepoints (tp_btf)"
    case taskIterator = "BPF iterators"
    case functionEntry = "function entry and exit (fentry, fexit)"
    case securityModule = "BPF security module (LSM)"
    case kprobe = "kprobes"
    case tracepoint = "tracepoints"
    case taskRegisters = "registers of a task in a tracepoint (bpf_task_pt_regs)"
    case statistics = "BPF run time statistics"
    case cgroupHooks = "cgroup programs"
    case cgroupAddresses = "cgroup programs that decide of addresses"

    /// The first kernel that has it, when it was built with it.
    package var leastKernel: String {
        switch self {
        case .typeInformation: "5.4"
        case .ringBuffer, .taskIterator, .statistics: "5.8"
        case .cgroupAddresses: "5.7"  // their links
        case .tracing, .functionEntry: "5.5"
        case .securityModule: "5.7"
        case .kprobe: "4.1"
        case .tracepoint: "4.7"
        case .taskRegisters: "5.15"
        case .cgroupHooks: "4.10"
        }
    }
}

/// The answer to a probe.
package enum Support: Equatable, Sendable {
    case yes
    /// Refused or absent, with the reason in words.
    case no(String)
    /// The probe itself failed for a reason that says nothing about the feature.
    case unknown(String)

    package var isYes: Bool { self == .yes }
}

/// Tries features on the running kernel. Answers are kept, except "could not tell".
package struct FeatureProbe: ~Copyable {
    private var answers: [Feature: Support] = [:]
    private let types: KernelTypes?

    private let functions: [String: UInt32]

    /// Functions that every kernel with the feature has.
    private static let tracedFunction = "security_file_open"
    private static let securityFunction = "bpf_lsm_file_open"
    private static let tracepointType = "btf_trace_sched_process_exec"
    private static let iteratorFunction = "bpf_iter_task"

    /// `functions` are looked up in the same pass as those that the probes need.
    package init(_ types: KernelTypes?, functions names: Set<String> = []) {
        self.types = types
        functions = types?.functions(names.union([Self.tracedFunction, Self.securityFunction])) ?? [:]
    }

    /// Whether the kernel has this function, by its BTF.
    package func hasFunction(_ name: String) -> Bool { functions[name] != nil }

    /// Whether the feature works here.
    package mutating func support(_ feature: Feature) -> Support {
        if let answer = answers[feature] { return answer }
        let answer = attempt(feature)
        if case .unknown = answer { return answer }
        answers[feature] = answer
        return answer
    }

    private func attempt(_ feature: Feature) -> Support {
        switch feature {
        case .typeInformation:
            types != nil
                ? .yes : .no("\(KernelTypes.path) is missing: the kernel was built without CONFIG_DEBUG_INFO_BTF")
        case .ringBuffer:
            createRing()
        case .tracing:
            loadTyped(
                BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, Self.tracepointType,
                id: types?.typedefs([Self.tracepointType])[Self.tracepointType])
        case .taskIterator:
            loadTyped(
                BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, Self.iteratorFunction,
                id: types?.functions([Self.iteratorFunction])[Self.iteratorFunction])
        case .functionEntry:
            loadTyped(BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, function: Self.tracedFunction)
        case .securityModule:
            securityModule()
        case .kprobe:
            kprobe()
        case .tracepoint:
            load(BPF_PROG_TYPE_TRACEPOINT)
        case .taskRegisters:
            helper(BPF_FUNC_task_pt_regs, in: BPF_PROG_TYPE_TRACEPOINT)
        case .statistics:
            statistics()
        case .cgroupHooks:
            load(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS)
        case .cgroupAddresses:
            load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT)
        }
    }

    private func createRing() -> Support {
        let descriptor = bpf_map_create(BPF_MAP_TYPE_RINGBUF, nil, 0, 0, UInt32(getpagesize()), nil)
        return verdict(descriptor, of: .ringBuffer)
    }

    private func statistics() -> Support {
        verdict(bpf_enable_stats(BPF_STATS_RUN_TIME), of: .statistics)
    }

    /// `mov r0, 0; exit`
    private static let nothing = [
        bpf_insn(code: 0xb7, dst_reg: 0, src_reg: 0, off: 0, imm: 0),
        bpf_insn(code: 0x95, dst_reg: 0, src_reg: 0, off: 0, imm: 0),
    ]

    private func load(_ type: bpf_prog_type, _ attachment: bpf_attach_type = bpf_attach_type(0)) -> Support {
        var options = unsafe bpf_prog_load_opts()
        unsafe options.sz = unsafe MemoryLayout<bpf_prog_load_opts>.size
        unsafe options.expected_attach_type = attachment
        let descriptor = unsafe bpf_prog_load(type, "probe", "GPL", Self.nothing, Self.nothing.count, &options)
        return verdict(descriptor, of: nil)
    }

    private func loadTyped(_ type: bpf_prog_type, _ attachment: bpf_attach_type, function: String) -> Support {
        loadTyped(type, attachment, function, id: functions[function])
    }

    /// A program that attaches to the type `name` with this id in the kernel's BTF. Loaded, not attached.
    private func loadTyped(
        _ type: bpf_prog_type, _ attachment: bpf_attach_type, _ name: String, id: UInt32?
    ) -> Support {
        guard types != nil else { return .no("needs BTF") }
        guard let id else { return .no("the kernel has no \(name)") }
        var options = unsafe bpf_prog_load_opts()
        unsafe options.sz = unsafe MemoryLayout<bpf_prog_load_opts>.size
        unsafe options.expected_attach_type = attachment
        unsafe options.attach_btf_id = id
        let descriptor = unsafe bpf_prog_load(type, "probe", "GPL", Self.nothing, Self.nothing.count, &options)
        return verdict(descriptor, of: nil)
    }

    /// A program that calls the helper with arguments it can't accept: the verifier's complaint tells whether it knows
    /// the helper at all.
    private func helper(_ helper: bpf_func_id, in type: bpf_prog_type) -> Support {
        var options = LoggedLoad()
        let program =
            [
                bpf_insn(code: 0x85, dst_reg: 0, src_reg: 0, off: 0, imm: Int32(helper.rawValue))
            ] + Self.nothing
        let (descriptor, log) = options.load(type, program)
        if descriptor >= 0 {
            close(descriptor)
            return .yes
        }
        if errno == EPERM { return .no("refused by this host") }
        if log.contains("invalid func") || log.contains("unknown func")
            || log.contains("program of this type cannot use")
        {
            return .no("the kernel does not have it")
        }
        return .yes
    }

    private func securityModule() -> Support {
        let loaded = loadTyped(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, function: Self.securityFunction)
        guard loaded.isYes else { return loaded }
        // Attaching succeeds and is never called when "bpf" is not among the active modules.
        guard let active = readText("/sys/kernel/security/lsm") else {
            return .unknown("/sys/kernel/security/lsm can't be read (securityfs not mounted)")
        }
        let names = active.split(whereSeparator: { $0 == "," || $0 == "\n" })
        guard names.contains("bpf") else {
            return .no("\"bpf\" is not in the active modules (\(names.joined(separator: ","))); boot with lsm=...,bpf")
        }
        return .yes
    }

    private func kprobe() -> Support {
        if unsafe access("/sys/bus/event_source/devices/kprobe/type", F_OK) != 0 {
            return .no("the kernel was built without CONFIG_KPROBES")
        }
        return load(BPF_PROG_TYPE_KPROBE)
    }

    private func verdict(_ descriptor: Int32, of feature: Feature?) -> Support {
        if descriptor >= 0 {
            close(descriptor)
            return .yes
        }
        switch -descriptor {
        case EPERM, EACCES: return .no("refused by this host (\(geteuid() == 0 ? "policy or lockdown" : "not root"))")
        case EINVAL, ENOENT, ESRCH, EOPNOTSUPP, 524:  // ENOTSUPP
            return .no(feature.map { "needs Linux \($0.leastKernel)" } ?? "this kernel does not have it")
        default:
            return .unknown(BPFError(step: "probe", code: descriptor).description)
        }
    }
}

/// Load options together with the buffer of the verifier's log.
private struct LoggedLoad {
    mutating func load(_ type: bpf_prog_type, _ program: [bpf_insn]) -> (Int32, String) {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { log in
            unsafe log.initialize(repeating: 0)
            var options = unsafe bpf_prog_load_opts()
            unsafe options.sz = unsafe MemoryLayout<bpf_prog_load_opts>.size
            unsafe options.log_level = 1
            unsafe options.log_buf = log.baseAddress
            unsafe options.log_size = UInt32(log.count)
            let descriptor = unsafe bpf_prog_load(type, "probe", "GPL", program, program.count, &options)
            return unsafe (descriptor, String(cString: log.baseAddress!))
        }
    }
}

/// The text of a small kernel file; `nil` when it can't be read.
package func readText(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress!, $0.count) }
    guard count >= 0 else { return nil }
    return String(decoding: bytes[..<count], as: UTF8.self)
}
