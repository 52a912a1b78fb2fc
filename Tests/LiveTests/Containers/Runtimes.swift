// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

/// The container runtimes of the machine, each started when a test first asks for it.
final class Runtimes {
    /// The image that all of them get, which Tests/VM/disk.sh made, and its root file system as a directory.
    static let archive = "/srv/image.tar"
    static let rootFiles = "/srv/rootfs"
    static let image = "example.test/box:1"

    private var containerdProcess: Child?
    private static let log = "/var/log/runtimes.log"

    static let containerdSocket = "/run/containerd/containerd.sock"

    /// Two drivers of cgroups, and the runtime that is the quickest.
    private static let containerdConfiguration = """
        version = 2
        [plugins."io.containerd.grpc.v1.cri"]
          sandbox_image = "example.test/pause:3"
        [plugins."io.containerd.grpc.v1.cri".cni]
          bin_dir = "\(PodNetwork.programs)"
          conf_dir = "\(PodNetwork.configuration)"
        [plugins."io.containerd.grpc.v1.cri".containerd]
          default_runtime_name = "cgroupfs"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cgroupfs]
          runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.systemd]
          runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.systemd.options]
          SystemdCgroup = true
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
          runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
          BinaryName = "/usr/bin/crun"

        """

    /// containerd with the image in the namespaces of `ctr` and of Kubernetes.
    func containerd(_ t: Context) throws -> CRI {
        let cri = CRI(socket: Self.containerdSocket, seconds: t.allow(milliseconds: 10_000) / 1000)
        guard containerdProcess == nil else { return cri }
        try PodNetwork.write()
        try write(Self.containerdConfiguration, to: "/run/containerd.toml")
        containerdProcess = try daemon("containerd", "--config", "/run/containerd.toml")
        try t.wait(for: Self.containerdSocket)
        for namespace in ["default", "k8s.io"] {
            try t.command("ctr", "-n", namespace, "images", "import", Self.archive)
        }
        return cri
    }

    /// What it runs stays.
    func stopContainerd(_ t: Context) throws {
        guard let process = containerdProcess else { return }
        process.kill(SIGTERM)
        let hasEnded = process.wait(milliseconds: t.allow(milliseconds: 5000))
        guard hasEnded else { throw Stop.failed("containerd still runs") }
        containerdProcess = nil
    }

    private var dockerProcess: Child?

    /// Docker with one of its two drivers of cgroups: it is started again for the other.
    func docker(_ driver: String, _ t: Context) throws {
        _ = try containerd(t)
        if let process = dockerProcess {
            process.kill(SIGTERM)
            process.wait(milliseconds: t.allow(milliseconds: 5000))
        }
        unsafe unlink("/run/docker.sock")
        dockerProcess = try daemon(
            "dockerd", "--containerd", Self.containerdSocket, "--bridge=none", "--iptables=false", "--ip6tables=false",
            "--exec-opt", "native.cgroupdriver=\(driver)")
        try t.wait(for: "/run/docker.sock")
        try t.command("docker", "load", "-q", "-i", Self.archive)
    }

    private func daemon(_ words: String...) throws -> Child {
        try Child(["sh", "-c", "exec \"$@\" >>\(Self.log) 2>&1", "sh"] + words)
    }

    /// What a runtime says went wrong last.
    static var complaint: String {
        lines(contents(of: log) ?? "").last { $0.contains("error") || $0.contains("fatal") } ?? ""
    }
}

extension Context {
    /// What the tool tells of what `body` does. It writes to a file: while a runtime is waited for, nobody reads a pipe.
    func watched(_ body: () throws -> Void) throws -> Run {
        let file = "\(scratch)/events"
        let tool = try Child(["sh", "-c", "exec \"$@\" >\"$0\"", file, settings.tool, "trace", "-o", "json"])
        children.append(tool)
        let isWatching = tool.wait(milliseconds: allow(milliseconds: 5000)) { $0.errorText.contains("watching") }
        guard isWatching else { throw Stop.failed("it never said 'watching': \(tool.errorText.suffix(300))") }
        try body()
        tool.kill(SIGINT)
        let run = try finish(tool, milliseconds: 2000, isJSON: false)
        equal(run.status, .code(0), "the exit status")
        var events: [Event] = []
        try eachEvent(of: tool, in: bytes(of: file) ?? []) { events.append($0) }
        return Run(child: tool, events: events)
    }

    /// Runs a command that must succeed, and gives its output.
    @discardableResult
    func command(_ words: String...) throws -> String {
        try command(words)
    }

    @discardableResult
    func command(_ words: [String], user: Int = 0, environment: [String] = []) throws -> String {
        let child = try Child(words, environment: environment, user: user)
        child.closeInput()
        guard child.wait(milliseconds: allow(milliseconds: 10_000)) else {
            throw Stop.failed("\(words.suffix(8).joined(separator: " ").suffix(200)) still runs")
        }
        guard child.status == .code(0) else {
            throw Stop.failed("\(words.joined(separator: " ").suffix(200)): \(child.errorText.suffix(500))")
        }
        return child.outputText
    }

    func wait(for file: String) throws {
        let deadline = live_uptime() + Int64(allow(milliseconds: 5000)) * 1_000_000
        while unsafe access(file, F_OK) != 0 {
            guard live_uptime() < deadline else {
                throw Stop.failed("\(file) is still not there: \(Runtimes.complaint)")
            }
            usleep(50_000)
        }
    }

    /// Holds every exec and exit of a program with these arguments in a container to what must be known of it.
    func expect(_ run: Run, _ arguments: [String], in id: String, _ expected: [String: String], count: Int = 1) {
        let execs = run.events.of("exec").with(args: arguments).filter { $0["container.id"] == .string(id) }
        let exits = run.events.of("exit").with(args: arguments).filter { $0["container.id"] == .string(id) }
        equal(execs.count, count, "the number of execs of \(arguments) in \(id)")
        equal(exits.count, count, "the number of exits of \(arguments) in \(id)")
        for event in execs + exits { expect(event, expected) }
    }

    func expect(_ event: Event, _ expected: [String: String]) {
        for field in containerFields where field != "container.id" {
            let id = event["container.id"]?.string ?? "no container"
            equal(event[field], expected[field].map { .string($0) }, "\(field) of the \(event.action) in \(id)")
        }
    }
}

private let containerFields = [
    "container.id", "container.name", "container.image.name", "container.runtime", "k8s.namespace.name",
    "k8s.pod.name", "k8s.pod.uid", "k8s.container.name", "k8s.node.name",
]
