// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see raw and packet sockets being made. Their records go into the ring of `TCPProbes`.
struct RawProbes: ~Copyable {
    private let calls: CallLinks
    private let object: BPFObject

    /// The hook in use, for the footer; `nil` when there is none.
    let hook: String?
    let missing: String?
    let taxesSystemCalls: Bool

    /// Loads and attaches.
    init(
        _ config: wire_config, _ types: KernelTypes, _ hook: CallHook, sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_raw, types: types)
        try object.configure(config)
        try object.joinRing(of: processes)
        try object.prepare(hook)
        try object.load()
        let calls = CallLinks(hook, in: object)
        self.hook = calls.hook
        missing = calls.refusal.map { "raw and packet sockets being made are not seen: \($0)" }
        taxesSystemCalls = calls.taxesSystemCalls
        self.calls = calls
        self.object = object
    }

    /// Records of those that are there now.
    func existing() throws(BPFError) -> [UInt8] { try object.runIterator("raw_existing") }

    func statistics() -> ProgramStatistics { object.statistics() }
}
