// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

struct AddressClassTests {
    @Test(arguments: [
        ("127.0.0.1", "loopback"), ("127.255.255.255", "loopback"), ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("169.254.169.254", "metadata"), ("::ffff:169.254.169.254", "metadata"), ("fd00:ec2::254", "metadata"),
        ("169.254.169.253", "link_local"), ("fe80::1", "link_local"), ("febf::1", "link_local"),
        ("10.0.0.1", "private"), ("172.16.0.1", "private"), ("172.31.255.255", "private"), ("192.168.1.1", "private"),
        ("100.64.0.1", "private"), ("fd12::1", "private"), ("172.32.0.1", "public"), ("100.128.0.1", "public"),
        ("8.8.8.8", "public"), ("2001:db8::1", "public"), ("224.0.0.251", "multicast"), ("ff02::fb", "multicast"),
        ("255.255.255.255", "broadcast"), ("0.0.0.0", "unspecified"), ("::", "unspecified"),
    ])
    func kind(_ address: String, _ expected: String) throws {
        #expect("\(AddressClass(try #require(IPAddress(address))).name)" == expected)
    }
}
