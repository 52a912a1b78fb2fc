// SPDX-License-Identifier: Apache-2.0

package import CWire
package import Events

/// The rules about addresses, ports and names as the kernel programs look them up: see bpf/enforce.bpf.c.
package struct PolicyLowering: Sendable {
    package private(set) var connect = NetworkTable()
    package private(set) var listen = NetworkTable()
    package private(set) var names: PolicyNameLowering
    package let conditions: PolicyConditions
    package private(set) var choices = PolicyChoices()
    private var fixed = wire_policy()
    /// With what the tables have by now.
    package var settings: wire_policy {
        var settings = fixed
        settings.shapes = (connect.shapes, listen.shapes, 0)
        settings.lengths = (connect.lengths, listen.lengths)
        return settings
    }

    /// `policy` has only rules about the network that programs can hold: see `PolicyMechanisms`. An address that a name led
    /// to counts for `grace` seconds beyond its time to live.
    package init(_ policy: PolicyRules, dry: Bool, grace: UInt32 = 120) {
        conditions = PolicyConditions(policy)
        connect = Self.table(policy, .connect, conditions, &choices)
        listen = Self.table(policy, .listen, conditions, &choices)
        fixed.secret = wire_name_hash(a: .random(in: 0 ... .max), b: .random(in: 0 ... .max))
        names = PolicyNameLowering(policy, conditions, &choices, secret: fixed.secret)
        fixed.dry = dry ? 1 : 0
        fixed.names = names.hasConnections ? 1 : 0
        fixed.asks = names.hasQuestions ? 1 : 0
        fixed.suffixes = names.suffixes
        fixed.name_shapes = names.shapes
        fixed.unreadable = names.unreadable
        fixed.grace = grace
        let drops = policy.rules.contains { $0.operation == .connect && $0.verdict == .drop }
        fixed.drops = drops || policy.defaultVerdict(.net)?.verdict == .drop ? 1 : 0
        fixed.fallback.2 = names.anyQuestion
        if let fallback = policy.defaultVerdict(.net) {
            let index = policy.defaults.firstIndex { $0.place == fallback.place } ?? 0
            func decision(_ operation: PolicyOperation) -> wire_decision {
                wire_decision(
                    verdict: Self.wire(operation.applied(fallback.verdict)), rank: 0,
                    rule: UInt32(policy.rules.count + index), choice: 0)
            }
            fixed.fallback.0 = decision(.connect)
            fixed.fallback.1 = decision(.listen)
        }
        let choosesListener = listen.decisions.values.contains { $0.choice != 0 }
        let isForSome = !policy.target.isProgram
        fixed.remembers =
            choosesListener || isForSome && policy.holds(.listen) || readsPackets && (isForSome || !choices.isEmpty)
            ? 1 : 0
    }

    /// Whether some rule or default is about the network.
    package static func isNeeded(_ policy: PolicyRules) -> Bool {
        [.connect, .listen, .ask].contains { policy.holds($0) }
    }

    /// Whether packets that leave are looked at.
    package var readsPackets: Bool { names.hasConnections || names.hasQuestions || losesPackets }
    package var losesPackets: Bool { fixed.drops != 0 }

    /// Adds an address that is always refused, whatever is asked for there: for attempts that show that the programs run.
    package mutating func addCanary(_ address: IPAddress) {
        let key = NetworkTable.Key(prefix: IPPrefix(address), port: nil, transport: nil)
        let decision = wire_decision(verdict: WIRE_CANARY.rawValue, rank: .max, rule: .max, choice: 0)
        connect.set(key, decision)
        listen.set(key, decision)
    }

    /// Adds a name that nobody can ask for, and the address, of this host's loopback, of a name server for attempts to.
    package mutating func addCanary(_ name: [UInt8], server: IPAddress) {
        addCanary(server: server)
        fixed.asks = 1
        unsafe withUnsafeMutableBytes(of: &fixed.canary) { bytes in
            for index in 0..<4 { unsafe bytes[index] = server[index] }
        }
        names.addCanary(name)
    }

    /// Lets attempts get as far as the packets, to the port for names of that address.
    package mutating func addCanary(server: IPAddress) {
        connect.set(
            NetworkTable.Key(prefix: IPPrefix(server), port: 53, transport: .udp),
            wire_decision(verdict: WIRE_ALLOW.rawValue, rank: .max, rule: .max, choice: 0))
    }

    private static func table(
        _ policy: PolicyRules, _ operation: PolicyOperation, _ conditions: PolicyConditions,
        _ choices: inout PolicyChoices
    ) -> NetworkTable {
        // `*` and 0.0.0.0/0 have the same keys, and different ranks.
        var first: [NetworkTable.Key: PolicyCandidate] = [:]
        first.reserveCapacity(policy.rules.count)
        // Those that are not for all go into lists, with what holds for the others.
        var others: [NetworkTable.Key: [PolicyCandidate]] = [:]
        for (number, rule) in policy.rules.enumerated() where rule.operation == operation {
            guard case .target(let target) = rule.subject else { continue }
            let candidate = conditions.candidate(rule, number, rank: target.rank + 1)
            for prefix in prefixes(target.host) {
                let key = NetworkTable.Key(prefix: prefix, port: target.port, transport: target.transport)
                if !candidate.isForAll {
                    others[key, default: []].append(candidate)
                } else if first[key].map(candidate.precedes) ?? true {
                    first[key] = candidate
                }
            }
        }
        var table = NetworkTable(capacity: first.count + others.count)
        for (key, candidate) in first where others[key] == nil { table.set(key, choices.decision([candidate])) }
        let lengths = Set((Array(first.keys) + others.keys).map(\.prefix.length)).sorted(by: >)
        for key in others.keys.sorted(by: { others[$0]![0].rule < others[$1]![0].rule }) {
            // Where none of them holds, what is about more networks does.
            var list: [PolicyCandidate] = []
            for length in lengths where length <= key.prefix.length {
                guard let wider = key.with(length: length) else { continue }
                list += (others[wider, default: []] + [first[wider]].compactMap { $0 }).sorted { $0.precedes($1) }
                if first[wider] != nil { break }
            }
            table.set(key, choices.decision(list))
        }
        return table
    }

    private static let everything = ["0.0.0.0", "::"].compactMap { IPAddress($0) }.compactMap {
        IPPrefix($0, length: 0)
    }

    private static func prefixes(_ host: NetTarget.Host) -> [IPPrefix] {
        switch host {
        case .any: everything
        case .network(let prefix): [prefix]
        case .name, .below: []
        }
    }

    static func number(of transport: NetTarget.Transport?) -> UInt8 {
        switch transport {
        case .tcp: UInt8(WIRE_PROTOCOL_TCP)
        case .udp: UInt8(WIRE_PROTOCOL_UDP)
        case nil: 0
        }
    }

    /// As the programs have it.
    package static func wire(_ verdict: Verdict) -> UInt32 {
        switch verdict {
        case .allow: WIRE_ALLOW.rawValue
        case .audit: WIRE_AUDIT.rawValue
        case .deny: WIRE_DENY.rawValue
        case .drop: WIRE_LOSE.rawValue
        case .kill: WIRE_KILL.rawValue
        }
    }
}

/// What events say of a rule.
package struct PolicyRuleName: Sendable {
    package let text: String
    /// file:line
    package let reference: String
    package let operation: String

    /// `number` is that of a decision: the rules have theirs in their order, the defaults follow.
    package init?(_ number: UInt32, of policy: PolicyRules) {
        let index = Int(number) - policy.rules.count
        if index < 0 {
            let rule = policy.rules[Int(number)]
            text = policy.text(rule)
            reference = policy.reference(rule.place)
            operation = rule.operation.rawValue
        } else if index < policy.defaults.count {
            let fallback = policy.defaults[index]
            text = policy.line(fallback.place)
            reference = policy.reference(fallback.place)
            operation = fallback.group.rawValue
        } else {
            return nil
        }
    }
}
