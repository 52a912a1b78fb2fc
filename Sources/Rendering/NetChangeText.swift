// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events

extension TextRenderer {
    /// What the run has left of a file: "created  /etc/x  by dpkg[42]", "changed /etc/y (content, mode)  by ...".
    func appendNetChange(_ event: Event, to line: inout Line) {
        if case .word(let change) = event.value(of: .fileNetChange) {
            line.write(Self.style(ofChange: "\(change)")) { buffer in
                buffer.append(change)
                for _ in change.utf8CodeUnitCount..<9 { buffer.append(" ") }
            }
        }
        if case .text(let path) = event.value(of: .filePath) {
            line.write(.strong) { TextEscape.append(path.span, to: &$0) }
        }
        if case .words(let aspects) = event.value(of: .fileNetChanged) {
            line.buffer.append(" (")
            for (index, aspect) in aspects.enumerated() {
                if index > 0 { line.buffer.append(", ") }
                line.buffer.append(aspect)
            }
            line.buffer.append(")")
        }
        if case .text(let path) = event.value(of: .fileOriginalPath) {
            line.buffer.append(" was ")
            TextEscape.append(path.span, to: &line.buffer)
        }
        if case .text(let path) = event.value(of: .fileNetMovedTo) {
            line.buffer.append(" now ")
            TextEscape.append(path.span, to: &line.buffer)
        }
        if case .bool(true) = event.value(of: .fileNetExecuted) { line.write(.warning) { $0.append(" [executed]") } }
        line.write(.faint) { buffer in
            buffer.append("  by ")
            if case .text(let name) = event.value(of: .processName) { TextEscape.append(name.span, to: &buffer) }
            if case .integer(let pid) = event.value(of: .processPID) { buffer.append(string: "[\(pid)]") }
            if case .text(let container) = event.value(of: .containerID) {
                buffer.append(" in ")
                TextEscape.append(Bytes(container.storage, container.range.prefix(12)).span, to: &buffer)
            }
        }
    }

    private static func style(ofChange change: String) -> Style {
        switch change {
        case "created": .good
        case "deleted": .bad
        default: .warning
        }
    }
}

/// Text from outside for a message: nothing in it acts on a terminal.
package func escaped(_ bytes: [UInt8]) -> String {
    var buffer = OutputBuffer(capacity: 64)
    TextEscape.append(bytes.span, to: &buffer)
    return String(decoding: buffer.array(), as: UTF8.self)
}
