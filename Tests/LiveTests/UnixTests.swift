// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// UNIX sockets: who connects to whom, by path and by abstract name.

extension Run {
    fileprivate var unix: [Event] { told.filter { $0["network.transport"] == "unix" } }
    fileprivate var unixCalls: [Event] { unix.filter { $0.action != "close" } }
}

extension Event {
    /// "connect stream /run/x ENOENT".
    fileprivate var unixText: String {
        let parts = [self["ebpfguard.socket_type"], self["destination.address"], self["error.code"]]
        return ([action] + parts.compactMap { $0?.string }).joined(separator: " ")
    }

    /// "stream s -> 5842 <- 777 closed", by who sent; with packets "-> 60/3".
    fileprivate func endText(below directory: String) -> String {
        func bytes(_ side: String) -> String {
            let packets = self["\(side).packets"].map { "/\($0.integer ?? -1)" } ?? ""
            return self["\(side).bytes"].map { "\($0.integer ?? -1)" + packets } ?? "-"
        }
        let name = self["destination.address"]?.string?.replacing(directory + "/", with: "")
        let place = self["ebpfguard.socket_pair"] == true ? "pair" : name ?? "-"
        return "\(self["ebpfguard.socket_type"]?.string ?? "-") \(place) -> \(bytes("source")) "
            + "<- \(bytes("destination")) \(self["ebpfguard.close_reason"]?.string ?? "-")"
    }
}

extension Context {
    fileprivate func directory(_ name: String) throws -> String {
        let path = "\(scratch)/\(name)"
        guard unsafe mkdir(path, 0o755) == 0 else { throw Stop.failed("can't make \(path)") }
        return path
    }

    /// What sees UNIX sockets here, as the footer says it.
    fileprivate var unixHooks: [String] {
        get throws {
            try hasFunctionEntry()
                ? [
                    "UNIX sockets by fexit/unix_stream_connect", "their bytes by fexit/unix_stream_sendmsg",
                    "their ends by fentry/unix_release_sock",
                ]
                : [
                    "UNIX sockets by tracepoint/syscalls/sys_exit_connect", "their bytes by tp_btf/sock_send_length",
                    "their ends by tracepoint/syscalls/sys_enter_close, and a look at all of them each second",
                ]
        }
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
        let server = run.unixCalls.by(pids[0])
        t.equal(
            server.map(\.unixText),
            [
                "listen stream \(path)", "listen stream \(abstract)", "listen seqpacket packets",
                "listen dgram @grams", "listen stream ./@odd", "listen stream dead",
                "listen stream \(path) EADDRINUSE", "accept stream \(path)", "accept stream \(abstract)",
                "accept seqpacket packets", "accept stream ./@odd",
            ], "what the server does")
        let client = run.unixCalls.by(pids[1])
        t.equal(
            client.map(\.unixText),
            [
                "connect stream \(path)", "connect stream \(abstract)", "connect seqpacket packets",
                "connect dgram @grams", "connect stream ./@odd", "connect stream missing ENOENT",
                "connect stream dead ECONNREFUSED", "connect dgram \(path) EPROTOTYPE", "connect stream",
            ], "what the client does")
        t.equal(client.last?["ebpfguard.socket_pair"], true, "whether the last is a pair")
        let ends = run.unix.of("close")
        t.equal(ends.by(pids[0]).count, 6 + 4, "sockets that listened, and were accepted, that the server has closed")
        t.equal(ends.by(pids[1]).count, 5 + 2, "connections, and ends of a pair, that the client has closed")
        t.equal(server.count + client.count + ends.count, run.told.count, "events of others")
        let namespace = run.said("network").map { "\($0)" }
        for event in run.unixCalls {
            let isPeer = event.action != "listen" && !event.isFailure
            if event["ebpfguard.socket_pair"] == true {
                t.equal(event["ebpfguard.target.pid"], .integer(pids[1]), "who has the other end of a pair")
                continue
            }
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
        for hook in try t.unixHooks {
            t.expect(run.errors.contains(hook), "the footer does not have \(hook): \(run.errors.suffix(800))")
        }
        let check = try t.run(["--check"], command: "watch-net").text
        for hook in try t.unixHooks {
            let place = hook.split(separator: " by ").last.map(String.init) ?? hook
            t.expect(check.contains(place), "--check does not have \(place): \(check.suffix(800))")
        }
    },

    Test("net: UNIX sockets, only when asked for, and of whom was asked for", dependsOnKernel: false) { t in
        let silent = try t.trace([], workload("unix", t.scratch), command: "watch-net")
        t.equal(silent.told.count, 0, "events without --unix")
        t.expect(!silent.errors.contains("UNIX sockets"), "the programs are attached all the same")
        for name in ["stream", "packets", "@odd", "dead"] { unsafe unlink("\(t.scratch)/\(name)") }
        let run = try t.trace(
            ["--unix", "--comm", "client", "--filter", "destination.address ~ \"/*\""], workload("unix", t.scratch),
            command: "watch-net")
        t.equal(
            run.told.filter { $0.action != "close" }.map(\.unixText),
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

    Test("net: UNIX sockets, byte for byte, each type and each way to send") { t in
        let file = "\(t.scratch)/traffic.rec"
        let run = try t.trace(["--unix", "-w", file], workload("unix-traffic", t.scratch), command: "watch-net")
        t.equal(run.surelyLost, 0, "what was lost")
        let pids = run.said("pids")
        guard pids.count == 4 else { throw Stop.failed("the workload says \(run.said.suffix(300))") }
        let seesEnds = try t.hasFunctionEntry()
        let ends = run.unix.of("close")
        func texts(_ pid: Int, _ direction: JSON?, pairs: Bool = false) -> [String] {
            ends.by(pid).filter {
                $0["network.direction"] == direction && ($0["ebpfguard.socket_pair"] == true) == pairs
            }
            .map { $0.endText(below: t.scratch) }
        }
        t.equal(
            texts(pids[1], "egress"),
            [
                "stream s -> 5842 <- 777 closed", "seqpacket q -> 60/3 <- 5/1 closed",
                "dgram d -> 400/4 <- 14/2 closed", "stream s -> 50 <- 0 reset_by_peer", "stream s -> 9 <- 0 closed",
            ], "what the client has closed")
        t.equal(
            texts(pids[0], "ingress"),
            [
                "stream s -> 5842 <- 777 closed_by_peer", "seqpacket q -> 60/3 <- 5/1 closed_by_peer",
                "stream s -> 50 <- 0 reset", "stream s -> 9 <- 0 closed_by_peer", "stream s -> 5 <- 0 closed_by_peer",
            ], "what the server has accepted")
        t.equal(
            texts(pids[0], nil), ["stream s -> - <- - -", "seqpacket q -> - <- - -", "dgram d -> 300/3 <- 14/2 -"],
            "what the server has listened on")
        // The child closes its end first.
        t.equal(
            texts(pids[0], nil, pairs: true),
            ["stream pair -> 11 <- 22 closed", "stream pair -> 22 <- 11 closed_by_peer"], "the pair")
        t.equal(
            texts(pids[2], "egress"), ["stream s -> 5 <- 0 \(seesEnds ? "closed" : "-")"],
            "what the end of its process closes")
        t.equal(ends.by(pids[3]).count, 0, "what the child has closed is its parent's")
        for event in ends {
            let isSeen = seesEnds || event.pid != pids[2]
            t.equal(event["event.duration"] != nil, isSeen, "event.duration of \(event.endText(below: t.scratch))")
            t.expect((event["event.duration"]?.integer ?? 0) < 20_000_000_000, "event.duration")
            t.equal(event["ebpfguard.opened_before"], nil, "ebpfguard.opened_before")
            let sum = ["source", "destination"].compactMap { event["\($0).bytes"]?.integer }.reduce(0, +)
            t.equal(event["network.bytes"]?.integer ?? 0, sum, "network.bytes")
        }
        let again = try t.run(["-o", "json", "--unix", "-r", file], command: "watch-net")
        t.equal(lines(again.text), lines(run.text).filter { !$0.contains("\"loss\"") }, "the replay")
        let other = try t.trace(
            ["--unix", "--comm", "nobody"], workload("unix-traffic", try t.directory("other")), command: "watch-net")
        t.equal(other.told.count, 0, "events of others")
        let client = try t.trace(
            ["--unix", "--comm", "client", "--events", "close"], workload("unix-traffic", try t.directory("client")),
            command: "watch-net")
        t.equal(client.told.count, 5, "what the client alone has closed")
        t.equal(
            client.told.map { $0["source.bytes"] }, [5842, 60, 400, 50, 9], "what it sent, with nobody else in scope")
        t.equal(client.told.map { $0["destination.bytes"] }, [777, 5, 14, 0, 0], "what it got")
    },

    Test("net: UNIX sockets by io_uring, byte for byte") { t in
        let run = try t.trace(["--unix"], workload("ring-unix"), status: nil, command: "watch-net")
        if run.status == .code(77) { throw Stop.skipped("this host has no io_uring") }
        t.equal(run.status, .code(0), "the exit status")
        t.equal(
            run.unix.of("close").map { $0.endText(below: "") },
            ["stream pair -> 15 <- 4 closed", "stream pair -> 4 <- 15 closed_by_peer"], "the pair")
        t.equal(run.unix.map(\.action), ["connect", "close", "close"], "events")
    },

    Test("net: UNIX sockets that were there before, and their end") { t in
        let holder = try Child(workload("unix-standing", t.scratch))
        let isReady = holder.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("ready") }
        guard isReady else { throw Stop.failed("the workload says \(holder.outputText) \(holder.errorText)") }
        let child = try t.watch(
            ["-o", "json", "--unix", "--existing", "--interval", "1s"], command: "watch-net")
        let isSeen = child.wait(milliseconds: t.allow(milliseconds: 5000)) {
            lines($0.outputText).filter { $0.contains("\"pid\":\(holder.pid),") && $0.contains("existing") }.count >= 10
        }
        t.expect(isSeen, "nothing is told again after a second")
        holder.closeInput()
        holder.wait(milliseconds: t.allow(milliseconds: 5000))
        let run = try t.stop(child)
        let own = run.unix.by(holder.pid)
        let first = own.of("existing").prefix(6)
        let expected = [
            "dgram d -> - <- - -", "stream pair -> - <- - -", "stream pair -> - <- - -", "stream s -> - <- - -",
            "stream s -> - <- - -", "stream s -> - <- - -",
        ]
        t.equal(first.map { $0.endText(below: t.scratch) }.sorted(), expected, "what it has")
        t.equal(
            first.compactMap { $0["network.direction"]?.string }.sorted(), ["egress", "ingress"], "network.direction")
        let next = own.of("existing").dropFirst(6).prefix(4)
        t.expect(next.allSatisfy { $0["ebpfguard.opened_before"] == true }, "ebpfguard.opened_before")
        let ends = own.of("close")
        let texts = ends.map {
            $0.endText(below: t.scratch).replacing("closed_by_peer", with: "-").replacing("closed", with: "-")
        }
        t.equal(texts.sorted(), expected, "what it has closed")
        for event in ends {
            t.equal(event["event.duration"], nil, "event.duration")
            t.equal(event["ebpfguard.opened_before"], true, "ebpfguard.opened_before")
        }
        t.equal(own.count, own.of("existing").count + ends.count, "other events")
    },
]
