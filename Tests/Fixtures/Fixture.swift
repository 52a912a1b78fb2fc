// SPDX-License-Identifier: Apache-2.0

package import CWire
package import Enrichment
package import Events

/// The records in this folder: one of each kind, as the kernel programs write them.
package enum Fixture: CaseIterable, Sendable {
    case exec, failedExec, existing, fork, exit, cgroup, syscall, connect, signal, oom
    case connected, unreachable, reset, listening
    case question, answer, hello
    case drop

    package var bytes: [UInt8] {
        switch self {
        case .exec: Self.parse(PackageResources.exec_hex)
        case .failedExec: Self.parse(PackageResources.exec_failed_hex)
        case .existing: Self.parse(PackageResources.existing_hex)
        case .fork: Self.parse(PackageResources.fork_hex)
        case .exit: Self.parse(PackageResources.exit_hex)
        case .cgroup: Self.parse(PackageResources.cgroup_hex)
        case .syscall: Self.parse(PackageResources.syscall_hex)
        case .connect: Self.parse(PackageResources.connect_hex)
        case .signal: Self.parse(PackageResources.signal_hex)
        case .oom: Self.parse(PackageResources.oom_hex)
        case .connected: Self.parse(PackageResources.connected_hex)
        case .unreachable: Self.parse(PackageResources.unreachable_hex)
        case .reset: Self.parse(PackageResources.reset_hex)
        case .listening: Self.parse(PackageResources.listening_hex)
        case .question: Self.parse(PackageResources.question_hex)
        case .answer: Self.parse(PackageResources.answer_hex)
        case .hello: Self.parse(PackageResources.hello_hex)
        case .drop: Self.parse(PackageResources.drop_hex)
        }
    }

    package var record: Record {
        get throws { try decode(bytes) }
    }

    /// The record of an exec, failed exec or existing process.
    package var process: ProcessRecord {
        get throws { try Self.process(bytes) }
    }

    package static func process(_ bytes: [UInt8]) throws -> ProcessRecord {
        guard case .process(let process) = try decode(bytes) else { throw OtherKind() }
        return process
    }

    /// The record of a fork or exit.
    package var task: (wire_task, time: UInt64) {
        get throws {
            switch try record {
            case .fork(let task, let time), .exit(let task, _, let time): (task, time)
            default: throw OtherKind()
            }
        }
    }

    /// The record of a system call.
    package var call: SyscallRecord {
        get throws {
            guard case .syscall(let call) = try record else { throw OtherKind() }
            return call
        }
    }

    /// The record of a connection, or of a socket that listens.
    package var connection: ConnectionRecord {
        get throws {
            guard case .connection(let connection) = try record else { throw OtherKind() }
            return connection
        }
    }

    /// The record of a signal or of an OOM kill: who acted, and on whom.
    package var act: (task: wire_task, target: wire_task, time: UInt64, signal: wire_signal?) {
        get throws {
            switch try record {
            case .signal(let signal): (signal.task, signal.target, signal.header.time, signal)
            case .oom(let oom): (oom.task, oom.target, oom.header.time, nil)
            default: throw OtherKind()
            }
        }
    }

    /// The record of a packet.
    package var message: MessageRecord {
        get throws {
            guard case .message(let message) = try record else { throw OtherKind() }
            return message
        }
    }

    private struct OtherKind: Error {}

    /// The host on which they were written. Its boot was at 2023-11-14 22:13:20 UTC.
    package static let host = Host(name: "node-1", boot: "0123456789ab", clockOffset: 1_700_000_000_000_000_000)

    /// Pairs of hexadecimal digits; "#" starts a comment.
    private static func parse(_ text: [UInt8]) -> [UInt8] {
        String(decoding: text, as: UTF8.self).split(separator: "\n").flatMap { line in
            line.prefix { $0 != "#" }.split(separator: " ").map { digits in
                guard digits.utf8.count == 2, let byte = UInt8(digits, radix: 16) else {
                    preconditionFailure("a fixture has \"\(digits)\" for a byte")
                }
                return byte
            }
        }
    }
}

extension [UInt8] {
    /// Overwrites a member of a wire struct that lies at the start.
    package mutating func set<Struct, Value: FixedWidthInteger>(_ member: KeyPath<Struct, Value>, to value: Value) {
        for index in 0..<Value.bitWidth / 8 {
            self[offset(member) + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }

    /// The same for a fixed string.
    package mutating func set<Struct, Value: BitwiseCopyable>(_ member: KeyPath<Struct, Value>, to text: String) {
        let size = MemoryLayout<Value>.size
        let padded = Array(text.utf8) + [UInt8](repeating: 0, count: size - text.utf8.count)
        replaceSubrange(offset(member)..<offset(member) + size, with: padded)
    }

    private func offset<Struct, Value>(_ member: KeyPath<Struct, Value>) -> Int {
        guard let offset = MemoryLayout<Struct>.offset(of: member) else { preconditionFailure("not stored") }
        return offset
    }
}

extension CommandName {
    package init(_ text: String) {
        var task = wire_task()
        unsafe withUnsafeMutableBytes(of: &task.comm) { unsafe $0.copyBytes(from: text.utf8) }
        self.init(task.comm)
    }
}

package func decode(_ bytes: [UInt8]) throws(DecodeError) -> Record {
    try unsafe Record(decoding: bytes.span.bytes)
}
