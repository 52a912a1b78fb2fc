// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Exit statuses: every command with every status that it can have, and why.

/// What a command is asked for in each case; `nil` where it cannot have that status.
private struct Command {
    let name: String
    /// Always there: what makes a run with a program and no finding.
    var options: [String] = []
    /// What makes more events than fit into the smallest buffer, none of which is a finding.
    var storm = "for i in $(seq 500); do /bin/true; done"
    /// A condition that a run of `sh` meets, or one of figures.
    var condition = "process.pid > 0"
    var runsPrograms = true
    var readsRecordings = true
}

private let commands = [
    Command(name: "trace"),
    Command(name: "watch-net", storm: "for i in $(seq 2000); do : < /dev/tcp/127.0.0.2/9; done"),
    Command(name: "watch-files", storm: "for i in $(seq 5000); do : < /etc/passwd; done"),
    Command(name: "enforce", options: ["--rule", "deny net 127.0.0.99"], condition: "event.action exists"),
    Command(
        name: "compare-sidecar", options: ["-d", "300ms"], condition: "ebpf.cpu >= 0", runsPrograms: false,
        readsRecordings: false),
]

/// In bash, which has connections without a program. Whoever starts it sees only what fits into the buffer meanwhile.
private func stopping(_ storm: String) -> [String] {
    ["bash", "-c", "exec 2> /dev/null; kill -STOP $PPID; \(storm); kill -CONT $PPID"]
}

let statusTests = [
    Test("status: every one that a command can have", dependsOnKernel: false) { t in
        let full = "\(t.scratch)/full.md"
        unsafe symlink("/dev/full", full)
        let foreign = "\(t.scratch)/foreign"
        try write("deny nothing at all\n", to: foreign)
        let copy = "\(t.scratch)/ebpfguard"
        try write(try t.require(bytes(of: t.settings.tool), "tool"), to: copy, mode: 0o755)
        let connecting = ["bash", "-c", "exec 2> /dev/null; : < /dev/tcp/127.0.0.99/9; : < /etc/passwd; true"]

        /// Runs the case for all commands at once, and holds their statuses against `expected`.
        func expect(_ expected: Int, _ what: String, user: Int = 0, _ words: (Command) -> [String]?) throws {
            let children = try commands.compactMap { command -> (String, Child)? in
                guard let words = words(command) else { return nil }
                let tool = user == 0 ? t.settings.tool : copy
                let child = try Child([tool, command.name] + words, directory: t.scratch, user: user)
                child.closeInput()
                t.children.append(child)
                return (command.name, child)
            }
            for (name, child) in children {
                let run = try t.finish(child, milliseconds: 60_000, isJSON: false)
                t.equal(run.status, .code(expected), "the exit status of \(name), \(what),")
                if run.status != .code(expected) { t.fail("it said: \(run.errors.suffix(300))") }
            }
        }
        /// With a program where the command has one.
        func run(_ command: Command, _ options: [String] = [], _ program: [String] = ["/bin/true"]) -> [String] {
            command.options + options + (command.runsPrograms ? ["--"] + program : [])
        }

        try expect(0, "when nothing is wrong") { run($0) }
        try expect(1, "when a report has no room") { run($0, ["--report", full]) }
        try expect(3, "when --fail-on matches") { run($0, ["--fail-on", $0.condition], connecting) }
        try expect(3, "when --expect does not, whatever the program has") {
            $0.runsPrograms ? run($0, ["--expect", "process.pid == 0"], ["sh", "-c", "exit 9"]) : nil
        }
        try expect(3, "when a policy is violated") {
            $0.name == "enforce" ? run($0, ["--strict"], connecting) : nil
        }
        try expect(4, "when events are lost") {
            $0.runsPrograms ? run($0, ["--strict", "--buffer-size", "64K", "-q"], stopping($0.storm)) : nil
        }
        try expect(0, "when events are lost and nobody minds") {
            $0.name == "trace" ? run($0, ["--buffer-size", "64K", "-q"], stopping($0.storm)) : nil
        }
        try expect(5, "without root", user: 65534) { run($0) }
        try expect(64, "for an option that there is not") { run($0, ["--no-such-option"]) }
        try expect(64, "for a program where there is none") { $0.runsPrograms ? nil : ["--", "true"] }
        try expect(64, "without a policy") { $0.name == "enforce" ? ["--", "true"] : nil }
        try expect(65, "for a recording that is none") { $0.readsRecordings ? $0.options + ["-r", foreign] : nil }
        try expect(65, "for a policy that is none") { $0.name == "enforce" ? [foreign, "--", "true"] : nil }
        try expect(66, "for a recording that is not there") {
            $0.readsRecordings ? $0.options + ["-r", "\(t.scratch)/absent"] : nil
        }
        try expect(66, "for a report in a directory that is not there") { run($0, ["--report", "absent/x.md"]) }
        try expect(9, "of the program") { $0.runsPrograms ? run($0, [], ["sh", "-c", "exit 9"]) : nil }
        try expect(143, "of a program that was killed") {
            $0.runsPrograms ? run($0, [], ["sh", "-c", "kill -TERM $$"]) : nil
        }
        try expect(126, "of what is no program") { $0.runsPrograms ? run($0, [], ["/etc/passwd"]) : nil }
        try expect(127, "of a program that is not there") { $0.runsPrograms ? run($0, [], ["/absent"]) : nil }
    },

    Test("status: a comparison that has lost events", dependsOnKernel: false) { t in
        let child = try t.watch(["-d", "3s", "--strict", "--buffer-size", "64K"], command: "compare-sidecar")
        child.kill(SIGSTOP)
        let storm = try Child(["sh", "-c", "for i in $(seq 1000); do /bin/true; done"])
        t.expect(storm.wait(milliseconds: t.allow(milliseconds: 20_000)), "the storm does not end")
        child.kill(SIGCONT)
        let run = try t.finish(child, milliseconds: 20_000, isJSON: false)
        t.equal(run.status, .code(4), "the exit status")
        t.expect(run.footer("lost") ?? 0 > 0, "nothing lost: \(run.errors)")
    },
]
