// SPDX-License-Identifier: Apache-2.0

package import CWire
internal import Events

extension Filter {
    /// The system calls whose names are wanted, as ranges of WIRE_SYSCALL_FACT(abi, number): exactly those that user space
    /// shows under such a name, `syscall_500` included. `nil` when that can't be told.
    package typealias SyscallNumbers = (_ isWanted: (String) -> Bool) -> [ClosedRange<Int64>]?

    /// What of a filter the kernel programs can decide.
    package struct Lowered {
        /// Holds for every event that the filter matches.
        package let predicate: wire_predicate
        /// Whether it holds for no other.
        package let isExact: Bool
    }

    /// The filter as far as the kernel programs can decide it; what they let pass, a matcher has to look at again.
    /// `connections` for programs that know addresses and ports.
    package func lowered(syscalls: SyscallNumbers? = nil, connections: Bool = false) -> Lowered {
        var lowering = Lowering(syscalls: syscalls, connections: connections)
        let clauses = lowering.clauses(expression, negated: false)
        let predicate = lowering.predicate(clauses)
        return Lowered(predicate: predicate, isExact: lowering.isExact)
    }
}

/// Brings an expression into the form that the programs know: clauses that all have to hold, each an alternative of
/// literals. Whatever makes that too long is dropped, a whole clause at a time, so that only more events pass.
private struct Lowering {
    typealias Clause = [wire_literal]

    private static let limit = Int(WIRE_LITERALS_MAX)

    let syscalls: Filter.SyscallNumbers?
    let connections: Bool
    private(set) var isExact = true

    init(syscalls: Filter.SyscallNumbers?, connections: Bool) {
        self.syscalls = syscalls
        self.connections = connections
    }

    mutating func clauses(_ expression: FilterExpression, negated: Bool) -> [Clause] {
        switch expression {
        case .test(let test): return clauses(test, negated: negated)
        case .not(let part): return clauses(part, negated: !negated)
        case .all(let parts): return negated ? alternatives(parts, negated: true) : conjunction(parts, negated: false)
        case .any(let parts): return negated ? conjunction(parts, negated: true) : alternatives(parts, negated: false)
        }
    }

    private mutating func clauses(_ test: FilterTest, negated: Bool) -> [Clause] {
        guard let atom = FilterAtom(test, negated: negated, syscalls, connections: connections) else {
            isExact = false
            return []
        }
        let literals: Clause
        let oneByOne: Bool
        switch atom {
        case .ranges(let fact, let ranges, let isExact):
            if !isExact { self.isExact = false }
            oneByOne = negated
            literals = ranges.map { Self.literal(fact, $0.lowerBound, $0.upperBound, negated: negated) }
        case .prefixes(let fact, let prefixes, let differs, let isExact):
            if !isExact { self.isExact = false }
            return bounded(Self.clauses(fact, prefixes, differs: differs, negated: negated))
        case .names(let names, let differs):
            oneByOne = negated != differs
            literals = names.map { name in
                let words = Self.words(name)
                return Self.literal(WIRE_FACT_COMM, words.0, words.1, negated: negated != differs)
            }
        }
        return bounded(oneByOne ? literals.map { [$0] } : [literals])
    }

    /// Of addresses. Those that differ have to be there.
    private static func clauses(_ fact: wire_fact, _ prefixes: [IPPrefix]?, differs: Bool, negated: Bool) -> [Clause] {
        let present = literal(fact, 0, 0, negated: negated)
        guard let prefixes else { return [[present]] }
        let literals = prefixes.map { prefix in
            let words = prefix.words
            return literal(fact, words.high, words.low, bits: words.bits, negated: negated != differs)
        }
        switch (differs, negated) {
        case (false, false): return [literals]
        case (false, true): return literals.map { [$0] }
        case (true, false): return [[present]] + literals.map { [$0] }
        case (true, true): return [[present] + literals]
        }
    }

    private mutating func conjunction(_ parts: [FilterExpression], negated: Bool) -> [Clause] {
        var result: [Clause] = []
        for part in parts { result += clauses(part, negated: negated) }
        return bounded(result)
    }

    /// Each clause of one part with each of the next.
    private mutating func alternatives(_ parts: [FilterExpression], negated: Bool) -> [Clause] {
        var result: [Clause] = [[]]
        for part in parts {
            let next = clauses(part, negated: negated)
            var products: [Clause] = []
            for clause in result {
                for other in next { products.append(clause + other) }
            }
            result = bounded(products)
        }
        return result
    }

    /// The shortest clauses, as many as can be used.
    private mutating func bounded(_ clauses: [Clause]) -> [Clause] {
        let fitting = clauses.filter { $0.count <= Self.limit }.sorted { $0.count < $1.count }.prefix(Self.limit)
        if fitting.count < clauses.count { isExact = false }
        return Array(fitting)
    }

    mutating func predicate(_ clauses: [Clause]) -> wire_predicate {
        var predicate = wire_predicate()
        for clause in bounded(clauses) {
            // A clause without literals never holds; the programs know only what some literal says.
            let literals = clause.isEmpty ? [Self.literal(WIRE_FACT_ACTION, 1, 0, negated: false)] : clause
            guard Int(predicate.literal_count) + literals.count <= Self.limit else {
                isExact = false
                continue
            }
            for literal in literals {
                var literal = literal
                literal.clause = UInt8(predicate.clause_count)
                let offset = Int(predicate.literal_count) * MemoryLayout<wire_literal>.stride
                unsafe withUnsafeMutableBytes(of: &predicate.literals) { bytes in
                    unsafe bytes.storeBytes(of: literal, toByteOffset: offset, as: wire_literal.self)
                }
                predicate.literal_count += 1
            }
            predicate.clause_count += 1
        }
        return predicate
    }

    private static func literal(
        _ fact: wire_fact, _ low: Int64, _ high: Int64, bits: UInt32 = 0, negated: Bool
    ) -> wire_literal {
        wire_literal(
            fact: UInt16(fact.rawValue), clause: 0, negated: negated ? 1 : 0, bits: bits, low: low, high: high)
    }

    /// A name as the two words that the kernel has it in.
    private static func words(_ name: [UInt8]) -> (Int64, Int64) {
        var words: (UInt64, UInt64) = (0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { unsafe $0.copyBytes(from: name) }
        return (Int64(bitPattern: words.0), Int64(bitPattern: words.1))
    }
}
