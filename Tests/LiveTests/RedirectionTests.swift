// SPDX-License-Identifier: Apache-2.0

import Glibc

// compare-sidecar on a pod whose rules are of a kind that leads nobody there, as nobody sends anything.

/// Rules that lead all TCP to port 15001 but what user 1337 sends and what goes to port 22: by redirection, and by a mark for
/// a transparent proxy.
private let redirections = [
    "-t nat -A OUTPUT -m owner --uid-owner 1337 -j RETURN", "-t nat -A OUTPUT -p tcp --dport 22 -j RETURN",
    "-t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 15001",
]
private let marks = [
    "-t mangle -A PREROUTING -p tcp -m mark --mark 1 -j TPROXY --on-port 15001 --tproxy-mark 1",
    "-t mangle -A OUTPUT -m owner --uid-owner 1337 -j RETURN", "-t mangle -A OUTPUT -p tcp --dport 22 -j RETURN",
    "-t mangle -A OUTPUT -p tcp -j MARK --set-mark 1",
]
private let transparent = [
    "add table ip mesh", "add chain ip mesh in { type filter hook prerouting priority mangle ; }",
    "add rule ip mesh in meta mark 1 meta l4proto tcp tproxy to :15001 meta mark set 1 accept",
    "add chain ip mesh out { type route hook output priority mangle ; }",
    "add rule ip mesh out meta skuid 1337 return", "add rule ip mesh out tcp dport 22 return",
    "add rule ip mesh out meta l4proto tcp meta mark set 1",
]

let redirectionTests = [
    // Guests have neither all tools nor the modules of these.
    Test("compare: rules of IPv6 and those for a transparent proxy are read", dependsOnKernel: false) { t in
        guard let nsenter = t.program("nsenter") else { throw Stop.skipped("nsenter is not installed") }
        let node = try MeshNode(t)
        defer { t.endChildren() }
        // With a proxy that nothing leads to until the rules do.
        let mesh = try t.startMesh(["-", node.paths.proxy, node.paths.cart, node.program, "0", "0", "0", "0", "0"])
        func comparison() throws -> (ways: [String], facts: [String]) {
            let run = try t.run(["-o", "json", "-d", "100ms", "--root", node.root], command: "compare-sidecar")
            t.equal(run.status, .code(0), "the exit status: \(run.errors)")
            let cart = workload(named: "shop/cart-0", in: try JSON(parsing: Array(run.child.output)[...]))
            return (
                (cart?["ways_round"]?.array ?? []).map { $0["kind"]?.string ?? "" }.sorted(),
                (cart?["evidence"]?.array ?? []).map { $0["fact"]?.string ?? "" }
            )
        }
        func filter(_ tool: String, _ line: String) throws {
            let words = line.split(separator: " ").map(String.init)
            try t.command([nsenter, "-t", "\(mesh.pid)", "-n", tool] + words)
        }
        t.equal(try comparison().ways, ["rules_missing", "udp"], "ways round without rules")
        var tools: [String] = []
        for (name, lines, end) in [
            ("nft", transparent, "flush ruleset"), ("ip6tables", redirections, "-t nat -F"),
            ("iptables", marks, "-t mangle -F"), ("ip6tables-legacy", redirections, "-t nat -F"),
            ("ip6tables-legacy", marks, "-t mangle -F"), ("iptables-legacy", marks, "-t mangle -F"),
        ] {
            guard let tool = t.program(name) else { continue }
            tools.append(name)
            for line in lines { try filter(tool, line) }
            let found = try comparison()
            let what = "by \(name): \(lines.last ?? "")"
            t.equal(found.ways, ["excluded_ports", "proxy_user", "udp"], "ways round \(what)")
            t.expect(found.facts.contains("what leaves goes to port 15001"), "evidence \(what): \(found.facts)")
            t.expect(!found.facts.contains("what comes in goes to port 15001"), "what comes in \(what)")
            try filter(tool, end)
        }
        t.note(tools.joined(separator: ", "))
        if tools.isEmpty { throw Stop.skipped("there is no program for rules") }
        t.equal(try comparison().ways, ["rules_missing", "udp"], "ways round when the rules are gone")
    }
]
