// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

extension TextRenderer {
    func append(_ event: Event, _ fact: NetworkFact, to line: inout Line) {
        switch fact {
        case .drop(let drop, let reason): appendDrop(event, drop, reason: reason, to: &line)
        case .rawSocket(let socket): appendRawSocket(event, socket, to: &line)
        case .unix(let unix): appendUnix(event, unix, to: &line)
        case .violation(let violation, let rule): appendViolation(event, violation, rule, to: &line)
        case .guarded(let violation, let rule): appendViolation(event, violation, rule, to: &line)
        case .detection(let detection): appendDetection(event, detection, to: &line)
        }
    }

    /// Time, pid, process, container, then "DROPPED udp 10.0.0.1:5000 -> 10.0.0.2:53 NO_SOCKET", with "x37" where it is of
    /// so many.
    func appendDrop(_ event: Event, _ drop: DropRecord, reason: Bytes?, to line: inout Line) {
        appendWho(event, isKnown: drop.hasOwner, to: &line)
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        line.write(.bad) { $0.append("DROPPED ") }
        if let number = drop.protocol {
            append(protocol: number, to: &line.buffer)
            line.buffer.append(" ")
            append(drop.source, drop.sourcePort, to: &line.buffer)
            line.buffer.append(" -> ")
            line.write(.strong) { append(drop.destination, drop.destinationPort, to: &$0) }
        } else {
            line.buffer.append("others")
        }
        line.write(.warning) { buffer in
            if let reason {
                buffer.append(" ")
                TextEscape.append(reason.span, to: &buffer)
            } else if let number = drop.reason {
                buffer.append(" reason ")
                buffer.append(decimal: UInt64(number))
            }
        }
        if drop.isMore || drop.count != 1 {
            line.buffer.append(drop.isMore && drop.protocol != nil ? ", again x" : " x")
            line.buffer.append(decimal: drop.count)
        }
        line.kept = start..<line.buffer.count
        line.front = 0.3
        if options.wide { appendDetails(event, namespace: drop.fixed.dropped.namespace, to: &line) }
    }

    /// Process id, name and container; "-" where nobody is known.
    func appendWho(_ event: Event, isKnown: Bool, to line: inout Line) {
        if isKnown {
            appendRight(UInt64(event.task.pid), width: 7, to: &line.buffer)
        } else {
            line.buffer.append("      -")
        }
        line.buffer.append(" ")
        appendName(isKnown ? event.task.name : nil, to: &line)
        guard let workload = event.workload else { return }
        let label = options.wide ? workload.label : workload.shortLabel
        TextEscape.append(label.span, to: &line.buffer)
        line.buffer.append("  ")
    }

    /// What `wide` adds. `namespace` is 0 where none is known.
    func appendDetails(
        _ event: Event, type: StaticString? = nil, end: StaticString? = nil, namespace: UInt32, to line: inout Line
    ) {
        line.write(.faint) { buffer in
            if let type {
                buffer.append("  type=")
                buffer.append(type)
            }
            if let end {
                buffer.append("  end=")
                buffer.append(end)
            }
            if namespace != 0 { buffer.append(string: "  netns=\(namespace)") }
        }
        if let process = event.process { appendContext(event, process, to: &line) }
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

    func append(protocol number: UInt16, to buffer: inout OutputBuffer) {
        if let name = protocolName(number) {
            buffer.append(name)
        } else {
            buffer.append("protocol ")
            buffer.append(decimal: UInt64(number))
        }
    }

    func append(_ address: IPAddress?, _ port: UInt16?, to buffer: inout OutputBuffer) {
        guard let address else { return }
        let isBracketed = address.count == 16 && port != nil
        if isBracketed { buffer.append("[") }
        TextEscape.append(address, to: &buffer)
        if isBracketed { buffer.append("]") }
        guard let port else { return }
        buffer.append(":")
        buffer.append(decimal: UInt64(port))
    }
}
