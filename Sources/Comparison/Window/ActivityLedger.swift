// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Enrichment
internal import Events
internal import Rendering

/// What happens in the window, by workload: events in, counts out.
package struct ActivityLedger {
    /// What is known of whoever acts.
    private struct Owner {
        let index: Int
        let container: String?
    }

    private let matcher: SidecarMatcher
    private var survey: NodeSurvey
    private var keys: [WorkloadKey] = []
    private var indices: [WorkloadKey: Int] = [:]
    private var activities: [Activity] = []
    /// The latest name of each.
    private var named: [Workload?] = []
    /// By the object, which is kept so that no other takes its place.
    private var owners: [ObjectIdentifier: (workload: Workload, owner: Owner)] = [:]
    private var passes = PassMatcher()
    private var sidecarPIDs: Set<UInt32>
    private var unseen: [Unseen: UInt64] = [:]
    /// What had no room there.
    package private(set) var unseenRest: UInt64 = 0
    private(set) var lives: SidecarLives
    /// CLOCK_BOOTTIME.
    private let started: UInt64
    package private(set) var seen: UInt64 = 0

    private struct Unseen: Hashable {
        let owner: Int
        let process: String
        let kind: Activity.Kind
        let destination: String?
        let reason: String
    }

    private static let unseenLimit = 10_000

    /// `survey` is of when the window begins.
    package init(_ survey: NodeSurvey, _ matcher: SidecarMatcher, started: UInt64) {
        self.survey = survey
        self.matcher = matcher
        self.started = started
        sidecarPIDs = survey.sidecarPIDs
        lives = SidecarLives(survey, started: started)
        for key in survey.workloads.keys { _ = index(of: key, nil) }
    }

    // MARK: Events

    package mutating func take(_ event: Event) {
        guard event.action != .loss else { return }
        seen += 1
        let pid = event.task.pid
        let owner = owner(of: event.workload)
        switch event.action {
        case .fork where event.process != nil: noteFork(event, owner)
        case .exec: noteExec(event, owner)
        case .exit: noteExit(pid, event.time)
        default: break
        }
        let isSidecar = isSidecar(pid, owner)
        if let connection = event.connection {
            take(connection, event, owner, isSidecar: isSidecar)
        } else if !isSidecar {
            count(event, owner)
        }
        passes.sweep(event.time)
        settle()
    }

    private mutating func count(_ event: Event, _ owner: Owner) {
        switch event.action {
        case .exec:
            activities[owner.index][.executions].total += 1
            note(owner.index, event.task.name.string, .executions, nil, "a proxy sees no programs")
        case .dnsQuery: activities[owner.index][.questions].total += 1
        case .file(let operation):
            guard event.file?.error == nil else { return }
            activities[owner.index][operation == .open ? .opens : .changes].total += 1
        default: break
        }
    }

    private func isSidecar(_ pid: UInt32, _ owner: Owner) -> Bool {
        if sidecarPIDs.contains(pid) { return true }
        return owner.container.map { survey.sidecarContainers.contains($0) } ?? false
    }

    // MARK: Connections

    private mutating func take(_ connection: ConnectionRecord, _ event: Event, _ owner: Owner, isSidecar: Bool) {
        guard connection.error == nil, !connection.isListener, event.action != .listen,
            let isIncoming = direction(of: connection, event)
        else { return }
        let key = connection.passKey(isIncoming: isIncoming, isSidecar: isSidecar)
        let isEnd = event.action == .close
        if isSidecar {
            guard let key else { return }
            if isEnd || connection.has(WIRE_CONNECTION_LAST) {
                passes.passIfWaiting(key)
            } else {
                passes.pass(key, time: connection.time)
            }
            return
        }
        let isUpdate = isEnd || connection.has(WIRE_CONNECTION_LAST) || connection.has(WIRE_CONNECTION_STILL)
        let traffic = connection.traffic
        if isUpdate, let key, passes.knows(key) {
            guard let traffic else { return }
            passes.update(
                key, sent: traffic.sent, received: traffic.received, closed: isEnd ? connection.time : nil)
            return
        }
        let isBefore = !isUpdate && event.action == .open || connection.has(WIRE_CONNECTION_EARLIER)
        // An accept that was under way when the probes were attached is not told, but how long ago it was.
        let isNew = isUpdate ? connection.duration.map { connection.time - min($0, connection.time) >= started } : true
        var flow = PassMatcher.Flow(
            key: key, owner: owner.index, process: event.task.name.string, user: event.task.euid,
            kind: connection.isUDP ? .datagrams : isIncoming ? .accepted : .connections,
            destination: connection.destination, isNew: !isBefore && isNew == true)
        flow.hasPassed = !isIncoming && leadsToSidecar(connection, owner)
        if let traffic {
            (flow.sent, flow.received) = (traffic.sent, traffic.received)
            if isBefore { (flow.sentBefore, flow.receivedBefore) = (traffic.sent, traffic.received) }
        }
        passes.begin(flow)
        if isEnd, let key { passes.update(key, sent: flow.sent, received: flow.received, closed: connection.time) }
    }

    /// Whether it leads to a port of this namespace where a sidecar of the workload listens: asked for by the application, or
    /// by rules.
    private func leadsToSidecar(_ connection: ConnectionRecord, _ owner: Owner) -> Bool {
        guard let port = connection.remote.port, let address = connection.remote.address,
            let workload = survey.workloads[keys[owner.index]]
        else { return false }
        let isHere = AddressClass(address) == .loopback || connection.local.address == address
        return isHere && workload.sidecars.contains { $0.listens.contains(port) }
    }

    /// Of a connection that was there before, what listens tells who was asked.
    private func direction(of connection: ConnectionRecord, _ event: Event) -> Bool? {
        switch event.action {
        case .connect: return false
        case .accept: return true
        default: break
        }
        if let known = connection.isIncoming { return known }
        guard !connection.isUDP, let local = connection.local.port else { return nil }
        return survey.listens(on: local, in: UInt64(connection.fixed.namespace))
    }

    /// Counts what is over.
    private mutating func settle() {
        if passes.finished.isEmpty { return }
        for flow in passes.takeFinished() {
            func add(_ kind: Activity.Kind, _ count: UInt64) {
                activities[flow.owner][kind].total &+= count
                if flow.hasPassed { activities[flow.owner][kind].passed &+= count }
            }
            add(.sent, flow.sent &- min(flow.sent, flow.sentBefore))
            add(.received, flow.received &- min(flow.received, flow.receivedBefore))
            guard flow.isNew else { continue }
            add(flow.kind, 1)
            if !flow.hasPassed {
                note(flow.owner, flow.process, flow.kind, connectionText(flow.destination), reason(flow))
            }
        }
    }

    /// Why no sidecar has it.
    private func reason(_ flow: PassMatcher.Flow) -> String {
        let sidecars = survey.workloads[keys[flow.owner]]?.sidecars ?? []
        if flow.owner == indices[.host] { return "the host's own" }
        guard !sidecars.isEmpty else { return "no sidecar" }
        if flow.kind == .datagrams { return "UDP" }
        if flow.destination.address.map({ AddressClass($0) == .loopback }) == true { return "inside the pod" }
        if flow.kind == .accepted { return "not handed on by the proxy" }
        if sidecars.contains(where: { $0.user == flow.user && flow.user != 0 }) { return "as the proxy's user" }
        return "not led to the proxy"
    }

    private mutating func note(
        _ owner: Int, _ process: String, _ kind: Activity.Kind, _ destination: String?, _ reason: String
    ) {
        let key = Unseen(owner: owner, process: process, kind: kind, destination: destination, reason: reason)
        if unseen[key] == nil, unseen.count >= Self.unseenLimit {
            unseenRest += 1
        } else {
            unseen[key, default: 0] += 1
        }
    }

    // MARK: Sidecars that come and go

    private mutating func noteFork(_ event: Event, _ owner: Owner) {
        guard let parent = event.process?.ancestors.first?.key.pid, sidecarPIDs.contains(parent) else { return }
        sidecarPIDs.insert(event.task.pid)
        lives.forked(event.task.pid, from: parent)
    }

    private mutating func noteExec(_ event: Event, _ owner: Owner) {
        let key = keys[owner.index]
        guard key != .host, !sidecarPIDs.contains(event.task.pid) else { return }
        let program = event.executable.map { Self.lastComponent(of: $0) } ?? event.task.name.string
        // Of a pod that has just begun.
        if survey.workloads[key] == nil {
            let names = event.workload?.names
            let answer =
                matcher.match(container: names?.container?.string, image: names?.image?.string)
                ?? matcher.match(program: program, name: event.task.name.string, pid: event.task.pid)
            if let answer, !answer.isGeneric { sidecarPIDs.insert(event.task.pid) }
            return
        }
        guard lives.isWaiting(key) else { return }
        guard lives.returns(event.task.pid, key, program: program, container: owner.container, time: event.time) else {
            return
        }
        sidecarPIDs.insert(event.task.pid)
    }

    private mutating func noteExit(_ pid: UInt32, _ time: UInt64) {
        guard sidecarPIDs.contains(pid) else { return }
        lives.exited(pid, time: time)
        // Its connections are closed after its end.
    }

    private static func lastComponent(of path: WalkedPath) -> String {
        var name = ""
        path.forEachComponent { name = String(decoding: path.bytes.storage[$0], as: UTF8.self) }
        return name
    }

    // MARK: Workloads

    private mutating func owner(of workload: Workload?) -> Owner {
        guard let workload else { return Owner(index: index(of: .host, nil), container: nil) }
        if let known = owners[ObjectIdentifier(workload)] { return known.owner }
        let owner = Owner(index: index(of: WorkloadKey(workload), workload), container: workload.containerID?.string)
        owners[ObjectIdentifier(workload)] = (workload, owner)
        return owner
    }

    private mutating func index(of key: WorkloadKey, _ workload: Workload?) -> Int {
        if let index = indices[key] {
            if let workload { named[index] = workload }
            return index
        }
        indices[key] = keys.count
        keys.append(key)
        activities.append(Activity())
        named.append(workload)
        return keys.count - 1
    }

    // MARK: The end

    /// All of it, when the window is over at `time`. `last` is a survey of then.
    package mutating func finish(_ last: NodeSurvey, time: UInt64) -> (
        workloads: [ComparedWorkload], unseen: [UnseenActivity]
    ) {
        passes.finish()
        settle()
        lives.finish(last, time: time)
        var merged: [WorkloadKey: ComparedWorkload] = [:]
        for (index, key) in keys.enumerated() {
            // What was there at the end is nearer to what happened than what was there at the start.
            var workload = last.workloads[key] ?? survey.workloads[key] ?? ComparedWorkload(key, named[index])
            if last.workloads[key] == nil, survey.ownKeys.contains(key) || last.ownKeys.contains(key) { continue }
            workload.activity = activities[index]
            workload.sidecars = lives.sidecars(of: key, last)
            for place in workload.sidecars.indices {
                let pid = workload.sidecars[place].pid
                guard let reading = last.readings[pid] else { continue }
                workload.sidecars[place].use.take(
                    survey.readings[pid], reading, span: last.time - survey.time)
                lives.addKills(&workload.sidecars[place], survey.readings[pid], reading)
            }
            merged[key] = workload
        }
        for (key, workload) in last.workloads where merged[key] == nil { merged[key] = workload }
        let order: [ComparedWorkload.Kind] = [.pod, .container, .host]
        let workloads = merged.values.sorted { a, b in
            let (first, second) = (order.firstIndex(of: a.kind)!, order.firstIndex(of: b.kind)!)
            return (first, a.name, a.podUID ?? "") < (second, b.name, b.podUID ?? "")
        }
        let unseen = unseen.map { key, count in
            UnseenActivity(
                workload: merged[keys[key.owner]]?.name ?? "", process: key.process, kind: key.kind,
                destination: key.destination, reason: key.reason, count: count)
        }
        let host = merged[.host]?.name
        return (workloads, unseen.sorted { Self.isBefore($0, $1, host) })
    }

    /// Connections first, as a proxy could have had those; what is the host's last; then by count.
    private static func isBefore(_ a: UnseenActivity, _ b: UnseenActivity, _ host: String?) -> Bool {
        if (a.workload == host) != (b.workload == host) { return b.workload == host }
        func rank(_ unseen: UnseenActivity) -> Int { unseen.kind.isForwarded ? 0 : unseen.kind == .datagrams ? 1 : 2 }
        if rank(a) != rank(b) { return rank(a) < rank(b) }
        if a.count != b.count { return a.count > b.count }
        return (a.workload, a.process, a.destination ?? "", a.reason) < (
            b.workload, b.process, b.destination ?? "", b.reason
        )
    }
}
