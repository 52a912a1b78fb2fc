// SPDX-License-Identifier: Apache-2.0

// Which fields, in which form, where to.

let fieldTests = [
    Test("fields: a subset, one less, one more", dependsOnKernel: false) { t in
        let subset = try t.run(["-o", "json", "--fields", "event.action,process.args"], ["true", "one"])
        let events = try lines(subset.child.output).map { try JSON(parsing: $0) }
        t.expect(!events.isEmpty, "no events: \(subset.errors)")
        for event in events { t.equal(Set(leaves(event)), ["event.action", "process.args"], "the fields") }
        t.expect(events.contains { $0["process.args"] == ["true", "one"] }, "the arguments")

        let whole = try t.trace([], ["true", "one"])
        let less = try t.trace(["--fields=-process.args"], ["true", "one"])
        let before = leaves(try t.require(whole.events.of("exec").first, "exec").json)
        let after = leaves(try t.require(less.events.of("exec").first, "exec").json)
        t.equal(Set(after), Set(before).subtracting(["process.args"]), "the fields")

        let more = try t.run(["--fields=+process.working_directory"], ["true"], directory: t.scratch)
        t.expect(more.text.contains(t.scratch), "no working directory in \(more.text)")
        let usual = try t.run([], ["true"], directory: t.scratch)
        t.expect(!usual.text.contains(t.scratch), "the working directory is there anyway: \(usual.text)")
    },

    Test("fields: --list-fields names every field that occurs", dependsOnKernel: false) { t in
        let list = try t.run(["--list-fields"], milliseconds: 5000)
        t.equal(list.status, .code(0), "the exit status")
        var meanings: [String: Int] = [:]
        for line in lines(list.text) {
            let words = line.split(separator: " ")
            meanings[words.first.map(String.init) ?? "", default: 0] += words.count - 1
        }
        let run = try t.trace([], workload("failing", t.scratch))
        let codes = try t.trace([], workload("signals", "9"))
        for event in run.events + codes.events {
            for leaf in leaves(event.json) where !leaf.hasPrefix("process.ancestors") {
                t.expect((meanings[leaf] ?? 0) > 0, "\(leaf) has no meaning in --list-fields")
            }
            if !t.failures.isEmpty { return }
        }
        for name in ["@timestamp", "process.exit_code", "process.tty.name", "ebpfguard.script", "ebpfguard.lost"] {
            t.expect(meanings[name] != nil, "\(name) is not in --list-fields")
        }
    },

    Test("output: --max-rate holds back, counts and says so", dependsOnKernel: false) { t in
        let child = try t.start(
            ["-o", "json", "--max-rate", "10"], ["sh", "-c", "for i in $(seq 100); do /bin/true $i; done"])
        let run = try t.finish(child, milliseconds: 20_000)
        t.equal(run.status, .code(0), "the exit status")
        let events = run.events.filter { $0.action != "loss" }
        let most = 10 * (Int(child.seconds) + 2)
        t.expect((5...most).contains(events.count), "\(events.count) events in \(child.seconds) s")
        t.expect((run.footer("seen") ?? 0) >= 300, "'seen' in the footer: \(run.errors)")
        t.equal(run.surelyLost, 0, "'lost' in the footer")
    },

    Test("output: JSON to a file, text on stdout", dependsOnKernel: false) { t in
        let file = "\(t.scratch)/events.json"
        let run = try t.run(["--output-file", file], ["true", "a-marked-argument"])
        t.equal(run.status, .code(0), "the exit status")
        let events = try lines(bytes(of: file) ?? []).map { Event(json: try JSON(parsing: $0)) }
        t.equal(events.of("exec").map(\.args), [["true", "a-marked-argument"]], "the execs in the file")
        t.equal(events.of("exit").count, 1, "the number of exits in the file")
        t.expect(run.text.contains("a-marked-argument"), "no text on stdout")
        t.expect(!run.text.contains("{"), "JSON on stdout")
    },
]

/// The dotted names of what is in an event; an array is one field.
private func leaves(_ value: JSON, prefix: String = "") -> [String] {
    guard let members = value.object else { return [prefix] }
    // ebpfguard.lost has a key for each kind that was lost.
    if prefix == "ebpfguard.lost" { return [prefix] }
    return members.flatMap { leaves($1, prefix: prefix.isEmpty ? $0 : "\(prefix).\($0)") }
}
