// SPDX-License-Identifier: Apache-2.0

/// Where an address leads: as far as the address itself tells, and beyond that which are the node's and those of pods.
package enum AddressClass: Sendable {
    case unspecified, loopback, linkLocal, metadata, `private`, multicast, broadcast, `public`
    /// Of this node or another one, and of a pod: nothing in the address says so.
    case node, pod

    package var name: StaticString {
        switch self {
        case .unspecified: "unspecified"
        case .loopback: "loopback"
        case .linkLocal: "link_local"
        case .metadata: "metadata"
        case .private: "private"
        case .multicast: "multicast"
        case .broadcast: "broadcast"
        case .public: "public"
        case .node: "node"
        case .pod: "pod"
        }
    }

    package init(_ address: IPAddress) {
        let address = address.unmapped
        self = Self.prefixes.first { $0.prefix.contains(address) }?.kind ?? .public
    }

    /// The first that fits counts.
    private static let prefixes: [(prefix: IPPrefix, kind: AddressClass)] = [
        // Where clouds hand out credentials: AWS, Azure, Google and most others; AWS by IPv6; Alibaba; Azure's host agent.
        ("169.254.169.254", 32, .metadata), ("fd00:ec2::254", 128, .metadata), ("100.100.100.200", 32, .metadata),
        ("168.63.129.16", 32, .metadata),
        ("127.0.0.0", 8, .loopback), ("::1", 128, .loopback),
        ("0.0.0.0", 32, .unspecified), ("::", 128, .unspecified),
        ("169.254.0.0", 16, .linkLocal), ("fe80::", 10, .linkLocal),
        ("10.0.0.0", 8, .private), ("172.16.0.0", 12, .private), ("192.168.0.0", 16, .private),
        ("100.64.0.0", 10, .private),  // shared by a carrier's customers; clouds give it to pods
        ("fc00::", 7, .private),
        ("224.0.0.0", 4, .multicast), ("ff00::", 8, .multicast), ("255.255.255.255", 32, .broadcast),
    ].map { text, length, kind in
        guard let address = IPAddress(text), let prefix = IPPrefix(address, length: length) else {
            preconditionFailure("\(text) is no address")
        }
        return (prefix, kind)
    }
}
