// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
package import Events

extension TextRenderer {
    /// Time, pid, process, container, then "DETECTED miner 80 stratum: subscribes (+60): "mining.subscribe" to 10.0.0.1:3333";
    /// KILLED and so on where a rule says so.
    func appendDetection(_ event: Event, _ detection: DetectionFact, to line: inout Line) {
        appendWho(event, isKnown: event.process != nil, to: &line)
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        let name = detection.name
        line.write(.bad) { buffer in
            buffer.append(detection.isEnforced ? Self.deed(detection.verdict) : "DETECTED ")
            TextEscape.append(name.span, to: &buffer)
        }
        line.buffer.append(" ")
        line.buffer.append(decimal: UInt64(detection.score))
        for (reason, evidence) in zip(detection.reasons, detection.evidence) {
            line.buffer.append("; ")
            TextEscape.append(reason.span, to: &line.buffer)
            line.buffer.append(": ")
            TextEscape.append(evidence.span, to: &line.buffer)
        }
        append(detection.rule, to: &line)
        line.kept = start..<line.buffer.count
        line.front = 0.3
        guard options.wide, let process = event.process else { return }
        appendContext(event, process, to: &line)
    }

    private static func deed(_ verdict: StaticString) -> StaticString {
        switch "\(verdict)" {
        case "kill": "KILLED "
        case "drop": "DROPPED "
        default: "DENIED "
        }
    }
}

/// 10.0.0.1:443 or [::1]:443.
package func endpointText(_ address: IPAddress?, _ port: UInt16?) -> String {
    var buffer = OutputBuffer()
    let isLong = address?.count == 16
    if isLong { buffer.append("[") }
    if let address { TextEscape.append(address, to: &buffer) } else { buffer.append("?") }
    buffer.append(isLong ? "]:" : ":")
    buffer.append(decimal: UInt64(port ?? 0))
    return String(decoding: buffer.array(), as: UTF8.self)
}
