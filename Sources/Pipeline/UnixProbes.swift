// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see UNIX sockets: calls on them, and what goes through them until their end. Their records go into the
/// ring of `TCPProbes`.
struct UnixProbes: ~Copyable {
    private let links: InlineArray<14, BPFLink?>
    private let object: BPFObject
    private let polls: Bool

    /// The hooks in use, for the footer.
    let hooks: [String]
    /// What is not seen, with the reason.
    let missing: [String]
    let taxesSystemCalls: Bool

    private static let tracepoints = [
        "sys_exit_connect", "sys_exit_accept", "sys_exit_accept4", "sys_exit_listen", "sys_exit_bind",
        "sys_exit_socketpair",
    ]
    private static let counters = ["unix_length_sent", "unix_length_received"]

    /// Loads and attaches.
    init(
        _ config: wire_config, _ types: KernelTypes, _ hook: HostCheck.UnixHook, sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_unix, types: types)
        try object.configure(config)
        var usesTracepoints = false
        var refusal = hook.reason
        if case .tracepoint = hook { usesTracepoints = true }
        try object.setSection(
            ".rodata.unix",
            to: wire_unix_settings(polls: usesTracepoints ? 1 : 0, counts: hook.countsBy == nil ? 0 : 1))
        try object.joinRing(of: processes)
        for (program, function) in HostCheck.unixFunctions {
            if hook.functions[program] != nil {
                try object.setTarget(function, program: program)
            } else {
                try object.setEnabled(false, program: program)
            }
        }
        for program in ["unix_call_exited", "unix_closing"] {
            try object.setEnabled(usesTracepoints, program: program)
        }
        let counters = hook.countsByTracepoint ? Self.counters : []
        for program in Self.counters { try object.setEnabled(hook.countsByTracepoint, program: program) }
        try object.load()
        var links = InlineArray<14, BPFLink?> { _ in nil }
        do throws(BPFError) {
            // What counts first: a socket that is seen to begin has it.
            for (index, program) in (counters + hook.functions.keys.sorted()).enumerated() {
                links[index] = try object.attach(program)
            }
            if usesTracepoints {
                links[2] = try object.attach("unix_closing", tracepoint: "sys_enter_close", of: "syscalls")
                for (index, tracepoint) in Self.tracepoints.enumerated() {
                    links[3 + index] = try object.attach("unix_call_exited", tracepoint: tracepoint, of: "syscalls")
                }
            }
        } catch {
            refusal = error.description
        }
        self.links = links
        self.object = object
        polls = usesTracepoints
        if let refusal {
            hooks = []
            missing = ["UNIX sockets are not seen: \(refusal)"]
        } else {
            hooks = [
                hook.name.map { "UNIX sockets by \($0)" }, hook.countsBy.map { "their bytes by \($0)" },
                hook.endsBy.map { "their ends by \($0)" },
            ].compactMap { $0 }
            missing = hook.uncounted.map { ["bytes of UNIX sockets are not counted: \($0)"] } ?? []
        }
        taxesSystemCalls = usesTracepoints && refusal == nil
    }

    /// Records of those that are there now. Whose they are is known from now on.
    func existing() throws(BPFError) -> [UInt8] { try object.runIterator("unix_existing") }

    /// Records of those that have ended since the last look, as far as that is not seen when it happens. With `flags`
    /// (WIRE_CONNECTION_STILL) of the other connections too.
    func look(flags: UInt32) throws(BPFError) -> [UInt8] {
        guard polls || flags != 0 else { return [] }
        try object.map(named: "unix_look").set(UInt32(0), to: flags)
        return try object.runIterator("unix_seen", over: try object.map(named: "ends"))
    }

    func statistics() -> ProgramStatistics { object.statistics() }
}

extension HostCheck {
    /// How UNIX sockets can be seen.
    enum UnixHook {
        /// The programs and the functions that they see.
        case functions([String: String])
        /// Whether there are some that tell how much is sent, too.
        case tracepoint(counts: Bool)
        /// With the reason.
        case none(String)

        /// What sees calls, for the footer.
        var name: String? {
            switch self {
            case .functions: "fexit/unix_stream_connect, _dgram_connect, _accept, _listen, _bind, _socketpair"
            case .tracepoint: "tracepoint/syscalls/sys_exit_connect, _accept, _listen, _bind, _socketpair"
            case .none: nil
            }
        }

        /// What counts bytes.
        var countsBy: String? {
            switch self {
            case .functions(let functions):
                "fexit/unix_stream_sendmsg, _dgram_sendmsg, _stream_recvmsg, _dgram_recvmsg, _seqpacket_recvmsg, "
                    + "_stream_splice_read"
                    + (functions["unix_page_sent"] == nil ? "" : ", _stream_sendpage")
            case .tracepoint(let counts): counts ? "tp_btf/sock_send_length, sock_recv_length" : nil
            case .none: nil
            }
        }

        /// What sees them closed.
        var endsBy: String? {
            switch self {
            case .functions: "fentry/unix_release_sock"
            case .tracepoint: "tracepoint/syscalls/sys_enter_close, and a look at all of them each second"
            case .none: nil
            }
        }

        /// Why bytes are not counted, where all else is seen.
        var uncounted: String? {
            if case .tracepoint(counts: false) = self { "without fexit that needs Linux 6.3" } else { nil }
        }

        var countsByTracepoint: Bool {
            if case .tracepoint(counts: true) = self { true } else { false }
        }

        var functions: [String: String] {
            if case .functions(let functions) = self { functions } else { [:] }
        }

        var reason: String? {
            if case .none(let reason) = self { reason } else { nil }
        }
    }

    /// What the calls lead to, those of io_uring too, by the program that sees it.
    static let unixFunctions = [
        "unix_stream_connected": "unix_stream_connect", "unix_dgram_connected": "unix_dgram_connect",
        "unix_accepted": "unix_accept", "unix_listened": "unix_listen", "unix_bound": "unix_bind",
        "unix_paired": "unix_socketpair", "unix_stream_sent": "unix_stream_sendmsg",
        "unix_dgram_sent": "unix_dgram_sendmsg", "unix_dgram_received": "unix_dgram_recvmsg",
        "unix_stream_received": "unix_stream_recvmsg", "unix_stream_spliced": "unix_stream_splice_read",
        "unix_packet_received": "unix_seqpacket_recvmsg", "unix_page_sent": "unix_stream_sendpage",
        "unix_released": "unix_release_sock",
    ]

    mutating func unixHook() -> UnixHook {
        if probe.support(.functionEntry).isYes {
            let available = Self.unixFunctions.filter { probe.hasFunction($0.value) }
            // From 6.5 on there is no sendpage.
            if available.count >= Self.unixFunctions.count - (available["unix_page_sent"] == nil ? 1 : 0) {
                return .functions(available)
            }
        }
        guard probe.support(.tracepoint).isYes else { return .none("this host allows neither fexit nor tracepoints") }
        guard probe.support(.taskRegisters).isYes else {
            return .none("without fexit it needs Linux \(Feature.taskRegisters.leastKernel)")
        }
        let counters = types?.parameterCounts(ofTracepoints: ["sock_send_length", "sock_recv_length"]) ?? [:]
        return .tracepoint(counts: counters.count == 2)
    }
}
