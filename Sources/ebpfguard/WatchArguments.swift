// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline

/// A command that shows events, live or from a recording.
protocol WatchArguments: ParsableCommand {
    associatedtype Selection: WatchSelection
    static var watched: WatchCommand { get }
    var scope: ScopeOptions { get }
    var selection: Selection { get }
    var common: WatchOptions { get }
}

/// What such a command shows of what it sees.
protocol WatchSelection: ParsableArguments {
    func apply(to options: inout TraceOptions) throws
}

/// What all of them take.
struct WatchOptions: ParsableArguments {
    @OptionGroup(title: "Conditions on events, by the fields of JSON: ebpfguard-filter(7)")
    var conditions: FilterOptions

    @OptionGroup(title: "Output")
    var output: OutputOptions

    @OptionGroup(title: "Summary")
    var summary: SummaryArguments

    @OptionGroup(title: "Containers")
    var workloads: WorkloadOptions

    @OptionGroup(title: "Record and replay")
    var recording: RecordingOptions

    @OptionGroup(title: "Policy")
    var learning: LearnOptions

    @OptionGroup(title: "Bounds")
    var bounds: BoundOptions

    @OptionGroup(title: "Checks")
    var checks: CheckOptions
}

extension WatchArguments {
    func run() throws {
        if common.output.listFields { return try listFields() }
        try common.recording.refuse(
            scope: scope.given,
            [
                ("--buffer-size", common.bounds.bufferSize != nil), ("--write", common.recording.write != nil),
                ("--root", common.workloads.root != nil), ("--check", common.checks.check),
                ("-- PROGRAM", namesProgram),
            ])
        if common.checks.check {
            throw ExitCode(try Trace.check(Self.watched, json: common.output.format == .json).code)
        }
        var options = TraceOptions(Self.watched)
        options.scope = try scope.scope()
        try selection.apply(to: &options)
        try common.workloads.apply(to: &options)
        try common.conditions.apply(to: &options)
        try common.output.apply(to: &options)
        try common.summary.apply(to: &options)
        try common.learning.apply(to: &options)
        try common.bounds.apply(to: &options)
        try common.recording.apply(to: &options)
        try common.checks.apply(to: &options)
        options.program = try programArguments(of: Self.watched)
        if let mistake = options.baselineMistake ?? options.summaryMistake { throw mistake }
        throw ExitCode(try Trace.run(options).code)
    }
}
