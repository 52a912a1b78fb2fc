// SPDX-License-Identifier: Apache-2.0

package import CWire

/// Packets that the kernel dropped for one reason, alike in addresses and ports. Most often one.
package final class DropRecord: Sendable {
    package let fixed: wire_drop
    /// `nil` where only the reason is known.
    package let source, destination: IPAddress?

    package init(decoding span: RawSpan) throws(DecodeError) {
        fixed = try span.load(wire_drop.self)
        let addresses = MemoryLayout<wire_drop>.offset(of: \.dropped.source)!
        guard UInt32(fixed.header.flags) & WIRE_DROP_NO_PACKET == 0 else {
            source = nil
            destination = nil
            return
        }
        let width = fixed.dropped.family == 2 ? 4 : 16
        source = span.address(at: addresses, width)
        destination = span.address(at: addresses + 16, width)
    }

    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }
    package var count: UInt64 { fixed.count }
    package var hasOwner: Bool { fixed.task.pid != 0 }
    package var sourcePort: UInt16? { port(fixed.dropped.source_port) }
    package var destinationPort: UInt16? { port(fixed.dropped.destination_port) }
    /// Of IP; `nil` where only the reason is known.
    package var `protocol`: UInt16? { source == nil ? nil : fixed.dropped.protocol }
    /// The kernel's number; `nil` where it tells none.
    package var reason: UInt32? { has(WIRE_DROP_NO_REASON) ? nil : fixed.dropped.reason }
    /// Whether it tells of further ones like one that was told.
    package var isMore: Bool { has(WIRE_DROP_MORE) }

    private func port(_ number: UInt16) -> UInt16? { source == nil || number == 0 ? nil : number }

    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }
}

/// The name of a protocol of IP by its number, as ECS has it; `nil` for a rare one.
package func protocolName(_ number: UInt16) -> StaticString? {
    switch number {
    case 1: "icmp"
    case 2: "igmp"
    case 4: "ipip"
    case 6: "tcp"
    case 17: "udp"
    case 33: "dccp"
    case 41: "ipv6"
    case 47: "gre"
    case 50: "esp"
    case 51: "ah"
    case 58: "ipv6-icmp"
    case 89: "ospf"
    case 103: "pim"
    case 112: "vrrp"
    case 132: "sctp"
    case 136: "udplite"
    default: nil
    }
}
