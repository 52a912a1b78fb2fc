// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Events
internal import Glibc

/// Names of user ids, by the passwd file of the root directory that a process sees: uid 1000 of a container is somebody
/// else than uid 1000 of the host.
package struct UserNames {
    /// A root directory. Its numbers may be used again after it is gone, so answers age.
    package struct Root: Hashable {
        let device: UInt32
        let inode: UInt64
        let generation: UInt32

        package init(device: UInt32, inode: UInt64, generation: UInt32) {
            self.device = device
            self.inode = inode
            self.generation = generation
        }
    }

    private struct Table {
        let names: [UInt32: Bytes]
        let read: UInt64
    }

    private var tables: [Root: Table] = [:]

    /// Nanoseconds.
    private static let lifetime: UInt64 = 5_000_000_000
    private static let sizeLimit = 1 << 20

    private let lookups: Lookups

    package init(lookups: Lookups = Lookups()) {
        self.lookups = lookups
    }

    /// The name of `uid` for the process `pid`, whose root directory is `root`. `nil` when that root has no such user, or
    /// when the process was gone before its root was looked at for the first time.
    package mutating func name(of uid: UInt32, pid: UInt32, root: Root, now: UInt64) -> Bytes? {
        if let table = tables[root], now &- table.read < Self.lifetime { return table.names[uid] }
        guard let names = lookups.users(ofRootOf: pid) ?? tables[root]?.names else { return nil }
        if tables.count >= 4096 { tables.removeAll() }
        tables[root] = Table(names: names, read: now)
        return names[uid]
    }

    /// A container decides what its /etc/passwd is, so: no symbolic link out of its root, nothing but a regular file,
    /// and a bound on its size.
    static func read(rootOf pid: UInt32) -> [UInt32: Bytes]? {
        let root = unsafe open("/proc/\(pid)/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { return nil }
        defer { close(root) }
        let descriptor = unsafe clinux_open_beneath(root, "etc/passwd")
        guard descriptor >= 0 else { return [:] }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [:] }
        return parse(contents(of: descriptor, limit: min(Int(status.st_size), sizeLimit)))
    }

    /// passwd(5): name:password:uid:...; the first line with a uid names it.
    static func parse(_ bytes: [UInt8]) -> [UInt32: Bytes] {
        var names: [UInt32: Bytes] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
            guard fields.count >= 3, !fields[0].isEmpty,
                let uid = UInt32(String(decoding: fields[2], as: UTF8.self)), names[uid] == nil
            else { continue }
            names[uid] = Bytes(Array(fields[0]))
        }
        return names
    }

    /// What `parse` makes the same names from.
    static func lines(_ names: [UInt32: Bytes]) -> Bytes {
        var lines: [UInt8] = []
        for (uid, name) in names.sorted(by: { $0.key < $1.key }) {
            lines.append(contentsOf: name.slice)
            lines.append(contentsOf: "::\(uid)\n".utf8)
        }
        return Bytes(lines)
    }

    /// The uid of a name in this host's passwd file, for options.
    package static func uid(ofHostUser name: String) -> UInt32? {
        guard let bytes = contents(ofFile: "/etc/passwd", limit: sizeLimit) else { return nil }
        return parse(bytes).first { $0.value.slice.elementsEqual(name.utf8) }?.key
    }

    /// The names in this host's passwd file, for suggestions.
    package static func hostUsers() -> [String] {
        guard let bytes = contents(ofFile: "/etc/passwd", limit: sizeLimit) else { return [] }
        return parse(bytes).values.map(\.string)
    }
}
