// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// watch-files: one file by ways round its path.

extension Event {
    /// "rename bound/g from bound/f EXDEV (as_asked)", with paths from the test's directory on.
    fileprivate func routeText(_ directory: String) -> String {
        func short(_ path: String?) -> String {
            guard let path else { return "-" }
            // The kernel names what has no name by the number of its inode.
            if path.contains("/#") || path.hasPrefix("/proc/self/fd/") { return "#" }
            return path.hasPrefix(directory + "/") ? String(path.dropFirst(directory.count + 1)) : path
        }
        var text = "\(action) \(short(self["file.path"]?.string))"
        if let original = self["file.original_path"]?.string { text += " from \(short(original))" }
        if let code = self["error.code"]?.string { text += " \(code)" }
        let marks = self["ebpfguard.file.marks"]?.strings ?? []
        return marks.isEmpty ? text : text + " (\(marks.joined(separator: " ")))"
    }
}

let routeTests = [
    Test("files: through bind mounts, other roots, processes, mount namespaces and overlays") { t in
        let kinds = "open,create,rename,unlink,link,chmod,setxattr"
        let run = try t.trace(["--ops", kinds], workload("file-routes", t.scratch), command: "watch-files")
        t.equal(run.surelyLost, 0, "what was lost")
        let own = run.told.drop { $0.path != "\(t.scratch)/bound/f" }
        // Without fexit what is done to names is told by those that were asked for.
        let isExact = try t.hasFunctionEntry()
        func named(_ exact: String, asked: String? = nil, marks: String = "") -> String {
            isExact ? exact + marks : (asked ?? exact) + " (as_asked)"
        }
        let parent = own.first?.pid ?? 0
        let other = own.first { $0.action == "unlink" && $0.isFailure }?.path ?? "-"
        t.expect(other.hasPrefix("/proc/") && other.hasSuffix("/root\(t.scratch)/other/f"), "the path \(other)")
        var expected = [
            "create bound/f", "open real/f", "open bound/missing ENOENT (as_asked)",
            named("rename bound/g from bound/f"), named("chmod bound/g"),
            "rename real/g from bound/g EXDEV (as_asked)",
            "open real/g", "open /proc/self/root\(t.scratch)/real/missing ENOENT (as_asked)", "open real/g",
            "open /proc/\(parent)/fd/999 ENOENT (as_asked)",
            "create other/f", named("unlink other/f", asked: "unlink \(other)"), "unlink \(other) ENOENT (as_asked)",
            "create # (tmpfile)", named("link real/linked from #"), "link real/linked from # EEXIST (as_asked)",
            "create lower/old",
        ]
        if lines(run.said).contains("overlay") {
            let marks = " (upper_layer)"
            expected += [
                "open merged/old", named("chmod merged/old", marks: marks),
                named("setxattr merged/old", marks: marks), "open merged/old" + marks, "create merged/new" + marks,
                "open merged/missing ENOENT (as_asked)", named("unlink merged/old", marks: marks),
            ]
            t.note("overlay")
        }
        t.equal(own.map { $0.routeText(t.scratch) }, expected, "what is told")
    }
]
