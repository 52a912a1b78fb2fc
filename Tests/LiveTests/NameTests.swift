// SPDX-License-Identifier: Apache-2.0

import Glibc

// Names of addresses: what is asked and answered, and what connections are called after it.

extension Context {
    /// Runs `ebpfguard watch-net -o json OPTIONS -- PROGRAM` to its end.
    fileprivate func watchNames(_ options: [String] = [], _ program: [String]) throws -> Run {
        let run = try trace(options, program, milliseconds: 30_000, command: "watch-net")
        equal(run.surelyLost, 0, "what was lost")
        return run
    }
}

extension Run {
    fileprivate func all(_ action: String) -> [Event] { events.filter { $0.action == action } }

    /// The only event of this kind about a name.
    fileprivate func only(_ action: String, _ name: String, _ t: Context, transport: String = "udp") throws -> Event {
        let found = all(action).filter {
            $0["dns.question.name"] == .string(name) && $0["network.transport"] == .string(transport)
        }
        t.equal(found.count, 1, "\(action) of \(name)")
        return try t.require(found.first, "\(action) of \(name)")
    }
}

/// What the answer to a name must say.
private struct Answer {
    let name: String
    var type = "A"
    let id: Int
    var code = "NOERROR"
    var flags: [String] = ["RD", "RA"]
    var addresses: [String] = []
    var records: Int?
}

private let answers = [
    Answer(name: "plain.test", id: 1, addresses: ["127.1.0.10"]),
    Answer(name: "six.test", type: "AAAA", id: 2, addresses: ["2001:db8::10"]),
    Answer(name: "chain.test", id: 3, addresses: ["127.1.0.11"], records: 6),
    Answer(name: "many.test", id: 4, addresses: (1...40).map { "127.2.0.\($0)" }),
    Answer(name: "big.test", id: 5, flags: ["TC", "RD", "RA"]),
    Answer(name: "none.test", id: 6, code: "NXDOMAIN"),
    Answer(name: "zero.test", id: 7, addresses: ["127.1.0.14"]),
    Answer(name: "spoofed.test", id: 8, addresses: ["127.1.0.10"]),
    // Written as Shared.TEST.
    Answer(name: "shared.test", id: 10, addresses: ["127.1.0.10"]),
]

private func strings(_ texts: [String]) -> JSON { JSON(texts) }

let nameTests = [
    Test("names: every kind of answer, with every field, and none that nobody asked for") { t in
        let run = try t.watchNames([], workload("names"))
        // Nine that are answered, one that is not, two by TCP, and the load.
        t.equal(run.all("dns_query").count, 212, "questions")
        t.equal(run.all("dns_answer").count, 211, "answers")
        let load = run.all("dns_answer").filter { $0["dns.question.name"]?.string?.hasSuffix(".load.test") == true }
        t.equal(Set(load.compactMap { $0["dns.question.name"]?.string }).count, 200, "names of the load")

        for expected in answers {
            let question = try run.only("dns_query", expected.name, t)
            let answer = try run.only("dns_answer", expected.name, t)
            for event in [question, answer] {
                t.equal(event.pid, run.events.first { $0.action == "dns_query" }?.pid, "who, \(expected.name)")
                t.equal(event["process.executable"], .string(ownPath), "process.executable")
                t.equal(event["event.category"], strings(["network"]), "event.category")
                t.equal(event["event.type"], strings(["protocol", "info"]), "event.type")
                t.equal(event["source.ip"], "127.0.0.1", "source.ip")
                t.equal(event["destination.ip"], "127.0.0.53", "destination.ip")
                t.equal(event["destination.port"], 53, "destination.port")
                t.equal(event["network.type"], "ipv4", "network.type")
                t.equal(event["network.protocol"], "dns", "network.protocol")
                t.equal(event["dns.id"], .string("\(expected.id)"), "dns.id of \(expected.name)")
                t.equal(event["dns.question.type"], .string(expected.type), "dns.question.type of \(expected.name)")
                t.equal(event["dns.question.class"], "IN", "dns.question.class")
                t.equal(event["ebpfguard.message_partial"], nil, "ebpfguard.message_partial")
            }
            t.equal(question["source.port"], answer["source.port"], "source.port")
            t.equal(question["dns.type"], "query", "dns.type")
            t.equal(question["dns.header_flags"], strings(["RD"]), "dns.header_flags of the question")
            t.equal(question["dns.response_code"], nil, "dns.response_code of the question")
            t.equal(answer["dns.type"], "answer", "dns.type")
            t.equal(answer["dns.response_code"], .string(expected.code), "dns.response_code of \(expected.name)")
            t.equal(answer["event.outcome"], expected.code == "NOERROR" ? "success" : "failure", "event.outcome")
            t.equal(answer["dns.header_flags"], strings(expected.flags), "dns.header_flags of \(expected.name)")
            let addresses = expected.addresses.isEmpty ? nil : strings(expected.addresses)
            t.equal(answer["dns.resolved_ip"], addresses, "dns.resolved_ip of \(expected.name)")
            let records = answer["dns.answers"]?.array?.count ?? 0
            t.equal(records, expected.records ?? expected.addresses.count, "dns.answers of \(expected.name)")
            let duration = answer["event.duration"]?.integer ?? 0
            t.expect(duration > 0 && duration < 5_000_000_000, "event.duration \(duration) of \(expected.name)")
        }
        let chain = try run.only("dns_answer", "chain.test", t)["dns.answers"]?.array ?? []
        t.equal(
            chain.map { $0["data"]?.string ?? "" },
            [
                "one.chain.test", "two.chain.test", "three.chain.test", "four.chain.test", "five.chain.test",
                "127.1.0.11",
            ],
            "the chain")
        t.equal(chain.map { $0["ttl"]?.integer ?? -1 }, [300, 300, 300, 300, 300, 30], "times to live")
        t.equal(chain.last?["name"], "five.chain.test", "whose address it is")
        let zero = try run.only("dns_answer", "zero.test", t)["dns.answers"]?.array?.first
        t.equal(zero?["ttl"], 0, "a time to live of 0")
        _ = try run.only("dns_query", "silent.test", t)
        t.equal(run.events.count { $0["dns.question.name"] == "other.test" }, 0, "answers to what nobody asked")

        // Two questions in one segment; each answer of 200 addresses in three parts.
        for name in ["big.test", "many.test"] {
            _ = try run.only("dns_query", name, t, transport: "tcp")
            let answer = try run.only("dns_answer", name, t, transport: "tcp")
            t.equal(
                answer["dns.resolved_ip"], strings((1...200).map { "127.3.0.\($0)" }), "dns.resolved_ip of \(name)")
            t.equal(answer["ebpfguard.message_partial"], nil, "ebpfguard.message_partial of \(name)")
        }
    },

    Test("names: what connections are called, and how that is known") { t in
        let root = "\(t.scratch)/root"
        let file = "\(t.scratch)/names.rec"
        unsafe mkdir(root, 0o755)
        unsafe mkdir("\(root)/etc", 0o755)
        try write("# ours\n127.1.0.55\tfrom-hosts.test other\n", to: "\(root)/etc/hosts")
        let copied = try Child(["cp", ownPath, "\(root)/program"])
        copied.wait(milliseconds: t.allow(milliseconds: 5000))
        let run = try t.watchNames(
            ["-w", file], workload("named", root, "/program", "workload", "dial", "127.1.0.55"))
        let replayed = try t.run(["-o", "json", "-r", file], command: "watch-net")
        t.expect(replayed.child.output == run.child.output, "a replay says something else")
        let egress = run.all("connect")
        func connects(to address: String) -> [Event] { egress.filter { $0["destination.ip"] == .string(address) } }

        let expected: [(address: String, names: [String?])] = [
            ("203.0.113.5", [nil, "public.test"]), ("127.1.0.11", ["chain.test", nil]), ("127.1.0.10", ["second.test"]),
            ("127.1.0.14", ["zero.test"]), ("127.1.0.66", [nil]), ("127.1.0.97", [nil]), ("127.1.0.98", [nil]),
            ("127.1.0.99", [nil]), ("::1", ["loop6.test"]), ("127.1.0.55", ["from-hosts.test"]),
            ("127.1.0.77", ["elsewhere.test"]),
        ]
        t.equal(egress.count, expected.reduce(0) { $0 + $1.names.count }, "connections")
        for (address, names) in expected {
            let events = connects(to: address)
            t.equal(events.map { $0["destination.domain"]?.string }, names, "destination.domain of \(address)")
            for event in events {
                let source: JSON? =
                    event["destination.domain"] == nil ? nil : address == "127.1.0.55" ? "hosts" : "dns"
                t.equal(event["ebpfguard.name_source"], source, "ebpfguard.name_source of \(address)")
                t.expect((event["ebpfguard.name_age"] != nil) == (source == "dns"), "name_age of \(address)")
                t.equal(event["ebpfguard.name_server"], source == "dns" ? "127.0.0.53" : nil, "name_server")
            }
        }
        t.equal(
            connects(to: "203.0.113.5").map { $0["ebpfguard.direct_to_ip"] }, [.bool(true), nil], "direct_to_ip")
        t.equal(egress.count { $0["ebpfguard.direct_to_ip"] != nil }, 1, "direct_to_ip of all")
        let chain = try t.require(connects(to: "127.1.0.11").first, "the connection to chain.test")
        t.equal(
            chain["ebpfguard.name_chain"],
            strings(["one.chain.test", "two.chain.test", "three.chain.test", "four.chain.test", "five.chain.test"]),
            "ebpfguard.name_chain")
        t.equal(chain["ebpfguard.name_ttl"], 30, "ebpfguard.name_ttl")
        t.equal(chain["ebpfguard.name_shared"], nil, "ebpfguard.name_shared of one name")
        t.equal(connects(to: "127.1.0.10").first?["ebpfguard.name_shared"], 2, "ebpfguard.name_shared of three")
        t.equal(connects(to: "127.1.0.14").first?["ebpfguard.name_ttl"], 0, "ebpfguard.name_ttl of zero.test")

        let hellos = run.all("tls_client_hello")
        t.equal(
            hellos.map { $0["tls.client.server_name"] }, ["short.sni.test", "long.sni.test"], "tls.client.server_name")
        for (hello, address) in zip(hellos, ["127.1.0.97", "127.1.0.98"]) {
            t.equal(hello["destination.ip"], .string(address), "destination.ip of a hello")
            t.equal(hello["destination.port"], 8443, "destination.port of a hello")
            t.equal(hello["network.protocol"], "tls", "network.protocol")
            t.equal(hello["network.transport"], "tcp", "network.transport")
            t.equal(hello["ebpfguard.tls_protocols"], strings(["h2", "http/1.1"]), "ebpfguard.tls_protocols")
            t.equal(hello["ebpfguard.tls_version"], "1.3", "ebpfguard.tls_version")
            t.equal(hello["ebpfguard.tls_ech"], nil, "ebpfguard.tls_ech")
            t.equal(hello["ebpfguard.message_partial"], nil, "ebpfguard.message_partial")
            let close = run.all("close").first {
                $0["network.direction"] == "egress" && $0["source.port"] == hello["source.port"]
                    && $0["destination.ip"] == .string(address)
            }
            t.equal(close?["destination.domain"], hello["tls.client.server_name"], "the name when it closes")
            t.equal(close?["ebpfguard.name_source"], "sni", "its source")
        }
    },

    Test("names: summaries by name", dependsOnKernel: false) { t in
        let root = "\(t.scratch)/root"
        let file = "\(t.scratch)/names.rec"
        unsafe mkdir(root, 0o755)
        unsafe mkdir("\(root)/etc", 0o755)
        try write("127.1.0.55\tfrom-hosts.test\n", to: "\(root)/etc/hosts")
        try Child(["cp", ownPath, "\(root)/program"]).wait(milliseconds: t.allow(milliseconds: 5000))
        let run = try t.watchNames(
            ["-w", file], workload("named", root, "/program", "workload", "dial", "127.1.0.55"))
        let made =
            run.all("connect") + run.all("udp").filter { $0["network.direction"] == "egress" }
        func rows(_ by: String) throws -> [Event] {
            let run = try t.run(["-o", "json", "--summary", "--by", by, "-r", file], command: "watch-net")
            return try t.events(of: run.child)
        }
        let expected = Dictionary(
            grouping: made, by: { $0["destination.domain"]?.string ?? $0["destination.ip"]?.string ?? "" })
        let destinations = try rows("destination").filter { $0["network.direction"] == "egress" }
        for (place, connections) in expected {
            let found = destinations.filter {
                ($0["destination.domain"] ?? $0["destination.ip"]) == .string(place)
            }
            t.equal(
                found.reduce(0) { $0 + ($1["ebpfguard.summary.connects"]?.integer ?? 0) }, connections.count,
                "connections to \(place)")
            t.expect(
                found.allSatisfy { $0["destination.ip"] == nil || $0["destination.domain"] == nil },
                "a row of \(place) has both name and address")
        }
        t.equal(
            Set(destinations.compactMap { $0["ebpfguard.summary.group"]?.string }).count, destinations.count,
            "rows that are called alike")
        let domains = try rows("domain").filter { $0["network.direction"] == "egress" }
        let nameless = domains.filter { $0["destination.domain"] == nil }
        t.equal(nameless.map { $0["ebpfguard.summary.group"] }, ["(no name)"], "rows without a name")
        t.equal(
            nameless.first?["ebpfguard.summary.connects"], .integer(made.count { $0["destination.domain"] == nil }),
            "connections without a name")
        let addresses = Set(
            made.filter { $0["destination.domain"] == nil }.compactMap { $0["destination.ip"]?.string })
        t.expect(
            (nameless.first?["ebpfguard.summary.addresses"]?.integer ?? 0) >= addresses.count,
            "addresses without a name")
        t.equal(
            Set(domains.compactMap { $0["destination.domain"]?.string }),
            Set(expected.keys.filter { $0.hasSuffix(".test") }).union(
                run.all("close").compactMap { $0["destination.domain"]?.string }),
            "names")
    },
]
