// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Events

/// What the kernel programs counted of system calls, without an event for each.
enum SyscallCounts {
    /// By what calls are counted.
    enum Grouping {
        case syscall, process, cgroup

        var wire: UInt32 {
            switch self {
            case .syscall: WIRE_COUNT_BY_SYSCALL.rawValue
            case .process: WIRE_COUNT_BY_PROCESS.rawValue
            case .cgroup: WIRE_COUNT_BY_CGROUP.rawValue
            }
        }
    }

    /// How many pairs of owner and call fit; what does not is counted as lost.
    static let limit: UInt32 = 32768

    /// One call, by one owner where there is one.
    struct Entry {
        let abi: UInt16
        let number: UInt32
        var count: wire_count
        /// With a process: its start and pid. With a cgroup: its id.
        var who: UInt64 = 0
        var owner: wire_task?
        /// Whether `who` only tells which cgroup it was, where calls are not told apart by it.
        var isUngrouped = false

        /// Where it was called, as far as that was counted.
        var cgroup: UInt64? { owner?.cgroup ?? (who == 0 ? nil : who) }
    }

    static func byNumber(_ map: BPFMap) throws(BPFError) -> [Entry] {
        var entries: [Entry] = []
        for index in 0..<UInt32(WIRE_ABI_COUNT * WIRE_NUMBERS_MAX) {
            guard let count = sum(map.perCPUValues(of: index, initial: wire_count())), count.calls > 0 else { continue }
            entries.append(
                Entry(
                    abi: UInt16(index / UInt32(WIRE_NUMBERS_MAX)), number: index % UInt32(WIRE_NUMBERS_MAX),
                    count: count))
        }
        return entries
    }

    static func byOwner(_ map: BPFMap, owners: BPFMap) throws(BPFError) -> [Entry] {
        var entries: [Entry] = []
        for key in map.keys(initial: wire_count_key()) {
            guard let count = sum(map.perCPUValues(of: key, initial: wire_count())), count.calls > 0 else { continue }
            var ownerKey = key
            ownerKey.number = 0
            ownerKey.abi = 0
            var owner = owners.value(of: ownerKey, initial: wire_count_owner())?.task
            if owner == nil, key.pid != 0 {
                // There was no room for more than that.
                owner = wire_task()
                owner?.pid = key.pid
                owner?.start = key.who
            }
            entries.append(
                Entry(abi: key.abi, number: UInt32(key.number), count: count, who: key.who, owner: owner))
        }
        return entries
    }

    private static func sum(_ counts: [wire_count]?) -> wire_count? {
        guard let counts else { return nil }
        return counts.reduce(into: wire_count()) { sum, count in
            sum.calls += count.calls
            sum.errors += count.errors
            sum.time += count.time
        }
    }
}
