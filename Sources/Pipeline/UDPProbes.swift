// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see UDP sockets being bound and sends that fail, and that tell of flows. What goes through these is
/// counted by the programs of `NameProbes`, whose maps they share.
struct UDPProbes: ~Copyable {
    private let binds: CallLinks
    private let sends: CallLinks
    private let object: BPFObject

    /// Hooks in use, for the footer.
    let hooks: [String]
    /// What is not seen, with the reason.
    let missing: [String]
    let taxesSystemCalls: Bool

    /// Loads and attaches.
    init(
        _ predicate: wire_predicate, _ config: wire_config, _ types: KernelTypes, _ wanted: NetworkHooks,
        sharing tcp: borrowing TCPProbes, _ names: borrowing NameProbes
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_udp, types: types)
        try object.configure(config, predicate)
        try object.joinRing(of: tcp.object)
        for map in NameProbes.flowMaps { try object.share(try names.map(map), map: map) }
        try object.share(try tcp.translations(), map: "translations")
        try object.prepare(wanted.binds)
        try object.prepare(wanted.sends)
        try object.load()
        let binds = CallLinks(wanted.binds, in: object)
        let sends = CallLinks(wanted.sends, in: object)
        hooks = [binds.hook.map { "binds by \($0)" }, sends.hook.map { "failed sends by \($0)" }].compactMap { $0 }
        missing = [
            binds.refusal.map { "sockets that are bound, and UDP servers before they answer, are not seen: \($0)" },
            sends.refusal.map { "UDP sends that fail are not seen: \($0)" },
        ].compactMap { $0 }
        taxesSystemCalls = binds.taxesSystemCalls || sends.taxesSystemCalls
        self.binds = binds
        self.sends = sends
        self.object = object
    }

    /// Records of the UDP sockets that are there now. What comes to their ports is theirs from now on.
    func existing() throws(BPFError) -> [UInt8] { try object.runIterator("udp_existing") }

    /// Records of the flows that have ended since the last look: their sockets are closed, or nothing has passed for `idle`
    /// nanoseconds; and of the ports that nobody has any more. With `flags` (WIRE_CONNECTION_STILL, _LAST) of the others too.
    func look(idle: UInt64, flags: UInt32) throws(BPFError) -> [UInt8] {
        try object.map(named: "flow_look").set(UInt32(0), to: wire_flow_look(idle: idle, flags: flags, unused: 0))
        return try object.runIterator("flow_seen", over: try object.map(named: "flows"))
            + object.runIterator("bound_seen", over: try object.map(named: "bound_map"))
    }

    /// Events that the filter kept in the kernel.
    func dropped() -> UInt64 { object.dropped() }

    /// Times that a program was skipped; see `ProcessProbes.skipped`.
    func skipped() -> UInt64 { object.statistics().recursionMisses }

    func statistics() -> ProgramStatistics { object.statistics() }
}
