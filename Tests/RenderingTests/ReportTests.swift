// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rendering

struct ReportTests {
    private static let hostile = "a|b `c` <d> & \"e\" \u{1}\u{ffff} | f"

    private static func report(_ checks: [Report.Check], status: Int32 = 3) -> Report {
        Report(
            version: "1.2.3", command: "trace", arguments: ["trace", "--fail-on", "process.name == 'x'", "--", "make"],
            host: "host<1>", started: 1_700_000_000_000_000_000, watched: 2_500_000_000, status: status,
            checks: checks, counts: [("seen", 7), ("printed", 0)], lost: [("exec", 2)], missing: ["no \"x\""],
            footer: ["watched 2.5 s: 7 events seen", "```"])
    }

    private static let failed = Report.Check(
        "fail-on", "process.name == 'x' | y", isMet: false, outcome: "1 event matched",
        findings: [
            .init(
                time: 1_700_000_001_000_000_000, action: "exec", pid: 42, process: "x", executable: "/usr/bin/a b%",
                line: hostile)
        ])
    private static let met = Report.Check("expect", "", isMet: true, outcome: "an event matched")

    @Test(arguments: [
        ("report.md", Report.Form.markdown), ("a.b.JSON", .json), ("/x/junit.xml", .junit), ("r.sarif", .sarif),
        ("r.codequality.json", .codeQuality), ("/x/gl-code-quality-report.json", .codeQuality),
    ])
    func form(_ path: String, _ form: Report.Form) { #expect(Report.Form(path: path) == form) }

    @Test(arguments: ["report", "report.txt", "", ".", "md", "report.md/x"])
    func noForm(_ path: String) { #expect(Report.Form(path: path) == nil) }

    @Test func markdown() {
        let text = Self.report([Self.failed, Self.met]).text(.markdown)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines[0] == "## ebpfguard trace: 1 of 2 checks failed")
        #expect(lines.contains("| **failed** | `--fail-on process.name == 'x' \\| y` | 1 event matched |"))
        #expect(lines.contains("| passed | `--expect` | an event matched |"))
        #expect(lines.contains("2023-11-14T22:13:21Z \(Self.hostile)"))
        #expect(lines.contains("ebpfguard trace --fail-on 'process.name == '\\''x'\\''' -- make"))
        // A fence within the text does not end the block.
        #expect(lines.count { $0 == "````text" } == 1 && lines.count { $0 == "````" } == 1)
        #expect(Self.report([], status: 0).text(.markdown).hasPrefix("## ebpfguard trace\n"))
    }

    @Test func junit() {
        let text = Self.report([Self.failed, Self.met]).text(.junit)
        #expect(text.contains("tests=\"2\" failures=\"1\" errors=\"0\" time=\"2.5\" timestamp=\"2023-11-14T22:13:20\""))
        #expect(text.contains("hostname=\"host&lt;1&gt;\""))
        #expect(text.contains("<failure message=\"1 event matched\" type=\"fail-on\">"))
        #expect(text.contains("a|b `c` &lt;d&gt; &amp; &quot;e&quot; \u{fffd}\u{fffd} | f</failure>"))
        #expect(text.contains("<testcase name=\"--expect\" classname=\"ebpfguard.trace\" time=\"0\"/>"))
        let alone = Self.report([], status: 0).text(.junit)
        #expect(alone.contains("<testcase name=\"run\" classname=\"ebpfguard.trace\" time=\"2.5\"/>"))
    }

    @Test func sarif() {
        let text = Self.report([Self.met, Self.failed]).text(.sarif)
        #expect(text.contains("\"ruleId\": \"fail-on/2\""))
        #expect(text.contains("\"ruleIndex\": 1"))
        #expect(text.contains("\"uri\": \"usr/bin/a%20b%25\""))
        #expect(text.contains("\"exitCode\": 3"))
        #expect(text.contains("a|b `c` <d> & \\\"e\\\" \\u0001"))
        #expect(!Self.report([Self.met]).text(.sarif).contains("ruleIndex"))
        // What no event is to blame for is a result all the same.
        let expected = Report.Check("expect", "x", isMet: false, outcome: "no event matched")
        #expect(Self.report([expected]).text(.sarif).contains("no event matched (--expect x)"))
    }

    @Test func json() {
        let text = Self.report([Self.failed]).text(.json)
        #expect(text.contains("\"passed\": false"))
        #expect(text.contains("\"watched_seconds\": 2.5"))
        #expect(text.contains("\"exec\": 2"))
        #expect(text.contains("no \\\"x\\\""))
    }

    @Test func codeQuality() {
        let rule = Report.Check(
            "policy", "deny net x (/src/ci.policy:3)", isMet: false, outcome: "2 violations",
            place: (file: "/src/ci.policy", line: 3))
        var report = Self.report([Self.failed, Self.failed, Self.met, rule])
        report.job = Report.Job(directory: "/src", configuration: "jobs.yml")
        let text = report.text(.codeQuality)
        #expect(text.contains("\"path\": \"ci.policy\""))
        #expect(text.contains("\"begin\": 3"))
        #expect(text.contains("\"path\": \"jobs.yml\""))
        #expect(text.contains("ebpfguard trace: 2 violations (policy deny net x (/src/ci.policy:3))"))
        // The same condition twice is one issue, and what is met is none.
        #expect(text.split(separator: "\n").count { $0.contains("\"fingerprint\"") } == 2)
        // The next run has another time, host and program.
        var next = report
        next.started += 1
        next.host = "other"
        #expect(next.text(.codeQuality) == text)
        #expect(Self.report([Self.met]).text(.codeQuality) == "[]\n")
    }
}
