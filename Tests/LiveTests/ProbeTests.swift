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

    fileprivate func expectTrials(_ workload: JSON?, _ expected: [String: (verdict: String, text: String)]) {
        let ways = workload?["ways_round"]?.array ?? []
        equal(Set(ways.map { $0["kind"]?.string ?? "" }), Set(expected.keys), "ways round")
        for way in ways {
            guard let wanted = expected[way["kind"]?.string ?? ""] else { continue }
            equal(way["trial.verdict"], .string(wanted.verdict), "\(way)")
            expect(way["trial.text"]?.string?.contains(wanted.text) == true, "\(way) lacks \(wanted.text)")
        }
    }
}

let probeTests = [
    Test("probe: each way round is tried from inside, and what was not let through is told apart") { t in
        for name in ["nft", "nsenter"] where t.program(name) == nil { throw Stop.skipped("\(name) is not installed") }
        let nft = t.program("nft")!
        let node = try MeshNode(t)
        defer { t.endChildren() }
        let child = try Child(workload("probed", nft, node.paths.proxy, node.paths.cart, node.paths.bare))
        t.children.append(child)
        guard child.wait(milliseconds: t.allow(milliseconds: 5000), until: { $0.outputText.contains("ready ") }) else {
            throw Stop.failed("the workload is not ready: \(child.outputText) \(child.errorText)")
        }
        let said = lines(child.outputText).first { $0.hasPrefix("ready ") }
        let pid = try t.require(said.flatMap { pid_t($0.dropFirst(6)) }, "pid of the node")
        // Of Linux itself there is nothing that listens in it.
        let before = listening(pid)
        t.equal(before, ["00000000:0016"], "what listens on the node")

        let readOnly = try t.compare([], inNetworkOf: pid, node.root)
        let silent = workload(named: "shop/cart-0", in: readOnly)
        t.equal(silent?["probe"], nil, "what was tried without --probe")
        t.expect(
            silent?["ways_round"]?.array?.allSatisfy { $0["trial"] == nil } == true,
            "tried without --probe: \(readOnly)")

        let json = try t.compare(["--probe"], inNetworkOf: pid, node.root)
        let cart = workload(named: "shop/cart-0", in: json)
        t.expectTrials(
            cart,
            [
                "excluded_ports": ("proved", "to 10.9.7.1:8081 as uid 1000, gid 1000: came as it was sent"),
                "excluded_ranges": ("proved", "to 192.0.2.1:"),
                "proxy_user": ("proved", "as uid 1337, gid 1000: came as it was sent"),
                "udp": ("tried, did not get through", "did not come"),
                "raw_sockets": ("proved", "an echo of 10.9.7.2 to 10.9.7.1"),
                "net_admin": ("not tried", "it would change the rules"),
                "privileged": ("not tried", "it would change the node"),
            ])
        t.expect(
            cart?["probe.ordinary"]?.string?.contains("by which somebody handed it on") == true,
            "an ordinary connection: \(cart?["probe.ordinary"] ?? "")")
        let through = cart?["probe.through_proxy"]
        let direct = cart?["probe.direct"]
        let requests = through?["requests"]?.integer ?? 0
        t.expect(t.settings.isSlow ? (5...100).contains(requests) : requests == 100, "requests: \(requests)")
        t.equal(direct?["requests"]?.integer, requests, "requests past the proxy")
        let medians = [direct, through].map { $0?["p50_ns"]?.integer ?? 0 }
        t.expect(medians[0] > 1000 && medians[1] > medians[0], "medians, direct and through the proxy: \(medians)")
        t.note("p50 \(medians[0]) ns direct, \(medians[1]) ns through the proxy")
        let figures = json["figures"]?.object
        func nanoseconds(_ name: String) -> Int? {
            if case .number(let value)? = figures?[name] { Int(value) } else { figures?[name]?.integer }
        }
        t.equal(nanoseconds("sidecar.latency.p50"), medians[1], "sidecar.latency.p50")
        t.equal(nanoseconds("direct.latency.p50"), medians[0], "direct.latency.p50")
        t.expect((nanoseconds("direct.latency.p99") ?? 0) >= medians[0], "direct.latency.p99")

        let other = workload(named: "shop/miner-0", in: json)
        t.expectTrials(other, ["no_sidecar": ("proved", "of 10.9.8.2:")])
        t.equal(other?["probe.latency_not_measurable"], "no proxy beside it", "latency without a proxy")
        // This machine may have others of its own.
        t.expect((figures?["bypass.proved"]?.integer ?? 0) >= 5, "bypass.proved: \(figures?["bypass.proved"] ?? "")")
        let texts = json["rows"]?.array?.first { $0["subject"] == "bypassability" }?["sidecar.text"]?.strings ?? []
        t.expect(texts.contains { $0.hasSuffix(" ways proved by a try") }, "the row does not tell: \(texts)")

        t.equal(listening(pid), before, "what listens on the node afterwards")
        child.closeInput()
        guard child.wait(milliseconds: t.allow(milliseconds: 5000), until: { $0.outputText.contains("handed on ") })
        else { throw Stop.failed("the workload does not count: \(child.outputText) \(child.errorText)") }
        // By the proxy's own count: the ordinary one and those of the latency, and none of the others.
        t.expect(
            lines(child.outputText).contains("handed on \(requests + 1)"),
            "what the proxy handed on: \(child.outputText)")
    },

    Test("probe: is not of a laboratory", dependsOnKernel: false) { t in
        let run = try t.run(["--lab", "--probe"], command: "compare-sidecar")
        t.equal(run.status, .code(64), "the exit status")
        t.expect(run.errors.contains("--probe: a laboratory tries all by itself"), "it says \(run.errors)")
    },
]
