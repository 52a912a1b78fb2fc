// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Where a pod's connections and flows lead when its node sends them elsewhere, in a namespace that is not the pod's.

/// What the pod asks for at a port of the service, and where that leads.
private struct Service {
    let port: Int
    let kind: String
    let to: String
    let to6: String
    let toPort: Int
}

private let services = [
    Service(port: 80, kind: "stream", to: "10.9.2.2", to6: "fd00:2::2", toPort: 4000),
    Service(port: 82, kind: "stream", to: "10.9.1.1", to6: "fd00:1::1", toPort: 4002),
    Service(port: 81, kind: "flow", to: "10.9.2.2", to6: "fd00:2::2", toPort: 4001),
    Service(port: 84, kind: "flow", to: "10.9.1.1", to6: "fd00:1::1", toPort: 4003),
]

let nodeTests = ["nft", "iptables"].map { tool in
    Test("net: what \(tool) of a node leads to another address for its pod") { t in
        guard let path = t.program(tool) else { throw Stop.skipped("\(tool) is not installed") }
        let kinds = tool == "nft" ? ["4", "6", "m"] : ["4", "m"]
        let run = try t.trace([], workload("node", path, kinds.joined()), milliseconds: 20_000, command: "watch-net")
        t.equal(run.surelyLost, 0, "what was lost")
        let pod = try t.require(run.said("pod").first, "pod: \(run.said.suffix(300))")
        let told = run.told.filter { $0.pid == pod && $0["network.direction"] == "egress" }
        func check(_ event: Event, _ kind: String, _ service: Service, isTranslated: Bool = true) {
            let what = "\(event.action) of \(service.kind) \(kind) to \(service.port)"
            let isIPv6 = kind == "6"
            t.equal(event["source.ip"], isIPv6 ? "fd00:1::2" : "10.9.1.2", "source.ip, \(what)")
            t.equal(event["destination.ip"], isIPv6 ? "fd00:96::1" : "10.96.0.1", "destination.ip, \(what)")
            t.equal(event["destination.port"], .integer(service.port), "destination.port, \(what)")
            let address = JSON.string(isIPv6 ? service.to6 : service.to)
            t.equal(event["destination.nat.ip"], isTranslated ? address : nil, "destination.nat.ip, \(what)")
            t.equal(
                event["destination.nat.port"], isTranslated ? .integer(service.toPort) : nil,
                "destination.nat.port, \(what)")
            t.equal(event["ebpfguard.remote_class"], "private", "ebpfguard.remote_class, \(what)")
        }
        var count = 0
        for kind in kinds {
            for service in services {
                for said in run.numbers(of: "\(service.kind)\(kind)\(service.port)") {
                    guard let port = said.first else { throw Stop.failed("the workload says \(said)") }
                    let events = told.filter {
                        $0["source.port"] == .integer(port) && $0["destination.port"] == .integer(service.port)
                    }
                    let isStream = service.kind == "stream"
                    t.equal(events.map(\.action), [isStream ? "connect" : "udp", "close"], "events, \(kind)")
                    guard events.count == 2 else { continue }
                    // A flow is told before its first datagram gets to the node.
                    check(events[0], kind, service, isTranslated: isStream)
                    check(events[1], kind, service)
                    let datagrams = said.count > 1 ? said[1] : 0
                    t.equal(events[1]["source.bytes"], .integer(isStream ? 3 : 4 * datagrams), "source.bytes, \(kind)")
                    t.equal(
                        events[1]["destination.bytes"], .integer(isStream ? 5 : 14 * datagrams),
                        "destination.bytes, \(kind)")
                    count += 1
                }
            }
        }
        t.equal(count, 5 * kinds.count, "connections and flows of the pod")
        let refused = told.failures
        t.equal(refused.map { $0["error.code"] }, kinds.map { _ in "ECONNREFUSED" }, "connects that fail")
        for (kind, event) in zip(kinds, refused) {
            check(event, kind, Service(port: 83, kind: "", to: "10.9.2.2", to6: "fd00:2::2", toPort: 4999))
        }
        // What the node asks itself leaves as from another port.
        if tool == "nft" {
            let port = try t.require(run.numbers(of: "flow41").first?.first, "flow41")
            let flow = run.told.filter { $0["source.port"] == .integer(port) && $0.pid != pod }
            t.equal(flow.map(\.action), ["udp", "close"], "events of the node's own")
            t.equal(flow.last?["destination.ip"], "10.9.2.2", "destination.ip of the node's own")
            t.equal(flow.last?["destination.nat"], nil, "destination.nat of the node's own")
            t.equal(flow.last?["source.bytes"], 8, "source.bytes of the node's own")
            t.equal(flow.last?["destination.bytes"], 28, "destination.bytes of the node's own")
        }
        // Who is led to sees the pod, and nothing of what it asked for.
        let others = run.told.filter { $0["network.direction"] == "ingress" }
        t.equal(others.count { $0["destination.nat"] != nil }, 0, "translations that the servers see")
        t.equal(others.count { $0.action == "accept" }, 2 * kinds.count, "accepts")
        for kind in kinds {
            let port = try t.require(run.numbers(of: "flow\(kind)84").first?.first, "flow\(kind)84")
            let own = run.told.filter { $0["source.port"] == .integer(port) && $0["destination.port"] == 4003 }
            t.equal(own.map(\.action), ["udp", "close"], "events of the node's server")
            t.equal(own.map { $0["network.direction"] }, ["ingress", "ingress"], "its direction")
            // What came before it answered was for the address that was asked for.
            t.equal(own.last?["source.bytes"], 4, "what the node's server got behind its first answer")
            t.equal(own.last?["destination.bytes"], 28, "what the node's server sent")
        }
        let leaving = run.told.filter { $0["network.direction"] == "egress" && $0.pid != pod }
        t.equal(leaving.count, tool == "nft" ? 2 : 0, "events of others that ask")
    }
}
