// SPDX-License-Identifier: Apache-2.0

/// A DNS message as far as it can be read. Names are in small letters, as dig writes them.
package struct DNSMessage: Sendable {
    package let id: UInt16
    package let flags: UInt16
    /// The first question; there is hardly ever another.
    package private(set) var question: Question?
    /// The answers, in their order; not those of the authority and additional sections.
    package private(set) var answers: [Answer] = []
    /// How many the message says it has.
    package let answerCount: Int
    /// With the upper bits that EDNS adds.
    package private(set) var responseCode: UInt16
    /// The bytes end before the message does, or something in it is not as it must be: what comes after is not here.
    package private(set) var isPartial = false
    /// Of all names.
    private let text: [UInt8]

    package struct Question: Sendable {
        package let name: Bytes
        package let type: UInt16
        package let classNumber: UInt16
    }

    package struct Answer: Sendable {
        package let name: Bytes
        package let type: UInt16
        package let classNumber: UInt16
        package let timeToLive: UInt32
        /// As dig writes it. Of texts only how long they are; of types that are not known too.
        package let data: Bytes
        /// Of A and AAAA.
        package let address: IPAddress?
        /// Of HTTPS and SVCB.
        package let hints: [IPAddress]
    }

    package var isResponse: Bool { flags & 0x8000 != 0 }
    package var operation: UInt16 { flags >> 11 & 15 }
    /// The answer did not fit: the asker is to ask again by TCP.
    package var isTruncated: Bool { flags & 0x0200 != 0 }

    /// `nil` for bytes that are not a DNS message: shorter than its head, or without the question that it says it has.
    package init?(_ message: RawSpan) {
        guard
            let id = message.big16(at: 0), let flags = message.big16(at: 2), let questions = message.big16(at: 4),
            let answers = message.big16(at: 6), let authorities = message.big16(at: 8),
            let additional = message.big16(at: 10)
        else { return nil }
        self.id = id
        self.flags = flags
        answerCount = Int(answers)
        responseCode = flags & 15

        var text = ArgumentText()
        var offset = 12
        var asked: (range: Range<Int>, type: UInt16, class: UInt16)?
        for index in 0..<questions {
            let start = text.bytes.count
            guard
                let end = DNSName.append(at: offset, of: message, to: &text),
                let type = message.big16(at: end), let classNumber = message.big16(at: end + 2)
            else {
                if index == 0 { return nil }
                isPartial = true
                break
            }
            if index == 0 { asked = (start..<text.bytes.count, type, classNumber) }
            offset = end + 4
        }

        var found: [RecordReader.Found] = []
        for index in 0..<Int(answers) + Int(authorities) + Int(additional) where !isPartial {
            guard let record = RecordReader(at: offset, of: message) else {
                isPartial = true
                break
            }
            if index < answers {
                guard let answer = record.read(message, &text) else {
                    isPartial = true
                    break
                }
                found.append(answer)
            } else if record.type == DNSCodes.options, index >= Int(answers) + Int(authorities) {
                responseCode = UInt16(record.timeToLive >> 24) << 4 | flags & 15
            }
            offset = record.data.upperBound
        }

        let bytes = text.bytes
        self.text = bytes
        question = asked.map {
            Question(name: Bytes(bytes, $0.range), type: $0.type, classNumber: $0.class)
        }
        self.answers = found.map { $0.answer(bytes) }
    }
}

extension DNSMessage {
    /// Calls `body` with each message of a TCP stream whose first byte is at the front (RFC 1035, 4.2.2), and gives how
    /// many bytes of `stream` they have. A message that is not whole is not told.
    package static func forEach(inStream stream: RawSpan, _ body: (RawSpan) -> Void) -> Int {
        var offset = 0
        while let size = stream.big16(at: offset), offset + 2 + Int(size) <= stream.byteCount {
            body(stream.extracting(offset + 2..<offset + 2 + Int(size)))
            offset += 2 + Int(size)
        }
        return offset
    }
}

extension DNSMessage.Question {
    package var typeName: Bytes {
        var text = ArgumentText()
        DNSCodes.append(type: type, to: &text)
        return Bytes(text.bytes)
    }

    package var className: Bytes {
        var text = ArgumentText()
        DNSCodes.append(class: classNumber, to: &text)
        return Bytes(text.bytes)
    }

    package static func == (a: Self, b: Self) -> Bool {
        a.type == b.type && a.classNumber == b.classNumber && a.name.slice.elementsEqual(b.name.slice)
    }
}

extension DNSMessage.Answer {
    package var typeName: Bytes {
        var text = ArgumentText()
        DNSCodes.append(type: type, to: &text)
        return Bytes(text.bytes)
    }

    package var className: Bytes {
        var text = ArgumentText()
        DNSCodes.append(class: classNumber, to: &text)
        return Bytes(text.bytes)
    }

    package var isAlias: Bool { type == DNSCodes.canonicalName }
}

extension DNSMessage {
    /// NOERROR, NXDOMAIN and so on.
    package var responseCodeName: Bytes {
        var text = ArgumentText()
        DNSCodes.append(responseCode: responseCode, to: &text)
        return Bytes(text.bytes)
    }
}

extension DNSMessage {
    /// What is set in the head of the message.
    package var flagNames: [StaticString] {
        let names: [(UInt16, StaticString)] = [
            (0x0400, "AA"), (0x0200, "TC"), (0x0100, "RD"), (0x0080, "RA"), (0x0020, "AD"), (0x0010, "CD"),
        ]
        return names.compactMap { flags & $0.0 != 0 ? $0.1 : nil }
    }
}
