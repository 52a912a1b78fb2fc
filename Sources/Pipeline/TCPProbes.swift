// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see TCP connections. Their records, and those of all that is about the network, go into a ring of their
/// own: a flood of packets loses no process.
@safe
struct TCPProbes: ~Copyable {
    // Fields are destroyed in this order: links first, so that no program runs while its ring goes away.
    private let states: InlineArray<3, BPFLink?>
    private let returns: CallLinks
    let ring: BPFRing
    let object: BPFObject
    private let controlSection: Mapping
    private let isRepeated: Bool

    var control: UnsafeMutablePointer<wire_control> {
        unsafe controlSection.start.assumingMemoryBound(to: wire_control.self)
    }

    /// Hooks in use, for the footer.
    let hooks: [String]
    /// What is not seen, with the reason.
    let missing: [String]
    let taxesSystemCalls: Bool

    private static let statePrograms = ["state_changed", "state_changed_2", "state_changed_3"]

    /// Loads and attaches. `isScoped` when somebody was asked for.
    init(
        _ predicate: wire_predicate, _ config: wire_config, isScoped: Bool, _ types: KernelTypes,
        _ hook: CallHook, sharing processes: borrowing BPFObject, bufferSize: Int
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_tcp, types: types)
        try object.configure(config, predicate)
        let ids = object.structureIDs(["sock", "tcp_sock"])
        var settings = wire_network()
        settings.type_sock = ids[0]
        settings.type_tcp_sock = ids[1]
        settings.scoped = isScoped ? 1 : 0
        settings.sees_returns = hook.name == nil ? 0 : 1
        settings.asks_registers = hook.usesTracepoints ? 1 : 0
        try object.setSection(".rodata.network", to: settings)
        try object.joinScope(of: processes)
        try object.setCapacity(UInt32(bufferSize), map: "ring")
        let isRepeated = config.repeated != 0
        let statePrograms = Self.statePrograms.prefix(isRepeated ? 3 : 2)
        for program in Self.statePrograms.dropFirst(statePrograms.count) {
            try object.setEnabled(false, program: program)
        }
        try object.prepare(hook)
        try object.load()
        let control = try object.sharedSection(".data.control")
        let ring = try BPFRing(try object.map(named: "ring"), size: bufferSize)

        // What tells of returns first: a socket that is seen to begin has them.
        let returns = CallLinks(hook, in: object)
        var states = InlineArray<3, BPFLink?> { _ in nil }
        for (index, program) in statePrograms.enumerated() {
            states[index] = try object.attach(program)
        }
        self.states = states
        self.ring = ring
        self.object = object
        controlSection = control
        self.isRepeated = isRepeated
        hooks =
            ["connections by tp_btf/inet_sock_set_state"]
            + (hook.name.map { ["accepts and failed calls by \($0)"] } ?? [])
        var missing: [String] = []
        if let reason = returns.refusal {
            missing.append("accepts, and connects and listens that fail at once, are not seen: \(reason)")
        }
        self.missing = missing
        taxesSystemCalls = returns.taxesSystemCalls
        self.returns = returns
    }

    /// Records of the sockets that are there now. Their owners are known from now on. `number` counts the looks from 1;
    /// with `flags` (WIRE_CONNECTION_STILL, _LAST) those that listen are left out.
    func existing(number: UInt32, flags: UInt32) throws(BPFError) -> [UInt8] {
        try object.map(named: "look_map").set(UInt32(0), to: wire_look(number: number, flags: flags))
        return try object.runIterator("socket_existing")
    }

    /// What is remembered of each connection: `sockets` in bpf/include/connection.h.
    func sockets() throws(BPFError) -> BPFMap { try object.map(named: "sockets") }

    /// Where what was sent goes in other namespaces: bpf/include/translations.h.
    func translations() throws(BPFError) -> BPFMap { try object.map(named: "translations") }

    /// struct entry in bpf/include/connection.h.
    private typealias Entry = InlineArray<18, UInt64>

    /// Whether a connection is open of a process of which `isGone` holds: the kernel is about to close it.
    func hasConnection(of isGone: (UInt32) -> Bool) -> Bool {
        guard let map = try? object.map(named: "sockets") else { return false }
        for key in map.keys(initial: UInt64(0)) {
            guard let entry = map.value(of: key, initial: Entry(repeating: 0)) else { continue }
            let pid = UInt32(truncatingIfNeeded: entry[0])
            if pid != 0, UInt32(truncatingIfNeeded: entry[17]) & WIRE_CONNECTION_LISTENER == 0, isGone(pid) {
                return true
            }
        }
        return false
    }

    /// Times that a program was skipped; see `ProcessProbes.skipped`.
    func skipped() -> UInt64 {
        let others = object.statistics(without: Set(Self.statePrograms)).recursionMisses
        // Of two programs one is never skipped; see bpf/tcp.bpf.c.
        guard isRepeated else { return others }
        return others + (Self.statePrograms.map { object.statistics(of: $0).recursionMisses }.min() ?? 0)
    }

    /// Events that the filter kept in the kernel.
    func dropped() -> UInt64 { object.dropped() }

    func statistics() -> ProgramStatistics { object.statistics() }
}
