// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Rendering

/// The files of `--report`. They are opened before the run, so that a mistake in their names costs no run.
struct Reports: ~Copyable {
    private struct Destination {
        let path: String
        let form: Report.Form
        let descriptor: Int32
    }

    private var destinations: [Destination] = []

    init(_ options: TraceOptions) throws(Failure) {
        if options.comparison != nil { return }  // a comparison has forms of its own
        for path in options.reports {
            guard let form = Report.Form(path: path) else { continue }  // refused before
            destinations.append(
                Destination(path: path, form: form, descriptor: try Self.open(path, "--report", O_TRUNC)))
        }
        guard let page = Self.page(options) else { return }
        destinations.append(
            Destination(path: page, form: .markdown, descriptor: try Self.open(page, "--report", O_APPEND)))
    }

    /// The file of what a job on GitHub shows on its page; `nil` where there is none, or nothing is reported.
    static func page(_ options: TraceOptions) -> String? {
        guard !options.reports.isEmpty, let page = unsafe getenv("GITHUB_STEP_SUMMARY"), unsafe page.pointee != 0 else {
            return nil
        }
        return unsafe String(cString: page)
    }

    deinit {
        for destination in destinations { close(destination.descriptor) }
    }

    /// Opens a file that `option` names, to be written; `flag` is O_TRUNC or O_APPEND.
    static func open(_ path: String, _ option: String, _ flag: Int32) throws(Failure) -> Int32 {
        let descriptor = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flag, 0o644)
        guard descriptor >= 0 else {
            throw Failure(
                errno == ENOENT ? .noInput : .failure,
                "\(option): can't write \(path): \(unsafe String(cString: strerror(errno)))",
                help: "name a file in a directory that is there and writable")
        }
        return descriptor
    }

    /// Says on standard error what was found. A job on GitHub takes each line of its own form to its page as well.
    static func tell(_ findings: borrowing Findings, _ command: WatchCommand) {
        let isJob = unsafe getenv("GITHUB_ACTIONS").map { unsafe strcmp($0, "true") == 0 } ?? false
        for line in findings.lines() {
            note(line)
            if isJob { note("::error title=ebpfguard \(command.name)::\(annotation(line))") }
        }
    }

    /// https://github.com/actions/toolkit: what these stand for would end the message.
    private static func annotation(_ text: String) -> String {
        text.map { character in
            switch character {
            case "%": "%25"
            case "\r": "%0D"
            case "\n", "\r\n": "%0A"
            default: String(character)
            }
        }.joined()
    }

    func write(_ report: @autoclosure () -> Report) throws(Failure) {
        if destinations.isEmpty { return }
        let report = report()
        for destination in destinations {
            guard writeWhole(Array(report.text(destination.form).utf8), to: destination.descriptor) else {
                throw Failure(
                    .failure,
                    "--report: can't write \(destination.path): \(unsafe String(cString: strerror(errno)))",
                    help: "the report is not whole; the run is over")
            }
        }
    }
}
