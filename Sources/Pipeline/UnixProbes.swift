// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see calls on UNIX sockets. Their records go into the ring of `TCPProbes`.
struct UnixProbes: ~Copyable {
    private let links: InlineArray<5, BPFLink?>
    private let object: BPFObject

    /// The hook in use, for the footer; `nil` when there is none.
    let hook: String?
    let missing: String?
    let taxesSystemCalls: Bool

    private static let tracepoints = [
        "sys_exit_connect", "sys_exit_accept", "sys_exit_accept4", "sys_exit_listen", "sys_exit_bind",
    ]

    /// Loads and attaches.
    init(
        _ config: wire_config, _ types: KernelTypes, _ hook: HostCheck.UnixHook, sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_unix, types: types)
        try object.configure(config)
        try object.joinRing(of: processes)
        var usesFunctions = false
        var usesTracepoints = false
        var refusal: String?
        switch hook {
        case .fexit: usesFunctions = true
        case .tracepoint: usesTracepoints = true
        case .none(let reason): refusal = reason
        }
        for (program, function) in HostCheck.unixFunctions {
            if usesFunctions {
                try object.setTarget(function, program: program)
            } else {
                try object.setEnabled(false, program: program)
            }
        }
        try object.setEnabled(usesTracepoints, program: "unix_call_exited")
        try object.load()
        var links = InlineArray<5, BPFLink?> { _ in nil }
        do throws(BPFError) {
            for (index, program) in HostCheck.unixFunctions.keys.sorted().enumerated() where usesFunctions {
                links[index] = try object.attach(program)
            }
            for (index, tracepoint) in Self.tracepoints.enumerated() where usesTracepoints {
                links[index] = try object.attach("unix_call_exited", tracepoint: tracepoint, of: "syscalls")
            }
        } catch {
            refusal = error.description
        }
        self.links = links
        self.object = object
        self.hook = refusal == nil ? hook.name : nil
        missing = refusal.map { "UNIX sockets are not seen: \($0)" }
        taxesSystemCalls = usesTracepoints && refusal == nil
    }

    func statistics() -> ProgramStatistics { object.statistics() }
}

extension HostCheck {
    /// How calls on UNIX sockets can be seen.
    enum UnixHook {
        case fexit
        case tracepoint
        /// With the reason.
        case none(String)

        /// For the footer.
        var name: String? {
            switch self {
            case .fexit: "fexit/unix_stream_connect, unix_dgram_connect, unix_accept, unix_listen, unix_bind"
            case .tracepoint: "tracepoint/syscalls/sys_exit_connect, _accept, _listen, _bind"
            case .none: nil
            }
        }

        var reason: String? {
            if case .none(let reason) = self { reason } else { nil }
        }
    }

    /// What the calls lead to, those of io_uring too, by the program that sees it return.
    static let unixFunctions = [
        "unix_stream_connected": "unix_stream_connect", "unix_dgram_connected": "unix_dgram_connect",
        "unix_accepted": "unix_accept", "unix_listened": "unix_listen", "unix_bound": "unix_bind",
    ]

    mutating func unixHook() -> UnixHook {
        if probe.support(.functionEntry).isYes, Self.unixFunctions.values.allSatisfy({ probe.hasFunction($0) }) {
            return .fexit
        }
        guard probe.support(.tracepoint).isYes else { return .none("this host allows neither fexit nor tracepoints") }
        guard probe.support(.taskRegisters).isYes else {
            return .none("without fexit it needs Linux \(Feature.taskRegisters.leastKernel)")
        }
        return .tracepoint
    }
}
