// SPDX-License-Identifier: Apache-2.0

import Glibc

// compare-sidecar --probe on a node that the test makes, with cables to its pods.

/// Ports of TCP that are listened on in the network namespace of a process.
private func listening(_ pid: pid_t) -> [String] {
    lines(contents(of: "/proc/\(pid)/net/tcp") ?? "").dropFirst().compactMap { line in
        let fields = line.split(separator: " ")
        return fields.count > 3 && fields[3] == "0A" ? String(fields[1]) : nil
    }
}

extension Context {
    /// A comparison in the network namespace of a process, which is the node's for it.
    fileprivate func compare(_ words: [String], inNetworkOf pid: pid_t, _ root: String) throws -> JSON {
        let child = try Child(
            [
                "nsenter", "-t", "\(pid)", "-n", settings.tool, "compare-sidecar", "-o", "json", "-d", "1s", "--root",
                root,
            ]
                + words)
        children.append(child)
        let run = try finish(child, milliseconds: 30_000, isJSON: false)
        equal(run.status, .code(0), "the exit status: \(run.errors)")
        return try JSON(parsing: Array(run.child.output)[...])
    }

    /// What is to become of a try; `nil` where there is to be none.
    fileprivate typealias Trial = (verdict: String, text: String)?

    fileprivate func expectTrials(_ workload: JSON?, _ expected: [String: (ipv4: Trial, ipv6: Trial)]) {
        let ways = workload?["ways_round"]?.array ?? []
        equal(ways.compactMap { $0["kind"]?.string }.sorted(), expected.keys.sorted(), "ways round")
        for way in ways {
            guard let wanted = expected[way["kind"]?.string ?? ""] else { continue }
            for (name, wanted) in [("trial", wanted.ipv4), ("trial_ipv6", wanted.ipv6)] {
                equal(way["\(name).verdict"], wanted.map { .string($0.verdict) }, "\(name) of \(way)")
                guard let wanted else { continue }
                let text = way["\(name).text"]?.string ?? ""
                expect(text.contains(wanted.text), "\(name) of \(way) lacks \(wanted.text)")
            }
        }
    }
}

let probeTests = [
    Test("probe: each way round is tried from inside, and what was not let through is told apart") { t in
        try t.probe(ip6tables: nil)
    },

    // Guests have no ip6tables.
    Test("probe: by IPv6 too, where rules of ip6tables lead it to a proxy", dependsOnKernel: false) { t in
        guard let tool = t.program("ip6tables") else { throw Stop.skipped("ip6tables is not installed") }
        try t.probe(ip6tables: tool)
    },

    Test("probe: is not of a laboratory", dependsOnKernel: false) { t in
        let run = try t.run(["--lab", "--probe"], command: "compare-sidecar")
        t.equal(run.status, .code(64), "the exit status")
        t.expect(run.errors.contains("--probe: a laboratory tries all by itself"), "it says \(run.errors)")
    },
]

extension Context {
    /// A node with a pod that has a proxy and rules of IPv4, and those of `ip6tables` where that is given; and one without.
    fileprivate func probe(ip6tables: String?) throws {
        for name in ["nft", "nsenter"] where program(name) == nil { throw Stop.skipped("\(name) is not installed") }
        let nft = program("nft")!
        let node = try MeshNode(self)
        defer { endChildren() }
        let child = try Child(
            workload("probed", nft, ip6tables ?? "-", node.paths.proxy, node.paths.cart, node.paths.bare))
        children.append(child)
        guard child.wait(milliseconds: allow(milliseconds: 5000), until: { $0.outputText.contains("ready ") }) else {
            throw Stop.failed("the workload is not ready: \(child.outputText) \(child.errorText)")
        }
        let said = lines(child.outputText).first { $0.hasPrefix("ready ") }
        let pid = try require(said.flatMap { pid_t($0.dropFirst(6)) }, "pid of the node")
        // Of Linux itself there is nothing that listens in it.
        let before = listening(pid)
        equal(before, ["00000000:0016"], "what listens on the node")

        let readOnly = try compare([], inNetworkOf: pid, node.root)
        let silent = workload(named: "shop/cart-0", in: readOnly)
        equal(silent?["probe"], nil, "what was tried without --probe")
        expect(
            silent?["ways_round"]?.array?.allSatisfy { $0["trial"] == nil && $0["trial_ipv6"] == nil } == true,
            "tried without --probe: \(readOnly)")

        let json = try compare(["--probe"], inNetworkOf: pid, node.root)
        let cart = workload(named: "shop/cart-0", in: json)
        let came = "as uid 1000, gid 1000: came as it was sent"
        let none = (verdict: "not tried", text: "no rules lead IPv6 to the proxy")
        let hasRules = ip6tables != nil
        var expected: [String: (ipv4: Trial, ipv6: Trial)] = [
            "excluded_ports": (
                ("proved", "to 10.9.7.1:8081 \(came)"),  // Port 22 is in use by IPv4 alone.
                hasRules ? ("proved", "to [fd00:7::1]:22 \(came)") : none
            ),
            "excluded_ranges": (("proved", "to 192.0.2.1:"), hasRules ? ("proved", "to [2001:db8::1]:") : none),
            "proxy_user": (
                ("proved", "as uid 1337, gid 1000: came as it was sent"),
                hasRules ? ("proved", "of [fd00:7::2]:") : none
            ),
            // The node drops those of IPv4.
            "udp": (("tried, did not get through", "did not come"), ("proved", "a datagram of [fd00:7::2]:")),
            "raw_sockets": (
                ("proved", "an echo of 10.9.7.2 to 10.9.7.1"), ("proved", "an echo of fd00:7::2 to fd00:7::1")
            ),
            "net_admin": (("not tried", "it would change the rules"), nil),
            "privileged": (("not tried", "it would change the node"), nil),
        ]
        if !hasRules { expected["rules_missing"] = (nil, ("proved", came)) }
        expectTrials(cart, expected)
        for (name, isHandedOn) in [("ordinary", true), ("ordinary_ipv6", hasRules)] {
            let text = cart?["probe.\(name)"]?.string ?? ""
            expect(
                text.contains(isHandedOn ? "by which somebody handed it on" : came), "the connection \(name): \(text)")
        }
        let through = cart?["probe.through_proxy"]
        let direct = cart?["probe.direct"]
        let requests = through?["requests"]?.integer ?? 0
        expect(settings.isSlow ? (5...100).contains(requests) : requests == 100, "requests: \(requests)")
        equal(direct?["requests"]?.integer, requests, "requests past the proxy")
        let medians = [direct, through].map { $0?["p50_ns"]?.integer ?? 0 }
        expect(medians[0] > 1000 && medians[1] > medians[0], "medians, direct and through the proxy: \(medians)")
        note("p50 \(medians[0]) ns direct, \(medians[1]) ns through the proxy")
        let figures = json["figures"]?.object
        func nanoseconds(_ name: String) -> Int? {
            if case .number(let value)? = figures?[name] { Int(value) } else { figures?[name]?.integer }
        }
        equal(nanoseconds("sidecar.latency.p50"), medians[1], "sidecar.latency.p50")
        equal(nanoseconds("direct.latency.p50"), medians[0], "direct.latency.p50")
        expect((nanoseconds("direct.latency.p99") ?? 0) >= medians[0], "direct.latency.p99")

        let other = workload(named: "shop/miner-0", in: json)
        expectTrials(other, ["no_sidecar": (("proved", "of 10.9.8.2:"), ("proved", "of [fd00:8::2]:"))])
        equal(other?["probe.latency_not_measurable"], "no proxy beside it", "latency without a proxy")
        // This machine may have others of its own.
        expect((figures?["bypass.proved"]?.integer ?? 0) >= 5, "bypass.proved: \(figures?["bypass.proved"] ?? "")")
        let texts = json["rows"]?.array?.first { $0["subject"] == "bypassability" }?["sidecar.text"]?.strings ?? []
        expect(texts.contains { $0.hasSuffix(" ways proved by a try") }, "the row does not tell: \(texts)")

        equal(listening(pid), before, "what listens on the node afterwards")
        child.closeInput()
        guard child.wait(milliseconds: allow(milliseconds: 5000), until: { $0.outputText.contains("handed on ") })
        else { throw Stop.failed("the workload does not count: \(child.outputText) \(child.errorText)") }
        // By the proxy's own count: the ordinary ones and those of the latency, and none of the others.
        expect(
            lines(child.outputText).contains("handed on \(requests + (hasRules ? 2 : 1))"),
            "what the proxy handed on: \(child.outputText)")
    }
}
