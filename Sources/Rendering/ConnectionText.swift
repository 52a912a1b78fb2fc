// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
package import Events

extension TextRenderer {
    /// Time, pid, process, container, then what happened: "-> 10.0.0.1:443 connected in 1.2 ms". The arrow points from who
    /// asked for the connection to who was asked; what is written is always the other side.
    func appendConnection(_ event: Event, _ connection: ConnectionRecord, to line: inout Line) {
        appendWho(event, isKnown: connection.hasOwner, to: &line)
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        if connection.isListener {
            appendListener(event, connection, to: &line)
        } else {
            appendPeer(event, connection, to: &line)
            appendNovelty(event, to: &line)
            line.buffer.append(" ")
            appendFate(event, connection, to: &line)
        }
        // What is cut is the container's name.
        line.kept = start..<line.buffer.count
        line.front = 0.3
        if event.names?.name != nil {
            line.write(.faint) { buffer in
                buffer.append(" ")
                if let address = connection.asked.address { TextEscape.append(address, to: &buffer) }
            }
        }
        if options.wide { appendDetails(event, connection, to: &line) }
    }

    /// Who it was, padded.
    func appendName(_ owner: CommandName?, to line: inout Line) {
        var name = OutputBuffer(capacity: 64)
        if let owner { appendName(owner, to: &name) } else { name.append("-") }
        let width = options.wide ? 15 : 12
        line.buffer.append(name.bytes)
        var columns = 0
        var index = 0
        while index < name.count, let scalar = Scalar(name.bytes, index) {
            columns += scalar.columns
            index += scalar.length
        }
        for _ in min(columns, width)..<width { line.buffer.append(UInt8(ascii: " ")) }
        line.buffer.append(UInt8(ascii: " "))
    }

    private func appendListener(_ event: Event, _ connection: ConnectionRecord, to line: inout Line) {
        switch event.action {
        case .listen where connection.error == nil: line.write(.strong) { $0.append("listens on ") }
        case .listen: line.buffer.append("can't listen on ")
        case .open: line.buffer.append("listening on ")
        default: line.buffer.append("no longer listens on ")
        }
        Self.append(connection.local, to: &line.buffer)
        if connection.isUDP { line.buffer.append("/udp") }
        if connection.error != nil { appendError(connection, to: &line, ": ") }
        appendNovelty(event, to: &line)
        guard event.action == .close, let duration = connection.duration else { return }
        line.write(.faint) { $0.append(string: ", after \(durationText(duration))") }
    }

    /// The other side by the name that led to it, where that is known.
    private func appendPeer(_ event: Event, _ connection: ConnectionRecord, to line: inout Line) {
        let names = event.names
        switch connection.isIncoming {
        case true?: line.buffer.append("<- ")
        case false?: line.buffer.append("-> ")
        case nil: line.buffer.append("<> ")
        }
        line.write(.strong) { buffer in
            if let name = names?.name {
                TextEscape.append(name.name.span, to: &buffer)
                buffer.append(":")
                if let port = connection.asked.port { buffer.append(decimal: UInt64(port)) }
            } else {
                Self.append(connection.asked, to: &buffer)
            }
            if connection.isUDP { buffer.append("/udp") }
        }
        if names?.isDirect == true { line.write(.warning) { $0.append(" [no name]") } }
        if let translated = connection.translated {
            line.buffer.append(" (")
            Self.append(translated, to: &line.buffer)
            line.buffer.append(")")
        }
        if connection.isIncoming == true, let port = connection.local.port {
            line.buffer.append(" on :")
            line.buffer.append(decimal: UInt64(port))
        }
        if event.remoteClass == .metadata { line.write(.warning) { $0.append(" [metadata]") } }
    }

    /// Marks what `--baseline` does not have.
    func appendNovelty(_ event: Event, to line: inout Line) {
        if event.novelty != nil { line.write(.warning) { $0.append(" [new]") } }
    }

    private func appendFate(_ event: Event, _ connection: ConnectionRecord, to line: inout Line) {
        // A flow of one datagram has none.
        let time = connection.duration.flatMap { $0 == 0 && connection.isUDP ? nil : durationText($0) }
        switch event.action {
        case .connect where connection.error == nil:
            line.buffer.append("connected")
            line.write(.faint) { $0.append(string: time.map { " \($0)" } ?? "") }
        case .connect:
            appendError(connection, to: &line, "")
            line.write(.faint) { $0.append(string: time.map { " after \($0)" } ?? "") }
        case .accept:
            line.buffer.append("accepted")
        case .udp where connection.error == nil:
            line.buffer.append("begins")
        case .udp:
            line.buffer.append("not sent: ")
            appendError(connection, to: &line, "")
        default:
            if event.action == .open { line.buffer.append("open") } else { appendEnd(connection, to: &line) }
            line.write(.faint) { $0.append(string: time.map { " \($0)" } ?? "") }
            guard let traffic = connection.traffic else { return }
            line.buffer.append(string: " \u{2191}\(byteText(traffic.sent)) \u{2193}\(byteText(traffic.received))")
        }
    }

    private func appendEnd(_ connection: ConnectionRecord, to line: inout Line) {
        switch wire_tcp_end(UInt32(connection.fixed.end)) {
        case WIRE_TCP_RESET: line.write(.warning) { $0.append("reset") }
        case WIRE_TCP_RESET_BY_PEER: line.write(.bad) { $0.append("reset by peer") }
        case WIRE_UDP_IDLE: line.buffer.append("idle")
        case WIRE_TCP_TIMED_OUT: line.write(.bad) { $0.append("timed out") }
        default: line.buffer.append("closed")
        }
    }

    private func appendError(_ connection: ConnectionRecord, to line: inout Line, _ front: StaticString) {
        guard let error = connection.error else { return }
        line.buffer.append(front)
        line.write(.bad) { buffer in
            if connection.kind == WIRE_CONNECT.rawValue, error == Self.givenUp {
                buffer.append("given up")
            } else {
                appendErrno(error, to: &buffer)
            }
        }
    }

    /// ECANCELED: closed by the process before it was decided.
    private static let givenUp: Int32 = 125

    /// What `wide` adds.
    private func appendDetails(_ event: Event, _ connection: ConnectionRecord, to line: inout Line) {
        line.write(.faint) { buffer in
            if !connection.isListener, connection.local.port != nil {
                buffer.append("  here=")
                Self.append(connection.local, to: &buffer)
            }
            if let kind = event.remoteClass {
                buffer.append("  class=")
                buffer.append(kind.name)
            }
            if let reason = connection.closeReason {
                buffer.append("  end=")
                buffer.append(reason)
            }
            if let time = connection.roundTrip { buffer.append(string: "  rtt=\(durationText(time))") }
            if let count = connection.retransmits, count > 0 { buffer.append(string: "  retransmits=\(count)") }
            buffer.append(string: "  netns=\(connection.fixed.namespace)")
        }
        if let process = event.process { appendContext(event, process, to: &line) }
    }

    /// 10.0.0.1:443, [fe80::1]:443; "?" for what is not known.
    fileprivate static func append(_ endpoint: ConnectionRecord.Endpoint, to buffer: inout OutputBuffer) {
        if let address = endpoint.address {
            if address.count == 16 { buffer.append("[") }
            TextEscape.append(address, to: &buffer)
            if address.count == 16 { buffer.append("]") }
        } else {
            buffer.append("?")
        }
        buffer.append(":")
        if let port = endpoint.port { buffer.append(decimal: UInt64(port)) } else { buffer.append("?") }
    }
}

/// An address with its port, as in lines of text.
package func connectionText(_ endpoint: ConnectionRecord.Endpoint) -> String {
    var buffer = OutputBuffer(capacity: 64)
    TextRenderer.append(endpoint, to: &buffer)
    return String(decoding: buffer.array(), as: UTF8.self)
}

/// Such as 10.0.0.1 or fd00::1.
package func addressText(_ address: IPAddress) -> String {
    var buffer = OutputBuffer(capacity: 64)
    TextEscape.append(address, to: &buffer)
    return String(decoding: buffer.array(), as: UTF8.self)
}

/// Such as 10.0.0.0/8.
package func prefixText(_ prefix: IPPrefix) -> String {
    var buffer = OutputBuffer(capacity: 64)
    TextEscape.append(prefix.first, to: &buffer)
    buffer.append(UInt8(ascii: "/"))
    buffer.append(decimal: UInt64(prefix.length))
    return String(decoding: buffer.array(), as: UTF8.self)
}

/// 0, 999, 1.0K, 34K, 1.5M: at most four characters up to petabytes. Powers of 1000.
package func byteText(_ bytes: UInt64) -> String {
    guard bytes >= 1000 else { return String(bytes) }
    var unit = 1000.0
    for letter in ["K", "M", "G", "T", "P"] {
        let value = Double(bytes) / unit
        if value < 9.95 {
            let tenths = Int((value * 10).rounded())
            return "\(tenths / 10).\(tenths % 10)\(letter)"
        }
        if value < 999.5 || letter == "P" { return "\(Int(value.rounded()))\(letter)" }
        unit *= 1000
    }
    return ""
}
