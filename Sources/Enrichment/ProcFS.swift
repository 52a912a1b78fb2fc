// SPDX-License-Identifier: Apache-2.0

internal import Events
internal import Glibc

/// What /proc says about a process that was there before us. Each answer is checked against the start time, because the
/// pid may belong to another process by now.
enum ProcFS {
    /// The command line, NUL-terminated strings, up to 32 KiB.
    static func arguments(of key: ProcessKey) -> TextList? {
        guard let bytes = contents(ofFile: "/proc/\(key.pid)/cmdline", limit: 32768), !bytes.isEmpty, isAlive(key)
        else {
            return nil
        }
        return TextList(Bytes(bytes))
    }

    /// The executable, in the form in which the kernel programs report paths.
    static func executable(of key: ProcessKey) -> WalkedPath? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { buffer in
            unsafe readlink(
                "/proc/\(key.pid)/exe", buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        guard count > 0, isAlive(key) else { return nil }
        var walked: [UInt8] = []
        for component in buffer[..<count].split(separator: UInt8(ascii: "/")).reversed() {
            walked.append(contentsOf: component)
            walked.append(0)
        }
        walked.append(0)
        return WalkedPath(Bytes(walked))
    }

    /// The name of the process's main thread.
    static func name(of pid: UInt32) -> Bytes? {
        guard let bytes = contents(ofFile: "/proc/\(pid)/comm", limit: 64) else { return nil }
        return Bytes(Array(bytes.prefix { $0 != UInt8(ascii: "\n") }))
    }

    /// The first path in a v1 hierarchy that is a container's.
    static func v1ContainerPath(of key: ProcessKey) -> Bytes? {
        guard let lines = contents(ofFile: "/proc/\(key.pid)/cgroup", limit: 65536),
            let path = v1ContainerPath(in: lines), isAlive(key)
        else { return nil }
        return path
    }

    /// Lines are ID:CONTROLLERS:PATH. The default hierarchy is the one without controllers; a path may hold ":".
    static func v1ContainerPath(in lines: [UInt8]) -> Bytes? {
        var possible: Bytes?
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, !fields[1].isEmpty else { continue }
            let path = Bytes(Array(fields[2]))
            let owner = CgroupOwner(path: path)
            guard owner.containerID != nil || owner.podUID != nil else { continue }
            if owner.isCertain { return path }
            possible = possible ?? path
        }
        return possible
    }

    /// Whether the process with this pid started when `key` says.
    static func isAlive(_ key: ProcessKey) -> Bool { ProcessStat(key.pid)?.start == key.start / ProcessStat.tick }

    /// Whether any process has this pid.
    static func exists(_ pid: UInt32) -> Bool { kill(pid_t(bitPattern: pid), 0) == 0 || errno != ESRCH }
}
