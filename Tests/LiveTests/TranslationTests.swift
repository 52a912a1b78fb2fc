// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Where connections lead when a packet filter sends them elsewhere (DNAT), as kube-proxy does.

let translationTests = ["nft", "iptables"].map { tool in
    Test("net: what \(tool) leads to another address") { t in
        let paths = ["/usr/sbin/\(tool)", "/usr/bin/\(tool)"]
        guard let path = paths.first(where: { unsafe access($0, X_OK) == 0 }) else {
            // The guests have the one that needs no files beside it.
            if tool == "iptables", t.settings.isSlow { return }
            throw Stop.skipped("\(tool) is not installed")
        }
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
        let port = try t.require(run.said("flow").first, "flow")
        let flow = run.told.filter { $0["source.port"] == .integer(port) && $0["network.direction"] == "egress" }
        t.equal(flow.map(\.action), ["udp", "close"], "events of UDP")
        for event in flow {
            t.equal(event["destination.ip"], "10.96.0.1", "destination.ip of UDP")
            t.equal(event["destination.port"], 81, "destination.port of UDP")
            t.equal(event["destination.nat.ip"], "127.0.0.1", "destination.nat.ip of UDP")
            t.equal(event["destination.nat.port"], 4001, "destination.nat.port of UDP")
            t.equal(event["source.bytes"], 4, "source.bytes of UDP")
        }
    }
}
