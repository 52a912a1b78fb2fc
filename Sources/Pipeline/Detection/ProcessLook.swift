// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Glibc
internal import Policy

/// What /proc says of a process that is looked at now. Only of those that something was seen of already: it takes some files.
enum ProcessLook {
    /// CPU that it has used up to now, nanoseconds; `nil` when it is gone.
    static func usedCPU(_ key: ProcessKey) -> UInt64? {
        guard let stat = ProcessStat(key.pid), stat.start == key.start / ProcessStat.tick else { return nil }
        return stat.cpu
    }

    /// With the process itself.
    static func ancestors(of pid: UInt32) -> Set<UInt32> {
        var found: Set<UInt32> = []
        var next = pid
        while next > 1, found.insert(next).inserted, let stat = ProcessStat(next) { next = stat.parent }
        return found
    }

    static func hugePages(_ pid: UInt32) -> UInt64 {
        guard let status = read("/proc/\(pid)/status") else { return 0 }
        let line = status.split(separator: "\n").first { $0.hasPrefix("HugetlbPages:") }
        return line.flatMap { $0.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { UInt64($0) } }
            .map { $0 << 10 } ?? 0
    }

    /// The device of the CPU's registers, where it has one open.
    static func registers(_ pid: UInt32) -> String? {
        descriptors(pid).lazy.compactMap { linkTarget("/proc/\(pid)/fd/\($0)") }
            .first { $0.hasPrefix("/dev/cpu/") && $0.hasSuffix("/msr") }
    }

    /// Who has the socket with this inode: the first that is found.
    static func owner(ofSocket inode: UInt64) -> UInt32? {
        guard inode != 0 else { return nil }
        let wanted = "socket:[\(inode)]"
        return processes().first { pid in
            descriptors(pid).contains { linkTarget("/proc/\(pid)/fd/\($0)") == wanted }
        }
    }

    static func processes() -> [UInt32] { names(in: "/proc").compactMap { UInt32($0) } }

    static func descriptors(_ pid: UInt32) -> [UInt32] { names(in: "/proc/\(pid)/fd").compactMap { UInt32($0) } }

    static func read(_ path: String) -> String? {
        readWhole(path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func names(in path: String) -> [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            names.append(
                unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }
}
