// SPDX-License-Identifier: Apache-2.0

package import CWire

/// What a UNIX socket went through: connect, accept, what makes it one that is found, its end; or that it is there.
package final class UnixRecord: Sendable {
    package let fixed: wire_unix
    /// The path, or "@" and an abstract name; `nil` for a socket without a name.
    package let address: Bytes?

    package init(decoding span: RawSpan) throws(DecodeError) {
        let fixed = try span.load(wire_unix.self)
        guard Int(fixed.address_size) <= Int(WIRE_UNIX_ADDRESS) else { throw .partsTooLong }
        self.fixed = fixed
        let start = MemoryLayout<wire_unix>.offset(of: \.address)!
        address = Self.address(span.copy(start..<start + Int(fixed.address_size)))
    }

    /// A path that begins with "@" gets "./" in front: it is the same path, and can't be taken for an abstract name.
    private static func address(_ name: [UInt8]) -> Bytes? {
        guard let first = name.first else { return nil }
        if first == 0 { return Bytes([UInt8(ascii: "@")] + name.dropFirst()) }
        let path = Array(name.prefix { $0 != 0 })
        return Bytes(first == UInt8(ascii: "@") ? Array("./".utf8) + path : path)
    }

    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }
    package var operation: UInt32 { UInt32(fixed.operation) }
    /// Who is on the other side, as far as the kernel tells; `nil` where nobody is known.
    package var peer: wire_task? {
        guard fixed.peer != 0 else { return nil }
        var task = wire_task()
        task.pid = fixed.peer
        task.start = fixed.peer_start
        task.comm = fixed.peer_comm
        return task
    }
    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }

    /// Whether it waits for others, or did.
    package var isListener: Bool { has(WIRE_CONNECTION_LISTENER) || operation == WIRE_UNIX_LISTEN.rawValue }
    /// Whether both ends were made at once.
    package var isPair: Bool { has(UInt32(WIRE_UNIX_PAIR)) }
    /// Whether the other side asked for the connection; `nil` where nobody did, or it is not known who.
    package var isIncoming: Bool? {
        if has(WIRE_CONNECTION_INCOMING) { return true }
        return has(WIRE_CONNECTION_OUTGOING) ? false : nil
    }

    /// Nanoseconds from the beginning to the end; `nil` where either is not known.
    package var duration: UInt64? {
        let isEnd = operation == WIRE_UNIX_CLOSE.rawValue || operation == WIRE_UNIX_OPEN.rawValue
        let unknown = [WIRE_CONNECTION_EARLIER, WIRE_CONNECTION_NO_START, UInt32(WIRE_UNIX_NO_END)]
        return isEnd && !unknown.contains(where: has) ? fixed.duration : nil
    }

    /// Up to now, from this side to the other and back; `nil` where it is not known.
    package var traffic: Traffic? {
        let isEnd = operation == WIRE_UNIX_CLOSE.rawValue || operation == WIRE_UNIX_OPEN.rawValue
        guard isEnd, !has(WIRE_CONNECTION_EARLIER), !has(UInt32(WIRE_UNIX_UNCOUNTED)), !isListener || isDatagram else {
            return nil
        }
        let hasPackets = fixed.type != Self.stream
        return Traffic(
            sent: fixed.sent, received: fixed.received, packetsSent: hasPackets ? fixed.packets_sent : nil,
            packetsReceived: hasPackets ? fixed.packets_received : nil)
    }

    package struct Traffic: Equatable, Sendable {
        package let sent, received: UInt64
        /// None of a stream.
        package let packetsSent, packetsReceived: UInt32?
    }

    /// How it ended.
    package var closeReason: StaticString? {
        guard operation == WIRE_UNIX_CLOSE.rawValue else { return nil }
        return connectionEndName(fixed.end)
    }

    private static let stream: UInt16 = 1
    private static let datagram: UInt16 = 2
    private var isDatagram: Bool { fixed.type == Self.datagram }

    /// The positive errno of what failed.
    package var error: Int32? { fixed.error > 0 ? fixed.error : nil }
    package var type: StaticString? { socketTypeName(fixed.type) }
}
