// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import Pipeline

/// The command itself: picks a subcommand, and turns every end into an exit status.
@main
struct EBPFGuard: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ebpfguard",
        abstract: "See what the kernel sees, live, and leave nothing behind.",
        discussion: """
            Attaches short-lived eBPF probes, prints what happens, and detaches everything when it ends. Needs root and \
            Linux 5.10 or newer; nothing has to be installed.
            """,
        version: versionText,
        subcommands: [
            TraceCommand.self, WatchNetCommand.self, WatchFilesCommand.self, EnforceCommand.self,
            CompareSidecarCommand.self,
        ]
    )

    static let version = "0.1.0"

    private static let versionText: String = {
        let build = BuildFacts()
        let commit = build.commit.map { " (\($0))" } ?? ""
        return "ebpfguard \(version)\(commit), libbpf \(build.libbpf), for Linux 5.10 or newer on \(build.machine)"
    }()

    private static let commands = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]

    /// The page of what is named; without any, what there is.
    private static func help(_ words: [String]) throws {
        let pages = ManualPages()
        guard let topic = words.first, !["-h", "--help"].contains(topic) else {
            try show(
                """
                \(helpMessage())
                PAGES OF THE MANUAL:
                  \(pages.topics.joined(separator: ", "))

                  ebpfguard help PAGE shows one, ebpfguard COMMAND --help the options alone.

                """)
            return
        }
        guard words.count == 1, try pages.display(topic) else {
            throw Failure(
                .usage, words.count == 1 ? "there is no page \"\(topic)\"" : "help shows one page",
                help: "pages: \(pages.topics.joined(separator: ", "))")
        }
    }

    /// What the words of the command line ask for. An end that is none of ours is thrown on.
    private static func perform() throws {
        if CommandLine.arguments.dropFirst().first == "help" {
            return try help(Array(CommandLine.arguments.dropFirst(2)))
        }
        do {
            // What is behind `--` is the program's, however it is spelled.
            var command = try parseAsRoot(Array(CommandLine.arguments.dropFirst().prefix { $0 != "--" }))
            try command.run()
        } catch {
            guard exitCode(for: error) == .success else { throw error }
            // The text that was asked for: options, a version, completions.
            let text = fullMessage(for: error)
            if !text.isEmpty { try show(text + "\n") }
        }
    }

    /// What is said of an option that only other commands have, in place of one that is spelled like it.
    private static func ofOthers(_ message: String) -> String? {
        let words = message.split(separator: "'")
        guard words.first == "Error: Unknown option ", words.count > 1,
            let command = CommandLine.arguments.dropFirst().first,
            commands.contains(command)
        else { return nil }
        let others = configuration.subcommands.filter { has($0, String(words[1])) }
            .compactMap { $0.configuration.commandName }
        guard let last = others.last else { return nil }
        let list = others.count == 1 ? last : others.dropLast().joined(separator: ", ") + " and " + last
        let usage = message.split(separator: "\n").drop { !$0.hasPrefix("Usage:") }.joined(separator: "\n")
        return "\(command) has no \(words[1]); \(list) \(others.count == 1 ? "has" : "have")\n\(usage)"
    }

    /// By the lines of its help that begin with an option, in all its spellings.
    private static func has(_ command: any ParsableCommand.Type, _ option: String) -> Bool {
        helpMessage(for: command, columns: 1000).split(separator: "\n").contains { line in
            line.hasPrefix("  -")
                && line.split { $0 == " " || $0 == "," }.prefix { $0.hasPrefix("-") || $0.hasPrefix("<") }
                    .contains(option[...])
        }
    }

    static func main() {
        do {
            try perform()
        } catch let failure as Failure {
            note("ebpfguard: \(failure.message)")
            if let help = failure.help { note("  \(help)") }
            if let details = failure.details, CommandLine.arguments.contains("--verbose") { note(details) }
            Glibc.exit(failure.status.code)
        } catch {
            // Its own words, in our form.
            let message = fullMessage(for: error)
            guard exitCode(for: error) == .validationFailure, message.hasPrefix("Error: ") else {
                exit(withError: error)
            }
            if let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), !commands.contains(word) {
                note("ebpfguard: there is no command \"\(word)\"")
                note("  commands: \(commands.joined(separator: ", ")); ebpfguard --help tells what they do")
            } else {
                note("ebpfguard: " + (ofOthers(message) ?? String(message.dropFirst(7))))
            }
            Glibc.exit(ExitStatus.usage.code)
        }
    }
}
