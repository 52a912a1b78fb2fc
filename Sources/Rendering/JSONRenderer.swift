// SPDX-License-Identifier: Apache-2.0

package import Enrichment
package import Events

/// One JSON object a line. Follows from the list of fields; a field without a value is left out.
package struct JSONRenderer {
    /// A field, and the objects around it, outermost first.
    private struct Item {
        let field: Field
        let depth: Int8
        /// Numbers of the objects.
        let groups: InlineArray<4, UInt8>
        /// Where in `text` what opens each object starts: `"process":{`; and last, the field's own key.
        let starts: InlineArray<4, UInt16>
        let end: UInt16

        /// How many objects around this field are around the other too.
        func sharedDepth(_ other: Item) -> Int {
            var shared = 0
            while shared < min(depth, other.depth), groups[shared] == other.groups[shared] { shared += 1 }
            return shared
        }
    }

    private let items: [Item]
    /// Opening text of all items.
    private let text: [UInt8]
    private let boot: [UInt8]
    private let redacts: Bool
    private var timestamp = Timestamp()
    /// Lineages as they were written: they are long, and the processes that one parent starts have the same.
    private var lineages: [ObjectIdentifier: (lineage: Lineage, text: [UInt8])] = [:]

    /// Shows `fields`, in the order of the list of all fields whatever order they come in, so that each object is opened
    /// once.
    package init(fields: Set<Field>, host: Host, redacts: Bool) {
        var text: [UInt8] = []
        var numbers: [Substring: UInt8] = [:]
        items = Field.allCases.filter(fields.contains).map { field in
            let name = field.name
            let parts = name.split(separator: ".")
            var groups = InlineArray<4, UInt8>(repeating: 0)
            var starts = InlineArray<4, UInt16>(repeating: 0)
            for (depth, part) in parts.enumerated() {
                starts[depth] = UInt16(text.count)
                text.append(contentsOf: "\"\(part)\":".utf8)
                guard depth < parts.count - 1 else { break }
                text.append(UInt8(ascii: "{"))
                groups[depth] = numbers[name[..<part.endIndex], default: UInt8(numbers.count)]
                numbers[name[..<part.endIndex]] = groups[depth]
            }
            return Item(
                field: field, depth: Int8(parts.count - 1), groups: groups, starts: starts, end: UInt16(text.count))
        }
        self.text = text
        boot = Array(host.boot.utf8)
        self.redacts = redacts
    }

    package mutating func append(_ event: Event, to buffer: inout OutputBuffer) {
        var open: Item?
        buffer.append(UInt8(ascii: "{"))
        for item in items {
            let value = event.value(of: item.field)
            if case .absent = value { continue }
            var depth = 0
            if let open {
                depth = item.sharedDepth(open)
                for _ in depth..<Int(open.depth) { buffer.append(UInt8(ascii: "}")) }
                buffer.append(UInt8(ascii: ","))
            }
            open = item
            buffer.append(text.span.extracting(Int(item.starts[depth])..<Int(item.end)))
            appendValue(value, to: &buffer)
        }
        for _ in 0..<(open?.depth ?? 0) { buffer.append(UInt8(ascii: "}")) }
        buffer.append("}\n")
    }

    mutating func appendValue(_ value: FieldValue, to buffer: inout OutputBuffer) {
        switch value {
        case .absent: buffer.append("null")
        case .bool(let value): buffer.append(value ? "true" : "false")
        case .integer(let value): buffer.append(decimal: value)
        case .identifier(let value):
            buffer.append(UInt8(ascii: "\""))
            buffer.append(decimal: value)
            buffer.append(UInt8(ascii: "\""))
        case .word(let word): appendQuoted(word, to: &buffer)
        case .words(let words):
            appendList(words, to: &buffer) { word, buffer in appendQuoted(word, to: &buffer) }
        case .text(let text): Self.append(text.span, to: &buffer)
        case .name(let name): Self.append(name.span, to: &buffer)
        case .texts(let list):
            let list = redacts ? Redaction.arguments(list) : list
            appendList(list, to: &buffer) { range, buffer in
                Self.append(list.bytes.storage.span.extracting(range), to: &buffer)
            }
        case .path(let path):
            buffer.append(UInt8(ascii: "\""))
            Self.append(path, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .joinedPath(let directory, let relative):
            buffer.append(UInt8(ascii: "\""))
            if relative.slice.first != UInt8(ascii: "/") {
                if let directory, directory.bytes.count > 1 { Self.append(directory, to: &buffer) }
                buffer.append(UInt8(ascii: "/"))
            }
            Self.appendContents(relative.storage.span.extracting(relative.withoutDotSlash), to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .address(let address):
            buffer.append(UInt8(ascii: "\""))
            TextEscape.append(address, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .addresses(let addresses):
            appendList(addresses, to: &buffer) { address, buffer in
                buffer.append(UInt8(ascii: "\""))
                TextEscape.append(address, to: &buffer)
                buffer.append(UInt8(ascii: "\""))
            }
        case .answers(let answers): append(answers, to: &buffer)
        case .time(let nanoseconds):
            buffer.append(UInt8(ascii: "\""))
            timestamp.append(nanoseconds, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .entity(let key):
            buffer.append(UInt8(ascii: "\""))
            append(entity: key, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .terminal(let driver, let number):
            buffer.append(UInt8(ascii: "\""))
            Self.appendContents(driver.span, to: &buffer)
            if driver.isPseudoTerminal { buffer.append(UInt8(ascii: "/")) }
            buffer.append(decimal: UInt64(number))
            buffer.append(UInt8(ascii: "\""))
        case .ancestors(let lineage):
            if let known = lineages[ObjectIdentifier(lineage)] {
                buffer.append(known.text.span)
            } else {
                let start = buffer.count
                append(lineage.ancestors, to: &buffer)
                if lineages.count >= 64 { lineages.removeAll() }
                lineages[ObjectIdentifier(lineage)] = (lineage, buffer.array(from: start))
            }
        case .labels(let list):
            buffer.append(UInt8(ascii: "{"))
            for (index, range) in list.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                let storage = list.bytes.storage
                let sign = storage[range].firstIndex(of: UInt8(ascii: "=")) ?? range.upperBound
                Self.append(storage.span.extracting(range.lowerBound..<sign), to: &buffer)
                buffer.append(UInt8(ascii: ":"))
                Self.append(storage.span.extracting(min(sign + 1, range.upperBound)..<range.upperBound), to: &buffer)
            }
            buffer.append(UInt8(ascii: "}"))
        case .counts(let counts):
            buffer.append(UInt8(ascii: "{"))
            for (index, (name, count)) in counts.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                buffer.append(string: "\"\(name)\":")
                buffer.append(decimal: count)
            }
            buffer.append(UInt8(ascii: "}"))
        }
    }

    private func append(_ ancestors: [Ancestor], to buffer: inout OutputBuffer) {
        appendList(ancestors, to: &buffer) { ancestor, buffer in
            buffer.append("{\"pid\":")
            buffer.append(decimal: UInt64(ancestor.key.pid))
            buffer.append(",\"entity_id\":\"")
            append(entity: ancestor.key, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
            if !ancestor.name.isEmpty {
                buffer.append(",\"name\":")
                Self.append(ancestor.name.span, to: &buffer)
            }
            if let executable = ancestor.executable {
                buffer.append(",\"executable\":\"")
                Self.append(executable, to: &buffer)
                buffer.append(UInt8(ascii: "\""))
            }
            buffer.append(UInt8(ascii: "}"))
        }
    }

    private func append(_ answers: [DNSMessage.Answer], to buffer: inout OutputBuffer) {
        appendList(answers, to: &buffer) { answer, buffer in
            buffer.append("{\"name\":")
            Self.append(answer.name.span, to: &buffer)
            buffer.append(",\"type\":")
            Self.append(answer.typeName.span, to: &buffer)
            buffer.append(",\"class\":")
            Self.append(answer.className.span, to: &buffer)
            buffer.append(",\"ttl\":")
            buffer.append(decimal: UInt64(answer.timeToLive))
            buffer.append(",\"data\":")
            Self.append(answer.data.span, to: &buffer)
            buffer.append(UInt8(ascii: "}"))
        }
    }

    /// Boot, start and pid.
    func append(entity key: ProcessKey, to buffer: inout OutputBuffer) {
        buffer.append(boot.span)
        buffer.append(UInt8(ascii: "-"))
        buffer.append(hexadecimal: key.start)
        buffer.append(UInt8(ascii: "-"))
        buffer.append(decimal: UInt64(key.pid))
    }

    private func appendList<List: Sequence>(
        _ elements: List, to buffer: inout OutputBuffer, _ body: (List.Element, inout OutputBuffer) -> Void
    ) {
        buffer.append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { buffer.append(UInt8(ascii: ",")) }
            isFirst = false
            body(element, &buffer)
        }
        buffer.append(UInt8(ascii: "]"))
    }

    private func appendQuoted(_ word: StaticString, to buffer: inout OutputBuffer) {
        buffer.append(UInt8(ascii: "\""))
        buffer.append(word)
        buffer.append(UInt8(ascii: "\""))
    }

    /// A JSON string.
    static func append(_ text: Span<UInt8>, to buffer: inout OutputBuffer) {
        buffer.append(UInt8(ascii: "\""))
        appendContents(text, to: &buffer)
        buffer.append(UInt8(ascii: "\""))
    }

    private static func append(_ path: WalkedPath, to buffer: inout OutputBuffer) {
        var isEmpty = true
        path.forEachComponent { range in
            isEmpty = false
            buffer.append(UInt8(ascii: "/"))
            appendContents(path.bytes.storage.span.extracting(range), to: &buffer)
        }
        if isEmpty { buffer.append(UInt8(ascii: "/")) }
    }

    /// The inside of a JSON string. Bytes that are not UTF-8 become U+FFFD, so that every line is valid. More than the
    /// controls that JSON asks for is escaped: JSON ends up on terminals.
    private static func appendContents(_ text: Span<UInt8>, to buffer: inout OutputBuffer) {
        var start = 0
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
                index += 1
                continue
            }
            let scalar = Scalar(text, index)
            if byte >= 0x80, let scalar, !scalar.isHostile {
                index += scalar.length
                continue
            }
            buffer.append(text.extracting(start..<index))
            if let scalar {
                appendEscaped(scalar.value, to: &buffer)
            } else {
                buffer.append("\u{fffd}")
            }
            index += scalar?.length ?? 1
            start = index
        }
        buffer.append(text.extracting(start..<index))
    }

    private static func appendEscaped(_ value: UInt32, to buffer: inout OutputBuffer) {
        switch value {
        case 0x22: buffer.append("\\\"")
        case 0x5c: buffer.append("\\\\")
        case 0x0a: buffer.append("\\n")
        case 0x0d: buffer.append("\\r")
        case 0x09: buffer.append("\\t")
        case 0x10000...:
            appendEscape(0xd7c0 + (value >> 10), to: &buffer)
            appendEscape(0xdc00 | (value & 0x3ff), to: &buffer)
        default: appendEscape(value, to: &buffer)
        }
    }

    private static func appendEscape(_ unit: UInt32, to buffer: inout OutputBuffer) {
        buffer.append("\\u")
        buffer.append(hexadecimal: UInt64(unit), digits: 4)
    }
}
