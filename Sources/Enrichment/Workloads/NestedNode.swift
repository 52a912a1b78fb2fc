// SPDX-License-Identifier: Apache-2.0

internal import Events

/// A node that is a container itself, as those of kind are. What its kubelet and its runtime leave is in its own file
/// system, which a process of it leads to.
enum NestedNode {
    /// The root directory of the container with this cgroup.
    static func root(ofContainer path: Bytes) -> String? {
        guard let text = String(validating: path.slice, as: UTF8.self) else { return nil }
        for hierarchy in [CgroupHierarchy.v2(), CgroupHierarchy.v1()].compactMap({ $0 }) {
            if let pid = process(in: hierarchy.mountPoint + text) { return "/proc/\(pid)/root" }
        }
        return nil
    }

    /// The oldest process that is nearest to the container's own cgroup, and in no container inside it.
    private static func process(in directory: String) -> UInt32? {
        var level = [directory]
        for _ in 0..<depthLimit {
            if let pid = level.compactMap(oldest).min() { return pid }
            level = level.flatMap(below)
        }
        return nil
    }

    private static let depthLimit = 3
    private static let widthLimit = 64

    private static func oldest(_ directory: String) -> UInt32? {
        guard let text = contents(ofFile: directory + "/cgroup.procs", limit: 65536) else { return nil }
        return text.split(separator: UInt8(ascii: "\n")).compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
            .filter { $0 > 0 }.min()
    }

    private static func below(_ directory: String) -> [String] {
        var directories: [String] = []
        NodeFiles(root: directory).forEachName(in: ".") { name in
            let owner = CgroupOwner(path: Bytes([UInt8(ascii: "/")] + name))
            let isInner = owner.containerID != nil || owner.podUID != nil || name.contains("kubepods".utf8)
            if !isInner, let name = String(validating: name, as: UTF8.self) {
                directories.append("\(directory)/\(name)")
            }
            return directories.count < widthLimit
        }
        return directories
    }
}
