// SPDX-License-Identifier: Apache-2.0

// What a person sees.

private let long = String(repeating: "long-argument-", count: 30)

let textTests = [
    Test("text: in a pipe nothing is coloured or cut", dependsOnKernel: false) { t in
        for form in ["text", "wide"] {
            let run = try t.run(["-o", form], ["true", long, "last"])
            t.expect(run.text.contains(long), "\(form) is cut: \(run.text.prefix(300))")
            t.expect(run.text.contains("last"), "\(form) is cut")
            t.expect(!run.text.contains("\u{1B}"), "\(form) has escape sequences")
        }
    },

    Test("text: on a terminal of 80 columns lines fit and are coloured", dependsOnKernel: false) { t in
        let words = ["sh", "-c", "true \"$0\"; /bin/true é€😀 \"$0\"; /bin/false; no-such-program", long]
        let run = try t.run([], words, environment: ["TERM=xterm"], columns: 80)
        t.expect(run.text.contains("\u{1B}["), "no colour")
        t.expect(lines(run.text).count >= 4, "no lines: \(run.text)")
        for line in lines(plain(run.text)) {
            t.expect(line.count <= 80, "\(line.count) columns: \(line)")
            t.expect(!line.contains("\u{1B}"), "an escape sequence that is no colour: \(line)")
        }
        let wider = try t.run([], words, environment: ["TERM=xterm"], columns: 160)
        t.expect(lines(plain(wider.text)).contains { $0.count > 80 }, "160 columns are not used")
        t.expect(lines(plain(wider.text)).allSatisfy { $0.count <= 160 }, "a line has more than 160 columns")
    },

    Test("text: NO_COLOR and --color", dependsOnKernel: false) { t in
        let words = ["true"]
        let terminal = ["TERM=xterm"]
        let silent = try t.run([], words, environment: terminal + ["NO_COLOR=1"], columns: 80)
        t.expect(!silent.text.contains("\u{1B}"), "coloured in spite of NO_COLOR")
        let never = try t.run(["--color", "never"], words, environment: terminal, columns: 80)
        t.expect(!never.text.contains("\u{1B}"), "coloured in spite of --color never")
        let always = try t.run(["--color", "always"], words)
        t.expect(always.text.contains("\u{1B}["), "--color always has no colour")
        let json = try t.run(["-o", "json"], words, environment: terminal, columns: 80)
        t.expect(!json.text.contains("\u{1B}"), "JSON is coloured")
        for line in lines(json.child.output) { _ = try JSON(parsing: line) }
    },

    Test("terminal: interactive processes and the name of their terminal") { t in
        let run = try t.run(["-o", "json"], ["true"], columns: 80)
        let events = try t.events(of: run.child)
        let exec = try t.require(events.of("exec").first, "exec")
        t.equal(exec["process.interactive"], true, "process.interactive")
        let name = exec["process.tty.name"]?.string ?? ""
        t.expect(name.hasPrefix("pts/") && Int(name.dropFirst(4)) != nil, "process.tty.name is \(name)")

        // A session of its own has none.
        let away = try t.run(["-o", "json"], workload("session", resolvedCommand("true")), columns: 80)
        let last = try t.require(try t.events(of: away.child).of("exec").last, "exec")
        t.equal(last.args, [resolvedCommand("true")], "process.args")
        t.expect(last["process.interactive"] != true, "process.interactive without a terminal")
        t.equal(last["process.tty.name"], nil, "process.tty.name without a terminal")
    },
]

/// Without what changes the colour only.
private func plain(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "\u{1B}[") {
        result += rest[..<start.lowerBound]
        let sequence = rest[start.upperBound...]
        guard let end = sequence.firstIndex(where: { $0 == "m" }),
            sequence[..<end].allSatisfy({ $0.isNumber || $0 == ";" })
        else { return text }
        rest = sequence[sequence.index(after: end)...]
    }
    return result + rest
}
