// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

extension TextRenderer {
    /// Time, pid, process, container, then "dns A example.com = 10.0.0.1 1.2 ms".
    func appendMessage(_ event: Event, _ message: NameMessage, to line: inout Line) {
        let isKnown = event.process != nil
        if isKnown {
            appendRight(UInt64(event.task.pid), width: 7, to: &line.buffer)
        } else {
            line.buffer.append("      -")
        }
        line.buffer.append(" ")
        appendName(isKnown ? event.task.name : nil, to: &line)
        if let workload = event.workload {
            let label = options.wide ? workload.label : workload.shortLabel
            TextEscape.append(label.span, to: &line.buffer)
            line.buffer.append("  ")
        }
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        if let exchange = message.exchange { appendExchange(exchange, to: &line) }
        if let greeting = message.greeting { appendGreeting(greeting, to: &line) }
        line.kept = start..<line.buffer.count
        line.front = 0.3
        guard options.wide else { return }
        line.write(.faint) { buffer in
            buffer.append(message.exchange?.isStream == false ? "  udp " : "  tcp ")
            append(message.server, to: &buffer)
            buffer.append(string: "  netns=\(message.asked.fixed.network_namespace)")
        }
        if let process = event.process { appendContext(event, process, to: &line) }
    }

    private func appendExchange(_ exchange: DNSExchange, to line: inout Line) {
        let message = exchange.message
        line.buffer.append(message.isResponse ? "dns  " : "dns? ")
        if let question = message.question {
            TextEscape.append(question.typeName.span, to: &line.buffer)
            line.buffer.append(" ")
            line.write(.strong) { TextEscape.append(question.name.span, to: &$0) }
        }
        guard message.isResponse else { return }
        let isFailure = message.responseCode != 0
        if isFailure || message.isTruncated || message.answers.isEmpty {
            line.buffer.append(" ")
            line.write(isFailure ? .bad : .warning) { buffer in
                if isFailure {
                    TextEscape.append(message.responseCodeName.span, to: &buffer)
                } else {
                    buffer.append(message.isTruncated ? "truncated" : "no records")
                }
            }
        }
        appendAnswers(message, to: &line)
        if message.isPartial { line.write(.warning) { $0.append(" [partial]") } }
        if let duration = exchange.duration { line.write(.faint) { $0.append(string: " \(durationText(duration))") } }
    }

    /// The first address, or the first record where there is none, and how many more; `wide` has all, with the names in
    /// between.
    private func appendAnswers(_ message: DNSMessage, to line: inout Line) {
        if options.wide {
            for (index, answer) in message.answers.enumerated() {
                line.buffer.append(index == 0 ? " = " : ", ")
                TextEscape.append(answer.data.span, to: &line.buffer)
            }
            return
        }
        let addresses = message.answers.filter { $0.address != nil }
        guard let first = addresses.first ?? message.answers.last else { return }
        line.buffer.append(" = ")
        TextEscape.append(first.data.span, to: &line.buffer)
        if addresses.count > 1 { line.write(.faint) { $0.append(string: " +\(addresses.count - 1)") } }
    }

    private func appendGreeting(_ greeting: TLSGreeting, to line: inout Line) {
        line.buffer.append("-> ")
        append(greeting.server, to: &line.buffer)
        line.buffer.append(" tls ")
        if let name = greeting.hello.serverName {
            line.write(.strong) { TextEscape.append(name.span, to: &$0) }
        } else {
            line.write(.faint) { $0.append("no name") }
        }
        if greeting.hello.hidesName { line.write(.warning) { $0.append(" [ech]") } }
        let protocols = greeting.hello.protocols
        for (index, range) in protocols.enumerated() {
            line.write(.faint) { buffer in
                buffer.append(index == 0 ? " " : ",")
                TextEscape.append(protocols.bytes.storage.span.extracting(range), to: &buffer)
            }
        }
    }

    private func append(_ endpoint: Endpoint, to buffer: inout OutputBuffer) {
        if endpoint.address.count == 16 { buffer.append("[") }
        TextEscape.append(endpoint.address, to: &buffer)
        if endpoint.address.count == 16 { buffer.append("]") }
        buffer.append(":")
        buffer.append(decimal: UInt64(endpoint.port))
    }
}
