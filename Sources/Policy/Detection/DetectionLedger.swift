// SPDX-License-Identifier: Apache-2.0

package import Events

/// What was reached: a detector's threshold by one process.
package struct Detection: Sendable {
    package let detector: Detector
    package let score: Int
    /// What was seen, with its weight; and where or what it was, in the same order.
    package let reasons: [String]
    package let evidence: [String]
}

/// What was seen of each process. Each signal counts once, however often it is seen.
package struct DetectionLedger: Sendable {
    package let detectors: [Detector]
    /// All that is looked for in the bytes of connections, in the order of its bits.
    package let patterns: [StreamPattern]
    private let patternSignals: [(detector: Int, signal: Int)]
    private var entries: [ProcessKey: Entry] = [:]
    /// What is forgotten first where there is no more room.
    private var order: [ProcessKey] = []

    private struct Entry {
        /// By detector, then in the order of their first times.
        var seen: [Int: [(signal: Int, evidence: String)]] = [:]
        var told: Set<Int> = []
    }

    private static let most = 16384

    package init(_ detectors: [Detector]) {
        self.detectors = detectors
        var signals: [(detector: Int, signal: Int)] = []
        var patterns: [StreamPattern] = []
        for (number, detector) in detectors.enumerated() {
            for (index, signal) in detector.signals.enumerated() {
                guard case .sent(let pattern) = signal.look else { continue }
                signals.append((number, index))
                patterns.append(pattern)
            }
        }
        self.patterns = patterns
        patternSignals = signals
    }

    /// That finds the patterns. Made each time.
    package var automaton: StreamAutomaton { StreamAutomaton(patterns) }

    /// In the order of the patterns.
    package var patternWeights: [Int] { patternSignals.map { detectors[$0.detector].signals[$0.signal].weight } }

    /// Whether something was seen of it, and nothing told yet.
    package func suspects(_ key: ProcessKey) -> Bool {
        entries[key].map { !$0.seen.isEmpty && $0.told.count < detectors.count } ?? false
    }

    package mutating func forget(_ key: ProcessKey) { entries[key] = nil }

    /// Patterns that were found in what it sent, by their bits. `place` is where it was sent to.
    package mutating func sent(_ found: UInt64, to place: String, by key: ProcessKey) -> [Detection] {
        for (bit, owner) in patternSignals.enumerated() where found >> UInt64(bit) & 1 != 0 {
            note(owner.detector, owner.signal, "\(patterns[bit].text) to \(place)", key)
        }
        return reached(key)
    }

    /// A name that it asked for, or greeted a server by.
    package mutating func named(_ name: String, isGreeting: Bool, by key: ProcessKey) -> [Detection] {
        look(key) { signal in
            switch signal.look {
            case .asked(let isWanted) where !isGreeting && isWanted(name): name
            case .greeted(let isWanted) where isGreeting && isWanted(name): name
            default: nil
            }
        }
    }

    package mutating func started(_ facts: ProgramFacts, _ key: ProcessKey) -> [Detection] {
        look(key) { signal in if case .started(let find) = signal.look { find(facts) } else { nil } }
    }

    package mutating func runs(_ facts: ProcessFacts, _ key: ProcessKey) -> [Detection] {
        look(key) { signal in if case .runs(let find) = signal.look { find(facts) } else { nil } }
    }

    private mutating func look(_ key: ProcessKey, _ find: (Detector.Signal) -> String?) -> [Detection] {
        for (number, detector) in detectors.enumerated() {
            for (index, signal) in detector.signals.enumerated() {
                if let evidence = find(signal) { note(number, index, evidence, key) }
            }
        }
        return reached(key)
    }

    private mutating func note(_ detector: Int, _ signal: Int, _ evidence: String, _ key: ProcessKey) {
        if entries[key] == nil {
            if entries.count >= Self.most {
                for old in order.prefix(Self.most / 4) { entries[old] = nil }
                order.removeFirst(min(order.count, Self.most / 4))
            }
            if order.count > 2 * Self.most { order.removeAll { entries[$0] == nil } }
            entries[key] = Entry()
            order.append(key)
        }
        if entries[key]?.seen[detector]?.contains(where: { $0.signal == signal }) == true { return }
        entries[key]?.seen[detector, default: []].append((signal, evidence))
    }

    /// Detections that have not been answered before.
    private mutating func reached(_ key: ProcessKey) -> [Detection] {
        guard let entry = entries[key] else { return [] }
        var detections: [Detection] = []
        for (number, seen) in entry.seen.sorted(by: { $0.key < $1.key }) where !entry.told.contains(number) {
            let detector = detectors[number]
            let score = seen.reduce(0) { $0 + detector.signals[$1.signal].weight }
            guard score >= Detector.threshold else { continue }
            entries[key]?.told.insert(number)
            let weighed = seen.map { detector.signals[$0.signal] }
            detections.append(
                Detection(
                    detector: detector, score: score, reasons: weighed.map { "\($0.reason) (+\($0.weight))" },
                    evidence: seen.map(\.evidence)))
        }
        return detections
    }
}
