// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Events
internal import Glibc

/// Sockets that belong to the cgroup, and an address that the policy refuses to all who are in it: as long as attempts to
/// reach it are refused, the programs run. Attaching them shows nothing: what is attached may never be called.
struct Canary: ~Copyable {
    /// Known to nobody else. That of IPv4 is of this host's own loopback, so that an attempt that is not refused leaves
    /// no trace elsewhere; that of IPv6 is of no network.
    let addresses: [IPAddress]
    /// By the hook that refuses them, -1 where the host has no such protocol.
    private var sockets: [Int32] = []
    /// Of IPv4.
    var datagramSocket: Int32 { sockets[1] }

    /// A name server of this host's loopback that is none, and a name. The policy lets one ask the server, and nobody get
    /// through.
    var server: IPAddress { servers[0] }
    private let servers: [IPAddress]
    let name: [UInt8]
    /// Whether there are rules about the network at all.
    var isHeld = false
    /// Whether questions are looked at, and answers.
    var asks = false
    var isAnswered = false

    static let hooks = [
        "cgroup/connect4", "cgroup/sendmsg4", "cgroup/bind4", "cgroup/connect6", "cgroup/sendmsg6", "cgroup/bind6",
    ]

    init() {
        var random = SystemRandomNumberGenerator()
        var ipv4: [UInt8] = [127]
        var ipv6: [UInt8] = [0xfd]
        for _ in 0..<3 { ipv4.append(UInt8.random(in: 1...254, using: &random)) }
        for _ in 0..<15 { ipv6.append(UInt8.random(in: 0...255, using: &random)) }
        addresses = [ipv4, ipv6].compactMap { IPAddress($0.span) }
        var server: [UInt8] = [127]
        for _ in 0..<3 { server.append(UInt8.random(in: 1...254, using: &random)) }
        // Not by ??: its second operand reads a value that is not whole yet, which the optimizer of Swift 6.3 gets wrong.
        servers = [server].compactMap { IPAddress($0.span) }
        name = Array("\(UInt64.random(in: 0 ... .max, using: &random)).ebpfguard".utf8)
    }

    /// Makes the sockets, by a process of its own that goes into the cgroup and shares its descriptors with this one: a
    /// socket stays where it was made.
    mutating func settle(in cgroup: borrowing EnforceCgroup) throws(Failure) {
        let file = unsafe open(cgroup.path + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
        defer { if file >= 0 { close(file) } }
        var made = [Int32](repeating: -1, count: Self.hooks.count)
        guard file >= 0, unsafe clinux_cgroup_sockets(file, &made) == 0 else {
            throw Failure(
                .unsupported, "can't make sockets in the cgroup: \(unsafe String(cString: strerror(errno)))",
                help: "without them it can't be seen whether the policy holds")
        }
        sockets = made
    }

    deinit { for socket in sockets where socket >= 0 { close(socket) } }

    /// Tries all; answers the hooks that did not refuse. `refused` counts what the programs have refused.
    func failures(_ refused: () -> UInt64) -> [String] {
        var failures: [String] = []
        for (index, socket) in sockets.enumerated() where isHeld && socket >= 0 {
            let before = refused()
            // A packet filter may refuse too, so that the error alone shows nothing.
            let error = attempt(index, socket)
            if error != EPERM || refused() == before { failures.append(Self.hooks[index]) }
        }
        // The datagram socket of IPv4 has a port by now.
        if asks, sockets[1] >= 0 {
            let before = refused()
            if ask(by: sockets[1]) != EPERM || refused() == before { failures.append(Self.packetHooks[0]) }
        }
        if isAnswered, sockets[1] >= 0, !answer(to: sockets[1], refused) { failures.append(Self.packetHooks[1]) }
        return failures
    }

    /// The errno.
    private func attempt(_ index: Int, _ socket: Int32) -> Int32 {
        let address = addresses[index / 3]
        var bytes = [UInt8](repeating: 0, count: 28)
        let family = UInt16(address.count == 4 ? AF_INET : AF_INET6)
        unsafe bytes.withUnsafeMutableBytes { unsafe $0.storeBytes(of: family, as: UInt16.self) }
        bytes[3] = 9
        for byte in 0..<address.count { bytes[(address.count == 4 ? 4 : 8) + byte] = address[byte] }
        let size = socklen_t(address.count == 4 ? 16 : 28)
        let result = unsafe bytes.withUnsafeBytes { bytes in
            let address = unsafe bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return switch index % 3 {
            case 0: unsafe Int(connect(socket, address, size))
            case 1: unsafe sendto(socket, "", 0, Int32(MSG_DONTWAIT), address, size)
            default: unsafe Int(bind(socket, address, size))
            }
        }
        return result < 0 ? errno : 0
    }
}
