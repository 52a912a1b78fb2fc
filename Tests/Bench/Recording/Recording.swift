// SPDX-License-Identifier: Apache-2.0

import Enrichment
import Events
import Fixtures
import Glibc
import Recording
import Rendering

// What recording an event costs, beside rendering it as JSON: both of the same events, in CPU time of this process.

/// The lives of processes: a fork, an exec and an exit each, with pids and times of their own.
private func lives(_ count: Int) -> [[UInt8]] {
    let kinds = [Fixture.fork, .exec, .exit].map(\.bytes)
    return (0..<count).flatMap { index in
        kinds.enumerated().map { part, record in
            var bytes = record
            // wire_header.time, then wire_task.pid, tid, and start.
            set(&bytes, at: 8, UInt64(1_000_000_000_000 + index * 900_000 + part * 250_017))
            set(&bytes, at: 16, UInt32(4000 + index % 30_000))
            set(&bytes, at: 20, UInt32(4000 + index % 30_000))
            set(&bytes, at: 32, UInt64(1_000_000_000_000 + index * 900_000))
            return bytes
        }
    }
}

private func set(_ bytes: inout [UInt8], at offset: Int, _ value: some FixedWidthInteger) {
    for index in 0..<value.bitWidth / 8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
}

private func cpu() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

@main
struct Bench {
    static func main() throws {
        let records = lives(100_000)
        let path = "/tmp/ebpfguard-bench.rec"
        defer { unsafe unlink(path) }
        var writer = try RecordingWriter(path: path)
        try writer.begin([("host", "bench")])
        let start = cpu()
        for record in records {
            unsafe writer.append(.record, record.span.bytes)
            if writer.hasWholeBlock { try writer.flushWholeBlocks() }
        }
        try writer.finish([])
        let recording = (cpu() - start) / Double(records.count)

        let decoding = try pass(records) { _, _ in }
        let enriching = try pass(records) { enricher, record in _ = enricher.event(for: record) }
        var json = JSONRenderer(fields: Set(Field.allCases), host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        var written = 0
        let whole = try pass(records) { enricher, record in
            guard let event = enricher.event(for: record) else { return }
            json.append(event, to: &buffer)
            guard buffer.count > 1 << 16 else { return }
            written += buffer.count
            buffer.removeAll()
        }
        written += buffer.count
        print("an event costs, in ns of CPU: \(Int(recording)) to record and write to \(path),")
        print(
            "  \(Int(decoding)) to decode, \(Int(enriching - decoding)) to enrich, \(Int(whole - enriching)) to render as"
                + " JSON: \(Int(1e9 / (whole - enriching + decoding))) events a second decoded and rendered")
        print(
            "on disk: \(Double(writer.size) / Double(records.count)) bytes an event; as JSON \(written / records.count)"
        )
    }

    /// What `body` and the decoding before it cost for each record, ns.
    private static func pass(_ records: [[UInt8]], _ body: (inout Enricher, consuming Record) -> Void) throws -> Double
    {
        var enricher = Enricher(host: Fixture.host, failedExecHook: "bench", lookups: Lookups(.recording))
        let start = cpu()
        for record in records { body(&enricher, try decode(record)) }
        return (cpu() - start) / Double(records.count)
    }
}
