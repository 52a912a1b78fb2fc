// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

struct FieldTests {
    @Test func namesAreUnique() {
        #expect(Set(Field.allCases.map(\.name)).count == Field.allCases.count)
    }

    /// The table is found by the case's number, so a line at the wrong place gives a field another's name.
    @Test(arguments: [
        (Field.timestamp, "@timestamp"), (.eventAction, "event.action"), (.errorCode, "error.code"),
        (.processPID, "process.pid"), (.processArgs, "process.args"), (.processMarks, "process.marks"),
        (.processCgroup, "process.linux.cgroup"), (.parentPID, "process.parent.pid"),
        (.parentArgs, "process.parent.args"), (.processAncestors, "process.ancestors"), (.userID, "user.id"),
        (.groupID, "group.id"), (.hostName, "host.name"), (.ebpfguardSchema, "ebpfguard.schema"),
        (.ebpfguardErrno, "ebpfguard.errno"), (.ebpfguardExecArgs, "ebpfguard.exec_args"),
        (.ebpfguardCoreDump, "ebpfguard.core_dump"), (.ebpfguardLost, "ebpfguard.lost"),
    ])
    func table(_ field: Field, _ name: String) {
        #expect(field.name == name)
    }

    /// Each case is named like its field, so every line of the table can be held against its case.
    @Test(arguments: Field.allCases)
    func caseAndName(_ field: Field) {
        let plain = { (text: String) in String(text.lowercased().filter { $0.isLetter }) }
        let name = field.name.split(separator: ".").map(String.init)
        let tail = plain(name.last ?? "")
        #expect(plain("\(field)").hasSuffix(tail.replacing("workingdirectory", with: "directory")), "\(field.name)")
    }

    @Test(arguments: Field.allCases)
    func description(_ field: Field) {
        #expect(!field.meaning.isEmpty)
        #expect(!field.meaning.hasSuffix("."))
        #expect(Field(named: field.name) == field)
        #expect(
            field.name.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "." || $0 == "_" || $0 == "@" },
            "\(field.name)")
    }

    /// JSON opens each object once, so fields of one object are neighbours.
    @Test func objectsAreInOnePiece() {
        var closed: Set<String> = []
        var open: [String] = []
        for field in Field.allCases {
            let parts = field.name.split(separator: ".").map(String.init).dropLast()
            let groups = parts.indices.map { parts[...$0].joined(separator: ".") }
            closed.formUnion(open.filter { !groups.contains($0) })
            #expect(closed.isDisjoint(with: groups), "\(field.name)")
            open = groups
        }
    }

    @Test func unknownName() {
        #expect(Field(named: "process.pidd") == nil)
        #expect(Field(named: "") == nil)
        #expect(Field(named: "Process.PID") == nil)
    }

    @Test(arguments: [
        ("process.pidd", Field.processPID),
        ("proces.name", .processName),
        ("process.excutable", .processExecutable),
        ("exit_code", .processExitCode),
        ("errno", .ebpfguardErrno),
        ("timestamp", .timestamp),
        ("user.nane", .userName),
        ("process.exit_signals", .processExitSignal),
    ])
    func suggestion(_ typed: String, _ field: Field) {
        #expect(Field.suggestion(for: typed) == field)
    }

    @Test(arguments: ["", "xyz", "kubernetes.pod"])
    func noSuggestion(_ typed: String) {
        #expect(Field.suggestion(for: typed) == nil)
    }

    @Test(arguments: [
        ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("a", "a", 0),
    ])
    func distance(_ a: String, _ b: String, _ expected: Int) {
        #expect(editDistance(a, b) == expected)
    }
}
