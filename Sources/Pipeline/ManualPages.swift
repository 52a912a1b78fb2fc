// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import Glibc

/// The manual, which a host that this executable was copied to has nowhere else.
package struct ManualPages {
    /// In the order of the alphabet, such as "ebpfguard-trace.8".
    package let names: [String]
    private let texts: [[UInt8]]

    package init() {
        let all = unsafe embedded_pages.decompressed() ?? []
        var names: [String] = []
        var texts: [[UInt8]] = []
        for page in all.split(separator: 0x0c) {
            let end = page.firstIndex(of: UInt8(ascii: "\n")) ?? page.endIndex
            names.append(String(decoding: page[..<end], as: UTF8.self))
            texts.append(Array(page[end...].dropFirst()))
        }
        self.names = names
        self.texts = texts
    }

    /// What a page may be asked for by: "trace", and "ebpfguard" for the first.
    package var topics: [String] {
        names.map { name in
            let stem = name.split(separator: ".").first.map(String.init) ?? name
            return stem.hasPrefix("ebpfguard-") ? String(stem.dropFirst(10)) : stem
        }
    }

    /// Shows the page of a topic: on a terminal by $PAGER, or less where there is one. False where there is none.
    package func display(_ topic: String) throws(Failure) -> Bool {
        guard let index = topics.firstIndex(of: topic) else { return false }
        let pager = """
            if [ -n "$PAGER" ]; then exec $PAGER; elif command -v less >/dev/null; then exec less; fi; exec cat
            """
        guard isatty(1) == 1, let stream = unsafe popen(pager, "w") else {
            try show(texts[index])
            return true
        }
        // Whoever leaves the pager early closes the pipe.
        signal(SIGPIPE, SIG_IGN)
        _ = writeWhole(texts[index], to: unsafe fileno(stream))
        unsafe pclose(stream)
        return true
    }
}
