// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Policy

/// The programs that hold the sockets of a cgroup to rules about the network: see bpf/enforce.bpf.c. Their records go into
/// the ring of the processes.
struct EnforceProbes: ~Copyable {
    // Destroyed in this order: links first.
    private let links: InlineArray<10, BPFLink?>
    private let object: BPFObject
    private let canaries: Mapping

    private static let programs = [
        "connect_ipv4", "connect_ipv6", "send_ipv4", "send_ipv6", "bind_ipv4", "bind_ipv6", "arrives", "leaves",
        "released", "owned",
    ]

    /// For the footer.
    let hooks: String

    /// Loads, fills the maps, and attaches to the cgroup of this directory.
    init(
        _ lowering: PolicyLowering, _ actors: ActorPlan, _ programs: PlacePlan?, cgroup: Int32, _ config: wire_config,
        _ types: KernelTypes,
        sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_enforce, types: types)
        try object.configure(config)
        try object.setSection(".rodata.policy", to: lowering.settings)
        try actors.prepare(&object, choices: lowering.choices.table.count)
        try PlacePlan.prepare(&object, programs)
        try object.joinRing(of: processes)
        let tables = [("connect_targets", lowering.connect.entries()), ("listen_targets", lowering.listen.entries())]
        for (map, entries) in tables { try object.setCapacity(UInt32(max(1, entries.count)), map: map) }
        let names = lowering.names
        try object.setCapacity(UInt32(max(1, names.patterns.count)), map: "patterns")
        try object.setCapacity(UInt32(max(1, names.rules.count)), map: "name_rules")
        // What packets cost under a policy that is about none is nothing.
        let unused =
            (lowering.readsPackets ? [] : ["leaves"]) + (lowering.losesPackets ? [] : ["released"])
            + (lowering.settings.remembers != 0 ? [] : ["owned"])
        for program in unused { try object.setEnabled(false, program: program) }
        try object.load()
        for (map, entries) in tables {
            try object.map(named: map).set(entries.map(\.key), to: entries.map(\.decision))
        }
        try object.map(named: "patterns").set(names.patterns.map(\.key), to: names.patterns.map(\.number))
        try object.map(named: "name_rules").set(names.rules.map(\.key), to: names.rules.map(\.decision))
        try actors.fill(object, lowering.choices)
        if let programs { try programs.fill(object, programs.inodes(object)) }
        for map in tables.map(\.0) + ["patterns", "name_rules"] { try object.map(named: map).freeze() }
        let canaries = try object.sharedSection(".data.canaries")
        // Only with all entries in place: nothing is decided by half of a policy.
        var links = InlineArray<10, BPFLink?> { _ in nil }
        for (index, program) in Self.programs.enumerated() where !unused.contains(program) {
            links[index] = try object.attach(program, toCgroup: cgroup)
        }
        self.links = links
        self.object = object
        self.canaries = canaries
        hooks =
            "policy by \(PolicyMechanisms.connectHooks),\n       \(PolicyMechanisms.listenHooks)"
            + (lowering.readsPackets ? ", \(PolicyMechanisms.askHook)" : "")
            + (lowering.losesPackets ? ", cgroup/sock_release" : "")
            + (lowering.settings.remembers != 0 ? ", cgroup/sock_create" : "")
    }

    /// How many of the run's own attempts were refused.
    func refusedCanaries() -> UInt64 { unsafe clinux_load_acquire_64(canaries.start) }

    func actorWorkloads() throws(BPFError) -> BPFMap { try object.map(named: "actor_workloads") }

    func statistics() -> ProgramStatistics { object.statistics() }
}
