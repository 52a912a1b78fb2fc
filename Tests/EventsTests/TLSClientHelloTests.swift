// SPDX-License-Identifier: Apache-2.0

import Events
import Fixtures
import Testing

/// ClientHellos that OpenSSL and curl sent.
struct TLSClientHelloTests {
    private func bytes(_ name: String) throws -> [UInt8] { try #require(Messages.tls[name]) }

    private func hello(_ bytes: [UInt8]) -> TLSClientHello? { unsafe TLSClientHello(bytes.span.bytes) }

    private func text(_ hello: TLSClientHello?) -> String {
        guard let hello else { return "nil" }
        return "\(hello.serverName?.string ?? "-") \(hello.protocols.strings.joined(separator: ","))"
            + " \(hello.versionText?.description ?? "?")\(hello.hidesName ? " ech" : "")\(hello.isPartial ? " partial" : "")"
    }

    @Test(arguments: [
        ("openssl", "api.example.com h2,http/1.1 1.3"), ("openssl12", "-  1.2"),
        ("curl", "www.example.org h2,http/1.1 1.3"),
    ])
    func whole(_ name: String, _ expected: String) throws {
        #expect(text(hello(try bytes(name))) == expected)
    }

    /// The message in records of so few bytes.
    @Test(arguments: [1, 4, 50, 511]) func split(_ size: Int) throws {
        let whole = Array(try bytes("curl").dropFirst(5))
        var records: [UInt8] = []
        for start in stride(from: 0, to: whole.count, by: size) {
            let part = whole[start..<min(start + size, whole.count)]
            records += [22, 3, 1, UInt8(part.count >> 8), UInt8(part.count & 255)] + part
        }
        // A first record without the whole head of the message is none that any client sends.
        #expect(text(hello(records)) == (size < 4 ? "nil" : "www.example.org h2,http/1.1 1.3"))
    }

    @Test func cut() throws {
        for (_, bytes) in Messages.tls {
            for count in 0..<bytes.count {
                let hello = hello(Array(bytes[..<count]))
                #expect(hello?.isPartial != false)
            }
        }
        let cut = hello(Array(try bytes("openssl").prefix(200)))
        #expect(text(cut) == "api.example.com  1.2 partial")
    }

    @Test func anyByte() throws {
        for (_, bytes) in Messages.tls {
            for index in 0..<bytes.count {
                for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
                    var changed = bytes
                    changed[index] = value
                    _ = text(hello(changed))
                }
            }
        }
    }

    @Test func otherBytes() {
        #expect(hello([]) == nil)
        #expect(hello(Array("GET / HTTP/1.1\r\n\r\n".utf8)) == nil)
        #expect(hello([22, 3, 1, 0, 4, 2, 0, 0, 0]) == nil, "a ServerHello")
    }

    /// A hello with these extensions and nothing else.
    private func hello(extensions: [(UInt16, [UInt8])]) -> TLSClientHello? {
        func sized(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes }
        let list = extensions.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + sized($0.1) }
        let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0] + sized([0x13, 1]) + [1, 0] + sized(list)
        return hello([22, 3, 1] + sized([1, 0] + sized(body)))
    }

    private func name(_ text: String) -> [UInt8] {
        let count = UInt8(text.utf8.count)
        return [0, count + 3, 0, 0, count] + text.utf8
    }

    @Test func extensions() {
        #expect(text(hello(extensions: [])) == "-  1.2")
        #expect(
            text(hello(extensions: [(0xfe0d, [0, 1, 2]), (0, name("Public.Example"))])) == "public.example  1.2 ech")
        #expect(text(hello(extensions: [(43, [4, 0x7a, 0x7a, 3, 4])])) == "-  1.3", "GREASE is none")
        #expect(text(hello(extensions: [(16, [0, 6, 2, 0x3a, 0x3a, 2, 104, 50])])) == "- h2 1.2")
        #expect(text(hello(extensions: [(16, [0, 9, 2, 104, 50])])) == "-  1.2 partial")
        #expect(text(hello(extensions: [(0, [0, 1, 0])])) == "-  1.2 partial")
        #expect(text(hello(extensions: [(0, name("a")), (43, [1, 3])])) == "a  1.2 partial")
    }
}
