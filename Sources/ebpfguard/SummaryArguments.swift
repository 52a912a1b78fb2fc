// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline

extension SummaryGrouping: ExpressibleByArgument {}

/// Numbers instead of events, and fewer events: the same options for every command.
struct SummaryArguments: ParsableArguments {
    @Option(
        defaultAsFlag: SummaryOptions.Mode.only.rawValue, parsing: .next,
        help: ArgumentHelp(
            "Print a table at the end, instead of events (only, the default) or after them (also).",
            valueName: "only|also"))
    var summary: String?

    @Option(
        help: ArgumentHelp(
            "What its rows are about. Default: executable; with --syscalls, syscall; of watch-net, destination; of watch-files, path.",
            valueName: "executable|process|container|pod|user|syscall|destination|domain|path"))
    var by: SummaryGrouping?

    @Option(help: ArgumentHelp("At most this many rows. Default: 20 in text, all in JSON.", valueName: "rows"))
    var top: Int?

    @Option(
        help: ArgumentHelp(
            "Print events that are the same but for time and pid once in this time, then how often they came.",
            valueName: "time"))
    var dedup: String?

    func apply(to options: inout TraceOptions) throws {
        if summary == nil, by != nil || top != nil {
            throw Failure(
                .usage, "\(by == nil ? "--top" : "--by") is about the table of --summary", help: "add --summary")
        }
        if let top, top < 1 {
            throw Failure(.usage, "--top: a table of \(top) rows shows nothing", help: "write 1 or more")
        }
        if let summary {
            // Of an option with a default, the parser would take a wrong value for none.
            guard let mode = SummaryOptions.Mode(rawValue: summary) else {
                throw Failure(.usage, "--summary: there is no \"\(summary)\"", help: "write only or also")
            }
            options.summary = SummaryOptions(mode: mode, grouping: by, top: top)
        }
        options.dedup = try nanoseconds(dedup, of: "--dedup", help: "write 500ms, 10s or 5m")
    }
}
