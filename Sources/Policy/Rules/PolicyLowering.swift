// SPDX-License-Identifier: Apache-2.0

package import CWire
package import Events

/// The rules about addresses, ports and names as the kernel programs look them up: see bpf/enforce.bpf.c.
package struct PolicyLowering: Sendable {
    /// Keys and what they decide, of one operation.
    package struct Table: Sendable {
        package fileprivate(set) var entries: [(key: wire_target, decision: wire_decision)] = []
        /// A bit for each shape that some key has.
        package fileprivate(set) var shapes: UInt32 = 0
    }

    package private(set) var connect = Table()
    package private(set) var listen = Table()
    package private(set) var names: PolicyNameLowering
    package let conditions: PolicyConditions
    package private(set) var choices = PolicyChoices()
    package private(set) var settings = wire_policy()

    /// `policy` has only rules about the network that programs can hold: see `PolicyMechanisms`. An address that a name led
    /// to counts for `grace` seconds beyond its time to live.
    package init(_ policy: PolicyRules, dry: Bool, grace: UInt32 = 120) {
        conditions = PolicyConditions(policy)
        connect = Self.table(policy, .connect, conditions, &choices)
        listen = Self.table(policy, .listen, conditions, &choices)
        settings.secret = wire_name_hash(a: .random(in: 0 ... .max), b: .random(in: 0 ... .max))
        names = PolicyNameLowering(policy, conditions, &choices, secret: settings.secret)
        settings.dry = dry ? 1 : 0
        settings.shapes = (connect.shapes, listen.shapes, 0)
        settings.names = names.hasConnections ? 1 : 0
        settings.asks = names.hasQuestions ? 1 : 0
        settings.suffixes = names.suffixes
        settings.name_shapes = names.shapes
        settings.unreadable = names.unreadable
        settings.grace = grace
        let drops = policy.rules.contains { $0.operation == .connect && $0.verdict == .drop }
        settings.drops = drops || policy.defaultVerdict(.net)?.verdict == .drop ? 1 : 0
        settings.fallback.2 = names.anyQuestion
        if let fallback = policy.defaultVerdict(.net) {
            let index = policy.defaults.firstIndex { $0.place == fallback.place } ?? 0
            func decision(_ operation: PolicyOperation) -> wire_decision {
                wire_decision(
                    verdict: Self.wire(operation.applied(fallback.verdict)), rank: 0,
                    rule: UInt32(policy.rules.count + index), choice: 0)
            }
            settings.fallback.0 = decision(.connect)
            settings.fallback.1 = decision(.listen)
        }
        let choosesListener = listen.entries.contains { $0.decision.choice != 0 }
        settings.remembers = choosesListener || readsPackets && !choices.isEmpty ? 1 : 0
    }

    /// Whether packets that leave are looked at.
    package var readsPackets: Bool { names.hasConnections || names.hasQuestions || losesPackets }
    package var losesPackets: Bool { settings.drops != 0 }

    /// Adds an address that is always refused, whatever is asked for there: for attempts that show that the programs run.
    package mutating func addCanary(_ address: IPAddress) {
        let key = Self.key(IPPrefix(address), port: nil, transport: nil)
        let decision = wire_decision(verdict: WIRE_CANARY.rawValue, rank: .max, rule: .max, choice: 0)
        connect.entries.append((key, decision))
        listen.entries.append((key, decision))
        connect.shapes |= 1
        listen.shapes |= 1
        settings.shapes = (connect.shapes, listen.shapes, 0)
    }

    /// Adds a name that nobody can ask for, and the address, of this host's loopback, of a name server for attempts to.
    package mutating func addCanary(_ name: [UInt8], server: IPAddress) {
        addCanary(server: server)
        settings.asks = 1
        unsafe withUnsafeMutableBytes(of: &settings.canary) { bytes in
            for index in 0..<4 { unsafe bytes[index] = server[index] }
        }
        names.addCanary(name)
    }

    /// Lets attempts get as far as the packets, to the port for names of that address.
    package mutating func addCanary(server: IPAddress) {
        let port = UInt16(53)
        connect.entries.append(
            (
                Self.key(IPPrefix(server), port: port, transport: .udp),
                wire_decision(verdict: WIRE_ALLOW.rawValue, rank: .max, rule: .max, choice: 0)
            ))
        connect.shapes |= 1 << UInt32(WIRE_SHAPE_PORT | WIRE_SHAPE_PROTOCOL)
        settings.shapes = (connect.shapes, listen.shapes, 0)
    }

    private struct Key: Hashable {
        let prefix: IPPrefix
        let port: UInt16?
        let transport: NetTarget.Transport?
    }

    private static func table(
        _ policy: PolicyRules, _ operation: PolicyOperation, _ conditions: PolicyConditions,
        _ choices: inout PolicyChoices
    ) -> Table {
        // `*` and 0.0.0.0/0 have the same keys, and different ranks.
        var first: [Key: PolicyCandidate] = [:]
        first.reserveCapacity(policy.rules.count)
        // Those that are not for all go into lists, with what holds for the others.
        var others: [Key: [PolicyCandidate]] = [:]
        for (number, rule) in policy.rules.enumerated() where rule.operation == operation {
            guard case .target(let target) = rule.subject else { continue }
            let candidate = conditions.candidate(rule, number, rank: target.rank + 1)
            for prefix in prefixes(target.host) {
                let key = Key(prefix: prefix, port: target.port, transport: target.transport)
                if !candidate.isForAll {
                    others[key, default: []].append(candidate)
                } else if first[key].map(candidate.precedes) ?? true {
                    first[key] = candidate
                }
            }
        }
        var table = Table()
        table.entries.reserveCapacity(first.count)
        func add(_ key: Key, _ decision: wire_decision) {
            table.shapes |= 1 << shape(key)
            table.entries.append((Self.key(key.prefix, port: key.port, transport: key.transport), decision))
        }
        for (key, candidate) in first where others[key] == nil { add(key, choices.decision([candidate])) }
        let lengths = Set((Array(first.keys) + others.keys).map(\.prefix.length)).sorted(by: >)
        for key in others.keys.sorted(by: { others[$0]![0].rule < others[$1]![0].rule }) {
            // Where none of them holds, what is about more networks does.
            var list: [PolicyCandidate] = []
            for length in lengths where length <= key.prefix.length {
                guard let prefix = IPPrefix(key.prefix.first, length: length) else { continue }
                let wider = Key(prefix: prefix, port: key.port, transport: key.transport)
                list += (others[wider, default: []] + [first[wider]].compactMap { $0 }).sorted { $0.precedes($1) }
                if first[wider] != nil { break }
            }
            add(key, choices.decision(list))
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

    private static func shape(_ key: Key) -> UInt32 {
        (key.port == nil ? 0 : UInt32(WIRE_SHAPE_PORT)) | (key.transport == nil ? 0 : UInt32(WIRE_SHAPE_PROTOCOL))
    }

    private static func key(_ prefix: IPPrefix, port: UInt16?, transport: NetTarget.Transport?) -> wire_target {
        var key = wire_target()
        key.bits = UInt32(WIRE_TARGET_BITS) + UInt32(prefix.length)
        key.family = UInt8(prefix.first.count == 4 ? WIRE_FAMILY_IPV4 : WIRE_FAMILY_IPV6)
        key.port = port ?? 0
        key.protocol = number(of: transport)
        unsafe withUnsafeMutableBytes(of: &key.address) { bytes in
            for index in 0..<prefix.first.count { unsafe bytes[index] = prefix.first[index] }
        }
        return key
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
