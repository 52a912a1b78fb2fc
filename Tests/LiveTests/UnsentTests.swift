// SPDX-License-Identifier: Apache-2.0

// Datagrams that can't be sent: the first for each reason.

let unsentTests = [
    Test("udp: sends that fail, the first of a kind, with the address and the reason") { t in
        let nft = t.program("nft")
        if nft == nil, t.settings.mustNotSkip { t.fail("nft is not installed") }
        let run = try t.trace(
            [], workload("unsent") + (nft.map { [$0] } ?? []), milliseconds: 20_000, command: "watch-net")
        t.equal(run.surelyLost, 0, "what was lost")
        let pid = try t.require(run.said("pid").first, "pid: \(run.said.suffix(300))")
        guard run.errors.contains("failed sends by") else {
            // Linux 6.3 has the tracepoint, every version fexit where it is not refused.
            if KernelVersion.running >= KernelVersion(6, 3) { t.fail("failed sends are not seen") }
            t.expect(run.errors.contains("UDP sends that fail are not seen"), "it does not say so: \(run.errors)")
            return
        }
        let failures = run.told.filter { $0.action == "udp" && $0.isFailure && $0.pid == pid }
        let expected: [(code: JSON, ip: JSON, port: Int)] =
            [
                ("ENETUNREACH", "192.0.2.1", 80), ("ENETUNREACH", "2001:db8::1", 81),
                ("ENETUNREACH", "192.0.2.2", 82), ("EMSGSIZE", "127.0.0.1", 4000), ("EMSGSIZE", "::1", 4000),
            ] + (nft == nil ? [] : [("EPERM", "127.0.0.1", 4601)]) + [
                ("ENETUNREACH", "192.0.2.1", 83), ("ENETUNREACH", "192.0.2.3", 84),
                ("ECONNREFUSED", "127.0.0.1", 4001), ("ECONNREFUSED", "::1", 4001),
                ("ECONNREFUSED", "127.0.0.1", 4002),
            ]
        t.equal(failures.map { $0["error.code"] }, expected.map(\.code), "why they fail")
        t.equal(failures.map { $0["destination.ip"] }, expected.map(\.ip), "where they can't go")
        t.equal(failures.map { $0["destination.port"]?.integer }, expected.map(\.port), "the port")
        for event in failures {
            t.equal(event["network.transport"], "udp", "network.transport")
            t.equal(event["network.direction"], "egress", "network.direction")
            t.equal(event["source.bytes"], nil, "source.bytes of what was not sent")
        }
        // A socket that has an address of its own shows it.
        let bound = failures.first { $0["destination.port"] == 84 }
        t.equal(bound?["source.ip"], "127.0.0.1", "source.ip")
        t.equal(bound?["source.port"], 4700, "source.port")
        t.equal(
            failures.suffix(3).map { $0["source.port"]?.integer }, run.said("refused").map { $0 },
            "source.port of those that are refused")
        // What is sent between is a flow as ever.
        let ends = run.told.filter {
            $0.action == "close" && $0["destination.port"] == 4000 && $0["network.direction"] == "egress"
        }
        t.equal(ends.map { $0["source.bytes"] }, [30], "what was sent")
        t.equal(
            run.told.filter { $0.isFailure && $0.action != "udp" }.count, 0, "failures that are no sends")
    }
]
