// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// The examples of the manual: each is run as the page has it, and must show what the page shows.

/// Why an example is not run as it is, and what is done in its place.
private struct Exception {
    enum Kind {
        /// Runs for a moment: without an end of its own.
        case shortened
        /// Only the policy is read: it would hold this host, not only a program.
        case policyOnly
        /// Its options are read, and what they need of the host is looked for.
        case checked
        /// What it names is not on this host, which it must say, and nothing else.
        case refused(status: Int, message: String)
    }

    let page: String
    /// Part of the command.
    let command: String
    let kind: Kind
    let reason: String
}

private let exceptions = [
    Exception(page: "trace", command: "-d 1h", kind: .shortened, reason: "cut to 0.1 s"),
    Exception(page: "trace", command: "-p $$", kind: .shortened, reason: "cut to 0.1 s"),
    Exception(
        page: "trace", command: "nginx.service", kind: .refused(status: 66, message: "nginx.service: No such file"),
        reason: "no nginx here"),
    Exception(page: "watch-net", command: "--filter 'event.outcome", kind: .shortened, reason: "cut to 0.1 s"),
    Exception(page: "watch-net", command: "ebpfguard.remote_class", kind: .shortened, reason: "cut to 0.1 s"),
    Exception(page: "compare-sidecar", command: "-d 5m", kind: .shortened, reason: "cut to 0.1 s"),
    Exception(page: "compare-sidecar", command: "--probe", kind: .shortened, reason: "cut to 0.1 s"),
    Exception(
        page: "compare-sidecar", command: "sidecar.coverage < 1", kind: .checked,
        reason: "only checked, as it depends on the pods that are here"),
    Exception(
        page: "compare-sidecar", command: "--lab", kind: .checked,
        reason: "only checked, as it takes minutes; the laboratory has tests of its own"),
    Exception(page: "enforce", command: "-d 10m", kind: .policyOnly, reason: "policy only, as it holds the whole host"),
    Exception(
        page: "enforce", command: "--namespace shop", kind: .policyOnly, reason: "policy only, as there is no such pod"),
]

let manualTests =
    ["trace", "watch-net", "watch-files", "compare-sidecar"].map { page in
        Test("manual: the examples of \(page)", dependsOnKernel: false) { t in try t.tryExamples(of: page) }
    } + [
        // Whether a file can be denied is a matter of the kernel.
        Test("manual: the examples of enforce") { t in try t.tryExamples(of: "enforce") },
        Test("manual: the examples of events", dependsOnKernel: false) { t in
            guard t.program("jq") != nil else { throw Stop.skipped("jq is not installed") }
            try t.tryExamples(of: "events")
        },
        Test("manual: the examples of policies", dependsOnKernel: false) { t in try t.tryExamples(of: "policy") },
        Test("manual: the examples of filters", dependsOnKernel: false) { t in
            let recording = "\(t.scratch)/run.rec"
            _ = try t.trace(["-w", recording], ["/bin/true"])
            // One in a line; a line that begins further in goes on with the one before.
            let lines = ManualSession.all(of: try t.page("filter")).flatMap { $0.steps.flatMap(\.output) }
            let filters = lines.reduce(into: [String]()) { filters, line in
                if line.hasPrefix(" "), let start = filters.popLast() {
                    filters.append(start + line)
                } else {
                    filters.append(line)
                }
            }
            t.expect(filters.count >= 6, "too few filters in the page: \(filters)")
            for filter in filters {
                let run = try t.run(["-q", "-r", recording, "--filter", filter])
                t.equal(run.status, .code(0), "the exit status for \(filter): \(run.errors)")
            }
        },
    ]

extension Context {
    fileprivate func page(_ name: String) throws -> String {
        let run = try run([name], command: "help")
        equal(run.status, .code(0), "the exit status of help \(name)")
        return run.text
    }

    fileprivate func tryExamples(of page: String) throws {
        let sessions = ManualSession.all(of: try self.page(page))
        let steps = sessions.flatMap(\.steps)
        expect(steps.contains { $0.command.hasPrefix("ebpfguard") }, "the page has no examples")
        for step in steps where step.command.isEmpty { fail("what shows this? \(step.output)") }
        let unused = exceptions.filter { exception in
            exception.page == page && !steps.contains { $0.command.contains(exception.command) }
        }
        for exception in unused { fail("no example of the page has \(exception.command)") }
        let hasSecurityHooks = try hasSecurityHooks()
        try makeDirectory("\(scratch)/bin")
        unsafe symlink(settings.tool, "\(scratch)/bin/ebpfguard")
        for session in sessions {
            let isRun = session.steps.contains { exception(for: $0, of: page) == nil }
            if isRun, session.needsSecurityHooks, !hasSecurityHooks {
                if settings.mustNotSkip { fail("no BPF LSM for \(session.steps.map(\.command))") }
                note("run where there is BPF LSM: \(session.steps[0].command)")
                continue
            }
            // The pages name it.
            let directory = "/tmp/job"
            try makeDirectory(directory)
            defer { unsafe live_remove(directory) }
            var status = 0
            for step in session.steps { status = try attempt(step, of: page, in: directory, after: status) }
        }
    }

    /// Gives the status, for what is typed next.
    private func attempt(_ step: ManualSession.Step, of page: String, in directory: String, after status: Int) throws
        -> Int
    {
        // What "cat FILE" shows of a file that nothing has made is what the reader has written.
        let words = step.command.split(separator: " ")
        if words.count == 2, words[0] == "cat", contents(of: "\(directory)/\(words[1])") == nil {
            try write(step.output.joined(separator: "\n") + "\n", to: "\(directory)/\(words[1])")
            return 0
        }
        guard let exception = exception(for: step, of: page) else {
            let (shown, now) = try type(step.command, in: directory, after: status)
            let (expected, actual) = (comparable(step.output), comparable(shown))
            if expected != actual { fail("\(page)(\(step.command)) shows \(actual), the page \(expected)") }
            return now
        }
        note("\(exception.command): \(exception.reason)")
        switch exception.kind {
        case .shortened:
            let (shown, now) = try type(step.command + " -q -d 100ms", in: directory, after: status)
            equal(now, 0, "the exit status of \(step.command): \(shown)")
        case .checked:
            let (shown, now) = try type(step.command + " --check", in: directory, after: status)
            expect(now == 0 || now == 5, "\(step.command): \(shown)")
        case .policyOnly:
            let (shown, now) = try type(step.command + " --check-policy", in: directory, after: status)
            expect(now == 0 || now == 5 && shown.contains { $0.contains("not here") }, "\(step.command): \(shown)")
        case .refused(let refusal, let message):
            let (shown, now) = try type(step.command, in: directory, after: status)
            equal(now, refusal, "the exit status of \(step.command)")
            expect(comparable(shown).contains { $0.contains(message) }, "\(step.command): \(shown)")
        }
        return 0
    }

    private func exception(for step: ManualSession.Step, of page: String) -> Exception? {
        exceptions.first { $0.page == page && step.command.contains($0.command) }
    }

    /// In a terminal that is as wide as the page has room for.
    private func type(_ command: String, in directory: String, after status: Int) throws -> ([String], Int) {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
        let child = try Child(
            ["/bin/sh", "-c", "exec 2>&1; (exit \(status))\n\(command)"].map { Array($0.utf8) },
            environment: ["NO_COLOR=1", "LC_ALL=C", "TZ=UTC", "PATH=\(scratch)/bin:\(path)"], directory: directory,
            columns: ManualSession.columns - 1)
        children.append(child)
        guard child.wait(milliseconds: allow(milliseconds: 60_000)), case .code(let code) = child.status else {
            throw Stop.failed("\(command) does not end, or is killed: \(child.outputText)")
        }
        return (lines(child.outputText), code)
    }

    private func hasSecurityHooks() throws -> Bool {
        try run(["--check-policy", "--rule", "deny exec /none"], command: "enforce").status == .code(0)
    }
}

extension ManualSession {
    /// Rules that nothing else can hold.
    fileprivate var needsSecurityHooks: Bool {
        steps.contains { step in
            ([step.command] + step.output).contains { $0.contains(#/(deny|audit) +(exec|file)/#) }
        }
    }
}
