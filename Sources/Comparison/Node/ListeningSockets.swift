// SPDX-License-Identifier: Apache-2.0

/// TCP sockets that listen in a network namespace.
struct ListeningSockets: Equatable {
    struct Socket: Equatable {
        let port: UInt16
        let inode: UInt64
    }

    private(set) var sockets: [Socket] = []

    /// Of the namespace that a process is in.
    init(pid: UInt32) {
        for name in ["tcp", "tcp6"] {
            sockets += Self.parse(ProcessSurvey.text("/proc/\(pid)/net/\(name)") ?? "")
        }
    }

    /// The port that sockets with these inode numbers listen on, each once.
    func ports(of inodes: Set<UInt64>) -> [UInt16] {
        Set(sockets.filter { inodes.contains($0.inode) }.map(\.port)).sorted()
    }

    /// proc_net_tcp: "0: 0100007F:3A99 00000000:0000 0A … inode …".
    static func parse(_ text: String) -> [Socket] {
        text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[3] == "0A", let port = fields[1].split(separator: ":").last,
                let number = UInt16(port, radix: 16), let inode = UInt64(fields[9])
            else { return nil }
            return Socket(port: number, inode: inode)
        }
    }
}
