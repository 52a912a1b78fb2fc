// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Policy

/// Where the standard input and output of a process lead: to somebody elsewhere, by a connection of its own or by pipes.
enum ShellLook {
    static func standards(of pid: UInt32) -> (ProcessFacts.Standard, ProcessFacts.Standard) {
        guard let input = Descriptor(pid, 0), let output = Descriptor(pid, 1) else { return (.other, .other) }
        // Files and terminals, mostly.
        guard input.isPipe || input.isSocket, output.isPipe || output.isSocket else { return (.other, .other) }
        let connections = Connections(of: pid)
        var holders: [UInt32]?
        func standard(_ descriptor: Descriptor) -> ProcessFacts.Standard {
            if descriptor.isSocket, let connection = connections.connection(descriptor.inode) {
                return .connection(remote: connection.remote, isOutgoing: connection.isOutgoing)
            }
            let candidates = holders ?? ProcessLook.processes()
            holders = candidates
            for other in candidates where other != pid {
                let ends = ProcessLook.descriptors(other).compactMap { Descriptor(other, $0) }
                guard ends.contains(where: { descriptor.isOtherEnd($0) }) else { continue }
                let theirs = Connections(of: other)
                for end in ends where end.isSocket {
                    guard let connection = theirs.connection(end.inode) else { continue }
                    return .pipe(to: "\(other)", remote: connection.remote, isOutgoing: connection.isOutgoing)
                }
            }
            return .other
        }
        let first = standard(input)
        return first == .other ? (.other, .other) : (first, standard(output))
    }

    /// What a descriptor of a process is.
    private struct Descriptor {
        let inode, device: UInt64
        let isPipe, isSocket: Bool

        init?(_ pid: UInt32, _ number: UInt32) {
            var status = stat()
            guard unsafe stat("/proc/\(pid)/fd/\(number)", &status) == 0 else { return nil }
            inode = UInt64(status.st_ino)
            device = UInt64(status.st_dev)
            isPipe = status.st_mode & S_IFMT == S_IFIFO
            isSocket = status.st_mode & S_IFMT == S_IFSOCK
        }

        /// Both ends of a pipe have one inode; of a pair of sockets that is not so, and /proc does not tell.
        func isOtherEnd(_ other: Descriptor) -> Bool {
            isPipe && other.isPipe && inode == other.inode && device == other.device
        }
    }

    /// The connections of the Internet in the network namespace of a process, by the inodes of their sockets.
    private struct Connections {
        struct Connection {
            let remote: String
            let isOutgoing: Bool
        }
        private var byInode: [UInt64: (local: Substring, remote: Substring)] = [:]
        private var listening: Set<Substring> = []

        init(of pid: UInt32) {
            for table in ["tcp", "tcp6"] {
                guard let text = ProcessLook.read("/proc/\(pid)/net/\(table)") else { continue }
                for line in text.split(separator: "\n").dropFirst() {
                    let fields = line.split(separator: " ")
                    guard fields.count > 9, let inode = UInt64(fields[9]) else { continue }
                    if fields[3] == "0A" { listening.insert(Self.port(fields[1])) }
                    if fields[3] == "01" { byInode[inode] = (fields[1], fields[2]) }
                }
            }
        }

        func connection(_ inode: UInt64) -> Connection? {
            byInode[inode].map {
                Connection(remote: Self.text($0.remote), isOutgoing: !listening.contains(Self.port($0.local)))
            }
        }

        private static func port(_ address: Substring) -> Substring { address.split(separator: ":").last ?? "" }

        /// Of words of the host's byte order, in hexadecimal: 0100007F:1F90.
        private static func text(_ address: Substring) -> String {
            let parts = address.split(separator: ":")
            guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return String(address) }
            let digits = Array(parts[0])
            var words: [String] = []
            for start in stride(from: 0, to: digits.count, by: 8) {
                guard let word = UInt32(String(digits[start..<min(start + 8, digits.count)]), radix: 16) else {
                    continue
                }
                words.append(
                    [word & 255, word >> 8 & 255, word >> 16 & 255, word >> 24].map { String($0) }.joined(
                        separator: "."))
            }
            if words.count == 1 { return "\(words[0]):\(port)" }
            // IPv4 in IPv6.
            if words.count == 4, words[0] == "0.0.0.0", words[1] == "0.0.0.0", words[2] == "0.0.255.255" {
                return "\(words[3]):\(port)"
            }
            let groups = words.flatMap { word -> [String] in
                let bytes = word.split(separator: ".").compactMap { UInt32($0) }
                return [String(bytes[0] << 8 | bytes[1], radix: 16), String(bytes[2] << 8 | bytes[3], radix: 16)]
            }
            return "[\(groups.joined(separator: ":"))]:\(port)"
        }
    }
}
