// SPDX-License-Identifier: Apache-2.0

import CWire
import Enrichment
import Events
import Fixtures
import Testing

@testable import Pipeline

struct FileWritersTests {
    /// What is done by whom, and who is said to have written what is executed last.
    struct Case: CustomTestStringConvertible {
        let acts: [String]
        let writer: String?

        init(_ acts: [String], is writer: String?) {
            self.acts = acts
            self.writer = writer
        }

        var testDescription: String { acts.joined(separator: ", ") }
    }

    // WHO ACT PATH INODE, and of what has two paths PATH INODE FROM.
    @Test(arguments: [
        Case(["cp create /a 5", "sh exec /a 5"], is: "cp"),
        Case(["cp create /a 5", "vi write /a 5", "sh exec /a 5"], is: "vi"),
        Case(["vi write /a 5", "sh exec /a 5"], is: "vi"),
        Case(["sh exec /a 5"], is: nil),
        Case(["cp create /a 5", "sh exec /b 6"], is: nil),
        // The number alone is no proof for an exec, nor is the path.
        Case(["cp create /a 5", "sh exec /b 5"], is: nil),
        Case(["cp create /a 5", "sh exec /a 6"], is: nil),
        // By whatever name.
        Case(["cp create /a 5", "mv rename /b 5 /a", "sh exec /b 5"], is: "cp"),
        Case(["cp create /a 5", "mv rename /b 0 /a", "sh exec /b 5"], is: "cp"),
        Case(["cp create /a 5", "ln link /b 5 /a", "rm unlink /a 5", "sh exec /b 5"], is: "cp"),
        Case(["cp create /a 5", "ln link /b 5 /a", "rm unlink /a 5", "sh open /b 5"], is: "cp"),
        Case(["cp create /a 5", "vi create /b 6", "mv rename /a 6 /b", "sh exec /a 6"], is: "vi"),
        Case(["cp create /a 5", "vi create /b 6", "mv exchange /a 6 /b", "sh exec /b 5"], is: "cp"),
        Case(["cp create /a 5", "vi create /b 6", "mv exchange /a 6 /b", "sh exec /a 6"], is: "vi"),
        Case(["cp create /a 5", "sh open /a 5"], is: "cp"),
        Case(["cp create /a 5", "sh map /elsewhere 5"], is: "cp"),
        // What is gone may be executed by its descriptor. Its number may be another file's.
        Case(["cp create /a 5", "rm unlink /a 5", "sh execDeleted /a 5"], is: "cp"),
        Case(["cp create /a 5", "rm unlink /a 5", "sh openDeleted /a 5"], is: "cp"),
        Case(["cp create /a 5", "rm unlink /a 5", "sh exec /a 5"], is: nil),
        Case(["cp create /a 5", "rm unlink /a 5", "sh open /b 5"], is: nil),
        Case(["cp create /a 5", "rm unlink /a 5", "vi create /b 5", "sh exec /b 5"], is: "vi"),
        Case(["cp create /a 5", "vi create /b 5", "sh exec /a 5"], is: nil),
    ])
    func tellsWhoWrote(_ example: Case) throws {
        var writers = FileWriters()
        var last: String?
        for (index, act) in example.acts.enumerated() {
            var event = try Self.event(act, time: UInt64(1000 + index))
            writers.take(&event)
            last = event.writer?.name.string
            if let writer = event.writer { #expect(writer.time < event.time) }
        }
        #expect(last == example.writer)
    }

    @Test func remembersTheLatest() throws {
        var writers = FileWriters(limit: 3)
        for inode in 1...5 {
            var event = try Self.event("cp create /\(inode) \(inode)", time: 1)
            writers.take(&event)
        }
        let known = try (1...5).filter { inode in
            var event = try Self.event("sh exec /\(inode) \(inode)", time: 2)
            writers.take(&event)
            return event.writer != nil
        }
        #expect(known == [3, 4, 5])
    }

    private static func event(_ act: String, time: UInt64) throws -> Event {
        let words = act.split(separator: " ").map(String.init)
        let inode = UInt64(words[3])!
        let isDeleted = words[1].hasSuffix("Deleted")
        if words[1].hasPrefix("exec") {
            return try PipelineTests.event(
                .exec, time: time, name: words[0], executable: words[2], inode: inode,
                flags: isDeleted ? WIRE_PROCESS_DELETED : 0)
        }
        let operations: [String: FileOperation] = [
            "create": .create, "write": .write, "rename": .rename, "exchange": .rename, "link": .link,
            "unlink": .unlink, "map": .execMap,
        ]
        var fixed = wire_file()
        fixed.header.kind = UInt16(WIRE_FILE.rawValue)
        fixed.header.time = time
        fixed.task = task(9, words[0])
        fixed.inode = inode
        fixed.mode = inode == 0 ? 0 : 0o100755
        fixed.operation = (operations[words[1]] ?? .open).rawValue
        if words[1].hasPrefix("open") { fixed.header.flags |= UInt16(WIRE_FILE_EXEC) }
        if words[1] == "exchange" { fixed.header.flags |= UInt16(WIRE_FILE_EXCHANGE) }
        if isDeleted { fixed.header.flags |= UInt16(WIRE_FILE_DELETED) }
        func walked(_ path: String) -> [UInt8] {
            Array((path.split(separator: "/").reversed().map { "\($0)\0" }.joined() + "\0").utf8)
        }
        let paths = (walked(words[2]), words.count > 4 ? walked(words[4]) : [])
        fixed.path_size = UInt16(paths.0.count)
        fixed.second_size = UInt16(paths.1.count)
        var bytes = unsafe withUnsafeBytes(of: &fixed) { unsafe Array($0) } + paths.0 + paths.1
        bytes.set(\wire_header.length, to: UInt32(bytes.count))
        let record = try unsafe FileRecord(decoding: bytes.span.bytes)
        var tree = ProcessTree()
        return Event(
            .file(record.operation), time: time, process: tree.acting(record.task), task: record.task,
            file: FileFact(record), host: Fixture.host)
    }
}
