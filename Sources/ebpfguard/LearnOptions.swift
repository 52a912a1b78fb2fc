// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline

/// The same for every command.
struct LearnOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write the policy that this run needed to a file; what the file has already stays.", valueName: "file"))
    var learn: String?

    func apply(to options: inout TraceOptions) throws {
        try checkNamed(learn, "--learn")
        options.learnsTo = learn
    }
}
