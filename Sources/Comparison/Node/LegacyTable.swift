// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Events
internal import Glibc

/// The nat table of IPv4 as iptables-legacy keeps it: entries of linux/netfilter_ipv4/ip_tables.h, one after the other.
struct LegacyTable {
    /// Where packets enter that come in, and those that leave; `nil` for a hook that the table does not have.
    let prerouting, output: Int?
    let entries: [UInt8]

    /// struct ipt_getinfo, and struct ipt_get_entries up to its entries.
    private static let infoSize = 84
    private static let headSize = 40
    private static let getInfo: Int32 = 64
    private static let getEntries: Int32 = 65
    /// struct ipt_entry up to its matches, and struct xt_entry_match up to its data.
    private static let entrySize = 112
    private static let matchSize = 32

    init(prerouting: Int?, output: Int?, entries: [UInt8]) {
        self.prerouting = prerouting
        self.output = output
        self.entries = entries
    }

    /// That of the network namespace that a process is in; `nil`, with errno, where it can't be had. Only to be asked for
    /// where /proc/PID/net/ip_tables_names has it: asking for one that is not there loads its module.
    init?(pid: UInt32) {
        let space = unsafe open("/proc/\(pid)/ns/net", O_RDONLY | O_CLOEXEC)
        guard space >= 0 else { return nil }
        defer { close(space) }
        let socket = clinux_socket_in(space, AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        let name = Array("nat".utf8)
        var info = name + [UInt8](repeating: 0, count: Self.infoSize - name.count)
        var length = socklen_t(info.count)
        guard unsafe getsockopt(socket, 0, Self.getInfo, &info, &length) == 0 else { return nil }
        func word(_ offset: Int) -> Int { Int(NetlinkAttributes.native32(info[offset...])!) }
        let (hooks, size) = (word(32), word(80))
        guard size <= 16 << 20 else { return nil }
        var answer = name + [UInt8](repeating: 0, count: Self.headSize - name.count + size)
        answer.replaceSubrange(32..<36, with: info[80..<84])
        length = socklen_t(answer.count)
        guard unsafe getsockopt(socket, 0, Self.getEntries, &answer, &length) == 0 else { return nil }
        // NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT
        self.init(
            prerouting: hooks & 1 != 0 ? word(36) : nil, output: hooks & 8 != 0 ? word(36 + 3 * 4) : nil,
            entries: Array(answer[Self.headSize...]))
    }

    /// Its chains, named by where they begin.
    func chains() -> [FilterChain] {
        var chains: [FilterChain] = []
        var offset = 0
        var begins = true
        while offset + Self.entrySize <= entries.count {
            let entry = entries[offset...]
            let next = Int(NetlinkAttributes.native16(entry.dropFirst(90))!)
            let target = Int(NetlinkAttributes.native16(entry.dropFirst(88))!)
            guard next >= Self.entrySize + Self.matchSize, target >= Self.entrySize, target + Self.matchSize <= next,
                offset + next <= entries.count
            else { break }
            let hook: FilterChain.Hook? = offset == output ? .output : offset == prerouting ? .prerouting : nil
            let whole = entry.prefix(next)
            // The head of a chain that others jump to, or the end of the table.
            if Self.name(whole.dropFirst(target)) == "ERROR" {
                begins = true
            } else {
                if begins || hook != nil { chains.append(FilterChain(table: "nat", name: "\(offset)", hook: hook)) }
                begins = false
                chains[chains.count - 1].rules.append(Self.rule(whole, target: target))
            }
            offset += next
        }
        return chains
    }

    /// Of a match or a target.
    private static func name(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.dropFirst(2).prefix(29).prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func rule(_ entry: ArraySlice<UInt8>, target: Int) -> FilterRule {
        var rule = FilterRule()
        let bytes = Array(entry)
        let inverse = bytes[83]
        let length = bytes[12..<16].reduce(0) { $0 + $1.nonzeroBitCount }
        if length > 0, let address = IPAddress(Array(bytes[4..<8]).span), let prefix = IPPrefix(address, length: length)
        {
            rule.matches.append(.destination(prefix, isNegated: inverse & 0x10 != 0))
        }
        if let name = String(bytes: bytes[32..<48]) {
            rule.matches.append(.interface(name, isNegated: inverse & 2 != 0))
        }
        if bytes[80] != 0 { rule.matches.append(.transport(bytes[80], isNegated: inverse & 0x40 != 0)) }
        var offset = entrySize
        while offset + matchSize <= target {
            let size = Int(NetlinkAttributes.native16(bytes[offset...])!)
            guard size >= matchSize, offset + size <= target else { break }
            let match = bytes[offset..<offset + size]
            // What the entry itself says need not be said again.
            for found in XTables.matches(name(match), match.dropFirst(matchSize)) where !rule.matches.contains(found) {
                rule.matches.append(found)
            }
            offset += size
        }
        let info = bytes[(target + matchSize)...]
        let name = name(bytes[target...])
        if name.isEmpty, let verdict = NetlinkAttributes.native32(info).map({ Int32(bitPattern: $0) }) {
            switch verdict {
            case 0...: rule.action = .jump("\(verdict)")
            case -2: rule.action = .accept
            case -5: rule.action = .back
            default: break
            }
        } else {
            rule.action = XTables.target(name, info) ?? .other
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
