// SPDX-License-Identifier: Apache-2.0

package import CWire

/// What happened to a connection, to a flow of UDP, or to a socket that listens or is bound. A class: it is large, and asked for one field after another.
package final class ConnectionRecord: Sendable {
    package let fixed: wire_connection

    package init(_ fixed: wire_connection) {
        self.fixed = fixed
    }

    /// An address with its port; `nil` inside where the kernel had none.
    package struct Endpoint: Equatable, Sendable {
        package let address: IPAddress?
        package let port: UInt16?

        package init(_ wire: wire_address) {
            let address = unsafe withUnsafeBytes(of: wire.bytes) { bytes in
                unsafe IPAddress(Span(_unsafeElements: bytes.assumingMemoryBound(to: UInt8.self)))
            }
            self.address = address?.unmapped
            port = wire.port == 0 ? nil : wire.port
        }

        /// Of a socket that was not bound, or not connected.
        fileprivate init() {
            address = nil
            port = nil
        }
    }

    package var kind: UInt32 { UInt32(fixed.header.kind) }
    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }

    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }

    package var isUDP: Bool { fixed.protocol == UInt16(WIRE_PROTOCOL_UDP) }
    /// Whether it is a flow that asks a DNS server. Of one that could not be sent nothing else tells.
    package var isLookup: Bool {
        isUDP && isIncoming == false && error == nil && (fixed.remote.port == 53 || asked.port == 53)
    }

    /// Whether somebody is known who connected, accepted or listens.
    package var hasOwner: Bool { fixed.task.pid != 0 }
    package var isListener: Bool { has(WIRE_CONNECTION_LISTENER) || kind == WIRE_LISTEN.rawValue }
    /// Whether the other side asked for the connection; `nil` where that is not known.
    package var isIncoming: Bool? {
        if isListener { return nil }
        if has(WIRE_CONNECTION_INCOMING) { return true }
        return has(WIRE_CONNECTION_OUTGOING) ? false : nil
    }

    /// This side's.
    package var local: Endpoint {
        // An attempt that failed before it had an address of its own.
        if fixed.local.port == 0, isUnspecified(fixed.local), !isListener { return Endpoint() }
        return Endpoint(fixed.local)
    }

    /// The other side's, as the socket has it; none of a socket that listens.
    package var remote: Endpoint { isListener ? Endpoint() : Endpoint(fixed.remote) }

    /// The address that the process asked for.
    package var asked: Endpoint { has(WIRE_CONNECTION_ASKED) ? Endpoint(fixed.asked) : remote }

    /// Who asked for the connection. Where that is not known: this side.
    package var source: Endpoint { isListener ? Endpoint() : isIncoming == true ? remote : local }

    /// Who was asked; for a socket that listens, its own address.
    package var destination: Endpoint { isListener || isIncoming == true ? local : asked }

    /// Where the connection leads, when that is not what was asked for.
    package var translated: Endpoint? { has(WIRE_CONNECTION_ASKED) ? remote : nil }

    /// Nanoseconds; `nil` where the beginning is not known.
    package var duration: UInt64? {
        guard kind != WIRE_LISTEN.rawValue, kind != WIRE_UDP.rawValue, !has(WIRE_CONNECTION_EARLIER),
            !has(WIRE_CONNECTION_NO_START)
        else { return nil }
        return fixed.duration
    }

    /// Bytes and segments up to now, from this side to the other and back; `nil` where there were none to count yet.
    package var traffic: Traffic? {
        guard [WIRE_CLOSE, WIRE_SOCKET, WIRE_UDP].contains(where: { $0.rawValue == kind }), !isListener,
            !isUDP || !has(WIRE_CONNECTION_EARLIER),  // the kernel counts only those of TCP for itself
            kind != WIRE_UDP.rawValue || error == nil  // a send that failed
        else { return nil }
        return Traffic(
            sent: fixed.sent, received: fixed.received, segmentsSent: fixed.segments_sent,
            segmentsReceived: fixed.segments_received)
    }

    package struct Traffic: Equatable, Sendable {
        package let sent, received: UInt64
        package let segmentsSent, segmentsReceived: UInt32
    }

    /// The positive errno of what failed.
    package var error: Int32? { fixed.error > 0 ? fixed.error : nil }

    /// How it ended.
    package var closeReason: StaticString? { connectionEndName(fixed.end) }

    /// Segments that were sent again, of a connection or an attempt that is over.
    package var retransmits: UInt32? {
        guard !isUDP else { return nil }
        return (kind == WIRE_CONNECT.rawValue && duration != nil) || traffic != nil ? fixed.retransmits : nil
    }

    /// Nanoseconds, smoothed.
    package var roundTrip: UInt64? { fixed.round_trip == 0 ? nil : UInt64(fixed.round_trip) * 1000 }

    private func isUnspecified(_ address: wire_address) -> Bool {
        unsafe withUnsafeBytes(of: address.bytes) { bytes in
            unsafe bytes.prefix(10).allSatisfy { $0 == 0 } && bytes.suffix(4).allSatisfy { $0 == 0 }
        }
    }
}

/// How a connection or flow ended, by its number in `wire_tcp_end`; `nil` for one that has not.
func connectionEndName(_ end: UInt16) -> StaticString? {
    switch wire_tcp_end(UInt32(end)) {
    case WIRE_TCP_CLOSED: "closed"
    case WIRE_TCP_CLOSED_BY_PEER: "closed_by_peer"
    case WIRE_TCP_RESET: "reset"
    case WIRE_TCP_RESET_BY_PEER: "reset_by_peer"
    case WIRE_TCP_TIMED_OUT: "timed_out"
    case WIRE_UDP_IDLE: "idle"
    default: nil
    }
}
