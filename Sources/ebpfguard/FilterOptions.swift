// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline
internal import Policy

/// Conditions on events: the same options for every command.
struct FilterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Show only events that match, such as 'process.exit_code != 0'; repeats must all hold.", valueName: "expr"))
    var filter: [String] = []

    @Option(help: ArgumentHelp("End with the first event that matches, shown or not.", valueName: "expr"))
    var until: String?

    @Option(help: ArgumentHelp("Exit with 3 when an event matches one of these, shown or not.", valueName: "expr"))
    var failOn: [String] = []

    @Option(help: ArgumentHelp("Exit with 3 when no event matches this, shown or not.", valueName: "expr"))
    var expect: [String] = []

    func apply(to options: inout TraceOptions) throws {
        options.filters = try filter.map { try parse($0, "--filter") }
        options.until = try until.map { try parse($0, "--until") }
        options.failOn = try failOn.map { try parse($0, "--fail-on") }
        options.expect = try expect.map { try parse($0, "--expect") }
    }

    private func parse(_ text: String, _ option: String) throws -> Filter {
        do {
            return try Filter(text)
        } catch {
            throw Failure(.usage, "\(option): \(error.message)", help: error.lines.joined(separator: "\n  "))
        }
    }
}
