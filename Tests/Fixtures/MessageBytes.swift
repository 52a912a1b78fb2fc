// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

/// A packet's record in the making.
package struct MessageBytes {
    private var fixed = wire_message()
    private let payload: [UInt8]

    /// From `source` to `destination`, each like "10.0.0.1:53" or "[::1]:53".
    package init(
        _ payload: [UInt8], from source: String, to destination: String, flags: UInt32 = 0, time: UInt64 = 0,
        namespace: UInt32 = 1, pid: UInt32 = 7, sequence: UInt32 = 0, total: Int? = nil
    ) {
        self.payload = payload
        fixed.header.kind = UInt16(WIRE_MESSAGE.rawValue)
        fixed.header.flags = UInt16(flags)
        fixed.header.time = time
        fixed.header.length = UInt32(MemoryLayout<wire_message>.size + (payload.count + 7) / 8 * 8)
        if flags & WIRE_MESSAGE_RECEIVED == 0 {
            fixed.task.pid = pid
            fixed.task.tid = pid
            fixed.task.start = UInt64(pid) * 1000
        }
        fixed.network_namespace = namespace
        fixed.sequence = sequence
        fixed.size = UInt16(payload.count)
        fixed.total = UInt32(total ?? payload.count)
        let from = Self.endpoint(source)
        let to = Self.endpoint(destination)
        fixed.family = from.address.count == 4 ? 2 : 10
        fixed.source_port = from.port
        fixed.destination_port = to.port
        unsafe withUnsafeMutableBytes(of: &fixed.source) { bytes in
            for index in 0..<from.address.count { unsafe bytes[index] = from.address[index] }
        }
        unsafe withUnsafeMutableBytes(of: &fixed.destination) { bytes in
            for index in 0..<to.address.count { unsafe bytes[index] = to.address[index] }
        }
    }

    package static func endpoint(_ text: String) -> Endpoint {
        let colon = text.lastIndex(of: ":")!
        let address = text[..<colon].filter { $0 != "[" && $0 != "]" }
        return Endpoint(address: IPAddress(address)!, port: UInt16(text[text.index(after: colon)...])!)
    }

    package var bytes: [UInt8] {
        var fixed = fixed
        let head = unsafe withUnsafeBytes(of: &fixed) { unsafe Array($0) }
        return head + payload + [UInt8](repeating: 0, count: (8 - payload.count % 8) % 8)
    }

    package var record: MessageRecord {
        let bytes = bytes
        return try! unsafe MessageRecord(decoding: bytes.span.bytes)
    }
}
