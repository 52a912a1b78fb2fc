// SPDX-License-Identifier: Apache-2.0

import Enrichment
import Policy
import Testing

@testable import Pipeline

struct FindingsTests {
    private let host = Host(name: "node-1", boot: "0123456789ab", clockOffset: 1_700_000_000_000_000_000)

    private func event(_ time: UInt64 = 5) -> Event { Event(.loss, time: time, process: nil, host: host) }

    private func lines(_ failOn: [String], _ expect: [String], events: Int) throws -> [String] {
        var options = TraceOptions()
        options.failOn = try failOn.map { try Filter($0) }
        options.expect = try expect.map { try Filter($0) }
        var findings = Findings(options, host: host)
        for index in 0..<events { findings.look(at: event(UInt64(index))) }
        #expect(findings.isEmpty == findings.lines().isEmpty)
        return findings.lines()
    }

    @Test func nothingAsked() throws {
        #expect(try lines([], [], events: 3) == [])
    }

    @Test func failOn() throws {
        #expect(try lines(["event.action == 'exec'"], [], events: 3) == [])
        #expect(
            try lines(["event.action == 'exec'", "event.action=='loss'"], [], events: 1) == [
                "finding: 2023-11-14T22:13:20.000000000Z - - loss (--fail-on event.action == \"loss\")"
            ])
        let many = try lines(["event.action == 'loss'"], [], events: 1234)
        #expect(many.count == 11)
        #expect(many.last == "finding: 1,224 more events (--fail-on)")
    }

    @Test func expect() throws {
        #expect(try lines([], ["event.action == 'loss'"], events: 1) == [])
        #expect(try lines([], ["event.action == 'loss'"], events: 0).count == 1)
        #expect(
            try lines([], ["event.action == 'exec'", "host.name == 'node-1'"], events: 2) == [
                "finding: no event matched --expect event.action == \"exec\""
            ])
    }
}
