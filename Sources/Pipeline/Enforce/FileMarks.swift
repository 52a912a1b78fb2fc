// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Glibc
internal import Policy

/// The places of a policy that are there, each found and held by a descriptor: as long as that is open, the address of its
/// inode is that of no other.
struct FileMarks: ~Copyable {
    /// Each with the number of its place.
    private(set) var found: [(descriptor: Int32, place: Int)] = []
    /// What the limit of descriptors was before.
    private let limit: rlimit

    private static let files = __rlimit_resource_t(7)  // RLIMIT_NOFILE on x86-64 and arm64

    private let lowering: FileLowering

    /// For the programs that look them up.
    var plan: PlacePlan { PlacePlan(lowering: lowering, found: found) }

    /// With what is mounted below them.
    init(withMounts lowering: FileLowering) throws(Failure) {
        var lowering = lowering
        for path in FileSpelling.mountPoints() { lowering.add(mountPoint: path) }
        self.lowering = lowering
        var limit = rlimit()
        unsafe getrlimit(Self.files, &limit)
        self.limit = limit
        clinux_limit_files(getpid(), limit.rlim_max, limit.rlim_max)
        // No directory is left open for reading: only found.
        let root = unsafe clinux_find("/")
        guard root >= 0 else { throw Self.failure("/", errno) }
        found.append((root, 0))
        var waiting = [(descriptor: root, place: 0, path: "")]
        while let next = waiting.popLast() {
            for (name, child) in lowering.places[next.place].children {
                let path = "\(next.path)/\(String(decoding: name, as: UTF8.self))"
                let descriptor = unsafe (name + [0]).withUnsafeBufferPointer { bytes in
                    unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                        unsafe clinux_find_beneath(next.descriptor, bytes.baseAddress!)
                    }
                }
                guard descriptor >= 0 else {
                    // What is not there is held by its name as soon as it is.
                    if [ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP].contains(errno) { continue }
                    throw Self.failure(path, errno)
                }
                found.append((descriptor, child))
                if !lowering.places[child].children.isEmpty { waiting.append((descriptor, child, path)) }
            }
        }
    }

    private static func failure(_ path: String, _ error: Int32) -> Failure {
        Failure(
            .unsupported, "can't find \(path) of the policy: \(unsafe String(cString: strerror(error)))",
            help: error == EMFILE
                ? "each place of a policy takes a descriptor: raise the hard limit (ulimit -Hn), or name directories"
                : "a rule about it could not be held")
    }

    /// Gives a process that was forked from this one the limit that this one began with.
    func restoreLimit(of pid: pid_t) {
        clinux_limit_files(pid, limit.rlim_cur, limit.rlim_max)
    }

    deinit { for (descriptor, _) in found { close(descriptor) } }
}

/// The names of files as the system resolves them.
enum FileSpelling {
    /// What a path of a policy is called too: what it leads to, and itself by the directory that it really is in.
    static func others(of path: [UInt8]) -> [[UInt8]] {
        guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return [] }
        var others: [[UInt8]] = []
        if let target = resolved(path) { others.append(target) }
        if let directory = resolved(Array(path[..<slash])) { others.append(directory + path[slash...]) }
        return others
    }

    /// Without links; the root directory is empty. `nil` where it is not there.
    private static func resolved(_ path: [UInt8]) -> [UInt8]? {
        let text = unsafe (path.isEmpty ? [UInt8(ascii: "/"), 0] : path + [0]).withUnsafeBufferPointer { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe realpath($0.baseAddress!, nil) }
        }
        guard let text = unsafe text else { return nil }
        defer { unsafe free(text) }
        let result = unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
        return result == [UInt8(ascii: "/")] ? [] : result
    }

    /// Where something is mounted.
    static func mountPoints() -> [[UInt8]] {
        let lines = (readWhole("/proc/self/mountinfo") ?? []).split(separator: UInt8(ascii: "\n"))
        return lines.compactMap { line in
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count > 4 else { return nil }
            let path = unescaped(fields[4])
            return path == [UInt8(ascii: "/")] ? nil : path
        }
    }

    /// Blanks and backslashes are written in octal.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var index = field.startIndex
        while index < field.endIndex {
            if field[index] == UInt8(ascii: "\\"), index + 3 < field.endIndex,
                let byte = UInt8(String(decoding: field[(index + 1)...(index + 3)], as: UTF8.self), radix: 8)
            {
                result.append(byte)
                index += 4
            } else {
                result.append(field[index])
                index += 1
            }
        }
        return result
    }
}
