// SPDX-License-Identifier: Apache-2.0

/// The line that is being written: colours what it is told to, and cuts at the terminal's edge when it ends.
struct Line: ~Copyable {
    var buffer: OutputBuffer
    /// What a line that is too long has at its end all the same.
    var kept: Range<Int>?
    /// What is in front of that gets this much of the line at least.
    var front = 0.5
    private let start: Int
    private let columns: Int?
    private let colors: Bool

    init(_ buffer: consuming OutputBuffer, columns: Int?, colors: Bool) {
        start = buffer.count
        self.buffer = buffer
        self.columns = columns
        self.colors = colors
    }

    mutating func write(_ style: Style, _ body: (inout OutputBuffer) -> Void) {
        if colors { buffer.append(style.code) }
        body(&buffer)
        if colors { buffer.append(Style.reset) }
    }

    /// The buffer with the whole line.
    consuming func end() -> OutputBuffer {
        if let columns, let fitting = cut(at: columns) {
            var end = OutputBuffer(capacity: 64)
            var fitting = fitting
            var isPadding = false
            if let kept, let width = width(of: kept, atMost: columns - Int(Double(columns) * front)),
                let shorter = cut(at: columns - width)
            {
                if shorter < kept.lowerBound {
                    fitting = shorter
                    isPadding = isBlank(shorter..<kept.lowerBound)
                    end.append(buffer.bytes.extracting(kept))
                } else {
                    // Only what stands behind it is too long.
                    fitting = min(fitting, kept.upperBound)
                }
            }
            buffer.truncate(to: fitting)
            // Where only spaces are left out, nothing is missing.
            buffer.append(isPadding ? " " : "…")
            if colors { buffer.append(Style.reset) }
            buffer.append(end.bytes)
        }
        buffer.append(UInt8(ascii: "\n"))
        return buffer
    }

    private func isBlank(_ part: Range<Int>) -> Bool {
        let bytes = buffer.bytes
        return part.allSatisfy { bytes[$0] == UInt8(ascii: " ") }
    }

    /// Columns of a part; nil when they are more than `limit`.
    private func width(of part: Range<Int>, atMost limit: Int) -> Int? {
        let bytes = buffer.bytes
        var used = 0
        var index = part.lowerBound
        while index < part.upperBound {
            if bytes[index] == 0x1b {
                while index < part.upperBound, bytes[index] != UInt8(ascii: "m") { index += 1 }
                index += 1
                continue
            }
            guard let scalar = Scalar(bytes, index) else { return nil }
            used += scalar.columns
            index += scalar.length
        }
        return used <= limit ? used : nil
    }

    /// Where a line that is too long has to end, for a "…" to stand in the last column. Escape sequences take no columns.
    private func cut(at columns: Int) -> Int? {
        let bytes = buffer.bytes
        var used = 0
        var index = start
        var fits = start
        while index < bytes.count {
            if bytes[index] == 0x1b {
                while index < bytes.count, bytes[index] != UInt8(ascii: "m") { index += 1 }
                index += 1
                continue
            }
            guard let scalar = Scalar(bytes, index) else { return nil }
            if used + scalar.columns > columns { return fits }
            used += scalar.columns
            index += scalar.length
            if used < columns { fits = index }
        }
        return nil
    }
}
