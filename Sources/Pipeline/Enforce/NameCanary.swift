// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Events
internal import Glibc

/// Attempts at the hooks that see packets: a question for a name that is always refused, and an answer that is never let in.
extension Canary {
    static let packetHooks = ["cgroup_skb/egress", "cgroup_skb/ingress"]

    /// Asks for the name, by `socket` of the cgroup; the errno.
    func ask(by socket: Int32) -> Int32 {
        // A question for the addresses of a name with two labels.
        var message: [UInt8] = [0xeb, 0xbf, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name.split(separator: UInt8(ascii: ".")) { message += [UInt8(label.count)] + label }
        message += [0, 0, 1, 0, 1]
        return Self.send(message, by: socket, to: server, port: 53)
    }

    /// Sends something to `socket` of the cgroup, and waits until it was refused.
    func answer(to socket: Int32, _ refused: () -> UInt64) -> Bool {
        var own = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let found = unsafe withUnsafeMutableBytes(of: &own) { own in
            unsafe getsockname(socket, own.baseAddress!.assumingMemoryBound(to: sockaddr.self), &size)
        }
        let outside = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { if outside >= 0 { close(outside) } }
        guard found == 0, outside >= 0, let loopback = IPAddress("127.0.0.1"),
            unsafe Self.with(server, port: 0, { unsafe bind(outside, $0, $1) }) == 0
        else { return false }
        let before = refused()
        guard Self.send([0], by: outside, to: loopback, port: UInt16(bigEndian: own.sin_port)) == 0 else {
            return false
        }
        // What is sent to this host may be taken up by a thread of the kernel.
        for _ in 0..<200 where refused() == before { usleep(1000) }
        return refused() != before
    }

    /// Sends what rules about detectors have to refuse; whether they have.
    func isJudged(_ word: UInt64, _ refused: () -> UInt64) -> Bool {
        let before = refused()
        let bytes = unsafe withUnsafeBytes(of: word) { unsafe Array($0) } + [0, 0, 0, 0, 0, 0, 0, 0]
        return Self.send(bytes, by: datagramSocket, to: server, port: 53) == EPERM && refused() != before
    }

    private static func send(_ bytes: [UInt8], by socket: Int32, to address: IPAddress, port: UInt16) -> Int32 {
        let sent = unsafe with(address, port: port) { address, size in
            unsafe Int32(truncatingIfNeeded: sendto(socket, bytes, bytes.count, Int32(MSG_DONTWAIT), address, size))
        }
        return sent < 0 ? errno : 0
    }

    private static func with(
        _ address: IPAddress, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &place.sin_addr) { bytes in
            for index in 0..<4 { unsafe bytes[index] = address[index] }
        }
        return unsafe withUnsafeBytes(of: &place) { bytes in
            unsafe body(bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
    }
}
