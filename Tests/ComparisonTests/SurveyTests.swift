// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Comparison

@Test func whatAProcessMayIsReadAndWhereItIs() {
    var process = SurveyedProcess(pid: 4711)
    ProcessSurvey.parse(
        status: "Name:\ta\nUid:\t0\t1337\t0\t0\nCapEff:\t0000000000003000\nThreads:\t5\n", into: &process)
    #expect(process.user == 1337)
    #expect(process.has(capability: 12) && process.has(capability: 13) && !process.has(capability: 21))
    #expect(
        ProcessSurvey.cgroups("4:cpu,cpuacct:/a:b\n0::/c\nbroken\n")
            == [.init(controllers: ["cpu", "cpuacct"], path: "/a:b"), .init(controllers: [], path: "/c")])
}

@Test func listeningSocketsAreThoseInThatState() {
    let text = """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 0100007F:3A99 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1337        0 901 1 0 100 0 0 10 0
           1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 902 1 0 20 4 30 10 -1
        """
    #expect(ListeningSockets.parse(text) == [.init(port: 15001, inode: 901)])
}

@Test func sidecarsAreKnownByNamesImagesUsersAndPorts() {
    let matcher = SidecarMatcher(named: ["Cloud-SQL*", "my-mesh"])
    #expect(matcher.match(container: "istio-proxy", image: nil)?.product == .istio)
    #expect(matcher.match(container: "x", image: "docker.io/istio/proxyv2:1.24")?.product == .istio)
    #expect(matcher.match(container: "x", image: "registry:5000/a/daprd@sha256:00")?.product == .dapr)
    #expect(matcher.match(container: "x", image: "registry/proxyv2-tools:1") == nil)
    #expect(matcher.match(container: "cloud-sql-proxy", image: nil)?.product == .named)
    #expect(matcher.match(program: "linkerd2-proxy", name: "x", pid: 1)?.product == .linkerd)
    #expect(matcher.match(program: "nginx", name: "nginx", pid: 1)?.isGeneric == true)
    #expect(matcher.match(program: "my-mesh", name: "x", pid: 1)?.product == .named)
    #expect(matcher.match(program: "curl", name: "curl", pid: 1) == nil)
    #expect(matcher.match(user: 2102, listens: [80, 4143], pid: 1)?.product == .linkerd)
    #expect(matcher.match(user: 2102, listens: [80], pid: 1) == nil)
    #expect(matcher.match(user: 0, listens: [15001], pid: 1) == nil)
}

@Test func controllersAreLookedForWhereTheyAreMounted() {
    let reader = ResourceReader(
        mountinfo: """
            30 20 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
            31 20 0:28 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct
            """)
    var process = SurveyedProcess(pid: 1)
    process.cgroups = [.init(controllers: ["cpuacct"], path: "/pod"), .init(controllers: [], path: "/unit")]
    #expect(reader.place("cpuacct", of: process)?.directory == "/sys/fs/cgroup/cpuacct/pod")
    #expect(reader.place("memory", of: process)?.directory == "/sys/fs/cgroup/unified/unit")
    // On a hybrid host only one of them may have it.
    process.cgroups[0] = .init(controllers: ["cpuacct"], path: "/")
    #expect(reader.place("cpuacct", of: process)?.isV2 == true)
    process.cgroups = [.init(controllers: [], path: "/")]
    #expect(reader.place("memory", of: process) == nil)
}

private func member(
    _ pid: UInt32, _ program: String, pod: String = "p", container: String, network: UInt64 = 7, parent: UInt32 = 1
) -> NodeSurvey.Member {
    var process = SurveyedProcess(pid: pid)
    process.name = program
    process.parent = parent
    process.networkNamespace = network
    return NodeSurvey.Member(process: process, key: .pod(pod), container: container, workload: nil)
}

private func recognised(_ members: [NodeSurvey.Member], hostNetwork: UInt64 = 1) -> [UInt32] {
    var members = members
    NodeSurvey.recognise(&members, SidecarMatcher(), [:], hostNetwork)
    return members.filter { $0.answer != nil }.map(\.process.pid)
}

@Test func aProxyIsASidecarOnlyBesideAnother() {
    // A gateway, and a server with its workers.
    #expect(recognised([member(1, "envoy", container: "a"), member(2, "pause", container: "b")]) == [])
    #expect(recognised([member(1, "nginx", container: "a"), member(2, "nginx", container: "a", parent: 1)]) == [])
    // A web server with what it runs in its own container.
    #expect(recognised([member(1, "nginx", container: "a"), member(2, "php", container: "a")]) == [])
    #expect(recognised([member(1, "nginx", container: "a"), member(2, "php", container: "b")]) == [1])
    // With its children, whatever they are called.
    let tree = [
        member(1, "pilot-agent", container: "a"), member(2, "other", container: "a", parent: 1),
        member(3, "app", container: "b"),
    ]
    #expect(recognised(tree) == [1, 2])
    // Another pod has another network namespace, unless both have the host's.
    let apart = [member(1, "envoy", container: "a"), member(2, "app", pod: "q", container: "b", network: 8)]
    #expect(recognised(apart) == [])
    let onHost = [
        member(1, "envoy", container: "a", network: 1), member(2, "app", pod: "q", container: "b", network: 1),
    ]
    #expect(recognised(onHost) == [])
}

// MARK: Requests

private func requests(_ path: String, _ fill: (inout ResourceReader.Reading) -> Void, shares: UInt64? = nil)
    -> ResourceRequests
{
    var reading = ResourceReader.Reading()
    fill(&reading)
    return ResourceRequests(reading, paths: ["/", path], shares: shares)
}

@Test func requestsAreWhatTheNodeTellsOfThem() {
    let burstable = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-2.scope"
    // By what the runtime was told, rather than by what became of it.
    #expect(requests(burstable, { $0.weight = 4 }, shares: 102).cpu == 100...100)
    #expect(requests(burstable, { $0.shares = 2 }).cpu == 0...0)
    #expect(requests(burstable, { $0.shares = 256 }).cpu == 250...250)
    let weight = requests(burstable) { $0.weight = 4 }
    #expect(weight.cpu?.contains(100) == true && weight.cpu!.count < 30, "\(weight)")
    #expect(weight.memory == nil)
    #expect(requests(burstable) { $0.protectedMemory = 1 << 27 }.memory == 1 << 27)
    #expect(requests(burstable) { _ in }.cpu == nil)
    let none = requests("/kubepods/besteffort/pod1/2") { $0.weight = 1 }
    #expect(none.cpu == 0...0 && none.memory == 0)
    let guaranteed = requests("/kubepods.slice/kubepods-pod1.slice/cri-containerd-2.scope") {
        $0.limitCPU = 500
        $0.limitMemory = 1 << 28
        $0.weight = 20
    }
    #expect(guaranteed.cpu == 500...500 && guaranteed.memory == 1 << 28)
    // A container of Docker has weights that nobody requested.
    #expect(requests("/docker/1", { $0.weight = 100 }, shares: 1024) == requests("/", { _ in }))
}

@Test func theWeightIsThatOfAllRequestsThatBecomeIt() {
    for thousandths: UInt64 in [10, 50, 100, 250, 1000, 2000, 16_000] {
        let shares = max(thousandths * 1024 / 1000, 2)
        let weight = 1 + (shares - 2) * 9999 / 262142
        #expect(ResourceRequests.cpu(weight: weight).contains(thousandths), "\(thousandths)")
        #expect(ResourceRequests.cpu(shares: shares...shares) == thousandths...thousandths)
    }
    #expect(ResourceRequests.cpu(weight: 1).lowerBound == 0)
    #expect(ResourceRequests.cpu(weight: 10_000).upperBound <= 256_001)
    #expect(ResourceRequests.cpu(weight: .max) == ResourceRequests.cpu(weight: 10_000))
}
