// SPDX-License-Identifier: Apache-2.0

package import Enrichment
package import Events

/// One JSON object a line. Follows from the list of fields; a field without a value is left out.
package struct JSONRenderer {
    /// How a field is written in the objects around it, outermost first.
    private struct Item {
        let field: Field
        /// Whether its value is the arguments of a process.
        let isArguments: Bool
        let objects: Objects
        /// Where in the text what opens each object starts, `"process":{`, and last, the field's own key; in 16 bits each.
        let starts: UInt64
        let end: Int
    }

    /// The objects around a field: their numbers, from 1, a byte each with the outermost in the lowest.
    private struct Objects {
        var numbers: UInt32 = 0
        var count: Int { (39 - numbers.leadingZeroBitCount) >> 3 }

        /// How many are around both.
        @inline(__always)
        func shared(with other: Objects) -> Int {
            min(min(count, other.count), (numbers ^ other.numbers).trailingZeroBitCount >> 3)
        }
    }

    /// How all fields are written, in the order of the list.
    private struct Layout {
        let items: [Item]
        /// Opening text of all items.
        let text: [UInt8]

        static let shared = Layout()

        private init() {
            var text: [UInt8] = []
            var numbers: [Substring: UInt8] = [:]
            items = Field.allCases.map { field in
                let name = field.name
                let parts = name.split(separator: ".")
                var objects = Objects()
                var starts: UInt64 = 0
                for (depth, part) in parts.enumerated() {
                    starts |= UInt64(text.count) << UInt64(16 * depth)
                    text.append(contentsOf: "\"\(part)\":".utf8)
                    guard depth < parts.count - 1 else { break }
                    text.append(UInt8(ascii: "{"))
                    let number = numbers[name[..<part.endIndex], default: UInt8(numbers.count + 1)]
                    numbers[name[..<part.endIndex]] = number
                    objects.numbers |= UInt32(number) << UInt32(8 * depth)
                }
                return Item(
                    field: field, isArguments: field == .processArgs || field == .parentArgs, objects: objects,
                    starts: starts, end: text.count)
            }
            self.text = text
        }
    }

    private let layout = Layout.shared
    private let shown: FieldSet
    private let boot: [UInt8]
    private let redacts: Bool
    private var timestamp = Timestamp()
    /// Lineages and arguments as they were written: they are long, and all that a process does has the same. So do the
    /// lineages of the processes that one parent starts.
    private var lineages = KeptTexts<Lineage>()
    private var arguments = KeptTexts<TextList>()

    /// Shows `fields`, in the order of the list of all fields whatever order they come in, so that each object is opened
    /// once.
    package init(fields: Set<Field>, host: Host, redacts: Bool) {
        shown = FieldSet(fields)
        boot = Array(host.boot.utf8)
        self.redacts = redacts
    }

    package mutating func append(_ event: Event, to buffer: inout OutputBuffer) {
        var fields = event.fields
        assert(Field.allCases.allSatisfy { !shown.contains($0) || fields.contains($0) || event.value(of: $0).isAbsent })
        fields.formIntersection(shown)
        var open = Objects()
        let start = buffer.count
        buffer.append(UInt8(ascii: "{"))
        for index in fields.words.indices {
            var word = fields.words[index]
            while word != 0 {
                let item = layout.items[index << 6 | word.trailingZeroBitCount]
                word &= word &- 1
                let value = event.value(of: item.field)
                if case .absent = value { continue }
                let depth = item.objects.shared(with: open)
                if buffer.count > start + 1 { buffer.closeObjects(open.count - depth) }
                open = item.objects
                let key = Int(truncatingIfNeeded: item.starts >> UInt64(16 * depth) & 0xffff)
                buffer.append(layout.text.span.extracting(key..<item.end))
                if item.isArguments, case .texts(let list) = value {
                    append(arguments: list, to: &buffer)
                } else {
                    appendValue(value, to: &buffer)
                }
            }
        }
        for _ in 0..<open.count { buffer.append(UInt8(ascii: "}")) }
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
        case .texts(let list): append(list, to: &buffer)
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
            let place = MemoryPlace(address: UInt(bitPattern: ObjectIdentifier(lineage)), count: 1)
            if let text = lineages[place] {
                buffer.append(text.span)
            } else {
                let start = buffer.count
                append(lineage.ancestors, to: &buffer)
                lineages.keep(buffer.array(from: start), of: lineage, at: place)
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

    /// Of a process: its events have the same list each time.
    private mutating func append(arguments list: TextList, to buffer: inout OutputBuffer) {
        let place = MemoryPlace(address: list.bytes.address, count: list.bytes.count)
        if let text = arguments[place] {
            buffer.append(text.span)
        } else {
            let start = buffer.count
            append(list, to: &buffer)
            arguments.keep(buffer.array(from: start), of: list, at: place)
        }
    }

    private func append(_ list: TextList, to buffer: inout OutputBuffer) {
        let list = redacts ? Redaction.arguments(list) : list
        appendList(list, to: &buffer) { range, buffer in
            Self.append(list.bytes.storage.span.extracting(range), to: &buffer)
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
        if isPlain(text) { return buffer.append(text) }
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

    /// Whether all is printable ASCII without quotes and backslashes: eight bytes at a time, the last of which are looked at
    /// twice where they are fewer.
    @inline(__always)
    private static func isPlain(_ text: Span<UInt8>) -> Bool {
        let bytes = unsafe text.bytes
        let count = bytes.byteCount
        var index = 0
        if count < 8 {
            while index < count {
                guard isPlain(0x3030_3030_3030_3000 | UInt64(text[index])) else { return false }
                index += 1
            }
            return true
        }
        while index < count - 8 {
            guard unsafe isPlain(bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)) else {
                return false
            }
            index += 8
        }
        return unsafe isPlain(bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: count - 8, as: UInt64.self))
    }

    /// Whether eight bytes are all printable ASCII, and no quote or backslash. In each sum a byte's highest bit tells of one
    /// that is not; a carry into the next byte comes only from such a one.
    @inline(__always)
    private static func isPlain(_ bytes: UInt64) -> Bool {
        func all(_ byte: UInt64) -> UInt64 { byte &* 0x0101_0101_0101_0101 }
        let control = bytes &- all(0x20)
        let delete = bytes &+ all(1)
        let quote = (bytes ^ all(0x22)) &- all(1)
        let backslash = (bytes ^ all(0x5c)) &- all(1)
        return (bytes | control | delete | quote | backslash) & all(0x80) == 0
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
