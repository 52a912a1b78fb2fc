// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Where connections lead when a packet filter sends them elsewhere (DNAT), as kube-proxy does.

let translationTests = ["nft", "iptables"].map { tool in
    Test("net: what \(tool) leads to another address") { t in
        guard let path = t.program(tool) else { throw Stop.skipped("\(tool) is not installed") }
        let kinds = tool == "nft" ? ["4", "6", "m"] : ["4", "m"]
        let run = try t.trace(
            [], workload("translated", path, kinds.joined()), milliseconds: 20_000, command: "watch-net")
        t.equal(run.surelyLost, 0, "what was lost")
        for kind in kinds {
            let port = try t.require(run.said("open\(kind)").first, "open\(kind)")
            let events = run.told.filter {
                $0["source.port"] == .integer(port) && $0["network.direction"] == "egress"
            }
            t.equal(events.map(\.action), ["connect", "close"], "events, \(kind)")
            for event in events {
                t.equal(event["destination.ip"], kind == "6" ? "fd00:96::1" : "10.96.0.1", "destination.ip, \(kind)")
                t.equal(event["destination.port"], 80, "destination.port, \(kind)")
                t.equal(event["destination.nat.ip"], kind == "6" ? "::1" : "127.0.0.1", "destination.nat.ip, \(kind)")
                t.equal(event["destination.nat.port"], 4000, "destination.nat.port, \(kind)")
                t.equal(event["ebpfguard.remote_class"], "private", "ebpfguard.remote_class, \(kind)")
            }
            t.equal(events.last?["source.bytes"], 3, "source.bytes, \(kind)")
            t.equal(events.last?["source.packets"]?.integer.map { $0 > 2 }, true, "source.packets, \(kind)")
        }
        // Connected or not, and answered: an answer leaves as one of the address that was asked for.
        for (word, asked, got, count) in [("flow", 81, 4001, 1), ("same", 4002, 4002, 2)] {
            let port = try t.require(run.said(word).first, word)
            let both = run.told.filter { $0["source.port"] == .integer(port) && $0["network.transport"] == "udp" }
            let flow = both.filter { $0["network.direction"] == "egress" }
            t.equal(flow.map(\.action), ["udp", "close"], "events of UDP, \(word)")
            for event in flow {
                t.equal(event["destination.ip"], "10.96.0.1", "destination.ip of UDP, \(word)")
                t.equal(event["destination.port"], .integer(asked), "destination.port of UDP, \(word)")
                t.equal(event["destination.nat.ip"], "127.0.0.1", "destination.nat.ip of UDP, \(word)")
                t.equal(event["destination.nat.port"], .integer(got), "destination.nat.port of UDP, \(word)")
            }
            let server = both.filter { $0["network.direction"] == "ingress" }
            t.equal(server.map(\.action), ["udp", "close"], "events of the UDP server, \(word)")
            for event in server {
                t.equal(event["destination.ip"], "127.0.0.1", "destination.ip of the UDP server, \(word)")
                t.equal(event["destination.port"], .integer(got), "destination.port of the UDP server, \(word)")
                t.equal(event["destination.nat"], nil, "destination.nat of the UDP server, \(word)")
            }
            for end in [flow.last, server.last] {
                t.equal(end?["source.bytes"], .integer(4 * count), "source.bytes of UDP, \(word)")
                t.equal(end?["destination.bytes"], .integer(7 * count), "destination.bytes of UDP, \(word)")
                t.equal(end?["destination.packets"], .integer(count), "destination.packets of UDP, \(word)")
            }
        }
        let flows = run.told.filter { $0.action == "udp" }
        t.equal(flows.count, 4, "flows")
    }
}
