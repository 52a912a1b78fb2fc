// SPDX-License-Identifier: Apache-2.0

import Events
import Fixtures
import Testing

/// Messages that dig and dnsmasq exchanged, and what is said of them.
struct DNSMessageTests {
    private func message(_ name: String) throws -> DNSMessage {
        let bytes = try #require(Messages.dns[name])
        return try #require(unsafe DNSMessage(bytes.span.bytes))
    }

    private func lines(_ message: DNSMessage) -> [String] {
        message.answers.map {
            "\($0.name.string) \($0.timeToLive) \($0.className.string) \($0.typeName.string) \($0.data.string)"
        }
    }

    private func head(_ message: DNSMessage) -> String {
        let question = message.question.map { "\($0.name.string) \($0.className.string) \($0.typeName.string)" }
        let marks =
            (message.isResponse ? " response" : "") + (message.isTruncated ? " truncated" : "")
            + (message.isPartial ? " partial" : "")
        return "\(message.id) \(question ?? "-") \(message.responseCodeName.string)\(marks)"
    }

    @Test func question() throws {
        let asked = try message("A.q")
        #expect(head(asked) == "34217 one.example IN A NOERROR")
        #expect(asked.answers.isEmpty && asked.operation == 0)
    }

    @Test(arguments: [
        ("A.a", "34217 one.example IN A NOERROR response", ["one.example 300 IN A 10.1.0.1"]),
        ("host.a", "25514 two.example IN A NOERROR response", ["two.example 60 IN A 10.1.0.2"]),
        ("host6.a", "30330 two.example IN AAAA NOERROR response", ["two.example 60 IN AAAA 2001:db8::2"]),
        (
            "chain.a", "36523 c1.example IN A NOERROR response",
            [
                "c1.example 300 IN CNAME c2.example", "c2.example 300 IN CNAME c3.example",
                "c3.example 300 IN CNAME c4.example", "c4.example 300 IN CNAME c5.example",
                "c5.example 300 IN CNAME two.example", "two.example 60 IN A 10.1.0.2",
            ]
        ),
        ("nx.a", "60968 none.example IN A NXDOMAIN response", []),
        (
            "mx.a", "35245 mail.example IN MX NOERROR response",
            ["mail.example 300 IN MX 10 mx1.mail.example"]
        ),
        (
            "srv.a", "3956 _sip._tcp.example IN SRV NOERROR response",
            ["_sip._tcp.example 300 IN SRV 7 9 5060 sip.example"]
        ),
        ("txt.a", "14380 text.example IN TXT NOERROR response", ["text.example 300 IN TXT 12 bytes"]),
        (
            "ptr.a", "13724 9.0.1.10.in-addr.arpa IN PTR NOERROR response",
            ["9.0.1.10.in-addr.arpa 300 IN PTR nine.example"]
        ),
        (
            "https.a", "61107 svc.example IN HTTPS NOERROR response",
            ["svc.example 300 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1"]
        ),
        ("refused.a", "19404 other.test IN A REFUSED response", []),
    ])
    func answers(_ name: String, _ expected: String, _ answers: [String]) throws {
        let message = try message(name)
        #expect(head(message) == expected)
        #expect(lines(message) == answers)
        #expect(message.answerCount == answers.count)
    }

    @Test func addresses() throws {
        #expect(try message("host6.a").answers[0].address == IPAddress("2001:db8::2"))
        #expect(try message("https.a").answers[0].hints == [IPAddress("192.0.2.1")])
    }

    @Test func manyAnswers() throws {
        let many = try message("many.a")
        #expect(many.answers.count == 40 && many.answerCount == 40)
        let addresses = Set(many.answers.map(\.data.string))
        #expect(addresses == Set((1...40).map { "10.2.0.\($0)" }))
    }

    @Test func truncated() throws {
        let message = try message("truncated.a")
        #expect(head(message) == "42787 many.example IN A NOERROR response truncated")
        #expect(message.answers.count == 30)
    }

    @Test func stream() throws {
        let one = try #require(Messages.dns["tcp.a"])
        let other = try #require(Messages.dns["tcp.q"])
        let bytes = one + other + one.dropLast()
        var heads: [String] = []
        let used = unsafe DNSMessage.forEach(inStream: bytes.span.bytes) { span in
            heads.append(DNSMessage(span).map(head) ?? "nil")
        }
        #expect(used == one.count + other.count)
        #expect(
            heads == ["63536 many.example IN A NOERROR response", "63536 many.example IN A NOERROR"])
    }

    /// Bits that EDNS adds to the response code: BADVERS is 16.
    @Test func extendedResponseCode() throws {
        var bytes = try #require(Messages.dns["nx.a"])
        bytes[3] &= 0xf0
        let options = bytes.count - 11
        #expect(bytes[options...].starts(with: [0, 0, 41]))
        bytes[options + 5] = 1
        let message = try #require(unsafe DNSMessage(bytes.span.bytes))
        #expect(message.responseCodeName.string == "BADVERS")
    }
}

/// Names, and what is wrong with some.
struct DNSNameTests {
    /// A question for the name with these bytes.
    private func name(_ bytes: [UInt8], behind: [UInt8] = []) -> String? {
        let message = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + bytes + [0, 1, 0, 1] + behind
        return unsafe DNSMessage(message.span.bytes)?.question?.name.string
    }

    private func labels(_ labels: [UInt8]...) -> [UInt8] { labels.flatMap { [UInt8($0.count)] + $0 } + [0] }

    @Test func spelling() {
        #expect(name([0]) == ".")
        #expect(name(labels(Array("WWW".utf8), Array("Example".utf8))) == "www.example")
        #expect(name(labels(Array("a.b".utf8), Array("c\\d\"".utf8))) == #"a\.b.c\\d\""#)
        #expect(name(labels([0, 7, 32, 127, 200], [27, 91, 109])) == #"\000\007\032\127\200.\027[m"#)
    }

    @Test func lengths() {
        let long = [UInt8](repeating: 97, count: 63)
        #expect(name(labels(long, long, long, Array(long.prefix(61))))?.count == 253)
        #expect(name(labels(long, long, long, Array(long.prefix(62)))) == nil)
        #expect(name([64] + long + [97, 0]) == nil)
        #expect(name([3, 97, 97]) == nil)
    }

    @Test func pointers() {
        #expect(name([0xc0, 12]) == nil, "to itself")
        #expect(name([0xc0, 14, 1, 97, 0]) == nil, "forward")
        #expect(name([1, 97, 0xc0, 12]) == nil, "a loop")
        #expect(name([0xc0]) == nil, "cut")
        #expect(name([0x80, 0]) == nil && name([0x40, 0]) == nil, "kinds that do not exist")
        // Into the head: its bytes are a name too: 0 0 is the root.
        #expect(name([1, 97, 0xc0, 6]) == "a")
    }

    /// Pointers to pointers, each in front of the other, one more than any name needs.
    @Test func manyPointers() {
        for (count, isName) in [(126, true), (127, true), (128, false)] {
            // Answers whose data is a chain: owner root, TYPE 5, and the data points at the last link.
            var bytes: [UInt8] = [0, 1, 0x81, 0x80, 0, 0, 0, 2, 0, 0, 0, 0]
            bytes += [0, 0, 99, 0, 1, 0, 0, 0, 0, UInt8((2 * count - 1) >> 8), UInt8((2 * count - 1) & 255)]
            let chain = bytes.count
            bytes += [0]
            for link in 0..<count - 1 {
                let target = link == 0 ? chain : chain + 1 + 2 * (link - 1)
                bytes += [0xc0 | UInt8(target >> 8), UInt8(target & 255)]
            }
            let last = count == 1 ? chain : chain + 1 + 2 * (count - 2)
            bytes += [0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0xc0 | UInt8(last >> 8), UInt8(last & 255)]
            let message = unsafe DNSMessage(bytes.span.bytes)
            #expect(message?.answers.count == (isName ? 2 : 1), "\(count)")
            #expect(message?.isPartial == !isName)
        }
    }
}

struct DNSMalformedTests {
    private func touch(_ message: DNSMessage?) {
        guard let message else { return }
        _ = (message.question?.typeName, message.question?.className, message.responseCodeName)
        for answer in message.answers {
            _ = (answer.typeName, answer.className, answer.name.string, answer.data.string)
        }
    }

    /// What is cut is partial, or is nothing.
    @Test func cut() {
        for (name, bytes) in Messages.dns where !name.hasPrefix("tcp") {
            for count in 0..<bytes.count {
                let message = unsafe DNSMessage(Array(bytes[..<count]).span.bytes)
                touch(message)
                #expect(message?.isPartial != false, "\(name): \(count) of \(bytes.count) bytes")
            }
        }
    }

    @Test func anyByte() {
        for (_, bytes) in Messages.dns {
            for index in 0..<min(bytes.count, 180) {
                for value: UInt8 in [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff] {
                    var changed = bytes
                    changed[index] = value
                    touch(unsafe DNSMessage(changed.span.bytes))
                }
            }
        }
    }

    /// Data that is not what the type must have: the answers before it count.
    @Test func wrongData() throws {
        var bytes = try #require(Messages.dns["chain.a"])
        bytes[bytes.count - 16] = 3  // the length of the last address
        let message = try #require(unsafe DNSMessage(bytes.span.bytes))
        #expect(message.isPartial && message.answers.count == 5 && message.answerCount == 6)
    }
}
