// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Events
internal import Glibc

/// Reads the nftables rules of a network namespace by netlink: those of iptables too where it is the kind that writes them.
struct NetfilterDump: ~Copyable {
    private let socket: Int32

    // linux/netfilter/nfnetlink.h, nf_tables.h
    private static let subsystem: UInt16 = 10 << 8
    private static let getChain: UInt16 = 4
    private static let getRule: UInt16 = 7
    private static let getElements: UInt16 = 13
    private static let netfilterProtocol: Int32 = 12

    /// `nil`, with errno, where the namespace of that process can't be asked.
    static func opened(pid: UInt32) -> NetfilterDump? {
        let space = unsafe open("/proc/\(pid)/ns/net", O_RDONLY | O_CLOEXEC)
        guard space >= 0 else { return nil }
        defer { close(space) }
        let socket = clinux_socket_in(space, AF_NETLINK, Int32(SOCK_RAW.rawValue), netfilterProtocol)
        return socket < 0 ? nil : NetfilterDump(socket: socket)
    }

    private init(socket: Int32) {
        self.socket = socket
        // A kernel that answers nothing must not hold us up.
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(socket)
    }

    /// Whether there are rules of this kind to be asked for, so that asking loads no module.
    static var isLoaded: Bool {
        let modules = ProcessSurvey.text("/proc/modules") ?? ""
        if modules.hasPrefix("nf_tables ") || modules.contains("\nnf_tables ") { return true }
        // Built into the kernel: then there is a socket of the kernel's own for that protocol, and no module of it.
        if modules.hasPrefix("nfnetlink ") || modules.contains("\nnfnetlink ") { return false }
        return (ProcessSurvey.text("/proc/net/netlink") ?? "").split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 2 && fields[1] == "12" && fields[2] == "0"
        }
    }

    /// All chains that packets may go through, with their rules; `nil`, with errno, where the kernel does not tell.
    func chains() -> [FilterChain]? {
        guard let heads = ask(Self.getChain), let rules = ask(Self.getRule) else { return nil }
        var chains = heads.compactMap { Self.chain($0.family, $0.attributes) }
        for (family, rule) in rules {
            guard let table = rule.text(1), let name = rule.text(2),
                let index = chains.firstIndex(where: { $0.table == Self.table(family, table) && $0.name == name })
            else { continue }
            let expressions = rule.list(4)
            var sets: [String: [SetElement]] = [:]
            for set in expressions.compactMap(Self.set) {
                sets[set] =
                    ask(Self.getElements, family: family, attributes: [(1, table), (2, set)])?.flatMap {
                        Self.elements($0.attributes)
                    } ?? []
            }
            var decoder = FilterRuleDecoder(sets: sets)
            chains[index].rules.append(decoder.rule(expressions))
        }
        return chains
    }

    /// The set that an expression looks something up in.
    private static func set(_ expression: NetlinkAttributes) -> String? {
        expression.text(1) == "lookup" ? expression.nested(2)?.text(1) : nil
    }

    /// Tables of two families may have the same name.
    private static func table(_ family: UInt8, _ name: String) -> String { "\(name) of family \(family)" }

    private static func chain(_ family: UInt8, _ attributes: NetlinkAttributes) -> FilterChain? {
        guard let table = attributes.text(1), let name = attributes.text(3) else { return nil }
        // All but NFPROTO_IPV4: those of inet have both.
        var chain = FilterChain(table: Self.table(family, table), isOfIPv6: family != 2, name: name)
        // NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT
        switch attributes.nested(4)?.number(1) {
        case 0: chain.hook = .prerouting
        case 3: chain.hook = .output
        default: break
        }
        return chain
    }

    private static func elements(_ attributes: NetlinkAttributes) -> [SetElement] {
        attributes.list(3).compactMap { element in
            element.nested(1)?[1].map { SetElement(key: Array($0), isEnd: (element.number(3) ?? 0) & 1 != 0) }
        }
    }

    /// Family and attributes of each message of the answer to "all of them"; `nil`, with errno, where there was an error.
    private func ask(
        _ kind: UInt16, family: UInt8 = 0, attributes: [(UInt16, String)] = []
    ) -> [(family: UInt8, attributes: NetlinkAttributes)]? {
        var body: [UInt8] = [family, 0, 0, 0]  // struct nfgenmsg
        for (kind, text) in attributes {
            let value = Array(text.utf8) + [0]
            body += Self.bytes(UInt16(value.count + 4)) + Self.bytes(kind) + value
            while body.count % 4 != 0 { body.append(0) }
        }
        // struct nlmsghdr; NLM_F_REQUEST | NLM_F_DUMP
        let message =
            Self.bytes(UInt32(body.count + 16)) + Self.bytes(Self.subsystem | kind) + Self.bytes(UInt16(0x301))
            + Self.bytes(UInt32(1)) + Self.bytes(UInt32(0)) + body
        guard unsafe send(socket, message, message.count, 0) == message.count else { return nil }
        var answers: [(family: UInt8, attributes: NetlinkAttributes)] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            var rest = buffer[..<count]
            while let length = NetlinkAttributes.native32(rest), length >= 16, length <= rest.count {
                let kind = NetlinkAttributes.native16(rest.dropFirst(4))!
                let content = rest.dropFirst(16).prefix(Int(length) - 16)
                if kind == 3 { return answers }  // NLMSG_DONE
                if kind == 2 {  // NLMSG_ERROR
                    errno = -Int32(bitPattern: NetlinkAttributes.native32(content) ?? 0)
                    return nil
                }
                if let family = content.first { answers.append((family, NetlinkAttributes(content.dropFirst(4)))) }
                rest = rest.dropFirst((Int(length) + 3) & ~3)
            }
        }
    }

    private static func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
    }
}

extension RedirectRules {
    /// Those of the network namespace that a process is in, and those of IPv6 among them: of nftables, or of
    /// iptables-legacy.
    static func read(pid: UInt32) -> (all: RedirectRules, ipv6: RedirectRules) {
        func rules(_ chains: [FilterChain], _ source: String) -> (all: RedirectRules, ipv6: RedirectRules) {
            let source = "\(source) in the network namespace of pid \(pid)"
            return (
                RedirectRules(chains: chains, source: source),
                RedirectRules(chains: chains.filter(\.isOfIPv6), source: source)
            )
        }
        var legacy: [FilterChain] = []
        for (file, layout) in [("ip_tables_names", LegacyTable.Layout.ipv4), ("ip6_tables_names", .ipv6)] {
            let names = ProcessSurvey.text("/proc/\(pid)/net/\(file)")?.split(separator: "\n") ?? []
            // Where addresses are changed, and where packets are marked for a transparent proxy.
            for name in ["nat", "mangle"] where names.contains(Substring(name)) {
                guard let table = LegacyTable(name, layout, pid: pid) else {
                    let unreadable = Self(unreadable: "iptables-legacy: \(unsafe String(cString: strerror(errno)))")
                    return (unreadable, unreadable)
                }
                legacy += table.chains()
            }
        }
        var found = rules(legacy, "iptables-legacy")
        guard found.all.isEmpty || found.ipv6.isEmpty, NetfilterDump.isLoaded else { return found }
        let other: (all: RedirectRules, ipv6: RedirectRules)
        if let chains = NetfilterDump.opened(pid: pid)?.chains() {
            other = rules(chains, "nftables")
        } else {
            let unreadable = Self(unreadable: "nftables: \(unsafe String(cString: strerror(errno)))")
            other = (unreadable, unreadable)
        }
        // One may be kept by each of the two.
        if found.all.isEmpty { found.all = other.all }
        if found.ipv6.isEmpty { found.ipv6 = other.ipv6 }
        return found
    }

    private init(unreadable reason: String) {
        self.init()
        unreadable = reason
    }
}
