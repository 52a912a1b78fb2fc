// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Rendering

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
    /// Whether it was called by more than an id: what a file tells of a container may be known only after its first events.
    let isNamed: Bool
    /// The fields that name it.
    let fields: [Field: FieldValue]

    init(_ key: Key, label: Bytes, isPath: Bool = false, isNamed: Bool = false, _ fields: [Field: FieldValue]) {
        self.key = key
        self.label = label
        self.isPath = isPath
        self.isNamed = isNamed
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

    /// Where a connection leads, by name where one led there; of one that came in, to which address and port of ours.
    static func destination(of event: Event, _ connection: ConnectionRecord) -> SummaryGroup {
        let destination = connection.destination
        let incoming = connection.isIncoming == true
        var fields: [Field: FieldValue] = [.networkDirection: .word(incoming ? "ingress" : "egress")]
        if let port = destination.port { fields[.destinationPort] = .integer(Int64(port)) }
        var label = Array((incoming ? "<- on " : "-> ").utf8)
        if let name = event.names?.name?.name, !incoming {
            fields[.destinationDomain] = .text(name)
            label += name.slice
            label += ":\(destination.port.map(String.init) ?? "?")".utf8
        } else {
            if let address = destination.address { fields[.destinationIP] = .address(address) }
            label += connectionText(destination).utf8
        }
        if case .word(let transport) = event.value(of: .networkTransport) {
            fields[.networkTransport] = .word(transport)
            if "\(transport)" != "tcp" { label += "/\(transport)".utf8 }
        }
        return SummaryGroup(.text(label), label: Bytes(label), fields)
    }

    /// The name that led where a connection leads, whatever the port. What has none is one group.
    static func domain(of event: Event, _ connection: ConnectionRecord) -> SummaryGroup {
        let incoming = connection.isIncoming == true
        let direction: [Field: FieldValue] = [.networkDirection: .word(incoming ? "ingress" : "egress")]
        // No name has a NUL.
        if incoming { return SummaryGroup(.text([0, 1]), label: Bytes("(incoming)"), direction) }
        guard let name = event.names?.name?.name else {
            return SummaryGroup(.text([0]), label: Bytes("(no name)"), direction)
        }
        let fields = direction.merging([.destinationDomain: .text(name)]) { $1 }
        return SummaryGroup(.text(Array(name.slice)), label: name, fields)
    }

    /// The path of a file; what has none is one group.
    static func path(of file: FileFact) -> SummaryGroup {
        guard let path = file.path?.bytes else { return SummaryGroup(.text([0]), label: Bytes("(no path)"), [:]) }
        return SummaryGroup(.text(path), label: Bytes(path), isPath: true, [.filePath: .text(Bytes(path))])
    }

    static func user(_ uid: UInt32, name: Bytes?) -> SummaryGroup {
        var fields: [Field: FieldValue] = [.userID: .identifier(UInt64(uid))]
        if let name { fields[.userName] = .text(name) }
        return SummaryGroup(.user(uid, name.map { Array($0.slice) } ?? []), label: name ?? Bytes("\(uid)"), fields)
    }

    /// By the container or pod. What belongs to none is the host's, and a group of its own for each cgroup.
    static func workload(_ workload: Workload?, path: Bytes?, cgroup: UInt64, byPod: Bool) -> SummaryGroup {
        if byPod, let workload, let uid = workload.podUID {
            let values = Workload.podFields.map { ($0, workload.value(of: $0)) }
            // Not by the path: only that of the kubelet's cgroups has the pod in it.
            return SummaryGroup(
                .text(Array("pod ".utf8) + uid.slice), label: workload.podLabel ?? uid,
                isNamed: workload.podLabel != nil, fields(values, workload.podPath))
        }
        if let workload, let path = workload.containerPath ?? workload.podPath {
            let values = Workload.fields.map { ($0, workload.value(of: $0)) }
            return SummaryGroup(
                .text(Array(path.slice)), label: workload.label, isNamed: workload.isNamed,
                fields(values, path))
        }
        guard let path else {
            return SummaryGroup(
                .text(Array("\(cgroup)".utf8)), label: Bytes("cgroup \(cgroup)"),
                [.ebpfguardCgroupID: .identifier(cgroup)])
        }
        return SummaryGroup(
            .text(Array(path.slice)), label: Bytes(Array("host ".utf8) + path.slice),
            [.processCgroup: .text(path), .ebpfguardCgroupID: .identifier(cgroup)])
    }

    private static func fields(_ values: [(Field, FieldValue)], _ path: Bytes?) -> [Field: FieldValue] {
        var fields: [Field: FieldValue] = [:]
        if let path { fields[.processCgroup] = .text(path) }
        for (field, value) in values {
            if case .absent = value { continue }
            fields[field] = value
        }
        return fields
    }
}

/// The groups of one table with what was counted of each. The number of groups is bounded; what is in none is in `others`.
struct SummaryGroups<Counts> {
    struct Entry {
        var group: SummaryGroup
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
        if group.isNamed, entries[group.key]?.group.isNamed == false { entries[group.key]?.group = group }
        body(&entries[group.key, default: Entry(group: group, counts: initial)].counts)
        return true
    }
}
