// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Events
internal import Glibc
internal import Rendering

/// Where printed events go: standard output in the chosen form, and a file as JSON.
struct Sink: ~Copyable {
    /// What became of an event.
    enum Outcome {
        case printed, filtered, heldBack
        /// The same as one before: only counted, by `--dedup`.
        case folded
        /// In the summary, and printed nowhere.
        case summarised
    }

    private enum Form {
        case text(TextRenderer)
        case fields(FieldRenderer)
        case json
    }

    private var form: Form
    /// Beside the form, where it is changed in place: it remembers much of what it has written.
    private var jsonForm: JSONRenderer?
    private var output = Writer(descriptor: 1)
    private var buffer = OutputBuffer()
    private var file: Writer?
    private let filePath: String
    private var fileForm: JSONRenderer?
    private var fileBuffer = OutputBuffer()

    private let kinds: Set<TraceKind>
    private let fileKinds: Set<TraceKind>
    /// An exec of what is no file, or that gains privileges, is one of the security events.
    private let showsMarkedExecs: Bool
    /// For a person, the question and its answer tell all of a flow that asks for a name.
    private let hidesLookups: Bool
    private let maxRate: UInt64?
    private var second: UInt64 = 0
    private var inSecond: UInt64 = 0
    private(set) var printed: UInt64 = 0
    /// Events for `--count`: without losses, rows and what tells of repeats.
    private(set) var counted: UInt64 = 0

    private var folding: Folding?
    private var summary: Summary?
    private let host: Host
    private let format: OutputFormat
    private let cutsLines: Bool
    private let colors: Bool

    /// What to print on standard error above the first event; `nil` for none.
    let header: String?

    init(_ options: TraceOptions, host: Host) throws(Failure) {
        let all = Set(TraceKind.allCases)
        fileKinds = options.shownKinds ?? all
        showsMarkedExecs = options.security
        hidesLookups =
            options.kinds == nil && options.format != .json && options.fields == nil && options.summary == nil
        kinds = options.shownKinds ?? (options.format == .json || options.fields != nil ? all : TraceKind.textDefault)
        maxRate = options.maxRate
        folding = options.dedup.map { Folding(length: $0, host: host) }
        summary = options.summary.map { Summary(options, $0) }
        self.host = host
        format = options.format
        let isTerminal = isatty(1) == 1
        let colors = Self.usesColors(options.color)
        self.colors = colors
        cutsLines = isTerminal && options.format != .wide
        let hasHeader = options.summary?.mode != .only && !options.difference && options.comparison == nil
        switch options.format {
        case .json:
            form = .json
            jsonForm = JSONRenderer(fields: Set(options.fields ?? Field.allCases), host: host, redacts: options.redacts)
            header = nil
        case .text, .wide:
            if let fields = options.fields {
                let renderer = FieldRenderer(fields: fields, host: host, redacts: options.redacts)
                header = renderer.header
                form = .fields(renderer)
            } else {
                let wide = options.format == .wide
                header = hasHeader ? options.command.header(wide: wide) : nil
                form = .text(
                    TextRenderer(
                        options: .init(
                            columns: isTerminal && !wide ? terminalColumns(1) ?? 80 : nil, colors: colors, wide: wide,
                            redacts: options.redacts
                        )))
            }
        }
        filePath = options.outputFile ?? ""
        if let path = options.outputFile {
            file = try Writer(path: path)
            fileForm = JSONRenderer(fields: Set(options.fields ?? Field.allCases), host: host, redacts: options.redacts)
        }
    }

    /// Whether standard output is to be coloured.
    static func usesColors(_ choice: ColorChoice) -> Bool {
        switch choice {
        case .always: return true
        case .never: return false
        case .auto:
            // https://no-color.org: set and not empty.
            let noColor = unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
            let isDumb = unsafe getenv("TERM").map { unsafe strcmp($0, "dumb") == 0 } ?? false
            return isatty(1) == 1 && !noColor && !isDumb
        }
    }

    /// How wide a table on standard output may be.
    static func outputColumns() -> Int { terminalColumns(1) ?? 100 }

    /// Renders the event, or not.
    mutating func take(_ event: inout Event) -> Outcome {
        let (shows, files) = places(of: event)
        if !shows { skip(event) }
        guard shows || files else { return .filtered }
        if event.action != .loss {
            // An exec that files are watched for is no start of a program here.
            if event.executed == nil { summary?.add(event) }
            if summary?.options.mode == .only {
                counted += 1
                return .summarised
            }
            closeWindows(until: event.time)
            if folding?.folds(event) == true {
                skip(event)
                return .folded
            }
        }
        if let maxRate, event.action != .loss {
            let now = event.time / 1_000_000_000
            if now != second {
                second = now
                inSecond = 0
            }
            guard inSecond < maxRate else { return .heldBack }
            inSecond += 1
        }
        if event.action != .loss { counted += 1 }
        render(&event, shows: shows, files: files)
        return .printed
    }

    /// Whether the chosen kinds have it on standard output, and in the file.
    private func places(of event: Event) -> (shows: Bool, files: Bool) {
        var kind = TraceKind(event)
        let isHidden = hidesLookups && event.connection?.isLookup == true
        if showsMarkedExecs, kind == .exec, event.isMarked { kind = .security }
        let shows = !isHidden && (kind.map(kinds.contains) ?? true)
        return (shows, fileForm != nil && (kind.map(fileKinds.contains) ?? true))
    }

    private mutating func render(_ event: inout Event, shows: Bool, files: Bool) {
        printed += 1
        event.sequence = printed
        if shows {
            switch form {
            case .text(var renderer):
                form = .json  // so that the renderer is not copied
                renderer.append(event, to: &buffer)
                form = .text(renderer)
            case .fields(var renderer):
                renderer.append(event, to: &buffer)
                form = .fields(renderer)
            case .json: jsonForm?.append(event, to: &buffer)
            }
        }
        if files { fileForm?.append(event, to: &fileBuffer) }
    }

    /// Tells of the repeats of those windows of `--dedup` that end by `time`.
    mutating func closeWindows(until time: UInt64) {
        guard var closed = folding?.close(until: time) else { return }
        for index in closed.indices {
            let (shows, files) = places(of: closed[index])
            render(&closed[index], shows: shows, files: files)
        }
    }

    /// Adds calls that the kernel has counted to the summary.
    mutating func add(_ entry: SyscallCounts.Entry, of group: SummaryGroup) {
        summary?.add(entry, of: group)
    }

    /// Adds a connection that is still open at the end to the summary.
    mutating func addOpen(_ event: Event) { summary?.addOpen(event) }

    /// Prints the summary, where one was asked for.
    mutating func printSummary(time: UInt64) {
        guard let summary else { return }
        let top = summary.options.top
        var rows = summary.tables(top: top, parts: nil).flatMap(\.rows).map {
            Event(summary: $0, time: time, host: host)
        }
        guard case .text = form else {
            for index in rows.indices { render(&rows[index], shows: true, files: fileForm != nil) }
            return
        }
        for index in rows.indices where fileForm != nil { render(&rows[index], shows: false, files: true) }
        let isWide = format == .wide
        let renderer = TableRenderer(columns: cutsLines ? terminalColumns(1) ?? 80 : nil, colors: colors)
        let tables = summary.tables(
            top: top ?? SummaryOptions.defaultTop, parts: isWide ? nil : top ?? SummaryOptions.defaultParts)
        for (index, table) in tables.enumerated() {
            if index > 0 || buffer.count > 0 || printed > 0 { buffer.append("\n") }
            renderer.append(table.table, to: &buffer)
        }
    }

    /// Prints rows that are told when the run is over.
    mutating func print(_ rows: [Event]) {
        for var row in rows { render(&row, shows: true, files: fileForm != nil) }
    }

    /// Takes note of an event that is not shown: what a process does next is indented by it.
    mutating func skip(_ event: Event) {
        guard case .text(var renderer) = form else { return }
        form = .json  // so that the renderer is not copied
        renderer.skip(event)
        form = .text(renderer)
    }

    var isFull: Bool { buffer.count > 1 << 16 || fileBuffer.count > 1 << 16 }

    /// Writes what is rendered.
    mutating func flush(_ loop: borrowing EventLoop, isLast: Bool = false) throws(Failure) -> Writer.Outcome {
        if file != nil, case .failed(let code) = file!.flush(&fileBuffer, loop, isLast: isLast) {
            throw Failure(
                .failure, "--output-file: can't write \(filePath): \(unsafe String(cString: strerror(code)))",
                help: "the last line in it may be cut; the run is over")
        }
        let outcome = output.flush(&buffer, loop, isLast: isLast)
        if case .failed(let code) = outcome {
            throw .unwritten(code)
        }
        return outcome
    }

    /// The terminal has another size now.
    mutating func resize() {
        guard case .text(var renderer) = form, renderer.options.columns != nil else { return }
        renderer.options.columns = terminalColumns(1) ?? 80
        form = .text(renderer)
    }
}

extension WatchCommand {
    /// The line above the first event.
    fileprivate func header(wide: Bool) -> String {
        switch self {
        case .trace: TextRenderer.header(wide: wide)
        case .watchNet: TextRenderer.header(wide: wide, network: true)
        case .watchFiles: TextRenderer.filesHeader
        case .enforce: TextRenderer.policyHeader
        case .compareSidecar: ""
        }
    }
}

extension TraceKind {
    init(_ operation: FileOperation) {
        self =
            switch operation {
            case .open: .open
            case .create: .create
            case .rename: .rename
            case .unlink: .unlink
            case .link: .link
            case .symlink: .symlink
            case .mkdir: .mkdir
            case .rmdir: .rmdir
            case .mknod: .mknod
            case .write: .write
            case .execMap: .execMap
            case .chmod: .chmod
            case .chown: .chown
            case .truncate: .truncate
            case .setxattr: .setxattr
            case .removexattr: .removexattr
            case .mount: .mount
            case .umount: .umount
            case .pivotRoot: .pivotRoot
            case .read: .read
            }
    }

    /// `nil` for what is shown whatever was chosen.
    fileprivate init?(_ event: Event) {
        switch event.action {
        case .exec: self = .exec
        case .execFailed: self = .failed
        case .fork: self = .fork
        case .exit: self = .exit
        case .syscall: self = event.call?.isSecurity == true ? .security : .syscall
        case .signal: self = .signal
        case .oom: self = .oom
        case .connect: self = .connect
        case .accept: self = .accept
        case .listen: self = .listen
        case .close: self = .close
        case .udp: self = .udp
        case .dnsQuery: self = .dnsQuery
        case .dnsAnswer: self = .dnsAnswer
        case .tlsClientHello: self = .tlsClientHello
        case .drop: self = .drop
        case .rawSocket: self = .rawSocket
        case .violation: self = .violation
        case .detection: self = .detection
        case .file(let operation): self.init(operation)
        case .existing, .open, .summary, .netChange, .loss: return nil
        }
    }
}
