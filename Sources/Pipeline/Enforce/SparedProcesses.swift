// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Glibc

/// Processes that a policy which is not for one program is not for: those that it was started by, so that whoever typed it
/// can take it back, and those by which the host is reached and its containers are run. Theirs is what they do themselves:
/// what they start is held as any other.
struct SparedProcesses: Sendable {
    struct One: Sendable {
        let pid: UInt32
        /// See WIRE_ACTOR_TICK.
        let start: UInt64
        let name: String
    }

    private(set) var all: [One] = []
    /// How many of them ebpfguard was started by, with itself: they come first.
    private(set) var chain = 0

    /// Programs by which a host is reached and its containers are run.
    private static let services: Set<String> = [
        "sshd", "kubelet", "containerd", "dockerd", "crio", "cri-dockerd", "conmon", "k3s", "k0s", "rke2", "podman",
        "systemd-logind",
    ]

    /// Nobody.
    init() {}

    /// Those that are there now.
    static func found() -> SparedProcesses {
        var spared = SparedProcesses()
        var pid = UInt32(getpid())
        while pid != 0, let stat = ProcessStat(pid), !spared.all.contains(where: { $0.pid == pid }) {
            spared.all.append(One(pid: pid, start: stat.start, name: stat.name))
            pid = stat.parent
        }
        spared.chain = spared.all.count
        for pid in directories(in: "/proc").compactMap({ UInt32($0) })
        where !spared.all.contains(where: { $0.pid == pid }) {
            guard isService(pid), let stat = ProcessStat(pid) else { continue }
            spared.all.append(One(pid: pid, start: stat.start, name: stat.name))
        }
        return spared
    }

    var isEmpty: Bool { all.isEmpty }

    func has(_ pid: UInt32) -> Bool { all.contains { $0.pid == pid } }

    /// What to tell of them.
    var text: String {
        let services = Set(all.dropFirst(chain).map(\.name)).sorted()
        return "spared: ebpfguard and those it was started by"
            + (services.isEmpty ? "" : ", " + services.joined(separator: ", "))
    }

    /// By its file, root's and of the host itself: what a process calls itself, or is called within a container, is no
    /// way to be spared.
    private static func isService(_ pid: UInt32) -> Bool {
        var status = stat()
        guard unsafe stat("/proc/\(pid)", &status) == 0, status.st_uid == 0,
            let executable = linkTarget("/proc/\(pid)/exe"),
            let namespace = linkTarget("/proc/\(pid)/ns/mnt"), namespace == linkTarget("/proc/1/ns/mnt")
        else { return false }
        let name = String(executable.split(separator: "/").last ?? "")
        return services.contains(name) || name.hasPrefix("containerd-shim") || name.hasPrefix("sshd-")
    }
}
