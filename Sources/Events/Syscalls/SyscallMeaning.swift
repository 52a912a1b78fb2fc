// SPDX-License-Identifier: Apache-2.0

internal import CWire

/// What a call is to an event.
extension SyscallRecord {
    /// The name, or `syscall_500` when the call is newer than the lists.
    package var shownName: Bytes { name ?? Bytes(Self.madeUpName(number)) }

    package static func madeUpName(_ number: UInt32) -> String { "syscall_\(number)" }

    /// `nil` when the call did not return, or has no result.
    package var result: Int64? { has(WIRE_SYSCALL_NO_RETURN) ? nil : fixed.result }

    /// Nanoseconds; `nil` when its start or its end was not seen.
    package var duration: UInt64? { has(WIRE_SYSCALL_NO_RETURN | WIRE_SYSCALL_NO_ENTRY) ? nil : fixed.duration }

    package var isSecurity: Bool { has(WIRE_SYSCALL_SECURITY) }

    /// For `event.action`: what the call does, where there is a word for it.
    package var action: StaticString {
        guard isSecurity, fixed.target_pid == 0 else { return isSecurity ? "ptrace" : "syscall" }
        return abi.flatMap { Meanings.of($0, number)?.action } ?? "syscall"
    }

    /// The address that it connects or sends to.
    package var destination: (address: IPAddress, port: UInt16)? {
        guard let abi, Meanings.of(abi, number)?.isOutward == true else { return nil }
        return address
    }

    /// The process that it is done to, as the caller names it.
    package var targetPID: UInt32? {
        guard let abi, let index = Meanings.of(abi, number)?.target else { return nil }
        let value = Int32(truncatingIfNeeded: arguments[index])
        return value > 0 ? UInt32(value) : nil
    }
}

/// What few calls mean, by number.
private enum Meanings {
    struct Meaning {
        var action: StaticString?
        var isOutward = false
        /// The argument that is a pid.
        var target: Int?
    }

    static func of(_ abi: SyscallABI, _ number: UInt32) -> Meaning? { table[Int(abi.rawValue)][number] }

    private static let table: [[UInt32: Meaning]] = {
        var table = [[UInt32: Meaning]](repeating: [:], count: SyscallABI.allCases.count)
        func add(_ names: String, _ change: (inout Meaning) -> Void) {
            for name in names.split(separator: " ") {
                for (abi, number) in SyscallTable.numbers(named: String(name)) {
                    change(&table[Int(abi.rawValue)][number, default: Meaning()])
                }
            }
        }
        add("ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp") { $0.action = "ptrace" }
        add(
            """
            setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups setuid32 setgid32 \
            setreuid32 setregid32 setresuid32 setresgid32 setfsuid32 setfsgid32 setgroups32 capset
            """
        ) { $0.action = "setuid" }
        add(
            """
            mount umount umount2 move_mount open_tree open_tree_attr fsopen fspick fsmount fsconfig mount_setattr pivot_root
            """
        ) { $0.action = "mount" }
        add("init_module finit_module delete_module create_module") { $0.action = "module_load" }
        add("bpf") { $0.action = "bpf" }
        add("connect sendto sendmsg sendmmsg io_uring:CONNECT io_uring:SENDMSG") { $0.isOutward = true }
        add("kill tgkill tkill rt_sigqueueinfo rt_tgsigqueueinfo process_vm_readv process_vm_writev") { $0.target = 0 }
        add("ptrace") { $0.target = 1 }
        return table
    }()
}
