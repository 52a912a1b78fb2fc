// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import Glibc
internal import Synchronization

/// How programs that attach by the kernel's types (tp_btf, fentry, fexit, iter, lsm) are loaded: with ids that were found
/// here, because libbpf would read and index all of the kernel's types for them.
///
/// libbpf calls registered handlers for their sections, and lets them change a program just before it is loaded
/// (libbpf_register_prog_handler, libbpf 1.0). They are told by program, since a handler knows nothing of its object.
enum TypedPrograms {
    struct Target {
        let attachType: bpf_attach_type
        let typeID: UInt32
    }

    private struct State {
        var isRegistered = false
        var targets: [String: Target] = [:]
        /// Ids of kfuncs that this kernel has, by name.
        var functions: [String: UInt32] = [:]
    }

    private static let state = Mutex(State())

    /// A call that stands in a program for a kfunc, and what takes its place on a kernel without that.
    private struct StandIn {
        let call: Int32
        let function: String
        let replacement: bpf_insn

        init(_ call: Int32, _ function: String, replacement: bpf_insn) {
            self.call = call
            self.function = function
            self.replacement = replacement
        }

        /// Without the kfunc the call does nothing, and answers so: r0 = answer.
        init(_ call: Int32, _ function: String, answer: Int32) {
            self.init(
                call, function, replacement: bpf_insn(code: 0xb7, dst_reg: 0, src_reg: 0, off: 0, imm: answer))
        }
    }

    /// The numbers must be the same in bpf/include/common.h and packet.h.
    private static let standIns = [
        // r0 = r1
        StandIn(
            0x7e5_ca57, "bpf_rdonly_cast", replacement: bpf_insn(code: 0xbf, dst_reg: 0, src_reg: 1, off: 0, imm: 0)),
        StandIn(0x7e5_ca58, "bpf_preempt_disable", answer: 0),
        StandIn(0x7e5_ca59, "bpf_preempt_enable", answer: 0),
        StandIn(0x7e5_ca5a, "bpf_dynptr_from_skb", answer: -EOPNOTSUPP),
        StandIn(0x7e5_ca5b, "bpf_local_irq_save", answer: 0),
        StandIn(0x7e5_ca5c, "bpf_local_irq_restore", answer: 0),
    ]

    /// The kfuncs that programs may call.
    static var functions: Set<String> { Set(standIns.map(\.function)) }

    static func register() throws(BPFError) {
        let wasRegistered = state.withLock { state in
            defer { state.isRegistered = true }
            return state.isRegistered
        }
        if wasRegistered { return }
        for section in ["tp_btf/", "fentry", "fexit", "iter/", "lsm/"] {
            var options = libbpf_prog_handler_opts()
            options.sz = MemoryLayout<libbpf_prog_handler_opts>.size
            unsafe options.prog_prepare_load_fn = { program, options, _ in
                unsafe TypedPrograms.prepare(program, options)
            }
            // Typed programs are raw tracepoints until they are loaded: libbpf reads the kernel's types for any program that is a tracing one.
            let result = unsafe libbpf_register_prog_handler(
                section, BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_CGROUP_INET_INGRESS, &options)
            guard result >= 0 else { throw BPFError(step: "register section \(section)", code: result) }
        }
    }

    /// What the programs of the next load attach to, and the ids of those of `functions` that the kernel has.
    static func set(_ targets: [String: Target], functions: [String: UInt32]) {
        state.withLock { state in
            state.targets = targets
            state.functions = functions
        }
    }

    private static func prepare(_ program: OpaquePointer?, _ options: UnsafeMutablePointer<bpf_prog_load_opts>?)
        -> Int32
    {
        guard let program = unsafe program, let options = unsafe options else { return -EINVAL }
        let name = unsafe String(cString: bpf_program__name(program))
        let (target, functions) = state.withLock { ($0.targets[name], $0.functions) }
        guard let target else { return -ENOENT }
        unsafe options.pointee.expected_attach_type = target.attachType
        unsafe options.pointee.attach_btf_id = target.typeID
        let type = target.attachType == BPF_LSM_MAC ? BPF_PROG_TYPE_LSM : BPF_PROG_TYPE_TRACING
        let result = unsafe bpf_program__set_type(program, type)
        return result == 0 ? unsafe patch(program, functions) : result
    }

    /// Puts the kfuncs in the places of their stand-ins.
    private static func patch(_ program: OpaquePointer, _ functions: [String: UInt32]) -> Int32 {
        let count = unsafe bpf_program__insn_cnt(program)
        guard let current = unsafe bpf_program__insns(program) else { return -EINVAL }
        var instructions = unsafe Array(UnsafeBufferPointer(start: current, count: count))
        for index in instructions.indices where instructions[index].code == 0x85 {
            guard let standIn = standIns.first(where: { $0.call == instructions[index].imm }) else { continue }
            if let function = functions[standIn.function] {
                instructions[index].src_reg = 2  // BPF_PSEUDO_KFUNC_CALL
                instructions[index].imm = Int32(bitPattern: function)
            } else {
                instructions[index] = standIn.replacement
            }
        }
        return unsafe instructions.withUnsafeMutableBufferPointer {
            unsafe bpf_program__set_insns(program, $0.baseAddress, count)
        }
    }
}
