// SPDX-License-Identifier: Apache-2.0

import Enrichment
import Events
import Fixtures
import Testing

@testable import Pipeline

struct FoldingTests {
    /// Seconds after which events happen; gives what is printed, as "time" or "time repeats".
    private func told(_ events: [(UInt64, Event)], limit: Int = 10_000, ends: Bool = true) -> [String] {
        var folding = Folding(length: 10, host: Fixture.host, limit: limit)
        var lines: [String] = []
        func add(_ closed: [Event]) {
            for event in closed { lines.append("\(event.time) x\(event.repeats.count) in \(event.repeats.time)") }
        }
        for (time, event) in events {
            add(folding.close(until: time))
            if !folding.folds(event) { lines.append("\(time)") }
        }
        if ends { add(folding.close(until: .max)) }
        return lines
    }

    private func same(at times: UInt64...) throws -> [(UInt64, Event)] {
        try times.enumerated().map { ($1, try event(.exec, UInt32(100 + $0), time: $1)) }
    }

    @Test func once() throws {
        #expect(told(try same(at: 1)) == ["1"])
    }

    @Test func window() throws {
        #expect(told(try same(at: 1, 2, 3, 10)) == ["1", "10 x3 in 9"])
    }

    /// A window ends when its time is over, not when a pause comes.
    @Test func nextWindow() throws {
        #expect(told(try same(at: 1, 2, 11, 12, 13)) == ["1", "2 x1 in 1", "11", "13 x2 in 2"])
    }

    @Test func quietEnd() throws {
        #expect(told(try same(at: 1, 30)) == ["1", "30"])
    }

    @Test func olderThanItsWindow() throws {
        #expect(told(try same(at: 5, 4)) == ["5", "4 x1 in 0"])
    }

    @Test func others() throws {
        let events: [(UInt64, Event)] = [
            (1, try event(.exec, time: 1)), (2, try event(.exec, time: 2, arguments: ["demo", "-x"])),
            (3, try event(.exec, time: 3, executable: "/bin/demo")), (4, try event(.exit(code: 0), time: 4)),
            (5, try event(.exit(code: 256), time: 5)), (6, try event(.exit(code: 9), time: 6)),
            (7, try event(.exec, time: 7, uid: 1000)), (8, try event(.exec, time: 8, name: "other")),
        ]
        #expect(told(events) == ["1", "2", "3", "4", "5", "6", "7", "8"])
        #expect(told(events + events.map { (9, $0.1) }).filter { $0.contains("x1") }.count == events.count)
    }

    /// Neither pids nor times make a difference, nor who the parent is; failed execs are told apart by what they asked for.
    @Test func whatDoesNotCount() throws {
        let events: [(UInt64, Event)] = [
            (1, try event(.exit(code: 0), 10, time: 2000)), (2, try event(.exit(code: 0), 11, time: 900_000)),
            (3, try event(.exit(code: 0), 12, time: 3000, user: "somebody")),
        ]
        #expect(told(events) == ["1", "3000 x2 in 1000"])
    }

    /// Secrets are compared as they are, though they would be shown alike.
    @Test func secrets() throws {
        let events: [(UInt64, Event)] = try ["--password=a", "--password=b", "--password=a"].enumerated().map {
            (UInt64($0 + 1), try event(.exec, time: UInt64($0 + 1), arguments: ["demo", $1]))
        }
        #expect(told(events) == ["1", "2", "3 x1 in 2"])
    }

    @Test func signals() throws {
        func signal(_ time: UInt64, _ number: Int32, _ pid: UInt32, _ name: String) throws -> (UInt64, Event) {
            (time, try event(.signal, time: time, signal: number, target: task(pid, name)))
        }
        let events = [
            try signal(1, 15, 20, "nginx"), try signal(2, 15, 21, "nginx"), try signal(3, 9, 22, "nginx"),
            try signal(4, 15, 23, "redis"),
        ]
        #expect(told(events) == ["1", "3", "4", "2 x1 in 1"])
    }

    /// With one window too many the oldest ends, and says what it has.
    @Test func bounded() throws {
        var events: [(UInt64, Event)] = []
        for number in UInt64(0)..<5 {
            events.append((1, try event(.exec, time: 1, arguments: ["\(number)"])))
            events.append((1, try event(.exec, time: 1, arguments: ["\(number)"])))
        }
        #expect(
            told(events, limit: 2, ends: false) == ["1", "1", "1", "1 x1 in 0", "1", "1 x1 in 0", "1", "1 x1 in 0"])
    }

    /// Nothing is lost: what is printed without a number, and the numbers, make up all events.
    @Test func sum() throws {
        var events: [(UInt64, Event)] = []
        for time in UInt64(0)..<3000 {
            events.append((time, try event(.exec, time: time, arguments: ["\(time * time % 7)"])))
        }
        let lines = told(events, limit: 5)
        let repeats = lines.compactMap { $0.split(separator: "x").dropFirst().first?.split(separator: " ").first }
        #expect(lines.count - repeats.count + repeats.reduce(0) { $0 + (Int($1) ?? 0) } == events.count)
    }
}
