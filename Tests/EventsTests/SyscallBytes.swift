// SPDX-License-Identifier: Apache-2.0

import CWire
import Events

/// The bytes of a system call's record, as the kernel programs write them.
struct SyscallBytes {
    private var fixed = wire_syscall()
    private var tail: [UInt8] = []

    private var architecture = SyscallArchitecture.x64

    init(
        _ name: String, _ arguments: [UInt64] = [], _ abi: SyscallABI = .native,
        on architecture: SyscallArchitecture = .x64, result: Int64 = 0
    ) {
        self.init(abi, EventsTests.number(name, abi, on: architecture), arguments, result: result)
        self.architecture = architecture
    }

    init(_ abi: SyscallABI, _ number: UInt32, _ arguments: [UInt64] = [], result: Int64 = 0) {
        fixed.header.kind = UInt16(WIRE_SYSCALL.rawValue)
        fixed.header.time = 1_000_123_456_789
        fixed.task.pid = 4711
        fixed.abi = abi.rawValue
        fixed.number = number
        fixed.result = result
        let all = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
        fixed.arguments = (all[0], all[1], all[2], all[3], all[4], all[5])
    }

    private mutating func capture(_ argument: UInt8, _ bytes: [UInt8], kind: wire_capture_kind, flags: UInt32 = 0) {
        fixed.capture_count += 1
        tail += [argument, UInt8(kind.rawValue), UInt8(flags), 0]
        tail += (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) }
        tail += bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
    }

    func with(_ argument: UInt8, _ text: String, flags: UInt32 = 0) -> SyscallBytes {
        var copy = self
        copy.capture(argument, Array(text.utf8), kind: WIRE_CAPTURE_STRING, flags: flags)
        return copy
    }

    func with(flag: UInt32) -> SyscallBytes {
        var copy = self
        copy.fixed.header.flags |= UInt16(flag)
        return copy
    }

    func with(_ argument: UInt8, address: [UInt8]) -> SyscallBytes {
        var copy = self
        copy.capture(argument, address, kind: WIRE_CAPTURE_SOCKADDR)
        return copy
    }

    var bytes: [UInt8] {
        var fixed = fixed
        fixed.header.length = UInt32(MemoryLayout<wire_syscall>.size + tail.count)
        return unsafe withUnsafeBytes(of: fixed) { unsafe Array($0) } + tail
    }

    func record() throws(DecodeError) -> SyscallRecord {
        let bytes = bytes
        return try unsafe SyscallRecord(decoding: bytes.span.bytes, on: architecture)
    }

    var texts: [String] {
        get throws { try record().argumentTexts.strings }
    }
}
