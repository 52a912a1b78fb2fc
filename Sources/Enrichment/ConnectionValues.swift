// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

extension ConnectionRecord {
    /// The value of a field that is about connections.
    func value(of field: Field) -> FieldValue {
        func count(_ value: UInt64?) -> FieldValue { value.map { .integer(Int64(clamping: $0)) } ?? .absent }
        let incoming = isIncoming == true
        return switch field {
        case .sourceIP: .init(source.address)
        case .sourcePort: count(source.port.map(UInt64.init))
        case .sourceBytes: count(incoming ? traffic?.received : traffic?.sent)
        case .sourcePackets: count((incoming ? traffic?.segmentsReceived : traffic?.segmentsSent).map(UInt64.init))
        case .destinationIP: .init(destination.address)
        case .destinationPort: count(destination.port.map(UInt64.init))
        case .destinationBytes: count(incoming ? traffic?.sent : traffic?.received)
        case .destinationPackets: count((incoming ? traffic?.segmentsSent : traffic?.segmentsReceived).map(UInt64.init))
        case .destinationNatIP: .init(translated?.address)
        case .destinationNatPort: count(translated?.port.map(UInt64.init))
        case .networkType: networkType.map { .word($0) } ?? .absent
        case .networkTransport: .word(isUDP ? "udp" : "tcp")
        case .networkDirection: isIncoming.map { .word($0 ? "ingress" : "egress") } ?? .absent
        case .networkBytes: count(traffic.map { $0.sent &+ $0.received })
        case .ebpfguardCloseReason: closeReason.map { .word($0) } ?? .absent
        case .ebpfguardOpenedBefore: has(WIRE_CONNECTION_EARLIER) ? .bool(true) : .absent
        case .ebpfguardRoundTrip: count(roundTrip)
        case .ebpfguardRetransmits: count(retransmits.map(UInt64.init))
        case .ebpfguardNetworkNamespace: .identifier(UInt64(fixed.namespace))
        default: .absent
        }
    }

    private var networkType: StaticString? {
        (remote.address ?? local.address).map { $0.count == 4 ? "ipv4" : "ipv6" }
    }
}

extension FieldValue {
    init(_ address: IPAddress?) {
        self = address.map { .address($0) } ?? .absent
    }
}
