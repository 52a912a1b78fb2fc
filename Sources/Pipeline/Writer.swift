// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Rendering

/// Bytes to a descriptor. A reader that is slow holds us up; one that is gone ends the run; one that is stuck must not
/// keep a signal from ending it.
struct Writer: ~Copyable {
    enum Outcome {
        case done
        /// The other side is closed.
        case closed
        /// A signal came first, or it took too long; what is left stays in the buffer.
        case interrupted
        case failed(Int32)
    }

    let descriptor: Int32
    private let owns: Bool
    private let isRegularFile: Bool
    private var written = 0

    /// Standard output, or another descriptor that stays open.
    init(descriptor: Int32) {
        self.descriptor = descriptor
        owns = false
        isRegularFile = Self.isRegular(descriptor)
    }

    /// Creates or empties a file.
    init(path: String) throws(Failure) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(
                errno == ENOENT ? .noInput : .failure,
                "can't write \(path): \(unsafe String(cString: strerror(errno)))",
                help: "name a file in a directory that is there and writable"
            )
        }
        self.descriptor = descriptor
        owns = true
        isRegularFile = Self.isRegular(descriptor)
    }

    deinit {
        if owns { close(descriptor) }
    }

    /// How long a reader may keep us waiting before we look at what else there is, in milliseconds.
    private static let patience: Int32 = 10

    /// Writes the buffer and empties it.
    mutating func flush(_ buffer: inout OutputBuffer, _ loop: borrowing EventLoop, isLast: Bool) -> Outcome {
        while written < buffer.count {
            if !isRegularFile,
                !loop.waitUntilWritable(
                    descriptor, milliseconds: isLast ? 1000 : Self.patience, ignoringSignals: isLast)
            {
                return .interrupted
            }
            // A pipe that polls writable takes PIPE_BUF bytes without blocking.
            let limit = isRegularFile ? buffer.count : min(buffer.count, written + 4096)
            let count = unsafe buffer.bytes.withUnsafeBytes { bytes in
                unsafe write(descriptor, bytes.baseAddress! + written, limit - written)
            }
            if count >= 0 {
                written += count
            } else if errno == EPIPE {
                return .closed
            } else if errno != EINTR && errno != EAGAIN {
                return .failed(errno)
            }
        }
        buffer.removeAll()
        written = 0
        return .done
    }

    private static func isRegular(_ descriptor: Int32) -> Bool {
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
