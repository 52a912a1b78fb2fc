// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// What was recorded is shown again as it was shown, by whoever reads it.

/// Forms of output; each must come out of a replay as it came out of the run.
private let forms: [[String]] = [
    ["-o", "json"], [], ["-o", "wide"],
    ["--fields", "@timestamp,event.action,process.args,user.name,process.parent.args"],
]

private let mixture =
    "for i in $(seq 20); do /bin/true $i; /no/such 2>/dev/null; done; (exit 3); sh -c 'kill -9 $$' 2>/dev/null; true"

let recordingTests = [
    Test(
        "recording: a replay of more than 100,000 events gives the same bytes, and costs nothing that is lost",
        dependsOnKernel: false
    ) { t in
        // System calls are the cheapest events to make: a fork or a failed exec takes a third of a millisecond here.
        let (forks, refused, bytes) = t.settings.isSlow ? (200, 200, 500) : (2000, 2000, 48_000)
        let tool = workload().joined(separator: " ")
        let storms =
            "\(tool) storm \(forks) & \(tool) refused \(refused) & dd if=/dev/zero of=/dev/null bs=1 count=\(bytes); "
            + "\(mixture); wait"
        // Into files: a pipe to a test that is busy would measure the test.
        let options = "-o json --syscalls=read,write --events exec,failed,fork,exit,syscall"
        let script = "\"$0\" trace $2 --buffer-size 64M -w rec -- sh -c \"$1\" > live"
        let child = try Child(["sh", "-c", script, t.settings.tool, storms, options], directory: t.scratch)
        t.children.append(child)
        guard child.wait(milliseconds: t.allow(milliseconds: 60_000)) else { throw Stop.failed("it still runs") }
        t.equal(child.status, .code(0), "the exit status")
        let replay = try Child(
            ["sh", "-c", "\"$0\" trace $1 -r rec > replay && cmp live replay", t.settings.tool, options],
            directory: t.scratch)
        t.children.append(replay)
        guard replay.wait(milliseconds: t.allow(milliseconds: 60_000)) else { throw Stop.failed("it still reads") }
        t.equal(replay.status, .code(0), "the exit status of the replay: \(replay.outputText)\(replay.errorText)")
        let printed = number(with: "printed", in: child.errorText) ?? 0
        t.expect(printed > 2 * forks + refused + 2 * bytes, "only \(printed) events")
        let perEvent = (fileSize("\(t.scratch)/rec") ?? 0) / max(1, printed)
        t.expect(perEvent > 0 && perEvent < 100, "\(perEvent) bytes an event")
        for word in ["seen", "printed", "lost"] {
            t.equal(number(with: word, in: replay.errorText), number(with: word, in: child.errorText), "'\(word)'")
        }
    },

    Test("recording: every form of output, of every kind of event", dependsOnKernel: false) { t in
        for (index, form) in forms.enumerated() {
            let file = "\(t.scratch)/\(index).rec"
            let live = try t.run(form + ["-w", file], ["sh", "-c", mixture])
            let replay = try t.replay(file, form)
            t.expect(replay.output == live.child.output, "\(form): \(difference(live.child, replay))")
            t.expect(lines(live.text).count > 40, "only \(lines(live.text).count) lines of \(form)")
            // One form was printed; another is there all the same.
            let json = try t.replay(file, ["-o", "json"])
            let events = try t.events(of: json)
            t.equal(events.of("exec").with(args: ["/bin/true", "7"]).count, 1, "the number of /bin/true 7")
            t.equal(events.failures.count, 20, "the number of failed execs")
            t.expect(events.of("exec").allSatisfy { $0["user.name"] == "root" }, "user.name")
            let parent = events.of("exec").with(args: ["/bin/true", "7"]).first?["process.parent.args"]
            t.equal(parent, JSON(["sh", "-c", mixture]), "process.parent.args")
        }
    },

    Test("recording: processes that were there, shown or not") { t in
        let sleeper = try Child(["sleep", "60"])
        t.children.append(sleeper)
        for shows in [true, false] {
            let file = "\(t.scratch)/\(shows).rec"
            let options = ["-o", "json"] + (shows ? ["--existing"] : [])
            let child = try t.watch(options + ["-w", file])
            let program = try Child(["/bin/true"])
            program.wait(milliseconds: 2000)
            _ = try t.stop(child)
            let same = try t.replay(file, options)
            t.expect(same.output == child.output, difference(child, same))
            // The recording of a run that did not show them has them too.
            let events = try t.events(of: try t.replay(file, ["-o", "json", "--existing"]))
            let existing = events.of("existing").by(sleeper.pid)
            t.equal(existing.count, 1, "the number of sleepers")
            t.equal(existing.first?.args, ["sleep", "60"], "its arguments")
        }
    },

    Test("recording: bounds and kinds count for a replay as for a run", dependsOnKernel: false) { t in
        let file = "\(t.scratch)/bounds.rec"
        let live = try t.run(["-o", "json", "-w", file], ["sh", "-c", mixture])
        for options in [
            ["-c", "5"], ["--events", "exit"], ["--events", "exec,failed", "-c", "7"], ["--max-rate", "10"],
        ] {
            let again = try t.replay(file, ["-o", "json"] + options)
            let events = try t.events(of: again)
            t.expect(!events.isEmpty && events.count < live.child.output.split(separator: 10).count, "\(options)")
            if options[0] == "-c" { t.equal(events.count, 5, "the number of events") }
            if options[1] == "exit" { t.expect(events.allSatisfy { $0.action == "exit" }, "other kinds than exit") }
        }
        let counted = "\(t.scratch)/counted.rec"
        let run = try t.run(["-o", "json", "-c", "9", "-w", counted], ["sh", "-c", mixture])
        t.expect(try t.replay(counted, ["-o", "json", "-c", "9"]).output == run.child.output, "of -c 9")
        let timed = "\(t.scratch)/timed.rec"
        // It takes its time to execute two programs when the CPU is emulated.
        let (whole, half) = t.settings.isSlow ? ("8s", "4s") : ("2s", "1s")
        let limited = try t.run(["-o", "json", "-d", whole, "-w", timed], ["sh", "-c", "/bin/true; sleep 9"])
        t.expect(try t.replay(timed, ["-o", "json", "-d", whole]).output == limited.child.output, "of -d \(whole)")
        let start = try t.events(of: try t.replay(timed, ["-o", "json", "-d", half]))
        t.equal(start.of("exec").with(args: ["/bin/true"]).count, 1, "the number of /bin/true in the first half")
        t.equal(start.of("exit").with(args: ["sleep", "9"]).count, 0, "the ends of sleep in the first half")
    },

    Test("recording: losses are part of it, and --strict sees them", dependsOnKernel: false) { t in
        let file = "\(t.scratch)/loss.rec"
        let options = ["-o", "json", "--strict", "--buffer-size", "64K"]
        let child = try t.start(options + ["-w", file], workload("storm", "3000"))
        child.readsOutput = false
        let isOver = child.wait(milliseconds: t.allow(milliseconds: 15_000)) { $0.errorText.contains("over\n") }
        guard isOver else { throw Stop.failed("a tool that cannot write stops the program") }
        child.readsOutput = true
        child.wait(milliseconds: t.allow(milliseconds: 20_000))
        let replay = try t.replay(file, ["-o", "json", "--strict"])
        t.expect(replay.output == child.output, difference(child, replay))
        t.equal(replay.status, .code(4), "the exit status")
        t.equal(number(with: "lost", in: replay.errorText), number(with: "lost", in: child.errorText), "'lost'")
    },

    Test(
        "recording: cut anywhere in its last KiB, it shows what is before and says what is missing",
        dependsOnKernel: false
    ) { t in
        let file = "\(t.scratch)/whole.rec"
        _ = try t.run(["-o", "json", "-w", file], ["sh", "-c", mixture])
        let whole = try t.require(bytes(of: file), "recording")
        let all = lines(try t.replay(file, ["-o", "json"]).output)
        let step = t.settings.isSlow ? 97 : 8
        for length in stride(from: max(0, whole.count - 1024), to: whole.count, by: step) {
            let cut = "\(t.scratch)/cut.rec"
            write(Array(whole[..<length]), to: cut)
            let replay = try t.replay(cut, ["-o", "json"])
            let shown = lines(replay.output)
            t.expect(shown == Array(all.prefix(shown.count)), "cut at \(length): other events")
            t.equal(replay.status, .code(65), "the exit status, cut at \(length)")
            t.expect(replay.errorText.contains(" cut"), "cut at \(length): \(replay.errorText.suffix(200))")
            if !t.failures.isEmpty { return }
        }
    },

    Test("recording: a run that is killed leaves what it had", dependsOnKernel: false) { t in
        let file = "\(t.scratch)/killed.rec"
        let child = try t.watch(["-o", "json", "-w", file])
        let program = try Child(["/bin/true", "killed"])
        program.wait(milliseconds: 2000)
        // Written after a second at the latest.
        child.wait(milliseconds: t.allow(milliseconds: 1500)) { _ in false }
        child.kill(SIGKILL)
        child.wait(milliseconds: 2000)
        let replay = try t.replay(file, ["-o", "json"])
        let events = try t.events(of: replay)
        t.equal(events.of("exec").with(args: ["/bin/true", "killed"]).count, 1, "the number of execs")
        t.equal(replay.status, .code(65), "the exit status")
        t.expect(replay.errorText.contains("end mark is missing"), replay.errorText)
    },

    Test("recording: read without root, and from standard input") { t in
        let file = "\(t.scratch)/nobody.rec"
        let live = try t.run(["-o", "json", "-w", file], ["sh", "-c", mixture])
        var facts = stat()
        t.expect(unsafe stat(file, &facts) == 0 && facts.st_mode & 0o777 == 0o600, "others may read it")
        unsafe chmod(file, 0o644)
        let nobody = try Child([t.settings.tool, "trace", "-o", "json", "-r", file], user: 65534)
        t.children.append(nobody)
        nobody.wait(milliseconds: t.allow(milliseconds: 10_000))
        t.expect(nobody.output == live.child.output, "of nobody: \(nobody.errorText.suffix(200))")
        let piped = try Child(["sh", "-c", "cat '\(file)' | '\(t.settings.tool)' trace -o json -r -"])
        t.children.append(piped)
        piped.wait(milliseconds: t.allow(milliseconds: 10_000))
        t.expect(piped.output == live.child.output, "from a pipe: \(piped.errorText.suffix(200))")
    },

    Test("recording: what can't be read or written says so", dependsOnKernel: false) { t in
        let foreign = "\(t.scratch)/foreign"
        write(Array("not one of ours, but a text\n".utf8), to: foreign)
        let empty = "\(t.scratch)/empty"
        write([], to: empty)
        for (options, status, word) in [
            (["-r", "\(t.scratch)/absent"], 66, "No such file"), (["-r", t.scratch], 65, "directory"),
            (["-r", foreign], 65, "not a recording"), (["-r", empty], 65, "empty"),
            (["-w", "/dev/full", "-d", "100ms"], 1, "No space left"),
            (["-w", "\(t.scratch)/no/such/file"], 66, "No such file"), (["-w", "-"], 64, "standard output"),
            (["-r", foreign, "--pid", "1"], 64, "--pid"), (["-r", foreign, "--comm", "x"], 64, "--comm"),
            (["-r", foreign, "--exe", "/x"], 64, "--exe"), (["-r", foreign, "-u", "0"], 64, "--user"),
            (["-r", foreign, "--cgroup", "/"], 64, "--cgroup"), (["-r", foreign, "-w", "x"], 64, "--write"),
            (["-r", foreign, "--buffer-size", "1M"], 64, "--buffer-size"), (["-r", foreign, "--check"], 64, "--check"),
            (["-r", foreign, "--", "true"], 64, "PROGRAM"),
        ] {
            let run = try t.run(options)
            t.equal(run.status, .code(status), "the exit status of \(options)")
            t.expect(run.errors.contains(word), "\(options) said: \(run.errors.prefix(300))")
            t.equal(run.text, "", "the output of \(options)")
        }
    },
]

extension Context {
    /// Shows a recording.
    func replay(_ file: String, _ options: [String]) throws -> Child {
        let child = try start(options + ["-r", file])
        guard child.wait(milliseconds: allow(milliseconds: 60_000)) else { throw Stop.failed("the replay still runs") }
        return child
    }
}

/// The first line that is another.
private func difference(_ live: Child, _ replay: Child) -> String {
    let (a, b) = (lines(live.output), lines(replay.output))
    guard let index = zip(a, b).enumerated().first(where: { $1.0 != $1.1 })?.offset else {
        return "\(a.count) lines against \(b.count); \(replay.errorText.suffix(200))"
    }
    func text(_ line: [UInt8]) -> String { String(decoding: line, as: UTF8.self) }
    return "line \(index + 1): \(text(a[index]).suffix(400)) against \(text(b[index]).suffix(400))"
}

private func fileSize(_ path: String) -> Int? {
    var facts = stat()
    return unsafe stat(path, &facts) == 0 ? Int(facts.st_size) : nil
}

private func write(_ bytes: [UInt8], to path: String) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    defer { close(descriptor) }
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
}
