// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime

/// Where this kernel lets each kind of event be seen, for `--check`.
struct TraceHook {
    let kind: String
    /// For a person.
    let subject: String
    /// `nil` when there is none.
    let hook: String?
    let reason: String?

    /// All of `watch-net`, as `all` has those of `trace`.
    static func network(_ types: KernelTypes?, _ hooks: NetworkHooks) -> [TraceHook] {
        let connections = hooks.connections
        let unix = hooks.unixSockets
        let hasStates = types?.parameterCounts(ofTracepoints: ["inet_sock_set_state"]).isEmpty == false
        let states = hasStates ? "tp_btf/inet_sock_set_state" : nil
        let reason = hasStates ? nil : "this kernel has no tracepoint inet_sock_set_state"
        let packets = types?.parameterCounts(ofTracepoints: ["net_dev_queue", "netif_receive_skb"]).count == 2
        let absent = packets ? nil : "this kernel has no tracepoints net_dev_queue and netif_receive_skb"
        return [
            TraceHook(kind: "connect", subject: "connects", hook: states, reason: reason),
            TraceHook(
                kind: "connect_failed", subject: "connects that fail at once", hook: connections.name,
                reason: connections.reason),
            TraceHook(kind: "accept", subject: "accepts", hook: connections.name, reason: connections.reason),
            TraceHook(
                kind: "listen", subject: "sockets that begin to listen", hook: connections.name ?? states,
                reason: reason),
            TraceHook(kind: "close", subject: "closes", hook: states, reason: reason),
            TraceHook(
                kind: "udp", subject: "UDP flows", hook: packets ? "tp_btf/net_dev_queue, netif_receive_skb" : nil,
                reason: absent),
            TraceHook(
                kind: "bind", subject: "sockets that are bound", hook: hooks.binds.name,
                reason: hooks.binds.reason),
            TraceHook(
                kind: "send_failed", subject: "UDP sends that fail", hook: hooks.sends.name,
                reason: hooks.sends.reason),
            TraceHook(
                kind: "translated", subject: "addresses that the node translates for a pod",
                hook: packets ? "tp_btf/net_dev_queue" : nil, reason: absent),
            TraceHook(
                kind: "names", subject: "names by DNS and TLS",
                hook: packets ? "tp_btf/net_dev_queue, netif_receive_skb" : nil, reason: absent),
            TraceHook(
                kind: "raw_socket", subject: "raw and packet sockets", hook: hooks.rawSockets.name,
                reason: hooks.rawSockets.reason),
            TraceHook(
                kind: "unix", subject: "UNIX sockets (--unix)", hook: unix.calls.name, reason: unix.calls.reason),
            TraceHook(
                kind: "unix_bytes", subject: "bytes of UNIX sockets (--unix)", hook: unix.counts,
                reason: unix.calls.reason ?? unix.uncounted),
            TraceHook(
                kind: "unix_close", subject: "closes of UNIX sockets (--unix)", hook: unix.ends,
                reason: unix.calls.reason),
            drop(types),
        ]
    }

    /// All of `watch-files`.
    static func files(_ hook: HostCheck.FileHook) -> [TraceHook] {
        let reason = "needs fexit"
        return [
            TraceHook(kind: "open", subject: "files that are opened or created", hook: hook.name, reason: nil),
            TraceHook(
                kind: "name",
                subject: "names that are made, changed or removed",
                hook: hook.usesCalls ? "tp_btf/sys_exit, with paths as they were asked for" : hook.name, reason: nil),
            TraceHook(
                kind: "write", subject: "bytes that are written",
                hook: hook.usesCalls
                    ? "tp_btf/sys_exit, told when the run ends" : "fexit/vfs_write, locks_remove_file and so on",
                reason: nil),
            TraceHook(
                kind: "exec_map", subject: "files that are mapped",
                hook: hook.usesCalls ? nil : "fexit/security_mmap_file",
                reason: reason),
            TraceHook(
                kind: "open_io_uring", subject: "the same by io_uring", hook: hook.usesCalls ? nil : hook.name,
                reason: reason),
            TraceHook(
                kind: "open_exec", subject: "the same by exec", hook: hook.usesCalls ? nil : hook.name, reason: reason),
            TraceHook(
                kind: "change", subject: "permissions, owners, sizes and attributes",
                hook: hook.usesCalls
                    ? "tp_btf/sys_exit, with paths as they were asked for"
                    : "fexit/chmod_common, vfs_truncate and so on",
                reason: nil),
            TraceHook(
                kind: "mount", subject: "mounts",
                hook: hook.usesCalls
                    ? "tp_btf/sys_exit, with paths as they were asked for" : "fexit/path_mount, path_umount and so on",
                reason: nil),
            TraceHook(
                kind: "read", subject: "bytes that are read (--ops read)",
                hook: hook.usesCalls ? "tp_btf/sys_exit, told when the run ends" : "fexit/vfs_read, vfs_readv",
                reason: nil),
        ]
    }

    private static func drop(_ types: KernelTypes?) -> TraceHook {
        let parameters = types?.parameterCounts(ofTracepoints: ["kfree_skb"])["kfree_skb"]
        let hook = parameters.map { $0 > 2 ? DropProbes.hook : "\(DropProbes.hook), without reasons (Linux 5.17)" }
        return TraceHook(
            kind: "drop", subject: "dropped packets (--drops)", hook: hook,
            reason: hook == nil ? "this kernel has no tracepoint kfree_skb" : nil)
    }

    /// All, in the order of `--check`. `failedExecs` is what was found for those.
    static func all(_ types: KernelTypes?, failedExecs: HostCheck.FailedExecHook) -> [TraceHook] {
        let names = [
            "sched_process_exec", "sched_process_fork", "sched_process_exit", "sys_enter", "sys_exit",
            "signal_generate",
            "mark_victim",
        ]
        let counts = types?.parameterCounts(ofTracepoints: Set(names)) ?? [:]
        func tracepoint(_ kind: String, _ subject: String, _ names: String...) -> TraceHook {
            let absent = names.first { counts[$0] == nil }
            return TraceHook(
                kind: kind, subject: subject,
                hook: absent == nil ? "tp_btf/" + names.joined(separator: ", ") : nil,
                reason: absent.map { "this kernel has no tracepoint \($0)" })
        }
        let ring = types.flatMap { URingProbes.Programs($0) }
        return [
            tracepoint("exec", "programs that start", "sched_process_exec"),
            tracepoint("fork", "forks", "sched_process_fork"), tracepoint("exit", "exits", "sched_process_exit"),
            TraceHook(
                kind: "exec_failed", subject: "failed execs", hook: failedExecs.name.map { "\($0)" },
                reason: failedExecs.reason),
            tracepoint("syscall", "system calls (--syscalls)", "sys_enter", "sys_exit"),
            TraceHook(
                kind: "io_uring", subject: "io_uring (--syscalls)",
                hook: ring.map { "tp_btf/\($0.tracepoint), io_uring_complete" },
                reason: ring == nil ? "this kernel's tracepoints do not name its operations" : nil),
            tracepoint("security", "security events (--security)", "sys_exit"),
            tracepoint("signal", "signals (--signals)", "signal_generate"),
            tracepoint("oom", "OOM kills (--signals)", "mark_victim"),
        ]
    }
}
