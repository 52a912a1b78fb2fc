// SPDX-License-Identifier: Apache-2.0

/// A pod, a container without one, or all of the host's own processes.
package struct ComparedWorkload: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case pod, container, host
    }

    package var kind: Kind
    /// namespace/pod, the container's name or short id, or "host".
    package var name: String
    package var namespace: String?
    package var podUID: String?
    /// Those with a process in them now, by name or short id.
    package var containers: [String] = []
    /// Inode numbers of the network namespaces that its processes are in.
    package var networkNamespaces: [UInt64] = []
    /// Whether that is the host's.
    package var isOnHostNetwork = false
    package var processes = 0
    package var sidecars: [Sidecar] = []
    /// How it was found out that there is one, or none.
    package var evidence: [Evidence] = []
    package var activity = Activity()
    /// What is open now to get round a sidecar.
    package var ways: [WayRound] = []
    /// What became of a try from inside; `nil` where none was asked for.
    package var probe: WorkloadProbe?

    package init(_ kind: Kind, name: String) {
        self.kind = kind
        self.name = name
    }

    package var hasSidecar: Bool { !sidecars.isEmpty }
}

/// How much was done in the window, by everyone but sidecars, and how much of it passed a sidecar.
package struct Activity: Sendable, Equatable {
    package enum Kind: String, CaseIterable, Sendable {
        /// Programs that were started.
        case executions
        /// Files that were opened.
        case opens
        /// Files that were created, written, renamed, removed or given other permissions.
        case changes
        /// TCP connections that were made, and those that were accepted.
        case connections
        case accepted
        /// Of these, and of those that were there before.
        case sent
        case received
        /// UDP flows, DNS among them.
        case datagrams
        /// DNS questions.
        case questions

        /// Not something that happened, but how much of it.
        package var isBytes: Bool { self == .sent || self == .received }
        /// What a proxy of TCP could see at all.
        package var isForwarded: Bool { isBytes || self == .connections || self == .accepted }
    }

    package struct Count: Sendable, Equatable {
        package var total: UInt64
        /// How many of them the other end was a sidecar's.
        package var passed: UInt64

        package init(total: UInt64 = 0, passed: UInt64 = 0) {
            self.total = total
            self.passed = passed
        }

        /// `nil` where there were none.
        package var share: Double? { total == 0 ? nil : Double(passed) / Double(total) }
    }

    private var counts = [Count](repeating: Count(), count: Kind.allCases.count)

    package init() {}

    package subscript(kind: Kind) -> Count {
        get { counts[Self.index(of: kind)] }
        set { counts[Self.index(of: kind)] = newValue }
    }

    private static func index(of kind: Kind) -> Int { Kind.allCases.firstIndex(of: kind)! }

    /// Events of all kinds together.
    package var events: Count { sum { !$0.isBytes } }
    /// Connections of both directions.
    package var allConnections: Count { sum { $0 == .connections || $0 == .accepted } }
    package var bytes: Count { sum(\.isBytes) }

    private func sum(_ isWanted: (Kind) -> Bool) -> Count {
        Kind.allCases.reduce(into: Count()) { sum, kind in
            guard isWanted(kind) else { return }
            sum.total &+= self[kind].total
            sum.passed &+= self[kind].passed
        }
    }

    package mutating func add(_ other: Activity) {
        for kind in Kind.allCases {
            self[kind].total &+= other[kind].total
            self[kind].passed &+= other[kind].passed
        }
    }
}

/// Something that happened and passed no sidecar, with how often it did.
package struct UnseenActivity: Sendable, Equatable {
    package let workload: String
    package let process: String
    package let kind: Activity.Kind
    /// Where to; `nil` for what goes nowhere.
    package let destination: String?
    /// Why no sidecar saw it. Not from outside.
    package let reason: String
    package var count: UInt64

    package init(
        workload: String, process: String, kind: Activity.Kind, destination: String?, reason: String, count: UInt64
    ) {
        self.workload = workload
        self.process = process
        self.kind = kind
        self.destination = destination
        self.reason = reason
        self.count = count
    }
}

/// A way round a sidecar that is open now.
package struct WayRound: Sendable, Equatable {
    package enum Kind: String, CaseIterable, Sendable {
        case noSidecar = "no_sidecar"
        case hostNetwork = "host_network"
        case rulesMissing = "rules_missing"
        case excludedPorts = "excluded_ports"
        case excludedRanges = "excluded_ranges"
        case proxyUser = "proxy_user"
        case datagrams = "udp"
        case rawSockets = "raw_sockets"
        case networkAdministrator = "net_admin"
        case privileged
        case startedBefore = "started_before"
    }

    package let kind: Kind
    /// What exactly is open, such as which ports. May have text from outside.
    package let text: String
    package let evidence: [Evidence]
    /// Whether it is there by IPv6 alone.
    package var isOfIPv6 = false
    /// What became of trying it, by IPv4 or as far as no packet tells; `nil` where that was not asked for.
    package var trial: WayTrial?
    /// By IPv6; `nil` where its network namespace has no address for that, either.
    package var trialByIPv6: WayTrial?

    package init(_ kind: Kind, _ text: String, _ evidence: [Evidence] = []) {
        self.kind = kind
        self.text = text
        self.evidence = evidence
    }

    package var isTried: Bool { trial != nil || trialByIPv6 != nil }
    package var isProved: Bool { trial?.isProved == true || trialByIPv6?.isProved == true }

    /// "proved", "not tried by IPv6".
    package var verdicts: [String] {
        [trial?.verdict, trialByIPv6?.verdictByIPv6].compactMap { $0 }
    }

    /// The same with what came of each, or why not.
    package var tries: [String] {
        [trial.map { "\($0.verdict): \($0.text)" }, trialByIPv6.map { "\($0.verdictByIPv6): \($0.text)" }]
            .compactMap { $0 }
    }
}

/// A harmless try of a way round, from inside a workload's network namespace. Not from outside.
package enum WayTrial: Sendable, Equatable {
    /// It got past the proxy: what was sent from where, and as what it came.
    case proved(String)
    case failed(String)
    /// Why not.
    case notTried(String)

    package var verdict: String {
        switch self {
        case .proved: "proved"
        case .failed: "tried, did not get through"
        case .notTried: "not tried"
        }
    }

    var verdictByIPv6: String {
        switch self {
        case .proved: "proved by IPv6"
        case .failed: "tried by IPv6, did not get through"
        case .notTried: "not tried by IPv6"
        }
    }

    package var text: String {
        switch self {
        case .proved(let text), .failed(let text), .notTried(let text): text
        }
    }

    package var isProved: Bool { if case .proved = self { true } else { false } }
}

/// What was tried from inside a workload beside its ways round.
package struct WorkloadProbe: Sendable, Equatable {
    /// What became of a connection as any application makes it, from its user to a port that no rule leaves out; not from
    /// outside.
    package var ordinary: String
    /// The same by IPv6.
    package var ordinaryByIPv6: String?
    /// Nanoseconds of each request through the proxy and past it, in ascending order, a new connection in each.
    package var proxied: [UInt64] = []
    package var direct: [UInt64] = []
    /// Why there are none of these; `nil` where there are.
    package var unmeasured: String?

    package init(ordinary: String) {
        self.ordinary = ordinary
    }
}
