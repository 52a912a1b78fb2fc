// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Fixtures
import Testing

/// Bytes that are not what they say.
struct MalformedTests {
    /// Reads everything that a record has.
    private func touch(_ record: Record) {
        if case .syscall(let call) = record {
            _ = (call.argumentTexts.strings, call.path, call.destination, call.targetPID, call.resultText, call.action)
        }
        guard case .process(let process) = record else { return }
        for path in [process.executable, process.directory, process.at] {
            path?.forEachHostComponent { _ in }
        }
        _ = process.ancestors.map(\.name)
        _ = process.arguments.strings
        _ = process.execPath.string + process.interpreter.string
    }

    @Test(arguments: Fixture.allCases)
    func shorterThanItsLength(_ fixture: Fixture) {
        let whole = fixture.bytes
        for count in 0..<whole.count {
            #expect(throws: DecodeError.self, "\(count) bytes of \(whole.count)") {
                try decode(Array(whole[..<count]))
            }
        }
    }

    /// Cut, with a length that says so: only padding may be missing.
    @Test(arguments: Fixture.allCases)
    func cut(_ fixture: Fixture) throws {
        let whole = fixture.bytes
        for count in 16..<whole.count {
            var bytes = Array(whole[..<count])
            bytes.set(\wire_header.length, to: UInt32(count))
            guard let record = try? decode(bytes) else { continue }
            touch(record)
            #expect(whole[count...].allSatisfy { $0 == 0 } && whole.count - count < 8, "\(count) bytes decoded")
        }
    }

    /// A length shorter than the bytes: what lies behind it belongs to no record.
    @Test(arguments: Fixture.allCases)
    func understatedLength(_ fixture: Fixture) throws {
        var bytes = fixture.bytes
        let count = bytes.count
        for length in 0..<count - 8 {
            bytes.set(\wire_header.length, to: UInt32(length))
            #expect(throws: DecodeError.self, "length \(length) of \(count)") { try decode(bytes) }
        }
    }

    @Test(arguments: Fixture.allCases)
    func overstatedLength(_ fixture: Fixture) throws {
        var bytes = fixture.bytes
        for length in [UInt32(bytes.count + 1), UInt32(bytes.count + 8), .max] {
            bytes.set(\wire_header.length, to: length)
            #expect(throws: DecodeError.lengthMismatch(said: Int(length), got: bytes.count)) { try decode(bytes) }
        }
    }

    /// What follows a record in a stream is not part of it.
    @Test func bytesBehind() throws {
        let record = try decode(Fixture.cgroup.bytes + [UInt8](repeating: 0xff, count: 64))
        guard case .cgroup(_, let path, _) = record else {
            Issue.record("not a cgroup")
            return
        }
        #expect(path.string == "/system.slice/demo.service")
    }

    @Test func headerAlone() {
        #expect(throws: DecodeError.tooShort(needed: 16, got: 0)) { try decode([]) }
        #expect(throws: DecodeError.tooShort(needed: 16, got: 15)) { try decode([UInt8](repeating: 0, count: 15)) }
    }

    @Test(arguments: [0, UInt16(WIRE_KIND_COUNT.rawValue), 0x101, UInt16.max])
    func unknownKind(_ kind: UInt16) throws {
        var bytes = Fixture.fork.bytes
        bytes.set(\wire_header.kind, to: kind)
        #expect(throws: DecodeError.unknownKind(kind)) { try decode(bytes) }
    }

    @Test func partsBehindTheEnd() {
        let parts: [KeyPath<wire_process, UInt16>] = [
            \.executable_size, \.directory_size, \.exec_path_size, \.interpreter_size, \.at_size, \.ancestor_count,
        ]
        for part in parts {
            var bytes = Fixture.exec.bytes
            bytes.set(part, to: .max)
            #expect(throws: DecodeError.partsTooLong) { try decode(bytes) }
        }
    }

    @Test func argumentsBehindTheEnd() throws {
        var bytes = Fixture.exec.bytes
        bytes.set(\wire_process.args_size, to: .max)
        #expect(throws: DecodeError.partsTooLong) { try decode(bytes) }
    }

    @Test func cgroupPathBehindTheEnd() throws {
        for size in [33, UInt32.max] {
            var bytes = Fixture.cgroup.bytes
            bytes.set(\wire_cgroup.path_size, to: size)
            #expect(throws: DecodeError.partsTooLong) { try decode(bytes) }
        }
    }

    /// Every byte of every fixture, with every bit turned.
    @Test(arguments: Fixture.allCases)
    func flippedBits(_ fixture: Fixture) {
        var bytes = fixture.bytes
        for index in bytes.indices {
            for bit in 0..<8 {
                bytes[index] ^= 1 << bit
                if let record = try? decode(bytes) { touch(record) }
                bytes[index] ^= 1 << bit
            }
        }
    }
}
