// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

/// Who or what the events of one row have in common. Two with equal keys are the same.
struct SummaryGroup {
    enum Key: Hashable {
        /// The one group of a table that is by nothing else than its own rows.
        case all
        case text([UInt8])
        case process(ProcessKey)
        case user(UInt32, [UInt8])
    }

    let key: Key
    /// As text shows it; hostile.
    let label: Bytes
    /// Whether the end of the label matters more than its start.
    let isPath: Bool
    /// The fields that name it.
    let fields: [Field: FieldValue]

    init(_ key: Key, label: Bytes, isPath: Bool = false, _ fields: [Field: FieldValue]) {
        self.key = key
        self.label = label
        self.isPath = isPath
        self.fields = fields
    }

    static var all: SummaryGroup { SummaryGroup(.all, label: Bytes([]), [:]) }

    /// Of an executable's absolute path. Where that is not known, of the name.
    static func executable(_ path: [UInt8]?, name: CommandName) -> SummaryGroup {
        guard let path else {
            let bytes = name.array
            return SummaryGroup(.text(bytes), label: Bytes(bytes), [.processName: .name(name)])
        }
        let bytes = Bytes(path)
        return SummaryGroup(.text(path), label: bytes, isPath: true, [.processExecutable: .text(bytes)])
    }

    static func process(_ task: wire_task, executable: WalkedPath?) -> SummaryGroup {
        var fields: [Field: FieldValue] = [
            .processPID: .integer(Int64(task.pid)), .processEntityID: .entity(task.key), .processName: .name(task.name),
            .userID: .identifier(UInt64(task.euid)),
        ]
        if let executable { fields[.processExecutable] = .path(executable) }
        return SummaryGroup(
            .process(task.key), label: Bytes(Array("\(task.pid) ".utf8) + task.name.array), fields)
    }

    static func user(_ uid: UInt32, name: Bytes?) -> SummaryGroup {
        var fields: [Field: FieldValue] = [.userID: .identifier(UInt64(uid))]
        if let name { fields[.userName] = .text(name) }
        return SummaryGroup(.user(uid, name.map { Array($0.slice) } ?? []), label: name ?? Bytes("\(uid)"), fields)
    }

    /// By the cgroup's path: the container or pod that it belongs to. What belongs to none is the host's, and a group of
    /// its own for each cgroup.
    static func workload(_ path: Bytes?, cgroup: UInt64, byPod: Bool) -> SummaryGroup {
        guard let path else {
            return SummaryGroup(
                .text(Array("\(cgroup)".utf8)), label: Bytes("cgroup \(cgroup)"),
                [.ebpfguardCgroupID: .identifier(cgroup)])
        }
        let owner = CgroupOwner(path: path)
        let own: (label: Bytes, path: Bytes)? =
            if byPod, let uid = owner.podUID, let path = owner.podPath {
                (uid, path)
            } else if let id = owner.containerID, let path = owner.containerPath {
                (Bytes(id.storage, id.range.prefix(12)), path)
            } else {
                nil
            }
        guard let own else {
            return SummaryGroup(
                .text(Array(path.slice)), label: Bytes(Array("host ".utf8) + path.slice), isPath: false,
                [.processCgroup: .text(path), .ebpfguardCgroupID: .identifier(cgroup)])
        }
        return SummaryGroup(.text(Array(own.path.slice)), label: own.label, [.processCgroup: .text(own.path)])
    }
}

/// The groups of one table with what was counted of each. The number of groups is bounded; what is in none is in `others`.
struct SummaryGroups<Counts> {
    struct Entry {
        let group: SummaryGroup
        var counts: Counts
    }

    private(set) var entries: [SummaryGroup.Key: Entry] = [:]
    private let limit: Int

    init(limit: Int = 10_000) {
        self.limit = limit
    }

    /// False when there is no more room.
    mutating func update(_ group: SummaryGroup, initial: Counts, _ body: (inout Counts) -> Void) -> Bool {
        if entries[group.key] == nil, entries.count >= limit { return false }
        body(&entries[group.key, default: Entry(group: group, counts: initial)].counts)
        return true
    }
}
