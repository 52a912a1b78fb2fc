// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Puts targets together that are another one in each run: ports that the kernel picks, shards of a service, addresses of
/// one network.
enum TargetGeneralizer {
    /// This many names below one, or addresses in one network, stand for all.
    private static let many = 8
    /// The kernel picks ports from here on: net.ipv4.ip_local_port_range.
    private static let ephemeral: UInt16 = 32768

    typealias Entry = (target: NetTarget, evidence: LearnedEvidence)

    static func generalized(_ entries: [Entry]) -> [Entry] {
        let withoutPorts = entries.map { (entry: Entry) -> Entry in
            guard let port = entry.target.port, port >= ephemeral else { return entry }
            let target = NetTarget(host: entry.target.host, port: nil, transport: entry.target.transport)
            return (target, entry.evidence)
        }
        let merged = merge(withoutPorts)
        var sizes: [NetTarget: Int] = [:]
        for entry in merged { if let wider = wider(entry.target) { sizes[wider, default: 0] += 1 } }
        return merge(
            merged.map { entry in
                guard let wider = wider(entry.target), sizes[wider, default: 0] >= many else { return entry }
                return (wider, entry.evidence)
            })
    }

    private static func merge(_ entries: [Entry]) -> [Entry] {
        var merged: [NetTarget: LearnedEvidence] = [:]
        for (target, evidence) in entries {
            if merged[target] == nil { merged[target] = evidence } else { merged[target]!.add(evidence) }
        }
        return merged.map { ($0.key, $0.value) }
    }

    /// The same of all names beside this one, where they belong to one owner, or of its network. Not of the loopback: there
    /// each address is somebody else.
    private static func wider(_ target: NetTarget) -> NetTarget? {
        let host: NetTarget.Host
        switch target.host {
        case .name(let name):
            guard let dot = name.firstIndex(of: UInt8(ascii: ".")) else { return nil }
            let suffix = Array(name[(dot + 1)...])
            // Below co.uk as below com there are many owners.
            guard NamePattern.labels(of: suffix) >= 3 else { return nil }
            host = .below(suffix)
        case .network(let prefix) where prefix.length == prefix.first.count * 8:
            let length = prefix.length == 32 ? 24 : 64
            guard AddressClass(prefix.first) != .loopback, let network = IPPrefix(prefix.first, length: length) else {
                return nil
            }
            host = .network(network)
        case .any, .network, .below: return nil
        }
        return NetTarget(host: host, port: target.port, transport: target.transport)
    }
}
