// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Enrichment
internal import Events
internal import Glibc

/// The programs that see packets being dropped, and what they count of them: see bpf/drop.bpf.c. Their records go into the
/// ring of `TCPProbes`.
struct DropProbes: ~Copyable {
    private let links: InlineArray<3, BPFLink?>
    private let object: BPFObject
    private let turn: Mapping
    private let isRepeated: Bool

    private let reasons: DropReasons
    /// What is not seen here, and why.
    let missing: String?

    private let told: Told

    static let hook = "tp_btf/kfree_skb"
    static let hooks = "drops by \(hook)"

    private static let programs = ["packet_dropped", "packet_dropped_2", "packet_dropped_3"]
    private static let turnTime: UInt64 = 1_000_000_000
    /// A program that has read the number of a turn has counted within that time.
    private static let grace: UInt64 = 20_000_000

    /// Loads and attaches. `owners` are the maps, by name, of programs that know whose a socket is.
    init(
        _ config: wire_config, isScoped: Bool, _ types: KernelTypes, sharing processes: borrowing BPFObject,
        owners: [String: BPFMap]
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_drop, types: types)
        try object.configure(config)
        let parameters = types.parameterCounts(ofTracepoints: ["kfree_skb"])["kfree_skb"] ?? 0
        var drops = wire_drops()
        drops.type_sk_buff = object.structureIDs(["sk_buff"])[0]
        drops.has_reason = parameters >= 3 ? 1 : 0
        drops.has_socket = parameters >= 4 ? 1 : 0
        drops.consumed = types.value(of: "SKB_CONSUMED", in: "skb_drop_reason") ?? .max
        drops.scoped = isScoped ? 1 : 0
        try object.setSection(".rodata.drops", to: drops)
        try object.joinRing(of: processes)
        for (name, map) in owners { try object.share(map, map: name) }
        let isRepeated = config.repeated != 0
        let programs = Self.programs.prefix(isRepeated ? 3 : 2)
        for program in Self.programs.dropFirst(programs.count) { try object.setEnabled(false, program: program) }
        try object.load()
        let turn = try object.sharedSection(".data.turn")
        var links = InlineArray<3, BPFLink?> { _ in nil }
        for (index, program) in programs.enumerated() { links[index] = try object.attach(program) }
        self.links = links
        self.turn = turn
        self.object = object
        self.isRepeated = isRepeated
        missing =
            drops.has_reason == 0
            ? "reasons of drops: this kernel tells none (Linux 5.17 does), and also what it frees unsent or unread"
            : nil
        reasons = DropReasons(types)
        told = Told(began: Host.boottime())
    }

    /// What the kernel calls its reasons, by their numbers.
    func names() -> [UInt32: Bytes] { reasons.names }

    /// Nanoseconds until there may be something to tell.
    func patience(_ now: UInt64) -> UInt64 {
        let end = told.began + (told.isTold ? Self.turnTime : Self.grace)
        return end > now ? end - now : 0
    }

    /// Records of what was counted in the turn that is over, once; with `isLast` of all that was counted.
    func counted(_ now: UInt64, isLast: Bool = false) -> [UInt8] {
        if isLast { return records(before: nil) }
        if now >= told.began + Self.turnTime {
            told.began = now
            told.isTold = false
            told.turn &+= 1
            unsafe clinux_store_full_32(turn.start, told.turn)
            return []
        }
        guard !told.isTold, now >= told.began + Self.grace else { return [] }
        told.isTold = true
        return records(before: told.turn)
    }

    private func records(before turn: UInt32?) -> [UInt8] {
        var bytes: [UInt8] = []
        guard let map = try? object.map(named: "dropped_map") else { return [] }
        for key in map.keys(initial: wire_dropped()) where turn.map({ key.turn != $0 }) ?? true {
            guard var record = map.value(of: key, initial: wire_drop()) else { continue }
            map.remove(key)
            guard record.count > 0 else { continue }
            record.header.flags |= UInt16(WIRE_DROP_MORE)
            unsafe withUnsafeBytes(of: &record) { unsafe bytes.append(contentsOf: $0) }
        }
        return bytes + otherRecords()
    }

    /// Those for which there was no room.
    private func otherRecords() -> [UInt8] {
        var bytes: [UInt8] = []
        guard let map = try? object.map(named: "others") else { return [] }
        for reason in 0..<UInt32(WIRE_DROP_REASONS) {
            let count = map.value(of: reason, initial: UInt64(0)) ?? 0
            let new = count - told.others[Int(reason)]
            guard new > 0 else { continue }
            told.others[Int(reason)] = count
            var record = wire_drop()
            record.header.length = UInt32(MemoryLayout<wire_drop>.size)
            record.header.kind = UInt16(WIRE_DROP.rawValue)
            record.header.flags = UInt16(WIRE_DROP_MORE | WIRE_DROP_NO_PACKET)
            if missing != nil || reason == UInt32(WIRE_DROP_REASONS) - 1 {
                record.header.flags |= UInt16(WIRE_DROP_NO_REASON)
            }
            record.header.time = Host.boottime()
            record.dropped.reason = reason
            record.count = new
            unsafe withUnsafeBytes(of: &record) { unsafe bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// Times that all programs were skipped; see `TCPProbes.skipped`.
    func skipped() -> UInt64 {
        guard isRepeated else { return 0 }
        return Self.programs.map { object.statistics(of: $0).recursionMisses }.min() ?? 0
    }

    func statistics() -> ProgramStatistics { object.statistics() }
}

/// How far the counts were told.
private final class Told {
    var turn: UInt32 = 0
    /// When the turn began, and whether what was counted before was told.
    var began: UInt64
    var isTold = true
    /// Of those that are counted by their reason alone.
    var others = [UInt64](repeating: 0, count: Int(WIRE_DROP_REASONS))

    init(began: UInt64) { self.began = began }
}

/// The running kernel's names of its reasons to drop a packet, by its types.
struct DropReasons {
    let names: [UInt32: Bytes]

    /// In the kernel's order of subsystems: their own reasons have the number of the subsystem in the upper half.
    private static let enumerations = [
        "skb_drop_reason", "mac80211_drop_reason", "ovs_drop_reason", "qdisc_drop_reason",
    ]
    private static let prefixes = ["SKB_DROP_REASON_", "OVS_DROP_", "QDISC_DROP_", "SKB_"]

    init(_ types: KernelTypes) {
        var names: [UInt32: Bytes] = [:]
        for enumeration in Self.enumerations {
            for (name, value) in types.values(in: enumeration) where names[value] == nil {
                let prefix = Self.prefixes.first { name.hasPrefix($0) } ?? ""
                names[value] = Bytes(String(name.dropFirst(prefix.count)))
            }
        }
        self.names = names
    }
}
