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

    private func append(to buffer: inout OutputBuffer, depth: Int) {
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
        to buffer: inout OutputBuffer, depth: Int
    ) {
        buffer.append(open)
        for (index, part) in parts.enumerated() {
            buffer.append(index == 0 ? "\n" : ",\n")
            buffer.append(string: String(repeating: "  ", count: depth + 1))
            if let name = part.name { buffer.append(string: "\"\(name)\": ") }
            part.value.append(to: &buffer, depth: depth + 1)
        }
        if !parts.isEmpty { buffer.append(string: "\n" + String(repeating: "  ", count: depth)) }
        buffer.append(close)
    }
}
