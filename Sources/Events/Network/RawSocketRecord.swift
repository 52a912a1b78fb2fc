// SPDX-License-Identifier: Apache-2.0

package import CWire

/// A raw or packet socket that was made, could not be made, or was there before.
package final class RawSocketRecord: Sendable {
    package let fixed: wire_raw_socket

    package init(_ fixed: wire_raw_socket) {
        self.fixed = fixed
    }

    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }
    /// The positive errno of what failed.
    package var error: Int32? { fixed.error > 0 ? fixed.error : nil }
    /// Whether it was there before the run.
    package var isEarlier: Bool { UInt32(fixed.header.flags) & WIRE_RAW_SOCKET_EARLIER != 0 }
    package var isPacket: Bool { fixed.family == 17 }
    package var isXDP: Bool { fixed.family == 44 }

    package var family: StaticString {
        switch fixed.family {
        case 2: "inet"
        case 10: "inet6"
        case 44: "xdp"
        default: "packet"
        }
    }

    package var type: StaticString? { socketTypeName(fixed.type) }
}

/// As ss(8) and socket(2) have them, in small letters.
package func socketTypeName(_ number: UInt16) -> StaticString? {
    switch number {
    case 1: "stream"
    case 2: "dgram"
    case 3: "raw"
    case 5: "seqpacket"
    case 10: "packet"
    default: nil
    }
}

/// The name of what a packet socket takes, by its EtherType; `nil` for a rare one.
package func etherTypeName(_ number: UInt32) -> StaticString? {
    switch number {
    case 0x0003: "all"
    case 0x0800: "ipv4"
    case 0x0806: "arp"
    case 0x86dd: "ipv6"
    case 0x888e: "eapol"
    case 0x88cc: "lldp"
    default: nil
    }
}
