// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Which addresses are the node's own, or another node's, and which are those of pods.
struct NodeAddresses: Equatable {
    private struct Length: Hashable {
        let count, bits: Int
    }

    private var nodes: Set<IPAddress> = []
    /// By the length of the prefix: pods may be thousands.
    private var pods: [Length: Set<IPAddress>] = [:]
    private var size = 0

    private static let limit = 32_768
    /// Shorter ones are no network of pods: a default route may lead through the bridge that pods are at.
    private static let shortest = [4: 8, 16: 16]

    mutating func add(node address: IPAddress) {
        let address = address.unmapped
        guard size < Self.limit, nodes.insert(address).inserted else { return }
        size += 1
    }

    mutating func add(pods prefix: IPPrefix) {
        guard size < Self.limit, prefix.length >= Self.shortest[prefix.first.count] ?? 0 else { return }
        let length = Length(count: prefix.first.count, bits: prefix.length)
        if pods[length, default: []].insert(prefix.first).inserted { size += 1 }
    }

    func isPod(_ address: IPAddress) -> Bool {
        let address = address.unmapped
        return pods.contains { length, prefixes in
            length.count == address.count && prefixes.contains(address.keeping(bits: length.bits))
        }
    }

    func kind(of address: IPAddress) -> AddressClass? {
        nodes.contains(address.unmapped) ? .node : isPod(address) ? .pod : nil
    }

    // MARK: As a recording has them

    /// For each: 0 for a node and 1 for pods, how many bytes, how many bits, and the bytes. In order, so that the same ones
    /// are written the same.
    var bytes: Bytes {
        func entry(_ kind: UInt8, _ address: IPAddress, _ bits: Int) -> [UInt8] {
            [kind, UInt8(address.count), UInt8(bits)] + (0..<address.count).map { address[$0] }
        }
        let entries =
            nodes.map { entry(0, $0, $0.count * 8) }
            + pods.flatMap { length, prefixes in prefixes.map { entry(1, $0, length.bits) } }
        return Bytes(entries.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 })
    }

    init() {}

    init(_ bytes: Bytes) {
        var rest = bytes.slice
        while rest.count >= 3 {
            let head = Array(rest.prefix(3))
            let address = Array(rest.dropFirst(3).prefix(Int(head[1])))
            rest = rest.dropFirst(3 + Int(head[1]))
            guard address.count == Int(head[1]), let address = IPAddress(address.span) else { return }
            if head[0] == 0 {
                add(node: address)
            } else if let prefix = IPPrefix(address, length: Int(head[2])) {
                add(pods: prefix)
            }
        }
    }
}

/// Says of what class addresses are, and looks again where that is not known.
struct AddressClasses {
    private let lookups: Lookups
    private var known: NodeAddresses?
    private var asked: UInt64 = 0
    private var pause = Self.shortestPause

    /// Nanoseconds. Doubled each time that nothing has changed.
    private static let shortestPause: UInt64 = 5_000_000_000
    private static let longestPause: UInt64 = 60_000_000_000

    init(lookups: Lookups) {
        self.lookups = lookups
    }

    /// At the time of an event, so that a replay asks when the run did.
    mutating func kind(of address: IPAddress, now: UInt64) -> AddressClass {
        let plain = AddressClass(address)
        guard plain == .private || plain == .public else { return plain }
        if let kind = known?.kind(of: address) { return kind }
        guard known == nil || (now > asked && now - asked >= pause) else { return plain }
        let found = lookups.nodeAddresses()
        pause = found == known ? min(2 * pause, Self.longestPause) : Self.shortestPause
        asked = now
        known = found
        return found.kind(of: address) ?? plain
    }
}
