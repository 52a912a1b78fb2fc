// SPDX-License-Identifier: Apache-2.0

package import BPFRuntime
internal import CLinux
internal import Glibc

/// Whether this host can do what was asked for, by trying. A run asks the same questions before it starts.
package struct HostCheck: ~Copyable {
    /// One line of `--check`.
    package struct Finding: Sendable {
        package let subject: String
        package let support: Support
        /// What it is for, or what is used instead.
        package let note: String
        /// Without it nothing works.
        package let isRequired: Bool
    }

    /// The kernel's types; `nil` when it has none to show.
    let types: KernelTypes?
    var probe: FeatureProbe

    /// The functions that return from an exec, by this architecture's names. Those of 32-bit programs may be missing.
    #if arch(x86_64)
        static let execFunctions = [
            "execve_returned": "__x64_sys_execve", "execveat_returned": "__x64_sys_execveat",
            "compat_execve_returned": "__ia32_compat_sys_execve",
            "compat_execveat_returned": "__ia32_compat_sys_execveat",
        ]
    #elseif arch(arm64)
        static let execFunctions = [
            "execve_returned": "__arm64_sys_execve", "execveat_returned": "__arm64_sys_execveat",
            "compat_execve_returned": "__arm64_compat_sys_execve",
            "compat_execveat_returned": "__arm64_compat_sys_execveat",
        ]
    #endif

    package init() {
        types = KernelTypes()
        probe = FeatureProbe(
            types,
            functions: Set(Self.execFunctions.values).union(WatchedCalls.all.flatMap(\.functions.values))
                .union(Self.fileFunctions))
    }

    /// Whether programs can be security hooks. Where it can't be told whether they are called, an attempt will show it.
    var hasSecurityHooks: Bool {
        mutating get {
            switch probe.support(.securityModule) {
            case .yes, .unknown: true
            case .no: false
            }
        }
    }

    /// Every program that sees failed execs, by whatever hook.
    static let failedExecPrograms = Array(execFunctions.keys) + ["exec_exited"]

    /// How failed execs can be seen.
    enum FailedExecHook {
        /// The programs and the functions they return from.
        case fexit([String: String])
        case tracepoint
        /// With the reason, unless they were not asked for.
        case none(String?)

        /// Every name that a recording may have for it.
        static let names: [StaticString] = ["fexit/sys_execve", "tracepoint/syscalls/sys_exit_execve", "none"]

        /// For the footer and `ebpfguard.hook`.
        var name: StaticString? {
            switch self {
            case .fexit: "fexit/sys_execve"
            case .tracepoint: "tracepoint/syscalls/sys_exit_execve"
            case .none: nil
            }
        }

        var functions: [String: String] {
            if case .fexit(let functions) = self { functions } else { [:] }
        }

        /// Programs that attach by their section.
        var programs: [String] {
            functions.keys.sorted()
        }

        /// Programs to load.
        var loadedPrograms: [String] {
            if case .tracepoint = self { ["exec_exited"] } else { programs }
        }

        var reason: String? {
            if case .none(let reason) = self { reason } else { nil }
        }
    }

    mutating func failedExecHook() -> FailedExecHook {
        if probe.support(.functionEntry).isYes {
            let available = Self.execFunctions.filter { probe.hasFunction($0.value) }
            if available["execve_returned"] != nil { return .fexit(available) }
        }
        guard probe.support(.tracepoint).isYes else { return .none("this host allows neither fexit nor tracepoints") }
        guard probe.support(.taskRegisters).isYes else {
            return .none("without fexit it needs Linux \(Feature.taskRegisters.leastKernel)")
        }
        return .tracepoint
    }

    /// Everything the command needs or would use, in the order of `--check`.
    package mutating func findings(for command: WatchCommand) -> [Finding] {
        var result = [
            Finding(
                subject: "privileges", support: Self.privileges(), note: "to load programs", isRequired: true),
            Finding(
                subject: "pid namespace", support: Self.pidNamespace(),
                note: "pids have to be those that the kernel reports",
                isRequired: true),
            Finding(
                subject: "lockdown", support: Self.lockdown(), note: "programs have to read kernel memory",
                isRequired: true),
        ]
        func add(_ feature: Feature, _ note: String, required: Bool = false) {
            result.append(
                Finding(subject: feature.rawValue, support: probe.support(feature), note: note, isRequired: required))
        }
        add(.typeInformation, "fits the programs to this kernel", required: true)
        add(.ringBuffer, "brings the events", required: true)
        let returns =
            switch command {
            case .trace: "see failed execs"
            case .watchNet: "see accepts, and calls that fail at once"
            case .watchFiles: "see files that are opened, those of io_uring and exec too"
            case .enforce: "not needed for rules about the network"
            case .compareSidecar: "see accepts, and files that are opened"
            }
        let also = [
            .watchNet: ", and connections", .watchFiles: ", and system calls where fexit is refused",
            .compareSidecar: ", connections, and system calls where fexit is refused",
        ][command]
        add(.tracing, "see exec, fork and exit" + (also ?? ""), required: true)
        add(.taskIterator, "find the processes that are already there", required: true)
        add(.functionEntry, "\(returns), at no cost to other system calls")
        if !command.watchesFiles {
            add(.tracepoint, "\(returns) where fexit is refused")
            add(.taskRegisters, "\(returns) where fexit is refused")
        }
        add(.statistics, "measure the cost that each run reports")
        if command == .enforce { add(.cgroupAddresses, "decide of connections", required: true) }
        for feature in [Feature.kprobe, .securityModule, .cgroupHooks] {
            add(feature, "not needed by \(command.name)")
        }
        return result
    }

    /// Throws for the first thing that is required and missing.
    package mutating func require(for command: WatchCommand) throws(Failure) {
        if let failure = Self.privilegeFailure(command) { throw failure }
        if case .no(let reason) = Self.pidNamespace() {
            throw Failure(
                .unsupported, "this is not the host's pid namespace: \(reason)",
                help: "in a container, share the host's pids: --pid=host, or hostPID: true for a pod"
            )
        }
        if case .no(let reason) = Self.lockdown() {
            throw Failure(.unsupported, reason, help: "boot without lockdown=confidentiality to read kernel structures")
        }
        for feature in [Feature.typeInformation, .ringBuffer] {
            guard case .no(let reason) = probe.support(feature) else { continue }
            throw Failure(
                .unsupported, "this host has no \(feature.rawValue): \(reason)",
                help: "ebpfguard needs Linux 5.10 or newer with CONFIG_DEBUG_INFO_BTF=y; this is \(kernelRelease())"
            )
        }
    }

    // MARK: The host

    /// Why `command` may not load programs; `nil` where it may.
    static func privilegeFailure(_ command: WatchCommand) -> Failure? {
        guard case .no(let reason) = privileges() else { return nil }
        return Failure(
            .unsupported, "\(command.name) loads programs into the kernel: \(reason)", help: "run it with sudo")
    }

    /// CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON (Linux 5.8).
    private static func privileges() -> Support {
        let admin: UInt64 = 1 << 21
        let perfmon: UInt64 = 1 << 38
        let bpf: UInt64 = 1 << 39
        guard let status = readText("/proc/self/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
            let set = UInt64(line.dropFirst(7).filter { !$0.isWhitespace }, radix: 16)
        else {
            return geteuid() == 0 ? .yes : .no("you are not root")
        }
        if set & admin != 0 || set & (perfmon | bpf) == perfmon | bpf { return .yes }
        return geteuid() == 0
            ? .no("root without CAP_SYS_ADMIN (or CAP_BPF and CAP_PERFMON), as in a container that is not privileged")
            : .no("you are not root")
    }

    /// The first pid namespace has a fixed inode (PROC_PID_INIT_INO).
    private static func pidNamespace() -> Support {
        var status = stat()
        guard unsafe stat("/proc/self/ns/pid", &status) == 0 else {
            return .unknown("/proc is not mounted")
        }
        return status.st_ino == 0xEFFF_FFFC ? .yes : .no("pids here are not those that the kernel reports")
    }

    private static func lockdown() -> Support {
        guard let text = readText("/sys/kernel/security/lockdown") else { return .yes }
        return text.contains("[confidentiality]")
            ? .no("the kernel is locked down for confidentiality, so programs may not read its memory") : .yes
    }
}
