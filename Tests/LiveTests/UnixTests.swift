// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// UNIX sockets: who connects to whom, by path and by abstract name.

extension Run {
    fileprivate var unix: [Event] { told.filter { $0["network.transport"] == "unix" } }
}

extension Event {
    /// "connect stream /run/x ENOENT".
    fileprivate var unixText: String {
        let parts = [self["ebpfguard.socket_type"], self["destination.address"], self["error.code"]]
        return ([action] + parts.compactMap { $0?.string }).joined(separator: " ")
    }
}

let unixTests = [
    Test("net: UNIX sockets, with who is on the other side, and what fails") { t in
        let file = "\(t.scratch)/unix.rec"
        let path = "\(t.scratch)/stream"
        let run = try t.trace(["--unix", "-w", file], workload("unix", t.scratch), command: "watch-net")
        t.equal(run.surelyLost, 0, "what was lost")
        let pids = run.said("pids")
        guard pids.count == 2 else { throw Stop.failed("the workload says \(run.said.suffix(300))") }
        let abstract = "@ab\u{0}c\u{1b}[31m"
        let server = run.unix.by(pids[0])
        t.equal(
            server.map(\.unixText),
            [
                "listen stream \(path)", "listen stream \(abstract)", "listen seqpacket packets",
                "listen dgram @grams", "listen stream ./@odd", "listen stream dead",
                "listen stream \(path) EADDRINUSE", "accept stream \(path)", "accept stream \(abstract)",
                "accept seqpacket packets", "accept stream ./@odd",
            ], "what the server does")
        let client = run.unix.by(pids[1])
        t.equal(
            client.map(\.unixText),
            [
                "connect stream \(path)", "connect stream \(abstract)", "connect seqpacket packets",
                "connect dgram @grams", "connect stream ./@odd", "connect stream missing ENOENT",
                "connect stream dead ECONNREFUSED", "connect dgram \(path) EPROTOTYPE",
            ], "what the client does")
        t.equal(server.count + client.count, run.told.count, "events of others")
        let namespace = run.said("network").map { "\($0)" }
        for event in run.unix {
            let isPeer = event.action != "listen" && !event.isFailure
            let peer = event.pid == pids[0] ? pids[1] : pids[0]
            t.equal(event["ebpfguard.target.pid"], isPeer ? .integer(peer) : nil, "the peer of \(event.unixText)")
            // The client has ended when it is accepted.
            let name: JSON? = event.pid == pids[0] ? nil : "server"
            t.equal(event["ebpfguard.target.name"], isPeer ? name : nil, "its name, of \(event.unixText)")
            let executable: JSON? = event.pid == pids[0] ? nil : .string(ownPath)
            t.equal(event["ebpfguard.target.executable"], isPeer ? executable : nil, "its program")
            t.equal(event["process.executable"], .string(ownPath), "process.executable")
            t.equal(event["ebpfguard.network_namespace"]?.string.map { [$0] }, namespace, "network namespace")
        }
        let again = try t.run(["-o", "json", "--unix", "-r", file], command: "watch-net")
        t.equal(lines(again.text), lines(run.text).filter { !$0.contains("\"loss\"") }, "the replay")
        let without = try t.events(of: try t.run(["-o", "json", "-r", file], command: "watch-net").child)
        t.equal(without.count, 0, "events of a replay without --unix")
        let hook = try t.hasFunctionEntry() ? "fexit/unix_stream_connect" : "tracepoint/syscalls/sys_exit_connect"
        t.expect(run.errors.contains("UNIX sockets by \(hook)"), "the hook is not \(hook): \(run.errors.suffix(500))")
    },

    Test("net: UNIX sockets, only when asked for, and of whom was asked for") { t in
        let silent = try t.trace([], workload("unix", t.scratch), command: "watch-net")
        t.equal(silent.told.count, 0, "events without --unix")
        t.expect(!silent.errors.contains("UNIX sockets"), "the programs are attached all the same")
        for name in ["stream", "packets", "@odd", "dead"] { unsafe unlink("\(t.scratch)/\(name)") }
        let run = try t.trace(
            ["--unix", "--comm", "client", "--filter", "destination.address ~ \"/*\""], workload("unix", t.scratch),
            command: "watch-net")
        t.equal(
            run.told.map(\.unixText),
            ["connect stream \(t.scratch)/stream", "connect dgram \(t.scratch)/stream EPROTOTYPE"],
            "what passes")
    },

    Test("net: UNIX sockets in text, with names that are hostile", dependsOnKernel: false) { t in
        let run = try t.run(["--unix", "--color", "never"], workload("unix", t.scratch), command: "watch-net")
        let server = "\(run.said("pids").first ?? 0)"
        for part in [
            "listens on unix \(t.scratch)/stream", "-> unix \(t.scratch)/stream connected to \(server) server",
            "-> unix missing ENOENT", "can't listen on unix \(t.scratch)/stream: EADDRINUSE",
            "<- unix packets accepted from ",
        ] {
            t.expect(lines(run.text).contains { $0.contains(part) }, "no line with \"\(part)\": \(run.text)")
        }
        t.expect(!run.child.output.contains(0x1b) && !run.child.output.contains(0), "a control character in text")
        t.expect(run.text.contains("unix @ab\\"), "no line of the abstract name")
    },
]
