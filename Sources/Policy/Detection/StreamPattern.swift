// SPDX-License-Identifier: Apache-2.0

package import CWire

/// Something to look for in the bytes of a connection. Blanks between its bytes do not matter.
package struct StreamPattern: Sendable {
    /// The bytes that may stand at each place.
    let places: [Set<UInt8>]
    /// For a person.
    package let text: String

    package init(_ literal: String) {
        places = literal.utf8.map { [$0] }
        text = literal
    }

    init(_ places: [Set<UInt8>], text: String) {
        self.places = places
        self.text = text
    }

    static func + (a: StreamPattern, b: StreamPattern) -> StreamPattern {
        StreamPattern(a.places + b.places, text: a.text + b.text)
    }

    static func any(of characters: String, count: Int = 1) -> StreamPattern {
        StreamPattern(Array(repeating: Set(characters.utf8), count: count), text: count > 1 ? "…" : "")
    }
}

/// One automaton for many patterns: each byte is one step, however many patterns there are.
package struct StreamAutomaton: Sendable {
    /// The first is where it begins. See wire_detect_state.
    package private(set) var states: [wire_detect_state] = []

    private static let blanks: Set<UInt8> = [9, 10, 13, 32]

    /// Of at most `WIRE_DETECT_PATTERNS`.
    package init(_ patterns: [StreamPattern]) {
        precondition(patterns.count <= Int(WIRE_DETECT_PATTERNS))
        let classes = Self.classes(patterns)
        // The classes of bytes that may stand at each place.
        let accepted = patterns.map { pattern in
            pattern.places.map { place in classes.indices.filter { place.contains(classes[$0][0]) } }
        }
        var sources: [[Position]] = [[]]
        var numbers: [[Position]: Int] = [[]: 0]
        var next: [[UInt16]] = []
        while next.count < sources.count {
            let from = sources[next.count]
            // What stands where a pattern may begin is always possible.
            let all = from + patterns.indices.map { Position(pattern: $0, place: 0) }
            var targets = [[Position]](repeating: [], count: classes.count)
            for position in all where position.place < accepted[position.pattern].count {
                for number in accepted[position.pattern][position.place] {
                    targets[number].append(Position(pattern: position.pattern, place: position.place + 1))
                }
            }
            var row = [UInt16](repeating: 0, count: 256)
            for (target, bytes) in zip(targets, classes) where !target.isEmpty {
                let number = numbers[target] ?? sources.count
                if number == sources.count {
                    numbers[target] = number
                    sources.append(target)
                }
                let isEnd = target.contains { $0.place == patterns[$0.pattern].places.count }
                for byte in bytes { row[Int(byte)] = UInt16(number) | (isEnd ? UInt16(WIRE_DETECT_FOUND) : 0) }
            }
            for byte in Self.blanks { row[Int(byte)] = UInt16(next.count) }
            next.append(row)
        }
        precondition(sources.count <= Int(WIRE_DETECT_STATES))
        states = zip(sources, next).map { source, row in
            var state = wire_detect_state()
            unsafe withUnsafeMutableBytes(of: &state.next) { bytes in
                unsafe row.withUnsafeBytes { unsafe bytes.copyMemory(from: $0) }
            }
            for position in source where position.place == patterns[position.pattern].places.count {
                state.found |= 1 << UInt64(position.pattern)
            }
            return state
        }
    }

    private struct Position: Hashable {
        let pattern: Int
        /// How many of its bytes were there.
        let place: Int
    }

    /// Bytes that no pattern tells apart.
    private static func classes(_ patterns: [StreamPattern]) -> [[UInt8]] {
        let sets = Array(Set(patterns.flatMap(\.places)))
        var classes: [[Bool]: [UInt8]] = [:]
        for byte in UInt8.min...UInt8.max { classes[sets.map { $0.contains(byte) }, default: []].append(byte) }
        return Array(classes.values)
    }

    /// What the programs do: a bit for each pattern that is found.
    package func found(in bytes: some Sequence<UInt8>, from state: inout UInt16) -> UInt64 {
        var found: UInt64 = 0
        for byte in bytes {
            let next = unsafe withUnsafeBytes(of: states[Int(state)].next) { row in
                unsafe row.loadUnaligned(fromByteOffset: Int(byte) * 2, as: UInt16.self)
            }
            state = next & ~UInt16(WIRE_DETECT_FOUND)
            if next & UInt16(WIRE_DETECT_FOUND) != 0 { found |= states[Int(state)].found }
        }
        return found
    }
}
