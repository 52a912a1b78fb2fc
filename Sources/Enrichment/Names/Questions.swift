// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

/// Questions that wait for their answers. An answer counts only when it comes from the server that was asked, to whom
/// asked, with the same number, name and type.
struct Questions {
    private struct Key: Hashable {
        var namespace: UInt32
        let client, server: Endpoint
        let isStream: Bool
        let id: UInt16
        let type: UInt16
        let name: [UInt8]

        init?(_ record: MessageRecord, _ message: DNSMessage) {
            guard let question = message.question else { return nil }
            let isReceived = record.has(WIRE_MESSAGE_RECEIVED)
            namespace = record.fixed.network_namespace
            client = isReceived ? record.destination : record.source
            server = isReceived ? record.source : record.destination
            isStream = record.has(WIRE_MESSAGE_STREAM)
            id = message.id
            type = question.type
            name = Array(question.name.slice)
        }

        /// The same question, whatever namespace it is from.
        var anywhere: Key {
            var key = self
            key.namespace = 0
            return key
        }
    }

    struct Asked {
        let record: MessageRecord
        /// When the first of its copies was sent: resolvers ask again when no answer comes.
        let time: UInt64
    }

    private var waiting = Generations<Key, Asked>(limit: 8192)
    /// Which namespace asked last.
    private var namespaces = Generations<Key, UInt32>(limit: 8192)

    /// Nanoseconds. One packet may pass several devices of its namespace, one within the other.
    private static let samePacket: UInt64 = 1_000_000
    private static let patience: UInt64 = 60_000_000_000

    /// False for a copy of a packet that was seen.
    mutating func add(_ record: MessageRecord, _ message: DNSMessage) -> Bool {
        guard let key = Key(record, message) else { return true }
        let known = waiting.value(of: key)
        if let known, record.time &- known.record.time < Self.samePacket { return false }
        waiting.set(Asked(record: record, time: known?.time ?? record.time), of: key)
        namespaces.set(key.namespace, of: key.anywhere)
        return true
    }

    /// The question that this answers, which it does once.
    mutating func take(_ record: MessageRecord, _ message: DNSMessage) -> Asked? {
        guard var key = Key(record, message) else { return nil }
        // Where one device serves another namespace's, answers are seen at the first only.
        if waiting.value(of: key) == nil, record.has(WIRE_MESSAGE_HANDED_ON),
            let namespace = namespaces.value(of: key.anywhere)
        {
            key.namespace = namespace
        }
        guard let asked = waiting.remove(key) else { return nil }
        _ = namespaces.remove(key.anywhere)
        guard record.time >= asked.time, record.time - asked.record.time < Self.patience else { return nil }
        return asked
    }
}
