// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline
internal import Policy

/// Which processes a command is about: the same options for every command.
struct ScopeOptions: ParsableArguments {
    @Option(
        name: [.customShort("p"), .customLong("pid")],
        help: ArgumentHelp("A process and all that descend from it.", valueName: "pid"))
    var pids: [String] = []

    @Option(
        name: .customLong("comm"),
        help: ArgumentHelp("Processes of this name (the kernel keeps 15 bytes).", valueName: "name"))
    var names: [String] = []

    @Option(
        name: .customLong("exe"),
        help: ArgumentHelp(
            "Processes whose program matches: /usr/bin/sh, /dir/*, /dir/** (all below), **/name.", valueName: "glob"))
    var executables: [String] = []

    @Option(
        name: [.customShort("u"), .customLong("user")],
        help: ArgumentHelp("Processes of this effective user.", valueName: "name|uid"))
    var users: [String] = []

    @Option(
        name: .customLong("cgroup"),
        help: ArgumentHelp("Processes in this cgroup (v2) or below it.", valueName: "path"))
    var cgroups: [String] = []

    /// Which of them are given.
    var given: [(option: String, isGiven: Bool)] {
        [
            ("--pid", !pids.isEmpty), ("--comm", !names.isEmpty), ("--exe", !executables.isEmpty),
            ("--user", !users.isEmpty), ("--cgroup", !cgroups.isEmpty),
        ]
    }

    func scope() throws -> Scope {
        var scope = Scope()
        scope.pids = try pids.map { try term($0) { try ScopeLookup.pid($0) } }
        scope.names = names.map { term($0) { $0 } }
        scope.executables = executables.map { term($0) { $0 } }
        scope.users = try users.map { try term($0) { try ScopeLookup.user($0) } }
        scope.cgroups = try cgroups.map { try term($0) { try ScopeLookup.cgroup($0) } }
        return scope
    }

    /// Splits off a leading "!".
    private func term<Value: Sendable>(_ text: String, _ convert: (String) throws -> Value) rethrows
        -> Scope.Term<Value>
    {
        let negated = text.hasPrefix("!")
        return Scope.Term(try convert(negated ? String(text.dropFirst()) : text), negated: negated)
    }
}
