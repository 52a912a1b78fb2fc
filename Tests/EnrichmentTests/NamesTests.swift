// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Testing

/// What addresses are called, after messages that dig and dnsmasq exchanged.
struct NamesTests {
    private static let client = "10.0.0.9:40000"
    private static let server = "10.0.0.1:53"
    private var names = Names()

    private func bytes(_ name: String) throws -> [UInt8] { try #require(Messages.dns[name]) }

    private mutating func ask(
        _ name: String, time: UInt64 = 0, namespace: UInt32 = 1, pid: UInt32 = 7,
        change: (inout [UInt8]) -> Void = { _ in }
    ) throws -> [NameMessage] {
        var payload = try bytes(name + ".q")
        change(&payload)
        return names.take(
            MessageBytes(
                payload, from: Self.client, to: Self.server, time: time, namespace: namespace, pid: pid
            ).record)
    }

    private mutating func answer(
        _ name: String, time: UInt64 = 5000, namespace: UInt32 = 1, from: String = Self.server,
        to: String = Self.client, flags: UInt32 = 0, change: (inout [UInt8]) -> Void = { _ in }
    ) throws -> [NameMessage] {
        var payload = try bytes(name + ".a")
        change(&payload)
        return names.take(
            MessageBytes(
                payload, from: from, to: to, flags: WIRE_MESSAGE_RECEIVED | flags, time: time, namespace: namespace
            )
            .record)
    }

    private mutating func name(
        _ address: String, namespace: UInt32 = 1, pid: UInt32? = nil
    ) throws -> ResolvedName? {
        let process = pid.map {
            Names.Process(
                key: ProcessKey(pid: $0, start: UInt64($0) * 1000), root: .init(device: 0, inode: 0, generation: 0))
        }
        return names.name(of: try #require(IPAddress(address)), in: namespace, for: process, now: 9000)
    }

    private func text(_ name: ResolvedName?) -> String {
        guard let name, case .dns(let resolution, let timeToLive) = name.source else { return "-" }
        let chain = resolution.chain.map { " > " + $0.string }.joined()
        return "\(name.name.string)\(chain) \(timeToLive) \(name.others)"
    }

    @Test mutating func answered() throws {
        guard case .question(let question, _) = try #require(try ask("chain", time: 1000).first) else {
            Issue.record("no question")
            return
        }
        #expect(question.message.question?.name.string == "c1.example" && question.duration == nil)
        guard case .answer(let answer, let asked) = try #require(try answer("chain", time: 5000).first) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.duration == 4000)
        #expect(
            answer.client == MessageBytes.endpoint(Self.client) && answer.server == MessageBytes.endpoint(Self.server))
        #expect(asked.fixed.task.pid == 7)
        let expected = "c1.example > c2.example > c3.example > c4.example > c5.example > two.example 60 0"
        #expect(text(try name("10.1.0.2")) == expected)
        #expect(text(try name("::ffff:10.1.0.2")) == expected)
        #expect(text(try name("10.1.0.3")) == "-")
        #expect(text(try name("10.1.0.2", namespace: 2)) == "-", "another namespace")
    }

    @Test mutating func address6() throws {
        _ = try ask("host6")
        _ = try answer("host6")
        #expect(text(try name("2001:db8::2")) == "two.example 60 0")
    }

    @Test mutating func manyAddresses() throws {
        _ = try ask("many")
        _ = try answer("many")
        for last in 1...40 { #expect(text(try name("10.2.0.\(last)")) == "many.example 300 0") }
    }

    @Test mutating func hints() throws {
        _ = try ask("https")
        _ = try answer("https")
        #expect(text(try name("192.0.2.1")) == "svc.example 300 0")
    }

    @Test mutating func twoNames() throws {
        _ = try ask("host", pid: 7)
        _ = try answer("host")
        _ = try ask("chain", pid: 8)
        _ = try answer("chain")
        #expect(text(try name("10.1.0.2")).hasPrefix("c1.example > "))
        #expect(try name("10.1.0.2")?.others == 1)
        #expect(text(try name("10.1.0.2", pid: 7)) == "two.example 60 1", "the one that it asked for itself")
        #expect(text(try name("10.1.0.2", pid: 8)).hasPrefix("c1.example"))
    }

    /// A name that many programs ask for does not push out another.
    @Test mutating func manyAskers() throws {
        _ = try ask("chain", pid: 1)
        _ = try answer("chain")
        for pid: UInt32 in 10..<60 {
            _ = try ask("host", pid: pid)
            _ = try answer("host")
        }
        #expect(text(try name("10.1.0.2")) == "two.example 60 1")
        #expect(text(try name("10.1.0.2", pid: 1)).hasPrefix("c1.example"))
    }

    /// An answer that nobody asked for, or that another than who was asked gives, changes nothing.
    @Test mutating func spoofed() throws {
        #expect(try answer("host").isEmpty, "never asked")
        _ = try ask("host")
        #expect(try answer("host", change: { $0[1] ^= 1 }).isEmpty, "another number")
        #expect(try answer("host", from: "10.0.0.2:53").isEmpty, "another server")
        #expect(try answer("host", to: "10.0.0.9:40001").isEmpty, "another port")
        #expect(try answer("host", namespace: 2).isEmpty, "another namespace")
        #expect(try answer("host", change: { $0[13] ^= 1 }).isEmpty, "another name")
        #expect(try answer("host", change: { $0[26] = 28 }).isEmpty, "another type")
        #expect(try answer("host", time: 61_000_000_000).isEmpty, "too late, and then it is over")
        #expect(text(try name("10.1.0.2")) == "-")
        _ = try ask("host")
        #expect(try answer("host").count == 1)
        #expect(try answer("host").isEmpty, "the same again")
        #expect(text(try name("10.1.0.2")) == "two.example 60 0")
    }

    @Test mutating func spellingsAreOne() throws {
        _ = try ask("host", change: { $0[13] &= ~0x20 })
        #expect(try answer("host").count == 1)
    }

    @Test mutating func failures() throws {
        _ = try ask("nx")
        guard case .answer(let answer, _) = try #require(try answer("nx").first) else { return }
        #expect(answer.message.responseCodeName.string == "NXDOMAIN")
        _ = try ask("host")
        _ = try self.answer("host", change: { $0[3] |= 2 })
        #expect(text(try name("10.1.0.2")) == "-", "addresses of an answer that says SERVFAIL")
    }

    /// An answer at a device that serves another namespace's belongs to who asked, and only there.
    @Test mutating func handedOn() throws {
        _ = try ask("host", namespace: 3)
        #expect(try answer("host", namespace: 2, from: "10.0.0.2:53", flags: WIRE_MESSAGE_HANDED_ON).isEmpty)
        #expect(try answer("host", namespace: 2, flags: WIRE_MESSAGE_HANDED_ON).count == 1)
        #expect(text(try name("10.1.0.2", namespace: 3)) == "two.example 60 0")
        #expect(text(try name("10.1.0.2", namespace: 2)) == "-")
        #expect(try answer("host", namespace: 3).isEmpty, "its copy there")
    }

    /// Records of other names than the question's, in an answer that is otherwise right.
    @Test mutating func otherOwner() throws {
        _ = try ask("host")
        // The record's name is a pointer to the question's; into the middle of it, it is another.
        _ = try answer("host", change: { $0[30] = 16 })
        #expect(text(try name("10.1.0.2")) == "-")
    }

    @Test mutating func copies() throws {
        #expect(try ask("host", time: 1000).count == 1)
        #expect(try ask("host", time: 3000).isEmpty, "the same packet at the next device")
        #expect(try ask("host", time: 5_000_001_000).count == 1, "asked again")
        guard case .answer(let answer, _) = try #require(try answer("host", time: 5_000_002_000).first) else { return }
        #expect(answer.duration == 5_000_001_000)
    }

    @Test mutating func loopOfNames() throws {
        _ = try ask("chain")
        // c2 stands for c1 again.
        let made = try answer(
            "chain",
            change: { bytes in
                let second = bytes.indices.first { bytes[$0...].starts(with: Array("c3".utf8)) }!
                bytes[second + 1] = UInt8(ascii: "1")
            })
        #expect(made.count == 1)
        #expect(text(try name("10.1.0.2")) == "-")
    }

    @Test mutating func bounded() throws {
        let question = try bytes("host.q")
        let answer = try bytes("host.a")
        names = Names(limit: 1000)
        for number in 0..<5000 {
            var answer = answer
            answer[answer.count - 3] = UInt8(number >> 16)
            answer[answer.count - 2] = UInt8(number >> 8 & 255)
            answer[answer.count - 1] = UInt8(number & 255)
            _ = names.take(MessageBytes(question, from: Self.client, to: Self.server).record)
            _ = names.take(
                MessageBytes(answer, from: Self.server, to: Self.client, flags: WIRE_MESSAGE_RECEIVED).record)
        }
        #expect(text(try name("10.0.19.135")) == "two.example 60 0", "the last")
        #expect(text(try name("10.0.0.1")) == "-", "long forgotten")
        let known = try (0..<5000).count { try name("10.0.\($0 >> 8).\($0 & 255)") != nil }
        #expect((1000...2000).contains(known))
    }
}

/// Messages in TCP connections.
struct NameStreamTests {
    private func record(
        _ bytes: ArraySlice<UInt8>, _ sequence: UInt32, isReceived: Bool, total: Int? = nil
    ) -> MessageRecord {
        let ends = ["10.0.0.9:40000", "10.0.0.1:53"]
        return MessageBytes(
            Array(bytes), from: ends[isReceived ? 1 : 0], to: ends[isReceived ? 0 : 1],
            flags: WIRE_MESSAGE_STREAM | (isReceived ? WIRE_MESSAGE_RECEIVED : 0), sequence: sequence, total: total
        ).record
    }

    private func counts(_ messages: [NameMessage]) -> [Int] {
        messages.map { if case .answer(let exchange, _) = $0 { exchange.message.answers.count } else { -1 } }
    }

    @Test func inPieces() throws {
        let question = try #require(Messages.dns["tcp.q"])
        let answer = try #require(Messages.dns["tcp.a"])
        let start = UInt32.max - 100  // wraps
        for cut in 1..<answer.count {
            var names = Names()
            #expect(counts(names.take(record(question[...], 5, isReceived: false))) == [-1])
            #expect(names.take(record(answer[..<cut], start, isReceived: true)).isEmpty)
            let rest = names.take(record(answer[cut...], start &+ UInt32(cut), isReceived: true))
            #expect(counts(rest) == [40], "cut at \(cut)")
        }
    }

    @Test func repeated() throws {
        let question = try #require(Messages.dns["tcp.q"])
        let answer = try #require(Messages.dns["tcp.a"])
        var names = Names()
        _ = names.take(record(question[...], 5, isReceived: false))
        #expect(names.take(record(question[...], 5, isReceived: false)).isEmpty, "sent again")
        #expect(names.take(record(answer[..<300], 1000, isReceived: true)).isEmpty)
        #expect(names.take(record(answer[..<300], 1000, isReceived: true)).isEmpty)
        #expect(counts(names.take(record(answer[200...], 1200, isReceived: true))) == [40], "overlaps")
    }

    @Test func severalAtOnce() throws {
        var question = try #require(Messages.dns["tcp.q"])
        var other = question
        other[2] ^= 1
        question += other
        var names = Names()
        #expect(counts(names.take(record(question[...], 5, isReceived: false))) == [-1, -1])
        var answer = try #require(Messages.dns["tcp.a"])
        var second = answer
        second[2] ^= 1
        answer += second
        #expect(counts(names.take(record(answer[..<700], 9, isReceived: true))) == [40])
        #expect(counts(names.take(record(answer[700...], 709, isReceived: true))) == [40])
    }

    /// Bytes that were sent and are not here.
    @Test func cut() throws {
        let question = try #require(Messages.dns["tcp.q"])
        let answer = try #require(Messages.dns["tcp.a"])
        var names = Names()
        _ = names.take(record(question[...], 5, isReceived: false))
        let told = names.take(record(answer[..<200], 9, isReceived: true, total: 400))
        #expect(counts(told) == [10])
        #expect(names.take(record(answer[400...], 409, isReceived: true)).isEmpty)
        // And the next message is whole again.
        var again = question
        again[2] ^= 1
        var next = answer
        next[2] ^= 1
        _ = names.take(record(again[...], 5 + UInt32(question.count), isReceived: false))
        #expect(counts(names.take(record(next[...], 9 + UInt32(answer.count), isReceived: true))) == [40])
    }

    @Test func gap() throws {
        let question = try #require(Messages.dns["tcp.q"])
        let answer = try #require(Messages.dns["tcp.a"])
        var names = Names()
        _ = names.take(record(question[...], 5, isReceived: false))
        #expect(names.take(record(answer[..<100], 9, isReceived: true)).isEmpty)
        #expect(names.take(record(answer[200...], 209, isReceived: true)).isEmpty)
        #expect(counts(names.take(record(answer[...], 5009, isReceived: true))) == [40])
    }
}

struct GreetingTests {
    private func record(_ name: String, sequence: UInt32) throws -> MessageRecord {
        MessageBytes(
            try #require(Messages.tls[name]), from: "10.0.0.9:40000", to: "192.0.2.7:443",
            flags: WIRE_MESSAGE_STREAM | WIRE_MESSAGE_TLS, sequence: sequence
        ).record
    }

    @Test func once() throws {
        var names = Names()
        let told = names.take(try record("openssl", sequence: 9))
        guard case .hello(let greeting, _) = try #require(told.first) else { return }
        #expect(greeting.hello.serverName?.string == "api.example.com")
        #expect(names.take(try record("openssl", sequence: 9)).isEmpty, "sent again")
        #expect(names.take(try record("curl", sequence: 700)).count == 1, "another hello on it")
        let local = MessageBytes.endpoint("10.0.0.9:40000")
        let name = names.greeted(MessageBytes.endpoint("192.0.2.7:443"), from: local, in: 1)
        #expect(name?.name.string == "www.example.org")
        #expect(names.greeted(MessageBytes.endpoint("192.0.2.7:443"), from: local, in: 2) == nil)
    }
}
