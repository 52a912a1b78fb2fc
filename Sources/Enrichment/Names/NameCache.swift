// SPDX-License-Identifier: Apache-2.0

package import Events

/// A name of an address, and where it comes from.
package struct ResolvedName: Sendable {
    package enum Source: Sendable {
        /// An answer to a question from the same network namespace.
        case dns(Resolution, timeToLive: UInt32)
        /// What the client asked the server for by TLS.
        case sni
        /// /etc/hosts of the process's root.
        case hosts
    }

    package let name: Bytes
    package let source: Source
    /// How many other names led to the same address there; no more than 15 are known.
    package let others: Int

    package init(name: Bytes, source: Source, others: Int = 0) {
        self.name = name
        self.source = source
        self.others = others
    }

    /// Whether it is from an answer that this process got itself.
    func isOwn(_ process: ProcessKey?) -> Bool {
        if case .dns(let resolution, _) = source { process != nil && resolution.asker == process } else { false }
    }
}

/// The names that led to addresses, by network namespace: one container's answers say nothing of another's. They are kept
/// when their time to live is over, because programs do that too; how old they are is known.
struct NameCache {
    private struct Key: Hashable {
        let namespace: UInt32
        let address: IPAddress
    }

    private struct Name {
        let resolution: Resolution
        let timeToLive: UInt32
    }

    /// Latest first.
    private var names: Generations<Key, [Name]>

    /// At most twice `limit` names are kept.
    init(limit: Int) {
        names = Generations(limit: limit, weigh: \.count)
    }

    /// Of one address.
    static let namesLimit = 16
    /// Of one name of one address.
    static let askersLimit = 4

    mutating func add(
        _ resolution: Resolution, _ addresses: [(address: IPAddress, timeToLive: UInt32)], in namespace: UInt32
    ) {
        for (address, timeToLive) in addresses {
            let key = Key(namespace: namespace, address: address)
            var known = names.value(of: key) ?? []
            if let index = known.firstIndex(where: {
                $0.resolution.name == resolution.name && $0.resolution.asker == resolution.asker
            }) {
                known.remove(at: index)
            }
            known.insert(Name(resolution: resolution, timeToLive: timeToLive), at: 0)
            // A name that many ask for does not push out the others.
            let same = known.indices.filter { known[$0].resolution.name == resolution.name }
            if same.count > Self.askersLimit {
                known.remove(at: same[Self.askersLimit])
            } else if known.count > Self.namesLimit {
                known.removeLast()
            }
            names.set(known, of: key)
        }
    }

    /// The name that led to `address`: the last one that this process asked for, else the last of its namespace.
    mutating func name(of address: IPAddress, in namespace: UInt32, for process: ProcessKey?) -> ResolvedName? {
        guard let known = names.value(of: Key(namespace: namespace, address: address.unmapped)), let last = known.first
        else { return nil }
        let best = known.first { process != nil && $0.resolution.asker == process } ?? last
        var others: [Bytes] = []
        for name in known.map(\.resolution.name) where !(name == best.resolution.name) {
            if !others.contains(where: { $0 == name }) { others.append(name) }
        }
        return ResolvedName(
            name: best.resolution.name, source: .dns(best.resolution, timeToLive: best.timeToLive),
            others: others.count)
    }
}
