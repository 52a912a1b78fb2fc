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

    Test("containers: a policy for one of podman's, by its name, which starts later") { t in
        try t.command("podman", "load", "-q", "-i", Runtimes.archive)
        let policy = "\(t.scratch)/policy"
        try write("scope container web-held\ndeny net 127.0.0.1:9\ndeny file read **/secret\n", to: policy)
        let held = try t.enforce([policy])
        // A cgroup that is new is held by whatever may be for it, until its container is known.
        let script = """
            sleep 2; echo kept >/secret; cat /secret; wget -q -T 1 http://127.0.0.1:9/; true
            """
        func output(_ name: String) throws -> [String] {
            let words = ["--network=none", Runtimes.image, "/bin/sh", "-c", "exec 2>&1; \(script)"]
            return lines(try t.command(["podman", "--cgroup-manager=cgroupfs", "run", "--rm", "--name", name] + words))
        }
        t.equal(
            try output("web-held"),
            [
                "cat: can't open '/secret': Operation not permitted",
                "wget: can't connect to remote host (127.0.0.1): Operation not permitted",
            ], "what the one that is held said")
        t.equal(
            try output("web-free"),
            ["kept", "wget: can't connect to remote host (127.0.0.1): Connection refused"], "what another one said")
        held.kill(SIGINT)
        let run = try t.finish(held, milliseconds: 8000)
        t.equal(run.status, .code(3), "the exit status")
        t.equal(run.told.map { $0["container.name"]?.string }, ["web-held", "web-held"], "containers of violations")
    },

    Test("containers: podman of a user, in a service of that user") { t in
        try t.command("sh", "-c", prepareUser)
        try t.rootlessPodman(["load", "-q", "-i", Runtimes.archive])
        let run = try t.watched {
            for (name, options) in [("own", []), ("shared", ["--cgroups=split"])] {
                try t.rootlessPodman(
                    ["run"] + options
                        + ["--name", "web-\(name)", "--network=none", Runtimes.image, "/bin/true", name])
            }
        }
        for name in ["own", "shared"] { t.expectEngine(run, name, "podman") }
    },
]

/// As systemd would for the user's services: cgroups that are the user's.
private let service = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/web.service"
private let prepareUser = """
    mkdir -p \(service) /run/user/1000
    chown -R 1000:1000 /run/user/1000 /home/tester /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service
    """

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

    fileprivate func rootlessPodman(_ words: [String]) throws {
        let script = """
            echo $$ >\(service)/cgroup.procs
            cd /home/tester
            exec setpriv --reuid 1000 --regid 1000 --clear-groups env HOME=/home/tester XDG_RUNTIME_DIR=/run/user/1000 \\
                podman --cgroup-manager=cgroupfs "$@"
            """
        try command(["sh", "-c", script, "sh"] + words)
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
