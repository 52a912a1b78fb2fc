// SPDX-License-Identifier: Apache-2.0

import Comparison
import Testing

/// Two pods, one of them with a sidecar, and the host.
func exampleComparison() -> Comparison {
    var meshed = ComparedWorkload(.pod, name: "shop/cart")
    meshed.activity[.connections] = .init(total: 8, passed: 6)
    meshed.activity[.sent] = .init(total: 1000, passed: 500)
    meshed.activity[.executions] = .init(total: 2)
    var sidecar = Sidecar(.istio, process: "envoy", pid: 7, container: "istio-proxy", user: 1337)
    sidecar.use.cpu = 500_000_000
    sidecar.use.span = 10_000_000_000
    sidecar.use.memory = 64 << 20
    sidecar.threads = 4
    meshed.sidecars = [sidecar]
    var bare = ComparedWorkload(.pod, name: "shop/miner")
    bare.activity[.connections] = .init(total: 2)
    bare.ways = [WayRound(.noSidecar, "no proxy in its network namespace")]
    let node = NodeFacts(
        name: "node", kernel: "6.12", processors: 2, memory: 1 << 30, started: 0, window: 10_000_000_000)
    var ebpf = ObserverFacts()
    ebpf.seen = 12
    ebpf.runs = 100
    ebpf.nanoseconds = 50_000
    ebpf.measured = 10_000_000_000
    ebpf.processCPU = 20_000_000
    return Comparison(node: node, workloads: [meshed, bare, ComparedWorkload(.host, name: "host")], ebpf: ebpf)
}

@Test func figuresFollowFromTheFacts() {
    let comparison = exampleComparison()
    #expect(comparison.value(of: .sidecarCoverage) == 0.5)
    #expect(comparison.value(of: .sidecarConnectionsCoverage) == 0.6)
    #expect(comparison.value(of: .sidecarBytesCoverage) == 0.5)
    #expect(comparison.value(of: .sidecarEventsCoverage) == 0.5)
    #expect(comparison.value(of: .sidecarCPU) == 0.05)
    #expect(comparison.value(of: .workloadsWithoutSidecar) == 1)
    #expect(comparison.value(of: .bypassOpen) == 1)
    #expect(comparison.value(of: .ebpfRunTime) == 500)
    #expect(comparison.value(of: .sidecarOOMKills) == nil)
}

@Test func withoutSidecarsNothingIsMeasuredOfThem() {
    var comparison = exampleComparison()
    comparison.workloads = [ComparedWorkload(.host, name: "host")]
    #expect(comparison.value(of: .sidecarCoverage) == nil)
    for row in comparison.rows {
        #expect(row.sidecar.notMeasurable != nil)
        #expect(row.ebpf.notMeasurable == nil)
        #expect(!row.ebpf.lines.isEmpty)
    }
}

@Test func sharesAreNeverRoundedToAllOrNothing() {
    #expect(percentText(0) == "0 %")
    #expect(percentText(0.00001) == "<0.1 %")
    #expect(percentText(0.125) == "12.5 %")
    #expect(percentText(0.99999) == ">99.9 %")
    #expect(percentText(1) == "100 %")
}

@Test func slopeIsThatOfLeastSquares() {
    var lab = LabFigures(proxy: "haproxy 3.0", pace: 40)
    #expect(lab.slope(\.sidecarCPU) == nil)
    for pods in [1, 10, 50] {
        lab.scale.append(
            .init(pods: pods, sidecarCPU: Double(pods) * 3 + 1, sidecarMemory: 0, ebpfCPU: 5, ebpfMemory: 0))
    }
    #expect(lab.slope(\.sidecarCPU).map { ($0 * 1000).rounded() } == 3000)
    #expect(lab.intercept(\.sidecarCPU).map { ($0 * 1000).rounded() } == 1000)
    #expect(lab.slope(\.ebpfCPU) == 0)
    #expect(lab.intercept(\.ebpfCPU) == 5)
}
