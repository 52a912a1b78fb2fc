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
        var config = config
        let ids = object.structureIDs(["task_struct", "cgroup"])
        config.type_task_struct = ids[0]
        config.type_cgroup = ids[1]
        try object.setSection(".rodata.config", to: config)
        try object.setSection(".rodata.predicate", to: predicate)
        try object.setSection(".rodata.signals", to: wanted)
        for map in ["ring", "task_scope", ".data.control"] {
            try object.share(try processes.map(named: map), map: map)
        }
        try object.load()
        let signals = try object.attach("signal_sent")
        let victims = try object.attach("victim_marked")
        self.signals = signals
        self.victims = victims
        self.object = object
    }

    /// Events that the filter kept in the kernel.
    func dropped() -> UInt64 { FilteredCount.dropped(in: object) }

    func statistics() -> ProgramStatistics { object.statistics() }
}
