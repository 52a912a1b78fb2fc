// SPDX-License-Identifier: Apache-2.0

package import Events

/// The workload of each cgroup. Files are asked once for each container, and again a little later when they were not there
/// yet; what was found is kept after its end.
package struct Workloads {
    /// One container, or one pod.
    private final class Entry {
        let owner: CgroupOwner
        let question: Question
        /// `nil` as long as it is not certain that there is one.
        var workload: Workload?
        var names = WorkloadNames()
        let firstSeen: UInt64
        var asked = 0

        init(_ owner: CgroupOwner, _ question: Question, now: UInt64) {
            self.owner = owner
            self.question = question
            firstSeen = now
        }
    }

    private let lookups: Lookups
    private var entries: RecentCache<Question, Entry>
    /// `nil` for a cgroup of the host.
    private var byCgroup: RecentCache<UInt64, Entry?>
    /// The same for paths of v1.
    private var byPath: RecentCache<[UInt8], Entry?>

    /// Nanoseconds after the first look.
    private static let retries: [UInt64] = [100_000_000, 1_000_000_000, 10_000_000_000]

    package init(lookups: Lookups, limit: Int = 10_000) {
        self.lookups = lookups
        entries = RecentCache(limit: limit)
        byCgroup = RecentCache(limit: 4 * limit)
        byPath = RecentCache(limit: limit)
    }

    /// Of the cgroup with this id, which has this path. `now` is when it happened that is asked for.
    package mutating func workload(ofCgroup id: UInt64, path: Bytes?, now: UInt64) -> Workload? {
        if let entry = byCgroup[id] { return entry.flatMap { workload($0, now: now) } }
        guard let path else { return nil }
        let entry = entry(path, now: now)
        byCgroup[id] = .some(entry)
        return entry.flatMap { workload($0, now: now) }
    }

    /// Whether what was answered for the cgroup will be answered from now on: its path is known, and its files were read or
    /// asked for as often as they are. `isHostCertain` is whether a path that is no container's says that there is none.
    package mutating func isSettled(_ id: UInt64, isHostCertain: Bool) -> Bool {
        guard let known = byCgroup[id] else { return false }
        return known.map { $0.names.isComplete || $0.asked > Self.retries.count } ?? isHostCertain
    }

    /// Of a path in a v1 hierarchy.
    package mutating func workload(ofPath path: Bytes, now: UInt64) -> Workload? {
        let key = Array(path.slice)
        if let entry = byPath[key] { return entry.flatMap { workload($0, now: now) } }
        let entry = entry(path, now: now)
        byPath[key] = .some(entry)
        return entry.flatMap { workload($0, now: now) }
    }

    private mutating func entry(_ path: Bytes, now: UInt64) -> Entry? {
        let owner = CgroupOwner(path: path)
        guard let question = Question(workload: owner) else { return nil }
        if let known = entries[question] { return known }
        let entry = Entry(owner, question, now: now)
        entries[question] = entry
        return entry
    }

    private func workload(_ entry: Entry, now: UInt64) -> Workload? {
        guard entry.asked <= Self.retries.count, !entry.names.isComplete else { return entry.workload }
        let due = entry.asked == 0 ? 0 : entry.firstSeen &+ Self.retries[entry.asked - 1]
        guard now >= due else { return entry.workload }
        // After a long silence once is enough.
        while entry.asked < Self.retries.count, now >= entry.firstSeen &+ Self.retries[entry.asked] {
            entry.asked += 1
        }
        entry.asked += 1
        if var found = lookups.names(of: entry.owner, entry.question) {
            found.fill(from: entry.names)
            if entry.workload == nil || found != entry.names { entry.workload = Workload(entry.owner, found) }
            entry.names = found
        } else if entry.workload == nil, entry.owner.isCertain {
            entry.workload = Workload(entry.owner)
        }
        return entry.workload
    }
}

/// A dictionary that forgets what was not asked for in a while: between half as many and as many as the limit are kept.
struct RecentCache<Key: Hashable, Value> {
    private var recent: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private let half: Int

    init(limit: Int) {
        half = max(1, limit / 2)
    }

    var count: Int { recent.count + old.count }

    subscript(key: Key) -> Value? {
        mutating get {
            if let value = recent[key] { return value }
            guard let value = old.removeValue(forKey: key) else { return nil }
            insert(key, value)
            return value
        }
        set {
            guard let newValue else { return }
            old.removeValue(forKey: key)
            insert(key, newValue)
        }
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        if recent.count >= half, recent[key] == nil {
            swap(&old, &recent)
            recent.removeAll(keepingCapacity: true)
        }
        recent[key] = value
    }
}
