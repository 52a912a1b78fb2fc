// SPDX-License-Identifier: Apache-2.0

package import Events

/// What a rule about the network is about: whom to talk to, or of `net listen` where to listen.
package struct NetTarget: Hashable, Sendable {
    package enum Host: Hashable, Sendable {
        /// Whatever its name or address, of either family.
        case any
        case network(IPPrefix)
        case name([UInt8])
        /// *.suffix
        case below([UInt8])
    }

    package enum Transport: String, CaseIterable, Sendable {
        case tcp, udp
    }

    package let host: Host
    /// `nil`: any.
    package let port: UInt16?
    package let transport: Transport?

    package init(host: Host, port: UInt16?, transport: Transport?) {
        self.host = host
        self.port = port
        self.transport = transport
    }

    static let forms =
        "write HOST:PORT/tcp, where HOST is an address, a network such as 10.0.0.0/8, [2001:db8::/32],"
        + " a name, *.suffix or *; PORT and /tcp or /udp may be left out"

    init(_ bytes: [UInt8]) throws(PolicyMistake) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard !bytes.isEmpty else { throw PolicyMistake("here an address or a name should stand", help: Self.forms) }
        var rest = bytes[...]
        let host: Host
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else {
                throw PolicyMistake("this [ is not closed", help: "write [2001:db8::/32]:443")
            }
            host = .network(try Self.prefix(rest[1..<end], wantsIPv6: true))
            rest = rest[(end + 1)...]
            if rest.first == UInt8(ascii: "/"), rest.dropFirst().first.map({ $0 >= 0x30 && $0 <= 0x39 }) == true {
                throw PolicyMistake(
                    "the length of a network stands inside of the brackets", help: "write [2001:db8::/32]:443",
                    offset: rest.startIndex)
            }
            guard rest.isEmpty || rest.first == UInt8(ascii: ":") || rest.first == UInt8(ascii: "/") else {
                throw PolicyMistake("here : and a port should follow", help: Self.forms, offset: rest.startIndex)
            }
        } else {
            if rest.count(where: { $0 == UInt8(ascii: ":") }) > 1 {
                let address = text.split(separator: "/").first.map(String.init) ?? text
                throw PolicyMistake(
                    IPAddress(address) == nil ? "there is more than one :" : "an IPv6 address stands in brackets",
                    help: IPAddress(address) == nil ? Self.forms : "write [\(text)], and [\(text)]:443 for a port")
            }
            let colon = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
            var front = rest[..<colon]
            // 10.0.0.0/8/udp, github.com/tcp
            var transport = rest[colon...]
            if colon == rest.endIndex, let slash = front.lastIndex(of: UInt8(ascii: "/")),
                front[(slash + 1)...].contains(where: { $0 < 0x30 || $0 > 0x39 })
            {
                front = rest[..<slash]
                transport = rest[slash...]
            }
            host = try Self.host(front)
            rest = transport
        }
        var port: UInt16?
        if rest.first == UInt8(ascii: ":") {
            let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            port = try Self.port(rest[(rest.startIndex + 1)..<end])
            rest = rest[end...]
        }
        var transport: Transport?
        if let slash = rest.first, slash == UInt8(ascii: "/") {
            let word = String(decoding: rest.dropFirst(), as: UTF8.self)
            transport = Transport(rawValue: word)
            if transport == nil {
                let near = policySuggestion(word, among: Transport.allCases.map(\.rawValue))
                throw PolicyMistake(
                    "there is no protocol \"\(word)\" for a rule",
                    help: near.map { "did you mean \($0)?" } ?? "tcp or udp",
                    offset: rest.startIndex + 1)
            }
        }
        self.init(host: host, port: port, transport: transport)
    }

    private static func port(_ bytes: ArraySlice<UInt8>) throws(PolicyMistake) -> UInt16? {
        if bytes.elementsEqual("*".utf8) { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        if let port = UInt16(text), port > 0, bytes.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { return port }
        let isWord = bytes.contains { $0 >= 0x61 && $0 <= 0x7a }
        let isList = text.contains("-") || text.contains(",")
        throw PolicyMistake(
            bytes.isEmpty ? "here a port should follow" : "\"\(text)\" is no port",
            help: isWord
                ? "ports have no names here: write a number, such as 443"
                : isList ? "write a target for each port: host:80 host:443" : "write a number, 1 to 65535, or *",
            offset: bytes.startIndex)
    }

    private static func host(_ bytes: ArraySlice<UInt8>) throws(PolicyMistake) -> Host {
        // :8080 is *:8080
        if bytes.isEmpty || bytes.elementsEqual("*".utf8) { return .any }
        let isNumeric = bytes.allSatisfy {
            $0 >= 0x30 && $0 <= 0x39 || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/")
        }
        if isNumeric { return .network(try prefix(bytes, wantsIPv6: false)) }
        if let slash = bytes.firstIndex(of: UInt8(ascii: "/")) {
            let isLength = bytes[(slash + 1)...].allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
            throw PolicyMistake(
                isLength ? "a name has no length" : "this is neither an address nor a name", help: Self.forms,
                offset: slash)
        }
        return switch try NamePattern(Array(bytes)) {
        case .any: .any
        case .exact(let name): .name(name)
        case .below(let suffix): .below(suffix)
        }
    }

    private static func prefix(_ bytes: ArraySlice<UInt8>, wantsIPv6: Bool) throws(PolicyMistake) -> IPPrefix {
        let slash = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
        let text = String(decoding: bytes[..<slash], as: UTF8.self)
        guard let address = IPAddress(text), (address.count == 16) == wantsIPv6 else {
            throw PolicyMistake(
                "\"\(text)\" is no \(wantsIPv6 ? "IPv6 " : "")address",
                help: wantsIPv6
                    ? "IPv6 stands in brackets, IPv4 does not: [2001:db8::1], 10.0.0.1"
                    : "an address has four numbers, 0 to 255, without leading zeros", offset: bytes.startIndex)
        }
        guard slash < bytes.endIndex else { return IPPrefix(address) }
        let length = bytes[(slash + 1)...]
        let most = address.count * 8
        guard let number = UInt8(String(decoding: length, as: UTF8.self)), length.first != UInt8(ascii: "+"),
            let prefix = IPPrefix(address, length: Int(number))
        else {
            throw PolicyMistake(
                "\"\(String(decoding: length, as: UTF8.self))\" is no length of a network", help: "0 to \(most)",
                offset: slash + 1)
        }
        return prefix
    }

    // MARK: Which is more specific

    /// Higher is more specific: an address, a name, *.suffix by its labels, a network by its length, anything; among
    /// equals a port, then a protocol. Of hosts that can be had at once no two that differ are equal.
    package var rank: Int {
        let rank =
            switch host {
            case .any: 0
            case .network(let prefix): prefix.length == prefix.first.count * 8 ? 3000 : 1 + prefix.length
            case .below(let suffix): 1000 + NamePattern.labels(of: suffix)
            case .name: 2000
            }
        return rank * 4 + (port == nil ? 0 : 2) + (transport == nil ? 0 : 1)
    }

    /// As it is written in a policy.
    package var text: String {
        var text =
            switch host {
            case .any: "*"
            case .network(let prefix): Self.text(prefix)
            case .name(let name): String(decoding: name, as: UTF8.self)
            case .below(let suffix): "*." + String(decoding: suffix, as: UTF8.self)
            }
        if let port { text += ":\(port)" }
        if let transport { text += "/\(transport.rawValue)" }
        return text
    }

    private static func text(_ prefix: IPPrefix) -> String {
        let isOne = prefix.length == prefix.first.count * 8
        let text = prefix.first.text + (isOne ? "" : "/\(prefix.length)")
        return prefix.first.count == 16 ? "[\(text)]" : text
    }
}
