// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// UDP flows: each of them, with every field, in a network namespace of their own.

extension Context {
    fileprivate func watchFlows(
        _ options: [String] = [], _ program: [String], milliseconds: Int = 20_000
    ) throws -> Run {
        let run = try trace(options, program, milliseconds: milliseconds, status: .code(0), command: "watch-net")
        equal(run.surelyLost, 0, "what was lost")
        return run
    }
}

extension Run {
    fileprivate func flows(from port: Int, _ action: String) -> [Event] {
        told.of(action).filter { $0["source.port"] == .integer(port) && $0["network.transport"] == "udp" }
    }

    /// The one end that each side saw of the flow from this port.
    fileprivate func ends(_ t: Context, from port: Int, _ what: String) -> (client: Event?, server: Event?) {
        let both = flows(from: port, "close")
        let client = both.filter { $0["network.direction"] == "egress" }
        let server = both.filter { $0["network.direction"] == "ingress" }
        t.expect(client.count <= 1 && server.count <= 1, "\(what): \(client.count) and \(server.count) ends")
        return (client.first, server.first)
    }
}

private let server = 4000

private func flows(_ kind: String, ip: JSON, type: JSON) -> Test {
    Test("udp: 200 flows over \(kind == "m" ? "v4-mapped" : "IPv\(kind)"), connected and not, byte for byte") { t in
        let count = t.settings.isSlow ? 60 : 200
        let run = try t.watchFlows([], workload("datagrams", kind, "\(count)"))
        let pids = run.said("pids")
        guard pids.count == 2 else { throw Stop.failed("the workload says \(run.said.suffix(300))") }
        let opened = run.numbers(of: "flow")
        t.equal(opened.count, count, "the flows that the workload made")
        let actions = Dictionary(grouping: run.told, by: \.action).mapValues(\.count)
        t.equal(actions, ["listen": 1, "udp": 2 * count, "close": 2 * count + 1], "events by action")
        for flow in opened {
            guard flow.count == 4 else { throw Stop.failed("the workload says \(flow)") }
            let (port, sent, received, datagrams) = (flow[0], flow[1], flow[2], flow[3])
            let begun = run.flows(from: port, "udp")
            t.equal(
                Set(begun.compactMap { $0["network.direction"]?.string }), ["egress", "ingress"],
                "who sees the flow begin")
            let ends = run.ends(t, from: port, "flow")
            for event in begun + [ends.client, ends.server].compactMap({ $0 }) {
                let isClient = event["network.direction"] == "egress"
                t.equal(event["source.ip"], ip, "source.ip")
                t.equal(event["destination.ip"], ip, "destination.ip")
                t.equal(event["destination.port"], .integer(server), "destination.port")
                t.equal(event["network.type"], type, "network.type")
                t.equal(event["network.transport"], "udp", "network.transport")
                t.equal(event["ebpfguard.remote_class"], "loopback", "ebpfguard.remote_class")
                t.equal(event["destination.nat"], nil, "destination.nat")
                if isClient || event.action == "close" {
                    t.equal(event.pid, isClient ? pids[0] : pids[1], "who, \(event.action)")
                    t.equal(event["process.name"], isClient ? "client" : "server", "process.name")
                } else {
                    t.equal(event.pid, pids[0], "who bound it")
                }
                guard event.action == "close" else { continue }
                t.equal(event["source.bytes"], .integer(sent), "source.bytes")
                t.equal(event["destination.bytes"], .integer(received), "destination.bytes")
                t.equal(event["network.bytes"], .integer(sent + received), "network.bytes")
                t.equal(event["source.packets"], .integer(datagrams), "source.packets")
                t.equal(event["destination.packets"], .integer(datagrams), "destination.packets")
                t.equal(event["ebpfguard.close_reason"], "closed", "ebpfguard.close_reason")
                t.expect((event["event.duration"]?.integer ?? 0) > 0, "event.duration")
                t.equal(event["ebpfguard.retransmits"], nil, "ebpfguard.retransmits")
            }
        }
        let listen = try t.require(run.told.of("listen").first, "listen")
        t.equal(listen["destination.ip"], kind == "6" ? "::1" : "127.0.0.1", "the address that it is bound to")
        t.equal(listen["destination.port"], .integer(server), "the port that it is bound to")
        t.equal(listen["network.transport"], "udp", "network.transport")
        t.equal(listen.pid, pids[0], "who is bound")
        let end = try t.require(run.told.of("close").first { $0["source"] == nil }, "close of the bound socket")
        t.equal(end["destination.port"], .integer(server), "the port that it was bound to")
    }
}

let datagramTests = [
    flows("4", ip: "127.0.0.1", type: "ipv4"),
    flows("6", ip: "::1", type: "ipv6"),
    flows("m", ip: "127.0.0.1", type: "ipv4"),

    Test("udp: fragments, several datagrams of one call, none that anybody takes, binds that fail") { t in
        let run = try t.watchFlows([], workload("datagram-ways"))
        for (word, bytes, packets) in [
            ("fragments4", 9000, 1), ("fragments6", 9000, 1), ("segments", 4500, 5), ("several", 4321, 4),
        ] {
            let port = try t.require(run.said(word).first, word)
            let ends = run.ends(t, from: port, word)
            for event in [ends.client, ends.server] {
                t.equal(event?["source.bytes"], .integer(bytes), "source.bytes, \(word)")
                t.equal(event?["source.packets"], .integer(packets), "source.packets, \(word)")
                t.equal(event?["destination.bytes"], 0, "destination.bytes, \(word)")
            }
        }
        let unheard = try t.require(run.said("unheard").first, "unheard")
        let ends = run.ends(t, from: unheard, "unheard")
        t.equal(ends.client?["source.bytes"], 5, "source.bytes of what nobody takes")
        t.expect(ends.server == nil, "nobody is there to see it")
        let failures = run.told.failures.filter { $0.action == "listen" }
        t.equal(failures.map { $0["error.code"] }, ["EADDRINUSE", "EADDRNOTAVAIL"], "binds that fail")
        t.equal(failures.map { $0["network.transport"] }, ["udp", "tcp"], "their transport")
        t.equal(failures.last?["destination.ip"], "192.0.2.1", "the address that it asked for")
        let connects = run.told.failures.filter { $0.action == "connect" }
        t.equal(connects.map { $0["error.code"] }, ["ENETUNREACH"], "connects that fail")
        t.equal(connects.first?["network.transport"], "udp", "its transport")
        t.equal(connects.first?["destination.ip"], "192.0.2.1", "where it can't go")
    },

    Test("udp: inherited, idle, received by who never answers, and from a port that comes again") { t in
        let run = try t.watchFlows(["--idle", "1s"], workload("datagram-owners"))
        let inherited = run.said("inherited")
        guard inherited.count == 2 else { throw Stop.failed("the workload says \(run.said.suffix(300))") }
        let heir = run.ends(t, from: inherited[0], "inherited").client
        t.equal(heir?.pid, inherited[1], "who has sent it")
        t.equal(heir?["source.bytes"], 77, "what it has sent")

        let idle = try t.require(run.said("idle").first, "idle")
        t.equal(run.flows(from: idle, "udp").filter { $0["network.direction"] == "egress" }.count, 2, "begins twice")
        let ends = run.flows(from: idle, "close").filter { $0["network.direction"] == "egress" }
        t.equal(ends.map { $0["ebpfguard.close_reason"] }, ["idle", "closed"], "how it ended")
        t.equal(ends.map { $0["source.bytes"] }, [10, 20], "what was sent each time")

        let silent = try t.require(run.said("silent").first, "silent")
        let both = run.ends(t, from: silent, "silent")
        t.equal(both.server?["source.bytes"], 500, "what came to who only receives")
        t.equal(both.server?["source.packets"], 5, "how many datagrams")
        t.equal(run.told.of("listen").count, 2, "bound sockets")

        let again = run.flows(from: 50000, "close")
        t.equal(
            again.filter { $0["network.direction"] == "egress" }.map { $0["source.bytes"] }, [100, 200],
            "two sockets with the same port")
        // To the other side it is one.
        t.equal(
            again.filter { $0["network.direction"] == "ingress" }.map { $0["source.bytes"] }, [300],
            "what came from that port")
    },

    Test("udp: a line of text, on a terminal of 80 columns", dependsOnKernel: false) { t in
        let child = try t.start(
            ["--color", "never"], workload("datagrams", "4", "2"), columns: 80, command: "watch-net")
        let run = try t.finish(child, milliseconds: 20_000, isJSON: false)
        let shown = lines(run.text).filter { $0.contains(":4000") }
        t.equal(shown.count, 10, "lines")
        for line in shown { t.expect(line.unicodeScalars.count <= 80, "\(line.unicodeScalars.count) columns: \(line)") }
        for part in [
            "no longer listens on 127.0.0.1:4000/udp, after ", ":4000/udp begins", "/udp on :4000 closed ",
            "\u{2191}15 \u{2193}35",
        ] {
            t.expect(shown.contains { $0.contains(part) }, "no line with \"\(part)\"")
        }
    },
]
