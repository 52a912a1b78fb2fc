// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

/// Messages in TCP connections, put together from the segments that carry them.
struct Streams {
    private struct Key: Hashable {
        let namespace: UInt32
        let source, destination: Endpoint
    }

    private struct Stream {
        /// Sequence number of the byte behind what came.
        var next: UInt32
        /// From the beginning of a message.
        var bytes: [UInt8] = []
        /// Bytes of the message before that are still to come, and not wanted.
        var skip = 0
    }

    private var streams = Generations<Key, Stream>(limit: 128)

    /// Of a message that is not whole; longer ones are told without their ends.
    static let limit = 16384

    /// Calls `body` with each message that ends in this segment, or that is longer than can be kept.
    mutating func add(_ record: MessageRecord, _ body: (RawSpan) -> Void) {
        let key = Key(
            namespace: record.fixed.network_namespace, source: record.source, destination: record.destination)
        let sequence = record.fixed.sequence
        var payload = record.payload.slice
        var total = Int(record.fixed.total)
        var stream = streams.value(of: key) ?? Stream(next: sequence)
        let ahead = Int(Int32(bitPattern: sequence &- stream.next))
        if ahead < 0 {
            // Again, or from another device; a part may be new.
            guard ahead + total > 0 else { return }
            payload = payload.dropFirst(-ahead)
            total += ahead
        } else if ahead > 0 {
            // Something is missing. Segments begin where messages do, mostly.
            stream = Stream(next: sequence)
        }
        stream.next = stream.next &+ UInt32(total)
        if stream.skip > 0 {
            let skipped = min(stream.skip, total)
            stream.skip -= skipped
            payload = payload.dropFirst(skipped)
            total -= skipped
        }
        stream.bytes += payload
        let missing = total - payload.count
        let used = unsafe DNSMessage.forEach(inStream: stream.bytes.span.bytes, body)
        stream.bytes.removeFirst(used)
        if missing > 0 || stream.bytes.count > Self.limit { end(&stream, missing, body) }
        streams.set(stream, of: key)
    }

    /// Tells a message without its end, of which `missing` bytes came and are not here.
    private func end(_ stream: inout Stream, _ missing: Int, _ body: (RawSpan) -> Void) {
        let bytes = stream.bytes
        stream.bytes = []
        guard let size = unsafe bytes.span.bytes.firstNumber else {
            // Where the next message begins is not known, unless it is with a segment.
            return
        }
        unsafe body(bytes.span.bytes.extracting(droppingFirst: 2))
        stream.skip = max(0, 2 + Int(size) - bytes.count - missing)
    }
}

extension RawSpan {
    /// Of two bytes, as on the wire.
    fileprivate var firstNumber: UInt16? {
        guard byteCount >= 2 else { return nil }
        return unsafe UInt16(bigEndian: unsafeLoadUnaligned(as: UInt16.self))
    }
}
