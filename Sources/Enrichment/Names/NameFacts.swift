// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

/// What an event has to do with names: the message that it tells of, or the name of the address that it is about.
package final class NameFacts: Sendable {
    package let message: NameMessage?
    package let name: ResolvedName?
    /// A public address that no answer led to.
    package let isDirect: Bool

    init(message: NameMessage? = nil, name: ResolvedName? = nil, isDirect: Bool = false) {
        self.message = message
        self.name = name
        self.isDirect = isDirect
    }

    /// The value of a field of an event at `time`.
    func value(of field: Field, at time: UInt64) -> FieldValue {
        switch field {
        case .destinationDomain: .init(name?.name)
        case .ebpfguardNameSource: name.map { .word($0.source.word) } ?? .absent
        case .ebpfguardNameShared: name.flatMap { $0.others > 0 ? .integer(Int64($0.others)) : nil } ?? .absent
        case .ebpfguardNameChain: .init(resolution.flatMap { $0.chain.isEmpty ? nil : TextList(joining: $0.chain) })
        case .ebpfguardNameAge: resolution.map { .integer(Int64(clamping: time - min(time, $0.time))) } ?? .absent
        case .ebpfguardNameTTL: timeToLive.map { .integer(Int64($0)) } ?? .absent
        case .ebpfguardNameServer: .init(resolution?.server)
        case .ebpfguardDirectToIP: isDirect ? .bool(true) : .absent
        default: message?.value(of: field) ?? .absent
        }
    }

    private var resolution: Resolution? {
        if case .dns(let resolution, _) = name?.source { resolution } else { nil }
    }

    private var timeToLive: UInt32? {
        if case .dns(_, let timeToLive) = name?.source { timeToLive } else { nil }
    }
}

extension ResolvedName.Source {
    package var word: StaticString {
        switch self {
        case .dns: "dns"
        case .sni: "sni"
        case .hosts: "hosts"
        }
    }
}

extension NameMessage {
    package var exchange: DNSExchange? {
        switch self {
        case .question(let exchange, _), .answer(let exchange, _): exchange
        case .hello: nil
        }
    }

    package var greeting: TLSGreeting? {
        if case .hello(let greeting, _) = self { greeting } else { nil }
    }

    /// The record of who asked.
    package var asked: MessageRecord {
        switch self {
        case .question(_, let asked), .answer(_, let asked), .hello(_, let asked): asked
        }
    }

    private var client: Endpoint { exchange?.client ?? greeting?.client ?? asked.source }
    package var server: Endpoint { exchange?.server ?? greeting?.server ?? asked.destination }

    fileprivate func value(of field: Field) -> FieldValue {
        switch field {
        case .sourceIP: .address(client.address)
        case .sourcePort: .integer(Int64(client.port))
        case .destinationIP: .address(server.address)
        case .destinationPort: .integer(Int64(server.port))
        case .networkType: .word(server.address.count == 4 ? "ipv4" : "ipv6")
        case .networkTransport: .word(exchange?.isStream == false ? "udp" : "tcp")
        case .networkProtocol: .word(exchange == nil ? "tls" : "dns")
        case .networkDirection: .word("egress")
        case .ebpfguardNetworkNamespace: .identifier(UInt64(asked.fixed.network_namespace))
        default: exchange?.value(of: field) ?? greeting?.value(of: field) ?? .absent
        }
    }
}

extension DNSExchange {
    fileprivate func value(of field: Field) -> FieldValue {
        switch field {
        case .dnsType: .word(message.isResponse ? "answer" : "query")
        case .dnsID: .identifier(UInt64(message.id))
        case .dnsHeaderFlags: message.flagNames.isEmpty ? .absent : .words(message.flagNames)
        case .dnsQuestionName: .init(message.question?.name)
        case .dnsQuestionType: .init(message.question?.typeName)
        case .dnsQuestionClass: .init(message.question?.className)
        case .dnsResponseCode: message.isResponse ? .text(message.responseCodeName) : .absent
        case .dnsAnswers: message.answers.isEmpty ? .absent : .answers(message.answers)
        case .dnsResolvedIP: resolvedAddresses.isEmpty ? .absent : .addresses(resolvedAddresses)
        case .ebpfguardMessagePartial: message.isPartial ? .bool(true) : .absent
        default: .absent
        }
    }

    package var resolvedAddresses: [IPAddress] { message.answers.compactMap(\.address) }
}

extension TLSGreeting {
    fileprivate func value(of field: Field) -> FieldValue {
        switch field {
        case .tlsClientServerName: .init(hello.serverName)
        case .ebpfguardTLSProtocols: .init(hello.protocols)
        case .ebpfguardTLSVersion: hello.versionText.map { .word($0) } ?? .absent
        case .ebpfguardTLSECH: hello.hidesName ? .bool(true) : .absent
        case .ebpfguardMessagePartial: hello.isPartial ? .bool(true) : .absent
        default: .absent
        }
    }
}

extension TextList {
    /// As a list of texts, each ended by a NUL.
    init(joining texts: [Bytes]) {
        self.init(Bytes(texts.flatMap { Array($0.slice) + [0] }))
    }
}
