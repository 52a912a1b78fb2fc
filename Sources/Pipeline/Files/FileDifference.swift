// SPDX-License-Identifier: Apache-2.0

/// What a run leaves changed, from what was done to each path: files that came and went are gone from it, a temporary file
/// renamed over another is a change of that one.
struct FileDifference {
    /// A path as the host sees it, in a container where there is one: containers have equal paths to files of their own.
    struct Place: Hashable {
        let container: [UInt8]
        let path: [UInt8]
    }

    enum Aspect: Int, CaseIterable {
        case content, mode, owner, attributes

        var name: StaticString {
            switch self {
            case .content: "content"
            case .mode: "mode"
            case .owner: "owner"
            case .attributes: "attributes"
            }
        }
    }

    enum Verdict: Int {
        case created, changed, replaced, deleted

        var name: StaticString {
            switch self {
            case .created: "created"
            case .changed: "changed"
            case .replaced: "replaced"
            case .deleted: "deleted"
            }
        }
    }

    struct Row {
        let place: Place
        let verdict: Verdict
        /// Of what was changed.
        let aspects: [Aspect]
        /// Where it was before, of what was renamed.
        let origin: [UInt8]?
        /// Where it is now, of what was renamed.
        let destination: [UInt8]?
        /// Who changed it last.
        let who: Who
        /// Whether it was executed after it was made or changed first.
        let isExecuted: Bool
    }

    struct Who: Equatable {
        let pid: UInt32
        let name: String
    }

    /// What is at a place now.
    private struct Thing {
        /// Where it was when the run began; `nil` when it was made since.
        var origin: Place?
        var aspects: Set<Aspect> = []
        /// It took the place of what was there in one step.
        var isSwappedIn = false
        var isExecuted = false
    }

    private struct Entry {
        let wasThere: Bool
        var now: Thing?
        var who: Who
    }

    private var entries: [Place: Entry] = [:]
    /// Paths that were not followed for want of room.
    private(set) var missed: UInt64 = 0
    private let limit: Int

    init(limit: Int = 1 << 18) {
        self.limit = limit
    }

    mutating func created(_ place: Place, by who: Who) {
        put(Thing(origin: nil), at: place, wasThere: false, who)
    }

    /// Whether something is known to be there now; `nil` where nothing is known of the place.
    func isThere(_ place: Place) -> Bool? { entries[place].map { $0.now != nil } }

    mutating func changed(_ place: Place, _ aspects: Set<Aspect>, by who: Who) {
        update(place, wasThere: true, who) { entry in
            entry.now = entry.now ?? Thing(origin: nil)
            entry.now!.aspects.formUnion(aspects)
        }
    }

    mutating func removed(_ place: Place, by who: Who) {
        update(place, wasThere: true, who) { $0.now = nil }
    }

    mutating func executed(_ place: Place) {
        entries[place]?.now?.isExecuted = true
    }

    /// `isReplacing` when there was something at `target`.
    mutating func renamed(_ source: Place, to target: Place, isReplacing: Bool, by who: Who) {
        if source == target { return }
        for (from, to) in below(source, target) { rename(from, to, isReplacing: false, who) }
        rename(source, target, isReplacing: isReplacing, who)
    }

    /// renameat2(2) with RENAME_EXCHANGE.
    mutating func exchanged(_ a: Place, _ b: Place, by who: Who) {
        if a == b { return }
        let down = below(a, b)
        let up = below(b, a)
        let lifted = down.map { take($0.from, who) }
        for (from, to) in up { rename(from, to, isReplacing: false, who) }
        for (thing, move) in zip(lifted, down) where thing != nil { put(thing!, at: move.to, wasThere: false, who) }
        var first = take(a, who) ?? Thing(origin: a)
        var second = take(b, who) ?? Thing(origin: b)
        first.isSwappedIn = true
        second.isSwappedIn = true
        put(second, at: a, wasThere: true, who)
        put(first, at: b, wasThere: true, who)
    }

    /// By path.
    func rows() -> [Row] {
        var destinations: [Place: [UInt8]] = [:]
        for (place, entry) in entries {
            if let origin = entry.now?.origin, origin != place { destinations[origin] = place.path }
        }
        var rows: [Row] = []
        for (place, entry) in entries {
            guard let verdict = Self.verdict(of: entry, at: place) else { continue }
            let origin = entry.now?.origin
            rows.append(
                Row(
                    place: place, verdict: verdict,
                    aspects: Aspect.allCases.filter { entry.now?.aspects.contains($0) == true },
                    origin: origin == place ? nil : origin?.path,
                    destination: entry.now == nil ? destinations[place] : nil, who: entry.who,
                    isExecuted: entry.now?.isExecuted == true))
        }
        return rows.sorted {
            $0.place.path == $1.place.path
                ? $0.place.container.lexicographicallyPrecedes($1.place.container)
                : $0.place.path.lexicographicallyPrecedes($1.place.path)
        }
    }

    private static func verdict(of entry: Entry, at place: Place) -> Verdict? {
        guard let now = entry.now else { return entry.wasThere ? .deleted : nil }
        if !entry.wasThere { return .created }
        if now.origin == place { return now.aspects.isEmpty ? nil : .changed }
        return now.isSwappedIn ? .changed : .replaced
    }

    // MARK: Moves

    private mutating func rename(_ source: Place, _ target: Place, isReplacing: Bool, _ who: Who) {
        guard var thing = take(source, who) else { return }
        thing.isSwappedIn = isReplacing || entries[target]?.now != nil
        put(thing, at: target, wasThere: isReplacing, who)
    }

    /// What is there, which then is no more. What was not heard of was there before.
    private mutating func take(_ place: Place, _ who: Who) -> Thing? {
        var thing: Thing?
        update(place, wasThere: true, who) { entry in
            thing = entry.now
            entry.now = nil
        }
        return thing
    }

    private mutating func put(_ thing: Thing, at place: Place, wasThere: Bool, _ who: Who) {
        update(place, wasThere: wasThere, who) { $0.now = thing }
    }

    /// The known places below a directory, and what they are called when it is renamed.
    private func below(_ source: Place, _ target: Place) -> [(from: Place, to: Place)] {
        let prefix = source.path + [UInt8(ascii: "/")]
        return entries.compactMap { place, entry in
            guard place.container == source.container, entry.now != nil, place.path.starts(with: prefix) else {
                return nil
            }
            return (place, Place(container: place.container, path: target.path + place.path[source.path.count...]))
        }
    }

    /// `wasThere` is of a place that was not heard of before.
    private mutating func update(_ place: Place, wasThere: Bool, _ who: Who, _ body: (inout Entry) -> Void) {
        if entries[place] == nil, entries.count >= limit {
            missed += 1
            return
        }
        let first = Entry(wasThere: wasThere, now: wasThere ? Thing(origin: place) : nil, who: who)
        body(&entries[place, default: first])
        entries[place]!.who = who
    }
}
