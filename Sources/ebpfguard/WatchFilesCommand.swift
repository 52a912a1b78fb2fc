// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline
internal import Policy

struct WatchFilesCommand: WatchArguments {
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

    static let watched = WatchCommand.watchFiles

    @OptionGroup(title: "Scope, decided in the kernel (repeats are ORed, kinds ANDed, ! negates)")
    var scope: ScopeOptions

    @OptionGroup(title: "What to show")
    var selection: FileSelection

    @OptionGroup
    var common: WatchOptions
}

extension PathPreset: ExpressibleByArgument {}

enum HashFunction: String, CaseIterable, ExpressibleByArgument {
    case sha256
}

/// What `watch-files` shows of what it sees.
struct FileSelection: WatchSelection {
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
        options.interval = try nanoseconds(
            interval, of: "--interval", atLeast: 100_000_000, help: "write 5s, 1m or 100ms")
        guard !paths.isEmpty || !notPath.isEmpty || !preset.isEmpty else { return }
        do throws(ScopeError) {
            options.paths = try PathSelection(
                paths.flatMap(placesNamed), excluding: notPath.flatMap(placesNamed), presets: preset)
        } catch {
            throw Failure(.usage, error.message, help: error.help)
        }
    }
}
