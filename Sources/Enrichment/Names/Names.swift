// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

/// A DNS message and the conversation that it belongs to.
package struct DNSExchange: Sendable {
    package let message: DNSMessage
    package let client, server: Endpoint
    package let isStream: Bool
    /// Nanoseconds from the first question to the answer.
    package let duration: UInt64?
}

/// What a client said at the beginning of a TLS connection.
package struct TLSGreeting: Sendable {
    package let hello: TLSClientHello
    package let client, server: Endpoint
}

/// What a packet told. `asked` is the record of who asked, which for an answer is an earlier one.
package enum NameMessage: Sendable {
    case question(DNSExchange, asked: MessageRecord)
    case answer(DNSExchange, asked: MessageRecord)
    case hello(TLSGreeting, asked: MessageRecord)
}

/// Names of addresses, from what programs asked and were told. Nothing is resolved here.
package struct Names {
    private var questions = Questions()
    private var streams = Streams()
    private var cache: NameCache
    private var hosts: HostsFiles
    private var greetings = Generations<Connection, Greeting>(limit: 8192)

    private struct Connection: Hashable {
        let namespace: UInt32
        let local, remote: Endpoint
    }

    private struct Greeting {
        let sequence: UInt32
        let name: Bytes?
    }

    /// At most twice `limit` names of addresses are kept.
    package init(lookups: Lookups = Lookups(), limit: Int = 32768) {
        cache = NameCache(limit: limit)
        hosts = HostsFiles(lookups: lookups)
    }

    /// Takes one packet; gives what of it is new.
    package mutating func take(_ record: MessageRecord) -> [NameMessage] {
        if record.has(WIRE_MESSAGE_TLS) { return greet(record).map { [$0] } ?? [] }
        guard record.has(WIRE_MESSAGE_STREAM) else {
            guard let message = DNSMessage(record.payload.bytes) else { return [] }
            return take(message, record).map { [$0] } ?? []
        }
        var messages: [DNSMessage] = []
        streams.add(record) { bytes in
            if let message = DNSMessage(bytes) { messages.append(message) }
        }
        return messages.compactMap { take($0, record) }
    }

    private mutating func take(_ message: DNSMessage, _ record: MessageRecord) -> NameMessage? {
        let isReceived = record.has(WIRE_MESSAGE_RECEIVED)
        guard message.isResponse == isReceived else { return nil }
        if isReceived {
            guard let asked = questions.take(record, message) else { return nil }
            if message.responseCode == 0 { remember(message, record, asked.record) }
            return .answer(
                DNSExchange(
                    message: message, client: record.destination, server: record.source,
                    isStream: record.has(WIRE_MESSAGE_STREAM), duration: record.time - asked.time),
                asked: asked.record)
        }
        guard questions.add(record, message) else { return nil }
        return .question(
            DNSExchange(
                message: message, client: record.source, server: record.destination,
                isStream: record.has(WIRE_MESSAGE_STREAM), duration: nil),
            asked: record)
    }

    private mutating func remember(_ answer: DNSMessage, _ record: MessageRecord, _ asked: MessageRecord) {
        let (chain, addresses) = answer.resolved()
        guard let question = answer.question, !addresses.isEmpty else { return }
        let resolution = Resolution(
            name: question.name, chain: chain, server: record.source.address, time: record.time,
            asker: asked.has(WIRE_MESSAGE_NO_TASK) ? nil : asked.fixed.task.key)
        cache.add(resolution, addresses, in: asked.fixed.network_namespace)
    }

    private mutating func greet(_ record: MessageRecord) -> NameMessage? {
        guard let hello = TLSClientHello(record.payload.bytes) else { return nil }
        let connection = Connection(
            namespace: record.fixed.network_namespace, local: record.source, remote: record.destination)
        // Sent again, or through another device.
        if greetings.value(of: connection)?.sequence == record.fixed.sequence { return nil }
        greetings.set(Greeting(sequence: record.fixed.sequence, name: hello.serverName), of: connection)
        return .hello(
            TLSGreeting(hello: hello, client: record.source, server: record.destination), asked: record)
    }

    // MARK: Names of addresses

    /// Who wants to know, for /etc/hosts.
    package struct Process {
        let key: ProcessKey
        let root: UserNames.Root

        package init(key: ProcessKey, root: UserNames.Root) {
            self.key = key
            self.root = root
        }
    }

    /// The name by which a process of this namespace came to know `address`: that of an answer that it got itself, that in
    /// its /etc/hosts (which resolvers look into first), or that of an answer to another process there.
    package mutating func name(
        of address: IPAddress, in namespace: UInt32, for process: Process?, now: UInt64
    ) -> ResolvedName? {
        let resolved = cache.name(of: address, in: namespace, for: process?.key)
        guard let process else { return resolved }
        if resolved?.isOwn(process.key) == true { return resolved }
        if let name = hosts.name(of: address, pid: process.key.pid, root: process.root, now: now) {
            return ResolvedName(name: name, source: .hosts)
        }
        return resolved
    }

    /// The name that the client of a connection asked its server for by TLS.
    package mutating func greeted(_ remote: Endpoint, from local: Endpoint, in namespace: UInt32) -> ResolvedName? {
        greetings.value(of: Connection(namespace: namespace, local: local, remote: remote))?.name
            .map { ResolvedName(name: $0, source: .sni) }
    }
}
