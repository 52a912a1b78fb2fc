// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Glibc
internal import Policy
internal import Rendering

/// Joins what detectors see of each process, and says when it is enough.
struct DetectionTracker {
    private var ledger: DetectionLedger
    /// Processes to look at now and then.
    private var candidates: [ProcessKey: Candidate] = [:]
    private var looked: UInt64 = 0
    /// Whether processes can be looked at: those of a recording can't.
    private let isLive: Bool
    private let seesShells: Bool
    /// Who started this run: their arguments have those of its program.
    private let spared: Set<UInt32>
    private let ownPID = UInt32(getpid())

    private struct Candidate {
        let task: wire_task
        let program: ProgramFacts
        let marks: [String]
        /// CPU that it had used when this was looked at first, and when that was.
        var sample: (used: UInt64, time: UInt64)?
    }

    /// Something that was found, and of whom.
    struct Found {
        let detection: Detection
        /// The bytes of a connection that showed it; `nil` where that was something else.
        let record: DetectRecord?
        let task: wire_task?
        let time: UInt64
        let hook: StaticString?

        /// As a rule has it told.
        func fact(_ rule: DetectionRule, isEnforced: Bool) -> DetectionFact {
            DetectionFact(
                name: detection.detector.name, technique: detection.detector.technique, score: detection.score,
                reasons: detection.reasons, evidence: detection.evidence, remote: record?.remote, rule: rule.name,
                verdict: rule.verdictName, isEnforced: isEnforced)
        }
    }

    static let candidatesMost = 4096
    private static let period: UInt64 = 500_000_000
    /// CPU is measured over so long.
    private static let span: UInt64 = 10_000_000_000

    init(_ options: TraceOptions) {
        let chosen = options.chosenDetectors
        ledger = DetectionLedger(chosen)
        isLive = options.readsFrom == nil
        spared = isLive ? ProcessLook.ancestors(of: UInt32(getpid())) : []
        seesShells = chosen.contains { $0.name == Detector.reverseShell.name }
    }

    // MARK: What is seen

    /// A program that starts, or that was there.
    mutating func take(_ event: Event) -> [Found] {
        switch event.action {
        case .exec: break
        case .existing where spared.contains(event.task.pid) || event.task.parent_pid == ownPID: return []
        case .existing: break
        case .exit:
            if let key = event.process?.key {
                ledger.forget(key)
                candidates[key] = nil
            }
            return []
        case .dnsQuery, .tlsClientHello: return takeName(event)
        default: return []
        }
        guard let process = event.process else { return [] }
        let key = process.key
        if event.action == .exec { ledger.forget(key) }
        let arguments = event.image?.arguments?.strings ?? []
        let executable = event.executable.flatMap { $0.string.split(separator: "/").last }.map(String.init)
        let program = ProgramFacts(arguments: arguments, executable: executable)
        let found = ledger.started(program, key)
        let marks = event.marks.map { "\($0)" }.filter { $0 != "setuid" }
        candidates[key] = nil
        let isCandidate = !marks.isEmpty || ledger.suspects(key) || (seesShells && program.isShell)
        if isCandidate, isLive, candidates.count < Self.candidatesMost {
            candidates[key] = Candidate(task: event.task, program: program, marks: marks)
        }
        let looked = isCandidate && isLive ? look(key, now: event.time) : []
        return facts(found + looked, event.task, time: event.time, hook: event.hook)
    }

    private mutating func takeName(_ event: Event) -> [Found] {
        guard let process = event.process, let message = event.names?.message else { return [] }
        let greeted = message.greeting?.hello.serverName
        let asked = message.exchange?.message.question?.name
        guard let name = (greeted ?? asked)?.string else { return [] }
        let found = ledger.named(name, isGreeting: greeted != nil, by: process.key)
        addCandidate(process.key, event.task)
        return facts(found, event.task, time: event.time, hook: event.hook)
    }

    /// Bytes of a connection. `owner` is whose it is.
    mutating func take(_ record: DetectRecord, owner: wire_task?) -> [Found] {
        let key = owner?.key ?? ProcessKey(pid: 0, start: record.fixed.inode)
        let remote = record.remote
        let place = endpointText(remote.address, remote.port)
        let found = ledger.sent(record.fixed.found, to: place, by: key)
        if let owner { addCandidate(key, owner) }
        return facts(found, owner, time: record.time, hook: "tp_btf/net_dev_queue", record)
    }

    /// Who has a socket that is told of without its owner.
    func owner(ofSocket inode: UInt64) -> UInt32? { isLive ? ProcessLook.owner(ofSocket: inode) : nil }

    private mutating func addCandidate(_ key: ProcessKey, _ task: wire_task) {
        guard isLive, candidates[key] == nil, ledger.suspects(key), candidates.count < Self.candidatesMost else {
            return
        }
        candidates[key] = Candidate(task: task, program: ProgramFacts(arguments: [], executable: nil), marks: [])
    }

    // MARK: What is looked at

    /// Looks at those that something was seen of. Not every time that it is called.
    mutating func look(now: UInt64) -> [Found] {
        guard isLive, !candidates.isEmpty, now - looked >= Self.period else { return [] }
        looked = now
        var found: [Found] = []
        for (key, candidate) in candidates {
            found += facts(look(key, now: now), candidate.task, time: now, hook: "procfs")
        }
        return found
    }

    private mutating func look(_ key: ProcessKey, now: UInt64) -> [Detection] {
        guard var candidate = candidates[key] else { return [] }
        guard let used = ProcessLook.usedCPU(key) else {
            candidates[key] = nil
            return []
        }
        var facts = ProcessFacts(candidate.program)
        facts.marks = candidate.marks
        let since = candidate.sample ?? (0, key.start)
        if now > since.time, now - since.time >= Self.span {
            facts.busy = Int(clamping: (used &- min(used, since.used)) * 100 / (now - since.time))
            candidate.sample = (used, now)
        } else if candidate.sample == nil {
            candidate.sample = (used, now)
        }
        candidates[key] = candidate
        facts.hugePages = ProcessLook.hugePages(key.pid)
        facts.registers = ProcessLook.registers(key.pid)
        if seesShells, candidate.program.isShell {
            (facts.input, facts.output) = ShellLook.standards(of: key.pid)
        }
        return ledger.runs(facts, key)
    }

    private func facts(
        _ detections: [Detection], _ task: wire_task?, time: UInt64, hook: StaticString?, _ record: DetectRecord? = nil
    ) -> [Found] {
        detections.map { Found(detection: $0, record: record, task: task, time: time, hook: hook) }
    }
}
