// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

extension TextRenderer {
    package static let policyHeader = "TIME             PID PROCESS      VIOLATION"

    /// Time, pid, process, container, then "DENIED tcp 10.0.0.1:443  policy:3 deny net 10.0.0.0/8"; "would deny" where
    /// it was let be, and "audit" where that is the rule's verdict.
    func appendViolation(_ event: Event, _ violation: ViolationRecord, _ rule: ViolatedRule?, to line: inout Line) {
        appendWho(event, isKnown: violation.hasOwner, to: &line)
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        line.write(violation.isEnforced ? .bad : .warning) { $0.append(Self.deed(violation)) }
        if violation.isListen { line.buffer.append("listen ") }
        if violation.isQuestion {
            line.buffer.append("dns ")
            line.write(.strong) { buffer in
                if let name = violation.name { TextEscape.append(name.span, to: &buffer) } else { buffer.append("?") }
            }
            line.buffer.append(" by ")
        }
        if let socket = violation.socket {
            append(socket, to: &line)
        } else {
            let number = violation.fixed.protocol
            append(protocol: number == 262 ? 6 : number, to: &line.buffer)
            line.buffer.append(" ")
            line.write(.strong) { append(violation.endpoint.address, violation.endpoint.port, to: &$0) }
        }
        if !violation.isQuestion, let name = violation.name {
            line.buffer.append(" ")
            TextEscape.append(name.span, to: &line.buffer)
        }
        if let rule { append(rule, to: &line) }
        line.kept = start..<line.buffer.count
        // Room for who it was, also on a narrow terminal.
        line.front = 0.45
        guard options.wide, let process = event.process else { return }
        appendContext(event, process, to: &line)
    }

    /// The same, then "DENIED exec /tmp/x  policy:3 deny exec /tmp/**".
    func appendViolation(_ event: Event, _ violation: GuardRecord, _ rule: ViolatedRule?, to line: inout Line) {
        appendWho(event, isKnown: true, to: &line)
        let start = line.buffer.count
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        let isKill = "\(violation.verdict)" == "kill"
        line.write(violation.isEnforced ? .bad : .warning) { buffer in
            if violation.isEnforced {
                buffer.append(isKill ? "KILLED " : "DENIED ")
            } else {
                buffer.append("\(violation.verdict)" == "audit" ? "audit " : isKill ? "would kill " : "would deny ")
            }
        }
        line.buffer.append(violation.operation)
        line.buffer.append(" ")
        line.write(.strong) { buffer in
            if let path = violation.path { TextEscape.append(path, to: &buffer) } else { buffer.append("?") }
        }
        if let rule { append(rule, to: &line) }
        line.kept = start..<line.buffer.count
        // Room for who it was, also on a narrow terminal.
        line.front = 0.45
        guard options.wide, let process = event.process else { return }
        appendContext(event, process, to: &line)
    }

    func append(_ rule: ViolatedRule, to line: inout Line) {
        line.buffer.append("  ")
        line.write(.faint) { buffer in
            TextEscape.append(rule.reference.span, to: &buffer)
            buffer.append(" ")
            TextEscape.append(rule.text.span, to: &buffer)
        }
    }

    private static func deed(_ violation: ViolationRecord) -> StaticString {
        switch (UInt32(violation.fixed.verdict), violation.isEnforced) {
        case (WIRE_AUDIT.rawValue, _): "audit "
        case (WIRE_LOSE.rawValue, true): "DROPPED "
        case (WIRE_LOSE.rawValue, false): "would drop "
        case (WIRE_KILL.rawValue, true): "KILLED "
        case (WIRE_KILL.rawValue, false): "would kill "
        case (_, true): "DENIED "
        case (_, false): "would deny "
        }
    }
}
