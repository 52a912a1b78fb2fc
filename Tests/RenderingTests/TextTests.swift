// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Testing

@testable import Rendering

struct TextEscapeTests {
    private func escaped(_ bytes: [UInt8]) -> String {
        var buffer = OutputBuffer()
        TextEscape.append(bytes.span, to: &buffer)
        return String(decoding: buffer.array(), as: UTF8.self)
    }

    private func argument(_ bytes: [UInt8]) -> String {
        var buffer = OutputBuffer()
        TextEscape.appendArgument(bytes.span, to: &buffer)
        return String(decoding: buffer.array(), as: UTF8.self)
    }

    @Test(arguments: [
        ("plain text", "plain text"), ("é漢😀", "é漢😀"), ("\n\r\t", #"\n\r\t"#), ("\u{1b}[2J", #"\x1b[2J"#),
        ("\u{7f}", #"\x7f"#), ("\u{9b}2J", #"\u009b2J"#), ("a\u{202e}b", #"a\u202eb"#), ("\u{2066}", #"\u2066"#),
        ("\u{200b}", #"\u200b"#), ("\u{2028}", #"\u2028"#), ("\u{feff}", #"\ufeff"#), ("\u{61c}", #"\u061c"#),
        ("\u{e0041}", #"\U000e0041"#), ("", ""),
    ])
    func escapes(_ text: String, _ expected: String) {
        #expect(escaped(Array(text.utf8)) == expected)
    }

    @Test func notUTF8() {
        #expect(escaped([0xff, 0x61, 0xc0, 0x80]) == #"\xffa\xc0\x80"#)
        #expect(escaped([0xe2, 0x82]) == #"\xe2\x82"#)
    }

    /// Whatever comes in, nothing that acts on a terminal goes out.
    @Test func everyByte() {
        for byte in UInt8(0)...255 {
            for text in [escaped([byte]), argument([byte]), escaped([0xc2, byte]), argument([0xc2, byte])] {
                #expect(
                    text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) },
                    "byte \(byte)")
            }
        }
    }

    @Test(arguments: [
        ("plain", "plain"), ("/usr/bin/x-1.2_3:4=5,6+7@8%9^", "/usr/bin/x-1.2_3:4=5,6+7@8%9^"), ("", "''"),
        ("two words", "'two words'"), ("$HOME", "'$HOME'"), ("a;b", "'a;b'"), ("*", "'*'"), ("~", "'~'"),
        ("it's", #"'it'\''s'"#), ("\"", "'\"'"), ("\\", #"'\'"#), ("é", "é"), ("a\nb", #"$'a\nb'"#),
        ("it's\n", #"$'it\'s\n'"#), ("\\n\n", #"$'\\n\n'"#), ("\u{1b}[31m", #"$'\x1b[31m'"#),
        ("\u{202e}", #"$'\u202e'"#), ("#x", "'#x'"), ("a b\u{7f}", #"$'a b\x7f'"#), ("!x", "'!x'"),
        ("{a,b}", "'{a,b}'"),
    ])
    func shellQuoting(_ text: String, _ expected: String) {
        #expect(argument(Array(text.utf8)) == expected)
    }

    @Test func shellQuotingOfBytes() {
        #expect(argument([0xff]) == #"$'\xff'"#)
        #expect(argument([0x27, 0xff, 0x5c]) == #"$'\'\xff\\'"#)
    }
}

struct ColumnTests {
    private func width(_ line: some StringProtocol) -> Int {
        let bytes = Array(line.utf8)
        var index = 0
        var columns = 0
        while index < bytes.count {
            if bytes[index] == 0x1b {
                index = (bytes[index...].firstIndex(of: UInt8(ascii: "m")) ?? bytes.count) + 1
                continue
            }
            guard let scalar = Scalar(bytes.span, index) else { return -1 }
            columns += scalar.columns
            index += scalar.length
        }
        return columns
    }

    @Test(arguments: [
        ("a", 1), ("é", 1), ("e\u{301}", 1), ("漢", 2), ("한", 2), ("ｆ", 2), ("😀", 2), ("🚀", 2), ("🧪", 2), ("🪣", 2),
        ("✅", 2), ("─", 1), ("…", 1), ("\u{fe0f}", 0),
    ])
    func columns(_ text: String, _ expected: Int) {
        #expect(width(text) == expected)
    }

    /// At every width, whole characters and no more columns than there are; the cut shows.
    @Test(arguments: ["plain", "漢字", "a漢", "e\u{301}", "😀", "\u{1b}"])
    func cut(_ piece: String) throws {
        let event = try Sample.exec(["tool", String(repeating: piece, count: 100)])
        for columns in 21...90 {
            for colors in [false, true] {
                let line = text(event, columns: columns, colors: colors)
                #expect(line.hasSuffix("\n"))
                let shown = line.dropLast()
                #expect((columns - 1...columns).contains(width(shown)), "\(columns) columns")
                #expect(shown.contains("…"))
                #expect(!colors || shown.hasSuffix("\u{1b}[0m"))
            }
        }
    }

    @Test func exactFit() throws {
        let event = try Sample.exec("tool", "漢字")
        let whole = text(event)
        let columns = width(whole.dropLast())
        #expect(text(event, columns: columns) == whole)
        #expect(text(event, columns: columns + 1) == whole)
        #expect(text(event, columns: columns - 1).hasSuffix("漢…\n"))
        #expect(text(event, columns: columns - 2).hasSuffix("tool …\n"))
    }

    /// Each line of a buffer is cut for itself.
    @Test func manyLines() throws {
        let event = try Sample.exec(["tool", String(repeating: "x", count: 200)])
        let lines = text(event, event, columns: 80).split(separator: "\n")
        #expect(lines.map { width($0) } == [80, 80])
    }

    /// Of a call that does not fit the arguments are cut, not what became of it.
    @Test(arguments: [Sample.syscall, .connect], [true, false])
    func callsKeepTheirResult(_ sample: Sample, _ colors: Bool) throws {
        let event = try sample.event
        let result = try #require(event.call).resultText
        let whole = width(text(event).dropLast())
        for columns in 56..<whole {
            var line = text(event, columns: columns, colors: colors)
            for code in ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m"] { line.replace("\u{1b}" + code, with: "") }
            #expect(line.hasSuffix("…) = \(result)\n") || line.hasSuffix(") = \(result)…\n"), "\(line)")
            #expect(!line.contains(") …"))
            #expect(width(line.dropLast()) <= columns)
        }
    }

    /// The user's column is as wide as its header says, whatever the name.
    @Test(arguments: [
        ("root", "root    "), ("12345678", "12345678"), ("123456789", "1234567+"), ("漢字漢字", "漢字漢字"),
        ("漢字漢字漢", "漢字漢+ "), ("a漢字漢字", "a漢字漢+"), ("\u{1b}[1m", "\\x1b[1m "), ("\u{202e}bc", "\\u202ebc"),
        ("", "        "),
    ])
    func user(_ name: String, _ column: String) throws {
        let event = Event(
            .exec, time: 0, process: try Sample.exec("tool").process, userName: Bytes(name), host: Fixture.host)
        #expect(withoutClock(text(event)) == [" 5000001 \(column) /usr/bin/tool"])
    }

    @Test func colors() throws {
        #expect(!text(try Sample.exec.event).contains("\u{1b}"))
        for sample in Sample.allCases {
            let plain = text(try sample.event)
            let colored = text(try sample.event, colors: true)
            #expect(colored != plain)
            var stripped = colored
            for code in ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m"] { stripped.replace("\u{1b}" + code, with: "") }
            #expect(stripped == plain)
        }
    }
}

struct TextLineTests {
    private func what(_ arguments: String...) throws -> String {
        String(withoutClock(text(try Sample.exec(arguments)))[0].dropFirst(18))
    }

    /// An argv[0] of another name than the program's.
    @Test func otherName() throws {
        #expect(try what("tool", "x") == "/usr/bin/tool x")
        #expect(try what("./tool", "x") == "/usr/bin/tool x")
        #expect(try what("[kworker/0:1]", "x") == "/usr/bin/tool ('[kworker/0:1]') x")
        #expect(try what("-tool") == "/usr/bin/tool (-tool)")
        #expect(try what("", "x") == "/usr/bin/tool ('') x")
    }

    @Test func secretsAreMasked() throws {
        #expect(try what("tool", "--token", "abc") == "/usr/bin/tool --token '*****'")
    }

    @Test func argumentsThatCouldNotBeRead() throws {
        var bytes = Fixture.exec.bytes
        bytes.set(\wire_process.args_size, to: 0)
        var tree = ProcessTree()
        let record = try Fixture.process(bytes)
        let event = Event(.exec, time: 0, process: tree.exec(record), record: record, host: Fixture.host)
        #expect(withoutClock(text(event))[0].hasSuffix("/usr/bin/bash ... (4 arguments in all)"))
    }

    /// An errno and a signal without a name, and numbers that the kernel would never write.
    @Test(arguments: [(255, "errno 255"), (-1, "errno -1")] as [(Int32, String)])
    func unknownError(_ error: Int32, _ expected: String) throws {
        var bytes = Fixture.failedExec.bytes
        bytes.set(\wire_process.error, to: error)
        var tree = ProcessTree()
        let record = try Fixture.process(bytes)
        let event = Event(.execFailed, time: 0, process: tree.failedExec(record), record: record, host: Fixture.host)
        #expect(withoutClock(text(event))[0].hasSuffix("could not execute tool: \(expected)"))
    }

    @Test(
        arguments: [
            (0, "exited 0"), (3 << 8, "exited 3"), (9, "killed by SIGKILL"), (34, "killed by SIGRTMIN"),
            (65, "killed by signal 65"),
            (0x86, "killed by SIGABRT (core dumped)"),
        ] as [(UInt32, String)])
    func exit(_ code: UInt32, _ expected: String) throws {
        let event = Event(
            .exit(code: code), time: 1_001_500_000_000, process: try Sample.exec("tool").process, host: Fixture.host)
        #expect(withoutClock(text(event)) == [" 5000001 0        run.sh \(expected) after 2.0 s"])
    }

    /// A child stands under its parent once that was shown, until it has ended.
    @Test func indentation() throws {
        var tree = ProcessTree()
        let record = try Fixture.exec.process
        let parent = Event(.exec, time: record.time, process: tree.exec(record), record: record, host: Fixture.host)
        var (task, time) = try Fixture.fork.task
        task.parent_pid = task.pid
        task.parent_start = task.start
        task.pid = 5_000_002
        let ancestor = Ancestor(
            key: ProcessKey(pid: 5_000_001, start: 999_500_000_000), name: CommandName("run.sh"), executable: nil)
        let child = Event(.fork, time: time, process: tree.fork(task), lineage: Lineage([ancestor]), host: Fixture.host)
        let end = Event(.exit(code: 0), time: time, process: parent.process, host: Fixture.host)
        let lines = withoutClock(text(child, parent, child, end, child)).map { $0.dropFirst(18) }
        #expect(lines[0] == "run.sh forked")
        #expect(lines[2] == "  run.sh forked")
        #expect(lines[4] == "run.sh forked")
    }

    @Test func clock() throws {
        let clock = text(try Sample.exec.event).prefix(12)
        // Hours and minutes are the time zone's.
        #expect(clock.dropFirst(5) == ":00.123")
        #expect(clock.prefix(5).wholeMatch(of: /\d\d:\d\d/) != nil)
    }
}
