// SPDX-License-Identifier: Apache-2.0

package import CWire

/// A call on a UNIX socket: connect, accept, or what makes it one that is found.
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
    /// The positive errno of what failed.
    package var error: Int32? { fixed.error > 0 ? fixed.error : nil }
    package var type: StaticString? { socketTypeName(fixed.type) }
}
