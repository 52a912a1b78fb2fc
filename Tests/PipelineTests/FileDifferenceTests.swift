// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Pipeline

struct FileDifferenceTests {
    private static let who = FileDifference.Who(pid: 1, name: "sh")

    private static func place(_ path: String, container: String = "") -> FileDifference.Place {
        .init(container: Array(container.utf8), path: Array(path.utf8))
    }

    /// What is done, and what is left of it.
    struct Case: CustomTestStringConvertible {
        let acts: [String]
        let rows: [String]

        init(_ acts: [String], leaves rows: [String]) {
            self.acts = acts
            self.rows = rows
        }

        var testDescription: String { acts.joined(separator: ", ") }
    }

    @Test(arguments: [
        Case(["create /a"], leaves: ["created /a"]),
        Case(["create /a", "write /a"], leaves: ["created /a [content]"]),
        Case(["create /a", "remove /a"], leaves: []),
        Case(["remove /a"], leaves: ["deleted /a"]),
        Case(["write /a"], leaves: ["changed /a [content]"]),
        Case(["write /a", "mode /a"], leaves: ["changed /a [content,mode]"]),
        Case(["write /a", "remove /a"], leaves: ["deleted /a"]),
        Case(["remove /a", "create /a"], leaves: ["replaced /a"]),
        // An editor, or a package manager: a temporary file takes the place of the old one.
        Case(["create /a.tmp", "write /a.tmp", "replace /a.tmp /a"], leaves: ["changed /a [content]"]),
        // Where there was none, the new file is all that is left.
        Case(["create /a.tmp", "write /a.tmp", "rename /a.tmp /a"], leaves: ["created /a [content]"]),
        // With a backup.
        Case(
            ["rename /a /a~", "create /a", "write /a"],
            leaves: ["replaced /a [content]", "created /a~ from /a"]),
        Case(["rename /a /a~", "create /a", "write /a", "remove /a~"], leaves: ["replaced /a [content]"]),
        Case(["rename /a /b"], leaves: ["deleted /a to /b", "created /b from /a"]),
        Case(["rename /a /b", "rename /b /a"], leaves: []),
        Case(["rename /a /b", "write /b", "rename /b /a"], leaves: ["changed /a [content]"]),
        Case(["rename /a /b", "rename /b /c"], leaves: ["deleted /a to /c", "created /c from /a"]),
        Case(["replace /a /b"], leaves: ["deleted /a to /b", "changed /b from /a"]),
        Case(["exchange /a /b"], leaves: ["changed /a from /b", "changed /b from /a"]),
        Case(["exchange /a /b", "exchange /a /b"], leaves: []),
        Case(["create /a", "exchange /a /b"], leaves: ["created /a from /b", "changed /b"]),
        // A directory takes along what is in it, also what is not heard of.
        Case(["create /d", "create /d/x", "rename /d /e"], leaves: ["created /e", "created /e/x"]),
        Case(
            ["write /d/x", "rename /d /e"],
            leaves: [
                "deleted /d to /e", "deleted /d/x to /e/x", "created /e from /d", "created /e/x from /d/x [content]",
            ]),
        Case(["create /d", "create /d/x", "rename /d /e", "remove /e/x", "remove /e"], leaves: []),
        Case(["create /dx", "create /d", "rename /d /e"], leaves: ["created /dx", "created /e"]),
        Case(
            ["create /d/x", "create /e/y", "exchange /d /e"],
            leaves: ["changed /d from /e", "created /d/y", "changed /e from /d", "created /e/x"]),
        Case(["write /a", "run /a"], leaves: ["changed /a [content] executed"]),
        Case(["run /a"], leaves: []),
        Case(["create /a", "run /a", "rename /a /b"], leaves: ["created /b executed"]),
        Case(["create /a", "run /a", "write /a"], leaves: ["created /a [content] executed"]),
        // What was run is not what is there now.
        Case(["create /a", "run /a", "remove /a", "create /a"], leaves: ["created /a"]),
        Case(["rename /a /a"], leaves: []),
    ])
    func leaves(_ example: Case) {
        var difference = FileDifference()
        for act in example.acts { Self.perform(act, on: &difference) }
        #expect(Self.shown(difference) == example.rows)
    }

    @Test func containersHavePathsOfTheirOwn() {
        var difference = FileDifference()
        difference.created(Self.place("/a", container: "a"), by: Self.who)
        difference.removed(Self.place("/a", container: "b"), by: Self.who)
        #expect(Self.shown(difference) == ["created /a", "deleted /a"])
    }

    @Test func whatHasNoRoomIsCounted() {
        var difference = FileDifference(limit: 2)
        for name in ["/a", "/b", "/c", "/d"] { difference.created(Self.place(name), by: Self.who) }
        difference.removed(Self.place("/a"), by: Self.who)
        #expect(Self.shown(difference) == ["created /b"])
        #expect(difference.missed == 2)
    }

    /// Whatever is done at random, the same is left as by looking at the files before and after.
    @Test(arguments: 0..<200)
    func agreesWithTheFiles(_ seed: Int) {
        var random = Generator(state: UInt64(seed) * 2_654_435_761 + 1)
        let names = ["/a", "/b", "/c", "/d"]
        // What is at each path: the number of the file, and of its last change.
        var files: [String: [Int]] = [:]
        for (index, name) in names.enumerated() where random.next(2) == 0 { files[name] = [index, 0] }
        let before = files
        var next = names.count
        var difference = FileDifference()
        for _ in 0..<30 {
            let name = names[random.next(names.count)]
            let other = names[random.next(names.count)]
            switch (random.next(4), files[name]) {
            case (0, nil):
                files[name] = [next, 0]
                next += 1
                difference.created(Self.place(name), by: Self.who)
            case (1, let file?):
                files[name] = [file[0], file[1] + 1]
                difference.changed(Self.place(name), [.content], by: Self.who)
            case (2, .some):
                files[name] = nil
                difference.removed(Self.place(name), by: Self.who)
            case (3, let file?) where name != other:
                difference.renamed(
                    Self.place(name), to: Self.place(other), isReplacing: files[other] != nil, by: Self.who)
                files[name] = nil
                files[other] = file
            default: break
            }
        }
        var expected: Set<String> = []
        for name in names where before[name] != files[name] {
            switch (before[name], files[name]) {
            case (nil, .some): expected.insert("created \(name)")
            case (.some, nil): expected.insert("deleted \(name)")
            default: expected.insert("changed \(name)")
            }
        }
        let left = difference.rows().map {
            // In one step or in two, it is another file or other content.
            "\($0.verdict == .replaced ? "changed" : "\($0.verdict.name)") \(String(decoding: $0.place.path, as: UTF8.self))"
        }
        #expect(Set(left) == expected)
    }

    private static func perform(_ act: String, on difference: inout FileDifference) {
        let words = act.split(separator: " ").map(String.init)
        let first = place(words[1])
        let second = place(words.last!)
        switch words[0] {
        case "create": difference.created(first, by: who)
        case "write": difference.changed(first, [.content], by: who)
        case "mode": difference.changed(first, [.mode], by: who)
        case "remove": difference.removed(first, by: who)
        case "rename": difference.renamed(first, to: second, isReplacing: false, by: who)
        case "replace": difference.renamed(first, to: second, isReplacing: true, by: who)
        case "exchange": difference.exchanged(first, second, by: who)
        case "run": difference.executed(first)
        default: Issue.record("no act \(act)")
        }
    }

    private static func shown(_ difference: FileDifference) -> [String] {
        difference.rows().map { row in
            func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
            var line = "\(row.verdict.name) \(text(row.place.path))"
            if let origin = row.origin { line += " from \(text(origin))" }
            if let destination = row.destination { line += " to \(text(destination))" }
            if !row.aspects.isEmpty { line += " [\(row.aspects.map { "\($0.name)" }.joined(separator: ","))]" }
            return line + (row.isExecuted ? " executed" : "")
        }
    }

    private struct Generator {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }
}
