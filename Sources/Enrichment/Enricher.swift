// SPDX-License-Identifier: Apache-2.0

package import CWire
package import Events

/// Turns records into events: remembers processes, users and cgroups, and joins them.
package struct Enricher {
    private var tree: ProcessTree
    private var users: UserNames
    private var cgroups: Cgroups
    private var workloads: Workloads
    private var names: Names
    private var classes: AddressClasses
    private var pending = PendingFiles()
    private let lookups: Lookups
    private let host: Host
    /// Hook that failed execs come from, for `ebpfguard.hook`.
    private let failedExecHook: StaticString

    /// `keepsEnded` where events may be of processes that have ended: the kernel closes their connections after that.
    package init(
        host: Host, failedExecHook: StaticString, lookups: Lookups = Lookups(), keepsEnded: Bool = false
    ) {
        tree = ProcessTree(lookups: lookups, keepsEnded: keepsEnded)
        users = UserNames(lookups: lookups)
        cgroups = Cgroups(lookups: lookups)
        workloads = Workloads(lookups: lookups)
        names = Names(lookups: lookups)
        classes = AddressClasses(lookups: lookups)
        self.lookups = lookups
        self.host = host
        self.failedExecHook = failedExecHook
    }

    package var processCount: Int { tree.count }

    package func knows(_ pid: UInt32) -> Bool { tree.knows(pid) }

    /// What a process runs, as long as it does.
    package func executable(of key: ProcessKey) -> WalkedPath? { tree.process(key)?.image?.executable }

    /// Its path, where that can be had.
    package mutating func path(ofCgroup id: UInt64) -> Bytes? { cgroups.path(of: id) }

    /// The container or pod that a cgroup belongs to.
    package mutating func workload(ofCgroup id: UInt64, now: UInt64) -> Workload? {
        workloads.workload(ofCgroup: id, path: cgroups.path(of: id), now: now)
    }

    /// Whether all processes of the cgroup have the workload that it was last said to have, and will keep it.
    package mutating func isSettled(ofCgroup id: UInt64) -> Bool {
        // A process that is nowhere in the v1 hierarchy that we know may be a container's in another.
        workloads.isSettled(id, isHostCertain: !lookups.hasV1Cgroups || id & WIRE_CGROUP_V1 != 0)
    }

    /// That of a process, at what it did.
    private mutating func workload(of process: Process, in cgroup: UInt64, path: Bytes?, now: UInt64) -> Workload? {
        if let workload = workloads.workload(ofCgroup: cgroup, path: path, now: now) { return workload }
        if process.v1Path == nil { process.v1Path = .some(lookups.v1ContainerPath(of: process.key)) }
        guard case .some(.some(let path)) = process.v1Path else { return nil }
        return workloads.workload(ofPath: path, now: now)
    }

    /// See `ProcessTree.descendants`.
    package func descendants(of pids: Set<UInt32>) -> Set<UInt32> { tree.descendants(of: pids) }

    /// The event that a record tells of; `nil` for one that only adds to what is known.
    package mutating func event(for record: Record) -> Event? {
        switch record {
        case .process(let record) where record.kind == WIRE_EXEC.rawValue:
            let process = tree.exec(record)
            return event(.exec, time: record.time, process, record, hook: "tp_btf/sched_process_exec")
        case .process(let record) where record.kind == WIRE_EXEC_FAILED.rawValue:
            let process = tree.failedExec(record)
            return event(.execFailed, time: record.time, process, record, hook: failedExecHook)
        case .process(let record):
            let process = tree.add(existing: record)
            guard !record.has(WIRE_PROCESS_KERNEL_THREAD) else { return nil }
            return event(.existing, time: record.time, process, record, hook: "iter/task")
        case .fork(let task, let time):
            return event(.fork, time: time, tree.fork(task), nil, hook: "tp_btf/sched_process_fork")
        case .exit(let task, let code, let time):
            return event(.exit(code: code), time: time, tree.exit(task), nil, hook: "tp_btf/sched_process_exit")
        case .syscall(let call):
            let task = call.task
            let hook: StaticString = call.abi == .ioUring ? "tp_btf/io_uring_complete" : "tp_btf/sys_exit"
            return event(
                .syscall, time: call.time, tree.acting(task), task: task, call: call, target: target(of: call),
                hook: hook)
        case .signal(let signal):
            return event(
                .signal, time: signal.header.time, tree.acting(signal.task), task: signal.task, signal: signal,
                target: .init(task: signal.target, process: tree.process(signal.target.key)),
                hook: "tp_btf/signal_generate")
        case .oom(let record):
            let victim = record.target.start == 0 ? tree.task(ofPID: record.target.pid) ?? record.target : record.target
            return event(
                .oom, time: record.header.time, tree.acting(record.task), task: record.task,
                target: .init(task: victim, process: tree.process(victim.key)), hook: "tp_btf/mark_victim")
        case .connection(let connection): return event(for: connection)
        case .message, .detected: return nil
        case .drop(let drop):
            let fact = NetworkFact.drop(drop, reason: drop.reason.flatMap { lookups.dropReason($0) })
            return event(.drop, of: fact, drop.hasOwner ? drop.task : nil, time: drop.time, hook: "tp_btf/kfree_skb")
        case .violation(let violation):
            let rule = lookups.policyRule(violation.fixed.rule)
            return event(
                .violation, of: .violation(violation, rule), violation.hasOwner ? violation.task : nil,
                time: violation.time, hook: Self.hook(of: violation))
        case .guarded(let violation):
            return event(
                .violation, of: .guarded(violation, lookups.policyRule(violation.rule)), violation.task,
                time: violation.time, hook: violation.hook)
        case .unix(let unix): return event(for: unix)
        case .file(let file):
            // That it begins to be written to is of use at once.
            guard let file = pending.take(file) ?? (file.beginsToBeWritten ? file : nil) else { return nil }
            return event(
                .file(file.operation), time: file.time, tree.acting(file.task), task: file.task, file: FileFact(file),
                hook: nil)
        case .rawSocket(let socket):
            return event(
                socket.isEarlier ? .open : .rawSocket, of: .rawSocket(socket), socket.task, time: socket.time, hook: nil
            )
        case .cgroup(let id, let path, let time):
            cgroups.add(id, path: path)
            // Its files are there already: a container that is gone in a moment is named all the same.
            _ = workloads.workload(ofCgroup: id, path: path, now: time)
            return nil
        }
    }

    private static func hook(of violation: ViolationRecord) -> StaticString {
        let isIPv4 = violation.endpoint.address?.count == 4
        if violation.socket != nil { return "lsm/socket_create" }
        if violation.isQuestion { return "cgroup_skb/egress" }
        if violation.isListen {
            return violation.hasOwner ? isIPv4 ? "cgroup/bind4" : "cgroup/bind6" : "cgroup_skb/ingress"
        }
        if violation.has(WIRE_VIOLATION_SENT) { return isIPv4 ? "cgroup/sendmsg4" : "cgroup/sendmsg6" }
        return isIPv4 ? "cgroup/connect4" : "cgroup/connect6"
    }

    private mutating func event(for unix: UnixRecord) -> Event {
        let action: Event.Action =
            switch unix.operation {
            case WIRE_UNIX_CONNECT.rawValue: .connect
            case WIRE_UNIX_ACCEPT.rawValue: .accept
            case WIRE_UNIX_CLOSE.rawValue: .close
            case WIRE_UNIX_OPEN.rawValue: .open
            default: .listen
            }
        var target: Event.Target?
        if let peer = unix.peer {
            let task = peer.start == 0 ? tree.task(ofPID: peer.pid) ?? peer : peer
            target = .init(task: task, process: tree.process(task.key))
        }
        return event(
            action, time: unix.time, tree.acting(unix.task), task: unix.task, fact: .unix(unix), target: target,
            hook: nil)
    }

    private mutating func event(
        _ action: Event.Action, of fact: NetworkFact, _ task: wire_task?, time: UInt64, hook: StaticString?
    ) -> Event {
        guard let task else { return Event(action, time: time, process: nil, fact: fact, hook: hook, host: host) }
        return event(action, time: time, tree.acting(task), task: task, fact: fact, hook: hook)
    }

    private mutating func event(for connection: ConnectionRecord) -> Event {
        let action: Event.Action =
            switch connection.kind {
            case WIRE_CONNECT.rawValue: .connect
            case WIRE_ACCEPT.rawValue: .accept
            case WIRE_LISTEN.rawValue: .listen
            case WIRE_SOCKET.rawValue: .open
            case WIRE_UDP.rawValue: .udp
            default: .close
            }
        let place = connection.asked.address.map { classes.kind(of: $0, now: connection.time) }
        guard connection.hasOwner else {
            return Event(
                action, time: connection.time, process: nil, connection: connection,
                names: facts(of: connection, nil, place), place: place, host: host)
        }
        let task = connection.task
        let process = tree.acting(task)
        return event(
            action, time: connection.time, process, task: task, connection: connection,
            names: facts(of: connection, process, place), place: place, hook: nil)
    }

    /// The name of the other side, where this one asked for the connection.
    private mutating func facts(
        of connection: ConnectionRecord, _ process: Process?, _ place: AddressClass?
    ) -> NameFacts? {
        guard connection.isIncoming == false, let address = connection.asked.address else { return nil }
        let namespace = connection.fixed.namespace
        let asker = process.flatMap { process in process.root.map { Names.Process(key: process.key, root: $0) } }
        var name = names.name(of: address, in: namespace, for: asker, now: connection.time)
        if name?.isOwn(process?.key) != true, let local = Endpoint(connection.local) {
            // What its socket has is one of these: a packet filter leaves it as it was asked for.
            let ends = [connection.asked, connection.remote].compactMap { Endpoint($0) }
            for end in ends { name = names.greeted(end, from: local, in: namespace) ?? name }
        }
        let isDirect =
            name == nil && [WIRE_CONNECT, WIRE_UDP].contains { $0.rawValue == connection.kind }
            && place == .public
        return name == nil && !isDirect ? nil : NameFacts(name: name, isDirect: isDirect)
    }

    /// The events that a packet tells of, as far as they are of who was asked for.
    package mutating func events(for record: MessageRecord) -> [Event] {
        var events: [Event] = []
        for message in names.take(record) where message.asked.has(WIRE_MESSAGE_IN_SCOPE) {
            let (action, hook): (Event.Action, StaticString) =
                switch message {
                case .question: (.dnsQuery, "tp_btf/net_dev_queue")
                case .answer: (.dnsAnswer, "tp_btf/netif_receive_skb")
                case .hello: (.tlsClientHello, "tp_btf/net_dev_queue")
                }
            let task = message.asked.fixed.task
            let place = classes.kind(of: message.server.address, now: record.time)
            guard !message.asked.has(WIRE_MESSAGE_NO_TASK) else {
                events.append(
                    Event(
                        action, time: record.time, process: nil, names: NameFacts(message: message), place: place,
                        hook: hook, host: host))
                continue
            }
            events.append(
                event(
                    action, time: record.time, tree.acting(task), task: task, names: NameFacts(message: message),
                    place: place, hook: hook))
        }
        return events
    }

    /// The process with this pid, as it is known.
    package func task(ofPID pid: UInt32) -> wire_task? { tree.task(ofPID: pid) }

    package func process(_ key: ProcessKey) -> Process? { tree.process(key) }

    /// Of something that a detector has found; `task` is `nil` where nobody is known.
    package mutating func event(
        of detection: DetectionFact, _ task: wire_task?, time: UInt64, hook: StaticString?
    ) -> Event {
        event(.detection, of: .detection(detection), task, time: time, hook: hook)
    }

    /// Gives back memory that only the printing of this event needed.
    package func finish(_ event: Event) {
        if event.action == .exec, let process = event.process { tree.finish(process) }
    }

    /// Whom a call is done to: told by the kernel, or by an argument that is a pid. In a pid namespace below ours the
    /// argument means another process than it says.
    private func target(of call: SyscallRecord) -> Event.Target? {
        let pid =
            call.fixed.target_pid != 0 ? call.fixed.target_pid : call.task.vpid == call.task.pid ? call.targetPID : nil
        guard let pid else { return nil }
        if let task = tree.task(ofPID: pid) { return .init(task: task, process: tree.process(task.key)) }
        // Nothing but its pid is known of a process out of scope that started after us. And a call that failed may have
        // named one that does not exist.
        guard call.fixed.target_pid != 0 || call.error == nil else { return nil }
        var task = wire_task()
        task.pid = pid
        return .init(task: task, process: nil)
    }

    private mutating func event(
        _ action: Event.Action, time: UInt64, _ process: Process, _ record: ProcessRecord? = nil,
        task: wire_task? = nil, call: SyscallRecord? = nil, signal: wire_signal? = nil,
        connection: ConnectionRecord? = nil, names: NameFacts? = nil, fact: NetworkFact? = nil,
        file: FileFact? = nil, place: AddressClass? = nil,
        target: Event.Target? = nil, hook: StaticString?
    ) -> Event {
        let task = task ?? process.task
        let root = (record ?? process.image?.record)?.fixed
        let name = root.flatMap { root in
            users.name(
                of: task.euid, pid: process.key.pid,
                root: .init(device: root.root_device, inode: root.root_inode, generation: root.root_generation),
                now: time
            )
        }
        let cgroup = cgroups.path(of: task.cgroup)
        return Event(
            action, time: time, process: process, task: task, record: record, call: call, signal: signal,
            connection: connection, names: names, fact: fact, file: file, place: place, target: target,
            userName: name, cgroup: cgroup,
            workload: workload(of: process, in: task.cgroup, path: cgroup, now: time),
            lineage: tree.lineage(of: process), hook: hook,
            host: host
        )
    }
}
