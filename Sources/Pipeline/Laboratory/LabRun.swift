// SPDX-License-Identifier: Apache-2.0

internal import Comparison
internal import Enrichment
internal import Glibc
internal import Laboratory
internal import Policy
internal import Rendering

/// A comparison in a laboratory: the same load direct, with eBPF and through sidecars; cost against the number of pods; and
/// a scene in which it is known what was done, so that it can be told who saw it.
package struct LabRun {
    private let options: TraceOptions
    private let steps: [Int]
    private let laboratory: Laboratory
    private var figures: LabFigures
    /// Of each step, nanoseconds of CPU in a second, and bytes.
    private var ours: [(cpu: Double, memory: Double)] = []

    /// Seconds: of a load at a pace, of one without, and of the scene.
    private static let paced = 3.0
    private static let burst = 2.0
    private static let scene = 8.0
    /// For what comes after the last request: ends of connections, and what is under way.
    private static let rest = 0.3

    /// Makes a laboratory, runs it, takes it away, and prints the comparison.
    package static func run(_ options: TraceOptions, _ lab: LabOptions) throws(Failure) -> ExitStatus {
        guard let comparison = options.comparison else { return .usage }
        guard geteuid() == 0 else {
            throw Failure(
                .unsupported, "--lab makes network namespaces and cgroups, for which it must be root",
                help: "sudo ebpfguard compare-sidecar --lab")
        }
        let needs = try lab.needs()
        // Opened first, so that a mistake in their names costs no run.
        let comparing = try Comparing(comparison, options, lookups: Lookups(.system), host: Host.current())
        let measured: (comparison: Comparison, status: ExitStatus)
        do throws(LabStop) {
            measured = try measure(options, lab, needs)
        } catch {
            guard case .failed(let failure) = error else {
                if !options.quiet {
                    note("ended before there was something to compare; nothing of the laboratory is left")
                }
                return .success
            }
            throw failure
        }
        return try comparing.report(measured.comparison) ? .finding : measured.status
    }

    private static func measure(
        _ options: TraceOptions, _ lab: LabOptions, _ needs: LabNeeds
    ) throws(LabStop) -> (Comparison, ExitStatus) {
        var run = try LabRun(options, lab, needs)
        try run.measureDirect()
        try run.measureWithEBPF()
        try run.measureSidecars()
        return try run.play()
    }

    private init(_ options: TraceOptions, _ lab: LabOptions, _ needs: LabNeeds) throws(LabStop) {
        self.options = options
        steps = lab.steps
        figures = LabFigures(proxy: needs.proxy.version, pace: Laboratory.pace)
        if !options.quiet {
            let seconds = Double(steps.count) * (2 * Self.paced + 1) + Self.paced + 3 * Self.burst + Self.scene + 4
            let making = 0.4 * Double(lab.pods)
            let pods = counted(lab.pods, "pod")
            note(
                "laboratory: \(pods), \(escaped(Array(needs.proxy.version.utf8))); about \(Int(seconds + making)) s; Ctrl-C ends it"
            )
        }
        do throws(LabFailure) {
            laboratory = try Laboratory(pods: lab.pods, proxy: needs.proxy, nft: needs.nft, cgroup: needs.cgroup)
        } catch {
            throw LabStop(error)
        }
    }

    private func say(_ text: String) {
        if !options.quiet { note("laboratory: \(text)") }
    }

    // MARK: Loads

    private mutating func measureDirect() throws(LabStop) {
        say("direct")
        try load(clients: laboratory.pods, seconds: 0.3, paced: true)  // pages are touched, neighbours known
        let served = laboratory.served
        try load(clients: laboratory.pods, seconds: Self.paced, paced: true)
        var figures = laboratory.loadFigures(.direct, clients: laboratory.pods, served: served)
        try load(clients: laboratory.pods, seconds: Self.burst, paced: false)
        figures.addMost(laboratory.loadFigures(.direct, clients: laboratory.pods, served: served))
        self.figures.loads.append(figures)
    }

    private mutating func measureWithEBPF() throws(LabStop) {
        var served = laboratory.served
        var lost: UInt64 = 0
        for step in steps {
            served = laboratory.served
            say("direct, eBPF on, \(step) of \(laboratory.pods)")
            let (comparison, _) = try watch(seconds: Self.paced) { laboratory in
                laboratory.beginLoad(clients: step, seconds: Self.paced, paced: true)
            }
            let share = comparison.ebpf.processorShare(window: comparison.node.window) ?? 0
            lost = comparison.ebpf.lostTotal
            ours.append((share * 1e9, Double(comparison.ebpf.peakMemory)))
        }
        var figures = laboratory.loadFigures(.ebpf, clients: laboratory.pods, served: served)
        let clients = laboratory.pods
        let (comparison, _) = try watch(seconds: Self.burst) { laboratory in
            laboratory.beginLoad(clients: clients, seconds: Self.burst, paced: false)
        }
        figures.lost = lost + comparison.ebpf.lostTotal
        figures.addMost(laboratory.loadFigures(.ebpf, clients: clients, served: served))
        self.figures.loads.append(figures)
    }

    /// A single pod calls another, whose proxy has its share of the work.
    private mutating func measureSidecars() throws(LabStop) {
        var started = 0
        var served = laboratory.served
        for (step, ours) in zip(steps, ours) {
            say("through sidecars, \(step) of \(laboratory.pods)")
            let proxies = max(step, 2)
            try ask { laboratory throws(LabFailure) in try laboratory.startProxies(started..<proxies) }
            started = proxies
            try load(clients: step, seconds: 0.3, paced: true)
            served = laboratory.served
            let before = laboratory.sidecarProcessorTime(proxies)
            try load(clients: step, seconds: Self.paced, paced: true)
            guard let before, let after = laboratory.sidecarProcessorTime(proxies),
                let memory = laboratory.sidecarMemory(proxies)
            else { throw .failed(Failure(.failure, "what the sidecars have used can't be read", help: nil)) }
            figures.scale.append(
                .init(
                    pods: step, sidecarCPU: Double(after - before) / Self.paced,
                    sidecarMemory: Double(memory) * Double(step) / Double(proxies), ebpfCPU: ours.cpu,
                    ebpfMemory: ours.memory))
        }
        var figures = laboratory.loadFigures(.sidecar, clients: laboratory.pods, served: served)
        try load(clients: laboratory.pods, seconds: Self.burst, paced: false)
        figures.addMost(laboratory.loadFigures(.sidecar, clients: laboratory.pods, served: served))
        self.figures.loads.append(figures)
    }

    private func load(clients: Int, seconds: Double, paced: Bool) throws(LabStop) {
        laboratory.beginLoad(clients: clients, seconds: seconds, paced: paced)
        try ask { laboratory throws(LabFailure) in try laboratory.end() }
    }

    // MARK: The scene

    private mutating func play() throws(LabStop) -> (Comparison, ExitStatus) {
        say("both: each pod acts, one goes round its proxy, a proxy is killed")
        var (comparison, status) = try watch(seconds: Self.scene) { $0.beginScene(seconds: Self.scene) }
        try ask { laboratory throws(LabFailure) in try laboratory.count() }
        // Others on this host are not part of it.
        comparison.workloads.removeAll { !LabTrials.isOurs($0) }
        figures.trials = LabTrials(comparison, laboratory).trials
        comparison.lab = figures
        return (comparison, status)
    }

    // MARK: Parts

    /// Watches the laboratory's pods, and nothing else of the host, while that runs which is begun when they are watched.
    private func watch(
        seconds: Double, _ begin: @escaping (Laboratory) -> Void
    ) throws(LabStop) -> (Comparison, ExitStatus) {
        let laboratory = laboratory
        let window = ComparisonWindow { begin(laboratory) }
        var options = options
        options.duration = UInt64((seconds + Self.rest) * 1e9)
        options.quiet = true
        options.reports = []
        options.comparisonFile = nil
        options.root = laboratory.root
        let status: ExitStatus
        do throws(Failure) {
            options.scope.cgroups = [.init(try ScopeLookup.cgroup(laboratory.cgroup), negated: false)]
            status = try Trace.run(options, window)
        } catch {
            throw .failed(error)
        }
        if window.isInterrupted { throw .interrupted }
        guard let comparison = window.comparison else { throw .interrupted }
        try ask { laboratory throws(LabFailure) in try laboratory.end() }
        return (comparison, status)
    }

    private func ask(_ body: (Laboratory) throws(LabFailure) -> Void) throws(LabStop) {
        do throws(LabFailure) { try body(laboratory) } catch { throw LabStop(error) }
    }
}

/// Why a laboratory's run ends early.
private enum LabStop: Error {
    case interrupted
    case failed(Failure)

    init(_ failure: LabFailure) {
        switch failure {
        case .interrupted: self = .interrupted
        case .failed(let what, let error):
            let reason = error == 0 ? "" : ": \(unsafe String(cString: strerror(error)))"
            self = .failed(
                Failure(
                    [EPERM, EOPNOTSUPP].contains(error) ? .unsupported : .failure,
                    "the laboratory: \(escaped(Array(what.utf8)))\(reason)",
                    help: "nothing of it is left"))
        }
    }
}

extension LabFigures.Load {
    /// What a load without a pace has brought.
    fileprivate mutating func addMost(_ other: Self) {
        mostRequests = other.requests
        mostTime = other.time
        failures &+= other.failures
    }
}
