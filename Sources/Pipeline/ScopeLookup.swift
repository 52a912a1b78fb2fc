// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Events
internal import Glibc
package import Policy

/// From what a user writes to what the kernel compares.
package enum ScopeLookup {
    /// A pid. Whether there is such a process is asked when the run starts: its descendants may be left of it.
    package static func pid(_ text: String) throws(Failure) -> UInt32 {
        guard let pid = UInt32(text), pid > 0, pid < 1 << 22 else {
            throw Failure(.usage, "--pid: \"\(text)\" is not a process id", help: "write a number, such as --pid 4711")
        }
        return pid
    }

    /// A uid, or a name in this host's passwd file.
    package static func user(_ text: String) throws(Failure) -> UInt32 {
        if let uid = UInt32(text) { return uid }
        if let uid = UserNames.uid(ofHostUser: text) { return uid }
        let near = UserNames.hostUsers().filter { editDistance($0, text) <= 2 }.sorted()
        throw Failure(
            .usage, "--user: this host has no user \"\(text)\"",
            help: near.isEmpty
                ? "write a name of /etc/passwd, or a uid" : "did you mean \(near.joined(separator: " or "))?"
        )
    }

    /// A cgroup directory: absolute, or from the root of the cgroup2 hierarchy. Of v1 those of the hierarchy in which
    /// containers are looked for.
    package static func cgroup(_ text: String) throws(Failure) -> Scope.Cgroup {
        let (hierarchy, path) = try cgroupDirectory(text)
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = unsafe String(cString: strerror(errno))
            throw Failure(.noInput, "--cgroup: \(path): \(reason)", help: "write a directory below \(places)")
        }
        defer { close(descriptor) }
        let id = clinux_cgroup_id(descriptor)
        guard id != 0 else {
            throw Failure(.usage, "--cgroup: \(path) is no cgroup", help: "write a directory below \(places)")
        }
        let level = path.dropFirst(hierarchy.mountPoint.count).split(separator: "/").count
        return Scope.Cgroup(id: id | hierarchy.mark, level: UInt32(level))
    }

    /// Where cgroups are.
    private static var places: String {
        [CgroupHierarchy.v2(), CgroupHierarchy.v1()].compactMap { $0?.mountPoint }.joined(separator: " or ")
    }

    /// The directory that a user means, whether or not it is there.
    static func cgroupDirectory(_ text: String) throws(Failure) -> (hierarchy: CgroupHierarchy, path: String) {
        let v2 = CgroupHierarchy.v2()
        let v1 = CgroupHierarchy.v1()
        let hierarchies = [v2, v1].compactMap { $0 }
        guard let first = hierarchies.first else {
            throw Failure(
                .unsupported, "--cgroup: this host has no cgroup hierarchy mounted", help: "mount -t cgroup2 none DIR")
        }
        let named = hierarchies.first { text.hasPrefix($0.mountPoint + "/") || text == $0.mountPoint }
        let hierarchy = named ?? first
        let path = named != nil ? text : first.mountPoint + (text.hasPrefix("/") ? text : "/" + text)
        return (hierarchy, path)
    }

    /// A container, pod or namespace by name.
    package static func pattern(_ text: String, _ option: String) throws(Failure) -> WorkloadPattern {
        do throws(ScopeError) {
            return try WorkloadPattern(text, option: option)
        } catch {
            throw Failure(.usage, error.message, help: error.help)
        }
    }
}
