// SPDX-License-Identifier: Apache-2.0

import Events
import Fixtures
import Testing

@testable import Rendering

/// Addresses as RFC 5952 has them.
struct AddressTests {
    @Test(arguments: [
        ("0.0.0.0", "0.0.0.0"),
        ("10.20.30.255", "10.20.30.255"),
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        // One word of zeros is no run.
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        // The longer run, and of equal ones the first.
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("0:0:1:0:0:1:0:0", "::1:0:0:1:0:0"),
        ("1:0:0:2:3:4:0:0", "1::2:3:4:0:0"),
        ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"),
        ("0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"),
        ("0:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:0"),
        ("fe80::1:2:3:4", "fe80::1:2:3:4"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // Section 5: known to carry IPv4.
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ])
    func text(_ text: String, _ expected: String) throws {
        let address = try #require(IPAddress(text))
        var buffer = OutputBuffer()
        TextEscape.append(address, to: &buffer)
        #expect(String(decoding: buffer.array(), as: UTF8.self) == expected)
        #expect(IPAddress(expected) == address)
        var json = JSONRenderer(fields: [], host: Fixture.host, redacts: true)
        var line = OutputBuffer()
        json.appendValue(.address(address), to: &line)
        #expect(String(decoding: line.array(), as: UTF8.self) == "\"\(expected)\"")
    }
}
