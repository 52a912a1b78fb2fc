// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Recording

/// A file that anybody may have made: it is read to an end, which stays the end, in bounded memory and time.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRecordings(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    // An odd first byte: the file itself. An even one: what is in a block, behind checksums that fit.
    let file = bytes[0] & 1 == 1 ? Array(bytes.dropFirst()) : sealedRecording(block: Array(bytes.dropFirst()))
    let descriptor = clinux_memory_file()
    _ = unsafe file.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    lseek(descriptor, 0, SEEK_SET)
    guard var reader = try? RecordingReader(descriptor: descriptor) else { return 0 }
    var blocks = 0
    while case .entries = reader.next() {
        blocks += 1
        reader.forEachEntry { _, bytes in
            precondition(bytes.byteCount <= 8 << 20)
            return true
        }
    }
    precondition(blocks <= file.count / 32)
    let end = reader.next()
    precondition(end != .entries && reader.next() == end)
    return 0
}
