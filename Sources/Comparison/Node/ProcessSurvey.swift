// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Glibc

/// A process of the node, as /proc shows it. Texts are from outside.
struct SurveyedProcess: Sendable, Equatable {
    var pid: UInt32
    var parent: UInt32 = 0
    /// Ticks since boot, 100 in a second.
    var start: UInt64 = 0
    var name = ""
    /// The path of what it executes; empty where that can't be read.
    var executable = ""
    var arguments: [String] = []
    /// The user that it acts as.
    var user: UInt32 = 0
    var group: UInt32 = 0
    /// CAP_NET_ADMIN is bit 12.
    var capabilities: UInt64 = 0
    var threads = 0
    /// Nanoseconds of CPU since it began.
    var cpu: UInt64 = 0
    /// Bytes.
    var memory: UInt64 = 0
    /// Inode numbers.
    var networkNamespace: UInt64 = 0
    var userNamespace: UInt64 = 0
    /// Controllers, separated by commas, and the path; v2 has no controllers here.
    var cgroups: [Cgroup] = []

    struct Cgroup: Sendable, Equatable {
        let controllers: [String]
        let path: String
    }

    /// The file name of what it executes, or else its name.
    var program: String {
        executable.isEmpty ? name : String(executable.split(separator: "/").last ?? Substring(name))
    }

    func has(capability bit: Int) -> Bool { capabilities >> UInt64(bit) & 1 == 1 }
}

extension SurveyedProcess {
    init(pid: UInt32, _ stat: ProcessStat) {
        self.init(pid: pid)
        parent = stat.parent
        start = stat.start
        name = stat.name
        threads = stat.threads
        cpu = stat.cpu
        memory = stat.pages &* UInt64(getpagesize())
    }
}

/// The processes of the node, all of them, with no program in the kernel.
enum ProcessSurvey {
    /// Without those of the kernel.
    static func processes() -> [SurveyedProcess] {
        numbers(in: "/proc").compactMap { pid in process(pid) }
    }

    static func process(_ pid: UInt32) -> SurveyedProcess? {
        let directory = "/proc/\(pid)"
        // One that has ended and was not waited for is none any more, and threads of the kernel have no memory of their own.
        guard let stat = ProcessStat(pid), !stat.hasEnded, stat.parent != 2, pid != 2,
            let status = text("\(directory)/status")
        else { return nil }
        var process = SurveyedProcess(pid: pid, stat)
        parse(status: status, into: &process)
        process.executable = linkTarget("\(directory)/exe") ?? ""
        process.arguments = (contents(ofFile: "\(directory)/cmdline", limit: 4096) ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
        process.networkNamespace = namespace("\(directory)/ns/net") ?? 0
        process.userNamespace = namespace("\(directory)/ns/user") ?? 0
        process.cgroups = cgroups(text("\(directory)/cgroup") ?? "")
        return process
    }

    /// The inode number of "net:[4026531840]".
    static func namespace(_ path: String) -> UInt64? {
        linkTarget(path).flatMap { $0.split(separator: "[").last }.flatMap { UInt64($0.dropLast()) }
    }

    static func parse(status: String, into process: inout SurveyedProcess) {
        for line in status.split(separator: "\n") {
            let fields = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            switch fields.first {
            case "Uid:" where fields.count > 2: process.user = UInt32(fields[2]) ?? 0
            case "Gid:" where fields.count > 2: process.group = UInt32(fields[2]) ?? 0
            case "CapEff:" where fields.count > 1: process.capabilities = UInt64(fields[1], radix: 16) ?? 0
            default: break
            }
        }
    }

    /// cgroups(7): "4:memory:/path", "0::/path".
    static func cgroups(_ text: String) -> [SurveyedProcess.Cgroup] {
        text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            return .init(controllers: parts[1].split(separator: ",").map(String.init), path: String(parts[2]))
        }
    }

    /// Inode numbers of the sockets that a process has open.
    static func sockets(of pid: UInt32) -> Set<UInt64> {
        var sockets: Set<UInt64> = []
        for number in numbers(in: "/proc/\(pid)/fd") {
            guard let target = linkTarget("/proc/\(pid)/fd/\(number)"), target.hasPrefix("socket:[") else { continue }
            if let inode = UInt64(target.dropFirst(8).dropLast()) { sockets.insert(inode) }
        }
        return sockets
    }

    /// The first IPv6 address of the network namespace that a process is in, but those of loopback and of one link only.
    static func globalIPv6(of pid: UInt32) -> IPAddress? {
        globalIPv6(text("/proc/\(pid)/net/if_inet6") ?? "")
    }

    /// "fd000007000000000000000000000002 02 40 00 80     eth0": address, interface, length, scope, flags, name.
    static func globalIPv6(_ text: String) -> IPAddress? {
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 3, fields[0].utf8.count == 32, fields[3] == "00" else { continue }
            let digits = Array(fields[0])
            let words = stride(from: 0, to: 32, by: 4).map { String(digits[$0..<$0 + 4]) }
            if let address = IPAddress(words.joined(separator: ":")) { return address }
        }
        return nil
    }

    static func text(_ path: String) -> String? {
        contents(ofFile: path, limit: 1 << 20).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The names in a directory that are numbers, in ascending order.
    private static func numbers(in path: String) -> [UInt32] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var numbers: [UInt32] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) }
            if let number = UInt32(String(decoding: name, as: UTF8.self)) { numbers.append(number) }
        }
        return numbers.sorted()
    }
}
