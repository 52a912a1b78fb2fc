// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Packets that the kernel drops: how many, of what, and why.

extension Run {
    /// Drops in the network namespaces that the workload made.
    fileprivate func drops(of workload: Child) -> [Event] {
        let namespaces = lines(workload.outputText).filter { $0.hasPrefix("network ") }.map { $0.dropFirst(8) }
        return told.filter { event in
            event.action == "drop"
                && namespaces.contains { event["ebpfguard.network_namespace"] == .string(String($0)) }
        }
    }
}

extension [Event] {
    fileprivate var packets: Int { reduce(0) { $0 + ($1["ebpfguard.drop_count"]?.integer ?? 0) } }
}

private let hasReasons = KernelVersion.running >= KernelVersion(5, 17)

extension Context {
    /// What `watch-net --drops` shows while the workload runs.
    fileprivate func dropped(_ options: [String] = [], by words: [String]) throws -> (run: Run, workload: Child) {
        let tool = try watch(["-o", "json", "--drops"] + options, command: "watch-net")
        let child = try Child(words)
        child.wait(milliseconds: allow(milliseconds: 20_000))
        equal(child.status, .code(0), "the workload's status")
        let run = try stop(tool)
        equal(run.surelyLost, 0, "what was lost")
        return (run, child)
    }
}

let dropTests = [
    Test("net: dropped packets, with the kernel's reason, each of them counted") { t in
        let (run, child) = try t.dropped(by: workload("drops", "100"))
        let drops = run.drops(of: child)
        var said = 0
        for line in lines(child.outputText) where line.hasPrefix("dropped ") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 4, let port = Int(words[2]), let count = Int(words[3]) else { continue }
            said += 1
            let own = drops.filter { $0["destination.port"] == .integer(port) }
            t.equal(own.packets, count, "dropped packets to port \(port)")
            t.expect(count > 50, "only \(count) packets were to be dropped at \(port)")
            for event in own {
                let isStream = port == 4500
                let isIPv6 = port == 4101
                t.equal(event["ebpfguard.drop_reason"], hasReasons ? .string(words[1]) : nil, "reason at \(port)")
                t.equal(event["network.transport"], isStream ? "tcp" : "udp", "network.transport at \(port)")
                t.equal(event["network.iana_number"], isStream ? "6" : "17", "network.iana_number")
                t.equal(event["network.type"], isIPv6 ? "ipv6" : "ipv4", "network.type")
                t.equal(event["source.ip"], isIPv6 ? "::1" : "127.0.0.1", "source.ip")
                t.equal(event["destination.ip"], isIPv6 ? "::1" : "127.0.0.1", "destination.ip")
                t.expect((event["source.port"]?.integer ?? 0) > 0, "no source.port")
                t.equal(event["ebpfguard.hook"], "tp_btf/kfree_skb", "ebpfguard.hook")
            }
            // The first at once, and one for all the others of a second. Connects have each a port of their own.
            if port != 4500 { t.expect(own.count <= 12, "\(own.count) events for \(count) packets to \(port)") }
        }
        t.equal(said, 6, "what the workload says")
        // Whose queue is full, since it is told with the packet.
        if KernelVersion.running >= KernelVersion(6, 12) {
            let full = drops.filter { $0["destination.port"] == 4200 }
            let receiver = lines(child.outputText).compactMap { $0.hasPrefix("receiver ") ? Int($0.dropFirst(9)) : nil }
            t.expect(!full.isEmpty && full.allSatisfy { [$0.pid] == receiver }, "whose queue is full")
            t.expect(full.allSatisfy { $0["process.name"] == "receiver" }, "process.name")
            let (scoped, other) = try t.dropped(["--comm", "receiver"], by: workload("drops", "60"))
            let own = scoped.drops(of: other)
            t.expect(own.packets > 30, "only \(own.packets) packets are the receiver's")
            t.expect(
                own.allSatisfy {
                    $0["destination.port"] == 4200 && $0["ebpfguard.drop_reason"] == "SOCKET_RCVBUFF"
                }, "what is the receiver's")
        }
        let isSaid = run.errors.contains("missing: reasons of drops")
        t.equal(isSaid, !hasReasons, "whether it is said that reasons are missing")
    },

    Test("net: packets that a packet filter drops, also without ports") { t in
        let places = ["/usr/sbin/nft", "/usr/bin/nft"]
        guard let nft = places.first(where: { unsafe access($0, X_OK) == 0 }) else {
            throw Stop.skipped("nft is not installed")
        }
        let (run, child) = try t.dropped(by: workload("drop-rules", nft, "70"))
        let drops = run.drops(of: child)
        let reason: JSON? = hasReasons ? "NETFILTER_DROP" : nil
        for port in [4600, 4601] {
            let own = drops.filter { $0["destination.port"] == .integer(port) }
            t.equal(own.packets, 70, "dropped packets to \(port)")
            t.expect(own.allSatisfy { $0["ebpfguard.drop_reason"] == reason }, "the reason at \(port)")
            // What leaves is known by its socket.
            let owner: JSON? = port == 4601 ? .integer(child.pid) : nil
            t.expect(own.allSatisfy { $0["process.pid"] == owner }, "whose it is, at \(port)")
        }
        let echoes = drops.filter { $0["network.transport"] == "icmp" }
        t.equal(echoes.packets, 70, "dropped packets of ICMP")
        for event in echoes {
            t.equal(event["ebpfguard.drop_reason"], reason, "reason of ICMP")
            t.equal(event["network.iana_number"], "1", "network.iana_number")
            t.equal(event["destination.ip"], "127.0.0.1", "destination.ip")
            t.equal(event["destination.port"], nil, "destination.port")
            t.equal(event["source.port"], nil, "source.port")
        }
        t.equal(run.told.filter { $0.action == "drop" && $0["source"] != nil }.count, drops.count, "drops of others")
    },

    Test("net: packets that go on being dropped are few events", dependsOnKernel: false) { t in
        let (run, child) = try t.dropped(by: workload("drop-stream", "3"))
        let own = run.drops(of: child).filter { $0["destination.port"] == 4100 }
        let count = lines(child.outputText).last.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
        t.expect(count >= 100, "the workload sent \(count)")
        t.equal(own.packets, count, "dropped packets")
        t.expect((4...12).contains(own.count), "\(own.count) events in three seconds")
        t.note("\(own.count) events for \(count) packets")
    },

    Test("net: dropped packets of more kinds than there is room for", dependsOnKernel: false) { t in
        let count = 12_000
        let (run, child) = try t.dropped(["--events", "drop"], by: workload("drop-ports", "\(count)"))
        let own = run.drops(of: child)
        let others = run.told.filter { $0.action == "drop" && $0["source"] == nil }
        t.expect(own.count <= count, "\(own.count) events")
        t.expect(own.packets <= count, "\(own.packets) packets of \(count)")
        // Others of this host may be among those of which only the reason is known.
        let sum = own.packets + others.packets
        t.expect((count...count + 200).contains(sum), "\(sum) packets of \(count) are told")
        if !t.settings.isSlow { t.expect(others.packets > 0, "all had room") }
        for event in others {
            t.equal(event["ebpfguard.network_namespace"], nil, "the namespace of others")
            if hasReasons { t.expect(event["ebpfguard.drop_reason"] != nil, "no reason of others") }
        }
        t.note("\(others.packets) without room")
    },

    Test("net: dropped packets, only when asked for, of whom is asked for, recorded", dependsOnKernel: false) { t in
        let silent = try t.watch(["-o", "json"], command: "watch-net")
        try Child(workload("drops", "60")).wait(milliseconds: t.allow(milliseconds: 20_000))
        let quiet = try t.stop(silent)
        t.equal(quiet.told.filter { $0.action == "drop" }.count, 0, "drops without --drops")
        t.expect(!quiet.errors.contains("kfree_skb"), "the program is attached all the same")

        let file = "\(t.scratch)/drops.rec"
        let (run, child) = try t.dropped(
            ["-w", file, "--filter", "event.action == \"drop\" and destination.port == 4100"],
            by: workload("drops", "80"))
        t.equal(run.drops(of: child).packets, 80, "packets that pass")
        t.equal(run.drops(of: child).count, run.told.count, "events that pass")
        let again = try t.run(
            ["-o", "json", "--drops", "-r", file, "--filter", "event.action == \"drop\" and destination.port == 4100"],
            command: "watch-net")
        t.equal(lines(again.text), lines(run.text).filter { !$0.contains("\"loss\"") }, "the replay")
        let without = try t.run(["-o", "json", "-r", file], command: "watch-net")
        let others = try t.events(of: without.child)
        t.equal(others.filter { $0.action == "drop" }.count, 0, "drops in a replay without --drops")
        t.expect(others.contains { $0.action == "connect" }, "nothing else in the replay")

        let (scoped, _) = try t.dropped(["--comm", "nobody"], by: workload("drops", "60"))
        t.equal(scoped.told.count, 0, "events of others")
    },

    Test("net: dropped packets in text", dependsOnKernel: false) { t in
        let tool = try t.watch(["--drops", "--color", "never", "--events", "drop"], command: "watch-net")
        try Child(workload("drops", "60")).wait(milliseconds: t.allow(milliseconds: 20_000))
        tool.kill(SIGINT)
        let run = try t.finish(tool, milliseconds: 2000, isJSON: false)
        let shown = lines(run.text).filter { $0.contains("127.0.0.1:4100") }
        let reason = hasReasons ? " NO_SOCKET" : ""
        t.expect(
            shown.contains { $0.hasSuffix("DROPPED udp 127.0.0.1:4101 -> 127.0.0.1:4100\(reason)") },
            "no line of the first: \(shown)")
        t.expect(
            shown.contains { $0.contains("DROPPED udp 127.0.0.1:4101 -> 127.0.0.1:4100\(reason), again x") },
            "no line of the others: \(shown)")
        t.expect(
            lines(run.text).contains { $0.contains("[::1]:4101\(reason)") }, "no line of IPv6")
    },
]
