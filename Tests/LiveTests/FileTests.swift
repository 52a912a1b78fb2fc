// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// watch-files: what is done to names of files, and how much is written to them.

extension Event {
    fileprivate var marks: [String] { self["ebpfguard.file.marks"]?.strings ?? [] }

    /// "rename /run/b from /run/a ENOENT (replaced)", with paths from the test's directory on.
    fileprivate func nameText(_ directory: String, ignoring ignored: Set<String> = []) -> String {
        func short(_ path: String) -> String {
            path.hasPrefix(directory + "/") ? String(path.dropFirst(directory.count + 1)) : path
        }
        var text = "\(action) \(short(path))"
        if let original = self["file.original_path"]?.string { text += " from \(short(original))" }
        if let contents = self["file.target_path"]?.string { text += " -> \(contents)" }
        if let code = self["error.code"]?.string { text += " \(code)" }
        let marks = marks.filter { !ignored.contains($0) }
        return marks.isEmpty ? text : text + " (\(marks.joined(separator: " ")))"
    }
}

private let names = [
    "mkdir made", "mkdir made EEXIST (as_asked)", "mkdir made/inner", "mkdir made/none/inner ENOENT (as_asked)",
    "mknod fifo", "mknod made/inner EEXIST (as_asked)", "symlink made/link -> ../a",
    "symlink made/link -> x EEXIST (as_asked)", "link made/hard from a",
    "link made/hard2 from made/missing ENOENT (as_asked)", "rename made/moved from a",
    "rename made/hard from b (replaced)", "rename there from missing ENOENT (as_asked)",
    "rename made/moved from made/hard (exchange)", "rename made/moved from made/hard EEXIST (as_asked)",
    "unlink made/link", "unlink made/hard", "unlink made/link ENOENT (as_asked)",
    "unlink made/inner EISDIR", "rmdir made ENOTEMPTY", "rmdir made/inner",
]

let fileTests = [
    Test("files: names that are made, linked, renamed and removed, and what fails") { t in
        let file = "\(t.scratch).rec"
        defer { unsafe unlink(file) }
        let kinds = "rename,unlink,link,symlink,mkdir,rmdir,mknod"
        let run = try t.trace(
            ["--ops", kinds, "-w", file], workload("file-names", t.scratch), command: "watch-files")
        t.equal(run.surelyLost, 0, "what was lost")
        let isExact = try t.hasFunctionEntry()
        // Without fexit all paths are what was asked for, and nobody knows what was there before.
        let ignored: Set<String> = isExact ? [] : ["as_asked", "replaced"]
        func plain(_ text: String) -> String {
            guard !isExact else { return text }
            return text.replacing(" (as_asked)", with: "").replacing(" (replaced)", with: "")
        }
        t.equal(run.told.map { $0.nameText(t.scratch, ignoring: ignored) }, names.map(plain), "what is told")
        for event in run.told where !isExact { t.expect(event.marks.contains("as_asked"), "as_asked is not said") }
        if isExact {
            let moved = run.told.first { $0.action == "rename" && !$0.isFailure }
            t.equal(moved?["file.type"], "file", "file.type")
            t.equal(moved?["file.mode"], "0644", "file.mode")
            t.expect(moved?["file.inode"]?.string?.isEmpty == false, "no file.inode")
        }
        let again = try t.run(["-o", "json", "--ops", kinds, "-r", file], command: "watch-files")
        t.equal(lines(again.text), lines(run.text).filter { !$0.contains("\"loss\"") }, "the replay")
    },

    Test("files: bytes that are written and read, told when the file is closed") { t in
        let run = try t.trace(["--ops", "write,read"], workload("file-writes", t.scratch), command: "watch-files")
        t.equal(run.surelyLost, 0, "what was lost")
        let pids = run.said("pids")
        guard pids.count == 2 else { throw Stop.failed("the workload says \(run.said.suffix(300))") }
        let isExact = try t.hasFunctionEntry()
        let all = run.told.filter { $0.path.hasPrefix(t.scratch + "/") }
        let own = all.filter { $0.action == "write" }
        let reads = all.filter { $0.action == "read" }
        t.equal(reads.map(\.path), ["\(t.scratch)/source"], "what is read")
        t.equal(
            reads.map { $0["ebpfguard.file.bytes_read"] }, [90], "bytes that sendfile and copy_file_range have read")
        func bytes(_ name: String, by pid: Int) -> [Int] {
            own.filter { $0.path == "\(t.scratch)/\(name)" && $0.pid == pid }
                .compactMap { $0["ebpfguard.file.bytes_written"]?.integer }
        }
        var expected = [
            ("write", 10), ("pwrite", 20), ("writev", 30), ("sendfile", 40), ("copy", 50), ("splice", 60),
            ("shared", 70), ("source", 1000),
        ]
        if isExact {
            expected.append(("mapped", 0))
            t.equal(own.first { $0.path.hasSuffix("/mapped") }?.marks, ["mmap"], "marks of what is mapped")
        } else {
            t.expect(run.errors.contains("bytes written when the run ends"), "it is not said")
        }
        for (name, count) in expected { t.equal(bytes(name, by: pids[0]), [count], "bytes of \(name)") }
        t.equal(bytes("shared", by: pids[1]), [7], "bytes of the child")
        t.equal(own.count, expected.count + 1, "events")
    },

    Test("files: what is mapped to be executed") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let run = try t.trace(["--ops", "exec_map"], workload("exec-map", program), command: "watch-files")
        guard try t.hasFunctionEntry() else {
            t.equal(run.told.count, 0, "events without fexit")
            t.expect(run.errors.contains("files that are mapped are not seen"), "it is not said")
            return
        }
        let maps = run.told.filter { $0.path == program }
        t.equal(maps.count, 1, "maps of the file")
        t.equal(maps.first?["file.mode"], "0755", "file.mode")
        t.equal(maps.first?["process.executable"], .string(ownPath), "process.executable")
    },
]
