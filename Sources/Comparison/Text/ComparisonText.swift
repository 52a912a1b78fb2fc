// SPDX-License-Identifier: Apache-2.0

internal import Rendering

/// The table for a person.
package struct ComparisonText {
    private let columns: Int
    private let colors: Bool
    private var text = ""

    /// `columns` is at least 72.
    package static func text(of comparison: Comparison, columns: Int, colors: Bool) -> String {
        var writer = ComparisonText(columns: max(72, columns), colors: colors)
        writer.write(comparison)
        return writer.text
    }

    private init(columns: Int, colors: Bool) {
        self.columns = columns
        self.colors = colors
    }

    private static let unseenRows = 10
    private static let barColumns = 8

    private mutating func write(_ comparison: Comparison) {
        write(Self.title(of: comparison))
        if comparison.guests.isEmpty {
            write("There are no pods and no containers on this node: nothing that could have a sidecar.")
        } else if comparison.sidecars.isEmpty {
            write("None of them has a sidecar: nothing passes one, and eBPF alone sees this node.")
        }
        line()
        writeWorkloads(comparison)
        line()
        for row in comparison.rows { write(row) }
        writeSidecars(comparison)
        writeWays(comparison)
        writeUnseen(comparison)
        if let lab = comparison.lab { writeLaboratory(lab) }
    }

    static func title(of comparison: Comparison) -> String {
        "\(printable(comparison.node.name)), Linux \(printable(comparison.node.kernel)), "
            + "\(durationText(comparison.node.window)): \(counted(comparison.pods.count, "pod")), "
            + "\(counted(comparison.containers.count, "container")), the host; "
            + counted(comparison.sidecars.count, "sidecar")
    }

    // MARK: Tables

    private mutating func writeWorkloads(_ comparison: Comparison) {
        let width = columns - 56
        head(Self.fit("WORKLOAD", width) + " SIDECAR   PASSED IT        CONNS BYTES EXECS FILES  UDP")
        for workload in comparison.workloads {
            let activity = workload.activity
            let connections = activity.allConnections
            let sidecar =
                workload.kind == .host
                ? "-" : workload.sidecars.first.map { $0.product.rawValue } ?? "none"
            let share = connections.share.map { Self.bar($0) + Self.right(percentText($0), 7) }
            let numbers = [
                Self.right(Self.short(connections.total), 6), Self.right(byteText(activity.bytes.total), 5),
                Self.right(Self.short(activity[.executions].total), 5),
                Self.right(Self.short(activity[.opens].total &+ activity[.changes].total), 5),
                Self.right(Self.short(activity[.datagrams].total), 4),
            ].joined(separator: " ")
            line(
                Self.fit(printable(workload.name), width, keepsEnd: true) + " " + Self.fit(sidecar, 9) + " "
                    + (share ?? Self.right("-", Self.barColumns + 7)) + " " + numbers)
        }
    }

    private mutating func write(_ row: ComparisonRow) {
        let width = (columns - 16) / 2
        head(Self.fit(row.subject.rawValue.uppercased(), 15) + Self.fit("SIDECAR", width) + " eBPF")
        let left = Self.lines(of: row.sidecar, width)
        let right = Self.lines(of: row.ebpf, width)
        for index in 0..<max(left.count, right.count) {
            let first = index < left.count ? left[index] : ""
            let second = index < right.count ? right[index] : ""
            line(Self.trimmed(Self.fit("", 15) + Self.fit(first, width) + " " + second))
        }
        line()
    }

    private static func lines(of cell: ComparisonCell, _ width: Int) -> [String] {
        var lines: [String] = []
        if let reason = cell.notMeasurable { lines += wrap("not measurable here: \(reason)", width) }
        for text in cell.lines { lines += wrap(printable(text), width) }
        for text in cell.limits { lines += wrap("but " + text, width) }
        return lines
    }

    private mutating func writeSidecars(_ comparison: Comparison) {
        guard !comparison.sidecars.isEmpty else { return }
        let width = columns - 55
        head(Self.fit("SIDECARS OF", width) + " PROCESS         CPU     MEMORY THREADS RESTARTS ABSENT")
        for workload in comparison.workloads {
            for sidecar in workload.sidecars {
                let cpu = sidecar.use.share.map { percentText($0) }
                line(
                    [
                        Self.fit(printable(workload.name), width, keepsEnd: true),
                        Self.fit(printable(sidecar.process), 11), Self.right(cpu ?? "-", 7),
                        Self.right(sidecar.use.memory.map { byteText($0) } ?? "-", 10),
                        Self.right("\(sidecar.threads)", 7), Self.right("\(sidecar.life.restarts)", 8),
                        Self.right(sidecar.life.absent == 0 ? "-" : Self.seconds(sidecar.life.absent), 6),
                    ].joined(separator: " "))
            }
        }
        line()
        writeBounds(comparison)
    }

    private mutating func writeBounds(_ comparison: Comparison) {
        let width = columns - 52
        head(Self.fit("OF KUBERNETES", width) + "  CPU REQUEST   LIMIT   MEMORY REQUEST   LIMIT")
        for workload in comparison.workloads {
            for sidecar in workload.sidecars {
                let use = sidecar.use
                line(
                    Self.fit(printable(workload.name), width, keepsEnd: true)
                        + [
                            Self.right(use.boundText(.requestCPU), 13), Self.right(use.boundText(.limitCPU), 8),
                            Self.right(use.boundText(.requestMemory), 17), Self.right(use.boundText(.limitMemory), 8),
                        ].joined())
            }
        }
        line()
    }

    private mutating func writeWays(_ comparison: Comparison) {
        guard !comparison.sidecars.isEmpty else { return }
        head("WAYS ROUND A SIDECAR THAT ARE OPEN NOW")
        for workload in comparison.guests where !workload.ways.isEmpty {
            line(Self.fit(printable(workload.name), columns, keepsEnd: true).trimmingEnd)
            for way in workload.ways {
                let lines = Self.wrap(printable(way.text), columns - 27)
                for (index, text) in lines.enumerated() {
                    line("  " + Self.fit(index == 0 ? way.kind.title : "", 24) + " " + text)
                }
                for text in way.tries.flatMap({ Self.wrap($0, columns - 29) }) {
                    line(String(repeating: " ", count: 29) + text)
                }
            }
        }
        line()
    }

    private mutating func writeUnseen(_ comparison: Comparison) {
        guard !comparison.sidecars.isEmpty, !comparison.unseen.isEmpty else { return }
        head("WHAT NO SIDECAR SAW")
        for unseen in comparison.unseen.prefix(Self.unseenRows) {
            let what = [unseen.kind.title, unseen.destination.map { printable($0) }].compactMap { $0 }.joined(
                separator: " ")
            let who = "\(printable(unseen.workload)) \(printable(unseen.process))"
            let tail = " \(what), \(unseen.reason)"
            let room = max(20, columns - 7 - tail.unicodeScalars.count)
            line(
                Self.cut(
                    Self.right(Self.short(unseen.count), 6) + " " + Self.cut(who, room, keepsEnd: true) + tail, columns)
            )
        }
        let rest = comparison.unseen.count - Self.unseenRows
        if rest > 0 { line("       and \(counted(rest, "more kind")): -o json has them all") }
    }

    private mutating func writeLaboratory(_ lab: LabFigures) {
        line()
        line(printable(lab.sentence))
        for table in lab.tables {
            line()
            let widths = table.columns.indices.map { column in
                ([table.columns] + table.rows).map { $0[column].unicodeScalars.count }.max() ?? 0
            }
            func text(_ cells: [String]) -> String {
                cells.indices.map { column in
                    column == 0 ? Self.fit(cells[0], widths[0]) : Self.right(cells[column], widths[column])
                }.joined(separator: "  ")
            }
            head(text(table.columns.map { $0 }).uppercased())
            for row in table.rows { line(text(row.map { printable($0) })) }
            for note in table.notes { line(note) }
        }
    }

    // MARK: Lines

    private mutating func write(_ sentence: String) {
        for text in Self.wrap(sentence, columns) { line(text) }
    }

    private mutating func line(_ text: String = "") {
        self.text += text + "\n"
    }

    private mutating func head(_ text: String) {
        let text = Self.trimmed(text)
        line(colors ? "\(Style.faint.code)\(text)\(Style.reset)" : text)
    }

    private static func trimmed(_ text: String) -> String { text.trimmingEnd }

    static func bar(_ share: Double) -> String {
        // Something is never drawn as nothing, nor what is not all as all.
        var full = Int((share * Double(barColumns)).rounded())
        if share > 0 { full = max(full, 1) }
        if share < 1 { full = min(full, barColumns - 1) }
        return String(repeating: "█", count: full) + String(repeating: "░", count: barColumns - full)
    }

    private static func short(_ count: UInt64) -> String { count < 10_000 ? "\(count)" : byteText(count) }

    private static func seconds(_ nanoseconds: UInt64) -> String { decimalText(Double(nanoseconds) / 1e9, 1) + " s" }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.unicodeScalars.count)) + text
    }

    /// As wide as that, cut or filled.
    private static func fit(_ text: String, _ width: Int, keepsEnd: Bool = false) -> String {
        let text = cut(text, width, keepsEnd: keepsEnd)
        return text + String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
    }

    private static func cut(_ text: String, _ width: Int, keepsEnd: Bool = false) -> String {
        let scalars = text.unicodeScalars
        guard scalars.count > width else { return text }
        return keepsEnd
            ? "…" + String(String.UnicodeScalarView(scalars.suffix(width - 1)))
            : String(String.UnicodeScalarView(scalars.prefix(width - 1))) + "…"
    }

    /// Broken between words, and within those that are too long.
    static func wrap(_ text: String, _ width: Int) -> [String] {
        var lines: [String] = []
        var current = ""
        for word in text.split(separator: " ") {
            var word = String(word)
            while word.unicodeScalars.count > width {
                if !current.isEmpty { lines.append(current) }
                current = ""
                lines.append(String(String.UnicodeScalarView(word.unicodeScalars.prefix(width))))
                word = String(String.UnicodeScalarView(word.unicodeScalars.dropFirst(width)))
            }
            if current.isEmpty {
                current = word
            } else if current.unicodeScalars.count + 1 + word.unicodeScalars.count <= width {
                current += " " + word
            } else {
                lines.append(current)
                current = word
            }
        }
        if !current.isEmpty { lines.append(current) }
        return lines
    }
}

extension String {
    fileprivate var trimmingEnd: String {
        var scalars = unicodeScalars[...]
        while scalars.last == " " { scalars.removeLast() }
        return String(scalars)
    }
}

extension Activity.Kind {
    /// As people say it, of one or more.
    package var title: String {
        switch self {
        case .executions: "exec"
        case .opens: "open"
        case .changes: "change"
        case .connections: "to"
        case .accepted: "accepted on"
        case .sent: "bytes sent"
        case .received: "bytes received"
        case .datagrams: "UDP to"
        case .questions: "DNS"
        }
    }
}

extension ResourceUse {
    /// "100 m" or "79-104 m", "128M"; "none", and "?" for what this node does not tell.
    package func boundText(_ bound: Bound) -> String {
        if unmeasured.contains(bound) { return "?" }
        switch bound {
        case .requestCPU:
            guard let cpu = requestCPU, cpu.upperBound > 0 else { return "none" }
            return cpu.count == 1 ? "\(cpu.lowerBound) m" : "\(cpu.lowerBound)-\(cpu.upperBound) m"
        case .requestMemory: return requestMemory.flatMap { $0 > 0 ? byteText($0) : nil } ?? "none"
        case .limitCPU: return limitCPU.map { "\($0) m" } ?? "none"
        case .limitMemory: return limitMemory.map { byteText($0) } ?? "none"
        }
    }
}
