// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import Glibc

/// What went wrong in the kernel's BPF interface: which step, on what, and the kernel's answer.
package struct BPFError: Error, CustomStringConvertible {
    /// The step that failed, as a phrase: "load program process_exec".
    package let step: String
    /// The positive errno, or a libbpf code (4000 and above).
    package let code: Int32
    /// The verifier's log when a program was refused, whole.
    package let verifierLog: String?

    package init(step: String, code: Int32, verifierLog: String? = nil) {
        self.step = step
        self.code = code < 0 ? -code : code
        self.verifierLog = verifierLog
    }

    /// An error from the last failed call, by errno.
    package init(lastFailureOf step: String) {
        self.init(step: step, code: errno)
    }

    /// One line. libbpf has codes beyond errno, which only libbpf can name.
    package var description: String {
        let reason = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            unsafe libbpf_strerror(code, buffer.baseAddress!, buffer.count)
            return unsafe String(cString: buffer.baseAddress!)
        }
        guard let verifierLog else { return "\(step): \(reason)" }
        return "\(step): \(reason): \(Self.summary(of: verifierLog))"
    }

    /// The line of a verifier log that says why: the last one that is not a statistic.
    package static func summary(of log: String) -> String {
        let lines = log.split(separator: "\n").filter { line in
            !line.hasPrefix("processed ") && !line.hasPrefix("-- ") && !line.hasPrefix("verification time")
                && !line.hasPrefix("stack depth")
        }
        guard let last = lines.last else { return "no reason given" }
        return lines.count > 1 ? "\(last) (\(lines.count - 1) lines of verifier log omitted)" : String(last)
    }
}
