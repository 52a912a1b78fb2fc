// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire

/// What the objects of all probes have in common.
extension BPFObject {
    /// Writes the settings, with the ids of the structures that this kernel has, and the part of the filter that its
    /// programs decide, where they do. Before load.
    func configure(_ config: wire_config, _ predicate: wire_predicate? = nil) throws(BPFError) {
        var config = config
        let ids = structureIDs(["task_struct", "linux_binprm", "cgroup", "pt_regs"])
        config.type_task_struct = ids[0]
        config.type_linux_binprm = ids[1]
        config.type_cgroup = ids[2]
        config.type_pt_regs = ids[3]
        try setSection(".rodata.config", to: config)
        if let predicate { try setSection(".rodata.predicate", to: predicate) }
    }

    /// Asks the same marks as `owner`, which is loaded and outlives it. Before load.
    func joinScope(of owner: borrowing BPFObject) throws(BPFError) {
        for map in ["task_scope", "cgroup_scope"] { try share(try owner.map(named: map), map: map) }
    }

    /// The same, and sends its records into the ring of `owner`.
    func joinRing(of owner: borrowing BPFObject) throws(BPFError) {
        try joinScope(of: owner)
        for map in ["ring", ".data.control"] { try share(try owner.map(named: map), map: map) }
    }

    /// Room for a wire_facts, and the counter behind it: struct facts_place in bpf/include/facts.h.
    private typealias FactsPlace = InlineArray<40, UInt64>

    /// Events that the programs did not send, because the part of the filter that they can decide rules them out.
    func dropped() -> UInt64 {
        guard let map = try? map(named: "facts_map") else { return 0 }
        var sum: UInt64 = 0
        for user in 0..<UInt32(20) {  // FACTS_USERS
            for place in map.perCPUValues(of: user, initial: FactsPlace(repeating: 0)) ?? [] { sum += place[39] }
        }
        return sum
    }
}
