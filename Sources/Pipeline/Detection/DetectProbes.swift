// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire
internal import Policy

/// The programs that detectors see with: see bpf/detect.bpf.c. Their records go into the ring of the processes.
struct DetectProbes: ~Copyable {
    // Destroyed in this order: links first.
    private let sent: BPFLink
    private let object: BPFObject

    /// For the footer.
    let hooks: String
    /// What is not seen here, and why.
    let missing: String?

    /// Loads and attaches. `isScoped` when somebody was asked for.
    init(
        _ ledger: DetectionLedger, _ config: wire_config, isScoped: Bool, byCgroup: Bool, _ types: KernelTypes,
        sharing processes: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_detect, types: types)
        try object.configure(config)
        let missing = try object.configurePackets(isScoped: isScoped, types)
        var settings = Self.settings(ledger)
        settings.by_cgroup = byCgroup ? 1 : 0
        try object.setSection(".rodata.detect", to: settings)
        try object.joinRing(of: processes)
        try Self.size(&object, ledger)
        try object.load()
        try Self.fill(object, ledger)
        let sent = try object.attach("bytes_sent")
        self.sent = sent
        self.object = object
        self.missing = missing
        hooks = "detectors by tp_btf/net_dev_queue"
    }

    /// Makes room for the automaton. Before load.
    static func size(_ object: inout BPFObject, _ ledger: DetectionLedger) throws(BPFError) {
        try object.setCapacity(UInt32(ledger.automaton.states.count), map: "automaton")
    }

    static func fill(_ object: borrowing BPFObject, _ ledger: DetectionLedger) throws(BPFError) {
        let states = ledger.automaton.states
        try object.map(named: "automaton").set(Array(UInt32(0)..<UInt32(states.count)), to: states)
    }

    static func settings(_ ledger: DetectionLedger) -> wire_detect_rule {
        var settings = wire_detect_rule()
        settings.threshold = UInt32(Detector.threshold)
        unsafe withUnsafeMutableBytes(of: &settings.weights) { weights in
            for (bit, weight) in ledger.patternWeights.enumerated() { unsafe weights[bit] = UInt8(clamping: weight) }
        }
        return settings
    }

    func statistics() -> ProgramStatistics { object.statistics() }
}
