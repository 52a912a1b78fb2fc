// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Events
internal import Glibc

/// Names of addresses in /etc/hosts of the root directory that a process sees: each pod has its own.
struct HostsFiles {
    private struct Table {
        let names: [IPAddress: Bytes]
        let read: UInt64
    }

    private var tables: [UserNames.Root: Table] = [:]
    private let lookups: Lookups

    /// Nanoseconds.
    private static let lifetime: UInt64 = 5_000_000_000
    private static let sizeLimit = 1 << 20

    init(lookups: Lookups) {
        self.lookups = lookups
    }

    mutating func name(of address: IPAddress, pid: UInt32, root: UserNames.Root, now: UInt64) -> Bytes? {
        if let table = tables[root], now &- table.read < Self.lifetime { return table.names[address.unmapped] }
        guard let names = lookups.hosts(ofRootOf: pid) ?? tables[root]?.names else { return nil }
        if tables.count >= 1024 { tables.removeAll() }
        tables[root] = Table(names: names, read: now)
        return names[address.unmapped]
    }

    /// The container decides what its file is: see `UserNames.read`.
    static func read(rootOf pid: UInt32) -> [UInt8]? {
        let root = unsafe open("/proc/\(pid)/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { return nil }
        defer { close(root) }
        let descriptor = unsafe clinux_open_beneath(root, "etc/hosts")
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
        return contents(of: descriptor, limit: min(Int(status.st_size), sizeLimit))
    }

    /// hosts(5): an address and its names; the first line with an address has its name, by its first.
    static func parse(_ bytes: [UInt8]) -> [IPAddress: Bytes] {
        var names: [IPAddress: Bytes] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = line.prefix { $0 != UInt8(ascii: "#") }
                .split(maxSplits: 2) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
            guard words.count >= 2, let address = IPAddress(String(decoding: words[0], as: UTF8.self))?.unmapped,
                names[address] == nil
            else { continue }
            names[address] = Bytes(Array(words[1].prefix(1016)))
        }
        return names
    }
}
