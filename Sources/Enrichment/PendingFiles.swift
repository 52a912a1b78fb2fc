// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

/// What threads are about to do to names of files, until it is told what became of it.
struct PendingFiles {
    /// By the thread, or what is written by the address of the open file.
    private var records: [UInt64: FileRecord] = [:]
    private static let limit = 10_000

    /// A record that is whole; `nil` for one whose other half is not there.
    mutating func take(_ record: FileRecord) -> FileRecord? {
        let key = record.fixed.id == 0 ? UInt64(record.task.tid) : record.fixed.id
        if record.has(WIRE_FILE_PENDING) {
            // Threads that were killed on the way leave theirs behind.
            if records.count >= Self.limit { records.removeAll() }
            records[key] = record
            return nil
        }
        guard record.has(WIRE_FILE_DONE) else { return record }
        guard let pending = records[key], pending.operation == record.operation else { return nil }
        if !record.has(WIRE_FILE_STILL) { records[key] = nil }
        return pending.done(by: record)
    }
}
