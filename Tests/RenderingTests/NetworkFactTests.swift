// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Rendering
import Testing

/// What happens on the network besides connections and messages, as text and JSON.
struct NetworkFactTests {
    private let lookups = Lookups(.recording)
    private var enricher: Enricher

    init() {
        lookups.learn(Question(.dropReason, 3), Bytes("NO_SOCKET"))
        enricher = Enricher(host: Fixture.host, failedExecHook: "hook", lookups: lookups)
    }

    private mutating func event(_ bytes: [UInt8]) throws -> Event {
        try #require(enricher.event(for: try decode(bytes)))
    }

    private mutating func text(_ bytes: [UInt8], wide: Bool = false) throws -> String {
        var renderer = TextRenderer(options: .init(columns: nil, colors: false, wide: wide, redacts: true))
        var buffer = OutputBuffer()
        renderer.append(try event(bytes), to: &buffer)
        return String(String(decoding: buffer.array(), as: UTF8.self).dropFirst(12).dropLast())
    }

    private mutating func json(_ bytes: [UInt8]) throws -> String {
        let parts = ["event.", "error.", "source.", "destination.", "network.", "ebpfguard."]
        let fields = Field.allCases.filter { field in parts.contains { field.name.hasPrefix($0) } }
        var renderer = JSONRenderer(fields: Set(fields), host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        renderer.append(try event(bytes), to: &buffer)
        return String(decoding: buffer.array().dropLast(), as: UTF8.self)
    }

    @Test mutating func drop() throws {
        var bytes = Fixture.drop.bytes
        #expect(
            try text(bytes) == "       - -            DROPPED udp 10.0.0.7:4101 -> 10.0.0.9:4100 NO_SOCKET")
        #expect(
            try json(bytes)
                == #"{"event":{"kind":"event","category":["network"],"type":["info"],"action":"drop"},"#
                + #""source":{"ip":"10.0.0.7","port":4101},"destination":{"ip":"10.0.0.9","port":4100},"#
                + #""network":{"type":"ipv4","transport":"udp","iana_number":"17"},"#
                + #""ebpfguard":{"schema":1,"hook":"tp_btf/kfree_skb","network_namespace":"4026533337","#
                + #""drop_reason":"NO_SOCKET","drop_count":1}}"#)

        bytes.set(\wire_drop.header.flags, to: UInt16(WIRE_DROP_MORE))
        bytes.set(\wire_drop.count, to: 37)
        bytes.set(\wire_drop.dropped.reason, to: 0x20003)
        bytes.set(\wire_drop.dropped.protocol, to: 1)
        bytes.set(\wire_drop.dropped.source_port, to: 0)
        bytes.set(\wire_drop.dropped.destination_port, to: 0)
        #expect(
            try text(bytes, wide: true)
                == "       - -               DROPPED icmp 10.0.0.7 -> 10.0.0.9 reason 131075, again x37"
                + "  netns=4026533337")
        #expect(try json(bytes).contains(#""drop_reason":"131075","drop_count":37"#))

        bytes.set(\wire_drop.dropped.family, to: 10)
        bytes.set(\wire_drop.dropped.protocol, to: 250)
        bytes.set(\wire_drop.dropped.destination_port, to: 9)
        bytes.set(\wire_drop.header.flags, to: UInt16(WIRE_DROP_NO_REASON))
        bytes.set(\wire_drop.count, to: 1)
        #expect(
            try text(bytes) == "       - -            DROPPED protocol 250 a00:7:: -> [a00:9::]:9")
        #expect(try !json(bytes).contains("drop_reason"))
        #expect(try !json(bytes).contains("transport"))
    }

    @Test mutating func dropsWithoutRoom() throws {
        var bytes = Fixture.drop.bytes
        bytes.set(\wire_drop.header.flags, to: UInt16(WIRE_DROP_MORE | WIRE_DROP_NO_PACKET))
        bytes.set(\wire_drop.dropped.namespace, to: 0)
        bytes.set(\wire_drop.count, to: 3808)
        #expect(try text(bytes) == "       - -            DROPPED others NO_SOCKET x3808")
        let json = try json(bytes)
        #expect(json.contains(#""drop_reason":"NO_SOCKET","drop_count":3808"#))
        #expect(!json.contains("source") && !json.contains("destination") && !json.contains("namespace"))
    }

    @Test mutating func dropOfSomebody() throws {
        var bytes = Fixture.drop.bytes
        bytes.set(\wire_drop.task.pid, to: 4711)
        bytes.set(\wire_drop.task.tid, to: 4711)
        bytes.set(\wire_drop.task.start, to: 5_000_000_000)
        bytes.set(\wire_drop.task.comm, to: "server")
        #expect(
            try text(bytes) == "    4711 server       DROPPED udp 10.0.0.7:4101 -> 10.0.0.9:4100 NO_SOCKET")
        #expect(describe(try event(bytes).value(of: .processPID)) == "4711")
    }

    private static func rawSocket(_ family: UInt16, _ type: UInt16, _ number: UInt32, error: Int32 = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: MemoryLayout<wire_raw_socket>.size)
        bytes.set(\wire_raw_socket.header.length, to: UInt32(bytes.count))
        bytes.set(\wire_raw_socket.header.kind, to: UInt16(WIRE_RAW_SOCKET.rawValue))
        bytes.set(\wire_raw_socket.task.pid, to: 4711)
        bytes.set(\wire_raw_socket.task.tid, to: 4711)
        bytes.set(\wire_raw_socket.task.comm, to: "sniffer")
        bytes.set(\wire_raw_socket.namespace, to: 4_026_531_840)
        bytes.set(\wire_raw_socket.family, to: family)
        bytes.set(\wire_raw_socket.type, to: type)
        bytes.set(\wire_raw_socket.protocol, to: number)
        bytes.set(\wire_raw_socket.error, to: error)
        return bytes
    }

    @Test mutating func rawSockets() throws {
        let texts = try [
            Self.rawSocket(17, 3, 3), Self.rawSocket(17, 2, 0x800), Self.rawSocket(17, 3, 0),
            Self.rawSocket(17, 3, 0x9999), Self.rawSocket(2, 3, 1), Self.rawSocket(2, 3, 255),
            Self.rawSocket(10, 3, 253, error: 1), Self.rawSocket(2, 3, 6, error: 4000),
        ].map { String(try text($0).dropFirst("    4711 sniffer      ".count)) }
        #expect(
            texts == [
                "RAW SOCKET packet all", "RAW SOCKET packet ipv4", "RAW SOCKET packet none yet",
                "RAW SOCKET packet 0x9999", "RAW SOCKET inet icmp", "RAW SOCKET inet any",
                "no raw socket inet6 protocol 253: EPERM", "no raw socket inet tcp: errno 4000",
            ])
        #expect(
            try json(Self.rawSocket(17, 2, 0x806))
                == #"{"event":{"kind":"event","category":["network"],"type":["start"],"action":"raw_socket","#
                + #""outcome":"success"},"ebpfguard":{"schema":1,"cgroup_id":"0","network_namespace":"4026531840","#
                + #""socket_family":"packet","socket_type":"dgram","socket_protocol":"0x0806"}}"#)
        let refused = try json(Self.rawSocket(10, 3, 58, error: 1))
        #expect(refused.contains(#""outcome":"failure"},"error":{"code":"EPERM"},"#))
        #expect(refused.contains(#""network":{"type":"ipv6","transport":"ipv6-icmp","iana_number":"58"}"#))

        var earlier = Self.rawSocket(17, 3, 3)
        earlier.set(\wire_raw_socket.header.flags, to: UInt16(WIRE_RAW_SOCKET_EARLIER))
        #expect(try text(earlier, wide: true).hasPrefix("    4711 sniffer         HAS RAW SOCKET packet all  type=raw"))
        #expect(try json(earlier).contains(#""type":["info"],"action":"existing"}"#))
    }

    private static func violation(
        _ verdict: wire_policy_verdict, _ operation: wire_policy_operation, _ flags: UInt32, rule: UInt32 = 0
    ) -> [UInt8] {
        var record = wire_violation()
        record.header.length = UInt32(MemoryLayout<wire_violation>.size)
        record.header.kind = UInt16(WIRE_VIOLATION.rawValue)
        record.header.flags = UInt16(flags)
        record.task.pid = flags & WIRE_VIOLATION_NO_TASK == 0 ? 4711 : 0
        record.task.tid = record.task.pid
        unsafe withUnsafeMutableBytes(of: &record.address.bytes) { bytes in
            unsafe bytes.copyBytes(from: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 9])
        }
        record.address.port = 443
        record.rule = rule
        record.verdict = UInt16(verdict.rawValue)
        record.operation = UInt16(operation.rawValue)
        record.protocol = 262
        return unsafe withUnsafeBytes(of: record) { unsafe Array($0) }
    }

    @Test mutating func violations() throws {
        lookups.learn(Question(.policyRule, 0), Bytes("deny net 10.0.0.0/8\0p\u{1b}:3\0net"))
        let denied = Self.violation(WIRE_DENY, WIRE_POLICY_CONNECT, WIRE_VIOLATION_ENFORCED)
        #expect(try text(denied).hasSuffix("DENIED tcp 10.0.0.9:443  p\\x1b:3 deny net 10.0.0.0/8"))
        #expect(
            try json(denied)
                == #"{"event":{"kind":"alert","category":["network"],"type":["denied"],"action":"policy_violation","#
                + #""outcome":"failure"},"error":{"code":"EPERM"},"destination":{"ip":"10.0.0.9","port":443},"#
                + #""network":{"type":"ipv4","transport":"tcp","direction":"egress"},"ebpfguard":{"schema":1,"#
                + #""hook":"cgroup/connect4","errno":1,"cgroup_id":"0","verdict":"deny","enforced":true}}"#)
        #expect(
            try text(Self.violation(WIRE_DENY, WIRE_POLICY_LISTEN, WIRE_VIOLATION_NO_TASK, rule: 7))
                == "       - -            would deny listen tcp 10.0.0.9:443")
        #expect(
            try text(Self.violation(WIRE_AUDIT, WIRE_POLICY_CONNECT, WIRE_VIOLATION_SENT))
                .contains("audit tcp 10.0.0.9:443"))
    }

    private static func unix(_ operation: wire_unix_operation, _ type: UInt16, _ name: [UInt8], error: Int32 = 0)
        -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0, count: MemoryLayout<wire_unix>.size)
        bytes.set(\wire_unix.header.length, to: UInt32(bytes.count))
        bytes.set(\wire_unix.header.kind, to: UInt16(WIRE_UNIX.rawValue))
        bytes.set(\wire_unix.task.pid, to: 4711)
        bytes.set(\wire_unix.task.tid, to: 4711)
        bytes.set(\wire_unix.task.comm, to: "client")
        bytes.set(\wire_unix.namespace, to: 4_026_531_840)
        bytes.set(\wire_unix.operation, to: UInt16(operation.rawValue))
        let flags =
            [WIRE_UNIX_CONNECT: WIRE_CONNECTION_OUTGOING, WIRE_UNIX_ACCEPT: WIRE_CONNECTION_INCOMING][operation]
            ?? WIRE_CONNECTION_LISTENER
        bytes.set(\wire_unix.header.flags, to: UInt16(flags))
        bytes.set(\wire_unix.type, to: type)
        bytes.set(\wire_unix.error, to: error)
        bytes.set(\wire_unix.address_size, to: UInt16(name.count))
        let start = MemoryLayout<wire_unix>.offset(of: \.address)!
        bytes.replaceSubrange(start..<start + name.count, with: name)
        return bytes
    }

    @Test mutating func unixSockets() throws {
        var known = Self.unix(WIRE_UNIX_CONNECT, 1, Array("/run/x.sock\0".utf8))
        known.set(\wire_unix.peer, to: 812)
        known.set(\wire_unix.peer_start, to: 77)
        known.set(\wire_unix.peer_comm, to: "dockerd")
        let front = "    4711 client       ".count
        let texts = try [
            known, Self.unix(WIRE_UNIX_ACCEPT, 5, Array("\0a\0b\u{1b}".utf8)),
            Self.unix(WIRE_UNIX_LISTEN, 2, Array("@x\0rest".utf8)), Self.unix(WIRE_UNIX_LISTEN, 1, [], error: 98),
            Self.unix(WIRE_UNIX_CONNECT, 1, Array("a\nb\0".utf8), error: 4000),
        ].map { String(try text($0).dropFirst(front)) }
        #expect(
            texts == [
                "-> unix /run/x.sock connected to 812 dockerd", #"<- unix @a\x00b\x1b accepted"#,
                "listens on unix ./@x", "can't listen on unix -: EADDRINUSE", #"-> unix a\nb errno 4000"#,
            ])
        #expect(
            try json(known)
                == #"{"event":{"kind":"event","category":["network"],"type":["connection","start"],"#
                + #""action":"connect","outcome":"success"},"destination":{"address":"/run/x.sock"},"#
                + #""network":{"transport":"unix","direction":"egress"},"ebpfguard":{"schema":1,"cgroup_id":"0","#
                + #""network_namespace":"4026531840","socket_type":"stream","target":{"pid":812,"#
                + #""entity_id":"0123456789ab-4d-812","name":"dockerd"}}}"#)
        #expect(try text(known, wide: true).contains("  type=stream  netns=4026531840"))
        let unnamed = try json(Self.unix(WIRE_UNIX_ACCEPT, 9, []))
        #expect(!unnamed.contains("destination") && unnamed.contains(#""socket_type":"9""#))

        var closed = Self.unix(WIRE_UNIX_CLOSE, 5, Array("/run/x.sock\0".utf8))
        closed.set(\wire_unix.header.flags, to: UInt16(WIRE_CONNECTION_INCOMING))
        closed.set(\wire_unix.sent, to: 1500)
        closed.set(\wire_unix.received, to: 60)
        closed.set(\wire_unix.packets_sent, to: 2)
        closed.set(\wire_unix.packets_received, to: 3)
        closed.set(\wire_unix.duration, to: 1_200_000)
        closed.set(\wire_unix.end, to: UInt16(WIRE_TCP_CLOSED_BY_PEER.rawValue))
        #expect(try text(closed).dropFirst(front) == "<- unix /run/x.sock closed 1.2 ms \u{2191}1.5K \u{2193}60")
        let end = try json(closed)
        #expect(end.contains(#""type":["connection","end"],"action":"close","outcome":"success","duration":1200000}"#))
        #expect(end.contains(#""source":{"bytes":60,"packets":3}"#))
        #expect(end.contains(#""destination":{"address":"/run/x.sock","bytes":1500,"packets":2}"#))
        #expect(end.contains(#""direction":"ingress","bytes":1560}"#))
        #expect(end.contains(#""close_reason":"closed_by_peer""#))
        // Found when it was over, and without anything that counts.
        closed.set(
            \wire_unix.header.flags,
            to: UInt16(WIRE_CONNECTION_INCOMING) | UInt16(WIRE_UNIX_NO_END) | UInt16(WIRE_UNIX_UNCOUNTED))
        #expect(try text(closed).dropFirst(front) == "<- unix /run/x.sock closed")
        #expect(try !json(closed).contains(#""bytes""#))

        var pair = Self.unix(WIRE_UNIX_CONNECT, 1, [])
        pair.set(\wire_unix.header.flags, to: UInt16(WIRE_UNIX_PAIR))
        #expect(try text(pair).dropFirst(front) == "<> unix pair connected")
        #expect(try json(pair).contains(#""socket_pair":true"#))
        var listened = Self.unix(WIRE_UNIX_CLOSE, 1, Array("a".utf8))
        listened.set(\wire_unix.duration, to: 3_000_000_000)
        #expect(try text(listened).dropFirst(front) == "no longer listens on unix a, after 3.0 s")

        var tooLong = known
        tooLong.set(\wire_unix.address_size, to: 109)
        #expect(throws: DecodeError.partsTooLong) { try decode(tooLong) }
    }

    private func describe(_ value: FieldValue) -> String {
        if case .integer(let number) = value { "\(number)" } else { "\(value)" }
    }
}
