// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Fixtures
import Testing

@testable import Enrichment

/// Classes of addresses that only the node tells.
struct NodeNetworkTests {
    private func kind(_ found: NodeAddresses, _ address: String) throws -> String {
        found.kind(of: try #require(IPAddress(address))).map { "\($0.name)" } ?? "-"
    }

    private static let routes = """
        Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
        eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
        eth0\t0002F40A\t0C01A8C0\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0
        eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
        cali12\t0703F40A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
        flannel.1\t0004F40A\t0004F40A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0
        cni0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0

        """
    private static let routes6 = """
        fd000000000000000000000000000000 40 00000000000000000000000000000000 00 \
        00000000000000000000000000000000 00000100 00000001 00000000 00000001     cni0
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
        fe800000000000000000000000000001 00000100 00000001 00000000 00000003     eth0

        """
    private static let tree = """
        Main:
          +-- 0.0.0.0/0 3 0 5
             |-- 192.168.1.0
                /24 link UNICAST
             |-- 192.168.1.10
                /32 host LOCAL
             |-- 192.168.1.255
                /32 link BROADCAST

        """
    private static let interfaces = """
        20010db8000000000000000000000010 02 40 00 80     eth0
        fd000000000000000000000000000077 03 80 00 80 kube-ipvs0

        """

    private func node() -> NodeTree {
        let tree = NodeTree()
        tree.write(
            "etc/cni/net.d/10-x.conflist",
            #"{"name":"a/b","plugins":[{"type":"bridge","ipam":{"ranges":[[{"subnet":"10.22.0.0/16","gateway":"10.9.0.1"}]],"#
                + #""subnet":"10.23.0.0/16","routes":[{"dst":"0.0.0.0/0"}]}},{"subnet":"0.0.0.0/0"},{"subnet":"usePodCidr"}]}"#
        )
        tree.write("etc/cni/net.d/notes.txt", #"{"subnet":"10.99.0.0/16"}"#)
        tree.write("etc/cni/net.d/20-broken.conf", #"{"subnet":"10.24.0.0/16""#)
        tree.write(
            "run/flannel/subnet.env",
            "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n")
        tree.write("var/lib/cni/networks/podman/10.88.0.5", "0123")
        tree.write("var/lib/cni/networks/podman/fd00:1::5", "0123")
        tree.write("var/lib/cni/networks/podman/last_reserved_ip.0", "10.88.0.6")
        tree.write("var/lib/cni/networks/podman/lock", "")
        tree.write("proc/1/net/route", Self.routes)
        tree.write("proc/1/net/ipv6_route", Self.routes6)
        tree.write("proc/1/net/fib_trie", Self.tree)
        tree.write("proc/1/net/if_inet6", Self.interfaces)
        return tree
    }

    private static let expected: [(String, String)] = [
        ("10.22.3.4", "pod"), ("10.23.0.1", "pod"), ("10.9.0.1", "-"), ("10.99.0.1", "-"), ("10.24.0.1", "pod"),
        ("10.244.1.1", "pod"), ("10.244.9.9", "pod"), ("::ffff:10.244.9.9", "pod"), ("10.245.0.1", "-"),
        ("10.88.0.5", "pod"), ("10.88.0.6", "-"), ("fd00:1::5", "pod"), ("fd00:1::6", "-"), ("fd00::1234", "pod"),
        ("192.168.1.10", "node"), ("192.168.1.255", "-"), ("192.168.1.12", "node"), ("192.168.1.1", "-"),
        ("192.168.1.77", "-"), ("2001:db8::10", "node"), ("fd00::77", "pod"), ("8.8.8.8", "-"),
    ]

    @Test func files() throws {
        let node = node()
        let found = NodeNetwork.read(root: node.path)
        for (address, expected) in Self.expected { #expect(try kind(found, address) == expected, "\(address)") }
        // As a recording has it.
        #expect(NodeAddresses(found.bytes) == found)
        #expect(NodeAddresses(NodeAddresses().bytes) == NodeAddresses())
    }

    @Test func ownAddresses() throws {
        #expect(try kind(NodeNetwork.read(root: "/"), "127.0.0.1") == "node")
    }

    /// Nothing there, or something else than files; none of it blocks or is believed.
    @Test func hostile() throws {
        let empty = NodeTree()
        #expect(NodeNetwork.read(root: empty.path) == NodeAddresses())
        #expect(NodeNetwork.read(root: "/no/such/directory") == NodeAddresses())
        empty.makePipe("etc/cni/net.d/x.conf")
        empty.makePipe("proc/1/net/route")
        empty.makePipe("run/flannel/subnet.env")
        empty.makeDirectory("proc/1/net/fib_trie")
        empty.write("proc/1/net/if_inet6", "x\n\u{0}\n" + String(repeating: "f", count: 100_000))
        empty.write("proc/1/net/ipv6_route", String(repeating: "0 ", count: 1000))
        empty.write("etc/cni/net.d/y.conf", String(repeating: "[", count: 100_000))
        empty.link("etc/cni/net.d/z.conf", to: "/etc/passwd")
        #expect(NodeNetwork.read(root: empty.path) == NodeAddresses())
    }

    @Test func bounded() throws {
        let many = NodeTree()
        var text = "Iface\n"
        for number in 0..<40_000 {
            let digits = String(UInt32(10) | UInt32(number) << 8, radix: 16)
            let zeros = String(repeating: "0", count: 8 - digits.count)
            text += "cali\(number)\t\(zeros)\(digits)\t00000000\t5\t0\t0\t0\tFFFFFFFF\n"
        }
        many.write("proc/1/net/route", text)
        let found = NodeNetwork.read(root: many.path)
        #expect(found.bytes.count == 32_768 * 7)
        #expect(NodeAddresses(found.bytes) == found)
    }

    @Test(arguments: [
        "", "x", "eth0\t0\t0\t0", "Iface\ncali1\t0700F40A\t00000000\t1\t0\t0\t0\tFF00FFFF\n",
        "Iface\ncali1\t0700F40\t00000000\t1\t0\t0\t0\tFFFFFFFF\n", "Iface\ncali1 0700F40A 00000000 1 0 0 0 xyz\n",
    ])
    func brokenRoutes(_ text: String) {
        #expect(NodeNetwork.ipv4Routes(Array(text.utf8)) == [])
    }

    @Test func damagedAnswers() {
        for length in 0..<64 {
            for byte in [UInt8(0), 1, 4, 16, 255] {
                _ = NodeAddresses(Bytes([UInt8](repeating: byte, count: length)))
                _ = NodeAddresses(Bytes([1, 16, 255] + [UInt8](repeating: byte, count: length)))
            }
        }
    }

    // MARK: When it is looked

    private func connection(to address: [UInt8], seconds: UInt64) throws -> Record {
        var bytes = Fixture.unreachable.bytes
        bytes.set(\wire_header.time, to: seconds * 1_000_000_000)
        let remote = try #require(MemoryLayout<wire_connection>.offset(of: \.remote))
        let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + address
        bytes.replaceSubrange(remote..<remote + 16, with: mapped)
        return try decode(bytes)
    }

    private func kind(_ enricher: inout Enricher, _ address: [UInt8], _ seconds: UInt64) throws -> String {
        let event = enricher.event(for: try connection(to: address, seconds: seconds))
        guard case .word(let word)? = event?.value(of: .ebpfguardRemoteClass) else { return "-" }
        return "\(word)"
    }

    /// Again for an address that is not known, but not at once; and as a replay does.
    @Test func again() throws {
        let tree = NodeTree()
        let pods = { (name: String) in tree.write("var/lib/cni/networks/a/\(name)", "x") }
        let lookups = Lookups(.systemForRecording, root: tree.path)
        var enricher = Enricher(host: Fixture.host, failedExecHook: "fexit/test", lookups: lookups)
        let replayed = Lookups(.recording)
        var replay = Enricher(host: Fixture.host, failedExecHook: "fexit/test", lookups: replayed)
        pods("10.1.0.1")
        let steps: [(new: String, seconds: UInt64, [UInt8], String)] = [
            ("", 100, [10, 1, 0, 1], "pod"), ("10.1.0.2", 101, [10, 1, 0, 2], "private"),
            ("", 106, [10, 1, 0, 2], "pod"), ("10.1.0.3", 107, [10, 1, 0, 3], "private"),
            ("", 112, [10, 1, 0, 3], "pod"), ("", 120, [10, 1, 0, 4], "private"),
            ("10.1.0.4", 126, [10, 1, 0, 4], "private"),
            ("", 131, [10, 1, 0, 4], "pod"), ("", 90, [10, 1, 0, 5], "private"), ("", 200, [127, 0, 0, 1], "loopback"),
        ]
        for (new, seconds, address, expected) in steps {
            if !new.isEmpty { pods(new) }
            let kind = try kind(&enricher, address, seconds)
            #expect(kind == expected, "\(address) at \(seconds)")
            for (question, answer) in lookups.takeAnswers() { replayed.learn(question, answer) }
            #expect(try self.kind(&replay, address, seconds) == kind, "\(address) at \(seconds) in the replay")
        }
    }
}
