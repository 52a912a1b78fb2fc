// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Numbers instead of events, and fewer events: the numbers are those of what was done.

private let summaryOnly = ["--summary", "--syscalls=getppid,openat"]

let summaryTests = [
    Test("summary: programs of a loop, by their file") { t in
        let count = t.settings.isSlow ? 50 : 500
        let run = try t.trace(["--summary"], ["sh", "-c", loop(count)])
        let rows = run.told
        t.expect(rows.allSatisfy { $0.action == "summary" }, "events with --summary")
        t.expect(rows.allSatisfy { $0.summary("by") == "executable" }, "rows by something else")
        let program = try t.require(rows.row { $0["process.executable"] == .string(resolved("/bin/true")) }, "row")
        t.equal(program.summary("group"), .string(resolved("/bin/true")), "the group")
        t.equal(program.summary("starts"), .integer(count), "the starts")
        t.equal(program.summary("exits"), .integer(count), "the exits")
        for name in ["failures", "failed_exits", "killed"] { t.equal(program.summary(name), 0, name) }
        let (average, longest) = (program.number("lifetime_average"), program.number("lifetime_longest"))
        t.expect(average > 0 && average <= longest, "a life of \(average) ns on average, \(longest) ns at most")
        t.equal(rows.reduce(0) { $0 + $1.number("starts") }, count + 2, "the starts of all")
        t.equal(rows.reduce(0) { $0 + $1.number("exits") }, count + 2, "the exits of all")
        t.equal(run.surelyLost, 0, "'lost' in the footer")
        t.equal(run.footer("printed"), rows.count, "'printed' in the footer")
        let seen = (run.footer("seen") ?? 0) - (run.footer("filtered") ?? 0)
        t.equal(run.footer("summed"), seen, "'summed up' in the footer")
    },

    Test("summary: what failed and what was killed") { t in
        let script = "for i in 1 2 3; do /no/such; done; sh -c 'exit 3'; sh -c 'kill -9 $$'; exec /bin/true"
        let run = try t.trace(["--summary", "--by", "process"], ["sh", "-c", script])
        t.equal(run.told.reduce(0) { $0 + $1.number("starts") }, 4, "the starts")
        t.equal(run.told.reduce(0) { $0 + $1.number("exits") }, 6, "the exits")
        t.equal(run.told.reduce(0) { $0 + $1.number("failed_exits") }, 4, "the exits with another status than 0")
        t.equal(run.told.reduce(0) { $0 + $1.number("killed") }, 1, "those that were killed")
        t.equal(run.told.reduce(0) { $0 + $1.number("failures") }, 3, "the execs that failed")
        t.expect(run.told.allSatisfy { $0.pid > 0 && $0["process.entity_id"] != nil }, "a process without its pid")
        let killed = run.told.filter { $0.number("killed") == 1 }
        t.equal(killed.map { $0["process.name"] }, ["sh"], "who was killed")
    },

    Test("summary: system calls, by call, as the kernel counts them") { t in
        let run = try t.trace(["--summary", "--syscalls"], workload("counted-calls", "700", "30"))
        checkCounts(t, run.told, 700, 30)
        t.expect(run.told.allSatisfy { $0.summary("by") == "syscall" }, "rows by something else")
        t.expect(run.told.allSatisfy { $0["ebpfguard.syscall.abi"] == .string(nativeABI) }, "calls of another table")
        t.equal(run.told.counts("exit_group"), Counts(1, 0), "exit_group")
        let calls = run.told.reduce(0) { $0 + $1.number("calls") }
        t.equal(run.footer("calls"), calls, "'calls counted' in the footer")
        t.equal(run.surelyLost, 0, "'lost' in the footer")
    },

    Test("summary: system calls of each process, executable, user and container") { t in
        for by in ["process", "executable", "user", "container", "pod"] {
            let run = try t.trace(summaryOnly + ["--by", by], workload("counted-calls", "300", "20"))
            checkCounts(t, run.told, 300, 20)
            let calls = run.told.filter { $0["ebpfguard.syscall.name"] != nil }
            t.equal(Set(calls.map { $0.summary("by")?.string }), [by], "what the rows are by")
            for row in calls {
                switch by {
                case "process":
                    t.equal(row["process.name"], .string(String(nameOfOwnFile.prefix(15))), "process.name")
                    t.expect(row.pid > 0 && row["process.entity_id"] != nil, "no process in \(row.json)")
                case "executable": t.equal(row["process.executable"], .string(ownPath), "process.executable")
                case "user": t.equal(row["user.id"], "0", "user.id")
                default: t.expect(row["process.linux.cgroup"]?.string != nil, "no cgroup in \(row.json)")
                }
            }
            t.equal(Set(calls.map { $0.summary("group")?.string }).count, 1, "the groups by \(by)")
            if !t.failures.isEmpty { return }
        }
    },

    Test("summary: system calls of one running process, and no others") { t in
        let child = try Child(workload("counted-calls", "400", "25", "wait"))
        t.children.append(child)
        let watcher = try t.watch(["-o", "json", "-p", "\(child.pid)"] + summaryOnly)
        // Of the same calls, by somebody else.
        let other = try Child(workload("counted-calls", "90", "90"))
        other.wait(milliseconds: t.allow(milliseconds: 2000))
        child.closeInput()
        child.wait(milliseconds: t.allow(milliseconds: 2000))
        t.equal(child.status, .code(0), "the exit status of the workload")
        let run = try t.stop(watcher)
        checkCounts(t, run.told, 400, 25)
        t.equal(run.told.count, 2, "the number of rows")
    },

    Test("summary: calls by other tables are rows of their own") { t in
        let run = try t.trace(["--summary", "--syscalls"], workload("abis"), status: nil)
        if run.status == .code(77) { throw Stop.skipped("this kernel refuses 32-bit calls") }
        var said: [String: Counts] = [:]
        for line in lines(run.said) where line.hasPrefix("call ") {
            let words = line.split(separator: " ")
            let isError = (-4095 ... -1).contains(Int(words[3]) ?? 0)
            said["\(words[1]) \(words[2])", default: Counts(0, 0)] += Counts(1, isError ? 1 : 0)
        }
        var told: [String: Counts] = [:]
        for row in run.told {
            let abi = row["ebpfguard.syscall.abi"]?.string ?? ""
            if abi == nativeABI { continue }
            let name = row["ebpfguard.syscall.name"]?.string ?? ""
            told["\(abi) \(name)"] = Counts(row)
            t.equal(row.summary("group"), .string("\(name) (\(abi))"), "the group")
        }
        t.equal(told, said, "the calls of other tables")
        t.expect(said.count >= 8, "only \(said.count) calls of other tables")
    },

    Test("summary: after the events, with the same numbers", dependsOnKernel: false) { t in
        let run = try t.trace(
            ["--summary=also", "--syscalls=getppid,openat"], workload("counted-calls", "200", "15"))
        let events = run.told.filter { $0.action == "syscall" }
        let rows = run.told.filter { $0.action == "summary" }
        t.equal(run.told.drop { $0.action == "syscall" }.count, rows.count, "the rows behind the events")
        checkCounts(t, rows, 200, 15)
        for name in ["getppid", "openat"] {
            let these = events.filter { $0["ebpfguard.syscall.name"] == .string(name) }
            t.equal(rows.counts(name), Counts(these.count, these.failures.count), "\(name) in rows and events")
            let time = these.reduce(0) { $0 + ($1["event.duration"]?.integer ?? 0) }
            let row = rows.row { $0["ebpfguard.syscall.name"] == .string(name) }
            t.equal(row?.number("time"), time, "the time of \(name)")
        }
    },

    Test("summary: a table on standard output, notes on standard error, nothing else", dependsOnKernel: false) { t in
        let script = "/bin/true; /bin/true; (exit 3); true"
        let run = try t.run(["--summary", "--top", "1"], ["sh", "-c", script])
        let text = lines(run.text).map { String($0) }
        t.equal(text.count, 4, "the number of lines: \(run.text)")
        t.expect(text.first?.hasPrefix("STARTS  FAILED  EXITS") == true, "the titles: \(run.text)")
        t.expect(text.dropFirst().first?.hasSuffix(resolved("/bin/true")) == true, "the first row: \(run.text)")
        t.expect(text.dropFirst(2).first?.hasSuffix("… and 1 more") == true, "what is left out: \(run.text)")
        t.expect(text.last?.hasSuffix("  total") == true, "the last row: \(run.text)")
        t.expect(run.errors.contains(" summed up"), "the footer: \(run.errors)")
        t.expect(!run.errors.contains("WHAT"), "titles of events: \(run.errors)")
        let json = try t.trace(["--summary", "--top", "1"], ["sh", "-c", script])
        t.equal(json.told.map { $0.number("starts") }, [2, 1], "the rows of JSON")
        t.equal(json.told.last?.summary("group"), "(others)", "the last row of JSON")
        let quiet = try t.run(["-q", "--summary"], ["true"])
        t.equal(quiet.errors, "", "standard error with -q")
        for options in [[], ["--syscalls"], ["--syscalls", "--by", "process"], ["--signals"]] {
            let narrow = try t.run(
                ["--summary", "--color", "never"] + options, ["sh", "-c", script], environment: ["TERM=xterm"],
                columns: 80)
            t.expect(narrow.text.contains("  total") || options == ["--signals"], "no table with \(options)")
            for line in lines(narrow.text) where line.unicodeScalars.count > 80 { t.fail("wider than 80: \(line)") }
        }
        let coloured = try t.run(["--summary"], ["sh", "-c", script], environment: ["TERM=xterm"], columns: 80)
        t.expect(coloured.text.contains("\u{1b}["), "no colours on a terminal: \(coloured.text)")
    },

    Test("summary: --dedup tells the first, then how many there were", dependsOnKernel: false) { t in
        let count = t.settings.isSlow ? 20 : 200
        let script = "for i in $(seq \(count)); do /bin/true; done"
        for options in [["--events", "exec,exit"], []] {
            let run = try t.trace(["--dedup", "10m"] + options, ["sh", "-c", script])
            let programs = run.events.of("exec").with(args: ["/bin/true"])
            t.equal(programs.count, 2, "the number of /bin/true")
            t.equal(programs.first?["ebpfguard.repeats"], nil, "the repeats of the first")
            t.equal(programs.last?["ebpfguard.repeats"], .integer(count - 1), "the repeats of the last")
            t.expect(programs.first?.pid != programs.last?.pid, "both are of one process")
            let ends = run.events.of("exit").with(args: ["/bin/true"])
            t.equal(ends.compactMap { $0["ebpfguard.repeats"] }, [.integer(count - 1)], "the repeats of the exits")
            let repeats = run.events.reduce(0) { $0 + ($1["ebpfguard.repeats"]?.integer ?? 0) }
            let firsts = run.told.filter { $0["ebpfguard.repeats"] == nil }.count
            t.equal(run.footer("folded"), repeats, "'folded' in the footer")
            t.equal(
                firsts + repeats, (run.footer("seen") ?? 0) - (run.footer("filtered") ?? 0),
                "first events and repeats: \(run.errors)")
            t.equal(run.surelyLost, 0, "'lost' in the footer")
        }
        let text = try t.run(["--dedup", "10m", "--events", "exec"], ["sh", "-c", script])
        let all = lines(text.text).filter { $0.contains(resolved("/bin/true")) }
        t.equal(all.count, 2, "the lines of /bin/true: \(text.text)")
        t.expect(all.last?.contains("… repeated \(count - 1) times in ") == true, "the last: \(text.text)")
    },

    Test("summary: a replay gives the same summaries, and folds the same", dependsOnKernel: false) { t in
        let program = ["sh", "-c", "for i in 1 2 3 4 5; do /bin/true; /no/such; done; kill -0 $$; true"]
        for options in [
            ["--summary"], ["--summary", "-o", "json"], ["--summary=also"], ["--summary", "--by", "process"],
            ["--summary", "--by", "user", "--syscalls", "-o", "json"], ["--summary", "--syscalls", "--top", "3"],
            ["--summary", "--signals=all", "--events", "signal,exec"], ["--dedup", "10s"],
            ["--dedup", "1ms", "-o", "json"], ["--dedup", "10s", "--syscalls", "--summary=also", "-o", "json"],
        ] {
            let file = "\(t.scratch)/rec"
            let live = try t.run(options + ["-w", file], program)
            t.equal(live.status, .code(0), "the exit status of \(options): \(live.errors)")
            let replay = try t.run(options + ["-r", file])
            t.expect(lines(live.text).count > 2, "only \(lines(live.text).count) lines with \(options)")
            if replay.text != live.text {
                t.fail("\(options): \(live.text.suffix(900)) against \(replay.text.suffix(900))")
            }
            for word in ["seen", "printed", "summed", "folded"] {
                t.equal(replay.footer(word), live.footer(word), "'\(word)' of \(options)")
            }
            if !t.failures.isEmpty { return }
        }
    },

    Test("summary: what makes no sense is refused", dependsOnKernel: false) { t in
        for (options, word) in [
            (["--by", "user"], "add --summary"), (["--top", "5"], "add --summary"),
            (["--summary", "--by", "syscall"], "no system calls"), (["--summary", "--by", "colour"], "--by"),
            (["--summary", "--top", "0"], "--top"), (["--summary", "--top", "x"], "--top"),
            (["--summary=x"], "write only or also"), (["--dedup", "x"], "not a time"),
            (["--dedup", "0"], "not a time"),
            (["--summary", "--syscalls", "-c", "5"], "--count"), (["--summary", "--max-rate", "5"], "--max-rate"),
            (["--summary", "--dedup", "1s"], "--dedup"),
        ] {
            let run = try t.run(options + ["-d", "1s"])
            t.equal(run.status, .code(64), "the exit status of \(options)")
            t.expect(run.errors.contains(word), "\(options) said: \(run.errors.prefix(300))")
            t.equal(run.text, "", "the output of \(options)")
        }
    },
]

private func loop(_ count: Int) -> String {
    "for i in $(seq \(count)); do /bin/true $i; done"
}

private var nativeABI: String {
    #if arch(arm64)
        "arm64"
    #else
        "x86-64"
    #endif
}

private var nameOfOwnFile: Substring {
    ownPath.split(separator: "/").last ?? ""
}

private struct Counts: Equatable, CustomStringConvertible {
    var calls: Int
    var errors: Int

    init(_ calls: Int, _ errors: Int) {
        self.calls = calls
        self.errors = errors
    }

    init(_ row: Event) {
        self.init(row.number("calls"), row.number("errors"))
    }

    static func += (left: inout Counts, right: Counts) {
        left.calls += right.calls
        left.errors += right.errors
    }

    var description: String { "\(calls) calls, \(errors) errors" }
}

/// What counted-calls has done.
private func checkCounts(_ t: Context, _ rows: [Event], _ calls: Int, _ errors: Int) {
    t.equal(rows.counts("getppid"), Counts(calls, 0), "getppid")
    t.equal(rows.counts("openat"), Counts(errors, errors), "openat")
    for row in rows where row.number("calls") > 0 && row["ebpfguard.syscall.name"] != "exit_group" {
        let (time, average) = (row.number("time"), row.number("average"))
        t.expect(time > 0 && average == time / row.number("calls"), "\(average) ns of \(time) ns in \(row.json)")
    }
}

extension Event {
    fileprivate func summary(_ name: String) -> JSON? { json["ebpfguard.summary.\(name)"] }
    fileprivate func number(_ name: String) -> Int { summary(name)?.integer ?? 0 }
}

extension [Event] {
    fileprivate func row(_ isIt: (Event) -> Bool) -> Event? {
        let rows = filter(isIt)
        return rows.count == 1 ? rows[0] : nil
    }

    fileprivate func counts(_ call: String) -> Counts? {
        row { $0["ebpfguard.syscall.name"] == .string(call) }.map { Counts($0) }
    }
}
