// SPDX-License-Identifier: Apache-2.0

package import CWire

/// The rules about programs, files and raw sockets as the kernel programs look them up: see bpf/include/places.h.
///
/// A tree of the places that patterns name, one a component. User space gives inodes to those that are there.
package struct FileLowering: Sendable {
    /// A file or directory that a pattern names, or a directory on the way there.
    package struct Place: Sendable {
        package let name: [UInt8]
        package fileprivate(set) var children: [[UInt8]: Int] = [:]
        /// Of the directories that it is in: one, unless several places turned out to be the same.
        fileprivate var parents: [Int]
        /// The strictest of the rules that are about it, what is directly in it, and all below it; by operation.
        fileprivate var exact: Decisions = [0, 0, 0, 0]
        fileprivate var direct: Decisions = [0, 0, 0, 0]
        fileprivate var below: Decisions = [0, 0, 0, 0]
    }

    /// By operation. The last has a bit for each condition on programs instead, and all of them hold.
    fileprivate typealias Decisions = InlineArray<4, UInt32>
    private static let slots = 4
    private static let programs = 3

    /// The first is the root.
    package private(set) var places: [Place] = [Place(name: [], parents: [])]
    /// Which place stands for one that turned out to be the same.
    private var same: [Int]
    private var names: [[UInt8]: Decisions] = [:]
    /// Of rules that are not for all.
    private var lists: [[PolicyCandidate]] = []
    private var listNumbers: [[PolicyCandidate]: UInt32] = [:]
    /// What `tables` and `settings` have of them.
    package private(set) var choices = PolicyChoices()
    private var suffixes: [[UInt8]: Decisions] = [:]
    package private(set) var settings = wire_guard_policy()

    package static let operations: [PolicyOperation] = [.execute, .read, .write]
    /// Whether the programs have anything to do.
    package static func isNeeded(_ policy: PolicyRules) -> Bool { (operations + [.raw]).contains(where: policy.holds) }

    /// `policy` has only rules that programs can hold: see `PolicyMechanisms`. `spellings` answers what else a path is
    /// called, where links lead to it.
    package init(
        _ policy: PolicyRules, _ conditions: PolicyConditions, dry: Bool, spellings: ([UInt8]) -> [[UInt8]]
    ) {
        self.init(conditions, spellings)
        settings.dry = dry ? 1 : 0
        for (number, rule) in policy.rules.enumerated() {
            let slot = Self.operations.firstIndex(of: rule.operation)
            guard slot != nil || rule.operation == .raw else { continue }
            let candidate = conditions.candidate(rule, number, rank: 0)
            let decision = candidate.isForAll ? Self.encoded(candidate) : noted([candidate])
            if let slot {
                add(rule.subject, slot, decision, spellings)
            } else {
                settings.raw = joined(0, settings.raw, decision)
            }
        }
        finish()
        settings.raw = lowered(settings.raw)
        settings.memfd = lowered(settings.memfd)
        settings.drift = lowered(settings.drift)
        for (slot, operation) in Self.operations.enumerated() {
            var fallback: UInt32 = 0
            if let group = operation.defaultClass, let line = policy.defaultVerdict(group) {
                let index = policy.defaults.firstIndex { $0.place == line.place } ?? 0
                fallback = Self.encoded(
                    PolicyCandidate(
                        with: 0, without: 0, verdict: PolicyLowering.wire(operation.applied(line.verdict)), rank: 0,
                        rule: UInt32(policy.rules.count + index)))
            }
            Self.set(&settings.fallback, slot, fallback)
            Self.set(&settings.unknown, slot, strictest(slot, fallback))
            if policy.holds(operation) { settings.operations |= 1 << UInt32(slot) }
        }
        if policy.holds(.raw) { settings.operations |= 1 << WIRE_GUARD_RAW.rawValue }
    }

    /// Only the programs that conditions name.
    package init(_ conditions: PolicyConditions, _ spellings: ([UInt8]) -> [[UInt8]]) {
        same = [0]
        for (bit, term) in conditions.programs.prefix(Int(WIRE_ACTOR_PROGRAMS)).enumerated() {
            for value in term.values {
                guard let pattern = try? FilePattern(value) else { continue }
                add(.file(pattern), Self.programs, 1 << UInt32(bit), spellings)
            }
        }
        finish()
    }

    private mutating func finish() {
        let sizes = Set(suffixes.keys.map(\.count)).sorted(by: >)
        settings.suffix_count = UInt32(sizes.count)
        for (index, size) in sizes.prefix(Int(WIRE_GUARD_SUFFIXES)).enumerated() {
            unsafe withUnsafeMutableBytes(of: &settings.suffix_sizes) {
                unsafe $0.storeBytes(of: UInt32(size), toByteOffset: 4 * index, as: UInt32.self)
            }
        }
        settings.has_names = names.isEmpty ? 0 : 1
        settings.has_places = 1
    }

    /// The lengths that ends of names have in a policy, longest first. More than WIRE_GUARD_SUFFIXES can't be held.
    package static func suffixSizes(_ policy: PolicyRules) -> [Int] {
        let patterns = policy.rules.compactMap { rule -> FilePattern? in
            guard operations.contains(rule.operation), case .file(let pattern) = rule.subject else { return nil }
            return pattern
        }
        let programs = PolicyConditions(policy).programs.flatMap(\.values).compactMap { try? FilePattern($0) }
        return Set(
            (patterns + programs).compactMap {
                if case .suffixed(let suffix) = $0 { suffix.count } else { nil }
            }
        ).sorted(by: >)
    }

    // MARK: Decisions

    // What is decided is as in `wire_guard.decision`, but that the number of a choice is that of a list until it is lowered.

    private static let choice = WIRE_GUARD_CHOICE.rawValue

    /// As the programs have it, with the number of the rule.
    package static func decision(_ verdict: Verdict, _ number: UInt32) -> UInt32 {
        encoded(
            PolicyCandidate(with: 0, without: 0, verdict: PolicyLowering.wire(verdict), rank: 0, rule: number))
    }

    private static func encoded(_ candidate: PolicyCandidate) -> UInt32 {
        let verdict =
            switch candidate.verdict {
            case WIRE_ALLOW.rawValue: WIRE_GUARD_ALLOW
            case WIRE_AUDIT.rawValue: WIRE_GUARD_AUDIT
            case WIRE_KILL.rawValue: WIRE_GUARD_KILL
            default: WIRE_GUARD_DENY
            }
        return candidate.rule << 3 | verdict.rawValue
    }

    /// What a decision stands for, what goes before others first.
    private func list(_ decision: UInt32) -> [PolicyCandidate] {
        switch decision & 7 {
        case 0: []
        case Self.choice: lists[Int(decision >> 3)]
        case WIRE_GUARD_KILL.rawValue:
            [PolicyCandidate(with: 0, without: 0, verdict: WIRE_KILL.rawValue, rank: 0, rule: decision >> 3)]
        default: [PolicyCandidate(with: 0, without: 0, verdict: (decision & 7) - 1, rank: 0, rule: decision >> 3)]
        }
    }

    private mutating func noted(_ candidates: [PolicyCandidate]) -> UInt32 {
        guard let first = candidates.first else { return 0 }
        if first.isForAll { return Self.encoded(first) }
        let kept = PolicyChoices.reduced(candidates)
        if let known = listNumbers[kept] { return known }
        lists.append(kept)
        let decision = UInt32(lists.count - 1) << 3 | Self.choice
        listNumbers[kept] = decision
        return decision
    }

    /// As the programs have it.
    private mutating func lowered(_ decision: UInt32) -> UInt32 {
        guard decision & 7 == Self.choice else { return decision }
        return choices.decision(list(decision)).choice << 3 | Self.choice
    }

    /// The stricter of two that are for all.
    private static func stricter(_ a: UInt32, _ b: UInt32) -> UInt32 {
        if a & 7 != b & 7 { return a & 7 > b & 7 ? a : b }
        return min(a, b)
    }

    /// What holds where both are about a file, and neither is more specific.
    private mutating func joined(_ slot: Int, _ a: UInt32, _ b: UInt32) -> UInt32 {
        if slot == Self.programs { return a | b }
        // In a list that is whole what is more specific may stand before what is stricter.
        if a == 0 || b == 0 { return a | b }
        if a & 7 != Self.choice && b & 7 != Self.choice { return Self.stricter(a, b) }
        return noted((list(a) + list(b)).sorted { $0.precedes($1) })
    }

    /// What holds where the first is for whoever acts, and else the second.
    private mutating func followed(_ a: UInt32, _ b: UInt32) -> UInt32 {
        if a == 0 { return b }
        return a & 7 == Self.choice ? noted(list(a) + list(b)) : a
    }

    private static func set(_ slots: inout (UInt32, UInt32, UInt32, UInt32), _ slot: Int, _ value: UInt32) {
        switch slot {
        case 0: slots.0 = value
        case 1: slots.1 = value
        case 2: slots.2 = value
        default: slots.3 = value
        }
    }

    // MARK: The tree

    private mutating func add(
        _ subject: PolicySubject, _ slot: Int, _ decision: UInt32, _ spellings: ([UInt8]) -> [[UInt8]]
    ) {
        func found(_ path: [UInt8]) -> Set<Int> { Set(([path] + spellings(path)).map { insert($0) }) }
        switch subject {
        case .memfd: settings.memfd = joined(slot, settings.memfd, decision)
        case .drift: settings.drift = joined(slot, settings.drift, decision)
        case .file(.named(let name)):
            let known = names[name]?[slot] ?? 0
            names[name, default: [0, 0, 0, 0]][slot] = joined(slot, known, decision)
        case .file(.suffixed(let suffix)):
            let known = suffixes[suffix]?[slot] ?? 0
            suffixes[suffix, default: [0, 0, 0, 0]][slot] = joined(slot, known, decision)
        case .file(.exact(let path)):
            for place in found(path) { places[place].exact[slot] = joined(slot, places[place].exact[slot], decision) }
        case .file(.directlyIn(let path)):
            for place in found(path) { places[place].direct[slot] = joined(slot, places[place].direct[slot], decision) }
        case .file(.below(let path)):
            for place in found(path) { places[place].below[slot] = joined(slot, places[place].below[slot], decision) }
        case .target, .name, .detector, .all: break
        }
    }

    /// The place of a path; the root directory is empty.
    private mutating func insert(_ path: [UInt8]) -> Int {
        path.split(separator: UInt8(ascii: "/")).reduce(0) { child(of: $0, Array($1)) }
    }

    private mutating func child(of place: Int, _ name: [UInt8]) -> Int {
        if let known = places[place].children[name] { return known }
        places.append(Place(name: name, parents: [place]))
        same.append(places.count - 1)
        places[place].children[name] = places.count - 1
        return places.count - 1
    }

    /// Makes a place of a directory that something is mounted on, where a rule is about all below one above it: whoever
    /// comes down to its inode knows what holds there, by whichever mount.
    package mutating func add(mountPoint path: [UInt8]) {
        var place = 0
        var isHeld = Self.isSet(places[0].below)
        let names = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        for name in names {
            guard let next = places[place].children[name] else { break }
            place = next
            isHeld = isHeld || Self.isSet(places[place].below) || Self.isSet(places[place].direct)
        }
        if isHeld { _ = insert(path) }
    }

    private static func isSet(_ decisions: Decisions) -> Bool {
        (0..<slots).contains { decisions[$0] != 0 }
    }

    /// The place that stands for one.
    package func representative(of place: Int) -> Int {
        var place = place
        while same[place] != place { place = same[place] }
        return place
    }

    /// Two places have turned out to be one file or directory: what holds for either holds for it.
    package mutating func unify(_ a: Int, _ b: Int) {
        let (kept, other) = (representative(of: a), representative(of: b))
        guard kept != other else { return }
        same[other] = kept
        let place = places[other]
        for slot in 0..<Self.slots {
            places[kept].exact[slot] = joined(slot, places[kept].exact[slot], place.exact[slot])
            places[kept].direct[slot] = joined(slot, places[kept].direct[slot], place.direct[slot])
            places[kept].below[slot] = joined(slot, places[kept].below[slot], place.below[slot])
        }
        places[kept].parents += place.parents
        for (name, child) in place.children {
            if let known = places[kept].children[name] {
                unify(known, child)
            } else {
                places[kept].children[name] = child
            }
        }
    }

    // MARK: Tables

    /// What is written to the kernel's maps.
    package struct Tables: Sendable {
        package fileprivate(set) var nodes: [wire_guard_node] = []
        package fileprivate(set) var names: [(key: wire_guard_name, node: UInt32)] = []
    }

    /// More choices than `tables` makes: places that turn out to be the same have longer lists.
    package var choiceCapacity: Int {
        guard !lists.isEmpty else { return 1 }
        var lowering = self
        _ = lowering.tables()
        return 4 * lowering.choices.table.count + 64
    }

    /// More than `tables` has of each.
    package var capacity: Int { places.count + names.count + suffixes.count + 1 }

    /// The number of a node is that of its place; names alone follow. Adds to `choices`.
    package mutating func tables() -> Tables {
        var tables = Tables()
        var inherited = [Decisions?](repeating: nil, count: places.count)
        for index in places.indices {
            let place = places[representative(of: index)]
            var node = wire_guard_node()
            node.has_children = place.children.isEmpty ? 0 : 1
            let below = below(representative(of: index), &inherited, [])
            for slot in 0..<Self.slots {
                let isMask = slot == Self.programs
                let direct = isMask ? place.direct[slot] | below[slot] : lowered(place.direct[slot])
                Self.set(&node.exact, slot, isMask ? place.exact[slot] : lowered(place.exact[slot]))
                Self.set(&node.direct, slot, direct)
                Self.set(&node.below, slot, isMask ? below[slot] : lowered(below[slot]))
                var own: UInt32 = 0
                for parent in place.parents.map({ representative(of: $0) }) {
                    let decision = places[parent].direct[slot]
                    let parentBelow = self.below(parent, &inherited, [])[slot]
                    let both = isMask ? decision | parentBelow : followed(decision, parentBelow)
                    own = joined(slot, own, both)
                }
                Self.set(&node.own, slot, isMask ? own : lowered(own))
            }
            tables.nodes.append(node)
        }
        for (index, place) in places.enumerated() where same[index] == index {
            for (name, child) in place.children where name.count < Int(WIRE_GUARD_NAME_SIZE) {
                tables.names.append((Self.key(UInt32(index), name), UInt32(representative(of: child))))
            }
        }
        for (kind, table) in [(UInt32(WIRE_GUARD_ANYWHERE), names), (UInt32(WIRE_GUARD_SUFFIX), suffixes)] {
            for (name, decisions) in table where name.count < Int(WIRE_GUARD_NAME_SIZE) {
                var node = wire_guard_node()
                for slot in 0..<Self.slots {
                    Self.set(&node.exact, slot, slot == Self.programs ? decisions[slot] : lowered(decisions[slot]))
                }
                tables.names.append((Self.key(kind, name), UInt32(tables.nodes.count)))
                tables.nodes.append(node)
            }
        }
        return tables
    }

    /// What holds below a place: by its own rules, else by those of the directories that it is in. A directory that is
    /// mounted below itself is in itself.
    private mutating func below(_ place: Int, _ known: inout [Decisions?], _ visited: Set<Int>) -> Decisions {
        if let decisions = known[place] { return decisions }
        var above: Decisions = [0, 0, 0, 0]
        let parents = place == 0 ? [] : places[place].parents.map { representative(of: $0) }
        for parent in parents where parent != place && !visited.contains(parent) {
            let next = below(parent, &known, visited.union([place]))
            for slot in 0..<Self.slots { above[slot] = joined(slot, above[slot], next[slot]) }
        }
        var decisions = places[place].below
        for slot in 0..<Self.slots {
            decisions[slot] =
                slot == Self.programs ? decisions[slot] | above[slot] : followed(decisions[slot], above[slot])
        }
        if visited.isEmpty { known[place] = decisions }
        return decisions
    }

    private static func key(_ directory: UInt32, _ name: [UInt8]) -> wire_guard_name {
        var key = wire_guard_name()
        key.directory = directory
        unsafe withUnsafeMutableBytes(of: &key.name) { unsafe $0.copyBytes(from: name) }
        return key
    }

    /// What a file is held to where it can't be seen which rules are about it.
    private mutating func strictest(_ slot: Int, _ fallback: UInt32) -> UInt32 {
        var all: Set<UInt32> = [fallback]
        for place in places { all.formUnion([place.exact[slot], place.direct[slot], place.below[slot]]) }
        for next in Array(names.values) + suffixes.values { all.insert(next[slot]) }
        guard all.contains(where: { $0 & 7 == Self.choice }) else {
            let decision = all.reduce(0, Self.stricter)
            return decision & 7 >= WIRE_GUARD_DENY.rawValue ? decision : 0
        }
        var stopping: [PolicyCandidate] = all.flatMap { list($0) }
        stopping.removeAll { $0.verdict < UInt32(WIRE_CHOICE_STOPS) }
        stopping.sort { (a: PolicyCandidate, b: PolicyCandidate) -> Bool in
            a.verdict != b.verdict ? a.verdict > b.verdict : a.rule < b.rule
        }
        let kept = PolicyChoices.reduced(stopping)
        // More than can be told apart hold for all.
        guard kept.count > Int(WIRE_CHOICES), let first = kept.first else { return lowered(noted(kept)) }
        return Self.encoded(first)
    }
}
