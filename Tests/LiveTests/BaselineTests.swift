// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// What a run has that an earlier one did not.

private let new = "ebpfguard.first_seen exists or ebpfguard.new_listener exists"

extension Context {
    /// Runs `ebpfguard watch-net -o json OPTIONS -- PROGRAM` to its end.
    fileprivate func watchNet(
        _ options: [String], _ program: [String], status: Child.ExitStatus? = .code(0)
    ) throws -> Run {
        try trace(options, program, status: status, command: "watch-net")
    }
}

extension Run {
    /// What is marked: "connect 127.0.0.1:4000".
    fileprivate func marked(_ field: String) -> Set<String> {
        Set(
            events.filter { $0["ebpfguard.\(field)"] == true }.map {
                let port = $0["destination.port"]?.integer ?? 0
                return "\($0.action) \($0["destination.ip"]?.string ?? ""):\(port)"
            })
    }

    fileprivate var baselineLine: String { lines(errors).first { $0.contains("baseline: ") } ?? "" }
}

let baselineTests = [
    Test("baseline: what is new to a recording and to JSON, and nothing else", dependsOnKernel: false) { t in
        let recording = "\(t.scratch)/base.rec"
        let json = "\(t.scratch)/base.json"
        let first = try t.watchNet(["-w", recording, "--output-file", json], workload("connections", "4", "3"))
        t.equal(first.marked("first_seen").union(first.marked("new_listener")), [], "marks without a baseline")
        t.equal(first.baselineLine, "", "the footer without a baseline")
        for baseline in [recording, json] {
            // Another network namespace, other pids and ports, but the same as far as it can be.
            let again = try t.watchNet(["--baseline", baseline, "--fail-on", new], workload("connections", "4", "5"))
            t.equal(again.marked("first_seen").union(again.marked("new_listener")), [], "marks of the same")
            t.expect(
                again.baselineLine.hasSuffix(
                    "1 listener and 1 destination known; 0 listeners and 0 destinations new"),
                "the footer says \(again.baselineLine)")

            let other = try t.watchNet(
                ["--baseline", baseline, "--fail-on", new], workload("connections", "6", "3"), status: .code(3))
            t.equal(other.marked("first_seen"), ["connect ::1:4000"], "new destinations")
            t.equal(other.marked("new_listener"), ["listen ::1:4000", "accept ::1:4000"], "new listeners")
            t.equal(other.events.count { $0["ebpfguard.first_seen"] != nil }, 3, "events that are marked")
            t.expect(
                other.baselineLine.hasSuffix("known; 1 listener and 1 destination new"),
                "the footer says \(other.baselineLine)")
            t.equal(lines(other.errors).count { $0.hasPrefix("finding:") }, 7, "findings")
        }
        // Another program does the same.
        let copy = "\(t.scratch)/copy"
        try Child(["cp", ownPath, copy]).wait(milliseconds: t.allow(milliseconds: 5000))
        let program = try t.watchNet(["--baseline", recording], [copy, "workload", "connections", "4", "2"])
        t.equal(program.marked("first_seen"), ["connect 127.0.0.1:4000"], "destinations of another program")
        t.equal(
            program.marked("new_listener"), ["listen 127.0.0.1:4000", "accept 127.0.0.1:4000"],
            "listeners of another program")

        // Of a recording too, and the same.
        let later = "\(t.scratch)/later.rec"
        let live = try t.watchNet(["--baseline", json, "-w", later], workload("connections", "6", "2"))
        let replay = try t.run(["-o", "json", "--baseline", json, "-r", later], command: "watch-net")
        t.expect(replay.child.output == live.child.output, "a replay marks something else")
        t.expect(live.marked("first_seen") == ["connect ::1:4000"], "new destinations of a run that is recorded")

        // What is not shown is looked at, and text says it.
        let hidden = try t.watchNet(
            ["--baseline", json, "--filter", "destination.port == 1", "--fail-on", new],
            workload("connections", "6", "2"), status: .code(3))
        t.equal(hidden.events.count, 0, "events that are shown")
        t.expect(
            hidden.baselineLine.hasSuffix("known; 1 listener and 1 destination new"),
            "the footer says \(hidden.baselineLine)")
        let text = try t.run(["--baseline", json, "-r", later], command: "watch-net")
        t.equal(lines(text.text).count { $0.contains(" [new]") }, 5, "marks in \(text.text)")
    },

    Test("baseline: names, and pipes to read it from", dependsOnKernel: false) { t in
        let json = "\(t.scratch)/names.json"
        let root = "\(t.scratch)/root"
        unsafe mkdir(root, 0o755)
        unsafe mkdir("\(root)/etc", 0o755)
        try write("127.1.0.55\tfrom-hosts.test\n", to: "\(root)/etc/hosts")
        try Child(["cp", ownPath, "\(root)/program"]).wait(milliseconds: t.allow(milliseconds: 5000))
        let program = workload("named", root, "/program", "workload", "dial", "127.1.0.55")
        let first = try t.watchNet([], program)
        let named = first.events.filter { $0.action == "connect" && $0["destination.domain"] != nil }
        t.expect(named.count > 3, "connections by name: \(named.count)")
        // Without one of the names, and with other addresses for the rest.
        let kept = lines(first.text).filter { !$0.contains(#""domain":"zero.test""#) }
        try write(kept.joined(separator: "\n").replacing("127.1.0.10", with: "127.9.9.9"), to: json)
        let fifo = "\(t.scratch)/fifo"
        guard unsafe mkfifo(fifo, 0o600) == 0 else { throw Stop.failed("mkfifo") }
        let writer = try Child(["sh", "-c", "exec cat '\(json)' > '\(fifo)'"])
        let again = try t.watchNet(["--baseline", fifo], program)
        writer.wait(milliseconds: t.allow(milliseconds: 5000))
        let marked = again.events.filter { $0["ebpfguard.first_seen"] == true }
        t.equal(
            Set(marked.map { $0["destination.domain"]?.string ?? "-" }), ["zero.test"], "names that are new")
    },

    Test("baseline: files that are none", dependsOnKernel: false) { t in
        let file = "\(t.scratch)/base"
        func refused(_ contents: String?, _ status: Int, _ words: String, _ options: [String] = []) throws {
            if let contents { try write(contents, to: file) }
            let base = ["--baseline", contents == nil ? "/no/such/file" : file]
            let run = try t.run(
                options.isEmpty ? base : options, options.isEmpty ? ["true"] : [], milliseconds: 5000,
                command: "watch-net")
            t.equal(run.status, .code(status), "the exit status with \(contents ?? "no file")")
            t.expect(run.errors.contains(words), "no \(words) in \(run.errors)")
            t.expect(lines(run.errors).count >= 2, "nothing to do about it: \(run.errors)")
            t.equal(run.text, "", "stdout")
        }
        try refused(nil, 66, "/no/such/file")
        try refused("{\"event\":{\"action\":\"loss\",\"category\":[\"x\"]}}\nx\n", 65, "line 2")
        try refused("{\"event\":{\"action\":\"exec\",\"category\":[\"process\"]}}\n", 65, "watch-net -o json")
        try refused("\u{89}EBGREC\n", 65, "line 1")
        try refused("", 64, "can't both be standard input", ["--baseline", "-", "-r", "-"])
        // As a recording of trace.
        _ = try t.trace(["-w", file], ["true"])
        let run = try t.run(["--baseline", file], ["true"], milliseconds: 5000, command: "watch-net")
        t.equal(run.status, .code(65), "the exit status with a recording of trace")
        t.expect(run.errors.contains("a recording of trace"), "it says \(run.errors)")
    },
]
