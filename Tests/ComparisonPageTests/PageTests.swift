// SPDX-License-Identifier: Apache-2.0

import Comparison
import Testing

@testable import ComparisonPage

@Test func aPageOfALaboratoryHasItsCharts() throws {
    let page = ComparisonPage(laboratory(), version: "1.0").text
    let elements = try elements(of: page)
    #expect(elements.count { $0 == "svg" } == 4)
    #expect(elements.count { $0 == "polyline" } == 7, "a curve for each path, and a trend for each side of two charts")
    #expect(elements.count { $0 == "circle" } == 12)
    #expect(page.contains("sidecars: 3.00 m for each pod"))
    #expect(page.contains("eBPF: 0.10 m for each pod"))
    #expect(page.contains("each calling another 40 times a second"))
    #expect(page.contains("<td>bare container: exec</td><td>1</td><td>0</td><td>1</td><td>wait(2): 1</td>"))
}

@Test func aPageOfALiveNodeHasBars() throws {
    var comparison = laboratory()
    comparison.lab = nil
    let page = ComparisonPage(comparison, version: "1.0").text
    let elements = try elements(of: page)
    #expect(elements.count { $0 == "svg" } == 2)
    #expect(!elements.contains("polyline"))
    #expect(page.contains("50.00 m CPU, 67MB"))
}

@Test func aPageOfAnEmptyNodeIsWhole() throws {
    let node = NodeFacts(name: "n", kernel: "6.12", processors: 1, memory: 1 << 30, started: 0, window: 1_000_000_000)
    let comparison = Comparison(node: node, workloads: [], ebpf: ObserverFacts())
    let page = ComparisonPage(comparison, version: "1.0").text
    _ = try elements(of: page)
    #expect(page.contains("not measurable here: no sidecar on this node"))
}

@Test func aPageLoadsNothing() {
    let page = ComparisonPage(laboratory(), version: "1.0").text
    for part in ["://", "src=", "href", "url(", "@import", "<script", "<link", "<iframe", "onload", "onclick"] {
        #expect(!page.contains(part), "\(part)")
    }
    #expect(page.contains("default-src 'none'"))
}

@Test func barsAreAsLongAsTheirShares() throws {
    let page = ComparisonPage(laboratory(), version: "1.0").text
    // 6 of 10 events: 420 pixels are all of them.
    #expect(page.contains(#"class="sidecar" x="230.0" y="27.0" width="252.0""#))
    #expect(page.contains(#"class="ebpf only" x="482.0" y="27.0" width="168.0""#))
    #expect(page.contains("lab/pod-1: 6 of 10 events"))
}

@Test func textFromOutsideStaysText() throws {
    var comparison = laboratory()
    let hostile = "<script>alert('x')</script>&\u{1b}[31m\u{202e}\""
    comparison.workloads[0].name = hostile
    comparison.node.name = hostile
    comparison.workloads[0].ways = [WayRound(.noSidecar, hostile, [Evidence(hostile, hostile)])]
    comparison.unseen = [
        UnseenActivity(
            workload: hostile, process: hostile, kind: .connections, destination: hostile, reason: hostile, count: 1)
    ]
    let page = ComparisonPage(comparison, version: hostile).text
    #expect(!(try elements(of: page)).contains("script"))
    #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\\x1b[31m\\u202e&quot;"))
    #expect(page.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x202e || $0 == "\n" })
}

@Test func ticksAreRoundAndEnclose() {
    for most in [0.0003, 0.9, 1, 3, 7.2, 10, 99, 100, 101, 4321] {
        let ticks = Scale.ticks(upTo: most)
        #expect(ticks[0] == 0 && ticks[ticks.count - 1] >= most * 0.999999, "\(most): \(ticks)")
        #expect((2...8).contains(ticks.count), "\(most): \(ticks)")
    }
    #expect(Scale.decades(20, 5000) == [10, 100, 1000, 10000])
    #expect(shortText(0.5) == "0.5")
    #expect(shortText(2000) == "2,000")
    #expect(shortText(0) == "0")
}

@Test func decadesAreEquallyFar() {
    let scale = Scale(1...1000, from: 0, to: 300, isLogarithmic: true)
    for (value, place) in [(1.0, 0.0), (10, 100), (100, 200), (1000, 300)] {
        #expect(abs(scale.place(value) - place) < 0.05)
    }
    #expect(scale.place(5000) == 300)
}

// MARK: - Samples

private func laboratory() -> Comparison {
    var meshed = ComparedWorkload(.pod, name: "lab/pod-1")
    meshed.activity[.connections] = .init(total: 8, passed: 6)
    meshed.activity[.executions] = .init(total: 2, passed: 0)
    var sidecar = Sidecar(.haproxy, process: "haproxy", pid: 7, container: "proxy", user: 1337)
    sidecar.use.cpu = 500_000_000
    sidecar.use.span = 10_000_000_000
    sidecar.use.memory = 67_000_000
    meshed.sidecars = [sidecar]
    var bare = ComparedWorkload(.container, name: "bare")
    bare.activity[.connections] = .init(total: 2)
    let node = NodeFacts(
        name: "node", kernel: "6.12", processors: 2, memory: 1 << 30, started: 0, window: 10_000_000_000)
    var ebpf = ObserverFacts()
    ebpf.seen = 12
    var lab = LabFigures(proxy: "HAProxy version 2.6.12", pace: 40)
    for (number, path) in LabFigures.Path.allCases.enumerated() {
        var load = LabFigures.Load(path)
        load.latencies = (1...100).map { UInt64($0 * (number + 1)) * 10_000 }
        load.requests = 100
        lab.loads.append(load)
    }
    for pods in [1, 5, 10] {
        lab.scale.append(
            .init(
                pods: pods, sidecarCPU: Double(pods) * 3e6, sidecarMemory: Double(pods) * 2e7,
                ebpfCPU: Double(pods) * 1e5 + 1e6, ebpfMemory: 3e7))
    }
    lab.trials = [
        .init("bare container: exec", done: 1, seenBySidecar: 0, seenByEBPF: 1, evidence: [Evidence("wait(2)", "1")])
    ]
    return Comparison(
        node: node, workloads: [meshed, bare, ComparedWorkload(.host, name: "host")], ebpf: ebpf, lab: lab)
}

// MARK: - Well-formedness

private enum Malformed: Error {
    case at(String)
}

/// The names of a page's elements in their order, each of which has its end. As strict as XML.
private func elements(of page: String) throws -> [String] {
    var names: [String] = []
    var open: [String] = []
    var rest = page[...]
    while let start = rest.firstIndex(of: "<") {
        let text = rest[..<start]
        if text.contains(">") && !(open.last == "style") { throw Malformed.at(String(text.suffix(40))) }
        guard let end = rest[start...].firstIndex(of: ">") else {
            throw Malformed.at(String(rest[start...].prefix(40)))
        }
        let tag = rest[rest.index(after: start)..<end]
        rest = rest[rest.index(after: end)...]
        if tag.hasPrefix("!") { continue }
        if tag.hasPrefix("/") {
            guard open.popLast() == String(tag.dropFirst()) else { throw Malformed.at(String(tag)) }
            continue
        }
        guard tag.count(where: { $0 == "\"" }).isMultiple(of: 2) else { throw Malformed.at(String(tag)) }
        let name = String(tag.prefix { $0 != " " && $0 != "/" })
        names.append(name)
        if !tag.hasSuffix("/") { open.append(name) }
    }
    guard open.isEmpty else { throw Malformed.at(open.joined(separator: " ")) }
    return names
}
