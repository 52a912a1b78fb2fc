// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Glibc

/// A cgroup made for one run, below that of this process, so that its limits hold for the program too. It goes with this
/// value: who is left in it then goes back to where ebpfguard is.
struct EnforceCgroup: ~Copyable {
    let path: String
    private let parent: String
    /// Of its directory.
    let descriptor: Int32
    /// As the kernel programs know it, and how deep it is.
    var id: UInt64 { clinux_cgroup_id(descriptor) }
    let level: UInt32

    static var noHierarchy: Failure {
        Failure(.unsupported, "no cgroup hierarchy of version 2 is mounted", help: "mount -t cgroup2 none DIR")
    }

    /// Below that of this process, or below a directory.
    init(below directory: String? = nil) throws(Failure) {
        guard let hierarchy = CgroupHierarchy.v2() else { throw Self.noHierarchy }
        let own = Self.ownPath() ?? "/"
        let parent = directory ?? hierarchy.mountPoint + (own == "/" ? "" : own)
        Self.removeStale(parent)
        let path = "\(parent)/ebpfguard-\(getpid())"
        guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw Failure(
                .unsupported, "can't make a cgroup: \(path): \(unsafe String(cString: strerror(errno)))",
                help: "enforce makes one below that which it is for, and for PROGRAM below its own")
        }
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = unsafe String(cString: strerror(errno))
            unsafe rmdir(path)
            throw Failure(.failure, "can't open the cgroup \(path): \(reason)")
        }
        self.path = path
        self.parent = parent
        level = UInt32(path.dropFirst(hierarchy.mountPoint.count).split(separator: "/").count)
        self.descriptor = descriptor
    }

    /// Puts a process into it, with all its threads.
    func add(_ pid: pid_t) throws(Failure) {
        guard Self.move(pid, to: path) else {
            throw Failure(
                .unsupported,
                "can't put the program into the cgroup \(path): \(unsafe String(cString: strerror(errno)))",
                help: "a cgroup that hands controllers to those below it takes no processes: start ebpfguard elsewhere")
        }
    }

    deinit {
        close(descriptor)
        Self.remove(path, to: parent)
    }

    private static func move(_ pid: pid_t, to path: String) -> Bool {
        let file = unsafe open(path + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        let text = Array("\(pid)".utf8)
        return unsafe text.withUnsafeBytes { unsafe write(file, $0.baseAddress!, $0.count) } == text.count
    }

    /// Removes a cgroup and those that the program made below it, and frees who is in them. Again and again for a moment:
    /// who is forked meanwhile is in it too, and who has ended stays in it until nobody runs there.
    private static func remove(_ path: String, to parent: String) {
        for _ in 0..<100 {
            for child in directories(in: path) { remove("\(path)/\(child)", to: parent) }
            if unsafe rmdir(path) == 0 || errno == ENOENT { return }
            for pid in processes(path) { _ = move(pid, to: parent) }
            if unsafe rmdir(path) == 0 || errno == ENOENT { return }
            usleep(5000)
        }
    }

    private static func processes(_ path: String) -> [pid_t] {
        text(path + "/cgroup.procs").split(separator: "\n").compactMap { pid_t($0) }
    }

    /// What runs that were killed have left: those that nobody is in.
    private static func removeStale(_ parent: String) {
        for name in directories(in: parent) where name.hasPrefix("ebpfguard-") {
            guard let pid = pid_t(name.dropFirst(10)), pid != getpid(), kill(pid, 0) != 0, errno == ESRCH else {
                continue
            }
            unsafe rmdir("\(parent)/\(name)")
        }
    }

    /// In the hierarchy of version 2, from its root.
    private static func ownPath() -> String? {
        text("/proc/self/cgroup").split(separator: "\n").first { $0.hasPrefix("0::") }.map { line in
            String(line.dropFirst(3))
        }
    }

    private static func text(_ path: String) -> String { String(decoding: readWhole(path) ?? [], as: UTF8.self) }
}
