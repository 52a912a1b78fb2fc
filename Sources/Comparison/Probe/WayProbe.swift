// SPDX-License-Identifier: Apache-2.0

internal import CProbing
internal import Events
internal import Glibc
internal import Rendering

/// Tries the ways round of one workload from inside its network namespace, by IPv4 or IPv6: one request, datagram or echo
/// for each, to listeners of this process at an address of this node.
struct WayProbe: ~Copyable {
    /// How long something may be under way.
    private static let patience: Int32 = 500
    /// Of the kernel's, what a listener may have when it may have any.
    private static let tries = 16
    /// Both ways together end after so long.
    private static let latencyLimit: UInt64 = 3_000_000_000
    private static let requests = 100

    /// Who sends, as a packet filter knows it.
    private struct Sender {
        var user, group: UInt32
    }

    enum Family: String {
        case ipv4 = "IPv4"
        case ipv6 = "IPv6"
    }

    private let space: Int32
    private let family: Family
    private let rules: RedirectRules
    private let application: Sender
    private let hasSidecar: Bool
    /// Of this node as that namespace reaches it: one that rules lead to a proxy, and one of those that they leave out.
    private let address: IPAddress?
    private let leftOut: IPAddress?
    /// Where the last try that got past the proxy went, for the latency of both ways.
    private var pastProxy: (sender: Sender, port: UInt16?)?

    /// `nil`, with errno, where the namespace can't be entered.
    init?(_ process: SurveyedProcess, _ rules: RedirectRules, _ family: Family, hasSidecar: Bool) {
        let space = unsafe open("/proc/\(process.pid)/ns/net", O_RDONLY | O_CLOEXEC)
        guard space >= 0 else { return nil }
        self.space = space
        self.family = family
        self.rules = rules
        self.hasSidecar = hasSidecar
        application = Sender(user: process.user, group: process.group)
        let ranges = rules.leftOut.ranges
        let isOwn = ProcessSurvey.namespace("/proc/self/ns/net") == process.networkNamespace
        let place = probe_place(space: space, user: process.user, group: process.group)
        let reached = Self.nodeAddresses(family).filter { Self.isReached($0, from: place, isOwn: isOwn) }
        address = reached.first { candidate in !ranges.contains { $0.contains(candidate) } }
        leftOut = reached.first { candidate in ranges.contains { $0.contains(candidate) } }
    }

    deinit {
        close(space)
    }

    // MARK: Ways

    /// Why a way is not to be tried, whoever has it; `nil` where it may be.
    static func obstacle(to kind: WayRound.Kind) -> String? {
        switch kind {
        case .networkAdministrator: "it would change the rules"
        case .privileged: "it would change the node"
        case .startedBefore: "that time is over"
        default: nil
        }
    }

    /// Whether it reaches any address of this node that rules lead to a proxy, as far as they lead any.
    var reaches: Bool { address != nil }

    mutating func trial(of kind: WayRound.Kind) -> WayTrial {
        guard let address else { return .notTried(unreached) }
        if let reason = closed(kind) { return .notTried(reason) }
        switch kind {
        case .excludedPorts where rules.onlyPorts != nil: return request(to: address, ports: [0], application)
        case .excludedPorts:
            let ports = rules.leftOut.ports.flatMap { $0.prefix(Self.tries) }.prefix(Self.tries)
            return request(to: address, ports: Array(ports), application)
        case .excludedRanges:
            guard let leftOut else { return .notTried("no address of this node is among them") }
            return request(to: leftOut, application)
        case .proxyUser:
            var sender = application
            if let user = rules.leftOut.users.first {
                sender.user = user
            } else if let group = rules.leftOut.groups.first {
                sender.group = group
            }
            return request(to: address, sender)
        case .datagrams: return datagram(to: address)
        case .rawSockets: return echo(to: address)
        default: return request(to: address, application)
        }
    }

    /// Why there is no such way by this family, where another has one; `nil` where there may be.
    private func closed(_ kind: WayRound.Kind) -> String? {
        let leftOut = rules.leftOut
        switch kind {
        case .excludedPorts, .excludedRanges, .proxyUser:
            if rules.outbound.isEmpty { return "no rules lead \(family.rawValue) to the proxy" }
            if kind == .excludedPorts, rules.onlyPorts == nil, leftOut.ports.isEmpty {
                return "rules for \(family.rawValue) leave out none"
            }
            if kind == .proxyUser, leftOut.users.isEmpty, leftOut.groups.isEmpty {
                return "rules for \(family.rawValue) let nobody pass"
            }
            return nil
        default: return nil
        }
    }

    /// A connection as any application of it makes it.
    func ordinary() -> String {
        guard let address else { return "not tried: \(unreached)" }
        guard let listener = ordinaryListener(address) else { return "not tried: no port is free for it" }
        let found = result(application, listener)
        return Self.text(found, application, listener.end)
    }

    private var unreached: String { "it reaches no address of this node by \(family.rawValue)" }

    // MARK: Tries

    private mutating func request(to address: IPAddress, ports: [UInt16]? = nil, _ sender: Sender) -> WayTrial {
        let listener = ports.map { Listener(address, among: $0) } ?? ordinaryListener(address)
        guard let listener else {
            return .notTried(ports == nil ? "no port is free for it" : "these ports are in use on this node")
        }
        let found = result(sender, listener)
        // Where there is no proxy, only a translation on the way can have given it another sender.
        let isPast = found.outcome == PROBE_DIRECT || !hasSidecar && found.outcome == PROBE_HANDED_ON
        if isPast, hasSidecar, address == self.address { pastProxy = (sender, ports == nil ? nil : listener.end.port) }
        let text = Self.text(found, sender, listener.end)
        return isPast ? .proved(text) : .failed(text)
    }

    private func datagram(to address: IPAddress) -> WayTrial {
        var end = probe_end(address, port: 0)
        let receiver = unsafe probe_listen(Int32(SOCK_DGRAM.rawValue), &end)
        guard receiver >= 0 else { return .notTried(Self.reason(errno)) }
        defer { close(receiver) }
        var found = probe_result()
        var place = place(application)
        guard unsafe probe_datagram(&place, receiver, end, Self.patience, &found) == 0 else {
            return .notTried(Self.reason(errno))
        }
        guard found.outcome == PROBE_DIRECT else { return .failed("a datagram: \(Self.outcome(found))") }
        return .proved("a datagram of \(Self.text(found.sender)) to \(Self.text(end)) came as it was sent")
    }

    private func echo(to address: IPAddress) -> WayTrial {
        var found = probe_result()
        var place = place(application)
        guard unsafe probe_echo(&place, probe_end(address, port: 0), Self.patience, &found) == 0 else {
            return .notTried(Self.reason(errno))
        }
        guard found.outcome == PROBE_DIRECT else { return .failed("an echo by a raw socket: \(Self.outcome(found))") }
        return .proved(
            "an echo of \(addressText(found.sender.address)) to \(addressText(address)) by a raw socket came as it was sent"
        )
    }

    private func result(_ sender: Sender, _ listener: borrowing Listener) -> probe_result {
        var found = probe_result()
        var place = place(sender)
        if unsafe probe_request(&place, listener.file, listener.end, Self.patience, &found) != 0 {
            found.outcome = PROBE_FAILED
            found.error = errno
        }
        return found
    }

    private func place(_ sender: Sender) -> probe_place {
        probe_place(space: space, user: sender.user, group: sender.group)
    }

    // MARK: Latency

    /// What requests take through the proxy and past it, in turns. Gives why they can't be compared.
    func measureLatency(into probe: inout WorkloadProbe) -> String? {
        guard hasSidecar else { return "no proxy beside it" }
        guard let address, let pastProxy else { return "no way past the proxy for a request" }
        guard let ordinary = ordinaryListener(address) else { return "no port is free for it" }
        guard let other = Listener(address, among: pastProxy.port.map { [$0] } ?? [0]) else {
            return "no port is free for it"
        }
        let start = Self.now()
        for _ in 0..<Self.requests where Self.now() - start < Self.latencyLimit {
            let through = result(application, ordinary)
            guard through.outcome == PROBE_HANDED_ON, through.nanoseconds > 0 else {
                return "a request as any other: \(Self.outcome(through))"
            }
            let past = result(pastProxy.sender, other)
            guard past.outcome == PROBE_DIRECT, past.nanoseconds > 0 else {
                return "a request past the proxy: \(Self.outcome(past))"
            }
            probe.proxied.append(through.nanoseconds)
            probe.direct.append(past.nanoseconds)
        }
        probe.proxied.sort()
        probe.direct.sort()
        return nil
    }

    // MARK: Addresses and ports

    /// At a port that rules lead to the proxy, as far as they lead any.
    private func ordinaryListener(_ address: IPAddress) -> Listener? {
        if let only = rules.onlyPorts { return Listener(address, among: Array(only.prefix(Self.tries))) }
        for _ in 0..<Self.tries {
            guard let listener = Listener(address, among: [0]) else { return nil }
            let port = listener.end.port
            if !rules.leftOut.ports.contains(where: { $0.contains(port) }) { return listener }
        }
        return nil
    }

    /// A TCP socket of this process that listens.
    private struct Listener: ~Copyable {
        let file: Int32
        let end: probe_end

        /// At the first of these ports that is free.
        init?(_ address: IPAddress, among ports: [UInt16]) {
            for port in ports {
                var end = probe_end(address, port: port)
                let file = unsafe probe_listen(Int32(SOCK_STREAM.rawValue), &end)
                guard file >= 0 else { continue }
                self.file = file
                self.end = end
                return
            }
            return nil
        }

        deinit {
            close(file)
        }
    }

    private static func nodeAddresses(_ family: Family) -> [IPAddress] {
        var ends = [probe_end](repeating: probe_end(), count: 64)
        let count = unsafe probe_addresses(&ends, UInt32(ends.count))
        // Loopback is for those that share the node's network.
        let all = ends.prefix(Int(count)).map(\.address) + [IPAddress("127.0.0.1")!, IPAddress("::1")!]
        return all.filter { ($0.count == 4) == (family == .ipv4) }
    }

    /// Whether that place reaches it, and not itself by the same address.
    private static func isReached(_ address: IPAddress, from place: probe_place, isOwn: Bool) -> Bool {
        var place = place
        var source = probe_end()
        guard unsafe probe_source(&place, probe_end(address, port: 0), &source) == 0 else { return false }
        return isOwn || source.address != address && !source.isLoopback
    }

    private static func now() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: Texts

    private static func text(_ found: probe_result, _ sender: Sender, _ end: probe_end) -> String {
        "a connection of \(text(found.sender)) to \(text(end)) as uid \(sender.user), gid \(sender.group): \(outcome(found))"
    }

    private static func outcome(_ found: probe_result) -> String {
        switch found.outcome {
        case PROBE_DIRECT: "came as it was sent"
        case PROBE_HANDED_ON: "came from \(text(found.seen)), by which somebody handed it on"
        case PROBE_HELD where found.status > 0: "somebody else answered, with \(found.status)"
        case PROBE_HELD where found.error != 0: "somebody else took it and ended it (\(reason(found.error)))"
        case PROBE_HELD: "somebody else took it and did not hand it on"
        default: found.error == 0 ? "did not come" : reason(found.error)
        }
    }

    private static func text(_ end: probe_end) -> String { endpointText(end.address, end.port) }

    private static func reason(_ error: Int32) -> String { unsafe String(cString: strerror(error)) }
}

extension probe_end {
    fileprivate init(_ address: IPAddress, port: UInt16) {
        func half(_ start: Int) -> UInt64 { (start..<start + 8).reduce(0) { $0 << 8 | UInt64(address[$1]) } }
        let ipv4 = address.count == 4 ? (0..<4).reduce(0xffff) { $0 << 8 | UInt64(address[$1]) } : nil
        self.init(high: ipv4 == nil ? half(0) : 0, low: ipv4 ?? half(8), port: port)
    }

    fileprivate var address: IPAddress {
        let bytes = [high, low].flatMap { half in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: half >> $0) }
        }
        return IPAddress(bytes.span)!.unmapped
    }

    fileprivate var isLoopback: Bool { high == 0 && (low == 1 || low >> 24 == 0xffff_7f) }
}
