// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

/// A process that a test started. Everything that waits for it has a deadline.
final class Child {
    let pid: Int
    private let pidfd: CInt
    private var input: CInt
    private var files: (output: CInt, errors: CInt)
    private(set) var output: [UInt8] = []
    private(set) var errors: [UInt8] = []
    /// False for a reader that is stuck.
    var readsOutput = true
    /// Nil while it runs.
    private(set) var status: ExitStatus?
    private(set) var ended: Int64 = 0
    let started = live_uptime()

    enum ExitStatus: Equatable, CustomStringConvertible {
        case code(Int)
        case signal(Int)

        var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    init(
        _ words: [[UInt8]], environment: [String] = [], directory: String? = nil, user: Int = 0, columns: Int = 0
    ) throws {
        let wordBlock = block(words)
        let settingBlock = block(environment.map { Array($0.utf8) })
        let directoryBlock = block([Array((directory ?? "").utf8)])
        var child = live_child()
        let problem = unsafe wordBlock.withUnsafeBufferPointer { wordBytes in
            unsafe settingBlock.withUnsafeBufferPointer { settingBytes in
                unsafe directoryBlock.withUnsafeBufferPointer { path in
                    var how = unsafe live_start(
                        words: wordBytes.baseAddress, word_count: Int32(words.count),
                        settings: settingBytes.baseAddress, setting_count: Int32(environment.count),
                        directory: directory == nil ? nil : path.baseAddress,
                        user: Int32(user), columns: Int32(columns))
                    return unsafe live_spawn(&how, &child)
                }
            }
        }
        guard problem == 0 else { throw Stop.failed("cannot start a process: \(describe(errno: problem))") }
        pid = Int(child.pid)
        pidfd = child.pidfd
        input = child.input
        files = (child.output, child.errors)
    }

    convenience init(_ words: [String], environment: [String] = [], directory: String? = nil, user: Int = 0) throws {
        try self.init(
            words.map { Array($0.utf8) }, environment: environment, directory: directory, user: user)
    }

    deinit {
        kill(SIGKILL)
        wait(milliseconds: 1000)
        closeInput()
        closeOutput()
        if files.errors >= 0 { close(files.errors) }
        close(pidfd)
    }

    func kill(_ signal: CInt) {
        if status == nil { _ = Glibc.kill(pid_t(pid), signal) }
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    func closeOutput() {
        if files.output >= 0 { close(files.output) }
        files.output = -1
    }

    /// Reads until `condition` holds, the process has ended, or the time is over; whether the condition holds then. With
    /// `pastEnd` also what others write when it has ended.
    @discardableResult
    func wait(
        milliseconds: Int, pastEnd: Bool = false, until condition: (Child) -> Bool = { $0.status != nil }
    ) -> Bool {
        let deadline = live_uptime() + Int64(milliseconds) * 1_000_000
        while !condition(self) {
            let left = deadline - live_uptime()
            guard left > 0, pastEnd || status == nil else { return false }
            // Not longer than a sampling interval, for conditions that look elsewhere.
            let seen = live_wait(
                readsOutput ? files.output : -1, files.errors, status == nil ? pidfd : -1,
                Int32(min(left / 1_000_000 + 1, 20)))
            if seen & 1 != 0 { read(&files.output, into: &output) }
            if seen & 2 != 0 { read(&files.errors, into: &errors) }
            if seen & 4 != 0 { collect() }
        }
        return true
    }

    /// A descriptor that can give no more is closed, or poll would report it for ever. (A terminal ends with EIO.)
    private func read(_ file: inout CInt, into bytes: inout [UInt8]) {
        if readAvailable(file, into: &bytes) == .end {
            close(file)
            file = -1
        }
    }

    /// It has ended: what it wrote last is still in the pipes, which others may hold open.
    private func collect() {
        let raw = live_status(pid_t(pid))
        guard raw >= 0 else { return }
        ended = live_uptime()
        while readsOutput, files.output >= 0, readAvailable(files.output, into: &output) == .more {}
        while files.errors >= 0, readAvailable(files.errors, into: &errors) == .more {}
        let signal = Int(raw & 0x7F)
        status = signal == 0 ? .code(Int(raw >> 8) & 0xFF) : .signal(signal)
    }

    var seconds: Double { Double(ended - started) / 1e9 }
    var outputText: String { String(decoding: output, as: UTF8.self) }
    var errorText: String { String(decoding: errors, as: UTF8.self) }

    /// The largest resident size so far, in KiB. The process must still run.
    var peakMemory: Int? {
        let lines = (contents(of: "/proc/\(pid)/status") ?? "").split(separator: "\n")
        // Between fork and exec it is a copy of this process, which is larger.
        guard lines.contains("Name:\tebpfguard") else { return nil }
        return lines.first { $0.hasPrefix("VmHWM:") }.flatMap { Int($0.filter(\.isNumber)) }
    }
}

/// The strings after each other, each with a NUL.
private func block(_ strings: [[UInt8]]) -> [UInt8] {
    strings.reduce(into: []) { block, string in
        block += string
        block.append(0)
    }
}

/// The lines of an output, each without its end (a terminal ends them with CR LF).
func lines(_ bytes: [UInt8]) -> [[UInt8]] {
    bytes.split(separator: UInt8(ascii: "\n")).map { $0.last == UInt8(ascii: "\r") ? Array($0.dropLast()) : Array($0) }
}

func lines(_ text: String) -> [String] {
    lines(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
}
