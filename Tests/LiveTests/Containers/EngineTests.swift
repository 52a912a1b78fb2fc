// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Docker and podman, which name containers without Kubernetes.

let engineTests = [
    Test("containers: Docker, with cgroupfs") { t in try holdDocker("cgroupfs", t) },
    Test("containers: Docker, with systemd") { t in try holdDocker("systemd", t) },

    Test("containers: podman, with cgroupfs, with systemd, and in the cgroup of its service") { t in
        try t.command("podman", "load", "-q", "-i", Runtimes.archive)
        let run = try t.watched {
            for (name, options) in [
                ("groups", ["--cgroup-manager=cgroupfs", "run"]), ("systemd", ["--runtime=runc", "run"]),
                ("split", ["run", "--cgroups=split"]),
            ] {
                try t.podman(options + ["--name", "web-\(name)", "--network=none", Runtimes.image, "/bin/true", name])
                try t.podman(["rm", "web-\(name)"])
            }
            // Of this one, which is to be removed at its end, another file has the name.
            try t.podman([
                "--cgroup-manager=cgroupfs", "run", "--rm", "--name", "web-gone", "--network=none", Runtimes.image,
                "/bin/true", "gone",
            ])
        }
        for name in ["groups", "systemd", "split", "gone"] { t.expectEngine(run, name, "podman") }
    },
]

private func holdDocker(_ driver: String, _ t: Context) throws {
    try t.shared.runtimes.docker(driver, t)
    let run = try t.watched {
        try t.command(
            "docker", "run", "--rm", "--name", "web-\(driver)", "--network=none", Runtimes.image, "/bin/true", driver)
    }
    t.expectEngine(run, driver, "docker")
}

extension Context {
    fileprivate func podman(_ words: [String]) throws {
        try command(["podman"] + words)
    }

    /// `/bin/true NAME` was run in the container web-NAME.
    fileprivate func expectEngine(_ run: Run, _ name: String, _ runtime: String) {
        let id = run.events.of("exec").with(args: ["/bin/true", name]).first?["container.id"]?.string
        equal(id?.utf8.count, 64, "the length of container.id of \(name)")
        expect(
            run, ["/bin/true", name], in: id ?? "",
            ["container.name": "web-\(name)", "container.image.name": Runtimes.image, "container.runtime": runtime])
    }
}
