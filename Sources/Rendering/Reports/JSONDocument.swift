// SPDX-License-Identifier: Apache-2.0

/// A JSON text that is made once, for a report. (Events have a faster way.)
package enum JSONDocument {
    case string(String)
    case number(UInt64)
    case decimal(Double)
    case bool(Bool)
    case array([JSONDocument])
    /// Members without a value are left out.
    case object([(name: String, value: JSONDocument?)])

    /// Indented, with a newline at the end.
    package var text: String {
        var buffer = OutputBuffer()
        append(to: &buffer, depth: 0)
        buffer.append(UInt8(ascii: "\n"))
        return String(decoding: buffer.array(), as: UTF8.self)
    }

    /// In one line, without a newline at its end.
    package var line: String {
        var buffer = OutputBuffer()
        append(to: &buffer, depth: nil)
        return String(decoding: buffer.array(), as: UTF8.self)
    }

    /// `depth` is `nil` for all in one line.
    private func append(to buffer: inout OutputBuffer, depth: Int?) {
        switch self {
        case .string(let text): JSONRenderer.append(Array(text.utf8).span, to: &buffer)
        case .number(let value): buffer.append(decimal: value)
        case .decimal(let value): buffer.append(string: "\(value)")
        case .bool(let value): buffer.append(value ? "true" : "false")
        case .array(let elements):
            Self.appendParts(elements.map { (nil, $0) }, "[", "]", to: &buffer, depth: depth)
        case .object(let members):
            let parts = members.compactMap { member in member.value.map { (Optional(member.name), $0) } }
            Self.appendParts(parts, "{", "}", to: &buffer, depth: depth)
        }
    }

    private static func appendParts(
        _ parts: [(name: String?, value: JSONDocument)], _ open: StaticString, _ close: StaticString,
        to buffer: inout OutputBuffer, depth: Int?
    ) {
        func lineBreak(_ depth: Int) { buffer.append(string: "\n" + String(repeating: "  ", count: depth)) }
        buffer.append(open)
        for (index, part) in parts.enumerated() {
            if index > 0 { buffer.append(UInt8(ascii: ",")) }
            if let depth { lineBreak(depth + 1) }
            if let name = part.name { buffer.append(string: depth == nil ? "\"\(name)\":" : "\"\(name)\": ") }
            part.value.append(to: &buffer, depth: depth.map { $0 + 1 })
        }
        if let depth, !parts.isEmpty { lineBreak(depth) }
        buffer.append(close)
    }
}
