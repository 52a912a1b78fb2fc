// SPDX-License-Identifier: Apache-2.0

import Glibc

// Containers: cgroups that are named like theirs, and files as the runtimes write them, below a root of the test's own.

private let id = String(repeating: "0123456789abcdef", count: 4)
private let uid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"

private let expected: [(field: String, value: String)] = [
    ("container.id", id), ("container.name", "api"), ("container.image.name", "registry.example/api:1.2"),
    ("container.runtime", "containerd"), ("k8s.namespace.name", "payments"), ("k8s.pod.name", "api-7c9f"),
    ("k8s.pod.uid", uid), ("k8s.container.name", "api"),
]

private func writeSpecification(_ root: String) throws -> String {
    try PodContainer(id, uid: uid, "payments", "api-7c9f", "api").write(below: root)
}

let workloadTests = [
    Test("workload: a container that lived 20 ms has its names, in each form and in a replay") { t in
        let root = "\(t.scratch)/root"
        let file = try writeSpecification(root)
        let outer = try Cgroup(t, "pods")
        let pod = "\(outer.path)/kubepods-pod\(uid.replacing("-", with: "_")).slice"
        let group = "\(pod)/cri-containerd-\(id).scope"
        // Made, and gone with its files, before anybody could look.
        let inside = workload("in-cgroup", group, resolvedCommand("sleep"), "0.02").joined(separator: " ")
        let script = "mkdir -p \(group); \(inside); rm \(file); rmdir \(group) \(pod); /bin/true"
        let recording = "\(t.scratch)/rec"
        let run = try t.trace(["--root", root, "-w", recording], ["sh", "-c", script])
        let exec = try t.require(
            run.events.of("exec").first { $0.args.last == "0.02" && $0["container.id"] != nil }, "exec")
        let exit = try t.require(run.events.of("exit").by(exec.pid).first, "exit")
        for (field, value) in expected {
            t.equal(exec[field], .string(value), "\(field) of the exec")
            t.equal(exit[field], .string(value), "\(field) of the exit")
        }
        let others = run.events.filter { $0.pid != exec.pid }
        t.expect(others.allSatisfy { $0["container.id"] == nil && $0["k8s.pod.uid"] == nil }, "others have names too")

        t.expect(try t.replay(recording, ["-o", "json"]).output == run.child.output, "the replay is another")
        let text = try t.replay(recording, []).outputText
        t.equal(lines(text).filter { $0.contains(" payments/api-7c9f:api ") }.count, 2, "lines of text with the name")
        for (grouping, name) in [("pod", "payments/api-7c9f"), ("container", "payments/api-7c9f:api")] {
            let table = try t.replay(recording, ["--summary", "--by", grouping]).outputText
            t.expect(lines(table).contains { $0.hasSuffix(" " + name) }, "no row of \(name) in \(table)")
        }
        let filtered = try t.events(
            of: try t.replay(recording, ["-o", "json", "--filter", "k8s.pod.name == 'api-7c9f'"]))
        t.equal(Set(filtered.map(\.pid)), [exec.pid], "the processes that the filter leaves")
    },

    Test("workload: a container in a v1 hierarchy") { t in
        let hierarchy = try V1Hierarchy(t)
        let mount = hierarchy.path
        let root = "\(t.scratch)/root"
        _ = try writeSpecification(root)
        let outer = try Cgroup(at: "\(mount)/live-tests-v1.\(getpid())", mount: mount)
        let group = try Cgroup(at: "\(outer.path)/cri-containerd-\(id).scope", mount: mount)
        let program = try makeProgram("\(t.scratch)/program")
        let recording = "\(t.scratch)/rec"
        let words = workload("in-cgroup", group.path, "/bin/sh", "-c", "sleep 0.1; \(program); sleep 0.1")
        let run = try t.trace(["--root", root, "-w", recording], words)
        let shell = try t.require(run.events.of("exec").first { $0.args.first == "/bin/sh" }, "exec of the shell")
        t.equal(shell["container.name"], "api", "the container's name")
        // A child that is gone before anybody looks is in its parent's.
        let forks = run.events.of("fork").filter { $0["process.parent.pid"] == .integer(shell.pid) }
        t.expect(!forks.isEmpty && forks.allSatisfy { $0["container.name"] == "api" }, "forks without a name")
        t.expect(try t.replay(recording, ["-o", "json"]).output == run.child.output, "the replay is another")
    },

    Test("workload: in a node that is a container itself") { t in
        // As kind has it: the kubelet's files are in the file system of the node's container.
        let node = "\(t.scratch)/node"
        _ = try writeSpecification(node)
        try write(bytes(of: ownPath) ?? [], to: "\(node)/live-tests", mode: 0o755)
        let outer = try Cgroup(t, "kind")
        let container = try Cgroup(
            at: "\(outer.path)/docker-\(String(repeating: "fedc", count: 16)).scope", mount: outer.path)
        let initial = try Cgroup(at: "\(container.path)/init.scope", mount: outer.path)
        let pods = try Cgroup(
            at: "\(container.path)/kubepods-pod\(uid.replacing("-", with: "_")).slice", mount: outer.path)
        let inner = try Cgroup(at: "\(pods.path)/cri-containerd-\(id).scope", mount: outer.path)
        let kubelet = try Child(
            workload("in-cgroup", initial.path)
                + workload("chroot", node, "0", "/live-tests", "workload", "wait-for-input"))
        defer { kubelet.kill(SIGKILL) }
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace([], workload("in-cgroup", inner.path, program))
        let exec = try t.require(run.events.of("exec").first { $0.args == [program] }, "exec")
        for (field, value) in expected { t.equal(exec[field], .string(value), field) }
        kubelet.kill(SIGKILL)
        kubelet.wait(milliseconds: 2000)
    },

    Test("workload: a burst of containers that live 20 ms") { t in
        let root = "\(t.scratch)/root"
        let count = t.settings.isSlow ? 40 : 200
        let outer = try Cgroup(t, "burst")
        for number in 0..<count {
            let id = String(repeating: "0", count: 61) + String(1000 + number).suffix(3)
            _ = try PodContainer(id, uid: uid, "payments", "job-\(number)", "main").write(below: root)
        }
        // Eight at a time.
        let inside = workload("in-cgroup", "$group", ownPath, "workload", "sleep", "20", "$number").joined(
            separator: " ")
        let tasks = "\(root)/run/containerd/io.containerd.runtime.v2.task/k8s.io"
        let script = """
            burst() { number=$1; while [ $number -lt \(count) ]; do
                id=$(printf %064d $number); group=\(outer.path)/cri-containerd-$id.scope
                mkdir $group; \(inside); rm \(tasks)/$id/config.json; rmdir $group; number=$((number + 8))
            done; }
            for first in 0 1 2 3 4 5 6 7; do burst $first & done; wait
            """
        let run = try t.trace(["--root", root], ["sh", "-c", script], milliseconds: t.allow(milliseconds: 30_000))
        let execs = run.events.of("exec").filter { $0.args.dropFirst(2).first == "sleep" }
        let lost = run.events.of("loss").reduce(0) { $0 + $1.lost }
        t.equal(execs.count, count, "the number of execs, where \(lost) events are said to be lost")
        let named = execs.filter { $0["k8s.pod.name"]?.string == "job-\($0.args.last ?? "")" }
        t.equal(named.count, count, "how many have the name of their pod")
    },

    Test("workload: a reader who is slow costs no names", dependsOnKernel: false) { t in
        let root = "\(t.scratch)/root"
        try makeDirectory(root)
        let outer = try Cgroup(t, "slow")
        let program = try makeProgram("\(t.scratch)/program")
        let child = try t.watch(["-o", "json", "--root", root])
        // More than a pipe and our buffer take: nobody reads now.
        let noise = try Child(workload("each") + Array(repeating: program, count: 150))
        noise.wait(milliseconds: t.allow(milliseconds: 5000))
        for number in 0..<5 {
            let id = String(repeating: "0", count: 61) + String(1000 + number).suffix(3)
            let container = PodContainer(id, uid: uid, "payments", "job-\(number)", "main")
            let file = try container.write(below: root)
            let group = try Cgroup(at: "\(outer.path)/\(container.scope)", mount: outer.path)
            let inside = try Child(
                workload("in-cgroup", group.path) + workload("sleep", t.settings.isSlow ? "200" : "50", "\(number)"))
            inside.wait(milliseconds: t.allow(milliseconds: 3000))
            _ = unsafe unlink(file)
        }
        let execs = try t.stop(child).events.of("exec").filter { $0.args.dropFirst(2).first == "sleep" }
        t.equal(execs.map { $0["k8s.pod.name"]?.string ?? "-" }, (0..<5).map { "job-\($0)" }, "the names of the pods")
    },

    Test("workload: --root has to be a directory", dependsOnKernel: false) { t in
        for root in ["/nonexistent", "/etc/passwd"] {
            let child = try t.run(["--root", root], milliseconds: 5000)
            t.equal(child.status, .code(66), "the exit status of --root \(root)")
            t.expect(child.errors.contains(root), "the message: \(child.errors)")
        }
    },
]
