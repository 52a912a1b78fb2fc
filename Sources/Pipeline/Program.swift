// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Rendering

/// The program behind `--`: forked when the probes are attached, started when it is marked, so that nothing of it is missed.
@safe
struct Program: ~Copyable {
    let pid: pid_t
    private var gate: [Int32]
    private let name: String
    private var status: Int32?

    /// Forks a child that waits to execute `path`. Its standard output goes to standard error: ours carries events only.
    init(_ path: [UInt8], _ arguments: [[UInt8]]) throws(Failure) {
        let name = escaped(arguments[0])
        var gate: [Int32] = [-1, -1]
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe []
        for argument in arguments { unsafe pointers.append(Self.copy(argument)) }
        unsafe pointers.append(Optional.none)
        let file = unsafe Self.copy(path)
        let pid = unsafe clinux_fork_waiting(file, pointers, 2, &gate)
        unsafe free(file)
        for index in unsafe pointers.indices { unsafe free(pointers[index]) }
        guard pid > 0 else {
            throw Failure(.failure, "can't fork: \(unsafe String(cString: strerror(errno)))")
        }
        self.pid = pid
        self.gate = gate
        self.name = name
    }

    /// Lets the program start.
    mutating func start() throws(Failure) {
        let error = unsafe clinux_release_child(&gate)
        guard error != 0 else { return }
        _ = wait(blocking: true)
        throw Failure(
            .program(error == ENOENT ? 127 : 126), "can't execute \(name): \(unsafe String(cString: strerror(error)))"
        )
    }

    /// The program's exit status as a shell shows it, once it has ended.
    mutating func wait(blocking: Bool = false) -> Int32? {
        if let status { return status }
        var raw: Int32 = 0
        var result: pid_t
        repeat {
            result = unsafe waitpid(pid, &raw, blocking ? 0 : WNOHANG)
        } while result < 0 && errno == EINTR
        guard result == pid else { return nil }
        status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
        return status
    }

    func send(_ signal: Int32) {
        if status == nil { kill(pid, signal) }
    }

    private static func copy(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar>? {
        let copy = unsafe malloc(bytes.count + 1)?.assumingMemoryBound(to: CChar.self)
        for (index, byte) in bytes.enumerated() { unsafe copy?[index] = CChar(bitPattern: byte) }
        unsafe copy?[bytes.count] = 0
        return unsafe copy
    }

    /// Finds a program as a shell would, so that the child's own exec is the only one. Names of files are any bytes.
    static func find(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
        let name = escaped(bytes)
        func check(_ path: [UInt8]) -> Failure? {
            let path = path.map { CChar(bitPattern: $0) } + [0]
            var status = stat()
            guard unsafe stat(path, &status) == 0 else {
                return Failure(.program(127), "\(name): \(unsafe String(cString: strerror(errno)))")
            }
            if status.st_mode & S_IFMT == S_IFDIR { return Failure(.program(126), "\(name): is a directory") }
            guard unsafe access(path, X_OK) == 0 else {
                return Failure(.program(126), "\(name): \(unsafe String(cString: strerror(errno)))")
            }
            return nil
        }
        if bytes.contains(UInt8(ascii: "/")) {
            if let failure = check(bytes) { throw failure }
            return bytes
        }
        var refused: Failure?
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        for directory in path.split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = Array((directory.isEmpty ? "." : directory).utf8) + [UInt8(ascii: "/")] + bytes
            guard let failure = check(candidate) else { return candidate }
            if failure.status == .program(126) { refused = failure }
        }
        throw refused ?? Failure(.program(127), "\(name): command not found", help: "nothing was watched")
    }
}
