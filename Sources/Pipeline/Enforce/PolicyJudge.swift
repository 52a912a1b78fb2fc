// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Policy

/// Holds what a recording tells against a policy: what `enforce` would have told, had it been there, and nothing stopped.
struct PolicyJudge {
    private let evaluator: PolicyEvaluator
    private let policy: PolicyRules
    /// Changes of files that were told: that one is made, opened and written to is one act to whoever enforces.
    private var told: Set<Change> = []

    private struct Change: Hashable {
        let process: ProcessKey
        let path: [UInt8]
        let rule: UInt32
    }

    /// Then they may be told again.
    private static let toldMost = 65536

    init(_ policy: PolicyRules) {
        evaluator = PolicyEvaluator(policy)
        self.policy = policy
    }

    /// Something that was done, and how it is told where a rule is against it.
    private struct Act {
        var question: PolicyQuestion
        /// Of libraries, which defaults are not for.
        var isOnlyForRules = false
        let fact: (_ rule: UInt32, _ verdict: Verdict, _ name: ViolatedRule?) -> NetworkFact
    }

    /// The violations that an event is, in the order in which its parts were done.
    mutating func violations(_ event: Event) -> [Event] {
        var violations: [Event] = []
        for act in acts(event) {
            var question = act.question
            question.actor = event.actor
            let decision = evaluator.decide(question)
            guard decision.verdict != .allow, decision.rule != nil || !act.isOnlyForRules else { continue }
            let index = decision.fallback.flatMap { line in policy.defaults.firstIndex { $0.place == line.place } }
            let number = UInt32(decision.rule ?? policy.rules.count + (index ?? 0))
            if question.operation == .write, let path = question.path {
                if told.count >= Self.toldMost { told.removeAll() }
                let change = Change(process: event.task.key, path: path, rule: number)
                let isNew = told.insert(change).inserted
                if !isNew, [.open, .write].contains(event.file?.operation) { continue }
            }
            violations.append(event.violation(act.fact(number, decision.verdict, Enforcer.name(number, of: policy))))
        }
        return violations
    }

    /// What a connection that is open would have been, as the kernel programs tell it; `nil` where nothing is against it, and
    /// where it is of somebody whom the policy is not for.
    mutating func violation(openConnection connection: wire_connection, _ enricher: inout Enricher) -> wire_violation? {
        var asked = connection
        asked.header.kind = UInt16(WIRE_CONNECT.rawValue)
        asked.header.flags |= UInt16(WIRE_CONNECTION_OUTGOING)
        guard let event = enricher.event(for: .connection(ConnectionRecord(asked))),
            policy.target.holds(event.actor),
            case .violation(let record, _) = violations(event).first?.fact
        else { return nil }
        var violation = record.fixed
        violation.header = wire_header(
            length: UInt32(MemoryLayout<wire_violation>.size), kind: UInt16(WIRE_VIOLATION.rawValue), flags: 0,
            time: event.time)
        return violation
    }

    private func acts(_ event: Event) -> [Act] {
        switch event.action {
        case .exec: programActs(event)
        case .connect, .udp, .listen: event.connection.flatMap { connectionAct($0, event) }.map { [$0] } ?? []
        case .dnsQuery: questionAct(event).map { [$0] } ?? []
        case .rawSocket: rawSocketAct(event)
        case .file: event.file.map { fileActs($0, event) } ?? []
        case .violation: violationActs(event)
        default: []
        }
    }

    // MARK: Programs and files

    /// The script first: its interpreter is executed for it.
    private func programActs(_ event: Event) -> [Act] {
        let marks = event.marks.map { "\($0)" }
        let program = event.executable.map { FilePath.resolved($0) }
        return [event.scriptPath, program].compactMap { $0 }.compactMap { path in
            let isProgram = path.bytes == program?.bytes
            let flags =
                !isProgram
                ? 0
                : (marks.contains("upper_layer") ? WIRE_GUARD_UPPER_LAYER : 0)
                    | (marks.contains("memfd") || marks.contains("deleted") ? WIRE_GUARD_UNLINKED : 0)
            return fileAct(.execute, path, flags: flags, event)
        }
    }

    private func fileActs(_ file: FileFact, _ event: Event) -> [Act] {
        guard file.error == nil else { return [] }
        if file.operation == .execMap {
            guard let path = file.path, var act = fileAct(.execute, path, flags: 0, event) else { return [] }
            act.isOnlyForRules = true
            return [act]
        }
        return Event.operations(of: file).flatMap { operation in
            [file.path, file.originalPath].compactMap { $0 }.compactMap { fileAct(operation, $0, flags: 0, event) }
        }
    }

    private func fileAct(_ operation: PolicyOperation, _ path: FilePath, flags: UInt32, _ event: Event) -> Act? {
        var question = PolicyQuestion(operation)
        question.isMemfd = flags & WIRE_GUARD_UNLINKED != 0
        question.isDrift = flags & WIRE_GUARD_UPPER_LAYER != 0
        if case .file(.exact(let path)) = LearnedNeed(operation, path: path.hostPathBytes)?.subject {
            question.path = path
        } else if !question.isMemfd {
            return nil
        }
        var fixed = wire_guard()
        fixed.header = wire_header(length: 0, kind: 0, flags: UInt16(flags), time: event.time)
        fixed.task = event.task
        fixed.operation = UInt16(
            (operation == .execute ? WIRE_GUARD_EXEC : operation == .read ? WIRE_GUARD_READ : WIRE_GUARD_WRITE).rawValue
        )
        fixed.inode = event.file?.record.fixed.inode ?? 0
        fixed.device = event.file?.record.fixed.device ?? 0
        fixed.hook = .max
        return Act(question: question) { rule, verdict, name in
            fixed.decision = FileLowering.decision(verdict, rule)
            return .guarded(GuardRecord(fixed, path: path.walked), name)
        }
    }

    // MARK: Network

    private func connectionAct(_ connection: ConnectionRecord, _ event: Event) -> Act? {
        let isListen = connection.isListener
        guard isListen || connection.isIncoming != true else { return nil }
        let end = isListen ? connection.local : connection.asked
        guard let address = end.address else { return nil }
        let transport = connection.isUDP ? NetTarget.Transport.udp : .tcp
        var question = LearnedNeed(isListen ? .listen : .connect, address, port: end.port, transport).question
        // What policies know names from.
        var name: Bytes?
        if !isListen, let resolved = event.names?.name, "\(resolved.source.word)" == "dns" {
            name = resolved.name
            question.names = LearnedNeed(name: Array(resolved.name.slice), port: nil, nil)?.question.names ?? []
        }
        let fixed = connection.fixed
        let asked = connection.has(WIRE_CONNECTION_ASKED) ? fixed.asked : fixed.remote
        return networkAct(
            question, isListen ? WIRE_POLICY_LISTEN : WIRE_POLICY_CONNECT, isListen ? fixed.local : asked,
            fixed.protocol, name: name, event)
    }

    private func questionAct(_ event: Event) -> Act? {
        guard case .question(let exchange, let asked) = event.names?.message,
            let name = exchange.message.question?.name,
            let question = LearnedNeed(askedFor: Array(name.slice))?.question
        else { return nil }
        let transport = exchange.isStream ? WIRE_PROTOCOL_TCP : WIRE_PROTOCOL_UDP
        return networkAct(
            question, WIRE_POLICY_ASK, wire_address(asked.destination.address, port: asked.destination.port),
            UInt16(transport), name: name, event)
    }

    private func networkAct(
        _ question: PolicyQuestion, _ operation: wire_policy_operation, _ address: wire_address, _ transport: UInt16,
        name: Bytes?, _ event: Event
    ) -> Act {
        var fixed = wire_violation()
        fixed.header = wire_header(length: 0, kind: 0, flags: 0, time: event.time)
        fixed.task = event.task
        fixed.address = address
        fixed.operation = UInt16(operation.rawValue)
        fixed.protocol = transport
        if let name { fixed.set(name: name) }
        return Act(question: question) { Self.fact(fixed, $0, $1, $2) }
    }

    private func rawSocketAct(_ event: Event) -> [Act] {
        guard case .rawSocket(let socket) = event.fact, socket.error == nil else { return [] }
        var fixed = wire_violation()
        fixed.header = wire_header(length: 0, kind: 0, flags: 0, time: event.time)
        fixed.task = event.task
        fixed.operation = UInt16(WIRE_POLICY_RAW.rawValue)
        (fixed.family, fixed.type) = (socket.fixed.family, socket.fixed.type)
        fixed.protocol = UInt16(truncatingIfNeeded: socket.fixed.protocol)
        fixed.namespace = socket.fixed.namespace
        return [Act(question: PolicyQuestion(.raw)) { Self.fact(fixed, $0, $1, $2) }]
    }

    private static func fact(
        _ fixed: wire_violation, _ rule: UInt32, _ verdict: Verdict, _ name: ViolatedRule?
    ) -> NetworkFact {
        var fixed = fixed
        fixed.rule = rule
        fixed.verdict = UInt16(PolicyLowering.wire(verdict))
        return .violation(ViolationRecord(fixed), name)
    }

    // MARK: What another policy was against

    private func violationActs(_ event: Event) -> [Act] {
        event.needs.map { need in
            Act(question: need.question) { rule, verdict, name in
                switch event.fact {
                case .violation(let violation, _):
                    var fixed = violation.fixed
                    fixed.header.flags &= ~UInt16(WIRE_VIOLATION_ENFORCED)
                    return Self.fact(fixed, rule, verdict, name)
                case .guarded(let violation, _):
                    var fixed = violation.fixed
                    fixed.header.flags &= ~UInt16(WIRE_GUARD_ENFORCED)
                    fixed.decision = FileLowering.decision(verdict, rule)
                    return .guarded(GuardRecord(fixed, path: violation.path), name)
                default: return event.fact!
                }
            }
        }
    }
}

extension Event {
    /// What scopes and exceptions of rules are about.
    var actor: PolicyActor {
        var facts = PolicyActor.facts(ofWorkload: { value(of: $0) })
        func add(_ kind: PolicyActorKind, _ values: [[UInt8]?]) {
            let known = values.compactMap { $0 }
            if !known.isEmpty { facts[kind] = known }
        }
        // Who executes something is what it was before: as a rule what its parent is.
        let actor = action == .exec ? ancestors.first?.executable : executable
        add(.exe, [actor.map { FilePath.resolved($0).hostPathBytes }])
        add(.comm, [unsafe withUnsafeBytes(of: task.comm) { unsafe Array($0.prefix { $0 != 0 }) }])
        add(.user, [userName.map { Array($0.slice) }, Array("\(task.euid)".utf8)])
        add(.cgroup, [cgroup.map { Array($0.slice) }])
        let programs = ancestors.map(\.executable) + (action == .exec ? [] : [executable])
        add(.tree, (ancestors.map(\.key.pid) + [task.pid]).map { Array("\($0)".utf8) })
        facts[.tree]? += programs.compactMap { $0.map { FilePath.resolved($0).hostPathBytes } }
        return PolicyActor(facts)
    }

    /// This, told as a violation that was let be.
    fileprivate func violation(_ fact: NetworkFact) -> Event {
        Event(
            .violation, time: time, process: process, task: task, fact: fact, userName: userName, cgroup: cgroup,
            workload: workload, lineage: lineage, hook: hook, host: host)
    }
}

extension FilePath {
    /// In the form in which the kernel programs report paths.
    fileprivate var walked: WalkedPath {
        if case .resolved(let path) = self { return path }
        var walked: [UInt8] = []
        for name in bytes.split(separator: UInt8(ascii: "/")).reversed() { walked += name + [0] }
        // The process's root is the end of it.
        return WalkedPath(Bytes(walked + [0]))
    }
}

extension wire_violation {
    /// With a dot in front of each label.
    fileprivate mutating func set(name: Bytes) {
        let text = [UInt8(ascii: ".")] + name.slice
        guard text.count < Int(WIRE_POLICY_NAME) else { return }
        name_size = UInt16(text.count)
        unsafe withUnsafeMutableBytes(of: &self.name) { unsafe $0.copyBytes(from: text) }
    }
}

extension wire_address {
    fileprivate init(_ address: IPAddress, port: UInt16) {
        self.init()
        self.port = port
        let start = address.count == 4 ? 12 : 0
        unsafe withUnsafeMutableBytes(of: &bytes) { bytes in
            if start > 0 { unsafe (bytes[10], bytes[11]) = (0xff, 0xff) }
            for index in 0..<address.count { unsafe bytes[start + index] = address[index] }
        }
    }
}
