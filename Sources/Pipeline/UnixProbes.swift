// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see UNIX sockets: calls on them, and what goes through them until their end. Their records go into the
/// ring of `TCPProbes`.
struct UnixProbes: ~Copyable {
    private let links: CallLinks
    private let object: BPFObject
    private let polls: Bool

    /// The hooks in use, for the footer.
    let hooks: [String]
    /// What is not seen, with the reason.
    let missing: [String]
    let taxesSystemCalls: Bool

    private static let counters = ["unix_length_sent", "unix_length_received"]

    /// Loads and attaches.
    init(
        _ config: wire_config, _ types: KernelTypes, _ hook: UnixHook, sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_unix, types: types)
        try object.configure(config)
        let polls = hook.calls.usesTracepoints
        try object.setSection(
            ".rodata.unix", to: wire_unix_settings(polls: polls ? 1 : 0, counts: hook.counts == nil ? 0 : 1))
        try object.joinRing(of: processes)
        try object.prepare(hook.calls)
        for program in Self.counters { try object.setEnabled(hook.countsByTracepoint, program: program) }
        try object.load()
        // What counts first: a socket that is seen to begin has it.
        let links = CallLinks(hook.calls, in: object, after: hook.countsByTracepoint ? Self.counters : [])
        if let refusal = links.refusal {
            hooks = []
            missing = ["UNIX sockets are not seen: \(refusal)"]
        } else {
            hooks = [
                hook.calls.name.map { "UNIX sockets by \($0)" }, hook.counts.map { "their bytes by \($0)" },
                hook.ends.map { "their ends by \($0)" },
            ].compactMap { $0 }
            missing = hook.uncounted.map { ["bytes of UNIX sockets are not counted: \($0)"] } ?? []
        }
        taxesSystemCalls = links.taxesSystemCalls
        self.polls = polls
        self.links = links
        self.object = object
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
