// SPDX-License-Identifier: Apache-2.0

package import Enrichment
package import Events

/// `--fields` in text: the values of the chosen fields, one line an event, separated by tabs, in the order asked for. A
/// value that is not known is "-".
package struct FieldRenderer {
    private let fields: [Field]
    private let host: Host
    private var json: JSONRenderer
    private let redacts: Bool
    private var timestamp = Timestamp()

    package init(fields: [Field], host: Host, redacts: Bool) {
        self.fields = fields
        self.host = host
        self.redacts = redacts
        json = JSONRenderer(fields: [], host: host, redacts: redacts)
    }

    package var header: String { fields.map(\.name).joined(separator: "\t") }

    package mutating func append(_ event: Event, to buffer: inout OutputBuffer) {
        for (index, field) in fields.enumerated() {
            if index > 0 { buffer.append(UInt8(ascii: "\t")) }
            append(event.value(of: field), to: &buffer)
        }
        buffer.append(UInt8(ascii: "\n"))
    }

    private mutating func append(_ value: FieldValue, to buffer: inout OutputBuffer) {
        switch value {
        case .absent: buffer.append("-")
        case .text(let text): TextEscape.append(text.span, to: &buffer)
        case .name(let name): TextEscape.append(name.span, to: &buffer)
        case .path(let path): TextEscape.append(path, to: &buffer)
        case .word(let word): buffer.append(word)
        case .words(let words):
            for (index, word) in words.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                buffer.append(word)
            }
        case .identifier(let value): buffer.append(decimal: value)
        case .time(let nanoseconds): timestamp.append(nanoseconds, to: &buffer)
        case .texts(let list):
            let list = redacts ? Redaction.arguments(list) : list
            var first = true
            for range in list {
                if !first { buffer.append(UInt8(ascii: " ")) }
                first = false
                TextEscape.appendArgument(list.bytes.storage.span.extracting(range), to: &buffer)
            }
        case .labels(let list):
            for (index, range) in list.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                TextEscape.append(list.bytes.storage.span.extracting(range), to: &buffer)
            }
        case .ancestors(let lineage):
            for (index, ancestor) in lineage.ancestors.enumerated() {
                if index > 0 { buffer.append("<") }
                TextEscape.append(ancestor.name.span, to: &buffer)
            }
        case .joinedPath(let directory, let path):
            if path.slice.first != UInt8(ascii: "/") {
                if let directory, directory.bytes.count > 1 { TextEscape.append(directory, to: &buffer) }
                buffer.append(UInt8(ascii: "/"))
            }
            TextEscape.append(path.storage.span.extracting(path.withoutDotSlash), to: &buffer)
        case .terminal(let driver, let number): TextEscape.append(terminal: driver, number, to: &buffer)
        case .address(let address): TextEscape.append(address, to: &buffer)
        case .addresses(let addresses):
            for (index, address) in addresses.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                TextEscape.append(address, to: &buffer)
            }
        case .answers(let answers):
            for (index, answer) in answers.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                TextEscape.append(answer.data.span, to: &buffer)
            }
        case .entity(let key): json.append(entity: key, to: &buffer)
        case .bool, .integer, .counts: json.appendValue(value, to: &buffer)
        }
    }
}
