// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Recording

/// A file that is removed when the test ends.
struct ScratchFile: ~Copyable {
    let path: String

    init(_ bytes: [UInt8] = []) {
        var template = Array("/tmp/recording-tests.XXXXXX".utf8) + [0]
        let descriptor = unsafe template.withUnsafeMutableBytes {
            unsafe mkstemp($0.baseAddress!.assumingMemoryBound(to: CChar.self))
        }
        precondition(descriptor >= 0)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        path = String(decoding: template.dropLast(), as: UTF8.self)
    }

    deinit {
        unsafe unlink(path)
    }

    var bytes: [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY)
        defer { close(descriptor) }
        var status = stat()
        unsafe fstat(descriptor, &status)
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
            count = unsafe max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
    }
}

struct Entry: Equatable {
    let kind: EntryKind
    let bytes: [UInt8]
}

/// All that a file gives.
struct Content: Equatable {
    var header: [String] = []
    var entries: [Entry] = []
    var end: RecordingReader.End
    var footer: [String] = []
}

func content(ofFile path: String) throws(RecordingError) -> Content {
    try content(try RecordingReader(path: path))
}

/// Of bytes in memory: tens of thousands of files would be slow.
func content(_ bytes: [UInt8]) throws(RecordingError) -> Content {
    let descriptor = clinux_memory_file()
    _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    lseek(descriptor, 0, SEEK_SET)
    return try content(try RecordingReader(descriptor: descriptor))
}

private func content(_ reader: consuming RecordingReader) throws(RecordingError) -> Content {
    var content = Content(header: reader.header.map { "\($0)=\($1)" }, end: .whole)
    while true {
        switch reader.next() {
        case .entries:
            reader.forEachEntry { kind, bytes in
                content.entries.append(Entry(kind: kind, bytes: unsafe bytes.withUnsafeBytes { unsafe Array($0) }))
                return true
            }
        case .end(let end):
            content.end = end
            content.footer = reader.footer.map { "\($0)=\($1)" }
            return content
        }
    }
}

/// Writes entries, in blocks of `perBlock`.
func record(_ entries: [Entry], perBlock: Int = .max, finishes: Bool = true) throws(RecordingError) -> [UInt8] {
    let file = ScratchFile()
    var writer = try RecordingWriter(path: file.path)
    try writer.begin([("host", "node-1"), ("kernel", "6.1"), ("missing", "")])
    for (index, entry) in entries.enumerated() {
        unsafe writer.append(entry.kind, entry.bytes.span.bytes)
        if index % perBlock == perBlock - 1 { try writer.flush() }
    }
    if finishes { try writer.finish([("watched", "5")]) } else { try writer.flush() }
    return file.bytes
}
