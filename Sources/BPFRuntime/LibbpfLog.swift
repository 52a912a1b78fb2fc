// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import Glibc
internal import Synchronization

/// What libbpf says while it works. Kept, not printed: stdout carries events only, and most of it is noise unless
/// something fails.
package enum LibbpfLog {
    private static let lines = Mutex<[String]>([])

    /// Starts to collect. With `verbose`, messages go to standard error as they come as well, debugging ones included.
    package static func install(verbose: Bool) {
        if verbose {
            unsafe libbpf_set_print { level, format, arguments in
                unsafe LibbpfLog.take(format, arguments, show: true)
            }
        } else {
            unsafe libbpf_set_print { level, format, arguments in
                if level == LIBBPF_DEBUG { return 0 }
                return unsafe LibbpfLog.take(format, arguments, show: false)
            }
        }
    }

    /// The messages since the last call.
    package static func take() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    /// A verifier log comes as one message. Memory that is not written to is not used.
    private static let longest = 1 << 20

    private static func take(_ format: UnsafePointer<CChar>?, _ arguments: CVaListPointer?, show: Bool) -> Int32 {
        guard let format = unsafe format, let arguments = unsafe arguments else { return 0 }
        let line = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: longest) { buffer in
            unsafe vsnprintf(buffer.baseAddress!, buffer.count, format, arguments)
            return unsafe String(cString: buffer.baseAddress!)
        }
        if show {
            _ = unsafe line.utf8CString.withUnsafeBytes { unsafe write(2, $0.baseAddress!, $0.count - 1) }
        }
        lines.withLock { $0.append(line) }
        return 0
    }
}
