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

    /// Says on standard error what was found, as the service that runs the job wants it.
    static func tell(_ findings: [String], _ command: WatchCommand) {
        if findings.isEmpty { return }
        for line in JobService.current?.told(findings, command: command.name) ?? findings { note(line) }
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
