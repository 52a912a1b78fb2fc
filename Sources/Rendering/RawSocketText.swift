// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

extension TextRenderer {
    /// Time, pid, process, container, then "RAW SOCKET packet all", or "RAW SOCKET inet icmp: EPERM".
    func appendRawSocket(_ event: Event, _ socket: RawSocketRecord, to line: inout Line) {
        appendWho(event, isKnown: true, to: &line)
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        let isRefused = socket.error != nil
        line.write(isRefused ? .warning : .bad) { buffer in
            buffer.append(isRefused ? "no raw socket " : socket.isEarlier ? "HAS RAW SOCKET " : "RAW SOCKET ")
        }
        append(socket, to: &line)
        if let error = socket.error {
            line.buffer.append(": ")
            line.write(.bad) { appendErrno(error, to: &$0) }
        }
        line.kept = start..<line.buffer.count
        line.front = 0.3
        if options.wide { appendDetails(event, type: socket.type, namespace: socket.fixed.namespace, to: &line) }
    }

    /// "packet all", "inet icmp".
    func append(_ socket: RawSocketRecord, to line: inout Line) {
        line.write(.strong) { $0.append(socket.family) }
        guard !socket.isXDP else { return }
        line.buffer.append(" ")
        append(protocolOf: socket, to: &line.buffer)
    }

    private func append(protocolOf socket: RawSocketRecord, to buffer: inout OutputBuffer) {
        let number = socket.fixed.protocol
        if !socket.isPacket {
            // All protocols, and only to send.
            if number == 255 { buffer.append("any") } else { append(protocol: UInt16(number & 0xffff), to: &buffer) }
        } else if number == 0 {
            buffer.append("none yet")
        } else if let name = etherTypeName(number) {
            buffer.append(name)
        } else {
            buffer.append(string: "0x" + String(number, radix: 16))
        }
    }
}
