// SPDX-License-Identifier: Apache-2.0

import Rendering
import Testing

@testable import Comparison

private func hostileComparison() -> Comparison {
    var comparison = exampleComparison()
    comparison.workloads[1].name = "shop/\u{1b}[31m|<b>\(String(repeating: "x", count: 200))"
    comparison.unseen = [
        UnseenActivity(
            workload: comparison.workloads[1].name, process: "a\nb`", kind: .connections, destination: "192.0.2.1:3333",
            reason: "no sidecar", count: 2)
    ]
    return comparison
}

@Test func theTableFitsItsColumnsAndHasNoControls() {
    for columns in [72, 80, 120] {
        let text = ComparisonText.text(of: hostileComparison(), columns: columns, colors: false)
        for line in text.split(separator: "\n") {
            #expect(line.unicodeScalars.count <= columns, "\(line)")
        }
        #expect(!text.unicodeScalars.contains { $0.value < 32 && $0 != "\n" })
        #expect(text.contains("192.0.2.1:3333, no sidecar"))
    }
}

@Test func aNodeWithoutContainersIsToldInAFewLines() {
    var comparison = exampleComparison()
    comparison.workloads = [ComparedWorkload(.host, name: "host")]
    let text = ComparisonText.text(of: comparison, columns: 80, colors: false)
    #expect(text.contains("There are no pods and no containers on this node"))
    #expect(text.split(separator: "\n").allSatisfy { $0.unicodeScalars.count <= 80 })
    #expect(text.contains("not measurable here"))
    #expect(!text.contains("WAYS ROUND"))
    #expect(text.split(separator: "\n").count < 40)
}

@Test func oneOfSomethingIsNotToldAsMany() {
    var comparison = exampleComparison()
    comparison.workloads.remove(at: 1)
    comparison.workloads[0].activity = Activity()
    for kind in Activity.Kind.allCases where ![.received, .accepted].contains(kind) {
        comparison.workloads[0].activity[kind] = .init(total: 1)
    }
    comparison.workloads[0].ways = [WayRound(.datagrams, "not led to the proxy")]
    comparison.workloads[0].sidecars[0].threads = 1
    comparison.ebpf.seen = 1
    comparison.ebpf.runs = 1
    let lines = comparison.rows.flatMap { $0.sidecar.lines + $0.ebpf.lines }
    #expect(lines.contains("1 of 1 pod has one"))
    #expect(lines.contains("0 of 1 TCP connection (0 %)"))
    #expect(lines.contains("1 pod, and the host"))
    #expect(lines.contains("1 connection, 1 byte"))
    #expect(lines.contains("1 program, 1 opened file, 1 changed"))
    #expect(lines.contains("1 UDP flow, 1 DNS question"))
    #expect(lines.contains("1 of 1 has a way round open"))
    #expect(lines.contains("1 run of programs, 50.0 us each"))
    #expect(lines.contains("0 of 1 event lost"))
    #expect(!lines.contains { $0.contains(#/\b1 ([A-Z]+ |opened )?[a-z]{3,}s\b/#) }, "\(lines)")
}

@Test func barsAreNeverFullOrEmptyOfAPart() {
    #expect(ComparisonText.bar(0) == "░░░░░░░░")
    #expect(ComparisonText.bar(0.001) == "█░░░░░░░")
    #expect(ComparisonText.bar(0.999) == "███████░")
    #expect(ComparisonText.bar(1) == "████████")
}

@Test func linesAreBrokenBetweenWords() {
    #expect(ComparisonText.wrap("one two three", 7) == ["one two", "three"])
    #expect(ComparisonText.wrap("abcdefghij k", 4) == ["abcd", "efgh", "ij k"])
    #expect(ComparisonText.wrap("", 4) == [])
}

@Test func markdownHasTheChecksAndNoMarkupOfOthers() {
    let text = hostileComparison().markdown(conditions: [("sidecar.coverage < 1", true), ("events.lost > 0", false)])
    #expect(text.contains(": 1 of 2 checks failed"))
    #expect(text.contains("| **failed** | --fail-on sidecar.coverage &lt; 1 |"))
    #expect(text.contains("\\|&lt;b&gt;"))
    #expect(!text.contains("<b>"))
    #expect(!text.unicodeScalars.contains { $0.value < 32 && $0 != "\n" })
}

@Test func jsonHasWhatCouldBeMeasured() {
    let line = hostileComparison().json().line
    #expect(!line.contains("\n"))
    #expect(line.contains("\"sidecar.coverage\":0.5"))
    #expect(!line.contains("\"sidecar.oom_kills\":"))
    #expect(line.contains("\\u001b[31m"))
}

@Test func triesAreToldWithTheirWaysAndLatencies() {
    var comparison = exampleComparison()
    let place = comparison.workloads.firstIndex { $0.hasSidecar }!
    comparison.workloads[place].ways = [
        WayRound(.excludedPorts, "22"), WayRound(.datagrams, "not led to the proxy"),
        WayRound(.networkAdministrator, "may"),
    ]
    #expect(comparison.value(of: .bypassProved) == nil, "nothing was tried")
    comparison.workloads[place].ways[0].trial = .proved("it came")
    comparison.workloads[place].ways[1].trial = .failed("it did not")
    comparison.workloads[place].ways[2].trial = .notTried("no")
    comparison.workloads[place].ways[0].trialByIPv6 = .notTried("none")
    comparison.workloads[place].ways[1].trialByIPv6 = .proved("it came as well")
    var probe = WorkloadProbe(ordinary: "was handed on")
    probe.ordinaryByIPv6 = "came as it was sent"
    probe.proxied = Array(1...100).map { $0 * 1_000_000 }
    probe.direct = Array(1...100).map { $0 * 10_000 }
    comparison.workloads[place].probe = probe
    #expect(comparison.value(of: .bypassProved) == 2)
    #expect(comparison.value(of: .sidecarLatencyMedian) == 50_000_000)
    #expect(comparison.value(of: .directLatencyHigh) == 990_000)
    let text = ComparisonText.text(of: comparison, columns: 80, colors: false)
    for word in [
        "proved: it came\n", "tried, did not get through: it did not", "not tried: no\n", "proved by a try",
        "not tried by IPv6: none", "proved by IPv6: it came as well",
    ] {
        #expect(text.contains(word), "\(word)")
    }
    #expect(comparison.markdown().contains("ports left out: 22 (proved; not tried by IPv6)"))
    let line = comparison.json().line
    #expect(line.contains(#""trial":{"verdict":"proved","text":"it came"}"#))
    #expect(line.contains(#""trial_ipv6":{"verdict":"proved","text":"it came as well"}"#))
    #expect(line.contains(#""ordinary":"was handed on","ordinary_ipv6":"came as it was sent""#))
    #expect(
        comparison.bypassabilityRow.sidecar.evidence.map(\.fact).contains(
            "as any application: by IPv6: came as it was sent"))
    #expect(line.contains(#""through_proxy":{"requests":100,"p50_ns":50000000,"p99_ns":99000000}"#))
    comparison.workloads[place].probe?.proxied = []
    comparison.workloads[place].probe?.direct = []
    comparison.workloads[place].probe?.unmeasured = "no way past it"
    #expect(
        comparison.performanceRow.sidecar.lines.contains("latency not measurable here: no way past it"),
        "\(comparison.performanceRow.sidecar.lines)")
}

@Test func boundsAreNumbersNoneOrUnknown() {
    var use = ResourceUse()
    #expect(use.boundText(.limitCPU) == "none")
    use.unmeasured = [.limitCPU, .requestMemory]
    #expect(use.boundText(.limitCPU) == "?")
    #expect(use.boundText(.requestMemory) == "?")
    use.requestCPU = 79...104
    #expect(use.boundText(.requestCPU) == "79-104 m")
    use.requestCPU = 0...0
    #expect(use.boundText(.requestCPU) == "none")
    use.limitMemory = 128 << 20
    #expect(use.boundText(.limitMemory) == "134M")
}
