// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

/// What happens on the network that is no connection of the Internet and has no message in it.
package enum NetworkFact: Sendable {
    /// With the kernel's name of the reason, where it has one.
    case drop(DropRecord, reason: Bytes?)
    case rawSocket(RawSocketRecord)
    case unix(UnixRecord)
    /// With the rule that it violates, where that is known.
    case violation(ViolationRecord, ViolatedRule?)
    /// The same of rules about programs and files: no fact of the network, and told the same way.
    case guarded(GuardRecord, ViolatedRule?)
    /// What a detector has found, told the same way too.
    case detection(DetectionFact)

    /// EPERM
    private static let notPermitted: Int32 = 1

    /// The positive errno of what failed.
    var error: Int32? {
        switch self {
        case .drop, .detection: nil
        case .rawSocket(let socket): socket.error
        case .unix(let unix): unix.error
        case .violation(let violation, _): violation.fails ? Self.notPermitted : nil
        case .guarded(let violation, _): violation.hasFailed ? Self.notPermitted : nil
        }
    }

    /// Whether what a policy is against was stopped; `nil` for what is no violation.
    package var isEnforced: Bool? {
        switch self {
        case .violation(let violation, _): violation.isEnforced
        case .guarded(let violation, _): violation.isEnforced
        case .detection(let detection): detection.isEnforced
        case .drop, .rawSocket, .unix: nil
        }
    }

    /// `event.type`.
    var types: [StaticString] {
        switch self {
        case .drop: ["info"]
        case .detection(let detection): detection.isEnforced ? ["denied"] : ["info"]
        case .rawSocket(let socket): [socket.isEarlier ? "info" : "start"]
        case .violation, .guarded: [isEnforced == true ? "denied" : "allowed"]
        case .unix(let unix):
            switch unix.operation {
            case WIRE_UNIX_OPEN.rawValue: ["info"]
            case WIRE_UNIX_CLOSE.rawValue: unix.isListener ? ["end"] : ["connection", "end"]
            default: unix.isListener ? ["start"] : ["connection", "start"]
            }
        }
    }

    /// Nanoseconds.
    var duration: UInt64? {
        if case .unix(let unix) = self { unix.duration } else { nil }
    }

    /// `event.outcome`.
    var outcome: StaticString? {
        switch self {
        case .drop, .detection: nil
        case .rawSocket(let socket): socket.isEarlier ? nil : socket.error == nil ? "success" : "failure"
        case .unix(let unix):
            unix.operation == WIRE_UNIX_OPEN.rawValue ? nil : unix.error == nil ? "success" : "failure"
        case .violation, .guarded: isEnforced == true ? "failure" : "success"
        }
    }

    /// The value of a field that only the network decides; `nil` for another.
    func value(of field: Field) -> FieldValue? {
        switch self {
        case .drop(let drop, let reason): drop.value(of: field, reason: reason)
        case .rawSocket(let socket): socket.value(of: field)
        case .unix(let unix): unix.value(of: field)
        case .violation(let violation, let rule): violation.value(of: field, rule)
        case .guarded(let violation, let rule): violation.value(of: field, rule)
        case .detection(let detection): detection.value(of: field)
        }
    }
}

extension DropRecord {
    fileprivate func value(of field: Field, reason: Bytes?) -> FieldValue? {
        switch field {
        case .sourceIP: .init(source)
        case .sourcePort: sourcePort.map { .integer(Int64($0)) } ?? .absent
        case .destinationIP: .init(destination)
        case .destinationPort: destinationPort.map { .integer(Int64($0)) } ?? .absent
        case .networkType: source.map { .word($0.count == 4 ? "ipv4" : "ipv6") } ?? .absent
        case .networkTransport: self.protocol.flatMap { protocolName($0) }.map { .word($0) } ?? .absent
        case .networkIANANumber: self.protocol.map { .identifier(UInt64($0)) } ?? .absent
        case .ebpfguardNetworkNamespace:
            fixed.dropped.namespace == 0 ? .absent : .identifier(UInt64(fixed.dropped.namespace))
        case .ebpfguardDropReason: reason.map { .text($0) } ?? self.reason.map { .identifier(UInt64($0)) } ?? .absent
        case .ebpfguardDropCount: .integer(Int64(clamping: count))
        default: nil
        }
    }
}

/// What events say of a rule of a policy.
package struct ViolatedRule: Sendable {
    package let text: Bytes
    /// file:line
    package let reference: Bytes
    /// What it is about, such as "net listen".
    package let operation: Bytes

    package init(text: Bytes, reference: Bytes, operation: Bytes) {
        self.text = text
        self.reference = reference
        self.operation = operation
    }
}

/// The value of a field that all violations have, whatever they are of; `nil` for another.
func violationValue(
    of field: Field, _ rule: ViolatedRule?, verdict: StaticString, isEnforced: Bool
) -> FieldValue? {
    switch field {
    case .eventKind: .word("alert")
    case .ruleName: .init(rule?.text)
    case .ruleCategory: .init(rule?.operation)
    case .ruleReference: .init(rule?.reference)
    case .ebpfguardVerdict: .word(verdict)
    case .ebpfguardEnforced: .bool(isEnforced)
    default: nil
    }
}

extension ViolationRecord {
    fileprivate func value(of field: Field, _ rule: ViolatedRule?) -> FieldValue? {
        if let socket {
            return socket.value(of: field) ?? violationValue(of: field, rule, verdict: verdict, isEnforced: isEnforced)
        }
        return switch field {
        case .destinationIP: .init(endpoint.address)
        case .destinationPort: endpoint.port.map { .integer(Int64($0)) } ?? .absent
        case .networkType: endpoint.address.map { .word($0.count == 4 ? "ipv4" : "ipv6") } ?? .absent
        // MPTCP is TCP on the wire, and has a number of its own for sockets only.
        case .networkTransport:
            fixed.protocol == 262 ? .word("tcp") : protocolName(fixed.protocol).map { .word($0) } ?? .absent
        case .networkDirection: .word(isListen ? "ingress" : "egress")
        case .destinationDomain: isQuestion ? .absent : .init(name)
        case .ebpfguardNameSource: isQuestion || name == nil ? .absent : .word("dns")
        case .ebpfguardNameShared: fixed.others == 0 ? .absent : .integer(Int64(fixed.others))
        case .dnsQuestionName: isQuestion ? .init(name) : .absent
        case .networkProtocol: isQuestion ? .word("dns") : .absent
        default: violationValue(of: field, rule, verdict: verdict, isEnforced: isEnforced)
        }
    }
}

extension RawSocketRecord {
    fileprivate func value(of field: Field) -> FieldValue? {
        switch field {
        case .networkType: hasIP ? .word(fixed.family == 2 ? "ipv4" : "ipv6") : .absent
        case .networkTransport: hasIP ? protocolName(number).map { .word($0) } ?? .absent : .absent
        case .networkIANANumber: hasIP ? .identifier(UInt64(number)) : .absent
        case .ebpfguardNetworkNamespace: .identifier(UInt64(fixed.namespace))
        case .ebpfguardSocketFamily: .word(family)
        case .ebpfguardSocketType: type.map { .word($0) } ?? .identifier(UInt64(fixed.type))
        case .ebpfguardSocketProtocol: isPacket ? .text(etherType) : .absent
        default: nil
        }
    }

    private var hasIP: Bool { !isPacket && !isXDP }
    private var number: UInt16 { UInt16(truncatingIfNeeded: fixed.protocol) }

    /// Four digits, as in tcpdump(8).
    private var etherType: Bytes {
        let digits = String(fixed.protocol, radix: 16)
        return Bytes("0x" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits)
    }
}

extension UnixRecord {
    fileprivate func value(of field: Field) -> FieldValue? {
        func count(_ value: UInt64?) -> FieldValue { value.map { .integer(Int64(clamping: $0)) } ?? .absent }
        func count(_ value: UInt32?) -> FieldValue { count(value.map(UInt64.init)) }
        // What waits for others was asked by them.
        let incoming = isListener || isIncoming == true
        return switch field {
        case .sourceBytes: count(incoming ? traffic?.received : traffic?.sent)
        case .sourcePackets: count(incoming ? traffic?.packetsReceived : traffic?.packetsSent)
        case .destinationAddress: .init(address)
        case .destinationBytes: count(incoming ? traffic?.sent : traffic?.received)
        case .destinationPackets: count(incoming ? traffic?.packetsSent : traffic?.packetsReceived)
        case .networkTransport: .word("unix")
        case .networkDirection: isIncoming.map { .word($0 ? "ingress" : "egress") } ?? .absent
        case .networkBytes: count(traffic.map { $0.sent &+ $0.received })
        case .ebpfguardCloseReason: closeReason.map { .word($0) } ?? .absent
        case .ebpfguardOpenedBefore: has(WIRE_CONNECTION_EARLIER) ? .bool(true) : .absent
        case .ebpfguardSocketPair: isPair ? .bool(true) : .absent
        case .ebpfguardNetworkNamespace: .identifier(UInt64(fixed.namespace))
        case .ebpfguardSocketType: type.map { .word($0) } ?? .identifier(UInt64(fixed.type))
        default: nil
        }
    }
}
