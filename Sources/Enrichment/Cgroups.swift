// SPDX-License-Identifier: Apache-2.0

package import Events

/// Paths of cgroups, by id, each in its own hierarchy. Told when a cgroup is made; asked from the kernel for those
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

    /// The path from its hierarchy's root; `nil` when it is gone and was never told.
    package mutating func path(of id: UInt64) -> Bytes? {
        if let path = paths[id] { return path }
        guard let path = lookups.cgroupPath(id) else { return nil }
        add(id, path: path)
        return path
    }
}
