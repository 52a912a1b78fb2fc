// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Events

/// The programs of `watch-net` that see sockets which are no connections of the Internet, and what is dropped. Their records
/// go into the ring of `TCPProbes`.
struct SocketProbes: ~Copyable {
    private let drops: DropProbes?
    private let unix: UnixProbes?
    private let raw: RawProbes

    /// Hooks in use, for the footer.
    let hooks: [String]
    /// What is not seen, with the reason.
    let missing: [String]
    let taxesSystemCalls: Bool

    /// Loads and attaches. `isScoped` when somebody was asked for.
    init(
        _ config: wire_config, isScoped: Bool, drops wantsDrops: Bool, unix wantsUnix: Bool, _ types: KernelTypes,
        _ wanted: NetworkHooks, sharing tcp: borrowing TCPProbes, _ names: borrowing NameProbes
    ) throws(BPFError) {
        let raw = try RawProbes(config, types, wanted.rawSockets, sharing: tcp.object)
        var missing = [raw.missing].compactMap { $0 }
        var hooks = [raw.hook.map { "raw sockets by \($0)" }].compactMap { $0 }
        var taxes = raw.taxesSystemCalls
        var unix: UnixProbes?
        if wantsUnix {
            let probes = try UnixProbes(config, types, wanted.unixSockets, sharing: tcp.object)
            missing += probes.missing
            hooks += probes.hooks
            taxes = taxes || probes.taxesSystemCalls
            unix = consume probes
        }
        var drops: DropProbes?
        if wantsDrops {
            let owners = ["sockets": try tcp.sockets(), "bound_map": try names.map("bound_map")]
            let probes = try DropProbes(config, isScoped: isScoped, types, sharing: tcp.object, owners: owners)
            missing += [probes.missing].compactMap { $0 }
            hooks.append(DropProbes.hooks)
            drops = consume probes
        }
        self.drops = drops
        self.unix = unix
        self.raw = raw
        self.hooks = hooks
        self.missing = missing
        taxesSystemCalls = taxes
    }

    /// Records of the raw sockets that are there now.
    func existingRaw() throws(BPFError) -> [UInt8] { try raw.existing() }

    /// See `UnixProbes`.
    func existingUnix() throws(BPFError) -> [UInt8] { try unix?.existing() ?? [] }

    /// See `UnixProbes`.
    func lookAtUnix(flags: UInt32) throws(BPFError) -> [UInt8] { try unix?.look(flags: flags) ?? [] }

    /// What the kernel calls its reasons to drop packets, where those are watched.
    func dropReasons() -> [UInt32: Bytes] { drops?.names() ?? [:] }

    /// Nanoseconds until there may be drops to tell that were only counted; `nil` where none are.
    func dropPatience(_ now: UInt64) -> UInt64? { drops?.patience(now) }

    /// See `DropProbes.counted`.
    func countedDrops(_ now: UInt64, isLast: Bool) -> [UInt8] { drops?.counted(now, isLast: isLast) ?? [] }

    /// See `TCPProbes.skipped`.
    func skipped() -> UInt64 {
        (drops?.skipped() ?? 0) + raw.statistics().recursionMisses + (unix?.statistics().recursionMisses ?? 0)
    }

    func statistics() -> ProgramStatistics {
        var sum = raw.statistics()
        for part in [drops?.statistics(), unix?.statistics()] {
            sum.runs += part?.runs ?? 0
            sum.nanoseconds += part?.nanoseconds ?? 0
        }
        return sum
    }
}
