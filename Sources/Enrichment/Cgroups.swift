// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import Events
internal import Glibc

/// Paths of cgroups in the default (v2) hierarchy, by id. Told when a cgroup is made; asked from the kernel for those
/// that were there before.
package struct Cgroups {
    private var paths: [UInt64: Bytes] = [:]
    private let lookups: Lookups

    package init(lookups: Lookups = Lookups()) {
        self.lookups = lookups
    }

    /// A cgroup was made. Kept also after it is gone: events of its last processes may still come.
    package mutating func add(_ id: UInt64, path: Bytes) {
        if paths.count >= 65536 { paths.removeAll() }
        paths[id] = path
    }

    /// The path from the hierarchy's root; `nil` when it is gone and was never told.
    package mutating func path(of id: UInt64) -> Bytes? {
        if let path = paths[id] { return path }
        guard let path = lookups.cgroupPath(id) else { return nil }
        add(id, path: path)
        return path
    }

    /// The mount point of the first cgroup2 file system.
    package static func findMount() -> String? { CgroupMount.find() }
}

/// The cgroup2 hierarchy of this host.
struct CgroupMount {
    /// "" when there is none.
    private let mountPoint: String
    private let mount: Int32

    init() {
        mountPoint = Self.find() ?? ""
        mount = mountPoint.isEmpty ? -1 : unsafe open(mountPoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }

    func path(of id: UInt64) -> Bytes? {
        guard mount >= 0 else { return nil }
        let descriptor = clinux_open_cgroup(mount, id)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { buffer in
            unsafe readlink(
                "/proc/self/fd/\(descriptor)", buffer.baseAddress!.assumingMemoryBound(to: CChar.self), 4096)
        }
        guard count > 0, buffer[..<count].starts(with: mountPoint.utf8) else { return nil }
        let relative = buffer[mountPoint.utf8.count..<count]
        return Bytes(relative.isEmpty ? [UInt8(ascii: "/")] : Array(relative))
    }

    /// Whether there is a v1 hierarchy with a controller that container runtimes use.
    static func hasV1() -> Bool {
        guard let mounts = contents(ofFile: "/proc/self/mountinfo", limit: 1 << 20) else { return false }
        return mounts.split(separator: UInt8(ascii: "\n")).contains { line in
            let fields = line.split(separator: UInt8(ascii: " "))
            guard let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash + 3 < fields.count,
                fields[dash + 1].elementsEqual("cgroup".utf8)
            else { return false }
            return fields[dash + 3].split(separator: UInt8(ascii: ",")).contains {
                $0.elementsEqual("memory".utf8) || $0.elementsEqual("pids".utf8)
            }
        }
    }

    static func find() -> String? {
        guard let mounts = contents(ofFile: "/proc/self/mountinfo", limit: 1 << 20) else { return nil }
        for line in mounts.split(separator: UInt8(ascii: "\n")) {
            // 36 35 98:0 /root /mount/point options... - type source options
            let fields = line.split(separator: UInt8(ascii: " "))
            guard let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash + 1 < fields.count,
                fields[dash + 1].elementsEqual("cgroup2".utf8), fields.count > 4
            else { continue }
            return String(decoding: fields[4], as: UTF8.self)
        }
        return nil
    }
}
