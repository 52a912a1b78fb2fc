// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

extension TextRenderer {
    /// The line above the first event.
    package static let filesHeader = "TIME             PID PROCESS      WHAT      FILE"

    /// Time, pid, process, container, then "open r /etc/passwd", or "open w /etc/shadow: EACCES".
    func appendFile(_ event: Event, _ file: FileFact, to line: inout Line) {
        appendWho(event, isKnown: true, to: &line)
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        let isFailure = file.error != nil
        line.write(Self.style(of: file)) { buffer in
            buffer.append(file.operation.name)
            for _ in min(7, file.operation.name.utf8CodeUnitCount)..<7 { buffer.append(" ") }
        }
        // The access of an open takes three columns, which longer names run into.
        let room = max(1, 10 - max(7, file.operation.name.utf8CodeUnitCount))
        if let access = file.record.access {
            line.buffer.append(access)
            line.buffer.append(" ")
        } else {
            for _ in 0..<room { line.buffer.append(" ") }
        }
        let marks = file.marks.filter { !Self.isOrdinary($0) }
        if !marks.isEmpty {
            line.write(.warning) { buffer in
                buffer.append("[")
                for (index, mark) in marks.enumerated() {
                    if index > 0 { buffer.append(" ") }
                    buffer.append(mark)
                }
                buffer.append("] ")
            }
        }
        line.write(isFailure ? .plain : .strong) { buffer in
            if let path = file.path { Self.append(path, to: &buffer) } else { buffer.append("?") }
        }
        Self.appendAsked(file.record, to: &line.buffer)
        if let bytes = file.record.bytesWritten ?? file.record.bytesRead {
            line.buffer.append(string: " \(byteText(bytes))")
        }
        if let original = file.originalPath {
            line.buffer.append(Self.preposition(of: file))
            Self.append(original, to: &line.buffer)
        } else if let contents = file.record.contents {
            line.buffer.append(" -> ")
            TextEscape.append(contents.span, to: &line.buffer)
        }
        if let error = file.error {
            let start = line.buffer.count
            line.buffer.append(": ")
            line.write(.bad) { appendErrno(error, to: &$0) }
            line.kept = start..<line.buffer.count
        }
        appendHash(of: event, to: &line)
        if let writer = event.writer { append(writer, to: &line) }
        if options.wide { appendDetails(event, file, to: &line) }
    }

    /// A program is executed that was written in this run: "exec       /tmp/x  written by cp[42]".
    func appendExecution(_ event: Event, _ file: ExecutedFile, to line: inout Line) {
        appendWho(event, isKnown: true, to: &line)
        if event.repeats.count > 0 { appendRepeats(event, to: &line) }
        line.write(.bad) { $0.append("exec       ") }
        line.write(.strong) { Self.append(file.path, to: &$0) }
        appendHash(of: event, to: &line)
        if let writer = event.writer { append(writer, to: &line) }
        if options.wide, let process = event.process { appendContext(event, process, to: &line) }
    }

    /// Whole where there is room for it.
    private func appendHash(of event: Event, to line: inout Line) {
        guard let hash = event.hash else { return }
        line.write(.faint) { buffer in
            buffer.append(" sha256:")
            buffer.append(hash.storage.span.extracting(options.wide ? hash.range : hash.range.prefix(12)))
        }
    }

    /// The end of the line, kept when it is cut.
    private func append(_ writer: FileWriter, to line: inout Line) {
        let start = line.buffer.count
        line.write(.bad) { buffer in
            buffer.append(" written by ")
            TextEscape.append(Bytes(writer.name.array).span, to: &buffer)
            buffer.append(string: "[\(writer.key.pid)]")
        }
        line.kept = start..<line.buffer.count
    }

    /// In front of the second path.
    private static func preposition(of file: FileFact) -> StaticString {
        switch file.operation {
        case .link: " of "
        case .pivotRoot: ", the old root to "
        default: file.record.has(WIRE_FILE_EXCHANGE) ? " with " : " from "
        }
    }

    /// " to 0644", " to 0:0", " to 100 B", " user.name", " tmpfs of none".
    private static func appendAsked(_ file: FileRecord, to buffer: inout OutputBuffer) {
        if file.operation == .chmod, let mode = file.permissions {
            buffer.append(" to ")
            TextEscape.append(FileFact.octal(mode).span, to: &buffer)
        } else if file.operation == .chown {
            func text(_ identity: UInt32?) -> String { identity.map { "\($0)" } ?? "" }
            buffer.append(string: " to \(text(file.ownerAsked)):\(text(file.groupAsked))")
        } else if let size = file.sizeAsked {
            buffer.append(
                string: " to \(Int64(bitPattern: size) < 0 ? "\(Int64(bitPattern: size)) B" : byteText(size))")
        } else if let type = file.mountType ?? file.mountSource {
            buffer.append(" ")
            TextEscape.append(type.span, to: &buffer)
            guard file.mountType != nil, let source = file.mountSource else { return }
            buffer.append(" of ")
            TextEscape.append(source.span, to: &buffer)
        } else if let attribute = file.attribute {
            buffer.append(" ")
            TextEscape.append(attribute.span, to: &buffer)
        }
    }

    /// What wide and JSON have all the same.
    private static func isOrdinary(_ mark: StaticString) -> Bool {
        ["upper_layer", "as_asked", "exchange"].contains("\(mark)")
    }

    private static func style(of file: FileFact) -> Style {
        if file.error != nil { return .warning }
        return file.operation == .open ? .faint : .plain
    }

    static func append(_ path: FilePath, to buffer: inout OutputBuffer) {
        switch path {
        case .resolved(let walked): TextEscape.append(walked, to: &buffer)
        case .asked: TextEscape.append(Bytes(path.bytes).span, to: &buffer)
        }
    }

    /// What `wide` adds.
    private func appendDetails(_ event: Event, _ file: FileFact, to line: inout Line) {
        line.write(.faint) { buffer in
            if let flags = file.record.openFlags {
                buffer.append("  flags=")
                for (index, range) in flags.enumerated() {
                    if index > 0 { buffer.append("|") }
                    buffer.append(flags.bytes.storage.span.extracting(range))
                }
            }
            if let mode = file.record.mode { buffer.append(string: "  mode=0\(String(mode & 0o7777, radix: 8))") }
            if let inode = file.inode { buffer.append(string: "  inode=\(inode)") }
            if case .text(let device) = event.value(of: .fileDevice) {
                buffer.append("  device=")
                TextEscape.append(device.span, to: &buffer)
            }
            if file.marks.contains(where: { "\($0)" == "upper_layer" }) { buffer.append("  upper layer") }
            if let path = file.path?.hostPath {
                buffer.append("  host=")
                path.forEachHostComponent { range in
                    buffer.append("/")
                    TextEscape.append(path.bytes.storage.span.extracting(range), to: &buffer)
                }
            }
        }
        if let process = event.process { appendContext(event, process, to: &line) }
    }
}

extension FileRecord {
    /// r, w, rw, or p for what may only be passed on (O_PATH); two columns wide. `nil` for what was not opened.
    fileprivate var access: StaticString? {
        guard has(WIRE_FILE_HAS_FLAGS) else { return nil }
        if fixed.open_flags & Self.path != 0 { return "p " }
        return switch fixed.open_flags & 3 {
        case 0: "r "
        case 1: "w "
        default: "rw"
        }
    }

    private static let path: UInt32 = 0o10000000
}
