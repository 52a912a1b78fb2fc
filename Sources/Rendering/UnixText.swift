// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

extension TextRenderer {
    /// Time, pid, process, container, then "-> unix /run/docker.sock connected to 812 dockerd", and how it ended.
    func appendUnix(_ event: Event, _ unix: UnixRecord, to line: inout Line) {
        appendWho(event, isKnown: true, to: &line)
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        if unix.isListener {
            appendListener(unix, to: &line)
        } else {
            appendEnd(event, unix, to: &line)
        }
        if let traffic = unix.traffic {
            line.buffer.append(string: " \u{2191}\(byteText(traffic.sent)) \u{2193}\(byteText(traffic.received))")
        }
        line.kept = start..<line.buffer.count
        line.front = 0.3
        guard options.wide else { return }
        appendDetails(event, type: unix.type, end: unix.closeReason, namespace: unix.fixed.namespace, to: &line)
    }

    private func appendListener(_ unix: UnixRecord, to line: inout Line) {
        switch unix.operation {
        case WIRE_UNIX_CLOSE.rawValue: line.buffer.append("no longer listens on ")
        case WIRE_UNIX_OPEN.rawValue: line.buffer.append("listening on ")
        default:
            if unix.error == nil {
                line.write(.strong) { $0.append("listens on ") }
            } else {
                line.buffer.append("can't listen on ")
            }
        }
        appendAddress(unix, to: &line)
        if let error = unix.error {
            line.buffer.append(": ")
            line.write(.bad) { appendErrno(error, to: &$0) }
        }
        guard let duration = unix.duration else { return }
        line.write(.faint) { $0.append(string: ", after \(durationText(duration))") }
    }

    /// One end of a connection.
    private func appendEnd(_ event: Event, _ unix: UnixRecord, to line: inout Line) {
        switch unix.isIncoming {
        case true?: line.buffer.append("<- ")
        case false?: line.buffer.append("-> ")
        case nil: line.buffer.append("<> ")
        }
        appendAddress(unix, to: &line)
        switch unix.operation {
        case WIRE_UNIX_CONNECT.rawValue:
            line.buffer.append(unix.error == nil ? " connected" : " ")
            if let error = unix.error {
                line.write(.bad) { appendErrno(error, to: &$0) }
            } else if !unix.isPair {
                appendPeer(event, " to ", to: &line)
            }
        case WIRE_UNIX_ACCEPT.rawValue:
            line.buffer.append(" accepted")
            appendPeer(event, " from ", to: &line)
        case WIRE_UNIX_OPEN.rawValue:
            line.buffer.append(" open")
        default:
            switch wire_tcp_end(UInt32(unix.fixed.end)) {
            case WIRE_TCP_RESET: line.write(.warning) { $0.append(" reset") }
            case WIRE_TCP_RESET_BY_PEER: line.write(.bad) { $0.append(" reset by peer") }
            default: line.buffer.append(" closed")
            }
        }
        guard let duration = unix.duration else { return }
        line.write(.faint) { $0.append(string: " \(durationText(duration))") }
    }

    private func appendAddress(_ unix: UnixRecord, to line: inout Line) {
        line.buffer.append("unix ")
        line.write(.strong) { buffer in
            if unix.isPair {
                buffer.append("pair")
            } else if let address = unix.address {
                TextEscape.append(address.span, to: &buffer)
            } else {
                buffer.append("-")
            }
        }
    }

    private func appendPeer(_ event: Event, _ word: StaticString, to line: inout Line) {
        guard let target = event.target else { return }
        line.buffer.append(word)
        line.buffer.append(decimal: UInt64(target.task.pid))
        guard !target.task.name.isEmpty else { return }
        line.buffer.append(" ")
        appendName(target.task.name, to: &line.buffer)
    }
}
