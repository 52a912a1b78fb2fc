// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Events
internal import Pipeline
internal import Policy

struct TraceCommand: WatchArguments {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Show every program that starts and ends, live.",
        usage: "ebpfguard trace [options] [-- PROGRAM ARGS...]",
        discussion: """
            Shows programs that start, fail to start, fork and end, with arguments, user, parents and result. With -- \
            PROGRAM, starts PROGRAM when the probes are in place, watches only it and its descendants, ends with it, and \
            has its exit status; its standard output goes to standard error.
            """
    )

    static let watched = WatchCommand.trace

    @OptionGroup(title: "Scope, decided in the kernel (repeats are ORed, kinds ANDed, ! negates)")
    var scope: ScopeOptions

    @OptionGroup(title: "What to show")
    var selection: TraceSelection

    @OptionGroup
    var common: WatchOptions
}

/// What `trace` shows of what it sees.
struct TraceSelection: WatchSelection {
    @Option(
        defaultAsFlag: "all", parsing: .next,
        help: ArgumentHelp(
            "Show system calls: names, globs, classes (%file %network %process %memory %signal %ipc %desc), !negated.",
            valueName: "set"))
    var syscalls: String?

    @Flag(help: "Show what changes who may do what: ptrace, setuid, namespaces, mounts, modules, bpf, ...")
    var security = false

    @Option(
        defaultAsFlag: "", parsing: .next,
        help: ArgumentHelp(
            "Show signals and OOM kills with sender and receiver. Default: all but SIGCHLD.", valueName: "set"))
    var signals: String?

    @Option(
        help: ArgumentHelp(
            """
            Kinds to show, separated by commas: exec, failed, fork, exit, syscall, security, signal, oom. Default: what \
            the options above ask for; else all processes, in text without fork.
            """,
            valueName: "kinds"))
    var events: [String] = []

    @Option(
        help: ArgumentHelp(
            "Show who is found to be something: miner, reverse-shell. A detection is a finding.", valueName: "detector")
    )
    var detect: [String] = []

    @Flag(help: "Show the processes that are already there first.")
    var existing = false

    func apply(to options: inout TraceOptions) throws {
        options.kinds = try chosenKinds(events, of: .trace)
        options.existing = existing
        options.security = security
        options.detectors = try chosenDetectors(detect)
        do {
            if let syscalls { options.syscalls = try SyscallSet(syscalls) }
            if let signals { options.signals = signals.isEmpty ? SignalSet.default : try SignalSet.parse(signals) }
        } catch let error as ScopeError {
            throw Failure(.usage, error.message, help: error.help)
        } catch let error as SyscallSet.Mistake {
            throw Failure(.usage, "--syscalls: \(error)")
        }
        if options.syscalls?.isEmpty == true {
            throw Failure(
                .usage, "--syscalls: \"\(syscalls ?? "")\" leaves no system call", help: "name one, a class, or all")
        }
    }
}
