// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

extension TextRenderer {
    /// Time, pid, process, container, then "-> unix /run/docker.sock connected to 812 dockerd".
    func appendUnix(_ event: Event, _ unix: UnixRecord, to line: inout Line) {
        appendWho(event, isKnown: true, to: &line)
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        switch unix.operation {
        case WIRE_UNIX_CONNECT.rawValue: line.buffer.append("-> ")
        case WIRE_UNIX_ACCEPT.rawValue: line.buffer.append("<- ")
        default:
            if unix.error == nil {
                line.write(.strong) { $0.append("listens on ") }
            } else {
                line.buffer.append("can't listen on ")
            }
        }
        line.buffer.append("unix ")
        line.write(.strong) { buffer in
            if let address = unix.address { TextEscape.append(address.span, to: &buffer) } else { buffer.append("-") }
        }
        if let error = unix.error {
            line.buffer.append(unix.operation == WIRE_UNIX_CONNECT.rawValue ? " " : ": ")
            line.write(.bad) { appendErrno(error, to: &$0) }
        } else if unix.operation == WIRE_UNIX_CONNECT.rawValue {
            line.buffer.append(" connected")
            appendPeer(event, " to ", to: &line)
        } else if unix.operation == WIRE_UNIX_ACCEPT.rawValue {
            line.buffer.append(" accepted")
            appendPeer(event, " from ", to: &line)
        }
        line.kept = start..<line.buffer.count
        line.front = 0.3
        guard options.wide else { return }
        line.write(.faint) { buffer in
            if let type = unix.type {
                buffer.append("  type=")
                buffer.append(type)
            }
            buffer.append(string: "  netns=\(unix.fixed.namespace)")
        }
        if let process = event.process { appendContext(event, process, to: &line) }
    }

    private func appendPeer(_ event: Event, _ word: StaticString, to line: inout Line) {
        guard let target = event.target else { return }
        line.buffer.append(word)
        line.buffer.append(decimal: UInt64(target.task.pid))
        guard !target.task.name.isEmpty else { return }
        line.buffer.append(" ")
        appendName(target.task.name, to: &line.buffer)
    }

    /// ENOENT, or "errno 1234".
    func appendErrno(_ error: Int32, to buffer: inout OutputBuffer) {
        if let name = errnoName(error) {
            buffer.append(name)
        } else {
            buffer.append("errno ")
            buffer.append(decimal: Int64(error))
        }
    }
}
