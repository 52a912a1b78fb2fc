// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline
internal import Rendering

/// When a run ends, and what it may use: the same options for every command.
struct BoundOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: ArgumentHelp("End after this time: 30s, 5m, 1h, 500ms.", valueName: "time"))
    var duration: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("End after this many printed events.", valueName: "events"))
    var count: UInt64?

    @Option(
        help: ArgumentHelp("Size of the buffer between kernel and ebpfguard: 1M, 64M. Default 8M.", valueName: "size"))
    var bufferSize: String?

    @Option(help: ArgumentHelp("Print at most this many events per second; the rest is counted.", valueName: "events"))
    var maxRate: UInt64?

    func apply(to options: inout TraceOptions) throws {
        options.duration = try nanoseconds(duration, of: "--duration", help: "write 500ms, 30s, 5m or 1h")
        if let count {
            guard count > 0 else {
                throw Failure(.usage, "--count: 0 events end before they begin", help: "write 1 or more")
            }
            options.count = count
        }
        if let maxRate {
            guard maxRate > 0 else {
                throw Failure(.usage, "--max-rate: 0 would print nothing", help: "write 1 or more")
            }
            options.maxRate = maxRate
        }
        if let bufferSize {
            guard let value = Quantity.bufferSize(bufferSize) else {
                throw Failure(
                    .usage, "--buffer-size: \"\(bufferSize)\" is not a size", help: "write 64K to 1G, such as 16M")
            }
            options.bufferSize = value
        }
    }
}

/// What shows whether a run can be trusted: the same options for every command.
struct CheckOptions: ParsableArguments {
    @Flag(help: "Exit with 4 when events were lost or a probe is missing.")
    var strict = false

    @Flag(help: "Show whether this host supports what was asked for, and end.")
    var check = false

    @Option(
        help: ArgumentHelp(
            "Report in this file what came of the checks: .md, .json, .xml (JUnit), .sarif or .codequality.json (GitLab).",
            valueName: "file"))
    var report: [String] = []

    @Flag(help: "Show what libbpf says, and verifier logs whole.")
    var verbose = false

    func apply(to options: inout TraceOptions) throws {
        options.strict = strict
        options.verbose = verbose
        for path in report { try checkNamed(path, "--report") }
        for path in report where Report.Form(path: path) == nil {
            throw Failure(
                .usage, "--report: the suffix of \"\(path)\" is that of no known form",
                help:
                    "name it FILE.md (Markdown), FILE.json, FILE.xml (JUnit), FILE.sarif or FILE.codequality.json (GitLab)"
            )
        }
        options.reports = report
    }
}
