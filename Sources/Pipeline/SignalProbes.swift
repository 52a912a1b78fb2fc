// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see signals and the choices of the OOM killer. Their records go into the ring of the processes.
struct SignalProbes: ~Copyable {
    private let signals, victims: BPFLink
    private let object: BPFObject

    static let hooks = "signals by tp_btf/signal_generate, OOM kills by tp_btf/mark_victim"

    /// Loads and attaches. `wanted` has bit n - 1 for signal n.
    init(
        wanted: UInt64, _ predicate: wire_predicate, _ config: wire_config, _ types: KernelTypes,
        sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_signal, types: types)
        try object.configure(config, predicate)
        try object.setSection(".rodata.signals", to: wanted)
        try object.joinRing(of: processes)
        try object.load()
        let signals = try object.attach("signal_sent")
        let victims = try object.attach("victim_marked")
        self.signals = signals
        self.victims = victims
        self.object = object
    }

    /// Events that the filter kept in the kernel.
    func dropped() -> UInt64 { object.dropped() }

    func statistics() -> ProgramStatistics { object.statistics() }
}
