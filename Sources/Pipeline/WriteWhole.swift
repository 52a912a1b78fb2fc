// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Writes what was asked for in place of events, such as a listing, to standard output. That nobody takes more of it is no
/// error.
package func show(_ text: String) throws(Failure) { try show(Array(text.utf8)) }

func show(_ bytes: [UInt8]) throws(Failure) {
    // Whoever closes the pipe ends the writing, not us.
    signal(SIGPIPE, SIG_IGN)
    guard writeWhole(bytes, to: 1) || errno == EPIPE else { throw .unwritten(errno) }
}

extension Failure {
    /// Standard output took no more, by `code` of errno.
    static func unwritten(_ code: Int32) -> Failure {
        Failure(.failure, "can't write to standard output: \(unsafe String(cString: strerror(code)))")
    }
}

/// Writes all of it; false, with errno, where that can't be. For what is small and may wait: see `Writer` for events.
func writeWhole(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress!, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
    }
    return true
}
