// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Policy
internal import Rendering

/// What `--fail-on` and `--expect` find in the events of a run.
struct Findings: ~Copyable {
    private let host: Host
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
    /// How often each expression of `--fail-on` matched.
    private var matches: [UInt64]
    /// For reports: the first events that each matched. `nil` where no report is asked for.
    private var kept: [[Report.Finding]]?
    private var renderer: TextRenderer
    /// What was written where it should not be.
    private var outside: [String] = []
    private var outsideCount: UInt64 = 0
    /// `--expect-no-writes-outside` with what it allows; empty where it was not given.
    private let outsideText: String
    /// What the policy was against, by rule in the order of their first times; `nil` where there is none.
    private var violations: [Violation]?
    private var violationIndices: [String: Int] = [:]
    private let keepsViolations: Bool
    /// Events that an expression of `--fail-on` matched.
    private(set) var matched: UInt64 = 0

    /// A rule that was violated.
    private struct Violation {
        /// With its place.
        let rule: String
        let place: (file: String, line: UInt32)?
        var count: UInt64 = 0
        var kept: [Report.Finding] = []
    }

    /// More of them are only counted.
    static let namesMost = 10
    /// Of files that are written where they should not be.
    static let outsideMost = 100
    /// Rules that are told apart.
    static let rulesMost = 1000
    /// In a report, of each expression.
    static let keptMost = 1000

    init(_ options: TraceOptions, host: Host) {
        let failOn = options.failOn
        let expect = options.expect
        self.host = host
        outsideText = options.writesInside == nil ? "" : options.writesInsideText
        violations = options.command == .enforce || !options.detectors.isEmpty ? [] : nil
        keepsViolations = !options.reports.isEmpty
        matches = Array(repeating: 0, count: failOn.count)
        kept = options.reports.isEmpty ? nil : Array(repeating: [], count: failOn.count)
        renderer = TextRenderer(
            options: .init(columns: nil, colors: false, wide: false, redacts: options.redacts))
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
        if event.action == .violation || event.action == .detection { addViolation(event) }
        var isNew = true
        for index in failOn.indices where failOn[index].matches({ event.value(of: $0) }) {
            matches[index] += 1
            if let count = kept?[index].count, count < Self.keptMost {
                let finding = finding(event)
                kept?[index].append(finding)
            }
            guard isNew else { continue }
            isNew = false
            matched += 1
            if names.count < Self.namesMost { name(event, failOnTexts[index]) }
        }
    }

    /// Takes what was written elsewhere than allowed, when the run is over.
    mutating func look(outside files: [FileTracker.Outside], missed: UInt64) {
        outsideCount = UInt64(files.count) + missed
        outside = files.prefix(Self.keptMost).map { file in
            let operations = file.operations.map { "\($0.name)" }.joined(separator: ", ")
            return "\(escaped(file.path)) (\(operations)) by \(escaped(Array(file.who.name.utf8)))[\(file.who.pid)]"
        }
    }

    private mutating func addViolation(_ event: Event) {
        let words = [Field.ruleName, .ruleReference].map { field in
            if case .text(let text) = event.value(of: field) { escaped(Array(text.slice)) } else { "?" }
        }
        var rule = "\(words[0]) (\(words[1]))"
        if violationIndices[rule] == nil, violationIndices.count >= Self.rulesMost { rule = "other rules" }
        if violationIndices[rule] == nil {
            violationIndices[rule] = violations?.count
            violations?.append(Violation(rule: rule, place: Self.place(words[1])))
        }
        guard let index = violationIndices[rule] else { return }
        violations?[index].count += 1
        guard keepsViolations, violations?[index].kept.count ?? 0 < Self.keptMost else { return }
        let finding = finding(event)
        violations?[index].kept.append(finding)
    }

    /// "ci.policy:3"; `nil` where the rule is in no file.
    private static func place(_ reference: String) -> (file: String, line: UInt32)? {
        guard !reference.hasPrefix("--rule"), let colon = reference.lastIndex(of: ":"),
            let line = UInt32(reference[reference.index(after: colon)...])
        else { return nil }
        return (String(reference[..<colon]), line)
    }

    /// A policy that nothing was against is one check that is met.
    private var policyChecks: [Report.Check] {
        guard let violations else { return [] }
        if violations.isEmpty { return [Report.Check("policy", "", isMet: true, outcome: "nothing was against it")] }
        return violations.map { violation in
            Report.Check(
                "policy", violation.rule, isMet: false,
                outcome: counted(violation.count, "violation"),
                findings: violation.kept, place: violation.place)
        }
    }

    private mutating func finding(_ event: Event) -> Report.Finding {
        var buffer = OutputBuffer()
        renderer.append(event, to: &buffer)
        // The line begins with its time of day.
        let line = String(decoding: buffer.array().dropLast(), as: UTF8.self).drop { $0 != " " }.drop { $0 == " " }
        return Report.Finding(
            time: host.realtime(event.time), action: "\(event.actionName)", pid: event.process?.key.pid ?? 0,
            process: event.process == nil ? "" : event.task.name.string, executable: event.executable?.string,
            line: String(line))
    }

    /// What came of each condition, for reports.
    var checks: [Report.Check] {
        policyChecks + conditions + (outsideText.isEmpty ? [] : [outsideCheck])
    }

    private var outsideCheck: Report.Check {
        Report.Check(
            "expect-no-writes-outside", outsideText, isMet: outsideCount == 0,
            outcome: outsideCount == 0
                ? "no file was written elsewhere"
                : "\(counted(outsideCount, "file was", "files were")) written elsewhere",
            findings: outside.map {
                Report.Finding(time: nil, action: "write", pid: 0, process: "", executable: nil, line: $0)
            })
    }

    private var conditions: [Report.Check] {
        failOnTexts.indices.map { index in
            let count = matches[index]
            return Report.Check(
                "fail-on", failOnTexts[index], isMet: count == 0,
                outcome: count == 0 ? "no event matched" : "\(counted(count, "event")) matched",
                findings: kept?[index] ?? [])
        }
            + expectTexts.indices.map { index in
                Report.Check(
                    "expect", expectTexts[index], isMet: !open[index],
                    outcome: open[index] ? "no event matched" : "an event matched")
            }
    }

    private mutating func name(_ event: Event, _ expression: String) {
        var buffer = OutputBuffer()
        named.append(event, to: &buffer)
        let words = String(decoding: buffer.array().dropLast(), as: UTF8.self).split(separator: "\t")
        names.append("finding: \(words.joined(separator: " ")) (--fail-on \(expression))")
    }

    /// Whether there is anything to report.
    var isEmpty: Bool { matched == 0 && !open.contains(true) && outsideCount == 0 && violations?.isEmpty != false }

    /// For standard error, also where nothing else is wanted there: a status alone explains nothing.
    func lines() -> [String] {
        var lines = (violations ?? []).map { violation in
            "finding: \(counted(violation.count, "violation")) of \(violation.rule)"
        }
        lines += names
        if matched > UInt64(names.count) {
            lines.append("finding: \(counted(matched - UInt64(names.count), "more event")) (--fail-on)")
        }
        for file in outside.prefix(Self.outsideMost) {
            lines.append("finding: \(file) (--expect-no-writes-outside \(outsideText))")
        }
        if outsideCount > UInt64(Self.outsideMost) {
            lines.append(
                "finding: \(counted(outsideCount - UInt64(Self.outsideMost), "more file")) (--expect-no-writes-outside)"
            )
        }
        for index in open.indices where open[index] {
            lines.append("finding: no event matched --expect \(expectTexts[index])")
        }
        return lines
    }
}
