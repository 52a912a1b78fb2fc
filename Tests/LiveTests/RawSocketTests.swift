// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Raw and packet sockets: who makes one, who may not, who has one.

extension Event {
    /// "packet raw 0x0003", "inet raw 1 EPERM".
    fileprivate var rawSocket: String {
        let parts = [
            self["ebpfguard.socket_family"], self["ebpfguard.socket_type"],
            self["ebpfguard.socket_protocol"] ?? self["network.iana_number"], self["error.code"],
        ]
        return parts.compactMap { $0?.string }.joined(separator: " ")
    }
}

extension Context {
    /// Whether this host lets programs see functions return; the guests do.
    func hasFunctionEntry() throws -> Bool {
        let hasIt = try run(["--check"], command: "watch-net").text.contains("yes     function entry and exit")
        expect(hasIt || !settings.mustNotSkip, "a guest without fexit")
        return hasIt
    }
}

let rawSocketTests = [
    Test("net: raw and packet sockets, those that are refused, and none else") { t in
        let run = try t.trace([], workload("raw-sockets"), command: "watch-net")
        t.equal(run.surelyLost, 0, "what was lost")
        let made = run.told.filter { $0.action == "raw_socket" }
        t.equal(
            made.map(\.rawSocket),
            [
                "packet raw 0x0003", "packet dgram 0x0806", "inet raw 1", "inet6 raw 58", "inet raw 255",
                "inet raw 0 EPROTONOSUPPORT", "packet raw 0x0800 EPERM", "inet6 raw 6 EPERM",
            ], "raw sockets")
        t.equal(made.count, run.told.count, "events")
        let namespace = run.said("network").map { "\($0)" }
        for event in made {
            t.equal(event["process.name"], "rawer", "process.name")
            t.equal(event["process.executable"], .string(ownPath), "process.executable")
            t.equal(event["ebpfguard.network_namespace"]?.string.map { [$0] }, namespace, "network namespace")
            t.equal(event["event.outcome"], event["error.code"] == nil ? "success" : "failure", "event.outcome")
            let isEPERM = event["error.code"] == "EPERM"
            t.equal(event["user.id"], isEPERM ? "65534" : "0", "user.id of \(event.rawSocket)")
            if isEPERM { t.equal(event["ebpfguard.errno"], 1, "ebpfguard.errno") }
        }
        t.equal(
            made.map { $0["network.transport"]?.string ?? "-" }, ["-", "-", "icmp", "ipv6-icmp", "-", "-", "-", "tcp"],
            "network.transport")
        t.equal(
            made.map { $0["network.type"]?.string ?? "-" }, ["-", "-", "ipv4", "ipv6", "ipv4", "ipv4", "-", "ipv6"],
            "network.type")
        let hook = try t.hasFunctionEntry() ? "fexit/__sock_create" : "tracepoint/syscalls/sys_exit_socket"
        t.expect(run.errors.contains("raw sockets by \(hook)"), "the hook is not \(hook): \(run.errors.suffix(500))")
        let other = try t.trace(["--comm", "nobody"], workload("raw-sockets"), command: "watch-net")
        t.equal(other.told.count, 0, "events of others")
        let some = try t.trace(
            ["--events", "raw_socket", "--filter", "event.outcome == \"failure\""], workload("raw-sockets"),
            command: "watch-net")
        t.equal(some.told.count, 3, "failures")
    },

    Test("net: a raw socket by io_uring") { t in
        let run = try t.trace([], workload("ring-socket"), status: nil, command: "watch-net")
        if run.status == .code(77) { throw Stop.skipped("this host has no io_uring") }
        t.equal(run.status, .code(0), "the exit status")
        guard run.said("done").first.map({ $0 >= 0 }) == true else {
            t.expect(KernelVersion.running < KernelVersion(5, 19), "io_uring makes no socket: \(run.said.suffix(200))")
            t.equal(run.told.filter { $0.action == "raw_socket" }.count, 0, "raw sockets")
            return
        }
        let made = run.told.filter { $0.action == "raw_socket" }.map(\.rawSocket)
        // The tracepoint is of the system call: ebpfguard-watch-net(8) says so.
        let hasFunctionEntry = try t.hasFunctionEntry()
        t.equal(made, hasFunctionEntry ? ["inet raw 1"] : [], "raw sockets")
    },

    Test("net: raw sockets that were there before, in a recording too") { t in
        let holder = try Child(workload("raw-standing"))
        let isReady = holder.wait(milliseconds: t.allow(milliseconds: 5000)) { $0.outputText.contains("ready") }
        guard isReady else { throw Stop.failed("the workload says \(holder.outputText) \(holder.errorText)") }
        let file = "\(t.scratch)/raw.rec"
        let child = try t.watch(["-o", "json", "--existing", "-w", file], command: "watch-net")
        let run = try t.stop(child)
        let own = run.told.filter { $0.pid == holder.pid && $0["ebpfguard.socket_family"] != nil }
        t.equal(own.map(\.rawSocket).sorted(), ["inet6 raw 17", "packet raw 0x86dd"], "what it has")
        for event in own {
            t.equal(event.action, "existing", "event.action")
            t.equal(event["event.type"], ["info"], "event.type")
            t.equal(event["event.outcome"], nil, "event.outcome")
            t.equal(event["process.name"], "standing", "process.name")
        }
        let again = try t.run(["-o", "json", "--existing", "-r", file], command: "watch-net")
        t.equal(lines(again.text), lines(run.text).filter { !$0.contains("\"loss\"") }, "the replay")
        let without = try t.run(["-o", "json", "-d", "100ms"], command: "watch-net")
        t.equal(
            try t.events(of: without.child).filter { $0.action == "existing" }.count, 0, "existing without --existing")
        holder.closeInput()
        holder.wait(milliseconds: t.allow(milliseconds: 5000))
    },

    Test("net: raw sockets in text", dependsOnKernel: false) { t in
        let run = try t.run(["--color", "never"], workload("raw-sockets"), command: "watch-net")
        for part in [
            "RAW SOCKET packet all", "RAW SOCKET packet arp", "RAW SOCKET inet icmp", "RAW SOCKET inet6 ipv6-icmp",
            "no raw socket packet ipv4: EPERM",
        ] {
            t.expect(lines(run.text).contains { $0.hasSuffix(part) }, "no line ends in \"\(part)\": \(run.text)")
        }
    },
]
