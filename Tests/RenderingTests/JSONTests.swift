// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Rendering
import Testing

struct JSONTests {
    /// The one argument of an exec, written and read again.
    private func roundTrip(_ bytes: [UInt8]) throws -> String? {
        let line = json(try Sample.exec([bytes]), [.processArgs], redacts: false)
        #expect(line.last == UInt8(ascii: "\n"))
        guard case .array(let list) = try JSONValue(line.dropLast())["process", "args"] else { return nil }
        guard list.count == 1, case .string(let text) = list[0] else { return nil }
        return text
    }

    private func raw(_ text: String) throws -> String {
        String(decoding: json(try Sample.exec(text), [.processArgs], redacts: false), as: UTF8.self)
    }

    @Test func everyByte() throws {
        for byte in UInt8(1)...255 {
            let expected = byte < 0x80 ? String(Unicode.Scalar(byte)) : "\u{fffd}"
            #expect(try roundTrip([byte]) == expected, "byte \(byte)")
            #expect(try roundTrip([0x61, byte, 0x62]) == "a\(expected)b", "byte \(byte)")
        }
        // An argument can't hold a NUL; a name of a network or of a file in an archive can.
        var renderer = JSONRenderer(fields: [.hostName], host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        renderer.append(
            .init(.loss, time: 0, process: nil, host: .init(name: "a\0b", boot: "", clockOffset: 0)), to: &buffer)
        #expect(String(decoding: buffer.array(), as: UTF8.self) == #"{"host":{"name":"a\u0000b"}}"# + "\n")
    }

    /// Ends of each range of Unicode, whole.
    @Test(
        arguments: [
            0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xd000, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x3ffff,
            0x40000,
            0xfffff, 0x100000, 0x10ffff, 0x202e, 0xe0041, 0x9b,
        ] as [UInt32])
    func scalar(_ value: UInt32) throws {
        let text = String(try #require(Unicode.Scalar(value)))
        #expect(try roundTrip(Array(text.utf8)) == text)
    }

    /// Not UTF-8: each byte becomes U+FFFD, and what stands around stays.
    @Test(
        arguments: [
            [0xc0, 0x80],  // overlong NUL
            [0xc1, 0xbf],
            [0xe0, 0x80, 0xaf],  // overlong "/"
            [0xe0, 0x9f, 0xbf],
            [0xf0, 0x8f, 0xbf, 0xbf],
            [0xed, 0xa0, 0x80],  // surrogates
            [0xed, 0xbf, 0xbf],
            [0xf4, 0x90, 0x80, 0x80],  // above U+10FFFF
            [0xf5, 0x80, 0x80, 0x80],
            [0xc3],  // cut
            [0xe2, 0x82],
            [0xf0, 0x9f, 0x98],
            [0x80],  // a continuation alone
            [0xbf, 0xbf],
            [0xfe], [0xff],
        ] as [[UInt8]])
    func notUTF8(_ bytes: [UInt8]) throws {
        let expected = String(repeating: "\u{fffd}", count: bytes.count)
        #expect(try roundTrip(bytes) == expected)
        #expect(try roundTrip([0x61] + bytes + [0x62]) == "a\(expected)b")
        #expect(try roundTrip(bytes + Array("é".utf8)) == expected + "é")
    }

    @Test(arguments: [
        ("\"", #"\""#), ("\\", #"\\"#), ("\n", #"\n"#), ("\r", #"\r"#), ("\t", #"\t"#), ("\u{8}", #"\u0008"#),
        ("\u{1b}[31m", #"\u001b[31m"#), ("\u{7f}", #"\u007f"#), ("\u{9b}31m", #"\u009b31m"#),
        // Turns the text around, hides, or is part of a hidden message.
        ("\u{202e}", #"\u202e"#), ("\u{2066}", #"\u2066"#), ("\u{200b}", #"\u200b"#), ("\u{2028}", #"\u2028"#),
        ("\u{feff}", #"\ufeff"#), ("\u{61c}", #"\u061c"#), ("\u{e0041}", #"\udb40\udc41"#),
        // Stays as it is.
        ("/", "/"), ("é", "é"), ("漢", "漢"), ("😀", "😀"), ("\u{a0}", "\u{a0}"),
    ])
    func escapes(_ text: String, _ expected: String) throws {
        #expect(try raw(text) == #"{"process":{"args":[""# + expected + "\"]}}\n")
    }

    // MARK: Shape

    @Test(arguments: Sample.allCases)
    func everyFieldAlone(_ sample: Sample) throws {
        let event = try sample.event
        for field in Field.allCases {
            let value = try JSONValue(json(event, [field]).dropLast())
            var expected = [event.value(of: field)].allSatisfy { if case .absent = $0 { false } else { true } }
            var object: JSONValue? = value
            for part in field.name.split(separator: ".") { object = object?[String(part)] }
            expected = expected == (object != nil)
            #expect(expected, "\(field.name)")
        }
    }

    @Test(arguments: Sample.allCases)
    func everyPairOfFields(_ sample: Sample) throws {
        let event = try sample.event
        for a in Field.allCases {
            for b in Field.allCases { _ = try JSONValue(json(event, [a, b]).dropLast()) }
        }
    }

    @Test func noFields() throws {
        #expect(String(decoding: json(try Sample.exec.event, []), as: UTF8.self) == "{}\n")
    }

    @Test func noRedaction() throws {
        let line = json(try Sample.exec.event, redacts: false)
        #expect(
            try JSONValue(line.dropLast())["process", "args"]
                == .array(
                    ["/bin/bash", "./run.sh", "", "--password=hunter2"].map { .string($0) }))
    }

    /// One renderer, many events: nothing of one is left for the next.
    @Test func manyEvents() throws {
        var renderer = JSONRenderer(fields: Set(Field.allCases), host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        for sample in Sample.allCases + Sample.allCases.reversed() { renderer.append(try sample.event, to: &buffer) }
        let lines = String(decoding: buffer.array(), as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(lines.count == 2 * Sample.allCases.count)
        #expect(lines == lines.reversed())
        #expect(lines[0] + "\n" == String(decoding: json(try Sample.exec.event), as: UTF8.self))
    }

    /// More lineages than a renderer remembers, each as if it was the only one.
    @Test func manyLineages() throws {
        var renderer = JSONRenderer(fields: [.processAncestors], host: Fixture.host, redacts: true)
        let process = try Sample.exec.event.process
        let events = (0..<200).map { number in
            let ancestor = Ancestor(
                key: ProcessKey(pid: UInt32(number), start: 1), name: CommandName("n\(number)"), executable: nil)
            return Event(.fork, time: 0, process: process, lineage: Lineage([ancestor]), host: Fixture.host)
        }
        for event in events + events {
            var buffer = OutputBuffer()
            renderer.append(event, to: &buffer)
            #expect(buffer.array() == json(event, [.processAncestors]))
        }
    }

    /// More arguments than a renderer remembers, among them some that it does not keep, each as if they were the only ones.
    @Test func manyArguments() throws {
        var renderer = JSONRenderer(fields: [.processArgs], host: Fixture.host, redacts: true)
        let events = try (0..<200).map { number in
            try Sample.exec("tool", "--password=\(number)", String(repeating: "x", count: number * 50))
        }
        for event in events + events {
            var buffer = OutputBuffer()
            renderer.append(event, to: &buffer)
            #expect(buffer.array() == json(event, [.processArgs]))
        }
    }

    /// What is asked of an event is a part of all fields, and no value is outside of it.
    @Test(arguments: Sample.allCases)
    func fieldsOfEvents(_ sample: Sample) throws {
        let event = try sample.event
        let asked = event.fields
        #expect(Field.allCases.count { asked.contains($0) } < Field.allCases.count / 2)
        for field in Field.allCases where !asked.contains(field) { #expect(event.value(of: field).isAbsent) }
    }

    /// Where an exec's path is joined to a directory.
    @Test(arguments: [
        ("tool", "/opt/tool"), ("./tool", "/opt/tool"), ("././tool", "/opt/tool"), ("../tool", "/opt/../tool"),
        ("/bin/tool", "/bin/tool"), (".hidden", "/opt/.hidden"), ("./", "/opt/./"),
    ])
    func joinedPath(_ path: String, _ expected: String) throws {
        // Before the exec's path, the path in place of the fixture's, and what lies behind it.
        let before = try Fixture.failedExec.process.byteCount - "toolopt\0\0tool\0-x\0".utf8.count
        var bytes = Array(Fixture.failedExec.bytes[..<before]) + Array("\(path)opt\0\0tool\0-x\0".utf8)
        bytes.set(\wire_process.header.length, to: UInt32(bytes.count))
        bytes.set(\wire_process.exec_path_size, to: UInt16(path.utf8.count))
        var tree = ProcessTree()
        let process = try Fixture.process(bytes)
        let event = Event(
            .execFailed, time: 0, process: tree.failedExec(process), record: process, host: Fixture.host)
        #expect(
            try JSONValue(json(event, [.ebpfguardExecPath]).dropLast())["ebpfguard", "exec_path"] == .string(expected))
    }
}
