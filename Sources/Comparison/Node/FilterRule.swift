// SPDX-License-Identifier: Apache-2.0

package import Events

/// A rule of a packet filter, as far as it tells what goes to a proxy and what does not.
struct FilterRule: Equatable {
    enum Match: Equatable {
        case transport(UInt8, isNegated: Bool)
        case ports([ClosedRange<UInt16>], isNegated: Bool)
        case destination(IPPrefix, isNegated: Bool)
        case user(ClosedRange<UInt32>, isNegated: Bool)
        case group(ClosedRange<UInt32>, isNegated: Bool)
        /// Of a packet, as another rule has set it; in the bits of `mask`.
        case mark(UInt32, mask: UInt32, isNegated: Bool)
        /// Of an interface: in or out.
        case interface(String, isNegated: Bool)
        /// Something else.
        case other

        /// Whether it only takes out what never leaves the namespace.
        var isLoopback: Bool {
            switch self {
            case .interface(let name, false): name == "lo"
            case .destination(let prefix, false): Self.isLoopback(prefix)
            default: false
            }
        }

        var isMark: Bool { if case .mark = self { true } else { false } }

        private static func isLoopback(_ prefix: IPPrefix) -> Bool {
            let first = prefix.first
            return first.count == 4 ? first[0] == 127 : (0..<15).allSatisfy { first[$0] == 0 } && first[15] == 1
        }
    }

    enum Action: Equatable {
        /// To a port of this namespace.
        case redirect(UInt16)
        /// To a proxy that listens on this port, for whatever address the packet is.
        case transparent(UInt16)
        /// So that routes by policy lead it to where it is transparent.
        case mark(UInt32)
        /// Out of the chains of this table: the packet goes on as it is.
        case accept
        /// Back to the chain that led here.
        case back
        case jump(String)
        case other
    }

    var matches: [Match] = []
    var action = Action.other
}

/// What a chain of a packet filter is: its rules, and where packets enter it.
struct FilterChain: Equatable {
    enum Hook: Equatable {
        case output, prerouting
    }

    var table: String
    /// Whether packets of IPv6 may go through it.
    var isOfIPv6 = true
    var name: String
    /// `nil` for a chain that others jump to.
    var hook: Hook?
    var rules: [FilterRule] = []
}

/// What of a network namespace is led to a proxy, and what is left out.
package struct RedirectRules: Sendable, Equatable {
    /// What leaves is led to these ports, and what comes in to those.
    package var outbound: [UInt16] = []
    package var inbound: [UInt16] = []
    /// What leaves and is left out.
    package var leftOut = Exceptions()
    /// Where packets that leave are led to a proxy for some ports only: those; `nil` for all.
    package var onlyPorts: [UInt16]?
    /// Whether UDP is led to a proxy as well.
    package var redirectsDatagrams = false
    package var evidence: [Evidence] = []
    /// Why it is not known; `nil` where it is.
    package var unreadable: String?

    package init() {}

    package struct Exceptions: Sendable, Equatable {
        package var ports: [ClosedRange<UInt16>] = []
        package var ranges: [IPPrefix] = []
        package var users: [UInt32] = []
        package var groups: [UInt32] = []

        package init() {}

        /// "22", "8000-8100".
        package var portTexts: [String] {
            ports.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        }
    }

    package var isEmpty: Bool { outbound.isEmpty && inbound.isEmpty }
    package var ports: Set<UInt16> { Set(outbound + inbound) }
}

extension RedirectRules {
    /// Chains may jump to others; longer ways are cut.
    private static let deepest = 8

    init(chains: [FilterChain], source: String) {
        self.init()
        // A transparent proxy is led to where packets come in; those that leave get there by a mark that they are given.
        var transparent: [Transparent] = []
        for hook in [FilterChain.Hook.prerouting, .output] {
            for chain in chains where chain.hook == hook {
                var isTaken = false
                walk(chain, chains, hook, under: [], depth: 0, &isTaken, &transparent)
            }
        }
        inbound += transparent.filter { !$0.isForMarked || !outbound.contains($0.port) }.map(\.port)
        outbound = Set(outbound).sorted()
        inbound = Set(inbound).sorted()
        onlyPorts = onlyPorts.map { Set($0).sorted() }
        guard !isEmpty else { return }
        func list(_ ports: [UInt16]) -> String { ports.map(String.init).joined(separator: ", ") }
        if !outbound.isEmpty { evidence.append(Evidence(source, "what leaves goes to port \(list(outbound))")) }
        if !inbound.isEmpty { evidence.append(Evidence(source, "what comes in goes to port \(list(inbound))")) }
    }

    /// A rule that leads to a transparent proxy, and for which marks it does.
    private struct Transparent {
        let port: UInt16
        let marks: [FilterRule.Match]

        var isForMarked: Bool { !marks.isEmpty }

        func takes(_ mark: UInt32) -> Bool {
            marks.allSatisfy { match in
                guard case .mark(let value, let mask, let isNegated) = match else { return true }
                return (mark & mask == value & mask) != isNegated
            }
        }
    }

    /// Follows packets through a chain, as far as the conditions `under` which they got there hold.
    private mutating func walk(
        _ chain: FilterChain, _ chains: [FilterChain], _ hook: FilterChain.Hook, under: [FilterRule.Match],
        depth: Int, _ isTaken: inout Bool, _ transparent: inout [Transparent]
    ) {
        guard depth <= Self.deepest else { return }
        // Only where something behind it is led to a proxy does what goes on as it is get round one.
        var pending = Exceptions()
        for rule in chain.rules {
            let matches = under + rule.matches
            switch rule.action {
            case .redirect(let port):
                isTaken = true
                take(port, matches, hook)
            case .transparent(let port) where hook == .prerouting:
                isTaken = true
                if !matches.contains(.transport(17, isNegated: false)) {
                    transparent.append(Transparent(port: port, marks: matches.filter(\.isMark)))
                } else if !matches.contains(where: \.isMark) {
                    redirectsDatagrams = true
                }
            case .mark(let mark) where hook == .output:
                for one in transparent where one.takes(mark) {
                    isTaken = true
                    take(one.port, matches, hook)
                }
            case .jump(let name):
                guard let next = chains.first(where: { $0.table == chain.table && $0.name == name }) else { continue }
                var inner = false
                walk(next, chains, hook, under: matches, depth: depth + 1, &inner, &transparent)
                isTaken = isTaken || inner
            case .accept, .back:
                if hook == .output { pending.add(rule.matches) }
            case .transparent, .mark, .other: break
            }
        }
        if isTaken { leftOut.add(pending) }
    }

    private mutating func take(_ port: UInt16, _ matches: [FilterRule.Match], _ hook: FilterChain.Hook) {
        guard hook == .output else {
            inbound.append(port)
            return
        }
        var ports: [UInt16]?
        var isForDatagrams = false
        var isForAll = true
        for match in matches {
            switch match {
            case .ports(let ranges, isNegated: false):
                ports = ranges.flatMap { $0.count > 64 ? [] : Array($0) }
                isForAll = false
            case .transport(17, isNegated: false): isForDatagrams = true
            default: break
            }
        }
        if isForDatagrams {
            redirectsDatagrams = true
            return
        }
        if isForAll {
            onlyPorts = nil
        } else if outbound.isEmpty || onlyPorts != nil {
            onlyPorts = (onlyPorts ?? []) + (ports ?? [])
        }
        outbound.append(port)
        // "All but" stands in the rule itself.
        leftOut.add(
            matches.compactMap { match in
                switch match {
                case .ports(let ranges, isNegated: true): .ports(ranges, isNegated: false)
                case .destination(let prefix, isNegated: true): .destination(prefix, isNegated: false)
                case .user(let users, isNegated: true): .user(users, isNegated: false)
                case .group(let groups, isNegated: true): .group(groups, isNegated: false)
                default: nil
                }
            })
    }
}

extension RedirectRules.Exceptions {
    fileprivate mutating func add(_ other: Self) {
        for port in other.ports where !ports.contains(port) { ports.append(port) }
        for range in other.ranges where !ranges.contains(range) { ranges.append(range) }
        for user in other.users where !users.contains(user) { users.append(user) }
        for group in other.groups where !groups.contains(group) { groups.append(group) }
    }

    /// What a rule takes out that leads on nowhere.
    fileprivate mutating func add(_ matches: [FilterRule.Match]) {
        if matches.contains(where: \.isLoopback) || matches.contains(.transport(17, isNegated: false)) { return }
        var found = Self()
        for match in matches {
            switch match {
            case .ports(let ranges, isNegated: false):
                found.ports += ranges
            case .destination(let prefix, isNegated: false): found.ranges.append(prefix)
            case .user(let users, isNegated: false): found.users.append(users.lowerBound)
            case .group(let groups, isNegated: false): found.groups.append(groups.lowerBound)
            default: break
            }
        }
        add(found)
    }
}
