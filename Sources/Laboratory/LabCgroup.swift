// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Glibc

/// Where a laboratory has its cgroups: in one of its own, below the one that this process is in.
package struct LabCgroup: Sendable {
    private let parent: String
    /// Its name is how the next laboratory knows it for one.
    var path: String { "\(parent)/ebpfguard-lab-\(getpid())" }

    /// `nil` on a host without the cgroup2 file system, or where this process's cgroup is not below its mount.
    package init?() {
        guard let mount = CgroupHierarchy.v2()?.mountPoint, let own = Self.ownPath() else { return nil }
        parent = own == "/" ? mount : mount + own
        guard unsafe access(parent, W_OK) == 0 else { return nil }
    }

    /// Of the line of cgroup2, which has no number and no controllers.
    private static func ownPath() -> String? {
        guard let lines = contents(ofFile: "/proc/self/cgroup", limit: 65536) else { return nil }
        for line in lines.split(separator: UInt8(ascii: "\n")) where line.starts(with: "0::/".utf8) {
            return String(decoding: line.dropFirst(3), as: UTF8.self)
        }
        return nil
    }
}
