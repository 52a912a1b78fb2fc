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
        help: ArgumentHelp("Processes in this cgroup or below it.", valueName: "path"))
    var cgroups: [String] = []

    @Option(
        name: .customLong("container"),
        help: ArgumentHelp(
            "Processes in this container, by name (* and ?) or the start of its id.", valueName: "name|id"))
    var containers: [String] = []

    @Option(
        name: .customLong("pod"),
        help: ArgumentHelp("Processes in this pod: NAME or NAMESPACE/NAME (* and ?), or its uid.", valueName: "name"))
    var pods: [String] = []

    @Option(
        name: .customLong("namespace"),
        help: ArgumentHelp("Processes in pods of this Kubernetes namespace (* and ?).", valueName: "ns"))
    var namespaces: [String] = []

    @Flag(name: .customLong("host"), help: "Processes outside containers.")
    var hostOnly = false

    /// Which of them are given.
    var given: [(option: String, isGiven: Bool)] {
        [
            ("--pid", !pids.isEmpty), ("--comm", !names.isEmpty), ("--exe", !executables.isEmpty),
            ("--user", !users.isEmpty), ("--cgroup", !cgroups.isEmpty), ("--container", !containers.isEmpty),
            ("--pod", !pods.isEmpty),
            ("--namespace", !namespaces.isEmpty), ("--host", hostOnly),
        ]
    }

    func scope() throws -> Scope {
        var scope = Scope()
        scope.pids = try pids.map { try term($0) { try ScopeLookup.pid($0) } }
        scope.names = names.map { term($0) { $0 } }
        scope.executables = executables.map { term($0) { $0 } }
        scope.users = try users.map { try term($0) { try ScopeLookup.user($0) } }
        scope.cgroups = try cgroups.map { try term($0) { try ScopeLookup.cgroup($0) } }
        scope.workloads = try workloads()
        return scope
    }

    /// Whom a policy is for.
    func policyTarget(hasProgram: Bool) throws -> PolicyTarget {
        var target = PolicyTarget()
        if let (option, _) = given.first(where: \.isGiven), hasProgram {
            throw Failure(
                .usage, "\(option) and PROGRAM exclude each other",
                help: "with PROGRAM the policy is for it and all it starts")
        }
        if let pid = pids.first(where: { $0.hasPrefix("!") }) {
            throw Failure(
                .usage, "--pid: \(pid): a policy can't leave out a process and all that it starts",
                help: "leave out its --cgroup, --user or --exe")
        }
        for text in pids { _ = try ScopeLookup.pid(text) }
        for text in executables {
            guard let mistake = FilePattern.mistake(text.hasPrefix("!") ? String(text.dropFirst()) : text) else {
                continue
            }
            throw Failure(.usage, "--exe: \(mistake.message)", help: mistake.help)
        }
        for text in users { _ = try term(text) { try ScopeLookup.user($0) } }
        _ = try workloads()
        let kinds: [(PolicyActorKind, [String])] = [
            (.exe, executables), (.comm, names), (.tree, pids), (.user, users), (.cgroup, cgroups),
            (.container, containers + (hostOnly ? ["!*"] : [])),
            (.pod, pods), (.namespace, namespaces),
        ]
        for (kind, texts) in kinds { target.add(kind, texts.map { term($0) { Array($0.utf8) } }) }
        target.isProgram = hasProgram
        return target
    }

    private func workloads() throws -> WorkloadScope {
        var scope = WorkloadScope()
        scope.containers = try containers.map { try term($0) { try ScopeLookup.pattern($0, "--container") } }
        scope.pods = try pods.map { try term($0) { try ScopeLookup.pattern($0, "--pod") } }
        scope.namespaces = try namespaces.map { try term($0) { try ScopeLookup.pattern($0, "--namespace") } }
        scope.hostOnly = hostOnly
        if hostOnly, (scope.containers + scope.pods + scope.namespaces).contains(where: { !$0.negated }) {
            throw Failure(
                .usage, "--host and a container exclude each other", help: "write one of the two, or !NAME of the other"
            )
        }
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
