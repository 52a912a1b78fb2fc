// SPDX-License-Identifier: Apache-2.0

internal import Events

/// An element of a set of nftables. One that has intervals has the end of each, which is not part of it, as an element too.
struct SetElement: Equatable {
    let key: [UInt8]
    let isEnd: Bool
}

/// Makes a rule of the expressions that nftables has it in: each reads something into a register, compares a register, or
/// decides.
struct FilterRuleDecoder {
    /// What a register has.
    private enum Content {
        case transport, port, user, group, interface
        case mark(mask: UInt32)
        /// With these bits set, whatever it was.
        case marked(UInt32)
        case address(mask: Int?, length: Int)
        case value([UInt8])
        case unknown
    }

    private var registers: [UInt32: Content] = [:]
    private let sets: [String: [SetElement]]

    init(sets: [String: [SetElement]] = [:]) {
        self.sets = sets
    }

    mutating func rule(_ expressions: [NetlinkAttributes]) -> FilterRule {
        var rule = FilterRule()
        for expression in expressions {
            guard let name = expression.text(1), let data = expression.nested(2) else { continue }
            decode(name, data, &rule)
        }
        return rule
    }

    private mutating func decode(_ name: String, _ data: NetlinkAttributes, _ rule: inout FilterRule) {
        switch name {
        case "meta":
            guard let key = data.number(2) else { return }
            if let source = data.number(3) {
                if key == 3 { setMark(source, &rule) }
                return
            }
            guard let register = data.number(1) else { return }
            let contents: [UInt32: Content] = [
                16: .transport, 3: .mark(mask: .max), 10: .user, 11: .group, 6: .interface, 7: .interface,
            ]
            registers[register] = contents[key] ?? .unknown
        case "payload":
            guard let register = data.number(1) else { return }
            switch (data.number(2), data.number(3), data.number(4)) {
            case (2, 2, 2): registers[register] = .port
            case (1, 16, let length?) where length <= 4:
                registers[register] = .address(mask: Int(length) * 8, length: 4)
            case (1, 24, let length?) where length <= 16:
                registers[register] = .address(mask: Int(length) * 8, length: 16)
            case (1, 9, 1): registers[register] = .transport
            default: registers[register] = .unknown
            }
        case "bitwise":
            guard let register = data.number(1), let mask = data.nested(4)?[1] else { return }
            switch registers[register] {
            case .address(_, let length):
                let bits = mask.reduce(0) { $0 + $1.nonzeroBitCount }
                registers[data.number(2) ?? register] = .address(mask: bits, length: length)
            case .mark:
                guard let mask = NetlinkAttributes.native32(mask) else { return }
                // Before a comparison the bits that count, before the mark is set those that stay; then the others.
                let others = data.nested(5).flatMap { $0[1] }.flatMap { NetlinkAttributes.native32($0) } ?? 0
                registers[data.number(2) ?? register] = others == 0 ? .mark(mask: mask) : .marked(others)
            default: return
            }
        case "cmp":
            guard let register = data.number(1), let value = data.nested(3)?[1] else { return }
            rule.matches.append(match(registers[register], data.number(2) ?? 0, Array(value)))
        case "range":
            guard let register = data.number(1), case .port = registers[register], let from = data.nested(3)?[1],
                let to = data.nested(4)?[1], let low = NetlinkAttributes.big16(from),
                let high = NetlinkAttributes.big16(to), low <= high
            else {
                rule.matches.append(.other)
                return
            }
            rule.matches.append(.ports([low...high], isNegated: data.number(2) == 1))
        case "lookup":
            guard let set = data.text(1), let register = data.number(2) else { return }
            rule.matches.append(match(registers[register], sets[set] ?? [], isNegated: data.number(5) == 1))
        case "immediate":
            guard let register = data.number(1), let value = data.nested(2) else { return }
            if let verdict = value.nested(2) {
                // "meta mark set 1 accept" is more than to accept.
                let verdict = Self.action(verdict)
                if verdict != .accept || rule.action == .other { rule.action = verdict }
            } else if let bytes = value[1] {
                registers[register] = .value(Array(bytes))
            }
        case "redir": rule.action = port(data.number(1)).map { .redirect($0) } ?? .other
        case "nat" where data.number(1) == 1:
            // To another port of loopback is what a redirection does; elsewhere is a service's.
            guard let register = data.number(3), case .value(let address) = registers[register],
                address.first == 127 || address.dropLast().allSatisfy({ $0 == 0 }) && address.last == 1,
                let port = port(data.number(5))
            else { return }
            rule.action = .redirect(port)
        case "tproxy": rule.action = port(data.number(3)).map { .transparent($0) } ?? .other
        case "match": rule.matches.append(contentsOf: Self.matches(data))
        case "target": rule.action = Self.target(data) ?? rule.action
        default: break
        }
    }

    private func setMark(_ register: UInt32, _ rule: inout FilterRule) {
        // What leads to a proxy is known without its mark.
        guard rule.action == .other else { return }
        switch registers[register] {
        case .value(let bytes): rule.action = Self.number(bytes).map { .mark($0) } ?? .other
        case .marked(let bits): rule.action = .mark(bits)
        default: break
        }
    }

    private func port(_ register: UInt32?) -> UInt16? {
        guard let register, case .value(let bytes) = registers[register] else { return nil }
        return NetlinkAttributes.big16(bytes[...])
    }

    private func match(_ content: Content?, _ operation: UInt32, _ value: [UInt8]) -> FilterRule.Match {
        let isNegated = operation == 1
        guard operation <= 1 else { return .other }
        switch content {
        case .transport: return value.first.map { .transport($0, isNegated: isNegated) } ?? .other
        case .port:
            return NetlinkAttributes.big16(value[...]).map { .ports([$0...$0], isNegated: isNegated) } ?? .other
        case .user: return Self.number(value).map { .user($0...$0, isNegated: isNegated) } ?? .other
        case .group: return Self.number(value).map { .group($0...$0, isNegated: isNegated) } ?? .other
        case .interface:
            return .interface(String(decoding: value.prefix { $0 != 0 }, as: UTF8.self), isNegated: isNegated)
        case .address(let mask, let length):
            return Self.prefix(value, mask ?? length * 8, length).map { .destination($0, isNegated: isNegated) }
                ?? .other
        case .mark(let mask): return Self.number(value).map { .mark($0, mask: mask, isNegated: isNegated) } ?? .other
        case .marked, .value, .unknown, nil: return .other
        }
    }

    private func match(_ content: Content?, _ elements: [SetElement], isNegated: Bool) -> FilterRule.Match {
        guard case .port = content else { return .other }
        let places = elements.compactMap { element in
            NetlinkAttributes.big16(element.key[...]).map { (port: $0, isEnd: element.isEnd) }
        }.sorted { $0.port < $1.port }
        let isOfIntervals = places.contains(where: \.isEnd)
        let ranges = places.enumerated().compactMap { index, place -> ClosedRange<UInt16>? in
            if place.isEnd { return nil }
            guard isOfIntervals else { return place.port...place.port }
            let end = places[(index + 1)...].first(where: \.isEnd).map { $0.port &- 1 } ?? .max
            return place.port <= end ? place.port...end : nil
        }
        return ranges.isEmpty ? .other : .ports(ranges, isNegated: isNegated)
    }

    /// In the order of this machine.
    private static func number(_ bytes: [UInt8]) -> UInt32? { NetlinkAttributes.native32(bytes[...]) }

    private static func prefix(_ bytes: [UInt8], _ mask: Int, _ length: Int) -> IPPrefix? {
        let whole = Array((bytes + [UInt8](repeating: 0, count: 16)).prefix(length))
        return IPAddress(whole.span).flatMap { IPPrefix($0, length: mask) }
    }

    /// struct nft_verdict: what becomes of the packet, and for a jump where to.
    private static func action(_ verdict: NetlinkAttributes) -> FilterRule.Action {
        switch verdict.number(1).map({ Int32(bitPattern: $0) }) {
        case 1: .accept
        case -5: .back
        case -3, -4: verdict.text(2).map { .jump($0) } ?? .other
        default: .other
        }
    }

    // MARK: What iptables has in nftables

    private static func matches(_ data: NetlinkAttributes) -> [FilterRule.Match] {
        guard let name = data.text(1), let info = data[3] else { return [.other] }
        return XTables.matches(name, info)
    }

    private static func target(_ data: NetlinkAttributes) -> FilterRule.Action? {
        guard let name = data.text(1), let info = data[3] else { return nil }
        return XTables.target(name, info)
    }
}

/// The matches and targets of iptables, as their structures in linux/netfilter/ have them.
enum XTables {
    static func matches(_ name: String, _ info: ArraySlice<UInt8>) -> [FilterRule.Match] {
        let bytes = Array(info)
        func native16(_ offset: Int) -> UInt16? { NetlinkAttributes.native16(bytes.dropFirst(offset)) }
        func native32(_ offset: Int) -> UInt32? { NetlinkAttributes.native32(bytes.dropFirst(offset)) }
        switch name {
        case "tcp", "udp":
            // struct xt_tcp: source ports, destination ports, option, flags; struct xt_udp without the middle.
            let inverse = name == "tcp" ? 11 : 8
            guard let low = native16(4), let high = native16(6), low <= high, bytes.count > inverse else {
                return [.other]
            }
            let transport = FilterRule.Match.transport(name == "tcp" ? 6 : 17, isNegated: false)
            if low == 0, high == .max { return [transport] }
            return [transport, .ports([low...high], isNegated: bytes[inverse] & 2 != 0)]
        case "owner":
            // struct xt_owner_match_info: users, groups, what counts, what is negated.
            guard let uidLow = native32(0), let uidHigh = native32(4), let gidLow = native32(8),
                let gidHigh = native32(12), bytes.count > 17
            else { return [.other] }
            var matches: [FilterRule.Match] = []
            if bytes[16] & 1 != 0, uidLow <= uidHigh {
                matches.append(.user(uidLow...uidHigh, isNegated: bytes[17] & 1 != 0))
            }
            if bytes[16] & 2 != 0, gidLow <= gidHigh {
                matches.append(.group(gidLow...gidHigh, isNegated: bytes[17] & 2 != 0))
            }
            return matches
        case "multiport":
            // struct xt_multiport_v1: which end, how many, the ports, which of them begin a range, inversion.
            guard bytes.count > 47, bytes[0] == 1 || bytes[0] == 2 else { return [.other] }
            var ranges: [ClosedRange<UInt16>] = []
            var index = 0
            while index < min(Int(bytes[1]), 15) {
                guard let port = native16(2 + 2 * index) else { break }
                if bytes[32 + index] != 0, let high = native16(4 + 2 * index), port <= high {
                    ranges.append(port...high)
                    index += 2
                } else {
                    ranges.append(port...port)
                    index += 1
                }
            }
            return [.ports(ranges, isNegated: bytes[47] != 0)]
        case "mark":
            // struct xt_mark_mtinfo1: mark, mask, inversion.
            guard let mark = native32(0), let mask = native32(4), bytes.count > 8 else { return [.other] }
            return [.mark(mark, mask: mask, isNegated: bytes[8] != 0)]
        case "comment": return []
        default: return [.other]
        }
    }

    static func target(_ name: String, _ info: ArraySlice<UInt8>) -> FilterRule.Action? {
        switch name {
        case "REDIRECT":
            // struct nf_nat_ipv4_multi_range_compat, or for IPv6 struct nf_nat_range.
            let offset = info.count >= 36 ? 36 : 16
            return NetlinkAttributes.big16(info.dropFirst(offset)).map { .redirect($0) }
        case "TPROXY":
            // struct xt_tproxy_target_info_v1: mark, mask, address of 16 bytes, port; before it an address of 4.
            return NetlinkAttributes.big16(info.dropFirst(info.count >= 26 ? 24 : 12)).map { .transparent($0) }
        case "MARK":
            // struct xt_mark_tginfo2: mark, mask.
            return NetlinkAttributes.native32(info).map { .mark($0) }
        default: return nil
        }
    }
}
