// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import Recording

struct RecordingTests {
    private static func entries(_ count: Int, from random: inout some RandomNumberGenerator) -> [Entry] {
        (0..<count).map { _ in
            let size = Int.random(in: 0...40, using: &random) * Int.random(in: 0...40, using: &random)
            // Part of it repeats, as records do.
            let bytes = (0..<size).map { _ in UInt8.random(in: 0...7, using: &random) }
            return Entry(
                kind: [.record, .known, .existing, .answer, .loss].randomElement(using: &random)!, bytes: bytes)
        }
    }

    @Test func roundTrip() throws {
        var random = SystemRandomNumberGenerator()
        for count in [0, 1, 2, 300, 5000] {
            let entries = Self.entries(count, from: &random)
            for perBlock in [1, 7, .max] where count < 1000 || perBlock > 1 {
                let read = try content(try record(entries, perBlock: perBlock))
                #expect(read.entries == entries)
                #expect(read.header == ["host=node-1", "kernel=6.1", "missing="])
                #expect(read.footer == ["watched=5"])
                #expect(read.end == .whole)
            }
        }
    }

    @Test func readsWhatIsThereOfARunThatWasKilled() throws {
        var random = SystemRandomNumberGenerator()
        let entries = Self.entries(20, from: &random)
        let read = try content(try record(entries, finishes: false))
        #expect(read.entries == entries)
        #expect(read.end == .cut(leftOver: 0))
    }

    /// Wherever a file is cut: all blocks before that place, and how much is left over.
    @Test func everyLength() throws {
        var random = SystemRandomNumberGenerator()
        let entries = Self.entries(12, from: &random)
        let whole = try record(entries, perBlock: 3)
        let ends = blockEnds(whole)
        #expect(ends.count == 6)
        for length in 0..<whole.count {
            let cut = Array(whole[..<length])
            guard length >= ends[0] else {
                #expect(throws: length == 0 ? .empty : length < 8 ? .foreign : RecordingError.noHeader) {
                    try content(cut)
                }
                continue
            }
            let read = try content(cut)
            let blocks = ends.lastIndex { $0 <= length }!
            #expect(read.entries == Array(entries.prefix(blocks * 3)))
            #expect(read.end == .cut(leftOver: length - ends[blocks]))
            #expect(read.footer == [])
        }
    }

    /// Whichever byte is another: the same content, or all blocks before and a complaint.
    @Test func everyByte() throws {
        var random = SystemRandomNumberGenerator()
        let entries = Self.entries(8, from: &random)
        let whole = try record(entries, perBlock: 2)
        let intact = try content(whole)
        let ends = blockEnds(whole)
        for index in whole.indices {
            for flip in [1, 0x80, 0xff, UInt8.random(in: 1...255, using: &random)] {
                var bytes = whole
                bytes[index] ^= flip
                guard let read = try? content(bytes) else {
                    #expect(index < ends[0])
                    continue
                }
                if index < 16 {
                    #expect(read == intact)
                    continue
                }
                let blocks = ends.firstIndex { index < $0 }! - 1
                #expect(read.end != .whole)
                #expect(read.entries == Array(entries.prefix(blocks * 2)))
            }
        }
    }

    /// A block twice, or one that is missing, is no recording of what happened.
    @Test func blocksOutOfOrder() throws {
        var random = SystemRandomNumberGenerator()
        let entries = Self.entries(4, from: &random)
        let whole = try record(entries, perBlock: 1)
        let ends = blockEnds(whole)
        let second = whole[ends[1]..<ends[2]]
        let twice = Array(whole[..<ends[2]] + second + whole[ends[2]...])
        #expect(try content(twice).end == .damaged(offset: UInt64(ends[2])))
        let missing = Array(whole[..<ends[1]] + whole[ends[2]...])
        #expect(try content(missing).end == .damaged(offset: UInt64(ends[1])))
        #expect(try content(missing).entries.count == 1)
    }

    @Test func moreBehindTheEnd() throws {
        let whole = try record([])
        #expect(try content(whole + [0]).end == .damaged(offset: UInt64(whole.count)))
        #expect(try content(whole + whole).end == .damaged(offset: UInt64(whole.count)))
    }

    @Test func versions() throws {
        var bytes = try record([Entry(kind: .record, bytes: [1])])
        bytes[10] = 9
        #expect(try content(bytes).entries.count == 1)
        bytes[8] = 2
        #expect(throws: RecordingError.newer(major: 2)) { try content(bytes) }
        bytes[8] = 0
        #expect(throws: RecordingError.foreign) { try content(bytes) }
    }

    /// What a later minor version adds is left out.
    @Test func unknownKinds() throws {
        var plain: [UInt8] = []
        for kind: UInt8 in [1, 200, 1] { plain += [kind, 2, 0, 0, 0, 7, 8] }
        let bytes = Array(try record([]).prefix { _ in true })
        let start = blockEnds(bytes)[0]
        let file = Array(bytes[..<start]) + block(plain, entryCount: 3, firstEntry: 3)
        let read = try content(file)
        #expect(read.entries == [Entry(kind: .record, bytes: [7, 8]), Entry(kind: .record, bytes: [7, 8])])
        #expect(read.end == .cut(leftOver: 0))
    }

    /// Heads that are intact and lie: they get no memory and no trust.
    @Test func lies() throws {
        let bytes = try record([])
        let start = blockEnds(bytes)[0]
        let entry: [UInt8] = [1, 2, 0, 0, 0, 7, 8]
        for lie in [
            block(entry, entryCount: 2, firstEntry: 3),
            block(entry, entryCount: 1, firstEntry: 4),
            block([1, 255, 255, 255, 255], entryCount: 1, firstEntry: 3),
            block([1, 2, 0], entryCount: 1, firstEntry: 3),
            block(entry, entryCount: 1, firstEntry: 3, size: 6),
            block(entry, entryCount: 1, firstEntry: 3, size: 8),
            block(entry, entryCount: 1, firstEntry: 3, size: 8 << 20),
            block(entry, entryCount: 1, firstEntry: 3, size: Int(UInt32.max)),
        ] {
            let read = try content(Array(bytes[..<start]) + lie)
            #expect(read.end == .damaged(offset: UInt64(start)))
            #expect(read.entries == [])
        }
        var huge = block(entry, entryCount: 1, firstEntry: 3)
        for index in 8..<12 { huge[index] = 0xff }
        #expect(try content(Array(bytes[..<start]) + huge).end == .damaged(offset: UInt64(start)))
    }

    @Test func otherFiles() throws {
        for text in ["x", "hello, this is no recording of anything\n", "{\"@timestamp\":\"2026\"}"] {
            #expect(throws: RecordingError.foreign) { try content(Array(text.utf8)) }
        }
        #expect(throws: RecordingError.empty) { try content([]) }
        #expect(throws: RecordingError.unreadable(errno: ENOENT)) { try content(ofFile: "/no/such/file") }
        #expect(throws: RecordingError.unreadable(errno: EISDIR)) { try content(ofFile: "/") }
    }

    @Test func noRoom() throws {
        var writer = try RecordingWriter(path: "/dev/full")
        var failure: RecordingError?
        do { try writer.begin([]) } catch { failure = error }
        #expect(failure == .unwritable(errno: ENOSPC))
        do throws(RecordingError) { _ = try RecordingWriter(path: "/no/such/directory/file") } catch { failure = error }
        #expect(failure == .unwritable(errno: ENOENT))
    }

    /// The check value that the definitions of CRC-32 give.
    @Test func checksum() {
        var checksum = Checksum()
        checksum.add(Array("123456789".utf8).span)
        #expect(checksum.value == 0xcbf4_3926)
    }

    private func blockEnds(_ bytes: [UInt8]) -> [Int] {
        var ends: [Int] = []
        var start = RecordingFormat.prefixSize
        while start < bytes.count {
            start += BlockHead.size + Int(bytes.littleEndian(at: start + 8, UInt32.self))
            ends.append(start)
        }
        return ends
    }

    private func block(_ plain: [UInt8], entryCount: UInt32, firstEntry: UInt64, size: Int? = nil) -> [UInt8] {
        let stored = Compressor().compress(plain.span)
        let head = BlockHead(
            .entries, storedSize: stored.count, size: size ?? plain.count, firstEntry: firstEntry,
            entryCount: entryCount)
        return head.bytes(of: stored.span) + stored
    }
}
