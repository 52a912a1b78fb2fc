// SPDX-License-Identifier: Apache-2.0

internal import Rendering

extension NodeSurvey {
    // Bits of capabilities(7).
    private static let networkAdministrator = 12
    private static let rawSockets = 13
    private static let loadModules = 16
    private static let systemAdministrator = 21

    /// What is open to get round the sidecar of a workload, now. `members` are its processes.
    static func waysRound(
        _ workload: ComparedWorkload, _ members: [Member], _ spaces: [UInt64: Space], userNamespace: UInt64,
        hostNetwork: UInt64
    ) -> [WayRound] {
        let own = members.filter { $0.answer == nil && !$0.isSandbox }
        var ways: [WayRound] = []
        if workload.isOnHostNetwork {
            let pid = own.first { $0.process.networkNamespace == hostNetwork }?.process.pid ?? 1
            ways.append(
                WayRound(
                    .hostNetwork, "shares the network of the host: no rules of a pod hold there",
                    [Evidence("/proc/\(pid)/ns/net", "net:[\(hostNetwork)], the host's")]))
        }
        if let member = own.first(where: { isPrivileged($0.process, userNamespace) }) {
            ways.append(
                WayRound(
                    .privileged, "\(member.process.program) may change the rules, the proxy and the kernel",
                    [capabilities(of: member.process)]))
        }
        guard workload.hasSidecar else {
            return [WayRound(.noSidecar, "no proxy beside it", workload.evidence)] + ways
        }
        for number in workload.networkNamespaces where number != hostNetwork {
            guard let space = spaces[number] else { continue }
            ways += (around(workload, space.rules) + aroundByIPv6(space)).filter { !ways.contains($0) }
        }
        ways.append(
            WayRound(
                .datagrams,
                spaces.contains { workload.networkNamespaces.contains($0.key) && $0.value.rules.redirectsDatagrams }
                    ? "only some of it is led to the proxy" : "not led to the proxy"))
        if let member = own.first(where: { $0.process.has(capability: rawSockets) }) {
            ways.append(
                WayRound(
                    .rawSockets, "\(member.process.program) may send raw packets (CAP_NET_RAW)",
                    [capabilities(of: member.process)]))
        }
        if let member = own.first(where: { $0.process.has(capability: networkAdministrator) }) {
            ways.append(
                WayRound(
                    .networkAdministrator, "\(member.process.program) may remove the rules (CAP_NET_ADMIN)",
                    [capabilities(of: member.process)]))
        }
        if let way = startedBefore(workload, own, members) { ways.append(way) }
        return ways
    }

    /// How it was found out that there is none.
    static func noneEvidence(_ workload: ComparedWorkload) -> [Evidence] {
        let names = workload.containers.isEmpty ? "none named" : workload.containers.joined(separator: ", ")
        let count = counted(workload.processes, "process", "processes")
        return [Evidence("/proc", "\(count), containers: \(names): none is a known proxy")]
    }

    /// What the rules of its network namespace leave open.
    private static func around(_ workload: ComparedWorkload, _ rules: RedirectRules) -> [WayRound] {
        if rules.unreadable != nil { return [] }
        guard !rules.outbound.isEmpty else {
            return [
                WayRound(
                    .rulesMissing, "no rules lead what leaves to the proxy: only who asks it passes it",
                    [Evidence("nftables", "no redirection in the output hook")])
            ]
        }
        var ways: [WayRound] = []
        var ports = rules.leftOut.portTexts
        if let only = rules.onlyPorts {
            ports = ["all but " + only.map(String.init).joined(separator: ", ")]
        }
        if !ports.isEmpty {
            ways.append(
                WayRound(.excludedPorts, ports.joined(separator: ", "), rules.evidence))
        }
        if !rules.leftOut.ranges.isEmpty {
            ways.append(
                WayRound(
                    .excludedRanges, rules.leftOut.ranges.map { prefixText($0) }.joined(separator: ", "), rules.evidence
                ))
        }
        let users =
            rules.leftOut.users.map { "uid \($0)" } + rules.leftOut.groups.map { "gid \($0)" }
        if !users.isEmpty {
            ways.append(
                WayRound(
                    .proxyUser, "whoever runs as \(users.joined(separator: " or ")) is let pass", rules.evidence))
        }
        return ways
    }

    /// Rules of IPv4 hold nothing that leaves by IPv6.
    private static func aroundByIPv6(_ space: Space) -> [WayRound] {
        guard let address = space.ipv6.address, !space.rules.outbound.isEmpty, space.ipv6.rules.outbound.isEmpty,
            space.ipv6.rules.unreadable == nil
        else { return [] }
        var way = WayRound(
            .rulesMissing, "no rules lead what leaves by IPv6 to the proxy",
            [
                Evidence("/proc/\(space.ipv6.pid)/net/if_inet6", addressText(address)),
                Evidence("nftables", "no redirection of IPv6 in the output hook"),
            ])
        way.isOfIPv6 = true
        return [way]
    }

    private static func startedBefore(
        _ workload: ComparedWorkload, _ own: [Member], _ members: [Member]
    ) -> WayRound? {
        let pids = Set(workload.sidecars.map(\.pid))
        guard let proxy = members.filter({ pids.contains($0.process.pid) }).map(\.process.start).min(),
            let early = own.filter({ $0.process.start < proxy }).min(by: { $0.process.start < $1.process.start })
        else { return nil }
        let hundredths = proxy - early.process.start
        return WayRound(
            .startedBefore,
            "\(early.process.program) began \(hundredths / 100).\(hundredths % 100 / 10) s before the proxy",
            [Evidence("/proc/\(early.process.pid)/stat", "start \(early.process.start), the proxy's \(proxy)")])
    }

    private static func isPrivileged(_ process: SurveyedProcess, _ userNamespace: UInt64) -> Bool {
        process.userNamespace == userNamespace && process.has(capability: systemAdministrator)
            && process.has(capability: loadModules)
    }

    private static func capabilities(of process: SurveyedProcess) -> Evidence {
        Evidence("/proc/\(process.pid)/status", "CapEff \(String(process.capabilities, radix: 16))")
    }
}
