// SPDX-License-Identifier: Apache-2.0

package import Enrichment
package import Events

/// One JSON object a line. Follows from the list of fields; a field without a value is left out.
package struct JSONRenderer {
    private struct Item {
        let field: Field
        /// Keys of the objects around it, and its own, each as `"key":`.
        let groups: [[UInt8]]
        let key: [UInt8]
    }

    private let items: [Item]
    private let boot: [UInt8]
    private let redacts: Bool
    private var timestamp = Timestamp()

    /// Shows `fields`, in the order of the list of all fields whatever order they come in, so that each object is opened
    /// once.
    package init(fields: Set<Field>, host: Host, redacts: Bool) {
        items = Field.allCases.filter(fields.contains).map { field in
            let parts = field.name.split(separator: ".").map { Array("\"\($0)\":".utf8) }
            return Item(field: field, groups: Array(parts.dropLast()), key: parts.last!)
        }
        boot = Array(host.boot.utf8)
        self.redacts = redacts
    }

    package mutating func append(_ event: Event, to buffer: inout OutputBuffer) {
        var open: [[UInt8]] = []
        var needsComma = false
        buffer.append(UInt8(ascii: "{"))
        for item in items {
            let value = event.value(of: item.field)
            if case .absent = value { continue }
            while open.count > item.groups.count || zip(open, item.groups).contains(where: { $0 != $1 }) {
                open.removeLast()
                buffer.append(UInt8(ascii: "}"))
                needsComma = true
            }
            while open.count < item.groups.count {
                if needsComma { buffer.append(UInt8(ascii: ",")) }
                needsComma = false
                buffer.append(contentsOf: item.groups[open.count][...])
                buffer.append(UInt8(ascii: "{"))
                open.append(item.groups[open.count])
            }
            if needsComma { buffer.append(UInt8(ascii: ",")) }
            needsComma = true
            buffer.append(contentsOf: item.key[...])
            appendValue(value, to: &buffer)
        }
        for _ in open { buffer.append(UInt8(ascii: "}")) }
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
        case .text(let text): Self.append(text.storage, text.range, to: &buffer)
        case .texts(let list):
            let list = redacts ? Redaction.arguments(list) : list
            var first = true
            buffer.append(UInt8(ascii: "["))
            for range in list {
                if !first { buffer.append(UInt8(ascii: ",")) }
                first = false
                Self.append(list.bytes.storage, range, to: &buffer)
            }
            buffer.append(UInt8(ascii: "]"))
        case .path(let path):
            buffer.append(UInt8(ascii: "\""))
            Self.append(path, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .joinedPath(let directory, let relative):
            buffer.append(UInt8(ascii: "\""))
            let isRelative = relative.slice.first != UInt8(ascii: "/")
            if isRelative, let directory, directory.bytes.count > 1 { Self.append(directory, to: &buffer) }
            if isRelative { buffer.append(UInt8(ascii: "/")) }
            Self.appendContents(relative.storage, relative.withoutDotSlash, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .time(let nanoseconds):
            buffer.append(UInt8(ascii: "\""))
            timestamp.append(nanoseconds, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .entity(let key):
            buffer.append(UInt8(ascii: "\""))
            append(entity: key, to: &buffer)
            buffer.append(UInt8(ascii: "\""))
        case .ancestors(let ancestors): append(ancestors, to: &buffer)
        case .counts(let counts):
            buffer.append(UInt8(ascii: "{"))
            for (index, (name, count)) in counts.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                buffer.append("\"\(name)\":")
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
                Self.append(ancestor.name.storage, ancestor.name.range, to: &buffer)
            }
            if let executable = ancestor.executable {
                buffer.append(",\"executable\":\"")
                Self.append(executable, to: &buffer)
                buffer.append(UInt8(ascii: "\""))
            }
            buffer.append(UInt8(ascii: "}"))
        }
    }

    /// Boot, start and pid.
    func append(entity key: ProcessKey, to buffer: inout OutputBuffer) {
        buffer.append(contentsOf: boot[...])
        buffer.append(UInt8(ascii: "-"))
        buffer.append(hexadecimal: key.start)
        buffer.append(UInt8(ascii: "-"))
        buffer.append(decimal: UInt64(key.pid))
    }

    private func appendList<Element>(
        _ elements: [Element], to buffer: inout OutputBuffer, _ body: (Element, inout OutputBuffer) -> Void
    ) {
        buffer.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { buffer.append(UInt8(ascii: ",")) }
            body(element, &buffer)
        }
        buffer.append(UInt8(ascii: "]"))
    }

    private func appendQuoted(_ word: StaticString, to buffer: inout OutputBuffer) {
        buffer.append(UInt8(ascii: "\""))
        buffer.append(word)
        buffer.append(UInt8(ascii: "\""))
    }

    private static func append(_ storage: [UInt8], _ range: Range<Int>, to buffer: inout OutputBuffer) {
        buffer.append(UInt8(ascii: "\""))
        appendContents(storage, range, to: &buffer)
        buffer.append(UInt8(ascii: "\""))
    }

    private static func append(_ path: WalkedPath, to buffer: inout OutputBuffer) {
        var isEmpty = true
        path.forEachComponent { range in
            isEmpty = false
            buffer.append(UInt8(ascii: "/"))
            appendContents(path.bytes.storage, range, to: &buffer)
        }
        if isEmpty { buffer.append(UInt8(ascii: "/")) }
    }

    /// The inside of a JSON string. Bytes that are not UTF-8 become U+FFFD, so that every line is valid. More than the
    /// controls that JSON asks for is escaped: JSON ends up on terminals.
    private static func appendContents(_ storage: [UInt8], _ range: Range<Int>, to buffer: inout OutputBuffer) {
        var start = range.lowerBound
        var index = start
        while index < range.upperBound {
            let byte = storage[index]
            if byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
                index += 1
                continue
            }
            let scalar = Scalar(storage, index, end: range.upperBound)
            if byte >= 0x80, let scalar, !scalar.isHostile {
                index += scalar.length
                continue
            }
            buffer.append(contentsOf: storage[start..<index])
            if let scalar {
                appendEscaped(scalar.value, to: &buffer)
                index += scalar.length
            } else {
                buffer.append("\u{fffd}")
                index += 1
            }
            start = index
        }
        buffer.append(contentsOf: storage[start..<range.upperBound])
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
        for shift in stride(from: 12, through: 0, by: -4) {
            buffer.append(OutputBuffer.hexDigit(UInt8(unit >> UInt32(shift) & 0xf)))
        }
    }
}

extension Bytes {
    /// The range without leading "./", for joining to a directory.
    var withoutDotSlash: Range<Int> {
        var start = range.lowerBound
        while start + 2 < range.upperBound, storage[start] == UInt8(ascii: "."), storage[start + 1] == UInt8(ascii: "/")
        {
            start += 2
        }
        return start..<range.upperBound
    }
}
