// SPDX-License-Identifier: Apache-2.0

package import CWire
package import Events

/// All processes that are known, by pid. Filled by the iterator at start, kept by fork, exec and exit.
///
/// With a scope the kernel tells only of what is in it, so entries of others may be out of date: each is checked against
/// the start time and the name that the kernel programs report with every event.
package struct ProcessTree {
    private var processes: [UInt32: Process] = [:]
    /// Bytes of the records of executed programs that are kept.
    private var kept = 0
    /// Grows when a program changes that is known as somebody's ancestor.
    private var generation = 0
    /// Sweep when there are more entries than this.
    private var sweepAbove = 20_000

    /// Those that ended last, where that is asked for, and the order in which they did; the oldest goes first.
    private var ended: [ProcessKey: Process] = [:]
    private var endedOrder: [ProcessKey] = []
    private var endedOldest = 0
    private let endedLimit: Int

    private let lookups: Lookups

    package init(lookups: Lookups = Lookups(), keepsEnded: Bool = false) {
        self.lookups = lookups
        endedLimit = keepsEnded ? 4096 : 0
    }

    package var count: Int { processes.count }

    /// The process, if it is known under this start time.
    package func process(_ key: ProcessKey) -> Process? {
        guard let process = processes[key.pid], process.key == key else { return nil }
        return process
    }

    /// The process of a thread that acts. The thread's name is not taken over.
    package mutating func acting(_ task: wire_task) -> Process {
        if let known = process(task.key) ?? ended[task.key] { return known }
        let parent = process(task.parentKey)
        let ancestors = [ancestor(of: task, parent)] + (parent?.ancestors.prefix(Int(WIRE_ANCESTORS_MAX) - 1) ?? [])
        var own = wire_ancestor()
        own.pid = task.pid
        own.start = task.start
        own.comm = task.comm
        let process = Process(
            task: task, image: task.start == 0 ? nil : image(of: own), ancestors: ancestors,
            parentImage: ancestors.first.flatMap { image(of: $0) })
        // Who has no start time is the idle task, in whose time an interrupt acts.
        if task.start != 0 { insert(process) }
        return process
    }

    /// The process with this pid now, as far as it is known.
    package func task(ofPID pid: UInt32) -> wire_task? { processes[pid]?.task }

    package func knows(_ pid: UInt32) -> Bool { processes[pid] != nil }

    /// Takes in one that was there before us.
    @discardableResult
    package mutating func add(existing record: ProcessRecord) -> Process {
        let process = Process(
            task: record.task, image: Image(record, lookups), ancestors: record.ancestors, parentImage: nil)
        insert(process)
        return process
    }

    package mutating func exec(_ record: ProcessRecord) -> Process {
        let ancestors = record.ancestors
        let parentImage = ancestors.first.flatMap { image(of: $0) }
        let process = Process(
            task: record.task, image: Image(record, lookups), ancestors: ancestors, parentImage: parentImage)
        insert(process)
        return process
    }

    /// Long arguments are kept for the exit of their process, as long as all records together are not large.
    package func finish(_ process: Process) {
        if kept > Self.keptLimit { process.image?.shrink() }
    }

    /// Bytes; a record of usual arguments has some 500.
    private static let keptLimit = 8 << 20

    /// A child of a fork: its parent's image until it makes its own.
    package mutating func fork(_ task: wire_task) -> Process {
        let parent = process(task.parentKey)
        var ancestors = [ancestor(of: task, parent)]
        if let parent { ancestors.append(contentsOf: parent.ancestors.prefix(Int(WIRE_ANCESTORS_MAX) - 1)) }
        let parentImage = parent?.image ?? image(of: ancestors[0])
        let process = Process(task: task, image: parentImage, ancestors: ancestors, parentImage: parentImage)
        process.v1Path = parent?.v1Path
        insert(process)
        return process
    }

    /// The caller of a failed exec, as the record describes it.
    package mutating func failedExec(_ record: ProcessRecord) -> Process {
        let ancestors = record.ancestors
        if let known = process(record.task.key) {
            known.task = record.task
            return known
        }
        let process = Process(
            task: record.task,
            image: Image(record, lookups),
            ancestors: ancestors,
            parentImage: ancestors.first.flatMap { image(of: $0) }
        )
        insert(process)
        return process
    }

    /// Forgets a process that ended and gives what was known of it. Its name and numbers are those at its end.
    package mutating func exit(_ task: wire_task) -> Process {
        guard let known = process(task.key) else {
            // Nothing is known but what the exit itself says.
            return Process(
                task: task, image: nil, ancestors: [ancestor(of: task, process(task.parentKey))], parentImage: nil)
        }
        remove(known)
        known.task = task
        keep(known)
        return known
    }

    private mutating func keep(_ process: Process) {
        guard endedLimit > 0 else { return }
        process.image?.shrink()
        ended[process.key] = process
        if endedOrder.count < endedLimit {
            endedOrder.append(process.key)
        } else {
            ended[endedOrder[endedOldest]] = nil
            endedOrder[endedOldest] = process.key
            endedOldest = (endedOldest + 1) % endedLimit
        }
    }

    /// The ancestors of a process with what they run, as far as that is known.
    package func lineage(of process: Process) -> Lineage {
        if let known = process.lineage, known.isFor(process.ancestors, generation) { return known.lineage }
        guard let first = process.ancestors.first else { return .none }
        let parent = self.process(first.key)
        if let known = parent?.childLineage, known.isFor(process.ancestors, generation) {
            process.lineage = known
            return known.lineage
        }
        let lineage = Lineage(
            process.ancestors.map { ancestor in
                let known = self.process(ancestor.key)
                known?.isAncestor = true
                return Ancestor(key: ancestor.key, name: ancestor.name, executable: known?.image?.executable)
            })
        let known = KnownLineage(lineage: lineage, source: process.ancestors, generation: generation)
        process.lineage = known
        parent?.childLineage = known
        return lineage
    }

    /// Those of `pids` and all that descend from them, by parent links and by session: a session's processes descend
    /// from its leader, also when the processes between have ended.
    package func descendants(of pids: Set<UInt32>) -> Set<UInt32> {
        var found = pids
        var grew = true
        while grew {
            grew = false
            for process in processes.values where !found.contains(process.key.pid) {
                let session = process.task.session
                if found.contains(process.task.parent_pid) || (pids.contains(session) && session != process.key.pid) {
                    found.insert(process.key.pid)
                    grew = true
                }
            }
        }
        return found
    }

    private mutating func remove(_ process: Process) {
        processes[process.key.pid] = nil
        kept -= process.keptBytes
    }

    private mutating func insert(_ process: Process) {
        if let old = processes[process.key.pid] {
            kept -= old.keptBytes
            if old.isAncestor { generation += 1 }
        }
        // A forked child shares its parent's record, which is counted once with the parent.
        process.keptBytes = process.image?.key == process.key ? process.image?.size ?? 0 : 0
        kept += process.keptBytes
        processes[process.key.pid] = process
        if processes.count > sweepAbove { sweep() }
    }

    /// Drops those that are gone. Their end was not told: it was out of scope, or the event was lost.
    private mutating func sweep() {
        for (pid, process) in processes where !lookups.exists(pid) { remove(process) }
        sweepAbove = max(20_000, processes.count * 2)
    }

    private func ancestor(of task: wire_task, _ parent: Process?) -> wire_ancestor {
        var ancestor = wire_ancestor()
        ancestor.pid = task.parent_pid
        ancestor.start = task.parent_start
        if let parent {
            ancestor.comm = parent.task.comm
        } else if let name = lookups.name(of: task.parentKey) {
            unsafe withUnsafeMutableBytes(of: &ancestor.comm) { unsafe $0.copyBytes(from: name.slice.prefix(15)) }
        }
        return ancestor
    }

    /// The image of a process named in an event, from the tree or, where that has none or an old one, from /proc.
    private mutating func image(of ancestor: wire_ancestor) -> Image? {
        if let known = process(ancestor.key) {
            if known.task.name == ancestor.name { return known.image }
        }
        guard let executable = lookups.executable(of: ancestor.key) else { return process(ancestor.key)?.image }
        if let known = process(ancestor.key), known.image?.executable?.string == executable.string {
            known.task.comm = ancestor.comm  // it only has another name
            return known.image
        }
        let image = Image(ancestor.key, executable: executable, lookups)
        var task = wire_task()
        task.pid = ancestor.pid
        task.start = ancestor.start
        task.comm = ancestor.comm
        generation += 1
        if let known = process(ancestor.key) {
            known.image = image
            known.task.comm = ancestor.comm
        } else {
            insert(Process(task: task, image: image, ancestors: [], parentImage: nil))
        }
        return image
    }
}
