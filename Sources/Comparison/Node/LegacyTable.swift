// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Events
internal import Glibc

/// A table as iptables-legacy or ip6tables-legacy keeps it: entries of linux/netfilter_ipv4/ip_tables.h or
/// linux/netfilter_ipv6/ip6_tables.h, one after the other.
struct LegacyTable {
    /// Where things are in struct ipt_entry and in struct ip6t_entry.
    struct Layout: Equatable {
        let address, mask: Range<Int>
        let outgoing, transport, inverse: Int
        let targetOffset, size: Int

        static let ipv4 = Layout(
            address: 4..<8, mask: 12..<16, outgoing: 32, transport: 80, inverse: 83, targetOffset: 88, size: 112)
        static let ipv6 = Layout(
            address: 16..<32, mask: 48..<64, outgoing: 80, transport: 128, inverse: 132, targetOffset: 140, size: 168)
    }

    let name: String
    let layout: Layout
    /// Where packets enter that come in, and those that leave; `nil` for a hook that the table does not have.
    let prerouting, output: Int?
    let entries: [UInt8]

    /// struct ipt_getinfo, and struct ipt_get_entries up to its entries.
    private static let infoSize = 84
    private static let headSize = 40
    private static let getInfo: Int32 = 64
    private static let getEntries: Int32 = 65
    /// struct xt_entry_match up to its data.
    private static let matchSize = 32

    init(_ name: String, _ layout: Layout = .ipv4, prerouting: Int?, output: Int?, entries: [UInt8]) {
        self.name = name
        self.layout = layout
        self.prerouting = prerouting
        self.output = output
        self.entries = entries
    }

    /// That of the network namespace that a process is in; `nil`, with errno, where it can't be had. Only to be asked for
    /// where /proc/PID/net/ip_tables_names or ip6_tables_names has it: asking for one that is not there loads its module.
    init?(_ name: String, _ layout: Layout, pid: UInt32) {
        let space = unsafe open("/proc/\(pid)/ns/net", O_RDONLY | O_CLOEXEC)
        guard space >= 0 else { return nil }
        defer { close(space) }
        let socket = clinux_socket_in(
            space, layout == .ipv4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        let level = layout == .ipv4 ? Int32(IPPROTO_IP) : Int32(IPPROTO_IPV6)
        let text = Array(name.utf8)
        var info = text + [UInt8](repeating: 0, count: Self.infoSize - text.count)
        var length = socklen_t(info.count)
        guard unsafe getsockopt(socket, level, Self.getInfo, &info, &length) == 0 else { return nil }
        func word(_ offset: Int) -> Int { Int(NetlinkAttributes.native32(info[offset...])!) }
        let (hooks, size) = (word(32), word(80))
        guard size <= 16 << 20 else { return nil }
        var answer = text + [UInt8](repeating: 0, count: Self.headSize - text.count + size)
        answer.replaceSubrange(32..<36, with: info[80..<84])
        length = socklen_t(answer.count)
        guard unsafe getsockopt(socket, level, Self.getEntries, &answer, &length) == 0 else { return nil }
        // NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT
        self.init(
            name, layout, prerouting: hooks & 1 != 0 ? word(36) : nil, output: hooks & 8 != 0 ? word(36 + 3 * 4) : nil,
            entries: Array(answer[Self.headSize...]))
    }

    /// Its chains, named by where they begin.
    func chains() -> [FilterChain] {
        let table = "\(name) of \(layout == .ipv4 ? "IPv4" : "IPv6")"
        var chains: [FilterChain] = []
        var offset = 0
        var begins = true
        while offset + layout.size <= entries.count {
            let entry = entries[offset...]
            let target = Int(NetlinkAttributes.native16(entry.dropFirst(layout.targetOffset))!)
            let next = Int(NetlinkAttributes.native16(entry.dropFirst(layout.targetOffset + 2))!)
            guard next >= layout.size + Self.matchSize, target >= layout.size, target + Self.matchSize <= next,
                offset + next <= entries.count
            else { break }
            let hook: FilterChain.Hook? = offset == output ? .output : offset == prerouting ? .prerouting : nil
            let whole = entry.prefix(next)
            // The head of a chain that others jump to, or the end of the table.
            if Self.kind(whole.dropFirst(target)) == "ERROR" {
                begins = true
            } else {
                if begins || hook != nil {
                    chains.append(
                        FilterChain(table: table, isOfIPv6: layout == .ipv6, name: "\(offset)", hook: hook))
                }
                begins = false
                chains[chains.count - 1].rules.append(rule(whole, target: target))
            }
            offset += next
        }
        return chains
    }

    /// Of a match or a target.
    private static func kind(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.dropFirst(2).prefix(29).prefix { $0 != 0 }, as: UTF8.self)
    }

    private func rule(_ entry: ArraySlice<UInt8>, target: Int) -> FilterRule {
        var rule = FilterRule()
        let bytes = Array(entry)
        let inverse = bytes[layout.inverse]
        let length = bytes[layout.mask].reduce(0) { $0 + $1.nonzeroBitCount }
        if length > 0, let address = IPAddress(Array(bytes[layout.address]).span),
            let prefix = IPPrefix(address, length: length)
        {
            rule.matches.append(.destination(prefix, isNegated: inverse & 0x10 != 0))
        }
        if let name = String(bytes: bytes[layout.outgoing..<layout.outgoing + 16]) {
            rule.matches.append(.interface(name, isNegated: inverse & 2 != 0))
        }
        let transport = bytes[layout.transport]
        if transport != 0 { rule.matches.append(.transport(transport, isNegated: inverse & 0x40 != 0)) }
        var offset = layout.size
        while offset + Self.matchSize <= target {
            let size = Int(NetlinkAttributes.native16(bytes[offset...])!)
            guard size >= Self.matchSize, offset + size <= target else { break }
            let match = bytes[offset..<offset + size]
            // What the entry itself says need not be said again.
            for found in XTables.matches(Self.kind(match), match.dropFirst(Self.matchSize))
            where !rule.matches.contains(found) {
                rule.matches.append(found)
            }
            offset += size
        }
        let info = bytes[(target + Self.matchSize)...]
        let kind = Self.kind(bytes[target...])
        if kind.isEmpty, let verdict = NetlinkAttributes.native32(info).map({ Int32(bitPattern: $0) }) {
            switch verdict {
            case 0...: rule.action = .jump("\(verdict)")
            case -2: rule.action = .accept
            case -5: rule.action = .back
            default: break
            }
        } else {
            rule.action = XTables.target(kind, info) ?? .other
        }
        return rule
    }
}

extension String {
    /// Up to the first NUL; `nil` where there is nothing.
    fileprivate init?(bytes: ArraySlice<UInt8>) {
        let text = bytes.prefix { $0 != 0 }
        if text.isEmpty { return nil }
        self.init(decoding: text, as: UTF8.self)
    }
}
