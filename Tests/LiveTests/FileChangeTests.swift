// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// watch-files: what is changed about files: permissions, owner, size, attributes.

extension Event {
    /// "chown a to 1:2 EPERM (as_asked)", with paths from the test's directory on.
    fileprivate func changeText(_ directory: String) -> String {
        func short(_ path: String) -> String {
            path.hasPrefix(directory + "/") ? String(path.dropFirst(directory.count + 1)) : path
        }
        var text = "\(action) \(path.isEmpty ? "-" : short(path))"
        switch action {
        case "chmod": text += " to \(self["file.mode"]?.string ?? "-")"
        case "chown": text += " to \(self["file.uid"]?.string ?? ""):\(self["file.gid"]?.string ?? "")"
        case "truncate": text += " to \(self["file.size"]?.integer.map { "\($0)" } ?? "-")"
        case "rename", "link": text += " from \(self["file.original_path"].map { short($0.string ?? "-") } ?? "-")"
        case "mkdir", "rmdir", "unlink": text += ""
        default: text += " \(self["ebpfguard.file.attribute"]?.string ?? "-")"
        }
        if let code = self["error.code"]?.string { text += " \(code)" }
        let marks = self["ebpfguard.file.marks"]?.strings ?? []
        return marks.isEmpty ? text : text + " (\(marks.joined(separator: " ")))"
    }
}

extension Event {
    /// "mount a tmpfs of live from b [MS_NOSUID] EPERM (as_asked)".
    fileprivate func mountText(_ directory: String) -> String {
        func short(_ path: String) -> String {
            path.hasPrefix(directory + "/") ? String(path.dropFirst(directory.count + 1)) : path
        }
        var text = "\(action) \(short(path))"
        if let type = self["ebpfguard.mount.type"]?.string { text += " \(type)" }
        if let source = self["ebpfguard.mount.source"]?.string { text += " of \(source)" }
        if let original = self["file.original_path"]?.string { text += " from \(short(original))" }
        if let flags = self["ebpfguard.mount.flags"]?.strings { text += " [\(flags.joined(separator: "|"))]" }
        if let code = self["error.code"]?.string { text += " \(code)" }
        let marks = self["ebpfguard.file.marks"]?.strings ?? []
        return marks.isEmpty ? text : text + " (\(marks.joined(separator: " ")))"
    }
}

extension Context {
    fileprivate func directory(_ name: String) throws -> String {
        try makeDirectory("\(scratch)/\(name)")
        return "\(scratch)/\(name)"
    }
}

private let operations = ["--ops", "chmod,chown,truncate,setxattr,removexattr"]

/// What is told where the kernel's own path is known, and what where only what was asked for is.
private struct Change {
    let exact: String
    let asked: String

    /// With the name that was asked for, where that is another one.
    init(_ operation: String, _ path: String, _ rest: String, by name: String? = nil) {
        let rest = rest.isEmpty ? "" : " " + rest
        exact = "\(operation) \(path)\(rest)"
        asked = "\(operation) \(name ?? path)\(rest) (as_asked)"
    }

    /// By a descriptor.
    init(_ operation: String, of path: String, _ rest: String) {
        exact = "\(operation) \(path) \(rest)"
        asked = exact
    }

    /// What fails before there is a path.
    init(_ operation: String, refused path: String, _ rest: String) {
        exact = "\(operation) \(path) \(rest) (as_asked)"
        asked = exact
    }
}

private let attribute = "trusted.ebpfguard"

let fileChangeTests = [
    Test("files: permissions, owners, sizes and attributes, by each call, and what fails") { t in
        let file = "\(t.scratch).rec"
        defer { unsafe unlink(file) }
        let run = try t.trace(
            operations + ["-w", file], workload("file-changes", t.scratch), command: "watch-files")
        t.equal(run.surelyLost, 0, "what was lost")
        var changes = [
            Change("chmod", "a", "to 0600", by: "sub/link"), Change("chmod", of: "a", "to 4755"),
            Change("chmod", "a", "to 0640", by: "sub/link"), Change("chmod", refused: "missing", "to 0600 ENOENT"),
            Change("chmod", refused: "sub/missing", "to 0600 ENOENT"),
        ]
        if lines(run.said).contains("fchmodat2") { changes.append(Change("chmod", of: "a", "to 0644")) }
        changes += [
            Change("chown", "a", "to 1:2"), Change("chown", "sub/link", "to 3:"), Change("chown", of: "a", "to :4"),
            Change("chown", "a", "to 0:0", by: "sub/../a"), Change("chown", of: "a", "to 5:5"),
            Change("chown", refused: "a/below", "to 0:0 ENOTDIR"),
            Change("truncate", "a", "to 100", by: "sub/link"), Change("truncate", of: "a", "to 50"),
            Change("truncate", refused: "missing", "to 1 ENOENT"), Change("truncate", "sub", "to 1 EISDIR"),
            Change("truncate", of: "a", "to 1 EINVAL"),
            Change("setxattr", "a", attribute, by: "sub/link"), Change("setxattr", "a", attribute),
            Change("setxattr", of: "a", attribute), Change("setxattr", refused: "missing", "\(attribute) ENOENT"),
            Change("setxattr", "a", "nonsense.name EOPNOTSUPP"), Change("setxattr", of: "a", "\(attribute) EEXIST"),
            Change("removexattr", "a", attribute, by: "sub/link"), Change("removexattr", "a", "\(attribute) ENODATA"),
            Change("removexattr", of: "a", "\(attribute) ENODATA"),
            Change("removexattr", refused: "missing", "\(attribute) ENOENT"),
        ]
        if lines(run.said).contains("setxattrat") {
            changes += [
                Change("setxattr", "a", attribute, by: "sub/link"),
                Change("removexattr", "a", attribute, by: "sub/link"),
            ]
        }
        let isExact = try t.hasFunctionEntry()
        t.equal(
            run.told.map { $0.changeText(t.scratch) }, changes.map { isExact ? $0.exact : $0.asked }, "what is told")
        let first = run.told.first { !$0.isFailure && $0.action == "chown" }
        t.equal(first?["event.type"], ["change"], "event.type")
        if isExact {
            t.equal(first?["file.type"], "file", "file.type")
            t.expect(first?["file.inode"]?.string?.isEmpty == false, "no file.inode")
        }
        let again = try t.run(["-o", "json"] + operations + ["-r", file], command: "watch-files")
        t.equal(lines(again.text), lines(run.text).filter { !$0.contains("\"loss\"") }, "the replay")
        let text = try t.run(["-r", file, "--color", "never"], command: "watch-files")
        for part in [
            "chmod     \(t.scratch)/a to 4755", "chown     \(t.scratch)/a to :4",
            "truncate  \(t.scratch)/a to 50", "setxattr  \(t.scratch)/a \(attribute)",
            "removexattr \(t.scratch)/a \(attribute): ENODATA",
        ] {
            t.expect(lines(text.text).contains { $0.hasSuffix(part) }, "no line ends with \"\(part)\": \(text.text)")
        }
        let difference = try t.run(["-o", "json", "--diff", "-r", file], command: "watch-files")
        let rows = try lines(difference.text).map { try JSON(parsing: Array($0.utf8)) }
        let row = rows.first { $0["file.path"]?.string == "\(t.scratch)/a" }
        t.equal(row?["ebpfguard.file.changed"], ["content", "mode", "owner", "attributes"], "what is changed")
    },

    Test("files: permissions, owners, sizes and attributes by 32-bit calls") { t in
        let kinds = operations[1] + ",mkdir,rmdir,rename,link,unlink"
        let run = try t.trace(
            ["--ops", kinds], workload("file-changes-32", t.scratch), status: nil, command: "watch-files")
        guard run.status != .code(77) else { throw Stop.skipped("this kernel has no 32-bit calls") }
        t.equal(run.status, .code(0), "the exit status")
        let isExact = try t.hasFunctionEntry()
        let changes = [
            Change("chmod", "a", "to 0600", by: "sub/link"), Change("chmod", of: "a", "to 0640"),
            Change("chown", "a", "to 7:", by: "sub/link"), Change("chown", "a", "to 70000:", by: "sub/link"),
            Change("truncate", "a", "to 10", by: "sub/link"),
            Change("truncate", refused: "sub/link", "to -1 EINVAL"),
            Change("truncate", "a", "to 4294967301", by: "sub/link"), Change("truncate", of: "a", "to 6"),
            Change("setxattr", "a", attribute, by: "sub/link"), Change("setxattr", of: "a", attribute),
            Change("removexattr", of: "a", attribute),
            Change("removexattr", refused: "missing", "\(attribute) ENOENT"),
            Change("mkdir", "sub/d", ""), Change("mkdir", refused: "sub/d", "EEXIST"), Change("rmdir", "sub/d", ""),
            Change("rename", "sub/d", "from a"), Change("link", "a", "from sub/d"),
            Change("unlink", "sub/d", ""), Change("rename", refused: "a", "from sub/d ENOENT"),
        ]
        // Not the directory that it makes first.
        t.equal(
            run.told.dropFirst().map { $0.changeText(t.scratch) }, changes.map { isExact ? $0.exact : $0.asked },
            "what is told")
    },

    Test("files: sizes and attributes by io_uring, or said to be missing") { t in
        let run = try t.trace(operations, workload("ring-changes", t.scratch), status: nil, command: "watch-files")
        guard run.status != .code(77) else { throw Stop.skipped("this kernel has no io_uring") }
        t.equal(run.status, .code(0), "the exit status")
        guard try t.hasFunctionEntry() else {
            t.equal(run.told.count, 0, "events without fexit")
            t.expect(run.errors.contains("what io_uring and exec do with files is not seen"), "it is not said")
            return
        }
        let results = lines(run.said).compactMap { $0.hasPrefix("done ") ? Int($0.dropFirst(5)) : nil }
        let changes = [
            "setxattr file trusted.by_name", "setxattr - - ENOENT", "setxattr file trusted.by_descriptor",
            "truncate file to 77",
        ]
        t.equal(results.count, changes.count, "results")
        // One that this kernel does not know is refused before it is an operation.
        let known = zip(changes, results).filter { $1 != -Int(EINVAL) }.map(\.0)
        t.equal(run.told.map { $0.changeText(t.scratch) }, known, "what is told")
        t.note("\(known.count) operations")
    },

    Test("files: what is mounted, moved and unmounted, and what fails") { t in
        let run = try t.trace(
            ["--ops", "mount,umount,pivot_root"], workload("file-mounts", t.scratch), command: "watch-files")
        t.equal(run.surelyLost, 0, "what was lost")
        let isExact = try t.hasFunctionEntry()
        let pivot = lines(run.said).contains("pivot") ? "" : " EINVAL"
        // By its own name too: the workload makes all mounts private first.
        let exact = [
            "mount / of none [MS_REC|MS_PRIVATE]", "mount a tmpfs of live [MS_NOSUID]", "mount b of a [MS_BIND]",
            "mount missing tmpfs of none ENOENT (as_asked)", "mount a nosuchtype of none ENODEV",
            "mount c tmpfs of none", "mount d tmpfs of none from c", "mount d from missing ENOENT (as_asked)",
            "umount b tmpfs of live [MNT_DETACH]", "umount b EINVAL", "umount missing ENOENT (as_asked)",
            "pivot_root missing from missing ENOENT (as_asked)", "pivot_root a from a/old\(pivot)",
        ]
        let asked = exact.map { line in
            // What a call does not name is not known.
            let unnamed = ["mount c", "mount d", "umount b"].first { line.hasPrefix($0 + " tmpfs") }
            let text = unnamed.map { line.replacing("\($0) tmpfs of \($0 == "umount b" ? "live" : "none")", with: $0) }
            // From the new root on.
            let place = line.hasPrefix("pivot_root a") && pivot.isEmpty ? "/old\(t.scratch)/" : ""
            return (text ?? line).replacing(" (as_asked)", with: "")
                .replacing("pivot_root a from a/old", with: "pivot_root \(place)a from \(place)a/old") + " (as_asked)"
        }
        t.equal(run.told.map { $0.mountText(t.scratch) }, isExact ? exact : asked, "what is told")
        let text = try t.run(
            ["--color", "never", "--ops", "mount"], workload("file-mounts", try t.directory("text")),
            command: "watch-files")
        for part in ["mount     \(t.scratch)/text/a tmpfs of live", "mount     \(t.scratch)/text/b a"] {
            t.expect(lines(text.text).contains { $0.hasSuffix(part) }, "no line ends with \"\(part)\": \(text.text)")
        }
    },
]
