// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Bytes as a file without a name, for a library that only reads files. Needs /proc.
struct MemoryFile: ~Copyable {
    private let descriptor: Int32

    /// `nil` when the kernel gives no memory.
    init?(_ bytes: [UInt8]) {
        descriptor = clinux_memory_file()
        guard descriptor >= 0 else { return nil }
        let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress!, $0.count) }
        guard written == bytes.count else {
            close(descriptor)
            return nil
        }
    }

    var path: String { "/proc/self/fd/\(descriptor)" }

    deinit {
        close(descriptor)
    }
}
