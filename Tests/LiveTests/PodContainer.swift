// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A container of a pod, as far as its cgroup's name and containerd's file tell of it.
struct PodContainer {
    let id, uid, namespace, pod, name: String

    init(_ id: String, uid: String, _ namespace: String, _ pod: String, _ name: String) {
        self.id = id
        self.uid = uid
        self.namespace = namespace
        self.pod = pod
        self.name = name
    }

    /// Its cgroup's name, with systemd as the driver.
    var scope: String { "cri-containerd-\(id).scope" }

    /// Writes what containerd leaves of it. Gives the file.
    func write(below root: String) throws -> String {
        var directory = root
        for part in ["", "run", "containerd", "io.containerd.runtime.v2.task", "k8s.io", id] {
            directory += part.isEmpty ? "" : "/" + part
            if unsafe access(directory, F_OK) != 0 { try makeDirectory(directory) }
        }
        let file = "\(directory)/config.json"
        try LiveTests.write(
            """
            {"annotations":{"io.kubernetes.cri.container-name":"\(name)","io.kubernetes.cri.container-type":"container",
             "io.kubernetes.cri.image-name":"registry.example/\(name):1.2","io.kubernetes.cri.sandbox-name":"\(pod)",
             "io.kubernetes.cri.sandbox-namespace":"\(namespace)","io.kubernetes.cri.sandbox-uid":"\(uid)"}}
            """, to: file)
        return file
    }
}

/// A v1 hierarchy that needs nothing to be set up: the one that is mounted, or in a guest one for the test.
struct V1Hierarchy: ~Copyable {
    let path: String
    private let isOwn: Bool

    init(_ t: Context) throws {
        if let mounted = Self.mounted() {
            (path, isOwn) = (mounted, false)
            return
        }
        guard t.settings.isSlow else {
            throw Stop.skipped("no v1 hierarchy is mounted, and only in a guest one is made")
        }
        let directory = "\(t.scratch)/v1"
        try makeDirectory(directory)
        guard unsafe mount("none", directory, "cgroup", 0, "pids") == 0 else {
            throw Stop.failed("mount of a v1 hierarchy: \(describe(errno: errno))")
        }
        (path, isOwn) = (directory, true)
    }

    private static func mounted() -> String? {
        for line in lines(contents(of: "/proc/self/mountinfo") ?? "") {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, fields[dash + 1] == "cgroup",
                fields[dash + 3].split(separator: ",").contains("pids")
            else { continue }
            return String(fields[4])
        }
        return nil
    }

    deinit {
        if isOwn { _ = unsafe umount2(path, Int32(MNT_DETACH)) }
    }
}
