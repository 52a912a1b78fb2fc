// SPDX-License-Identifier: Apache-2.0

// Names by a real server: dnsmasq, with nothing above it.

/// One kind of answer, and which question it is to.
private struct Kind {
    let name: String
    var type = "A"
    let id: Int
    var code = "NOERROR"
    var isTruncated = false
    var addresses: [String] = []
    var ttl: Int?
}

private let kinds = [
    Kind(name: "plain.test", id: 1, addresses: ["127.1.0.10"], ttl: 60),
    Kind(name: "shared.test", id: 2, addresses: ["127.1.0.10"], ttl: 60),
    Kind(name: "six.test", type: "AAAA", id: 3, addresses: ["2001:db8::10"], ttl: 60),
    Kind(name: "chain.test", id: 4, addresses: ["127.1.0.11"]),
    Kind(name: "many.test", id: 5, addresses: (1...40).map { "127.2.0.\($0)" }, ttl: 60),
    Kind(name: "big.test", id: 6, isTruncated: true),
    Kind(name: "none.test", id: 7, code: "NXDOMAIN"),
    Kind(name: "zero.test", id: 8, addresses: ["127.1.0.14"], ttl: 0),
]

private let big = (1...200).map { "127.3.0.\($0)" }

private func configuration(hosts: String) -> String {
    let chain = ["chain.test", "one.chain.test", "two.chain.test", "three.chain.test", "four.chain.test"]
    return """
        user=root
        group=root
        pid-file=
        listen-address=127.0.0.53
        bind-interfaces
        no-resolv
        no-hosts
        log-facility=/dev/null
        addn-hosts=\(hosts)
        local=/test/
        local-ttl=60
        host-record=plain.test,127.1.0.10
        host-record=shared.test,127.1.0.10
        host-record=six.test,2001:db8::10
        host-record=five.chain.test,127.1.0.11
        host-record=zero.test,127.1.0.14,0

        """
            + zip(chain, chain.dropFirst() + ["five.chain.test"]).map { "cname=\($0),\($1)\n" }.joined()
}

let resolverTests = [
    Test("names: every kind of answer by dnsmasq") { t in
        guard let path = t.program("dnsmasq") else { throw Stop.skipped("dnsmasq is not installed") }
        let hosts = "\(t.scratch)/hosts"
        let file = "\(t.scratch)/dnsmasq.conf"
        let lines = (1...40).map { "127.2.0.\($0) many.test\n" } + big.map { "\($0) big.test\n" }
        try write(lines.joined(), to: hosts)
        try write(configuration(hosts: hosts), to: file)
        let run = try t.trace([], workload("resolver", path, file), milliseconds: 30_000, command: "watch-net")
        t.equal(run.surelyLost, 0, "what was lost")
        let pid = try t.require(run.said("pid").first, "pid: \(run.errors)")
        let told = run.told.filter { $0.pid == pid }
        t.equal(told.count { $0.action == "dns_query" }, kinds.count + 2, "questions")
        t.equal(told.count { $0.action == "dns_answer" }, kinds.count + 2, "answers")
        func answer(_ name: String, _ transport: JSON) throws -> Event {
            let found = told.filter {
                $0.action == "dns_answer" && $0["dns.question.name"] == .string(name)
                    && $0["network.transport"] == transport
            }
            t.equal(found.count, 1, "answers to \(name)")
            return try t.require(found.first, "an answer to \(name)")
        }
        for kind in kinds {
            let answer = try answer(kind.name, "udp")
            t.equal(answer["dns.id"], .string("\(kind.id)"), "dns.id of \(kind.name)")
            t.equal(answer["dns.question.type"], .string(kind.type), "dns.question.type of \(kind.name)")
            t.equal(answer["dns.response_code"], .string(kind.code), "dns.response_code of \(kind.name)")
            t.equal(answer["event.outcome"], kind.code == "NOERROR" ? "success" : "failure", "event.outcome")
            t.equal(answer["destination.ip"], "127.0.0.53", "destination.ip of \(kind.name)")
            let isTruncated = answer["dns.header_flags"]?.strings?.contains("TC")
            t.equal(isTruncated, kind.isTruncated, "dns.header_flags of \(kind.name)")
            t.equal(answer["ebpfguard.message_partial"], nil, "ebpfguard.message_partial of \(kind.name)")
            if kind.isTruncated { continue }
            // It turns them round with each answer.
            let addresses = answer["dns.resolved_ip"]?.strings ?? []
            t.equal(addresses.sorted(), kind.addresses.sorted(), "dns.resolved_ip of \(kind.name)")
            guard let ttl = kind.ttl else { continue }
            let times = Set((answer["dns.answers"]?.array ?? []).compactMap { $0["ttl"]?.integer })
            t.equal(times, [ttl], "times to live of \(kind.name)")
        }
        t.equal(
            try answer("chain.test", "udp")["dns.answers"]?.array?.compactMap { $0["data"]?.string },
            [
                "one.chain.test", "two.chain.test", "three.chain.test", "four.chain.test", "five.chain.test",
                "127.1.0.11",
            ], "the chain")
        t.equal(
            try answer("big.test", "tcp")["dns.resolved_ip"]?.strings?.sorted(), big.sorted(), "the answer by TCP")
        t.equal(
            try answer("plain.test", "tcp")["dns.resolved_ip"], ["127.1.0.10"], "the second answer by TCP")

        let connects = told.filter { $0.action == "connect" && $0["destination.port"] == 8443 }
        t.equal(
            connects.map { $0["destination.domain"] }, ["shared.test", "chain.test", "zero.test"],
            "what connections are called")
        t.equal(connects.map { $0["ebpfguard.name_source"] }, ["dns", "dns", "dns"], "how that is known")
        t.equal(connects.map { $0["ebpfguard.name_ttl"] }, [60, 60, 0], "ebpfguard.name_ttl")
        t.equal(connects.first?["ebpfguard.name_shared"], 1, "the other name of the address")
        t.equal(
            connects.dropFirst().first?["ebpfguard.name_chain"]?.strings,
            ["one.chain.test", "two.chain.test", "three.chain.test", "four.chain.test", "five.chain.test"],
            "ebpfguard.name_chain")
    }
]
