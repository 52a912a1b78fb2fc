// SPDX-License-Identifier: Apache-2.0

package import CWire

/// A packet with a DNS message or the beginning of a TLS connection.
package struct MessageRecord: Sendable {
    package let fixed: wire_message
    /// As it left or arrived: the asker is the source of what was sent, and the destination of what was received.
    package let source: Endpoint
    package let destination: Endpoint
    /// The bytes that are here.
    package let payload: Bytes

    package init(decoding span: RawSpan) throws(DecodeError) {
        let fixed = try span.load(wire_message.self)
        let start = MemoryLayout<wire_message>.size
        guard start + Int(fixed.size) <= span.byteCount, UInt32(fixed.size) <= fixed.total else { throw .partsTooLong }
        self.fixed = fixed
        let width = fixed.family == 2 ? 4 : 16
        let addresses = MemoryLayout<wire_message>.offset(of: \.source)!
        guard
            let source = span.address(at: addresses, width), let destination = span.address(at: addresses + 16, width)
        else { throw .partsTooLong }
        self.source = Endpoint(address: source, port: fixed.source_port)
        self.destination = Endpoint(address: destination, port: fixed.destination_port)
        payload = Bytes(span.copy(start..<start + Int(fixed.size)))
    }

    package var time: UInt64 { fixed.header.time }
    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }
    package var isCut: Bool { UInt32(fixed.size) < fixed.total }
}

/// One end of a conversation.
package struct Endpoint: Hashable, Sendable {
    package let address: IPAddress
    package let port: UInt16

    package init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `nil` for one that is not known whole.
    package init?(_ endpoint: ConnectionRecord.Endpoint) {
        guard let address = endpoint.address, let port = endpoint.port else { return nil }
        self.init(address: address, port: port)
    }
}
