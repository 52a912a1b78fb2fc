// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import Comparison
internal import ComparisonPage
internal import Enrichment
internal import Glibc
package import Policy
package import Rendering

/// What `compare-sidecar` is asked for beyond what every run is.
package struct ComparisonOptions: Sendable {
    /// Names of proxies beyond those that are known.
    package var sidecars: [String] = []
    /// Each of these that holds is a finding.
    package var conditions: [FigureCondition] = []
    /// Whether ways round are tried when the window is over.
    package var tries = false

    package init() {}
}

/// The forms in which a comparison is reported, by the suffix of the file.
package enum ComparisonForm: Sendable {
    /// HTML.
    case page
    /// Markdown and JSON have the comparison, the others its conditions as any run's.
    case report(Report.Form)

    /// The form for a file of this name.
    package init?(path: String) {
        if path.lowercased().hasSuffix(".html") {
            self = .page
        } else if let form = Report.Form(path: path) {
            self = .report(form)
        } else {
            return nil
        }
    }
}

/// A window in which sidecars are compared with what is seen here: a look at the node at its start and one at its end.
struct Comparing: ~Copyable {
    private let options: ComparisonOptions
    private let matcher: SidecarMatcher
    private let lookups: Lookups
    private let host: Host
    private let format: OutputFormat
    private let colors: Bool
    private let quiet: Bool
    private let run: TraceOptions
    private var files: [(option: String, path: String, form: ComparisonForm, writer: Int32)] = []
    private var begun: UInt64 = 0
    private var startCPU: UInt64 = 0

    /// Opens the files before the run, so that a mistake in their names costs no run.
    init(_ comparison: ComparisonOptions, _ options: TraceOptions, lookups: Lookups, host: Host) throws(Failure) {
        self.options = comparison
        matcher = SidecarMatcher(named: comparison.sidecars)
        self.lookups = lookups
        self.host = host
        format = options.format
        colors = Sink.usesColors(options.color)
        quiet = options.quiet
        run = options
        if let path = options.comparisonFile {
            files.append(("--output-file", path, .report(.json), try Reports.open(path, "--output-file", O_TRUNC)))
        }
        for path in options.reports {
            guard let form = ComparisonForm(path: path) else { continue }  // refused before
            files.append(("--report", path, form, try Reports.open(path, "--report", O_TRUNC)))
        }
        guard let page = Reports.page(options) else { return }
        files.append(("--report", page, .report(.markdown), try Reports.open(page, "--report", O_APPEND)))
    }

    deinit {
        for file in files { close(file.writer) }
    }

    /// The first look, and what counts from then on.
    mutating func begin() -> ActivityLedger {
        begun = Host.boottime()
        let ledger = ActivityLedger(NodeSurvey(matcher, lookups, now: begun), matcher, started: begun)
        // What a look costs has nothing to do with the length of the window.
        startCPU = Footer.ownCPU()
        return ledger
    }

    /// The second look, when the window is over, and the comparison that follows from both.
    mutating func finish(_ ledger: consuming ActivityLedger, _ footer: Footer) -> Comparison {
        let now = Host.boottime()
        let ownCPU = Footer.ownCPU()
        var survey = NodeSurvey(matcher, lookups, now: now)
        // What is tried is no part of the window.
        if options.tries {
            if !quiet { note("trying the ways round from inside the pods, for 20 s at most") }
            survey.tryWays(now: Host.boottime)
        }
        let (workloads, unseen) = ledger.finish(survey, time: now)
        let node = NodeFacts(
            name: host.name, kernel: kernelRelease(), processors: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
            memory: UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) &* UInt64(getpagesize()),
            started: host.realtime(begun),
            window: now - begun)
        var ebpf = ObserverFacts()
        ebpf.seen = ledger.seen
        ebpf.lost = footer.lost.map { .init(kind: $0.name, count: $0.count) }
        ebpf.missing = footer.missing
        ebpf.hooks = footer.hooks
        ebpf.runs = footer.cost.runs
        ebpf.nanoseconds = footer.cost.nanoseconds
        ebpf.measured = footer.measured
        ebpf.startCPU = startCPU
        ebpf.processCPU = ownCPU - min(ownCPU, startCPU)
        ebpf.peakMemory = Footer.peakBytes()
        return Comparison(node: node, workloads: workloads, ebpf: ebpf, unseen: unseen)
    }

    /// Prints it, writes the reports, and tells of conditions that hold. Gives whether one does.
    func report(_ comparison: Comparison) throws(Failure) -> Bool {
        let conditions = options.conditions.map { condition in
            let holds = condition.holds { name in ComparisonField(rawValue: name).flatMap { comparison.value(of: $0) } }
            return (text: condition.description, holds: holds)
        }
        let text =
            format == .json
            ? comparison.json().line + "\n"
            : ComparisonText.text(of: comparison, columns: Sink.outputColumns(), colors: colors)
        try show(text)
        for file in files {
            let text =
                switch file.form {
                case .report(.markdown): comparison.markdown(conditions: conditions)
                case .report(.json): comparison.json().text
                case .report(let form): comparison.report(run, conditions).text(form)
                case .page: ComparisonPage(comparison, version: run.toolVersion).text
                }
            guard writeWhole(Array(text.utf8), to: file.writer) else {
                throw Failure(
                    .failure, "\(file.option): can't write \(file.path): \(unsafe String(cString: strerror(errno)))",
                    help: "what is in it is not whole; the run is over")
            }
        }
        Reports.tell(conditions.filter(\.holds).map { "finding: --fail-on \($0.text)" }, run.command)
        return conditions.contains(where: \.holds)
    }
}
