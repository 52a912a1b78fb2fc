// SPDX-License-Identifier: Apache-2.0

/// Reads one resource record.
struct RecordReader {
    private let nameOffset: Int
    let type: UInt16
    private let classNumber: UInt16
    let timeToLive: UInt32
    /// Where its data is in the message.
    let data: Range<Int>

    /// `nil` where the message ends before the record does.
    init?(at offset: Int, of message: borrowing RawSpan) {
        guard
            let end = DNSName.end(at: offset, of: message), let type = message.big16(at: end),
            let classNumber = message.big16(at: end + 2), let timeToLive = message.big32(at: end + 4),
            let size = message.big16(at: end + 8), end + 10 + Int(size) <= message.byteCount
        else { return nil }
        nameOffset = offset
        self.type = type
        self.classNumber = classNumber
        self.timeToLive = timeToLive
        data = end + 10..<end + 10 + Int(size)
    }

    /// What was read, its texts by their places.
    struct Found {
        fileprivate let record: RecordReader
        fileprivate let name: Range<Int>
        fileprivate let data: Range<Int>
        fileprivate var address: IPAddress?
        fileprivate var hints: [IPAddress] = []

        func answer(_ text: [UInt8]) -> DNSMessage.Answer {
            DNSMessage.Answer(
                name: Bytes(text, name), type: record.type, classNumber: record.classNumber,
                timeToLive: record.timeToLive, data: Bytes(text, data), address: address, hints: hints)
        }
    }

    /// `nil` when its data is not what its type must have.
    func read(_ message: borrowing RawSpan, _ text: inout ArgumentText) -> Found? {
        let start = text.bytes.count
        guard DNSName.append(at: nameOffset, of: message, to: &text) != nil else { return nil }
        let middle = text.bytes.count
        var address: IPAddress?
        var hints: [IPAddress] = []
        let isRight =
            switch type {
            case DNSCodes.address: append(address: &address, 4, of: message, to: &text)
            case DNSCodes.address6: append(address: &address, 16, of: message, to: &text)
            case 2, DNSCodes.canonicalName, 12, 39:
                append(numbers: 0, of: message, to: &text)
            case 15: append(numbers: 1, of: message, to: &text)
            case 33: append(numbers: 3, of: message, to: &text)
            case DNSCodes.svcb, DNSCodes.https: append(service: &hints, of: message, to: &text)
            default: appendSize(to: &text)
            }
        guard isRight else {
            text.removeLast(text.bytes.count - start)
            return nil
        }
        return Found(
            record: self, name: start..<middle, data: middle..<text.bytes.count, address: address, hints: hints)
    }

    private func append(
        address: inout IPAddress?, _ count: Int, of message: borrowing RawSpan, to text: inout ArgumentText
    ) -> Bool {
        guard data.count == count else { return false }
        address = message.address(at: data.lowerBound, count)
        address?.append(to: &text)
        return address != nil
    }

    /// So many numbers of 16 bits, and a name.
    private func append(numbers: Int, of message: borrowing RawSpan, to text: inout ArgumentText) -> Bool {
        var offset = data.lowerBound
        for _ in 0..<numbers {
            guard offset + 2 <= data.upperBound, let number = message.big16(at: offset) else { return false }
            text.append(decimal: number)
            text.append(" ")
            offset += 2
        }
        return DNSName.append(at: offset, of: message, to: &text) == data.upperBound
    }

    /// Texts may be long, and secret: proofs of ownership and tokens are kept in them.
    private func appendSize(to text: inout ArgumentText) -> Bool {
        text.append(decimal: data.count)
        text.append(data.count == 1 ? " byte" : " bytes")
        return true
    }

    /// RFC 9460: a priority, a name, and parameters by number.
    private func append(
        service hints: inout [IPAddress], of message: borrowing RawSpan, to text: inout ArgumentText
    ) -> Bool {
        guard data.count >= 3, let priority = message.big16(at: data.lowerBound) else { return false }
        text.append(decimal: priority)
        text.append(" ")
        guard var offset = DNSName.append(at: data.lowerBound + 2, of: message, to: &text) else { return false }
        while offset < data.upperBound {
            guard
                let key = message.big16(at: offset), let size = message.big16(at: offset + 2),
                offset + 4 + Int(size) <= data.upperBound
            else { return false }
            let value = offset + 4..<offset + 4 + Int(size)
            offset = value.upperBound
            switch key {
            case 1:
                text.append(" alpn=")
                guard append(protocols: value, of: message, to: &text) else { return false }
            case 3:
                guard value.count == 2, let port = message.big16(at: value.lowerBound) else { return false }
                text.append(" port=")
                text.append(decimal: port)
            case 4, 6:
                let width = key == 4 ? 4 : 16
                guard !value.isEmpty, value.count % width == 0 else { return false }
                text.append(key == 4 ? " ipv4hint=" : " ipv6hint=")
                for start in stride(from: value.lowerBound, to: value.upperBound, by: width) {
                    guard let hint = message.address(at: start, width) else { return false }
                    if start > value.lowerBound { text.append(",") }
                    hint.append(to: &text)
                    hints.append(hint)
                }
            case 5: text.append(" ech")
            default:
                text.append(" key")
                text.append(decimal: key)
            }
        }
        return offset == data.upperBound
    }

    private func append(
        protocols value: Range<Int>, of message: borrowing RawSpan, to text: inout ArgumentText
    ) -> Bool {
        var offset = value.lowerBound
        while offset < value.upperBound {
            guard let size = message.byte(at: offset), size > 0, offset + 1 + Int(size) <= value.upperBound else {
                return false
            }
            if offset > value.lowerBound { text.append(",") }
            for index in offset + 1..<offset + 1 + Int(size) {
                text.append(CollectionOfOne(message.byte(at: index) ?? 0))
            }
            offset += 1 + Int(size)
        }
        return true
    }
}
