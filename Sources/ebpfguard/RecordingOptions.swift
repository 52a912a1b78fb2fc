// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline

/// Recording and replay: the same options for every command.
struct RecordingOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Record what is captured in this file as well, for --read.", valueName: "file"))
    var write: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Take a recording instead of this host: no root needed. - is standard input.", valueName: "file"))
    var read: String?

    func apply(to options: inout TraceOptions) throws {
        options.commandLine = Array(CommandLine.arguments.dropFirst())
        options.toolVersion = EBPFGuard.version
        options.recordsTo = write
        options.readsFrom = read
        if write == "-" {
            throw Failure(
                .usage, "--write: standard output is for events",
                help: "name a file; /dev/stderr and FIFOs are files too"
            )
        }
        if write == "" || read == "" { throw Failure(.usage, "--\(write == "" ? "write" : "read") needs a file") }
    }

    /// What was decided when a recording was made can't be decided again: refused, not ignored.
    func refuse(scope: [(option: String, isGiven: Bool)], _ given: [(option: String, isGiven: Bool)]) throws {
        guard read != nil else { return }
        for (option, isGiven) in scope where isGiven {
            throw Failure(
                .usage, "\(option) has no meaning with --read: the kernel of the recorded run decided whom to watch",
                help: "choose among what it saw with --filter, such as --filter 'process.name == \"sh\"'"
            )
        }
        for (option, isGiven) in given where isGiven {
            throw Failure(
                .usage, "\(option) has no meaning with --read: a recording is of a run that is over",
                help: "leave it out; what the recorded run was asked for is what its recording has"
            )
        }
    }
}
