// SPDX-License-Identifier: Apache-2.0

import Workloads

// Connections that come by other ways than connect(2) and accept(2), or that change hands.

extension Run {
    /// The events of the connection from the port that the workload said behind `word`, and the pid that it said.
    fileprivate func side(_ word: String, _ direction: String) -> (events: [Event], pid: Int?) {
        let said = said(word)
        let events = told.filter {
            $0["source.port"] == .integer(said.first ?? 0) && $0["network.direction"] == .string(direction)
        }
        return (events, said.last)
    }
}

let handedTests = [
    Test("handed: to another process by SCM_RIGHTS, and to another program by exec") { t in
        let run = try t.trace([], workload("handed"), command: "watch-net")
        t.equal(run.surelyLost, 0, "what was lost")
        for (word, sent) in [("given", 8), ("accepted", 4), ("executed", 6)] {
            let client = run.side(word, "egress")
            t.equal(client.events.map(\.action), ["connect", "close"], "events of the client, \(word)")
            // Whose it was when it was asked for.
            for event in client.events { t.equal(event.pid, client.pid ?? 0, "who, \(event.action) of \(word)") }
            t.equal(client.events.last?["source.bytes"], .integer(sent), "what was sent, \(word)")
            let server = run.side(word, "ingress")
            t.equal(server.events.map(\.action), ["accept", "close"], "events of the server, \(word)")
            t.equal(Set(server.events.map(\.pid)).count, 1, "who accepted it and whose it is, \(word)")
            t.equal(server.events.last?["source.bytes"], .integer(sent), "what was received, \(word)")
        }
        t.equal(run.told.count { $0["process.name"] == "taker" }, 0, "events of who was given them")
        let executed = run.side("executed", "egress").events
        t.equal(executed.first?["process.name"], "becomes", "the name of who connected")
    },

    Test("handed: connections by io_uring") { t in
        let run = try t.trace([], workload("ring-sockets"), status: nil, command: "watch-net")
        if run.status == .code(77) { throw Stop.skipped("this kernel has no io_uring") }
        t.equal(run.status, .code(0), "the exit status")
        t.equal(run.surelyLost, 0, "what was lost")
        let said = run.said("sockets")
        guard said.count == 2 else { throw Stop.failed("the workload says \(run.said)") }
        let (pid, port) = (said[0], said[1])
        let connects = run.told.filter { $0.action == "connect" }
        t.equal(connects.map { $0["error.code"] }, [nil, "ECONNREFUSED"], "connects")
        for event in connects { t.equal(event.pid, pid, "who connects") }
        t.equal(connects.first?["source.port"], .integer(port), "source.port")
        // Where fexit is refused, an accept by io_uring is not seen, but the connection is, when it is closed.
        let seesAccepts = run.errors.contains("failed calls by fexit")
        let accepts = run.told.of("accept")
        t.equal(accepts.map(\.pid), seesAccepts ? [pid] : [], "who accepts")
        let closes = run.told.filter { $0.action == "close" && $0["source.port"] == .integer(port) }
        t.equal(
            Set(closes.compactMap { $0["network.direction"]?.string }), ["egress", "ingress"], "sides that are closed")
        for event in closes {
            t.equal(event.pid, pid, "whose it is")
            t.equal(event["source.bytes"], 5, "bytes")
        }
    },
]
