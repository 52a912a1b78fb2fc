// SPDX-License-Identifier: Apache-2.0

import Glibc

// Scopes by container, pod and namespace. One container is there when the tool starts, the other starts later.

private let api = PodContainer(
    String(repeating: "a1b2", count: 16), uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "payments", "api-7c9f", "api")
private let web = PodContainer(
    String(repeating: "c3d4", count: 16), uid: "6fa459ea-ee8a-3ca4-894e-db77e160355e", "shop", "web-0", "web")

/// A node with the first container, and what to start: outside, in the first, in the second.
private struct Node: ~Copyable {
    let root: String
    let program: String
    // Destroyed in this order.
    private let first, outer: Cgroup

    init(_ t: Context) throws {
        let root = "\(t.scratch)/root"
        for container in [api, web] { _ = try container.write(below: root) }
        let program = try makeProgram("\(t.scratch)/program")
        let outer = try Cgroup(t, "node")
        let first = try Cgroup(at: "\(outer.path)/\(api.scope)", mount: outer.path)
        self.root = root
        self.program = program
        self.outer = outer
        self.first = first
    }

    var apiPath: String { first.path }

    /// The second container, as long as the result is kept.
    func startWeb() throws -> Cgroup { try Cgroup(at: "\(outer.path)/\(web.scope)", mount: outer.path) }
}

private func runToEnd(_ t: Context, _ words: [String]) throws {
    try Child(words).wait(milliseconds: t.allow(milliseconds: 5000))
}

let containerScopeTests = [
    Test("container scope: --container, --pod, --namespace, --host, of what is there and what starts later") { t in
        let node = try Node(t)
        let program = node.program
        let all: Set = ["outside", "api", "web"]
        let cases: [(options: [String], expected: Set<String>)] = [
            (["--pod", "web-0"], ["web"]),
            (["--container", "!api"], ["outside", "web"]),
            (["--host"], ["outside"]),
            (["--pod", "api-7c9f"], ["api"]),
            (["--pod", "api-*"], ["api"]),
            (["--pod", "shop/web-?"], ["web"]),
            (["--pod", "payments/web-0"], []),
            (["--pod", api.uid], ["api"]),
            (["--pod", "api-7c9f", "--pod", "web-0"], ["api", "web"]),
            (["--container", "web"], ["web"]),
            (["--container", String(web.id.prefix(12))], ["web"]),
            (["--namespace", "payments"], ["api"]),
            (["--namespace", "*", "--container", "!api"], ["web"]),
            (["--namespace", "!shop"], ["outside", "api"]),
            (["--pod", "absent"], []),
            (["--namespace", "shop", "--comm", "nothing"], []),
            ([], all),
        ]
        for (options, expected) in cases.prefix(t.settings.isSlow ? 3 : cases.count) {
            let recording = "\(t.scratch)/recording"
            let child = try t.watch(["-o", "json", "--root", node.root, "-w", recording] + options)
            try runToEnd(t, ["sh", "-c", "\"$@\" & wait", "outside", program, "outside"])
            try runToEnd(t, workload("in-cgroup", node.apiPath, program, "api"))
            let later = try node.startWeb()
            try runToEnd(t, workload("in-cgroup", later.path, program, "web"))
            let run = try t.stop(child)
            for action in ["exec", "exit"] {
                let seen = run.events.of(action).filter { $0.args.first == program }.compactMap(\.args.last)
                t.equal(Set(seen), expected, "\(action) with \(options)")
                t.equal(seen.count, expected.count, "the number of \(action) with \(options)")
            }
            t.expect(
                try t.replay(recording, ["-o", "json"]).output == run.child.output, "the replay of \(options) differs")
            t.equal(run.surelyLost, 0, "'lost' with \(options)")
        }
    },

    Test("container scope: the kernel decides once the names are known") { t in
        let node = try Node(t)
        let count = t.settings.isSlow ? 40 : 200
        let later = try node.startWeb()
        let each = workload("each") + Array(repeating: node.program, count: count)
        let child = try t.watch(["-o", "json", "--root", node.root, "--pod", "api-7c9f"])
        try runToEnd(t, workload("in-cgroup", later.path) + each)
        try runToEnd(t, workload("in-cgroup", node.apiPath, node.program))
        let run = try t.stop(child)
        t.equal(run.events.of("exec").filter { $0.args.first == node.program }.count, 1, "the execs in the pod")
        // Only what is in a cgroup that user space is not sure of is sent and left out there: the scope keeps the rest.
        let left = run.footer("out") ?? 0
        t.expect(left < count, "\(left) events out of scope were sent, of \(count) programs")
    },

    Test("container scope: calls counted in the kernel, from the first one of a container that starts later") { t in
        let node = try Node(t)
        for grouping in ["syscall", "process", "pod"] {
            let child = try t.watch(
                [
                    "-o", "json", "--root", node.root, "--pod", "web-0", "--summary", "--syscalls=getppid", "--by",
                    grouping,
                ])
            try runToEnd(t, workload("counted-calls", "90", "10"))
            // So many that they are under way when it is found out that they are not wanted.
            let many = t.settings.isSlow ? "20000" : "200000"
            try runToEnd(t, workload("in-cgroup", node.apiPath) + workload("counted-calls", many, "10"))
            let later = try node.startWeb()
            try runToEnd(t, workload("in-cgroup", later.path) + workload("counted-calls", "400", "10"))
            let run = try t.stop(child)
            let calls = run.told.reduce(0) { $0 + ($1["ebpfguard.summary.calls"]?.integer ?? 0) }
            t.equal(calls, 400, "the calls of the pod by \(grouping)")
            t.equal(run.footer("calls"), 400, "'calls counted' by \(grouping)")
            if grouping == "pod" {
                t.equal(run.told.first?["ebpfguard.summary.group"], "shop/web-0", "the pod's name, without a container")
            }
            if t.settings.isSlow { break }
        }
    },

    Test("container scope: a signal from the host to a container") { t in
        let node = try Node(t)
        let inside = try Child(workload("in-cgroup", node.apiPath) + workload("wait-for-input"))
        let outside = try Child(workload("wait-for-input"))
        let child = try t.watch(["-o", "json", "--root", node.root, "--signals", "--container", "api"])
        for target in [outside, inside] {
            target.kill(SIGTERM)
            target.wait(milliseconds: t.allow(milliseconds: 2000))
        }
        let signals = try t.stop(child).events.of("signal")
        t.equal(signals.compactMap { $0["ebpfguard.target.pid"]?.integer }, [Int(inside.pid)], "who got a signal")
    },

    Test("container scope: in a v1 hierarchy, by name and by --cgroup") { t in
        let hierarchy = try V1Hierarchy(t)
        let mount = hierarchy.path
        let root = "\(t.scratch)/root"
        _ = try api.write(below: root)
        let outer = try Cgroup(at: "\(mount)/live-tests-v1.\(getpid())", mount: mount)
        let program = try makeProgram("\(t.scratch)/program")
        for options in [["--container", "api"], ["--pod", "api-7c9f"], ["--cgroup", outer.path]] {
            let child = try t.watch(["-o", "json", "--root", root] + options)
            try runToEnd(t, ["sh", "-c", "\"$@\" & wait", "outside", program, "outside"])
            let group = try Cgroup(at: "\(outer.path)/\(api.scope)", mount: mount)
            try runToEnd(t, workload("in-cgroup", group.path, program, "inside"))
            let run = try t.stop(child)
            let execs = run.events.of("exec").filter { $0.args.first == program }
            t.equal(execs.compactMap(\.args.last), ["inside"], "the execs with \(options)")
            t.equal(execs.first?["container.name"], "api", "the container with \(options)")
            t.equal(execs.first?["process.linux.cgroup"], .string(group.name), "the path with \(options)")
        }
    },

    Test("container scope: words that match nothing, and words that can't", dependsOnKernel: false) { t in
        let node = try Node(t)
        let sleeper = try Child(workload("in-cgroup", node.apiPath) + workload("wait-for-input"))
        let run = try t.run(["--root", node.root, "--pod", "api-7c9", "-d", "200ms"])
        t.equal(run.status, .code(0), "the exit status")
        t.expect(run.errors.contains("api-7c9,") && run.errors.contains("here are api-7c9f"), "the hint: \(run.errors)")
        sleeper.kill(SIGKILL)
        for (options, word) in [
            (["--pod", ""], "name"), (["--container", "a/b"], "/"), (["--host", "--pod", "x"], "--host"),
            (["--namespace", "a/b"], "/"), (["--pod", "a/b/c"], "NAMESPACE/NAME"),
        ] {
            let child = try t.run(options, milliseconds: 5000)
            t.equal(child.status, .code(64), "the exit status of \(options)")
            t.expect(child.errors.contains(word), "the message of \(options): \(child.errors)")
        }
    },
]
