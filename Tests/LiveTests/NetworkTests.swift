// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// TCP connections: each of them, with every field, in network namespaces of their own.

extension Context {
    /// Runs `ebpfguard watch-net -o json OPTIONS -- PROGRAM` to its end.
    fileprivate func watchNet(
        _ options: [String] = [], _ program: [String], milliseconds: Int = 20_000, status: Child.ExitStatus? = .code(0)
    ) throws -> Run {
        let run = try trace(options, program, milliseconds: milliseconds, status: status, command: "watch-net")
        equal(run.surelyLost, 0, "what was lost")
        return run
    }
}

extension Run {
    fileprivate var namespaces: Set<String> { Set(told.compactMap { $0["ebpfguard.network_namespace"]?.string }) }

    /// The close that the client saw of the connection from this port, and that of the server.
    fileprivate func closes(from port: Int) -> (client: Event?, server: Event?) {
        let both = told.of("close").filter { $0["source.port"] == .integer(port) } + closesThatFailed(from: port)
        return (
            both.first { $0["network.direction"] == "egress" }, both.first { $0["network.direction"] == "ingress" }
        )
    }

    private func closesThatFailed(from port: Int) -> [Event] {
        told.failures.filter { $0.action == "close" && $0["source.port"] == .integer(port) }
    }
}

private let server = 4000

/// An IPv4 address of this host that is not loopback's.
private func ownAddress() -> String? {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard unsafe getifaddrs(&list) == 0 else { return nil }
    defer { unsafe freeifaddrs(list) }
    var next = unsafe list
    while let entry = unsafe next?.pointee {
        unsafe next = entry.ifa_next
        guard let address = unsafe entry.ifa_addr, unsafe address.pointee.sa_family == AF_INET else { continue }
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: UnsafeRawPointer(address) + 4, count: 4))
        if bytes[0] != 127, bytes[0] != 169 { return bytes.map(String.init).joined(separator: ".") }
    }
    return nil
}

/// The workload's connections of one kind: exact numbers, and all fields.
private func connections(_ kind: String, ip: JSON, type: JSON) -> Test {
    Test("net: 200 connections over \(kind == "m" ? "v4-mapped" : "TCP\(kind)"), byte for byte") { t in
        let count = t.settings.isSlow ? 60 : 200
        let run = try t.watchNet([], workload("connections", kind, "\(count)"))
        let pids = run.said("pids")
        guard pids.count == 2 else { throw Stop.failed("the workload says \(run.said.suffix(300))") }
        let opened = run.numbers(of: "open")
        t.equal(opened.count, count, "the connections that the workload made")
        let actions = Dictionary(grouping: run.told, by: \.action).mapValues(\.count)
        // The listening socket is closed by the server's end and the client's close: one event, at the last.
        t.equal(actions, ["listen": 1, "connect": count, "accept": count, "close": 2 * count + 1], "events by action")
        t.equal(run.told.failures.count, 0, "failures")
        t.equal(run.namespaces, Set(run.said("network").map { "\($0)" }), "the network namespaces")

        for (index, connection) in opened.enumerated() {
            guard connection.count == 3 else { throw Stop.failed("the workload says \(connection)") }
            let (port, sent, received) = (connection[0], connection[1], connection[2])
            // A port comes again when the numbers run out; here they do not.
            let events = run.told.filter { $0["source.port"] == .integer(port) }
            t.equal(events.count, 4, "the events of connection \(index)")
            for event in events {
                let isClient = event["network.direction"] == "egress"
                t.equal(event.pid, isClient ? pids[0] : pids[1], "who, \(event.action)")
                t.equal(event["process.name"], isClient ? "client" : "server", "process.name")
                t.equal(event["process.executable"], .string(ownPath), "process.executable")
                t.equal(event["source.ip"], ip, "source.ip")
                t.equal(event["destination.ip"], ip, "destination.ip")
                t.equal(event["destination.port"], .integer(server), "destination.port")
                t.equal(event["network.type"], type, "network.type")
                t.equal(event["destination.nat"], nil, "destination.nat")
                t.equal(event["ebpfguard.remote_class"], "loopback", "ebpfguard.remote_class")
                t.equal(event["ebpfguard.opened_before"], nil, "ebpfguard.opened_before")
                t.expect((event["event.duration"]?.integer ?? 0) > 0, "no event.duration of \(event.action)")
                guard event.action == "close" else { continue }
                t.equal(event["source.bytes"], .integer(sent), "source.bytes of \(index), \(isClient)")
                t.equal(event["destination.bytes"], .integer(received), "destination.bytes of \(index), \(isClient)")
                t.equal(event["network.bytes"], .integer(sent + received), "network.bytes")
                t.expect((event["source.packets"]?.integer ?? 0) > 2, "source.packets")
                t.expect((event["destination.packets"]?.integer ?? 0) > 1, "destination.packets")
                t.equal(
                    event["ebpfguard.close_reason"], isClient ? "closed" : "closed_by_peer", "ebpfguard.close_reason")
                t.expect((event["ebpfguard.round_trip"]?.integer ?? 0) > 0, "ebpfguard.round_trip")
                t.expect(event["ebpfguard.retransmits"]?.integer != nil, "no ebpfguard.retransmits")
            }
        }
        let listen = try t.require(run.told.of("listen").first, "listen")
        t.equal(listen["destination.ip"], kind == "6" ? "::1" : "127.0.0.1", "the address that it listens on")
        t.equal(listen["destination.port"], .integer(server), "the port that it listens on")
        t.equal(listen.pid, pids[0], "who listens")
        t.equal(listen["source"], nil, "source of a listen")
        let end = try t.require(run.told.of("close").first { $0["source"] == nil }, "close of the listening socket")
        t.equal(end["destination.port"], .integer(server), "the port that it listened on")
    }
}

let networkTests = [
    connections("4", ip: "127.0.0.1", type: "ipv4"),
    connections("6", ip: "::1", type: "ipv6"),
    connections("m", ip: "127.0.0.1", type: "ipv4"),

    Test("net: connections in two network namespaces at a time") { t in
        let count = 50
        let run = try t.watchNet([], workload("networks", "\(count)"))
        let networks = run.numbers(of: "network").map { "\($0.first ?? 0)" }
        t.equal(Set(networks).count, 2, "network namespaces")
        t.equal(run.namespaces, Set(networks), "the network namespaces of events")
        for name in ["first", "second"] {
            let own = run.told.filter { $0["process.name"] == .string(name) }
            t.equal(
                Set(own.compactMap { $0["ebpfguard.network_namespace"]?.string }).count, 1, "the namespaces of \(name)")
            t.equal(own.of("connect").count, count, "connects of \(name)")
            t.equal(own.of("accept").count, count, "accepts of \(name)")
            let closes = own.of("close").filter { $0["source"] != nil }
            t.equal(closes.count, 2 * count, "closes of \(name)")
            let bytes = name == "first" ? 100 : 101
            t.expect(closes.allSatisfy { $0["source.bytes"] == .integer(bytes) }, "bytes of \(name)")
            t.expect(closes.allSatisfy { $0["destination.bytes"] == 0 }, "bytes back of \(name)")
        }
    },

    Test("net: connections that are refused") { t in
        let count = t.settings.isSlow ? 50 : 200
        for (kind, ip) in [("4", "127.0.0.1"), ("6", "::1"), ("m", "127.0.0.1")] {
            let run = try t.watchNet([], workload("unheard", kind, "\(count)"))
            t.equal(run.told.count, count, "the number of events")
            for event in run.told {
                t.equal(event.action, "connect", "event.action")
                t.equal(event["error.code"], "ECONNREFUSED", "error.code")
                t.equal(event["ebpfguard.errno"], 111, "ebpfguard.errno")
                t.equal(event["destination.ip"], .string(ip), "destination.ip")
                t.equal(event["destination.port"], .integer(server), "destination.port")
                t.expect((event["source.port"]?.integer ?? 0) > 0, "source.port")
                t.expect((event["event.duration"]?.integer ?? 0) > 0, "event.duration")
            }
            if t.settings.isSlow { break }
        }
    },

    Test("net: connections that time out, and that are given up") { t in
        let run = try t.watchNet([], workload("unanswered"))
        let failures = run.told.failures.filter { $0.action == "connect" }
        t.equal(failures.map { $0["error.code"] }, ["ECANCELED", "ETIMEDOUT"], "how they failed")
        let waited = failures.map { ($0["event.duration"]?.integer ?? 0) / 1_000_000 }
        guard waited.count == 2 else { return }
        t.expect(waited[0] >= 50 && waited[0] < t.allow(milliseconds: 1000), "given up after \(waited[0]) ms")
        // Tried again after one second, and two more to wait for the answer.
        t.expect(waited[1] >= 2900 && waited[1] < t.allow(milliseconds: 5000), "timed out after \(waited[1]) ms")
        // From 6.5 on, after 1, 1 and 1 second.
        t.expect((1...2).contains(failures[1]["ebpfguard.retransmits"]?.integer ?? 0), "ebpfguard.retransmits")
        t.equal(run.told.of("connect").count, 1, "connects that work")
        // Nobody has accepted it, but it was connected.
        t.equal(run.told.of("accept").count, 0, "accepts")
    },

    Test("net: connects that fail in the call, and that do not block") { t in
        let run = try t.watchNet([], workload("early"))
        let failures = run.told.failures.filter { $0.action == "connect" }
        t.equal(
            failures.map { $0["error.code"] }, ["ENETUNREACH", "ECONNREFUSED", "EADDRNOTAVAIL"], "how they failed")
        guard failures.count == 3 else { return }
        t.equal(failures[0]["destination.ip"], "192.0.2.1", "destination.ip")
        t.equal(failures[0]["destination.port"], 80, "destination.port")
        t.equal(failures[0]["ebpfguard.remote_class"], "public", "ebpfguard.remote_class")
        t.equal(failures[0]["source.port"], nil, "source.port")
        t.equal(failures[1]["destination.port"], .integer(server + 1), "destination.port of the refused one")
        t.equal(failures[2]["destination.port"], .integer(server), "destination.port without a port")
        t.equal(run.told.of("connect").count, 2, "connects that work")
    },

    Test("net: connections that end otherwise than by being closed") { t in
        let run = try t.watchNet([], workload("endings"))
        func port(_ word: String) throws -> Int {
            try t.require(run.said(word).first, "what the workload says: \(word)")
        }
        func reasons(_ word: String) throws -> [JSON?] {
            let (client, server) = run.closes(from: try port(word))
            return [client?["ebpfguard.close_reason"], server?["ebpfguard.close_reason"]]
        }
        t.equal(try reasons("reset-by-peer"), ["reset_by_peer", "reset"], "broken off by the server")
        let broken = run.closes(from: try port("reset-by-peer"))
        t.equal(broken.client?["error.code"], "ECONNRESET", "error.code")
        t.equal(broken.server?["error.code"], nil, "error.code of who broke it off")
        t.equal(try reasons("reset"), ["reset", "reset_by_peer"], "broken off by the client")
        let unread = run.closes(from: try port("reset"))
        t.equal(unread.client?["destination.bytes"], 10, "bytes that nobody has read")

        t.equal(try reasons("half"), ["closed", "closed_by_peer"], "half closed")
        for event in [run.closes(from: try port("half")).client, run.closes(from: try port("half")).server] {
            t.equal(event?["source.bytes"], 300, "bytes of the question")
            t.equal(event?["destination.bytes"], 4000, "bytes of the answer")
        }
        let inherited = run.closes(from: try port("inherited"))
        t.equal(inherited.client?["source.bytes"], 77, "bytes that the heir has sent")
        t.equal(inherited.client?.pid, run.told.of("listen").first?.pid, "whose connection it is")
        let left = run.closes(from: try port("left"))
        t.equal(left.client?["process.name"], "leaver", "who has left")
        t.equal(left.client?["process.executable"], .string(ownPath), "the program of who has left")
        t.equal(left.client?["source.bytes"], 5, "bytes that it has sent")
        t.equal(run.told.of("connect").count, 5, "connects")
        t.equal(run.told.of("accept").count, 5, "accepts")
        t.equal(run.told.filter { $0.action == "close" }.count, 11, "closes")
    },

    Test("net: data by sendfile, by splice and in the first packet") { t in
        let run = try t.watchNet([], workload("ways"))
        for (word, sent) in [("sendfile", 100_000), ("splice", 50_000)] {
            let said = run.said(word)
            t.equal(said.last, sent / 10, "what came back, \(word)")
            let (client, server) = run.closes(from: said.first ?? 0)
            for event in [client, server] {
                t.equal(event?["source.bytes"], .integer(sent), "source.bytes, \(word)")
                t.equal(event?["destination.bytes"], .integer(sent / 10), "destination.bytes, \(word)")
            }
        }
        let fast = run.numbers(of: "fast")
        t.equal(fast.count, 2, "fast opens")
        for said in fast {
            let (client, server) = run.closes(from: said.first ?? 0)
            for event in [client, server] {
                t.equal(event?["source.bytes"], 600, "source.bytes, fast open \(said)")
                t.equal(event?["destination.bytes"], 60, "destination.bytes, fast open \(said)")
            }
        }
        t.equal(run.told.of("connect").count, 4, "connects")
        t.equal(run.told.of("accept").count, 4, "accepts")
        t.equal(run.told.filter { $0.action == "close" }.count, 9, "closes")
    },

    Test("net: scope, filters and a recording") { t in
        let file = "\(t.scratch)/net.rec"
        let run = try t.watchNet(
            ["--comm", "client", "--filter", "event.action == \"close\" and source.bytes > 100", "-w", file],
            workload("connections", "4", "40"))
        let wanted = run.numbers(of: "open").filter { $0[1] > 100 }
        t.equal(run.told.map { $0["source.port"] }, wanted.map { JSON.integer($0[0]) }, "what passes")
        t.expect(run.told.allSatisfy { $0["process.name"] == "client" }, "another process")
        let again = try t.run(["-o", "json", "-r", file], command: "watch-net")
        let replayed = try t.events(of: again.child)
        t.equal(replayed.filter { $0.action == "connect" }.count, 40, "connects in the recording")
        t.equal(replayed.filter { $0.action == "accept" }.count, 0, "accepts in the recording")
    },

    Test("net: a process that is watched by its id, and nobody else's connections") { t in
        let stranger = try Child(workload("wait-for-input"))
        let child = try t.watch(["-o", "json", "-p", "\(stranger.pid)"], command: "watch-net")
        try Child(workload("connections", "4", "5")).wait(milliseconds: t.allow(milliseconds: 5000))
        let run = try t.stop(child)
        t.equal(run.told.count, 0, "events of others")
    },

    Test("net: an address that is led to another") { t in
        let group = try Cgroup(t, "service")
        let run = try t.watchNet([], workload("service", group.path))
        let outgoing = run.told.filter { $0["network.direction"] == "egress" }
        t.equal(
            outgoing.map(\.action).sorted(), ["close", "close", "close", "connect", "connect", "connect"], "events")
        for event in outgoing {
            t.equal(event["event.outcome"], "success", "event.outcome")
            t.equal(event["destination.ip"], "10.96.0.1", "destination.ip")
            t.equal(event["destination.port"], 443, "destination.port")
            t.equal(event["destination.nat.ip"], "127.0.0.1", "destination.nat.ip")
            t.equal(event["destination.nat.port"], .integer(server), "destination.nat.port")
            t.equal(event["ebpfguard.remote_class"], "private", "ebpfguard.remote_class")
            if event.action == "close" { t.equal(event["destination.bytes"], 9, "destination.bytes") }
        }
        let incoming = run.told.filter { $0["network.direction"] == "ingress" }
        t.equal(incoming.count, 6, "events of the other side")
        t.expect(incoming.allSatisfy { $0["destination.nat"] == nil }, "destination.nat of the other side")
    },

    Test("net: connections that were there before") { t in
        let holder = try Child(workload("standing"))
        let isReady = holder.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("standing") }
        guard isReady else { throw Stop.failed("the workload says \(holder.outputText) \(holder.errorText)") }
        let port = try t.require(Int(lines(holder.outputText).last?.split(separator: " ").last ?? ""), "port")
        let child = try t.watch(["-o", "json", "--existing"], command: "watch-net")
        holder.closeInput()
        holder.wait(milliseconds: t.allow(milliseconds: 5000))
        let run = try t.stop(child)
        let own = run.told.filter { $0.pid == holder.pid }
        t.equal(
            own.map(\.action).sorted(), ["close", "close", "close", "existing", "existing", "existing"], "what is told")
        for (action, sent, reason) in [("existing", 1234, nil), ("close", 1240, "closed")] as [(String, Int, String?)] {
            let both = own.filter { $0.action == action && $0["source.port"] == .integer(port) }
            t.equal(
                both.compactMap { $0["network.direction"]?.string }.sorted(), ["egress", "ingress"],
                "the directions, \(action)")
            for event in both {
                t.equal(event["process.name"], "standing", "process.name")
                t.equal(event["process.executable"], .string(ownPath), "process.executable")
                t.equal(event["source.bytes"], .integer(sent), "source.bytes, \(action)")
                t.equal(event["destination.bytes"], 50, "destination.bytes, \(action)")
                t.equal(event["destination.port"], .integer(server), "destination.port")
                t.equal(event["event.duration"], nil, "event.duration")
                t.equal(event["ebpfguard.opened_before"], true, "ebpfguard.opened_before")
                if event["network.direction"] == "egress" {
                    t.equal(event["ebpfguard.close_reason"], reason.map { .string($0) }, "ebpfguard.close_reason")
                }
            }
        }
        let listeners = own.filter { $0["source"] == nil }
        t.equal(listeners.map(\.action), ["existing", "close"], "the listening socket")
        t.expect(listeners.allSatisfy { $0["destination.port"] == .integer(server) }, "where it listens")
    },

    Test("net: what is open, at an interval and at the end", dependsOnKernel: false) { t in
        let holder = try Child(workload("standing"))
        let isReady = holder.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("standing") }
        guard isReady else { throw Stop.failed("the workload says \(holder.outputText) \(holder.errorText)") }
        let time = t.settings.isSlow ? 5 : 1
        let shown = try t.run(
            ["-o", "json", "-p", "\(holder.pid)", "-d", "\(time)s", "--interval", "\(time * 400)ms"],
            milliseconds: 20_000, command: "watch-net")
        let events = try t.events(of: shown.child).filter { $0.action != "loss" }
        t.equal(events.map(\.action), ["existing", "existing", "existing", "existing"], "two looks at two sides")
        t.expect(events.allSatisfy { $0["source.bytes"] == 1234 && $0["destination.bytes"] == 50 }, "their bytes")
        let summed = try t.run(
            ["-o", "json", "-p", "\(holder.pid)", "-d", "300ms", "--summary"], milliseconds: 20_000,
            command: "watch-net")
        let rows = try t.events(of: summed.child)
        t.equal(rows.map { $0["ebpfguard.summary.open"] }, [1, 1], "what is open at the end")
        t.equal(rows.map { $0["ebpfguard.summary.closes"] }, [0, 0], "what is closed")
        let bytes = rows.map {
            [$0["ebpfguard.summary.sent_bytes"]?.integer, $0["ebpfguard.summary.received_bytes"]?.integer]
        }
        t.expect(bytes.contains([1234, 50]) && bytes.contains([50, 1234]), "bytes: \(bytes)")
        holder.closeInput()
        holder.wait(milliseconds: t.allow(milliseconds: 5000))
    },

    Test("net: addresses of the node and of pods") { t in
        let root = "\(t.scratch)/root"
        for directory in [
            "", "/etc", "/etc/cni", "/etc/cni/net.d", "/var", "/var/lib", "/var/lib/cni", "/var/lib/cni/networks",
            "/var/lib/cni/networks/net", "/proc", "/proc/1", "/proc/1/net",
        ] {
            unsafe mkdir(root + directory, 0o755)
        }
        try write(#"{"plugins":[{"ipam":{"subnet":"10.88.0.0/24"}}]}"#, to: "\(root)/etc/cni/net.d/10.conflist")
        try write("x", to: "\(root)/var/lib/cni/networks/net/10.99.0.7")
        try write(
            "Iface\ncali1\t0800630A\t00000000\t5\t0\t0\t0\tFFFFFFFF\t0\n", to: "\(root)/proc/1/net/route")
        try write("|-- 10.77.0.1\n/32 host LOCAL\n", to: "\(root)/proc/1/net/fib_trie")
        let file = "\(t.scratch)/places.rec"
        let expected = [
            ("10.88.0.9", "pod"), ("10.99.0.7", "pod"), ("10.99.0.8", "pod"), ("10.99.0.9", "private"),
            ("10.77.0.1", "node"), ("10.77.0.2", "private"),
        ]
        let run = try t.watchNet(["--root", root, "-w", file], [ownPath, "workload", "places"] + expected.map(\.0))
        for (address, kind) in expected {
            let events = run.told.filter {
                $0["destination.ip"] == .string(address) && $0["network.direction"] == "egress"
            }
            t.equal(events.map(\.action), ["connect", "close"], "events of \(address)")
            t.equal(
                Set(events.compactMap { $0["ebpfguard.remote_class"]?.string }), [kind], "the class of \(address)")
        }
        // There, no file of this node says so.
        try Child(["rm", "-r", root]).wait(milliseconds: t.allow(milliseconds: 5000))
        let replay = try t.run(["-o", "json", "-r", file], command: "watch-net")
        t.expect(replay.child.output == run.child.output, "a replay says something else")
        // An address of this host, where it has one but loopback.
        guard let own = ownAddress() else { return t.note("no address but loopback") }
        let refused = try t.watchNet([], [ownPath, "workload", "dial", own], status: nil)
        let dial = refused.events.first { $0.action == "connect" && $0["destination.ip"] == .string(own) }
        t.equal(dial?["ebpfguard.remote_class"], "node", "the class of \(own)")
    },

    Test("net: a summary by destination and by process", dependsOnKernel: false) { t in
        let run = try t.watchNet(["--summary"], workload("connections", "4", "30"))
        let opened = run.numbers(of: "open")
        let (sent, received) = (opened.reduce(0) { $0 + $1[1] }, opened.reduce(0) { $0 + $1[2] })
        t.equal(run.told.count, 2, "rows")
        for row in run.told {
            let incoming = row["network.direction"] == "ingress"
            // By its name, where /etc/hosts has one.
            if incoming || row["destination.domain"] == nil {
                t.equal(row["destination.ip"], "127.0.0.1", "destination.ip")
            } else {
                t.equal(row["destination.ip"], nil, "destination.ip beside a name")
            }
            t.equal(row["destination.port"], .integer(server), "destination.port")
            t.equal(row["network.transport"], "tcp", "network.transport")
            t.equal(row["ebpfguard.summary.by"], "destination", "what it is by")
            t.equal(row["ebpfguard.summary.connects"], .integer(incoming ? 0 : 30), "connects")
            t.equal(row["ebpfguard.summary.accepts"], .integer(incoming ? 30 : 0), "accepts")
            t.equal(row["ebpfguard.summary.closes"], 30, "closes")
            t.equal(row["ebpfguard.summary.open"], 0, "open")
            t.equal(row["ebpfguard.summary.addresses"], 1, "addresses")
            t.equal(row["ebpfguard.summary.failed_connects"], 0, "failed connects")
            t.equal(row["ebpfguard.summary.sent_bytes"], .integer(incoming ? received : sent), "bytes sent")
            t.equal(row["ebpfguard.summary.received_bytes"], .integer(incoming ? sent : received), "bytes received")
        }
        let processes = try t.watchNet(["--summary", "--by", "process"], workload("connections", "4", "5"))
        t.equal(Set(processes.told.compactMap { $0["process.name"]?.string }), ["client", "server"], "processes")
        let refused = try t.watchNet(["--summary"], workload("unheard", "4", "7"))
        t.equal(refused.told.map { $0["ebpfguard.summary.failed_connects"] }, [7], "refused")
    },

    Test("net: a line of text, on a terminal of 80 columns", dependsOnKernel: false) { t in
        let child = try t.start(
            ["--color", "never"], workload("connections", "4", "3"), columns: 80, command: "watch-net")
        let run = try t.finish(child, milliseconds: 20_000, isJSON: false)
        let shown = lines(run.text).filter { $0.contains(":4000") }
        t.equal(shown.count, 14, "lines")
        for line in shown { t.expect(line.unicodeScalars.count <= 80, "\(line.unicodeScalars.count) columns: \(line)") }
        // Its name where /etc/hosts has one for the address.
        for part in [
            "listens on 127.0.0.1:4000", ":4000 connected ", " on :4000 accepted", "\u{2191}8 \u{2193}131",
        ] {
            t.expect(shown.contains { $0.contains(part) }, "no line with \"\(part)\"")
        }
    },
]
