// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events
internal import Glibc
internal import Policy

/// What /proc says of a process that is looked at now. Only of those that something was seen of already: it takes some files.
enum ProcessLook {
    /// CPU that it has used up to now, nanoseconds; `nil` when it is gone.
    static func usedCPU(_ key: ProcessKey) -> UInt64? {
        guard let stat = read("/proc/\(key.pid)/stat"),
            // The name may hold spaces and parentheses; the last ")" ends it.
            let end = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[end...].split(separator: " ")
        // Fields 14, 15 and 22.
        guard fields.count > 20, let user = UInt64(fields[12]), let system = UInt64(fields[13]),
            UInt64(fields[20]) == key.start / UInt64(WIRE_ACTOR_TICK)
        else { return nil }
        return (user + system) * UInt64(WIRE_ACTOR_TICK)
    }

    /// With the process itself.
    static func ancestors(of pid: UInt32) -> Set<UInt32> {
        var found: Set<UInt32> = []
        var next = pid
        while next > 1, found.insert(next).inserted, let stat = read("/proc/\(next)/stat"),
            let end = stat.lastIndex(of: ")")
        {
            next = UInt32(stat[end...].split(separator: " ").dropFirst(2).first ?? "") ?? 0
        }
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
        descriptors(pid).lazy.compactMap { link("/proc/\(pid)/fd/\($0)") }
            .first { $0.hasPrefix("/dev/cpu/") && $0.hasSuffix("/msr") }
    }

    /// Who has the socket with this inode: the first that is found.
    static func owner(ofSocket inode: UInt64) -> UInt32? {
        guard inode != 0 else { return nil }
        let wanted = "socket:[\(inode)]"
        return processes().first { pid in
            descriptors(pid).contains { link("/proc/\(pid)/fd/\($0)") == wanted }
        }
    }

    static func processes() -> [UInt32] { names(in: "/proc").compactMap { UInt32($0) } }

    static func descriptors(_ pid: UInt32) -> [UInt32] { names(in: "/proc/\(pid)/fd").compactMap { UInt32($0) } }

    static func link(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe buffer.withUnsafeMutableBytes { buffer in
            unsafe readlink(path, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    static func read(_ path: String) -> String? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count < 16 << 20 {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress!, $0.count) }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
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
