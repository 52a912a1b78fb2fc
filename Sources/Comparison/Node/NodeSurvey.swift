// SPDX-License-Identifier: Apache-2.0

package import Enrichment
internal import Events
internal import Rendering

/// The workloads of the node at one time, their sidecars and what those have used so far. Read from /proc, from cgroups and
/// from network namespaces; nothing is changed.
package struct NodeSurvey {
    /// A process with where it belongs.
    struct Member {
        let process: SurveyedProcess
        let key: WorkloadKey
        let container: String?
        let workload: Workload?
        var answer: SidecarMatcher.Answer?
        var isSandbox: Bool { workload?.names.isSandbox == true || process.program == "pause" }
    }

    /// What is known of a network namespace that some process of a pod or container is in.
    struct Space {
        let listening: ListeningSockets
        let rules: RedirectRules
        var ipv6 = IPv6()
    }

    /// What is known of IPv6 in a network namespace.
    struct IPv6 {
        /// One that is not of a single link; `nil` where there is none.
        var address: IPAddress?
        var rules = RedirectRules()
        /// Whose /proc tells it.
        var pid: UInt32 = 0
    }

    package internal(set) var workloads: [WorkloadKey: ComparedWorkload] = [:]
    /// Processes of sidecars, and containers that are nothing else.
    package internal(set) var sidecarPIDs: Set<UInt32> = []
    package internal(set) var sidecarContainers: Set<String> = []
    /// Of each sidecar, by its first process.
    private(set) var readings: [UInt32: ResourceReader.Reading] = [:]
    private let reader = ResourceReader()
    /// When it was, CLOCK_BOOTTIME.
    package let time: UInt64
    let hostNetwork: UInt64
    /// From where each workload's applications send.
    private(set) var senders: [WorkloadKey: SurveyedProcess] = [:]
    private let spaces: [UInt64: Space]
    /// Of containers that are nothing but the sidecar of another.
    private(set) var ownKeys: Set<WorkloadKey> = []

    package init(_ matcher: SidecarMatcher, _ lookups: Lookups, now: UInt64) {
        var names = Workloads(lookups: lookups)
        time = now
        // Of the kernel's own threads, which are in the first namespaces; who is pid 1 is not always to be seen.
        hostNetwork = ProcessSurvey.namespace("/proc/2/ns/net") ?? ProcessSurvey.namespace("/proc/1/ns/net") ?? 0
        let userNamespace =
            ProcessSurvey.namespace("/proc/2/ns/user") ?? ProcessSurvey.namespace("/proc/1/ns/user") ?? 0
        var members: [Member] = ProcessSurvey.processes().map { process in
            let workload = Self.workload(of: process, &names, now: now)
            return Member(
                process: process, key: WorkloadKey(workload), container: workload?.containerID?.string,
                workload: workload)
        }
        let spaces = Self.spaces(of: members, hostNetwork)
        self.spaces = spaces
        Self.recognise(&members, matcher, spaces, hostNetwork)
        for member in members { add(member) }
        let owners = mergeProxyContainers(members)
        ownKeys = Set(owners.keys)
        for (key, pids) in Dictionary(
            grouping: members.indices.filter { members[$0].answer != nil },
            by: { index in
                owners[members[index].key] ?? members[index].key
            })
        {
            addSidecars(pids.map { members[$0] }, to: key, spaces, members)
        }
        for key in workloads.keys where key != .host {
            let own = members.filter { $0.key == key }
            senders[key] = (own.first { $0.answer == nil && !$0.isSandbox } ?? own.first)?.process
            if !workloads[key]!.hasSidecar { workloads[key]!.evidence = Self.noneEvidence(workloads[key]!) }
            workloads[key]!.ways = Self.waysRound(
                workloads[key]!, own, spaces, userNamespace: userNamespace, hostNetwork: hostNetwork)
        }
    }

    private static func workload(of process: SurveyedProcess, _ names: inout Workloads, now: UInt64) -> Workload? {
        // v2 first; on a hybrid host it may have nothing of containers.
        let paths = process.cgroups.sorted { $0.controllers.count < $1.controllers.count }.map(\.path)
        var asked: Set<String> = []
        for path in paths where asked.insert(path).inserted {
            if let workload = names.workload(ofPath: Bytes(path), now: now) { return workload }
        }
        return nil
    }

    private static func spaces(of members: [Member], _ hostNetwork: UInt64) -> [UInt64: Space] {
        var spaces: [UInt64: Space] = [:]
        for member in members {
            let number = member.process.networkNamespace
            guard member.key != .host, number != 0, number != hostNetwork, spaces[number] == nil else { continue }
            let pid = member.process.pid
            let rules = RedirectRules.read(pid: pid)
            spaces[number] = Space(
                listening: ListeningSockets(pid: pid), rules: rules.all,
                ipv6: IPv6(address: ProcessSurvey.globalIPv6(of: pid), rules: rules.ipv6, pid: pid))
        }
        return spaces
    }

    /// Whether something listened on a TCP port of a network namespace; `nil` where that is not known.
    func listens(on port: UInt16, in namespace: UInt64) -> Bool? {
        spaces[namespace].map { $0.listening.sockets.contains { $0.port == port } }
    }

    /// What of a workload's network namespace is led to a proxy; nothing where it is on the host's.
    func rules(of sender: SurveyedProcess) -> RedirectRules {
        spaces[sender.networkNamespace]?.rules ?? RedirectRules()
    }

    func ipv6Rules(of sender: SurveyedProcess) -> RedirectRules {
        spaces[sender.networkNamespace]?.ipv6.rules ?? RedirectRules()
    }

    // MARK: Sidecars

    /// Finds the processes that are proxies beside others.
    static func recognise(
        _ members: inout [Member], _ matcher: SidecarMatcher, _ spaces: [UInt64: Space], _ hostNetwork: UInt64
    ) {
        for index in members.indices where members[index].key != .host && !members[index].isSandbox {
            let member = members[index]
            let space = spaces[member.process.networkNamespace]
            var answer = matcher.match(
                container: member.workload?.names.container?.string, image: member.workload?.names.image?.string)
            answer =
                answer
                ?? matcher.match(
                    program: member.process.program, name: member.process.name, pid: member.process.pid)
            if answer == nil, let space, !space.rules.isEmpty || [1337, 2102, 5678].contains(member.process.user) {
                let ports = space.listening.ports(of: ProcessSurvey.sockets(of: member.process.pid))
                answer = matcher.match(user: member.process.user, listens: ports, pid: member.process.pid)
                if answer == nil, let port = ports.first(where: space.rules.ports.contains) {
                    answer = .init(
                        product: .transparent,
                        evidence: Evidence(
                            "/proc/\(member.process.pid)/fd", "listens on port \(port), where rules lead"),
                        isGeneric: false)
                }
            }
            members[index].answer = answer
        }
        // Alone in its network namespace it is a gateway or a server, and no sidecar.
        let candidates = members
        for index in members.indices where members[index].answer != nil {
            let member = candidates[index]
            let isBeside = candidates.contains { other in
                guard other.answer == nil, !other.isSandbox, other.key != .host,
                    other.process.networkNamespace == member.process.networkNamespace,
                    other.process.networkNamespace != hostNetwork || other.key == member.key
                else { return false }
                return other.container != member.container || !member.answer!.isGeneric
            }
            if !isBeside { members[index].answer = nil }
        }
        // Children of a proxy are parts of it, and so is everything in its container.
        let proxies = Set(members.filter { $0.answer != nil }.compactMap(\.container))
        let apps = Set(members.filter { $0.answer == nil && !$0.isSandbox }.compactMap(\.container))
        var byPID: [UInt32: Int] = [:]
        for index in members.indices { byPID[members[index].process.pid] = index }
        for index in members.indices where members[index].answer == nil && members[index].key != .host {
            if let parent = byPID[members[index].process.parent], members[parent].key == members[index].key,
                members[parent].container == members[index].container, let answer = members[parent].answer
            {
                members[index].answer = answer
            } else if let container = members[index].container, proxies.contains(container), !apps.contains(container) {
                members[index].answer = members.first { $0.container == container && $0.answer != nil }?.answer
            }
        }
    }

    private mutating func add(_ member: Member) {
        var workload = workloads[member.key] ?? ComparedWorkload(member.key, member.workload)
        workload.processes += 1
        if let name = member.workload?.names.container?.string ?? member.container.map({ String($0.prefix(12)) }),
            !member.isSandbox, !workload.containers.contains(name)
        {
            workload.containers.append(name)
        }
        let network = member.process.networkNamespace
        if network != 0, !workload.networkNamespaces.contains(network) { workload.networkNamespaces.append(network) }
        workload.isOnHostNetwork = workload.networkNamespaces.contains(hostNetwork)
        workloads[member.key] = workload
    }

    /// Containers without a pod that are nothing but a proxy belong to those whose network they share. Gives to whom.
    private mutating func mergeProxyContainers(_ members: [Member]) -> [WorkloadKey: WorkloadKey] {
        var owners: [WorkloadKey: WorkloadKey] = [:]
        let groups = Dictionary(grouping: members, by: \.key)
        for (key, own) in groups {
            guard case .container = key, own.allSatisfy({ $0.answer != nil || $0.isSandbox }) else { continue }
            let spaces = Set(own.map(\.process.networkNamespace))
            let other = groups.first { other, others in
                guard other != key, other != .host else { return false }
                return others.contains { $0.answer == nil && spaces.contains($0.process.networkNamespace) }
            }
            guard let other else { continue }
            owners[key] = other.key
            workloads[key] = nil
        }
        return owners
    }

    /// One sidecar for each container that has processes of one, or for each kind where there is no container.
    private mutating func addSidecars(
        _ proxies: [Member], to key: WorkloadKey, _ spaces: [UInt64: Space], _ members: [Member]
    ) {
        let groups = Dictionary(grouping: proxies) { "\($0.container ?? "")/\($0.answer!.product)" }
        for name in groups.keys.sorted() {
            let group = groups[name]!.sorted { $0.process.start < $1.process.start }
            let first = group[0]
            // What accepts connections may be another process than the first.
            let owner = group.first { $0.process.user != 0 } ?? first
            var sidecar = Sidecar(
                first.answer!.product, process: first.process.program, pid: first.process.pid,
                container: first.workload?.names.container?.string ?? first.container, user: owner.process.user)
            sidecar.pids = group.map(\.process.pid)
            sidecar.threads = group.reduce(0) { $0 + $1.process.threads }
            sidecar.evidence = [first.answer!.evidence]
            if let space = spaces[first.process.networkNamespace] {
                let inodes = group.reduce(into: Set<UInt64>()) {
                    $0.formUnion(ProcessSurvey.sockets(of: $1.process.pid))
                }
                sidecar.listens = space.listening.ports(of: inodes)
                if !sidecar.listens.isEmpty {
                    let ports = sidecar.listens.map(String.init).joined(separator: ", ")
                    sidecar.evidence.append(Evidence("/proc/\(first.process.pid)/net/tcp", "listens on \(ports)"))
                }
                sidecar.evidence += space.rules.evidence
            }
            let reading = reading(of: group, members)
            readings[first.process.pid] = reading
            sidecar.use = ResourceUse(reading)
            sidecar.use.take(
                ResourceRequests(
                    reading, paths: first.process.cgroups.map(\.path), shares: first.workload?.names.cpuShares))
            workloads[key]!.sidecars.append(sidecar)
            workloads[key]!.evidence += sidecar.evidence
            sidecarPIDs.formUnion(sidecar.pids)
        }
        let containers = Set(proxies.compactMap(\.container))
        let shared = Set(members.filter { $0.answer == nil && !$0.isSandbox }.compactMap(\.container))
        sidecarContainers.formUnion(containers.subtracting(shared))
    }

    /// What its cgroup says, where only it is in there; else what its processes say.
    private func reading(of group: [Member], _ members: [Member]) -> ResourceReader.Reading {
        let pids = Set(group.map(\.process.pid))
        let first = group[0].process
        var reading = reader.reading(of: first) { controller, path in
            !members.contains { other in
                !pids.contains(other.process.pid)
                    && other.process.cgroups.contains {
                        (controller.isEmpty ? $0.controllers.isEmpty : $0.controllers.contains(controller))
                            && ($0.path == path || $0.path.hasPrefix(path + "/"))
                    }
            }
        }
        if reading.cpu == nil {
            reading.cpu = group.reduce(0) { $0 &+ $1.process.cpu }
            reading.files.append("/proc/PID/stat of \(pids.sorted().map(String.init).joined(separator: ", "))")
        }
        if reading.memory == nil {
            reading.memory = group.reduce(0) { $0 &+ $1.process.memory }
            reading.files.append("/proc/PID/stat: resident memory, with what is shared")
        }
        return reading
    }
}

extension ResourceUse {
    init(_ reading: ResourceReader.Reading) {
        self.init()
        memory = reading.memory
        peakMemory = reading.peakMemory
        limitCPU = reading.limitCPU
        limitMemory = reading.limitMemory
        if !reading.hasOwnCPU { unmeasured.append(.limitCPU) }
        if !reading.hasOwnMemory { unmeasured.append(.limitMemory) }
    }

    mutating func take(_ requests: ResourceRequests) {
        requestCPU = requests.cpu
        requestMemory = requests.memory
        requestEvidence = requests.evidence
        if requestCPU == nil { unmeasured.append(.requestCPU) }
        if requestMemory == nil { unmeasured.append(.requestMemory) }
    }

    /// What was used between two readings. Of a sidecar that began in between `first` is `nil`.
    mutating func take(_ first: ResourceReader.Reading?, _ last: ResourceReader.Reading, span: UInt64) {
        self.span = span
        func difference(_ value: (ResourceReader.Reading) -> UInt64?) -> UInt64? {
            guard let end = value(last) else { return nil }
            let start = first.flatMap(value) ?? 0
            return end >= start ? end - start : end
        }
        cpu = difference(\.cpu)
        throttledPeriods = difference(\.throttledPeriods)
        throttled = difference(\.throttled)
        let source = last.files.joined(separator: ", ")
        var facts: [String] = []
        if let cpu { facts.append("\(cpu) ns of CPU in \(span) ns") }
        if let memory { facts.append("\(memory) bytes") }
        if let throttledPeriods { facts.append("throttled in \(counted(throttledPeriods, "period"))") }
        evidence = [Evidence(source, facts.joined(separator: ", "))] + requestEvidence
    }
}
