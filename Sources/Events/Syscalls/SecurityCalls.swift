// SPDX-License-Identifier: Apache-2.0

/// When a call of `%security` matters.
package enum SecurityCondition: Equatable, Sendable {
    case always
    /// clone: when the flags in argument 0 make a namespace (`SecurityCalls.namespaceFlags`).
    case namespaceFlags
    /// clone3: the same, with the flags in the structure that argument 0 points to.
    case namespaceStructure
    /// prctl: when argument 0 is one of `SecurityCalls.options`.
    case options
}

/// The calls of `%security`: what an attacker needs to get more rights, to get into other processes, to leave a
/// container, or to change the kernel; and what programs in a container have no business with.
package enum SecurityCalls {
    /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. CLONE_NEWTIME is a signal number for clone.
    package static let namespaceFlags: UInt64 = 0x7e02_0000
    /// The same with CLONE_NEWTIME, as clone3 has it.
    package static let namespaceStructureFlags: UInt64 = 0x7e02_0080

    /// PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_MM and PR_CAP_AMBIENT, PR_SET_PTRACER.
    package static let options: [UInt32] = [24, 28, 35, 47, 0x5961_6d61]

    /// Why a call is one of them: one word each. A condition stands behind the name.
    static let text = """
        ptrace intrude
        process_vm_readv intrude
        process_vm_writev intrude
        process_madvise intrude
        pidfd_getfd intrude
        kcmp intrude
        userfaultfd exploit
        memfd_create hide
        memfd_secret hide
        setuid identity
        setgid identity
        setreuid identity
        setregid identity
        setresuid identity
        setresgid identity
        setfsuid identity
        setfsgid identity
        setgroups identity
        setuid32 identity
        setgid32 identity
        setreuid32 identity
        setregid32 identity
        setresuid32 identity
        setresgid32 identity
        setfsuid32 identity
        setfsgid32 identity
        setgroups32 identity
        capset privilege
        prctl/options privilege
        seccomp restrict
        landlock_restrict_self restrict
        lsm_set_self_attr restrict
        personality exploit
        clone/flags namespace
        clone3/structure namespace
        unshare namespace
        setns namespace
        mount mount
        umount mount
        umount2 mount
        move_mount mount
        open_tree mount
        open_tree_attr mount
        fsopen mount
        fspick mount
        fsmount mount
        fsconfig mount
        mount_setattr mount
        pivot_root mount
        chroot escape
        open_by_handle_at escape
        init_module kernel
        finit_module kernel
        create_module kernel
        delete_module kernel
        kexec_load kernel
        kexec_file_load kernel
        bpf kernel
        perf_event_open observe
        fanotify_init observe
        syslog observe
        io_uring_setup evade
        add_key secret
        request_key secret
        keyctl secret
        iopl hardware
        ioperm hardware
        pciconfig_write hardware
        modify_ldt exploit
        vm86 exploit
        vm86old exploit
        uselib exploit
        reboot host
        swapon host
        swapoff host
        acct host
        quotactl host
        quotactl_fd host
        sethostname host
        setdomainname host
        settimeofday host
        clock_settime host
        clock_settime64 host
        stime host
        """

    /// By name.
    static let conditions: [String: SecurityCondition] = {
        let text = TableText(Self.text)
        var conditions: [String: SecurityCondition] = [:]
        for line in text.lines {
            let word = line.lowerBound..<text.firstIndex(of: UInt8(ascii: " "), in: line)
            let slash = text.firstIndex(of: UInt8(ascii: "/"), in: word)
            conditions[text.string(word.lowerBound..<slash)] =
                switch text.string(slash..<word.upperBound) {
                case "/options": .options
                case "/flags": .namespaceFlags
                case "/structure": .namespaceStructure
                default: .always
                }
        }
        return conditions
    }()
}
