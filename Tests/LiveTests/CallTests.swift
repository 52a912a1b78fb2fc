// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// System calls: each that a thread makes, in its order, with its result, and nothing else.

let callTests = [
    Test("call: every call of a program, as it notes them itself") { t in
        let run = try traceCalls(t)
        let calls = byThread(run.told)
        let notes = try notes(of: "\(t.scratch)/log")
        t.equal(calls.count, notes.count, "the number of threads")
        for note in notes {
            let tid = note.first { $0.name == "gettid" }?.result ?? 0
            guard let events = calls.first(where: { $0.tid == tid })?.events else {
                t.fail("nothing of thread \(tid)")
                continue
            }
            // What the C library did before the first note is not in the log.
            let start = events.firstIndex { note[0].matches($0) } ?? 0
            let seen = events[start...].prefix(note.count)
            for (event, call) in zip(seen, note) where !call.matches(event) {
                t.fail("\(Call(event)) instead of \(call)")
            }
            t.expect(seen.count == note.count, "\(seen.count) calls of \(note.count) of thread \(tid)")
            let rest = events.count - start - note.count
            t.expect(rest == 0 || note.last?.name == "execve", "\(rest) calls too many of thread \(tid)")
        }
        t.equal(run.surelyLost, 0, "'lost' in the footer")
        checkArguments(t, run.told)
    },

    // On this host only: strace stops every call twice, which takes minutes where the CPU is emulated. The calls are the
    // same on every kernel, and the test above holds them to the program's own log.
    Test("strace: the same calls as strace -f", dependsOnKernel: false) { t in
        let strace = resolvedCommand("strace")
        guard unsafe access(strace, X_OK) == 0 else { throw Stop.skipped("strace is not installed") }
        let output = "\(t.scratch)/strace"
        // Raw: no structure and no text in it can look like a result.
        let child = try Child([strace, "-f", "-e", "raw=all", "-o", output] + callWords(t))
        let other = try t.finish(child, milliseconds: 20_000, isJSON: false)
        t.equal(other.status, .code(0), "the exit status under strace")
        let expected = try parseStrace(try t.require(contents(of: output), "output of strace"))
        let run = try traceCalls(t)
        let actual = byThread(run.told)
        t.equal(actual.count, expected.count, "the number of threads")
        var compared = 0
        for (number, (mine, theirs)) in zip(actual, expected).enumerated() {
            t.equal(mine.events.count, theirs.count, "the number of calls of thread \(number)")
            for (event, line) in zip(mine.events, theirs) {
                compared += 1
                let call = Call(event)
                let name = differentNames[line.name] ?? line.name
                let isSame =
                    name == "rt_sigreturn" || call.shown == line.result
                    || (differentResults[name] != nil && call.isError == line.isError)
                if call.name != name || !isSame {
                    t.fail("thread \(number): \(call), strace has \(line.name) = \(line.result)")
                }
            }
        }
        t.expect(compared > 200, "only \(compared) calls were compared")
    },

    Test("call: 32-bit and x32 calls have their own names") { t in
        let run = try t.trace(["--syscalls"], workload("abis"), status: nil)
        let said = lines(run.said).filter { $0.hasPrefix("call ") }
        if run.status == .code(77) {
            throw Stop.skipped("this kernel refuses 32-bit calls")
        }
        let other = run.told.filter { $0["ebpfguard.syscall.abi"] != "x86-64" }
        let seen = other.map { event in
            let call = Call(event)
            return "call \(event["ebpfguard.syscall.abi"]?.string ?? "") \(call.name) \(call.result ?? 0)"
        }
        t.equal(seen, said, "the calls")
        t.equal(said.count, 10, "the number of calls")
        let opens = other.filter { $0["ebpfguard.syscall.name"] == "open" }
        t.equal(opens.first?["ebpfguard.syscall.args"], ["/missing/by/i386", "O_RDONLY"], "what open was given")
        t.equal(opens.first?["error.code"], "ENOENT", "error.code")
        t.equal(opens.first?["file.path"], "/missing/by/i386", "file.path")
        t.equal(opens.first?["event.category"], ["file"], "event.category")
        t.equal(
            opens.map { $0["event.outcome"] }, ["failure", "success", "failure"], "the outcomes of open by i386 and x32"
        )

        let one = try t.trace(["--syscalls=getpid"], workload("abis"))
        t.equal(
            one.told.filter { $0["ebpfguard.syscall.abi"] != "x86-64" }.map { $0["ebpfguard.syscall.abi"] },
            ["i386", "x32"], "the tables of --syscalls=getpid")
        t.expect(one.told.allSatisfy { $0["ebpfguard.syscall.name"] == "getpid" }, "something else than getpid")
    },

    Test("call: only what was asked for, only by whom") { t in
        let some = try traceCalls(t, ["--syscalls=%network,!socketpair", "--events", "syscall"]).told
        t.expect(some.contains { $0["ebpfguard.syscall.name"] == "connect" }, "no connect in %network")
        t.expect(!some.contains { $0["ebpfguard.syscall.name"] == "socketpair" }, "a socketpair, which was excluded")
        t.expect(!some.contains { $0["ebpfguard.syscall.name"] == "open" }, "an open in %network")
        let refused = some.filter { $0["error.code"] == "ECONNREFUSED" }
        t.equal(refused.count, 1, "the number of refused connections")
        t.equal(refused.first?["destination.ip"], "127.0.0.1", "destination.ip")
        t.expect((refused.first?["destination.port"]?.integer ?? 0) > 0, "no destination.port")
        t.equal(refused.first?["event.category"], ["network"], "event.category")
        if t.settings.isSlow { return }

        // The program that is executed has the name of its file.
        let named = try traceCalls(t, ["--syscalls", "--comm", "program"]).told
        t.equal(named.map { Call($0).name }, ["execve", "exit_group"], "the calls with --comm")
        let program = try traceCalls(t, ["--syscalls", "--exe", "\(t.scratch)/program"]).told
        t.equal(program.map { Call($0).name }, ["execve", "exit_group"], "the calls with --exe")
        let both = try traceCalls(t, ["--syscalls=exit_group", "--events", "exec,exit,syscall", "--comm", "program"])
            .told
        t.equal(both.map(\.action), ["exec", "syscall", "exit"], "the events in their order")
    },

    Test("call: one that was under way before, one whose thread is killed") { t in
        let sleeper = try Child(workload("wait-for-input"))
        sleeper.wait(milliseconds: t.allow(milliseconds: 300)) { _ in false }
        let child = try t.watch(["-o", "json", "--syscalls", "-p", "\(sleeper.pid)"])
        sleeper.closeInput()
        sleeper.wait(milliseconds: t.allow(milliseconds: 2000))
        let run = try t.stop(child)
        let calls = run.told
        t.expect(calls.allSatisfy { $0.pid == sleeper.pid }, "calls of others with -p")
        let first = try t.require(calls.first, "call")
        t.equal(first["ebpfguard.syscall.name"], "read", "the call that was under way")
        t.equal(first["ebpfguard.syscall.return"], 0, "its result")
        t.equal(first["event.outcome"], "success", "its outcome")
        t.equal(first["event.duration"], nil, "its duration")
        t.equal(calls.last.map { Call($0).name }, "exit_group", "the last call")
        t.equal(calls.last?["ebpfguard.syscall.return"], nil, "the result of exit_group")
        t.equal(calls.last?["event.outcome"], nil, "the outcome of exit_group")

        let killed = try t.trace(["--syscalls=read", "--events", "syscall,exit"], workload("killed-in-call"))
        let events = killed.told
        t.equal(events.map(\.action), ["syscall", "exit", "syscall", "exit"], "two reads and two ends")
        // The program has no result of it, but the kernel ends the call before it ends the thread.
        for event in events where event.action == "syscall" {
            t.equal(event["ebpfguard.syscall.name"], "read", "the call of a thread that was killed")
            t.equal(event["error.code"], "ERESTARTSYS", "its result")
            t.expect((event["event.duration"]?.integer ?? 0) > 100_000_000, "it slept for 200 ms")
        }
        t.equal(killed.surelyLost, 0, "'lost' in the footer")
        t.equal(events.first?.pid, events.dropFirst().first?.pid, "the process that was killed")
        t.expect(events.dropFirst(2).first?["process.thread.id"] != nil, "the thread that was ended")
    },

    Test("call: nothing of the tool itself, and the program's first call is its execve") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(["--syscalls"], [program])
        t.equal(run.told.map { Call($0).name }, ["execve", "exit_group"], "the calls of a program of two")
        let exec = try t.require(run.told.first, "execve")
        t.equal(exec["ebpfguard.syscall.args.0"], .string(program), "what execve was given")
        t.equal(exec["process.executable"], .string(program), "process.executable")
        t.equal(exec["file.path"], .string(program), "file.path")
        t.equal(exec["process.name"], "program", "process.name")
        t.expect((exec["event.duration"]?.integer ?? 0) > 0, "no duration of execve")

        // All of this host, for a moment: bounded by a count, and `Laws` looks for the tool.
        let all = try t.run(["-o", "json", "--syscalls", "-c", "500", "-d", "2s"])
        t.equal(all.status, .code(0), "the exit status")
        t.expect(try t.events(of: all.child).count <= 500, "more than 500 events")
    },

    Test("call: nobody reads, and every call that is missing is counted") { t in
        let count = t.settings.isSlow ? 4000 : 20_000
        let child = try t.start(
            [
                "-o", "json", "--strict", "--buffer-size", "64K", "--syscalls=getppid", "--events",
                "exec,fork,exit,syscall",
            ],
            workload("many-calls", "\(count)"))
        child.readsOutput = false
        let isOver = child.wait(milliseconds: t.allow(milliseconds: 15_000)) { $0.errorText.contains("over\n") }
        guard isOver else { throw Stop.failed("a tool that cannot write stops the program") }
        child.readsOutput = true
        let run = try t.finish(child, milliseconds: 20_000)
        let calls = run.events.filter { $0.action == "syscall" }.count
        let losses = run.events.filter { $0.action == "loss" }
        let lost = losses.reduce(0) { $0 + $1.lost }
        // Of programs that the kernel skipped: it may have been for what they would not have reported.
        let skipped = losses.reduce(0) { $0 + ($1["ebpfguard.lost.skipped"]?.integer ?? 0) }
        let missing = count - calls
        t.expect(missing > 0, "nothing is missing, so this test shows nothing")
        if skipped == 0 { t.equal(lost, missing, "the sum of the loss events") }
        t.expect(lost - skipped <= missing && missing <= lost, "\(missing) missing, \(lost) lost, \(skipped) skipped")
        t.equal(run.footer("lost"), lost, "'lost' in the footer")
        t.equal(run.status, .code(4), "the exit status")
        t.equal(run.events.of("exec").count, 1, "the number of execs")
        t.equal(run.events.of("fork").count, 10, "the number of forks")
        t.equal(run.events.of("exit").count, 11, "the number of exits")
    },
]

// MARK: - The workload and its log

/// `live-tests workload calls` with its log, and an empty directory.
private func callWords(_ t: Context) throws -> [String] {
    let program = try makeProgram("\(t.scratch)/program")
    let place = "\(t.scratch)/place"
    unsafe live_remove(place)
    try makeDirectory(place)
    return workload("calls", "\(t.scratch)/log", place, program)
}

private func traceCalls(_ t: Context, _ options: [String] = ["--syscalls"]) throws -> Run {
    try t.trace(options, callWords(t))
}

/// A call and what came out of it.
private struct Call: CustomStringConvertible {
    let name: String
    /// Nil when it has none.
    let result: Int?
    /// The name of the errno.
    let error: String?

    init(_ event: Event) {
        name = event["ebpfguard.syscall.name"]?.string ?? ""
        result = event["ebpfguard.syscall.return"]?.integer
        error = event["error.code"]?.string
    }

    var isError: Bool { error != nil }
    var shown: String { error ?? result.map { "\($0)" } ?? "?" }
    var description: String { "\(name) = \(shown)" }
}

/// A line of the log.
private struct Note: CustomStringConvertible {
    let name: String
    let result: Int

    var description: String { "\(name) = \(result)" }

    func matches(_ event: Event) -> Bool {
        let call = Call(event)
        guard call.name == name else { return false }
        // What it returns is what a register had before the signal.
        if name == "rt_sigreturn" { return call.error == nil && event["event.outcome"] != "failure" }
        if name == "exit" || name == "exit_group" {
            return call.result == nil && event["event.duration"] == nil && event["event.outcome"] == nil
        }
        let isFailure = (-4095 ... -1).contains(result)
        return call.result == result && call.isError == isFailure
            && event["ebpfguard.errno"]?.integer == (isFailure ? -result : nil)
            && event["event.outcome"] == (isFailure ? "failure" : "success") && event["event.duration"] != nil
    }
}

/// By thread, in the order of their first notes.
private func notes(of path: String) throws -> [[Note]] {
    guard let log = bytes(of: path) else { throw Stop.failed("no log of the workload") }
    let lineSize = 48
    let threadSize = 256 * lineSize
    return stride(from: 0, to: log.count / threadSize * threadSize, by: threadSize).compactMap { start in
        let text = String(decoding: log[start..<start + threadSize].filter { $0 != 0 }, as: UTF8.self)
        let notes = lines(text).compactMap { line -> Note? in
            let words = line.split(separator: " ")
            return words.count == 2 ? Int(words[1]).map { Note(name: String(words[0]), result: $0) } : nil
        }
        return notes.isEmpty ? nil : notes
    }
}

/// The calls of each thread, in the order in which the threads appear.
private func byThread(_ events: [Event]) -> [(tid: Int, events: [Event])] {
    var threads: [(tid: Int, events: [Event])] = []
    for event in events {
        let tid = event["process.thread.id"]?.integer ?? event.pid
        if let place = threads.firstIndex(where: { $0.tid == tid }) {
            threads[place].events.append(event)
        } else {
            threads.append((tid, [event]))
        }
    }
    return threads
}

/// A few of each kind of argument; unit tests have the rest.
private func checkArguments(_ t: Context, _ events: [Event]) {
    let shown = Set(
        events.map { event in
            "\(Call(event).name)(\((event["ebpfguard.syscall.args"]?.strings ?? []).joined(separator: ", ")))"
        })
    for call in [
        "close(-9)", "open(missing, O_RDONLY)", "open(., O_WRONLY)", "open(file, O_RDWR|O_CREAT|O_CLOEXEC, 0640)",
        "open(0x10, O_RDONLY)", "mkdir(inner, 0755)", "rename(copy, inner/copy)", "symlink(file, symlink)",
        "unlinkat(AT_FDCWD, inner/copy, 0)", "faccessat2(AT_FDCWD, file, R_OK, AT_EACCESS)", "kill(1073741823, 0)",
        "connect(999, 127.0.0.1:", "syscall_999(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)", "access(child, F_OK)",
        "memfd_create(memory, 0)", "getpid()", "exit(3)", "exit_group(0)",
    ] {
        t.expect(shown.contains { $0.hasPrefix(call) }, "no \(call)")
    }
    let open = events.first { $0["ebpfguard.syscall.args.0"] == "missing" && Call($0).name == "open" }
    t.equal(open?["event.category"], ["file"], "the category of open")
    t.equal(open?["error.code"], "ENOENT", "the error of open")
    t.equal(open?["ebpfguard.syscall.abi"], "x86-64", "ebpfguard.syscall.abi")
    let accept = events.first { Call($0).name == "getsockname" }
    t.expect(accept?["ebpfguard.syscall.args.1"]?.string?.hasPrefix("127.0.0.1:") == true, "no address of getsockname")
}

// MARK: - strace

/// Calls whose results differ from run to run, each with the reason. Whether they fail is still compared.
private let differentResults = [
    "brk": "an address",
    "mmap": "an address",
    "mremap": "an address",
    "set_tid_address": "a thread id",
    "gettid": "a thread id",
    "clone3": "a thread id",
    "getpid": "a process id",
    "getppid": "a process id",
    "getpgrp": "a process id, and strace starts no group of its own",
    "fork": "a process id",
    "vfork": "a process id",
    "wait4": "a process id",
]
// And rt_sigreturn has no result: it is what a register had before the signal, which strace takes for an error.

/// What strace calls what it does not know.
private let differentNames = ["syscall_0x3e7": "syscall_999"]

private struct StraceLine {
    let name: String
    /// A decimal number, the name of an error, or "?".
    let result: String

    var isError: Bool { result.first?.isLetter ?? false }
}

/// The calls of each thread of `strace -f -e raw=all`, in the order in which the threads appear.
private func parseStrace(_ text: String) throws -> [[StraceLine]] {
    var order: [Substring] = []
    var calls: [Substring: [StraceLine]] = [:]
    for line in text.split(separator: "\n") {
        let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard words.count == 2 else { throw Stop.failed("strace says \(line)") }
        let call = words[1].drop { $0 == " " }
        // Signals and ends; a call that another line ends.
        if call.hasPrefix("---") || call.hasPrefix("+++") || call.hasSuffix("<unfinished ...>") { continue }
        if calls[words[0]] == nil { order.append(words[0]) }
        let resumed = call.hasPrefix("<... ")
        let name = call.dropFirst(resumed ? 5 : 0).prefix { $0 != " " && $0 != "(" }
        // Raw arguments have no " = ".
        let parts = call.split(separator: " ")
        guard let equals = parts.lastIndex(of: "="), equals + 1 < parts.count else {
            throw Stop.failed("strace says \(line)")
        }
        calls[words[0], default: []].append(
            StraceLine(name: String(name), result: straceResult(parts[(equals + 1)...])))
    }
    return order.map { calls[$0] ?? [] }
}

/// "0x10", "-1 ENOENT (No such file or directory)", "?".
private func straceResult(_ words: ArraySlice<Substring>) -> String {
    let first = words.first ?? ""
    if let error = words.dropFirst().first, first == "-1" || first == "?", !error.hasPrefix("(") {
        return String(error)
    }
    if first.hasPrefix("0x"), let number = UInt64(first.dropFirst(2), radix: 16) {
        return "\(Int64(bitPattern: number))"
    }
    return String(first)
}
