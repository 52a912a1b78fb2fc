// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

@testable import Comparison

// Rules of packet filters, from the bytes in which the kernel tells them to what they lead to a proxy.

private func attribute(_ kind: UInt16, _ value: [UInt8]) -> [UInt8] {
    let length = UInt16(value.count + 4)
    var bytes = [UInt8(length & 0xff), UInt8(length >> 8), UInt8(kind & 0xff), UInt8(kind >> 8)] + value
    while bytes.count % 4 != 0 { bytes.append(0) }
    return bytes
}

private func number(_ kind: UInt16, _ value: UInt32) -> [UInt8] {
    attribute(kind, [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) })
}

private func text(_ kind: UInt16, _ value: String) -> [UInt8] { attribute(kind, Array(value.utf8) + [0]) }

private func expression(_ name: String, _ data: [[UInt8]]) -> NetlinkAttributes {
    NetlinkAttributes((text(1, name) + attribute(2, data.flatMap { $0 }))[...])
}

private func value(_ kind: UInt16, _ bytes: [UInt8]) -> [UInt8] { attribute(kind, attribute(1, bytes)) }

private func verdict(_ code: Int32, _ chain: String? = nil) -> NetlinkAttributes {
    let inner = number(1, UInt32(bitPattern: code)) + (chain.map { text(2, $0) } ?? [])
    return expression("immediate", [number(1, 0), attribute(2, attribute(2, inner))])
}

private func meta(_ key: UInt32) -> NetlinkAttributes { expression("meta", [number(1, 1), number(2, key)]) }

private func compare(_ bytes: [UInt8], _ operation: UInt32 = 0) -> NetlinkAttributes {
    expression("cmp", [number(1, 1), number(2, operation), value(3, bytes)])
}

private let destinationPort = expression("payload", [number(1, 1), number(2, 2), number(3, 2), number(4, 2)])
private let destination = expression("payload", [number(1, 1), number(2, 1), number(3, 16), number(4, 4)])

private func rule(_ expressions: [NetlinkAttributes], _ sets: [String: [SetElement]] = [:]) -> FilterRule {
    var decoder = FilterRuleDecoder(sets: sets)
    return decoder.rule(expressions)
}

@Test func aRedirectionIsRead() {
    let found = rule([
        meta(16), compare([6]), expression("immediate", [number(1, 1), attribute(2, attribute(1, [0x3a, 0x99]))]),
        expression("redir", [number(1, 1)]),
    ])
    #expect(found == FilterRule(matches: [.transport(6, isNegated: false)], action: .redirect(15001)))
}

@Test func usersPortsAndNetworksAreRead() throws {
    #expect(
        rule([meta(10), compare([0x39, 5, 0, 0]), verdict(-5)])
            == FilterRule(matches: [.user(1337...1337, isNegated: false)], action: .back))
    #expect(rule([meta(11), compare([1, 0, 0, 0], 1)]).matches == [.group(1...1, isNegated: true)])
    #expect(rule([destinationPort, compare([0, 22])]).matches == [.ports([22...22], isNegated: false)])
    let mask = expression("bitwise", [number(1, 1), number(2, 1), value(4, [255, 255, 255, 0])])
    let prefix = try #require(IPAddress("192.0.2.0").flatMap { IPPrefix($0, length: 24) })
    #expect(
        rule([destination, mask, compare([192, 0, 2, 0])]).matches == [.destination(prefix, isNegated: false)])
    #expect(rule([meta(7), compare(Array("lo".utf8) + [0])]).matches == [.interface("lo", isNegated: false)])
    #expect(rule([verdict(-3, "lead")]).action == .jump("lead"))
}

@Test func setsOfPortsAndIntervalsAreRead() {
    let lookup = expression("lookup", [text(1, "s"), number(2, 1)])
    func elements(_ ports: [(UInt16, Bool)]) -> [SetElement] {
        ports.map { SetElement(key: [UInt8($0.0 >> 8), UInt8($0.0 & 0xff), 0, 0], isEnd: $0.1) }
    }
    #expect(
        rule([destinationPort, lookup], ["s": elements([(8081, false), (22, false)])]).matches
            == [.ports([22...22, 8081...8081], isNegated: false)])
    let intervals = elements([(0, true), (100, false), (201, true), (22, false), (23, true)])
    #expect(
        rule([destinationPort, lookup], ["s": intervals]).matches
            == [.ports([22...22, 100...200], isNegated: false)])
}

@Test func whatIptablesWritesIntoNftablesIsRead() {
    // struct xt_tcp: any source port, destination port 80.
    let tcp: [UInt8] = [0, 0, 255, 255, 80, 0, 80, 0, 0, 0, 0, 0]
    #expect(
        XTables.matches("tcp", tcp[...])
            == [.transport(6, isNegated: false), .ports([80...80], isNegated: false)])
    // struct xt_owner_match_info: user 1337, negated.
    let owner: [UInt8] = [0x39, 5, 0, 0, 0x39, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0]
    #expect(XTables.matches("owner", owner[...]) == [.user(1337...1337, isNegated: true)])
    var multiport = [UInt8](repeating: 0, count: 48)
    multiport[0] = 1
    multiport[1] = 3
    multiport.replaceSubrange(2..<8, with: [22, 0, 100, 0, 200, 0])
    multiport[33] = 1
    #expect(XTables.matches("multiport", multiport[...]) == [.ports([22...22, 100...200], isNegated: false)])
    var redirect = [UInt8](repeating: 0, count: 24)
    redirect.replaceSubrange(16..<18, with: [0x3a, 0x99])
    #expect(XTables.target("REDIRECT", redirect[...]) == .redirect(15001))
    #expect(XTables.matches("tcp", [1, 2][...]) == [.other])
    #expect(XTables.target("REDIRECT", [1][...]) == nil)
}

@Test func cutAttributesEndQuietly() {
    let whole = text(1, "mesh") + number(2, 7)
    for length in 0..<whole.count { _ = NetlinkAttributes(whole.prefix(length)).number(2) }
    #expect(NetlinkAttributes([3, 0, 1, 0][...]).entries.isEmpty)
    #expect(NetlinkAttributes(whole[...]).number(2) == 7)
}

// MARK: What follows from rules

private func chain(_ name: String, _ hook: FilterChain.Hook?, _ rules: [FilterRule]) -> FilterChain {
    FilterChain(table: "t", name: name, hook: hook, rules: rules)
}

@Test func exceptionsAreThoseOnTheWayToTheProxy() throws {
    let network = try #require(IPAddress("10.0.0.0").flatMap { IPPrefix($0, length: 8) })
    let loopback = try #require(IPAddress("127.0.0.0").flatMap { IPPrefix($0, length: 8) })
    let found = RedirectRules(
        chains: [
            chain("out", .output, [FilterRule(matches: [.transport(6, isNegated: false)], action: .jump("lead"))]),
            chain(
                "lead", nil,
                [
                    FilterRule(matches: [.destination(loopback, isNegated: false)], action: .back),
                    FilterRule(matches: [.user(1337...1337, isNegated: false)], action: .back),
                    FilterRule(matches: [.ports([22...22, 100...200], isNegated: false)], action: .accept),
                    FilterRule(matches: [.destination(network, isNegated: false)], action: .back),
                    FilterRule(matches: [], action: .redirect(15001)),
                ]),
            chain("in", .prerouting, [FilterRule(matches: [], action: .redirect(15006))]),
            chain(
                "unused", .output,
                [FilterRule(matches: [.ports([9...9], isNegated: false)], action: .accept)]),
        ], source: "test")
    #expect(found.outbound == [15001])
    #expect(found.inbound == [15006])
    #expect(found.leftOut.portTexts == ["22", "100-200"])
    #expect(found.leftOut.ranges == [network])
    #expect(found.leftOut.users == [1337])
    #expect(found.onlyPorts == nil)
    #expect(!found.redirectsDatagrams)
    #expect(found.evidence.count == 2)
}

@Test func addressesOfIPv6AreGlobalOnes() {
    let lo = "00000000000000000000000000000001 01 80 10 80       lo\n"
    let link = "fe8000000000000000d861fffe5a0001 02 40 20 80     eth0\n"
    let global = "fd000007000000000000000000000002 02 40 00 80     eth0\n"
    #expect(ProcessSurvey.globalIPv6(lo + link + global) == IPAddress("fd00:7::2"))
    #expect(ProcessSurvey.globalIPv6(lo + link) == nil)
    #expect(ProcessSurvey.globalIPv6("") == nil)
    #expect(ProcessSurvey.globalIPv6("fd 02 40 00 80 eth0\nx\n") == nil)
}

@Test func aRuleMayTellOfItsOwnExceptions() {
    let found = RedirectRules(
        chains: [
            chain(
                "out", .output,
                [
                    FilterRule(
                        matches: [.user(1337...1337, isNegated: true), .ports([80...80], isNegated: false)],
                        action: .redirect(15001)),
                    FilterRule(
                        matches: [.transport(17, isNegated: false), .ports([53...53], isNegated: false)],
                        action: .redirect(15053)),
                ])
        ], source: "test")
    #expect(found.leftOut.users == [1337])
    #expect(found.onlyPorts == [80])
    #expect(found.outbound == [15001])
    #expect(found.redirectsDatagrams)
}

@Test func chainsThatJumpInACircleEnd() {
    let found = RedirectRules(
        chains: [
            chain("out", .output, [FilterRule(matches: [], action: .jump("a"))]),
            chain("a", nil, [FilterRule(matches: [], action: .jump("a"))]),
        ], source: "test")
    #expect(found.isEmpty)
}

// MARK: iptables-legacy

/// struct ipt_entry with its matches and its target.
private func entry(
    _ layout: LegacyTable.Layout = .ipv4, destination: ([UInt8], [UInt8])? = nil, transport: UInt8 = 0,
    matches: [(String, [UInt8])] = [], target: String = "", info: [UInt8]
) -> [UInt8] {
    func part(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let size = (32 + data.count + 7) & ~7
        var bytes = [UInt8(size & 0xff), UInt8(size >> 8)] + Array(name.utf8)
        bytes += [UInt8](repeating: 0, count: 32 - bytes.count)
        bytes += data
        return bytes + [UInt8](repeating: 0, count: size - bytes.count)
    }
    var head = [UInt8](repeating: 0, count: layout.size)
    if let destination {
        head.replaceSubrange(layout.address, with: destination.0)
        head.replaceSubrange(layout.mask, with: destination.1)
    }
    head[layout.transport] = transport
    let parts = matches.flatMap { part($0.0, $0.1) }
    let last = part(target, info)
    let targetOffset = layout.size + parts.count
    let next = targetOffset + last.count
    head.replaceSubrange(
        layout.targetOffset..<layout.targetOffset + 4,
        with: [UInt8(targetOffset & 0xff), UInt8(targetOffset >> 8), UInt8(next & 0xff), UInt8(next >> 8)])
    return head + parts + last
}

private func verdict(_ value: Int32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: UInt32(bitPattern: value) >> ($0 * 8)) }
}

@Test func theTableOfIptablesLegacyIsRead() throws {
    let owner: [UInt8] = [0x39, 5, 0, 0, 0x39, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    var redirect = [UInt8](repeating: 0, count: 20)
    redirect.replaceSubrange(16..<18, with: [0x3a, 0x99])
    let incoming = entry(info: verdict(-2))
    let headSize = entry(target: "ERROR", info: Array("LEAD".utf8)).count
    let jumpSize = entry(transport: 6, info: verdict(0)).count
    let lead = Int32(incoming.count + jumpSize + incoming.count + headSize)
    let bytes =
        incoming + entry(transport: 6, info: verdict(lead)) + incoming
        + entry(target: "ERROR", info: Array("LEAD".utf8))
        + entry(matches: [("owner", owner)], info: verdict(-5))
        + entry(destination: ([10, 0, 0, 0], [255, 0, 0, 0]), info: verdict(-5))
        + entry(transport: 6, target: "REDIRECT", info: redirect)
        + entry(target: "ERROR", info: Array("ERROR".utf8))
    let table = LegacyTable("nat", prerouting: 0, output: incoming.count, entries: bytes)
    let found = RedirectRules(chains: table.chains(), source: "test")
    #expect(found.outbound == [15001])
    #expect(found.inbound == [])
    #expect(found.leftOut.users == [1337])
    #expect(found.leftOut.ranges == [try #require(IPAddress("10.0.0.0").flatMap { IPPrefix($0, length: 8) })])
    // Cut or broken it ends quietly.
    for length in stride(from: 0, to: bytes.count, by: 7) {
        _ = LegacyTable("nat", prerouting: 0, output: 0, entries: Array(bytes.prefix(length))).chains()
    }
    var broken = bytes
    broken[90] = 0
    broken[91] = 0
    #expect(LegacyTable("nat", prerouting: 0, output: 0, entries: broken).chains().isEmpty)
}

@Test func theTableOfIp6tablesLegacyIsRead() throws {
    let network = try #require(IPAddress("fd00::").flatMap { IPPrefix($0, length: 16) })
    var redirect = [UInt8](repeating: 0, count: 40)
    redirect.replaceSubrange(36..<38, with: [0x3a, 0x99])
    let address = [0xfd, 0] + [UInt8](repeating: 0, count: 14)
    let mask = [255, 255] + [UInt8](repeating: 0, count: 14)
    let incoming = entry(.ipv6, info: verdict(-2))
    let bytes =
        incoming + entry(.ipv6, destination: (address, mask), info: verdict(-5))
        + entry(.ipv6, transport: 6, target: "REDIRECT", info: redirect)
    let table = LegacyTable("nat", .ipv6, prerouting: 0, output: incoming.count, entries: bytes)
    let found = RedirectRules(chains: table.chains(), source: "test")
    #expect(found.outbound == [15001])
    #expect(found.leftOut.ranges == [network])
    for length in stride(from: 0, to: bytes.count, by: 7) {
        _ = LegacyTable("nat", .ipv6, prerouting: 0, output: 0, entries: Array(bytes.prefix(length))).chains()
    }
}

// MARK: Transparent proxies

private func marked(_ bits: [UInt8]) -> [NetlinkAttributes] {
    [
        expression("immediate", [number(1, 1), attribute(2, attribute(1, bits))]),
        expression("meta", [number(2, 3), number(3, 1)]),
    ]
}

@Test func marksAreReadWhereTheyAreComparedAndSet() {
    #expect(
        rule([meta(3), compare([1, 0, 0, 0])]).matches == [.mark(1, mask: .max, isNegated: false)])
    let mask = expression("bitwise", [number(1, 1), number(2, 1), value(4, [255, 0, 0, 0]), value(5, [0, 0, 0, 0])])
    #expect(rule([meta(3), mask, compare([1, 0, 0, 0], 1)]).matches == [.mark(1, mask: 255, isNegated: true)])
    #expect(rule(marked([1, 0, 0, 0])).action == .mark(1))
    #expect(rule(marked([1, 0, 0, 0]) + [verdict(1)]).action == .mark(1), "to accept it is no more")
    // meta mark set meta mark or 2
    let or = expression(
        "bitwise", [number(1, 1), number(2, 1), value(4, [253, 255, 255, 255]), value(5, [2, 0, 0, 0])])
    #expect(rule([meta(3), or, expression("meta", [number(2, 3), number(3, 1)])]).action == .mark(2))
    let port = expression("immediate", [number(1, 1), attribute(2, attribute(1, [0x3a, 0x99]))])
    #expect(
        rule([port, expression("tproxy", [number(1, 2), number(3, 1)])] + marked([1, 0, 0, 0]) + [verdict(1)]).action
            == .transparent(15001))
    #expect(
        XTables.matches("mark", [1, 0, 0, 0, 255, 0, 0, 0, 1, 0, 0, 0][...]) == [.mark(1, mask: 255, isNegated: true)])
    #expect(XTables.target("MARK", [7, 0, 0, 0, 255, 255, 255, 255][...]) == .mark(7))
    var tproxy = [UInt8](repeating: 0, count: 16)
    tproxy.replaceSubrange(12..<14, with: [0x3a, 0x99])
    #expect(XTables.target("TPROXY", tproxy[...]) == .transparent(15001))
}

@Test func aTransparentProxyHasWhatIsMarkedForIt() {
    func found(_ incoming: [FilterRule], _ outgoing: [FilterRule]) -> RedirectRules {
        RedirectRules(
            chains: [chain("out", .output, outgoing), chain("in", .prerouting, incoming)], source: "test")
    }
    let marks = FilterRule(matches: [.mark(1, mask: .max, isNegated: false)], action: .transparent(15001))
    let sets = [
        FilterRule(matches: [.user(1337...1337, isNegated: false)], action: .back),
        FilterRule(matches: [.transport(6, isNegated: false)], action: .mark(1)),
    ]
    let both = found([marks], sets)
    #expect(both.outbound == [15001])
    #expect(both.inbound == [])
    #expect(both.leftOut.users == [1337])
    // Of another mark, and without one.
    let other = found([marks], [FilterRule(matches: [], action: .mark(2))])
    #expect(other.outbound == [])
    #expect(other.inbound == [15001])
    let all = found([FilterRule(matches: [], action: .transparent(15006))], sets)
    #expect(all.outbound == [15006])
    #expect(all.inbound == [15006])
    #expect(found([], sets).isEmpty, "a mark alone leads nowhere")
}
