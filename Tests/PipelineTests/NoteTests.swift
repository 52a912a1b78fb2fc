// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Pipeline

@Suite struct NoteTests {
    @Test func foldsBetweenWords() {
        #expect(
            fold("missing: what io_uring and exec do\n  write kill in place of it", 20)
                == "missing: what\n  io_uring and exec\n  do\n  write kill in\n    place of it")
    }

    @Test(arguments: ["", "short", "exactly twenty chars", "two\n\nlines", "  kept    as it  is"])
    func leavesWhatFits(_ text: String) {
        #expect(fold(text, 20) == text)
    }

    /// A path stays one word, to be copied.
    @Test func leavesLongWordsWhole() {
        let path = "/sys/fs/cgroup/unified/ebpfguard-3017"
        #expect(fold("who leaves the cgroup \(path) now", 20) == "who leaves the\n  cgroup\n  \(path)\n  now")
    }
}
