// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Rendering
import Testing

/// DNS messages, ClientHellos, and connections to what they name, as text and JSON.
struct NameTextTests {
    private var enricher = Enricher(host: Fixture.host, failedExecHook: "hook", lookups: Lookups(.recording))

    private func text(_ event: Event, columns: Int? = nil, wide: Bool = false) -> String {
        var renderer = TextRenderer(options: .init(columns: columns, colors: false, wide: wide, redacts: true))
        var buffer = OutputBuffer()
        renderer.append(event, to: &buffer)
        return String(String(decoding: buffer.array(), as: UTF8.self).dropFirst(12).dropLast())
    }

    private func json(_ event: Event) -> String {
        let parts = ["event.", "source.", "destination.", "network.", "dns.", "tls.", "ebpfguard."]
        let fields = Field.allCases.filter { field in parts.contains { field.name.hasPrefix($0) } }
        var renderer = JSONRenderer(fields: Set(fields), host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        renderer.append(event, to: &buffer)
        return String(decoding: buffer.array().dropLast(), as: UTF8.self)
    }

    private mutating func events(_ fixtures: Fixture...) throws -> [Event] {
        try fixtures.flatMap { enricher.events(for: try $0.message) }
    }

    @Test mutating func exchange() throws {
        let events = try events(.question, .answer)
        #expect(
            events.map { text($0) } == [
                " 5000001 client       dns? A c1.example", " 5000001 client       dns  A c1.example = 10.1.0.2 1.2 ms",
            ])
        #expect(
            text(events[1], wide: true)
                == " 5000001 client          dns  A c1.example = c2.example, c3.example, c4.example, c5.example, "
                + "two.example, 10.1.0.2 1.2 ms  udp 10.96.0.10:53  netns=4026531840  by 4900000")
        #expect(
            json(events[0])
                == #"{"event":{"kind":"event","category":["network"],"type":["protocol","info"],"action":"dns_query"},"#
                + #""source":{"ip":"10.244.1.7","port":51432},"destination":{"ip":"10.96.0.10","port":53},"#
                + #""network":{"type":"ipv4","transport":"udp","protocol":"dns","direction":"egress"},"#
                + #""dns":{"type":"query","id":"36523","header_flags":["RD","AD"],"#
                + #""question":{"name":"c1.example","type":"A","class":"IN"}},"#
                + #""ebpfguard":{"schema":1,"hook":"tp_btf/net_dev_queue","cgroup_id":"4242","#
                + #""remote_class":"private","network_namespace":"4026531840"}}"#)
        let answer = json(events[1])
        #expect(answer.contains(#""action":"dns_answer","outcome":"success","duration":1200000}"#))
        #expect(answer.contains(#""header_flags":["AA","RD","RA"],"#))
        #expect(answer.contains(#"{"name":"two.example","type":"A","class":"IN","ttl":60,"data":"10.1.0.2"}],"#))
        #expect(answer.contains(#""resolved_ip":["10.1.0.2"]}"#))
    }

    @Test mutating func greeting() throws {
        let event = try #require(try events(.hello).first)
        #expect(text(event) == " 5000001 client       -> 192.0.2.7:443 tls api.example.com h2,http/1.1")
        #expect(
            json(event).contains(
                #""network":{"type":"ipv4","transport":"tcp","protocol":"tls","direction":"egress"},"#
                    + #""tls":{"client":{"server_name":"api.example.com"}},"#))
        #expect(
            json(event).hasSuffix(
                #""network_namespace":"4026531840","tls_protocols":["h2","http/1.1"],"tls_version":"1.3"}}"#))
    }

    /// A connection of the fixture's process to this address, after what the messages told.
    private mutating func connection(to address: [UInt8]) throws -> Event {
        var bytes = Fixture.connected.bytes
        bytes.set(\wire_connection.header.flags, to: UInt16(WIRE_CONNECTION_OUTGOING))
        bytes.set(\wire_connection.header.time, to: 1_048_000_000_000)
        bytes.set(\wire_connection.namespace, to: 4_026_531_840)
        let remote = MemoryLayout<wire_connection>.offset(of: \.remote)!
        bytes.replaceSubrange(remote..<remote + 16, with: [UInt8](repeating: 0, count: 10) + [255, 255] + address)
        return try #require(enricher.event(for: try decode(bytes)))
    }

    @Test mutating func namedConnection() throws {
        _ = try events(.question, .answer)
        let event = try connection(to: [10, 1, 0, 2])
        let line = text(event, columns: 80)
        #expect(line.contains("-> c1.example:") && line.contains(" connected "))
        #expect(json(event).contains(#""domain":"c1.example"}"#))
        #expect(
            json(event).contains(
                #""name_source":"dns","name_chain":["c2.example","c3.example","c4.example","c5.example","two.example"],"#
                    + #""name_age":42000000000,"name_ttl":60,"name_server":"10.96.0.10"}"#))
    }

    @Test mutating func connectionWithoutName() throws {
        let event = try connection(to: [203, 0, 113, 5])
        #expect(text(event, columns: 80).contains(" [no name] connected "))
        #expect(json(event).contains(#""direct_to_ip":true"#))
        #expect(!json(try connection(to: [10, 9, 9, 9])).contains("direct_to_ip"), "a private address")
    }

    /// What a process out of scope asks is not shown, and names the connections of others.
    @Test mutating func outOfScope() throws {
        var bytes = Fixture.question.bytes
        bytes.set(\wire_message.header.flags, to: 0)
        bytes.set(\wire_message.task.pid, to: 4_000_000)
        guard case .message(let question) = try decode(bytes) else { return }
        #expect(enricher.events(for: question).isEmpty)
        #expect(try events(.answer).isEmpty)
        #expect(json(try connection(to: [10, 1, 0, 2])).contains(#""domain":"c1.example"}"#))
    }

    /// A packet that left in nobody's time.
    @Test mutating func nobody() throws {
        var bytes = Fixture.question.bytes
        bytes.set(\wire_message.header.flags, to: UInt16(WIRE_MESSAGE_NO_TASK | WIRE_MESSAGE_IN_SCOPE))
        guard case .message(let question) = try decode(bytes) else { return }
        let event = try #require(enricher.events(for: question).first)
        #expect(text(event) == "       - -            dns? A c1.example")
        #expect(json(event).hasPrefix(#"{"event":{"kind":"event","category":["network"],"type":["protocol","info"],"#))
        #expect(json(event).contains(#""dns":{"type":"query","id":"36523","#))
    }

    /// What a server says reaches a terminal.
    @Test mutating func hostileName() throws {
        var bytes = Fixture.question.bytes
        let name = try #require(bytes.indices.first { bytes[$0...].starts(with: Array("c1".utf8)) })
        bytes[name] = 0x1b
        bytes[name + 1] = 0x9b
        guard case .message(let message) = try decode(bytes) else { return }
        let event = try #require(enricher.events(for: message).first)
        #expect(text(event).hasSuffix(#"dns? A \027\155.example"#), "\(text(event))")
    }
}
