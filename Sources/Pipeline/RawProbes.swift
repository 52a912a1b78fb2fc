// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see raw and packet sockets being made. Their records go into the ring of `TCPProbes`.
struct RawProbes: ~Copyable {
    private let link: BPFLink?
    private let object: BPFObject

    /// The hook in use, for the footer; `nil` when there is none.
    let hook: String?
    let missing: String?
    let taxesSystemCalls: Bool

    /// Loads and attaches.
    init(
        _ config: wire_config, _ types: KernelTypes, _ hook: HostCheck.RawSocketHook,
        sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_raw, types: types)
        try object.configure(config)
        try object.joinRing(of: processes)
        var program: String?
        switch hook {
        case .fexit:
            program = "socket_made"
            try object.setTarget(HostCheck.rawSocketFunction, program: "socket_made")
        case .tracepoint: program = "socket_call_exited"
        case .none: break
        }
        for name in ["socket_made", "socket_call_exited"] where name != program {
            try object.setEnabled(false, program: name)
        }
        try object.load()
        var link: BPFLink?
        var refusal: String?
        do throws(BPFError) {
            switch hook {
            case .fexit: link = try object.attach("socket_made")
            case .tracepoint:
                link = try object.attach("socket_call_exited", tracepoint: "sys_exit_socket", of: "syscalls")
            case .none(let reason): refusal = reason
            }
        } catch {
            refusal = error.description
        }
        self.link = link
        self.object = object
        self.hook = refusal == nil ? hook.name : nil
        missing = refusal.map { "raw and packet sockets being made are not seen: \($0)" }
        if case .tracepoint = hook, refusal == nil { taxesSystemCalls = true } else { taxesSystemCalls = false }
    }

    /// Records of those that are there now.
    func existing() throws(BPFError) -> [UInt8] { try object.runIterator("raw_existing") }

    func statistics() -> ProgramStatistics { object.statistics() }
}

extension HostCheck {
    /// How raw sockets can be seen being made.
    enum RawSocketHook {
        case fexit
        case tracepoint
        /// With the reason.
        case none(String)

        /// For the footer.
        var name: String? {
            switch self {
            case .fexit: "fexit/\(HostCheck.rawSocketFunction)"
            case .tracepoint: "tracepoint/syscalls/sys_exit_socket"
            case .none: nil
            }
        }

        var reason: String? {
            if case .none(let reason) = self { reason } else { nil }
        }
    }

    /// What socket(2) of all programs and io_uring go through.
    static let rawSocketFunction = "__sock_create"

    mutating func rawSocketHook() -> RawSocketHook {
        if probe.support(.functionEntry).isYes, probe.hasFunction(Self.rawSocketFunction) { return .fexit }
        guard probe.support(.tracepoint).isYes else { return .none("this host allows neither fexit nor tracepoints") }
        guard probe.support(.taskRegisters).isYes else {
            return .none("without fexit it needs Linux \(Feature.taskRegisters.leastKernel)")
        }
        return .tracepoint
    }
}
