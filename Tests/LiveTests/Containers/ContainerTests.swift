// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Real container runtimes, on a machine that Tests/VM/machine made.

/// The same pod for each driver of cgroups: the kubelet names its cgroup in two ways.
private func pod(_ driver: String, uid: String) -> CRI.Pod {
    let slice = "kubepods-burstable-pod\(uid.replacing("-", with: "_")).slice"
    return CRI.Pod(
        "api-\(driver)", "payments", uid: uid,
        cgroupParent: driver == "systemd" ? slice : "/kubepods/burstable/pod\(uid)", handler: driver)
}

private func expected(_ pod: CRI.Pod, _ container: String) -> [String: String] {
    [
        "container.name": container, "container.image.name": Runtimes.image, "container.runtime": "containerd",
        "k8s.namespace.name": pod.namespace, "k8s.pod.name": pod.name, "k8s.pod.uid": pod.uid,
        "k8s.container.name": container,
    ]
}

let containerTests =
    [
        Test("containers: ctr, in its own namespace and in that of Kubernetes") { t in
            _ = try t.shared.runtimes.containerd(t)
            let run = try t.watched {
                try t.command("ctr", "run", "--rm", Runtimes.image, "web-1", "/bin/true")
                try t.command(
                    "ctr", "-n", "k8s.io", "run", "--rm", "--rootfs", Runtimes.rootFiles, "web-2", "/bin/true")
            }
            for id in ["web-1", "web-2"] {
                t.expect(run, ["/bin/true"], in: id, ["container.name": id, "container.runtime": "containerd"])
            }
        },

        Test("containers: pods of Kubernetes, and one that only runs /bin/true, with cgroupfs") { t in
            try holdPod("cgroupfs", uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", t)
        },
        Test("containers: pods of Kubernetes, and one that only runs /bin/true, with systemd") { t in
            try holdPod("systemd", uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca428", t)
        },

        Test("containers: 40 in a burst, eight at a time, each gone with its files") { t in
            // containerd would take minutes for them on an emulated processor: these are crun's, of directories like its.
            let pod = pod("cgroupfs", uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca429")
            let start = live_uptime()
            let run = try t.watched { try t.command("sh", "-c", burst, "burst", pod.uid) }
            t.note("in \((live_uptime() - start) / 1_000_000) ms")
            let execs = run.events.of("exec").with(args: ["/bin/true"])
            t.equal(execs.count, 40, "the number of execs")
            let named = execs.filter { $0["container.name"] != nil && $0["k8s.pod.name"] == .string(pod.name) }
            t.equal(named.count, 40, "the number of those with names")
            for number in 1...40 {
                let id = String(repeating: "0", count: 61) + String(1000 + number).suffix(3)
                t.expect(run, ["/bin/true"], in: id, expected(pod, "job-\(number)"))
            }
            t.equal(run.surelyLost, 0, "the number of lost events")
        },

        Test("containers: those there are, with one command, and after containerd was stopped") { t in
            let cri = try t.shared.runtimes.containerd(t)
            var pod = pod("systemd", uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca430")
            try cri.run(&pod)
            let id = try cri.run(
                "loop", Runtimes.image, ["/bin/sh", "-c", "while :; do /bin/sleep 0.3; done"], in: pod)
            try t.shared.runtimes.stopContainerd(t)

            let table = try t.run(["--existing", "--summary=only", "--by", "pod", "-d", "1s"])
            t.expect(
                lines(table.text).contains { $0.hasSuffix(" payments/api-systemd") },
                "no row of the pod in \(table.text)")

            let run = try t.watched { usleep(3_000_000) }
            let execs = run.events.of("exec").with(args: ["/bin/sleep", "0.3"])
            t.expect(!execs.isEmpty, "no exec in the container")
            for exec in execs {
                t.equal(exec["container.id"], .string(id), "container.id")
                t.expect(exec, expected(pod, "loop"))
            }
            _ = try t.shared.runtimes.containerd(t)
            try cri.remove(pod)
        },
    ] + meshPodTests + engineTests + [aptTest]

/// $1 is the pod's uid.
private let burst = """
    state=/run/containerd/io.containerd.runtime.v2.task/k8s.io
    container() {
        id=$(printf %064d "$1") bundle=$state/$id
        mkdir -p "$bundle"
        cat >"$bundle/config.json" <<JSON
    {"ociVersion":"1.2.0","process":{"user":{"uid":0,"gid":0},"args":["/bin/true"],"cwd":"/"},
     "root":{"path":"\(Runtimes.rootFiles)","readonly":true},
     "mounts":[{"destination":"/dev","type":"tmpfs","source":"tmpfs"}],
     "linux":{"cgroupsPath":"/kubepods/burstable/pod$2/$id","namespaces":[{"type":"mount"},{"type":"pid"}]},
     "annotations":{"io.kubernetes.cri.container-name":"job-$1","io.kubernetes.cri.container-type":"container",
      "io.kubernetes.cri.image-name":"\(Runtimes.image)","io.kubernetes.cri.sandbox-name":"api-cgroupfs",
      "io.kubernetes.cri.sandbox-namespace":"payments","io.kubernetes.cri.sandbox-uid":"$2"}}
    JSON
        crun --cgroup-manager=cgroupfs run --bundle "$bundle" "$id" && rm -r "$bundle"
    }
    for worker in 1 2 3 4 5 6 7 8; do
        for turn in $(seq 0 4); do
            container $((turn * 8 + worker)) "$1" || exit
        done &
        workers="$workers $!"
    done
    for worker in $workers; do
        wait "$worker" || exit
    done
    """

private func holdPod(_ driver: String, uid: String, _ t: Context) throws {
    let cri = try t.shared.runtimes.containerd(t)
    var pod = pod(driver, uid: uid)
    var id = ""
    let run = try t.watched {
        try cri.run(&pod)
        id = try cri.run("once", Runtimes.image, ["/bin/true"], in: pod)
        try cri.remove(pod)
    }
    t.expect(run, ["/bin/true"], in: id, expected(pod, "once"))
    // The pod's own container, which Kubernetes gives no name.
    var pause = expected(pod, "")
    for field in ["container.name", "k8s.container.name"] { pause[field] = nil }
    pause["container.image.name"] = nil
    t.expect(run, ["/bin/sleep", "1000000"], in: pod.id, pause)
}
