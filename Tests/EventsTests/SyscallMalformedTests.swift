// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Fixtures
import Testing

/// Records of system calls that are not what they say.
struct SyscallMalformedTests {
    private let whole = SyscallBytes("renameat2", [3, 1, 4, 2, 0]).with(1, "/first/path").with(3, "/second").bytes
    private let fixedSize = MemoryLayout<wire_syscall>.size

    private func decode(
        _ bytes: [UInt8], on architecture: SyscallArchitecture = .x64
    ) throws(DecodeError) -> SyscallRecord {
        try unsafe SyscallRecord(decoding: bytes.span.bytes, on: architecture)
    }

    private func touch(_ record: SyscallRecord) {
        _ = record.argumentTexts.strings
        _ = (record.name, record.path, record.address, record.resultText, record.category, record.isSecurityRelevant)
    }

    @Test func cut() throws {
        for count in 0..<whole.count {
            guard let record = try? decode(Array(whole[..<count])) else { continue }
            touch(record)
            #expect(whole.count - count < 8 && whole[count...].allSatisfy { $0 == 0 }, "\(count) bytes decoded")
        }
        #expect(throws: DecodeError.tooShort(needed: fixedSize, got: 0)) { try decode([]) }
    }

    @Test func sizes() {
        let size = fixedSize + MemoryLayout<wire_capture>.size - 4
        for value: UInt32 in [60, 1000, 0x7fff_ffff, 0x8000_0000, .max - 7, .max] {
            var bytes = whole
            for index in 0..<4 { bytes[size + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))) }
            #expect(throws: DecodeError.partsTooLong, "size \(value)") { try decode(bytes) }
        }
    }

    @Test func tooManyCaptures() {
        var bytes = SyscallBytes("read", [3]).bytes
        for value: UInt8 in [1, 255] {
            bytes.set(\wire_syscall.capture_count, to: UInt16(value))
            #expect(throws: DecodeError.partsTooLong) { try decode(bytes) }
        }
    }

    /// Every byte, with values at the edges.
    @Test func anyByte() {
        for index in 16..<whole.count {
            for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
                var bytes = whole
                bytes[index] = value
                if let record = try? decode(bytes) { touch(record) }
            }
        }
    }

    /// Every call of every list with every register full, and with captures of arguments that it does not have.
    @Test(arguments: SyscallArchitecture.allCases, SyscallABI.allCases)
    func anyCall(_ architecture: SyscallArchitecture, _ abi: SyscallABI) throws {
        for number: UInt32 in Array(0..<600) + [.max] {
            for value: UInt64 in [0, 1, 0x8000_0000, .max] {
                let bytes = SyscallBytes(
                    abi, number, Array(repeating: value, count: 6), result: Int64(bitPattern: value))
                for argument: UInt8 in [1, 5, 6, 255] {
                    let whole = bytes.with(argument, "/x").with(argument, address: [2, 0, 0, 80, 1, 2, 3, 4])
                    touch(try decode(whole.bytes, on: architecture))
                }
            }
        }
    }
}
