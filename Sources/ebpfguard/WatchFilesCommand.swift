// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline
internal import Policy

struct WatchFilesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch-files",
        abstract: "Show who opens, creates, changes, renames and removes which file, live.",
        usage: "ebpfguard watch-files [options] [PATH...] [-- PROGRAM ARGS...]",
        discussion: """
            Shows files that are opened, created, written, renamed, linked and removed, whose permissions, owners, sizes and \
            attributes change, and what fails, with process, container, whole path, flags and result. With -- PROGRAM, starts PROGRAM when the probes are in place, watches only it and its descendants, \
            ends with it, and has its exit status; its standard output goes to standard error.
            """
    )

    @OptionGroup(title: "Scope (decided in the kernel; repeats are ORed, different kinds ANDed, a leading ! negates)")
    var scope: ScopeOptions

    @OptionGroup(title: "What to show")
    var selection: FileSelection

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

    @OptionGroup(title: "Bounds")
    var bounds: BoundOptions

    @OptionGroup(title: "Checks")
    var checks: CheckOptions

    func run() throws {
        if output.listFields {
            listFields()
            return
        }
        try recording.refuse(
            scope: scope.given,
            [
                ("--buffer-size", bounds.bufferSize != nil), ("--write", recording.write != nil),
                ("--root", workloads.root != nil), ("--check", checks.check), ("-- PROGRAM", namesProgram),
            ])
        if checks.check {
            throw ExitCode(try Trace.check(.watchFiles, json: output.format == .json).code)
        }
        var options = TraceOptions(.watchFiles)
        options.scope = try scope.scope()
        try selection.apply(to: &options)
        try workloads.apply(to: &options)
        try conditions.apply(to: &options)
        try output.apply(to: &options)
        try summary.apply(to: &options)
        try bounds.apply(to: &options)
        try recording.apply(to: &options)
        try checks.apply(to: &options)
        options.program = try programArguments(of: .watchFiles)
        if let mistake = options.summaryMistake { throw mistake }
        throw ExitCode(try Trace.run(options).code)
    }
}

extension PathPreset: ExpressibleByArgument {}

enum HashFunction: String, CaseIterable, ExpressibleByArgument {
    case sha256
}

/// What `watch-files` shows of what it sees.
struct FileSelection: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Watch these: /etc (all below it), /dir/*, **/*.key. Default: every file.", valueName: "path"))
    var paths: [String] = []

    @Option(help: ArgumentHelp("Leave these out, written as paths are.", valueName: "path"))
    var notPath: [String] = []

    @Option(
        help: ArgumentHelp(
            "Watch the paths of a set: \(PathPreset.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "set"))
    var preset: [PathPreset] = []

    @Option(
        help: ArgumentHelp(
            """
            Operations to show, separated by commas: open, create, write, rename, unlink, link, symlink, mkdir, rmdir, \
            mknod, exec_map, exec (of what was written in this run), chmod, chown, truncate, setxattr, removexattr, mount, \
            umount, pivot_root, read. Default: all but read.
            """,
            valueName: "operations"))
    var ops: [String] = []

    @Option(
        help: ArgumentHelp(
            "Show what is written to files that stay open again and again after this time.", valueName: "time"))
    var interval: String?

    @Flag(help: "Show only what fails.")
    var failed = false

    @Option(
        help: ArgumentHelp(
            "Hash what is written or executed: sha256, of files up to 16 MiB.", valueName: "function"))
    var hash: HashFunction?

    @Flag(help: "Print only what is left changed when the run is over: created, changed, replaced, deleted.")
    var diff = false

    @Option(
        help: ArgumentHelp(
            "Exit with 3 when a file is changed that is not below this directory; repeats add to it.", valueName: "dir")
    )
    var expectNoWritesOutside: [String] = []

    func apply(to options: inout TraceOptions) throws {
        options.difference = diff
        options.hashes = hash != nil
        if !expectNoWritesOutside.isEmpty {
            options.writesInsideText = expectNoWritesOutside.joined(separator: " ")
            do throws(ScopeError) {
                options.writesInside = try PathSelection(expectNoWritesOutside.flatMap(placesNamed))
            } catch {
                throw Failure(.usage, "--expect-no-writes-outside: \(error.message)", help: error.help)
            }
        }
        options.kinds = try chosenKinds(ops, of: .watchFiles, option: "--ops", word: "operation")
        options.failedOnly = failed
        options.changesOnly = !preset.isEmpty && ops.isEmpty && !preset.contains(where: \.includesReading)
        if let interval {
            guard let value = Quantity.nanoseconds(interval), value >= 100_000_000 else {
                throw Failure(
                    .usage, "--interval: \"\(interval)\" is not a time, or too short", help: "write 5s, 1m or 100ms")
            }
            options.interval = value
        }
        guard !paths.isEmpty || !notPath.isEmpty || !preset.isEmpty else { return }
        do throws(ScopeError) {
            options.paths = try PathSelection(
                paths.flatMap(placesNamed), excluding: notPath.flatMap(placesNamed), presets: preset)
        } catch {
            throw Failure(.usage, error.message, help: error.help)
        }
    }
}
