// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Policy
internal import Rendering

/// What `--fail-on` and `--expect` find in the events of a run.
struct Findings: ~Copyable {
    private var failOn: [FilterMatcher]
    private let failOnTexts: [String]
    private var expect: [FilterMatcher]
    private let expectTexts: [String]
    /// Which of the expected ones are still to come.
    private var open: [Bool]
    private var named = FieldRenderer(
        fields: [.timestamp, .processPID, .processName, .eventAction], host: Host(name: "", boot: "", clockOffset: 0),
        redacts: true)
    private var names: [String] = []
    /// Events that an expression of `--fail-on` matched.
    private(set) var matched: UInt64 = 0

    /// More of them are only counted.
    static let namesMost = 10

    init(failOn: [Filter], expect: [Filter], host: Host) {
        self.failOn = failOn.map { $0.matcher(boot: host.boot) }
        failOnTexts = failOn.map(\.description)
        self.expect = expect.map { $0.matcher(boot: host.boot) }
        expectTexts = expect.map(\.description)
        open = Array(repeating: true, count: expect.count)
    }

    /// Looks at an event, whether it will be shown or not.
    mutating func look(at event: Event) {
        for index in open.indices where open[index] {
            if expect[index].matches({ event.value(of: $0) }) { open[index] = false }
        }
        for index in failOn.indices where failOn[index].matches({ event.value(of: $0) }) {
            matched += 1
            if names.count < Self.namesMost { name(event, failOnTexts[index]) }
            return
        }
    }

    private mutating func name(_ event: Event, _ expression: String) {
        var buffer = OutputBuffer()
        named.append(event, to: &buffer)
        let words = String(decoding: buffer.array().dropLast(), as: UTF8.self).split(separator: "\t")
        names.append("finding: \(words.joined(separator: " ")) (--fail-on \(expression))")
    }

    /// Whether there is anything to report.
    var isEmpty: Bool { matched == 0 && !open.contains(true) }

    /// For standard error, also where nothing else is wanted there: a status alone explains nothing.
    func lines() -> [String] {
        var lines = names
        if matched > UInt64(names.count) {
            lines.append("finding: \(grouped(matched - UInt64(names.count))) more events (--fail-on)")
        }
        for index in open.indices where open[index] {
            lines.append("finding: no event matched --expect \(expectTexts[index])")
        }
        return lines
    }
}
