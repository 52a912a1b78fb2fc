// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Policy

extension Event {
    /// What a policy would have to allow for this to happen. Nothing for what failed: it may be denied as well.
    var needs: [LearnedNeed] {
        switch action {
        case .exec: programNeeds
        case .connect, .udp, .listen: connection.map { connectionNeeds($0) } ?? []
        case .rawSocket: [LearnedNeed(.raw, .all)]
        case .violation: violationNeeds
        case .file: file.map(Self.fileNeeds) ?? []
        default: []
        }
    }

    /// The program, and the script that it was started for.
    private var programNeeds: [LearnedNeed] {
        if marks.contains(where: { "\($0)" == "memfd" }) { return [LearnedNeed(.execute, .memfd)] }
        let paths = [executable.map { FilePath.resolved($0) }, scriptPath].compactMap { $0 }
        return paths.compactMap { LearnedNeed(.execute, path: $0.hostPathBytes) }
    }

    /// One that was refused was tried as well, and a program may try again elsewhere.
    private func connectionNeeds(_ connection: ConnectionRecord) -> [LearnedNeed] {
        let transport = connection.isUDP ? NetTarget.Transport.udp : .tcp
        if connection.isListener || connection.isIncoming == true {
            let local = connection.local
            guard connection.isListener, let address = local.address, let port = local.port else { return [] }
            return [LearnedNeed(.listen, address, port: port, transport)]
        }
        let asked = connection.asked
        guard let address = asked.address, let port = asked.port else { return [] }
        // What policies know names from.
        if let name = names?.name, "\(name.source.word)" == "dns",
            let need = LearnedNeed(name: Array(name.name.slice), port: port, transport)
        {
            return [need]
        }
        return [LearnedNeed(.connect, address, port: port, transport)]
    }

    private var violationNeeds: [LearnedNeed] {
        if case .guarded(let violation, _) = fact { return Self.guardedNeeds(violation) }
        guard case .violation(let violation, _) = fact else { return [] }
        if violation.socket != nil { return [LearnedNeed(.raw, .all)] }
        guard let address = violation.endpoint.address else { return [] }
        let transport: NetTarget.Transport? =
            switch UInt32(violation.fixed.protocol) {
            case UInt32(WIRE_PROTOCOL_UDP): .udp
            case UInt32(WIRE_PROTOCOL_TCP), 262: .tcp  // MPTCP
            default: nil
            }
        if violation.isQuestion {
            return [violation.name.flatMap { LearnedNeed(askedFor: Array($0.slice)) }].compactMap { $0 }
        }
        if !violation.isListen, let name = violation.name,
            let need = LearnedNeed(name: Array(name.slice), port: violation.endpoint.port, transport)
        {
            return [need]
        }
        let operation = violation.isListen ? PolicyOperation.listen : .connect
        return [LearnedNeed(operation, address, port: violation.endpoint.port, transport)]
    }

    private static func guardedNeeds(_ violation: GuardRecord) -> [LearnedNeed] {
        let operation: PolicyOperation
        switch UInt32(violation.fixed.operation) {
        case WIRE_GUARD_EXEC.rawValue: operation = .execute
        case WIRE_GUARD_READ.rawValue: operation = .read
        default: operation = .write
        }
        if operation == .execute, violation.has(WIRE_GUARD_UNLINKED) { return [LearnedNeed(.execute, .memfd)] }
        let path = violation.path.map { FilePath.resolved($0).hostPathBytes }
        return [path.flatMap { LearnedNeed(operation, path: $0) }].compactMap { $0 }
    }

    private static func fileNeeds(_ file: FileFact) -> [LearnedNeed] {
        guard file.error == nil else { return [] }
        return operations(of: file).flatMap { operation in
            [file.path, file.originalPath].compactMap { $0 }
                .compactMap { LearnedNeed(operation, path: $0.hostPathBytes) }
        }
    }

    /// What rules call that which was done to a file.
    static func operations(of file: FileFact) -> [PolicyOperation] {
        switch file.operation {
        case .open:
            guard file.record.has(WIRE_FILE_HAS_FLAGS) else { return [.read] }
            return switch file.record.fixed.open_flags & 3 {
            case 0: [.read]
            case 1: [.write]
            default: [.read, .write]
            }
        case .read: return [.read]
        case .execMap, .mount, .umount, .pivotRoot: return []
        case .create, .write, .rename, .unlink, .link, .symlink, .mkdir, .rmdir, .mknod, .chmod, .chown, .truncate,
            .setxattr, .removexattr:
            return [.write]
        }
    }
}
