// SPDX-License-Identifier: Apache-2.0

package import Events

/// Rows of numbers with a label at their end.
package struct Table {
    package enum Cell: Equatable {
        /// Not known.
        case none
        case count(UInt64)
        /// Nanoseconds.
        case duration(UInt64)
        case bytes(UInt64)
        case share(UInt64, of: UInt64)
    }

    package struct Row {
        package let cells: [Cell]
        /// Hostile.
        package let label: Bytes
        /// Whether the label's end matters more than its start.
        package let isPath: Bool
        package let style: Style
        /// Indented under the row before.
        package let isPart: Bool

        package init(_ cells: [Cell], _ label: Bytes, isPath: Bool = false, style: Style = .plain, isPart: Bool = false)
        {
            self.cells = cells
            self.label = label
            self.isPath = isPath
            self.style = style
            self.isPart = isPart
        }
    }

    /// Titles of the numbers, and of the labels.
    package let columns: [String]
    package let labelTitle: String
    package var rows: [Row]

    package init(columns: [String], labelTitle: String, rows: [Row] = []) {
        self.columns = columns
        self.labelTitle = labelTitle
        self.rows = rows
    }
}

/// A table for a person: as wide as it needs to be, or cut at the edge of a terminal.
package struct TableRenderer {
    /// `nil` to cut nothing.
    private let columns: Int?
    private let colors: Bool

    package init(columns: Int?, colors: Bool) {
        self.columns = columns
        self.colors = colors
    }

    /// Labels get at least this much, as long as the line has it.
    private static let labelMinimum = 24

    package func append(_ table: Table, to buffer: inout OutputBuffer) {
        let cells = table.rows.map { $0.cells.map(Self.text) }
        let widths = table.columns.enumerated().map { index, title in
            cells.reduce(title.utf8.count) { max($0, $1[index].utf8.count) }
        }
        let numbers = widths.reduce(0, +)
        let wide = numbers + 2 * widths.count + Self.labelMinimum
        let gap = columns.map { wide > $0 } == true ? 1 : 2
        let labelColumns = columns.map { max(8, $0 - numbers - gap * (widths.count - 1) - 2) }
        func line(_ texts: [String], _ label: (inout OutputBuffer) -> Void, style: Style) {
            var line = OutputBuffer(capacity: 256)
            for (index, (text, width)) in zip(texts, widths).enumerated() {
                let space = width - text.utf8.count + (index > 0 ? gap : 0)
                for _ in 0..<space { line.append(UInt8(ascii: " ")) }
                line.append(string: text)
            }
            line.append("  ")
            label(&line)
            if colors { buffer.append(style.code) }
            Self.append(line.bytes, columns, keepsEnd: false, to: &buffer)
            if colors, style != .plain { buffer.append(Style.reset) }
            buffer.append(UInt8(ascii: "\n"))
        }
        line(table.columns, { $0.append(string: table.labelTitle) }, style: .faint)
        for (row, texts) in zip(table.rows, cells) {
            line(texts, { Self.append(row, labelColumns, to: &$0) }, style: row.style)
        }
    }

    private static func append(_ row: Table.Row, _ columns: Int?, to line: inout OutputBuffer) {
        let indent = row.isPart ? 2 : 0
        for _ in 0..<indent { line.append(UInt8(ascii: " ")) }
        var label = OutputBuffer(capacity: 256)
        TextEscape.append(row.label.span, to: &label)
        append(label.bytes, columns.map { $0 - indent }, keepsEnd: row.isPath, to: &line)
    }

    private static func text(_ cell: Table.Cell) -> String {
        switch cell {
        case .none: "-"
        case .count(let count): grouped(count)
        case .duration(let nanoseconds): durationText(nanoseconds)
        case .bytes(let count): byteText(count)
        case .share(let part, let whole):
            whole == 0 ? "-" : decimal(hundredths: UInt64(Double(part) / Double(whole) * 10_000 + 0.5))
        }
    }

    private static func decimal(hundredths: UInt64) -> String {
        "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    /// What fits into so many columns, with "…" for the rest.
    private static func append(_ text: Span<UInt8>, _ columns: Int?, keepsEnd: Bool, to buffer: inout OutputBuffer) {
        guard let columns else { return buffer.append(text) }
        var scalars: [(start: Int, columns: Int)] = []
        var index = 0
        var total = 0
        while index < text.count {
            let scalar = Scalar(text, index)
            scalars.append((index, scalar?.columns ?? 1))
            total += scalar?.columns ?? 1
            index += scalar?.length ?? 1
        }
        guard total > columns else { return buffer.append(text) }
        var used = 1
        if keepsEnd {
            var start = text.count
            for scalar in scalars.reversed() {
                if used + scalar.columns > columns { break }
                used += scalar.columns
                start = scalar.start
            }
            buffer.append("…")
            buffer.append(text.extracting(start..<text.count))
        } else {
            var end = 0
            for (place, scalar) in scalars.enumerated() {
                if used + scalar.columns > columns { break }
                used += scalar.columns
                end = place + 1 < scalars.count ? scalars[place + 1].start : text.count
            }
            buffer.append(text.extracting(0..<end))
            buffer.append("…")
        }
    }
}
