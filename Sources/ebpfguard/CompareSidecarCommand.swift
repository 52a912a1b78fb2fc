// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Comparison
internal import Pipeline
internal import Policy

struct CompareSidecarCommand: ParsableCommand {
    enum Form: String, CaseIterable, ExpressibleByArgument {
        case text, json
    }

    static let configuration = CommandConfiguration(
        commandName: "compare-sidecar",
        abstract: "Measure what sidecars see, miss and cost on this node, beside eBPF.",
        usage: """
            ebpfguard compare-sidecar [options]
            ebpfguard compare-sidecar --lab [--pods N] [--proxy NAME] [options]
            """,
        discussion: """
            Watches programs, files and connections of all pods, containers and the host for a while, by the probes of \
            the other commands, and tells what of it passed a sidecar, which ways round the sidecars are open, and what \
            either side cost, lost and missed. It only looks, unless --probe is given: nothing on the node is changed.
            """
    )

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Look for this long: 30s, 5m, 1h. Default: 60s.", valueName: "time"))
    var duration: String?

    @Flag(
        help: """
            Make pods without Kubernetes and a load of requests, and measure both ways on those; all of it is taken away \
            at the end.
            """)
    var lab = false

    @Flag(
        help: """
            Try each way round from inside the pods, by a request, a datagram or an echo to a listener of our own on this \
            node, and measure latency through the proxy and past it.
            """)
    var probe = false

    @Option(help: ArgumentHelp("How many pods --lab makes, 1 to 100. Default: 10.", valueName: "number"))
    var pods: Int?

    @Option(
        help: ArgumentHelp(
            "What --lab has for sidecars. Default: the first of these that is there.", valueName: "haproxy|nginx|path"))
    var proxy: String?

    @Option(
        help: ArgumentHelp(
            "Take this for a sidecar too: the name of a process, a container or an image; * stands for anything.",
            valueName: "name"))
    var sidecarMatch: [String] = []

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Form of the output.", valueName: "text|json"))
    var format = Form.text

    @Option(help: ArgumentHelp("Write JSON to this file as well.", valueName: "file"))
    var outputFile: String?

    @Option(
        help: ArgumentHelp("Write the comparison to this file: .md, .json, .html, .xml or .sarif.", valueName: "file"))
    var report: [String] = []

    @Option(
        help: ArgumentHelp(
            "Exit with 3 when the figures are so, such as 'sidecar.coverage < 1'.", valueName: "expr"))
    var failOn: [String] = []

    @Flag(help: "List all figures with their meaning.")
    var listFields = false

    @Option(help: ArgumentHelp("When to colour; NO_COLOR is respected.", valueName: "auto|always|never"))
    var color = ColorChoice.auto

    @Flag(name: .shortAndLong, help: "Print nothing but the comparison and errors.")
    var quiet = false

    @Option(
        help: ArgumentHelp("Size of the buffer between kernel and ebpfguard: 1M, 64M. Default 4M.", valueName: "size"))
    var bufferSize: String?

    @OptionGroup
    var workloads: WorkloadOptions

    @Flag(help: "Exit with 4 when events were lost or a probe is missing.")
    var strict = false

    @Flag(help: "Show whether this host supports what was asked for, and end.")
    var check = false

    @Flag(help: "Show what libbpf says, and verifier logs whole.")
    var verbose = false

    func run() throws {
        if listFields { return try list(ComparisonField.allCases.map { ($0.name, $0.meaning) }) }
        if check { throw ExitCode(try Trace.check(.compareSidecar, json: format == .json).code) }
        let options = try options()
        guard lab else { throw ExitCode(try Trace.run(options).code) }
        throw ExitCode(try LabRun.run(options, LabOptions(pods: pods ?? LabOptions.podsDefault, proxy: proxy)).code)
    }

    private func checkLab() throws {
        if lab, duration != nil {
            throw Failure(.usage, "--duration: a laboratory ends when it has measured", help: "leave out one of them")
        }
        if lab, workloads.root != nil {
            throw Failure(.usage, "--root: a laboratory has no node but its own", help: "leave out one of them")
        }
        if lab, probe {
            throw Failure(.usage, "--probe: a laboratory tries all by itself", help: "leave out one of them")
        }
        if !lab, pods != nil || proxy != nil {
            throw Failure(
                .usage, "\(pods != nil ? "--pods" : "--proxy") is of a laboratory", help: "add --lab, or leave it out")
        }
    }

    private func options() throws -> TraceOptions {
        try checkLab()
        var options = TraceOptions(.compareSidecar)
        var comparison = ComparisonOptions()
        if sidecarMatch.contains("") {
            throw Failure(
                .usage, "--sidecar-match needs a name", help: "write that of a process, a container or an image")
        }
        comparison.sidecars = sidecarMatch
        comparison.tries = probe
        comparison.conditions = try failOn.map { try condition($0) }
        options.comparison = comparison
        try checkNamed(outputFile, "--output-file")
        options.comparisonFile = outputFile
        options.toolVersion = EBPFGuard.version
        options.commandLine = Array(CommandLine.arguments.dropFirst())
        options.duration =
            try nanoseconds(duration, of: "--duration", help: "write 30s, 5m or 1h") ?? 60_000_000_000
        options.format = format == .json ? .json : .text
        options.color = color
        options.quiet = quiet
        options.strict = strict
        options.verbose = verbose
        try workloads.apply(to: &options)
        // Each of its three buffers is mapped whole, and they are most of its memory. What it reads it only counts, and so
        // soon that they have less to bridge than those of trace.
        options.bufferSize = 4 << 20
        if let bufferSize {
            guard let value = Quantity.bufferSize(bufferSize) else {
                throw Failure(
                    .usage, "--buffer-size: \"\(bufferSize)\" is not a size", help: "write 64K to 1G, such as 16M")
            }
            options.bufferSize = value
        }
        for path in report { try checkNamed(path, "--report") }
        for path in report where ComparisonForm(path: path) == nil {
            throw Failure(
                .usage, "--report: the suffix of \"\(path)\" is that of no known form",
                help: "name it FILE.md, FILE.json, FILE.html (a page with charts), FILE.xml (JUnit) or FILE.sarif")
        }
        options.reports = report
        guard !namesProgram else {
            throw Failure(
                .usage, "compare-sidecar looks at the whole node, and starts no program",
                help: "start it beside: PROGRAM & ebpfguard compare-sidecar")
        }
        return options
    }

    private func condition(_ text: String) throws -> FigureCondition {
        do {
            return try FigureCondition(text, names: ComparisonField.allCases.map(\.name))
        } catch {
            throw Failure(.usage, "--fail-on: \(error.message)", help: error.lines.joined(separator: "\n  "))
        }
    }
}
