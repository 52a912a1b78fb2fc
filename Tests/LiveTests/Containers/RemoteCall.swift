// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

/// A message of Protocol Buffers, as far as the tests send any.
struct Message {
    enum Field {
        case text(Int, String)
        case number(Int, Int)
        case message(Int, Message)
    }

    private(set) var bytes: [UInt8] = []

    init(_ fields: Field...) {
        self.init(fields)
    }

    init(_ fields: [Field]) {
        for field in fields {
            switch field {
            case .text(let number, let text): add(number, Array(text.utf8))
            case .message(let number, let message): add(number, message.bytes)
            case .number(let number, let value):
                append(number << 3)
                append(value)
            }
        }
    }

    private mutating func add(_ number: Int, _ value: [UInt8]) {
        append(number << 3 | 2)
        append(value.count)
        bytes += value
    }

    private mutating func append(_ varint: Int) {
        var rest = varint
        while rest > 0x7F {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// The first text of an answer: an id.
    static func firstText(in bytes: [UInt8]) -> String? {
        guard bytes.count >= 2, bytes[0] == 1 << 3 | 2, bytes[1] < 0x80, bytes.count >= 2 + Int(bytes[1]) else {
            return nil
        }
        return String(decoding: bytes[2..<2 + Int(bytes[1])], as: UTF8.self)
    }
}

/// One call of gRPC over a Unix socket: the little of HTTP/2 that it takes, and a connection of its own.
struct RemoteCall: ~Copyable {
    private let socket: CInt

    private enum Frame {
        static let data: UInt8 = 0, headers: UInt8 = 1, reset: UInt8 = 3, settings: UInt8 = 4, ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let acknowledged: UInt8 = 1, endOfStream: UInt8 = 1, endOfHeaders: UInt8 = 4
    }

    init(socket path: String, seconds: Int) throws {
        socket = unsafe live_connect(path, CInt(seconds))
        guard socket >= 0 else { throw Stop.failed("\(path): \(describe(errno: errno))") }
    }

    deinit {
        if socket >= 0 { close(socket) }
    }

    /// The bytes of the answer.
    consuming func answer(of method: String, _ request: Message) throws -> [UInt8] {
        try send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8))
        try send(frame: Frame.settings, 0, stream: 0, [])
        var headers: [UInt8] = []
        for (name, value) in [
            (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"),
        ] {
            // Literal, and in no table.
            headers += [0, UInt8(name.utf8.count)] + name.utf8 + [UInt8(value.utf8.count)] + value.utf8
        }
        try send(frame: Frame.headers, Frame.endOfHeaders, stream: 1, headers)
        let body = [0] + Self.bigEndian(request.bytes.count) + request.bytes
        try send(frame: Frame.data, Frame.endOfStream, stream: 1, body)

        var answer: [UInt8] = []
        while true {
            let header = try receive(9)
            let length = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
            let payload = try receive(length)
            let (kind, flags, stream) = (header[3], header[4], header[8])
            switch kind {
            case Frame.settings where flags & Frame.acknowledged == 0:
                try send(frame: Frame.settings, Frame.acknowledged, stream: 0, [])
            case Frame.ping where flags & Frame.acknowledged == 0:
                try send(frame: Frame.ping, Frame.acknowledged, stream: 0, payload)
            case Frame.data where stream == 1: answer += payload
            case Frame.reset, Frame.goAway: throw Stop.failed("\(method): the connection was ended")
            default: break
            }
            if stream == 1, kind <= Frame.headers, flags & Frame.endOfStream != 0 { break }
        }
        // An error is in headers, which only a whole decoder can read; it has no message.
        guard answer.count >= 5 else { throw Stop.failed("\(method) was refused: \(Runtimes.complaint)") }
        return Array(answer[5...])
    }

    private static func bigEndian(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private func send(frame kind: UInt8, _ flags: UInt8, stream: Int, _ payload: [UInt8]) throws {
        try send(Self.bigEndian(payload.count).dropFirst() + [kind, flags] + Self.bigEndian(stream) + payload)
    }

    private func send(_ bytes: [UInt8]) throws {
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        guard sent == bytes.count else { throw Stop.failed("cannot send: \(describe(errno: errno))") }
    }

    private func receive(_ count: Int) throws -> [UInt8] {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let received = unsafe bytes.withUnsafeMutableBytes {
            unsafe recv(socket, $0.baseAddress, $0.count, CInt(MSG_WAITALL))
        }
        guard received == count else {
            throw Stop.failed("no answer: \(received < 0 ? describe(errno: errno) : "the connection ended")")
        }
        return bytes
    }
}
