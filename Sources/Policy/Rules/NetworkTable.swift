// SPDX-License-Identifier: Apache-2.0

package import CWire
internal import Events

/// What is decided for networks, ports and protocols, of one operation, as the kernel programs look it up.
///
/// The longest network that an address is in is found by a binary search over the lengths that there are, in a hash: a
/// network is hit at its length, and on the way to it there are markers that say that it is worth looking for longer ones
/// (Waldvogel and others, Scalable High Speed IP Routing Lookups, 1997). So a decision takes as many look-ups as there are
/// bits in the number of lengths, at most 6 for IPv4 and 8 for IPv6, and not more for more networks.
package struct NetworkTable: Sendable {
    struct Key: Hashable, Sendable {
        let prefix: IPPrefix
        let port: UInt16?
        let transport: NetTarget.Transport?

        func with(length: Int) -> Key? {
            IPPrefix(prefix.first, length: length).map { Key(prefix: $0, port: port, transport: transport) }
        }

        var isIPv6: Bool { prefix.first.count != 4 }
    }

    private(set) var decisions: [Key: wire_decision] = [:]
    /// A bit for each shape that some key has.
    package private(set) var shapes: UInt32 = 0
    private var lengths4: Set<Int> = []
    private var lengths6: Set<Int> = []

    init(capacity: Int = 0) { decisions.reserveCapacity(capacity) }

    mutating func set(_ key: Key, _ decision: wire_decision) {
        decisions[key] = decision
        shapes |= 1 << Self.shape(key)
        if key.isIPv6 { lengths6.insert(key.prefix.length) } else { lengths4.insert(key.prefix.length) }
    }

    private static func shape(_ key: Key) -> UInt32 {
        (key.port == nil ? 0 : UInt32(WIRE_SHAPE_PORT)) | (key.transport == nil ? 0 : UInt32(WIRE_SHAPE_PROTOCOL))
    }

    /// The lengths that networks have, in their order.
    package var lengths: (wire_lengths, wire_lengths) { (Self.wire(lengths4.sorted()), Self.wire(lengths6.sorted())) }

    private static func wire(_ lengths: [Int]) -> wire_lengths {
        var wire = wire_lengths()
        wire.count = UInt32(lengths.count)
        unsafe withUnsafeMutableBytes(of: &wire.bits) { bytes in
            for (index, length) in lengths.enumerated() { unsafe bytes[index] = UInt8(length) }
        }
        return wire
    }

    /// Keys and what they decide, with markers among them.
    package func entries() -> [(key: wire_target, decision: wire_decision)] {
        let lengths = (lengths4.sorted(), lengths6.sorted())
        var markers: [Key: wire_decision] = [:]
        for key in decisions.keys {
            let lengths = key.isIPv6 ? lengths.1 : lengths.0
            var (low, high) = (0, lengths.count)
            while low < high {
                let middle = (low + high) / 2
                if lengths[middle] == key.prefix.length { break }
                if lengths[middle] > key.prefix.length {
                    high = middle
                    continue
                }
                low = middle + 1
                guard let marker = key.with(length: lengths[middle]), decisions[marker] == nil, markers[marker] == nil
                else { continue }
                markers[marker] = decision(of: marker, among: lengths[..<middle])
            }
        }
        var entries: [(key: wire_target, decision: wire_decision)] = []
        entries.reserveCapacity(decisions.count + markers.count)
        for (key, decision) in decisions { entries.append((Self.wire(key), decision)) }
        for (key, decision) in markers { entries.append((Self.wire(key), decision)) }
        return entries
    }

    /// That of the longest network that this one is in: nothing, with a rank that is above no other one's, where there is
    /// none.
    private func decision(of key: Key, among lengths: ArraySlice<Int>) -> wire_decision {
        for length in lengths.reversed() {
            if let found = key.with(length: length).flatMap({ decisions[$0] }) { return found }
        }
        return wire_decision()
    }

    private static func wire(_ key: Key) -> wire_target {
        var target = wire_target()
        target.bits = UInt32(key.prefix.length)
        target.family = UInt8(key.isIPv6 ? WIRE_FAMILY_IPV6 : WIRE_FAMILY_IPV4)
        target.port = key.port ?? 0
        target.protocol = PolicyLowering.number(of: key.transport)
        unsafe withUnsafeMutableBytes(of: &target.address) { bytes in
            for index in 0..<key.prefix.first.count { unsafe bytes[index] = key.prefix.first[index] }
        }
        return target
    }
}
