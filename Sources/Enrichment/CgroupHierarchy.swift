// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import CWire
internal import Events
internal import Glibc

/// A cgroup hierarchy that is mounted: the default one (v2), or that v1 hierarchy in which containers are looked for.
///
/// Container runtimes put a container into all v1 hierarchies, so one is enough; on a hybrid host the default hierarchy
/// often has only systemd's units, and the runtime's own cgroup for all its containers.
package struct CgroupHierarchy: Sendable {
    package let mountPoint: String
    /// Of v1 the controller that it is looked for by; `nil` for v2.
    package let controller: String?

    /// What the kernel programs set in its ids.
    package var mark: UInt64 { controller == nil ? 0 : WIRE_CGROUP_V1 }

    /// In the order in which they are looked for.
    private static let controllers = ["pids", "memory", "devices", "cpu", "freezer"]

    package static func v2() -> CgroupHierarchy? {
        mounts().first { $0.type == "cgroup2" }.map { CgroupHierarchy(mountPoint: $0.mountPoint, controller: nil) }
    }

    package static func v1() -> CgroupHierarchy? {
        let mounts = mounts().filter { $0.type == "cgroup" }
        for controller in controllers {
            guard let mount = mounts.first(where: { $0.options.contains(controller) }) else { continue }
            return CgroupHierarchy(mountPoint: mount.mountPoint, controller: controller)
        }
        return nil
    }

    private struct Mount {
        let mountPoint, type: String
        let options: [String]
    }

    private static func mounts() -> [Mount] {
        guard let mounts = contents(ofFile: "/proc/self/mountinfo", limit: 1 << 20) else { return [] }
        return mounts.split(separator: UInt8(ascii: "\n")).compactMap { line in
            // 36 35 98:0 /root /mount/point options... - type source options
            let fields = line.split(separator: UInt8(ascii: " "))
            guard let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash >= 5,
                dash + 3 < fields.count, fields[dash + 1].starts(with: "cgroup".utf8)
            else { return nil }
            let options = fields[dash + 3].split(separator: UInt8(ascii: ","))
            return Mount(
                mountPoint: String(decoding: fields[4], as: UTF8.self),
                type: String(decoding: fields[dash + 1], as: UTF8.self),
                options: options.map { String(decoding: $0, as: UTF8.self) })
        }
    }
}

/// Asks the kernel for paths of cgroups in one hierarchy.
struct CgroupPaths {
    private let mountPoint: [UInt8]
    /// -1 when there is none.
    private let mount: Int32

    init(_ hierarchy: CgroupHierarchy?) {
        mountPoint = Array((hierarchy?.mountPoint ?? "").utf8)
        mount = hierarchy.map { unsafe open($0.mountPoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } ?? -1
    }

    /// `id` without a mark.
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
        guard count > 0, buffer[..<count].starts(with: mountPoint) else { return nil }
        let relative = buffer[mountPoint.count..<count]
        return Bytes(relative.isEmpty ? [UInt8(ascii: "/")] : Array(relative))
    }
}
