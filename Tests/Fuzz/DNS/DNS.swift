// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Bytes as a DNS message, and as a TCP stream of them.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDNS(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    check(unsafe DNSMessage(bytes.span.bytes), count)
    var inMessages = 0
    let used = unsafe DNSMessage.forEach(inStream: bytes.span.bytes) { span in
        inMessages += 2 + span.byteCount
        check(DNSMessage(span), span.byteCount)
    }
    precondition(used == inMessages && used <= count)
    return 0
}

private func check(_ message: DNSMessage?, _ count: Int) {
    guard let message else { return }
    precondition(message.answers.count <= message.answerCount && message.answers.count * 11 <= count)
    precondition(message.isPartial || message.answers.count == message.answerCount, "answers are missing")
    if let question = message.question { check(name: question.name) }
    for answer in message.answers {
        check(name: answer.name)
        precondition(answer.typeName.count > 0 && answer.className.count > 0)
    }
}

/// At most 255 bytes on the wire, each at most four characters; printable.
private func check(name: Bytes) {
    precondition((1...1016).contains(name.count))
    precondition(name.slice.allSatisfy { (0x21...0x7e).contains($0) })
    precondition(!name.slice.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
}
