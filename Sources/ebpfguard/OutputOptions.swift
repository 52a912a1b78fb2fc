// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Events
internal import Pipeline

extension OutputFormat: ExpressibleByArgument {}
extension ColorChoice: ExpressibleByArgument {}

/// How events are shown: the same options for every command.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Form of the output.", valueName: "text|wide|json"))
    var format = OutputFormat.text

    @Option(help: ArgumentHelp("Write JSON to this file as well.", valueName: "file"))
    var outputFile: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Show these fields: a,b in this order, or +a,-b to change the default (JSON: all fields).",
            valueName: "fields"))
    var fields: String?

    @Flag(help: "List all fields with their meaning.")
    var listFields = false

    @Option(help: ArgumentHelp("When to colour; NO_COLOR is respected.", valueName: "auto|always|never"))
    var color = ColorChoice.auto

    @Flag(name: .shortAndLong, help: "Print nothing but events and errors.")
    var quiet = false

    @Flag(help: "Show secrets in arguments, which are masked by default.")
    var noRedact = false

    func apply(to options: inout TraceOptions) throws {
        options.format = format
        try checkNamed(outputFile, "--output-file")
        options.outputFile = outputFile
        options.fields = try chosenFields(of: options.command)
        options.color = color
        options.quiet = quiet
        options.redacts = !noRedact
    }

    private func chosenFields(of command: WatchCommand) throws -> [Field]? {
        guard let fields else { return nil }
        let words = fields.split(separator: ",", omittingEmptySubsequences: true)
        guard !words.isEmpty else {
            throw Failure(.usage, "--fields names no field", help: "--list-fields shows them all")
        }
        let changes = words.filter { $0.hasPrefix("+") || $0.hasPrefix("-") }
        var chosen: [Field] = []
        if changes.count == words.count {
            chosen = format == .json ? Field.allCases : command.textFields
        }
        for word in words {
            let name = word.hasPrefix("+") || word.hasPrefix("-") ? String(word.dropFirst()) : String(word)
            guard let field = Field(named: name) else {
                let hint = Field.suggestion(for: name).map { "did you mean \($0.name)? " } ?? ""
                throw Failure(
                    .usage, "--fields: there is no field \"\(name)\"", help: "\(hint)--list-fields shows them all")
            }
            if word.hasPrefix("-") {
                chosen.removeAll { $0 == field }
            } else if !chosen.contains(field) {
                chosen.append(field)
            }
        }
        guard !chosen.isEmpty else { throw Failure(.usage, "--fields leaves no field to show") }
        return chosen
    }
}

/// One line a field.
func listFields() throws { try list(Field.allCases.map { ($0.name, $0.meaning) }) }

/// A line each, with the meanings below each other.
func list(_ entries: [(name: String, meaning: String)]) throws {
    let width = entries.map(\.name.utf8.count).max() ?? 0
    let lines = entries.map { name, meaning in
        name + String(repeating: " ", count: width - name.utf8.count + 2) + meaning + "\n"
    }
    try show(lines.joined())
}
