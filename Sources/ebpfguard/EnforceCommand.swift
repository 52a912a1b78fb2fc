// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline
internal import Policy

struct EnforceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enforce",
        abstract: "Hold a program, a cgroup, containers or the whole host to a policy.",
        usage: "ebpfguard enforce [options] POLICY... [-- PROGRAM ARGS...]",
        discussion: """
            A policy is a file of one-line rules such as "deny net 10.0.0.0/8": ebpfguard-policy(5). The most specific \
            rule decides. A rule that this host can't enforce is an error, and nothing is started then. PROGRAM starts when \
            the policy holds. Without PROGRAM it holds for the whole host, or for those that a scope names, but not for \
            ebpfguard, those it was started by, and what keeps the host reachable. All are let go when ebpfguard ends, \
            however that comes. With --read a recording of any \
            command is held against the policy, and what would have been a violation is told.
            """
    )

    @Argument(help: ArgumentHelp("Files of rules; - is standard input.", valueName: "policy"))
    var policies: [String] = []

    @Option(help: ArgumentHelp("A rule as a file would have it, such as 'deny net 10.0.0.0/8'.", valueName: "rule"))
    var rule: [String] = []

    @Flag(help: "Tell what the policy is against, and let it be.")
    var dryRun = false

    @Option(
        help: ArgumentHelp(
            "How long an address counts for the name that led to it beyond what the answer said.", valueName: "time"))
    var nameGrace: String?

    @Option(
        help: ArgumentHelp(
            "What becomes of TCP connections that are open when the policy begins to hold and that it is against: keep, "
                + "report or close.", valueName: "answer"))
    var existing = OpenConnectionAnswer.keep

    @Flag(help: "Hold ebpfguard's own shell, sshd, the kubelet and container runtimes too.")
    var noSelfProtect = false

    @Flag(help: "Enforce with --no-self-protect what cuts off the session that it is typed in.")
    var force = false

    @Flag(help: "Show what each rule compiles to and whether this host can enforce it, and end.")
    var checkPolicy = false

    @Option(
        help: ArgumentHelp(
            "Show which rule decides, such as of 'net api.github.com:443', and why no other one does, and end.",
            valueName: "question"))
    var explain: String?

    @OptionGroup(title: "Scope: whom the policy is for, instead of PROGRAM (!VALUE leaves out)")
    var scope: ScopeOptions

    @OptionGroup(title: "Conditions on events, by the fields of JSON: ebpfguard-filter(7)")
    var conditions: FilterOptions

    @OptionGroup(title: "Output")
    var output: OutputOptions

    @OptionGroup(title: "Containers")
    var workloads: WorkloadOptions

    @OptionGroup(title: "Record and replay")
    var recording: RecordingOptions

    @OptionGroup(title: "Policy")
    var learning: LearnOptions

    @OptionGroup(title: "Bounds")
    var bounds: BoundOptions

    @OptionGroup(title: "Checks")
    var checks: CheckOptions

    func run() throws {
        if output.listFields { return try listFields() }
        try recording.refuse(
            scope: scope.given,
            [
                ("--buffer-size", bounds.bufferSize != nil), ("--write", recording.write != nil),
                ("--check", checks.check), ("--check-policy", checkPolicy), ("--explain", explain != nil),
                ("--name-grace", nameGrace != nil), ("--no-self-protect", noSelfProtect), ("--force", force),
                ("--existing", existing != .keep),
                ("-- PROGRAM", namesProgram),
            ])
        if checks.check {
            throw ExitCode(try Trace.check(.enforce, json: output.format == .json).code)
        }
        if rule.contains(where: { $0.allSatisfy(\.isWhitespace) }) {
            throw Failure(.usage, "--rule needs a rule", help: "write one, such as --rule 'deny net 169.254.169.254'")
        }
        guard !policies.isEmpty || !rule.isEmpty || recording.read != nil else {
            throw Failure(
                .usage, "enforce needs a policy", help: "name a file, or write --rule 'deny net 169.254.169.254'")
        }
        if let explain {
            throw ExitCode(
                try PolicyCheck.explain(explain, policies, rules: rule, json: output.format == .json).code)
        }
        if checkPolicy {
            throw ExitCode(try PolicyCheck.check(policies, rules: rule, json: output.format == .json).code)
        }
        var options = TraceOptions(.enforce)
        if !policies.isEmpty || !rule.isEmpty { options.policy = try PolicyFiles.read(policies, rules: rule) }
        options.dryRun = dryRun
        if let grace = try nanoseconds(nameGrace, of: "--name-grace", help: "write 30s or 2m; without it 2m") {
            options.nameGrace = UInt32(clamping: grace / 1_000_000_000)
        }
        try conditions.apply(to: &options)
        try output.apply(to: &options)
        try learning.apply(to: &options)
        try bounds.apply(to: &options)
        try workloads.apply(to: &options)
        try recording.apply(to: &options)
        try checks.apply(to: &options)
        options.program = try programArguments(of: .enforce)
        options.policy?.target = try scope.policyTarget(hasProgram: !options.program.isEmpty)
        // Whom the programs mark, with all that descends from them.
        options.scope.pids = try scope.scope().pids
        options.sparesOwn = !noSelfProtect
        options.isForced = force
        options.openConnections = existing
        if existing != .keep, !options.program.isEmpty {
            throw Failure(
                .usage, "--existing has no meaning with PROGRAM: it has no connections when it begins",
                help: "leave one of the two out")
        }
        if options.readsFrom == nil, let refusal = PolicyCheck.refusal(of: options) { throw refusal }
        throw ExitCode(try Trace.run(options).code)
    }
}

extension OpenConnectionAnswer: ExpressibleByArgument {}
