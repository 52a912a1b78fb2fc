// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

struct IPAddressTests {
    private func bytes(_ address: IPAddress) -> [UInt8] { (0..<address.count).map { address[$0] } }

    @Test(arguments: [
        ("0.0.0.0", [0, 0, 0, 0]),
        ("10.0.0.1", [10, 0, 0, 1]),
        ("255.255.255.255", [255, 255, 255, 255]),
        ("::", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("1::", [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("2001:db8::ff00:42:8329", [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29]),
        ("2001:DB8:0:0:0:FF00:0042:8329", [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29]),
        ("1:2:3:4:5:6:7::", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]),
        ("::2:3:4:5:6:7:8", [0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
        ("::ffff:10.0.0.1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1]),
        ("64:ff9b::192.0.2.33", [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 33]),
        ("1:2:3:4:5:6:1.2.3.4", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1, 2, 3, 4]),
    ])
    func good(_ text: String, _ expected: [UInt8]) throws {
        let address = try #require(IPAddress(text))
        #expect(bytes(address) == expected)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.", ".1.2.3", "01.2.3.4", "1.2.3.004", "1.2.3.4 ",
        " 1.2.3.4", "0x1.2.3.4", "a.b.c.d", "1.2.3.4444", "١.2.3.4",
        ":", ":::", "1", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8", "12345::", "g::", "1::%eth0", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "[::1]", "1:::2", "::1/64", "1::2:",
    ])
    func bad(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0", 8, "10.255.0.1", true),
        ("10.0.0.0", 8, "11.0.0.0", false),
        ("10.0.0.0", 8, "9.255.255.255", false),
        ("0.0.0.0", 0, "255.1.2.3", true),
        ("192.0.2.128", 25, "192.0.2.127", false),
        ("192.0.2.128", 25, "192.0.2.255", true),
        ("192.0.2.1", 32, "192.0.2.1", true),
        ("192.0.2.1", 32, "192.0.2.0", false),
        ("2001:db8::", 32, "2001:db8:ffff::1", true),
        ("2001:db8::", 32, "2001:db9::", false),
        ("2001:db8::", 65, "2001:db8::8000:0:0:0", false),
        ("2001:db8::", 65, "2001:db8::7000:0:0:0", true),
        ("::1", 128, "::1", true),
        ("::1", 128, "::2", false),
        // IPv6's way to write IPv4 is IPv4, in either place.
        ("10.0.0.0", 8, "::ffff:10.1.2.3", true),
        ("::ffff:10.0.0.0", 104, "10.1.2.3", true),
        ("::ffff:10.0.0.0", 104, "::ffff:11.1.2.3", false),
        ("::", 0, "10.0.0.1", false),
        ("::", 0, "::ffff:10.0.0.1", false),
        ("::", 0, "::1", true),
        ("0.0.0.0", 0, "::1", false),
        // 10.0.0.0 in front of zeros is another address.
        ("a00::", 8, "10.0.0.1", false),
    ])
    func prefix(_ first: String, _ length: Int, _ address: String, _ contains: Bool) throws {
        let first = try #require(IPAddress(first))
        let prefix = try #require(IPPrefix(first, length: length))
        let address = try #require(IPAddress(address))
        #expect(prefix.contains(address) == contains)
    }

    @Test func lengths() throws {
        let four = try #require(IPAddress("1.2.3.4"))
        let six = try #require(IPAddress("::ffff:1.2.3.4"))
        for length in [-1, 33, .max, .min] { #expect(IPPrefix(four, length: length) == nil) }
        for length in [-1, 129] { #expect(IPPrefix(six, length: length) == nil) }
        #expect(IPPrefix(four) == IPPrefix(four, length: 32))
        #expect(IPPrefix(six) == IPPrefix(four))
        #expect(IPPrefix(six, length: 128) == IPPrefix(four))
        let first = try #require(IPAddress("1.0.0.0"))
        #expect(IPPrefix(four, length: 8) == IPPrefix(first, length: 8))
    }
}
