// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// What the tests ask this host, each in one line of its own so that no test has to know a system call.

/// The whole file, or nil. A short read is no end: files of /proc have no size.
func bytes(of path: String) -> [UInt8]? {
    let file = unsafe live_open(path, O_RDONLY, 0)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    while readAvailable(file, into: &bytes) == .more {}
    return bytes
}

func contents(of path: String) -> String? {
    bytes(of: path).map { String(decoding: $0, as: UTF8.self) }
}

func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws {
    let file = unsafe live_open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
    guard file >= 0 else { throw Stop.failed("\(path): \(describe(errno: errno))") }
    defer { close(file) }
    let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
    guard written == bytes.count else { throw Stop.failed("\(path): \(describe(errno: errno))") }
}

func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
    try write(Array(text.utf8), to: path, mode: mode)
}

enum ReadResult {
    case more, nothingYet, end
}

func readAvailable(_ file: CInt, into bytes: inout [UInt8]) -> ReadResult {
    let size = 65536
    var count = 0
    let old = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: size))
    unsafe bytes.withUnsafeMutableBytes { buffer in
        count = unsafe read(file, buffer.baseAddress! + old, size)
    }
    let problem = errno
    bytes.removeLast(size - max(count, 0))
    if count > 0 { return .more }
    return count < 0 && (problem == EAGAIN || problem == EINTR) ? .nothingYet : .end
}

func describe(errno number: CInt) -> String {
    unsafe String(cString: strerror(number))
}

func makeDirectory(_ path: String) throws {
    guard unsafe mkdir(path, 0o755) == 0, unsafe chmod(path, 0o755) == 0 else {
        throw Stop.failed("\(path): \(describe(errno: errno))")
    }
}

/// A static executable that only exits.
@discardableResult
func makeProgram(_ path: String, exitCode: CInt = 0, mode: mode_t = 0o755) throws -> String {
    let problem = unsafe live_write_program(path, exitCode, mode)
    guard problem == 0 else { throw Stop.failed("\(path): \(describe(errno: problem))") }
    return path
}

/// A script, or any other small file that is executable.
@discardableResult
func makeScript(_ path: String, _ text: String) throws -> String {
    try write(text, to: path, mode: 0o755)
    return path
}

func resolved(_ path: String) -> String {
    guard let name = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(name) }
    return unsafe String(cString: name)
}

/// The file that `name` starts, as PATH has it.
func resolvedCommand(_ name: String) -> String {
    let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
    let places = path.split(separator: ":").map { "\($0)/\(name)" }
    return resolved(places.first { unsafe access($0, X_OK) == 0 } ?? name)
}

/// This executable: the tests start their workloads by its real path, as the tool will report it.
let ownPath = resolved("/proc/self/exe")

func workload(_ words: String...) -> [String] {
    [ownPath, "workload"] + words
}

/// Field `number` of /proc/PID/stat as proc(5) counts them; only for those behind the name.
func statField(_ number: Int, of pid: Int) -> Int? {
    guard let text = contents(of: "/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else { return nil }
    let fields = text[name...].dropFirst(2).split(separator: " ")
    return number - 3 < fields.count ? Int(fields[number - 3]) : nil
}

/// Whether nothing but its status is left of it.
func hasEnded(_ pid: Int) -> Bool {
    guard let text = contents(of: "/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else { return true }
    return text[name...].hasPrefix(") Z")
}

/// The pid, its parent's, and so on up to 1 or to the first process of this pid namespace.
func lineage(of pid: Int) -> [Int] {
    var pids = [pid]
    while let parent = statField(4, of: pids[pids.count - 1]), parent > 0 { pids.append(parent) }
    return pids
}

/// The name that passwd file gives to a user id.
func userName(_ id: Int, in passwd: String = "/etc/passwd") -> String? {
    for line in (contents(of: passwd) ?? "").split(separator: "\n") {
        let fields = line.split(separator: ":", omittingEmptySubsequences: false)
        if fields.count > 2, fields[2] == "\(id)" { return String(fields[0]) }
    }
    return nil
}

/// The path of a process in cgroup v2.
func cgroup(of pid: Int) -> String? {
    (contents(of: "/proc/\(pid)/cgroup") ?? "").split(separator: "\n")
        .first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
}

/// Where cgroup v2 is mounted, whole, also on a hybrid host.
func cgroupMount() -> String? {
    for line in (contents(of: "/proc/self/mountinfo") ?? "").split(separator: "\n") {
        let fields = line.split(separator: " ")
        if let dash = fields.firstIndex(of: "-"), fields[dash + 1] == "cgroup2", fields[3] == "/" {
            return String(fields[4])
        }
    }
    return nil
}

/// The ids of all BPF programs that are loaded on this host.
func loadedPrograms() -> Set<UInt32> {
    var programs: Set<UInt32> = []
    var id = live_next_program(0)
    while id != 0 {
        programs.insert(id)
        id = live_next_program(id)
    }
    return programs
}

/// Nanoseconds since 1970 of "2026-01-02T03:04:05.123456789Z", which is the only form that is right.
func nanoseconds(of timestamp: String) -> Int? {
    let shape = "0000-00-00T00:00:00.000000000Z"
    guard timestamp.utf8.count == shape.utf8.count else { return nil }
    var numbers = [0]
    for (byte, form) in zip(timestamp.utf8, shape.utf8) {
        if form != UInt8(ascii: "0") {
            guard byte == form else { return nil }
            numbers.append(0)
        } else {
            guard (0x30...0x39).contains(byte) else { return nil }
            numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + Int(byte - 0x30)
        }
    }
    // Days from the civil calendar, with years that begin in March.
    let year = numbers[0] - (numbers[1] <= 2 ? 1 : 0)
    let month = (numbers[1] + 9) % 12
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + numbers[2] - 1 - 719_468
    return (((days * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5]) * 1_000_000_000 + numbers[6]
}
