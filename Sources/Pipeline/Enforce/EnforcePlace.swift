// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Glibc
internal import Policy

/// The cgroup whose sockets the programs see: one made for a program, or what is above all that was asked for.
struct EnforcePlace: ~Copyable {
    /// That of the program.
    private let own: EnforceCgroup?
    /// Of the directory that they attach to.
    let descriptor: Int32
    let path: String
    /// As the kernel programs know it, and how deep it is.
    let id: UInt64
    let level: UInt32

    /// Makes the cgroup of a program.
    init() throws(Failure) {
        let cgroup = try EnforceCgroup()
        let duplicate = fcntl(cgroup.descriptor, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else { throw Self.failure(cgroup.path) }
        descriptor = duplicate
        path = cgroup.path
        id = cgroup.id
        level = cgroup.level
        own = consume cgroup
    }

    /// Finds that above those cgroups; the root where there are none.
    init(above cgroups: [String]) throws(Failure) {
        guard let hierarchy = CgroupHierarchy.v2() else { throw EnforceCgroup.noHierarchy }
        var common: [Substring]?
        for cgroup in cgroups {
            let (place, directory) = try ScopeLookup.cgroupDirectory(cgroup)
            // Of the first version only conditions can tell: programs are attached to those of the second.
            guard place.controller == nil else {
                common = []
                break
            }
            let names = directory.dropFirst(hierarchy.mountPoint.count).split(separator: "/")
            common = common.map { known in zip(known, names).prefix { $0 == $1 }.map(\.0) } ?? names
        }
        let names = common ?? []
        let path = ([hierarchy.mountPoint] + names.map(String.init)).joined(separator: "/")
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
        self.path = path
        self.descriptor = descriptor
        level = UInt32(names.count)
        id = clinux_cgroup_id(descriptor)
        own = nil
    }

    deinit { close(descriptor) }

    private static func failure(_ path: String) -> Failure {
        Failure(.noInput, "can't open the cgroup \(path): \(unsafe String(cString: strerror(errno)))")
    }

    /// Puts a process into it, with all its threads. Only where it was made for that.
    func add(_ pid: pid_t) throws(Failure) { try own?.add(pid) }

    /// Makes sockets that belong to it.
    func settle(_ canary: inout Canary) throws(Failure) {
        switch own {
        case .some(let own): try canary.settle(in: own)
        // They keep it when its directory is gone, so that whose cgroup it is can remove that at any time.
        case .none: try canary.settle(in: EnforceCgroup(below: path))
        }
    }
}
