// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Rendering
import Testing

/// Connections as JSON and as a line.
struct ConnectionTests {
    private static let fields: [Field] = Field.allCases.filter {
        ["event.", "error.", "source.", "destination.", "network.", "ebpfguard."].contains(where: $0.name.hasPrefix)
    }

    @Test(arguments: [
        (
            Sample.connected,
            #"{"event":{"kind":"event","category":["network"],"type":["connection","start"],"action":"connect","#
                + #""outcome":"success","duration":1200000,"sequence":7},"#
                + #""source":{"ip":"10.244.1.7","port":51432},"#
                + #""destination":{"ip":"10.96.0.10","port":443,"nat":{"ip":"10.244.3.9","port":8443}},"#
                + #""network":{"type":"ipv4","transport":"tcp","direction":"egress"},"#
                + #""ebpfguard":{"schema":1,"cgroup_id":"4242","remote_class":"private","round_trip":184000,"#
                + #""retransmits":1,"network_namespace":"4026531840"}}"#
        ),
        (
            .unreachable,
            #"{"event":{"kind":"event","category":["network"],"type":["connection","start"],"action":"connect","#
                + #""outcome":"failure","sequence":7},"error":{"code":"ENETUNREACH"},"#
                + #""destination":{"ip":"2001:db8::7","port":443},"#
                + #""network":{"type":"ipv6","transport":"tcp","direction":"egress"},"#
                + #""ebpfguard":{"schema":1,"errno":101,"cgroup_id":"4242","remote_class":"public","#
                + #""network_namespace":"4026531840"}}"#
        ),
        (
            .reset,
            #"{"event":{"kind":"event","category":["network"],"type":["connection","end"],"action":"close","#
                + #""outcome":"failure","duration":12300000000,"sequence":7},"error":{"code":"ECONNRESET"},"#
                + #""source":{"ip":"fe80::1","port":40000,"bytes":517,"packets":9},"#
                + #""destination":{"ip":"::1","port":8080,"bytes":34816,"packets":31},"#
                + #""network":{"type":"ipv6","transport":"tcp","direction":"ingress","bytes":35333},"#
                + #""ebpfguard":{"schema":1,"errno":104,"cgroup_id":"4242","remote_class":"link_local","#
                + #""close_reason":"reset_by_peer","round_trip":90000,"retransmits":2,"#
                + #""network_namespace":"4026531840"}}"#
        ),
        (
            .listening,
            #"{"event":{"kind":"event","category":["network"],"type":["start"],"action":"listen","#
                + #""outcome":"success","sequence":7},"destination":{"ip":"::","port":8080},"#
                + #""network":{"type":"ipv6","transport":"tcp"},"#
                + #""ebpfguard":{"schema":1,"cgroup_id":"4242","network_namespace":"4026531840"}}"#
        ),
    ])
    func wholeJSON(_ sample: Sample, _ expected: String) throws {
        #expect(String(decoding: json(try sample.event, Self.fields), as: UTF8.self) == expected + "\n")
    }

    @Test(arguments: [
        (Sample.connected, " 5000001 client       -> 10.96.0.10:443 (10.244.3.9:8443) connected 1.2 ms"),
        (.unreachable, " 5000001 client       -> [2001:db8::7]:443 ENETUNREACH"),
        (.reset, " 5000001 client       <- [fe80::1]:40000 on :8080 reset by peer 12.3 s ↑35K ↓517"),
        (.listening, " 5000001 client       listens on [::]:8080"),
    ])
    func line(_ sample: Sample, _ expected: String) throws {
        #expect(withoutClock(text(try sample.event)) == [expected])
    }

    @Test func wideLine() throws {
        #expect(
            withoutClock(text(try Sample.reset.event, wide: true))[0].hasPrefix(
                " 5000001 client          <- [fe80::1]:40000 on :8080 reset by peer 12.3 s ↑35K ↓517  here=[::1]:8080"
                    + "  class=link_local  end=reset_by_peer  rtt=90.0 us  retransmits=2  netns=4026531840"))
    }

    /// What happened stays whole; the container's name is cut.
    @Test func narrowLine() throws {
        let line = text(try Sample.connected.event, columns: 80)
        #expect(line.hasSuffix(" (10.244.3.9:8443) connected 1.2 ms\n"))
        #expect(line.unicodeScalars.count <= 81)
    }

    @Test func headerStandsAboveTheLine() throws {
        let header = TextRenderer.header(wide: false, network: true)
        let line = text(try Sample.listening.event)
        #expect(place("PROCESS", header) == place("client", line))
        #expect(place("CONNECTION", header) == place("listens", line))
    }

    private func place(_ word: String, _ text: String) -> Int? {
        text.ranges(of: word).first.map { text.distance(from: text.startIndex, to: $0.lowerBound) }
    }

    /// A socket that nobody is known to own has no process, and is an event all the same.
    @Test func withoutOwner() throws {
        var bytes = Fixture.reset.bytes
        bytes.set(\wire_connection.task.pid, to: 0)
        guard case .connection(let connection) = try decode(bytes) else { throw NoConnection() }
        let event = Event(.close, time: connection.time, process: nil, connection: connection, host: Fixture.host)
        let line = String(decoding: json(event), as: UTF8.self)
        #expect(!line.contains(#""process""#))
        #expect(line.contains(#""action":"close","outcome":"failure","duration":12300000000}"#))
        #expect(
            withoutClock(text(event)) == [
                "       - -            <- [fe80::1]:40000 on :8080 reset by peer 12.3 s ↑35K ↓517"
            ])
    }

    private struct NoConnection: Error {}
}
