// SPDX-License-Identifier: Apache-2.0

/// Which system calls: what `--syscalls=SET` asks for.
///
/// A set is names, classes (`%file`), globs (`open*`), `all` and `none`, separated by commas and applied in their order.
/// `!` in front of a term takes its calls away, and a set whose first term does so starts from all. As in strace, one `!`
/// in front of a set without another stands for the whole set: `!open,close` is all but these two.
package struct SyscallSet: Equatable, Sendable {
    private static let numbers = 1024

    /// A bit for each number below `numbers`, one list after the other in the order of `SyscallABI`.
    private var bits: [UInt64]
    /// Whether calls that the tables do not know are in it.
    package private(set) var containsUnknown = false

    package static let none = SyscallSet()

    package static let all: SyscallSet = {
        var set = SyscallSet()
        set.bits = set.bits.map { _ in .max }
        set.containsUnknown = true
        return set
    }()

    private init() {
        bits = Array(repeating: 0, count: SyscallABI.allCases.count * Self.numbers / 64)
    }

    package func contains(_ abi: SyscallABI, _ number: UInt32) -> Bool {
        guard number < Self.numbers else { return containsUnknown }
        let index = Int(abi.rawValue) * Self.numbers + Int(number)
        return bits[index / 64] >> UInt64(index % 64) & 1 != 0
    }

    package var isEmpty: Bool { !containsUnknown && bits.allSatisfy { $0 == 0 } }

    /// Calls of this class, on every ABI, with the operations of io_uring that do the same.
    package init(_ element: SyscallClass, on architecture: SyscallArchitecture = .current) {
        self.init(architecture) { _, description in description()?.classes.contains(element) ?? false }
    }

    /// Why a text is no set.
    package struct Mistake: Error, Equatable, CustomStringConvertible {
        package let description: String

        package init(description: String) {
            self.description = description
        }
    }

    /// Parses a set.
    package init(_ text: String, on architecture: SyscallArchitecture = .current) throws(Mistake) {
        let words = text.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
        var terms: [(isNegative: Bool, name: Substring)] = words.map { word in
            word.hasPrefix("!") ? (true, word.dropFirst()) : (false, word)
        }
        let isAllNegative = terms[0].isNegative && terms.dropFirst().allSatisfy { !$0.isNegative }
        if isAllNegative { terms = terms.map { (true, $0.name) } }
        self = terms[0].isNegative ? .all : .none
        for term in terms {
            let calls = try Self.calls(term.name, in: text, architecture)
            if term.isNegative { subtract(calls) } else { formUnion(calls) }
        }
    }

    package mutating func formUnion(_ other: SyscallSet) {
        for index in bits.indices { bits[index] |= other.bits[index] }
        containsUnknown = containsUnknown || other.containsUnknown
    }

    package mutating func subtract(_ other: SyscallSet) {
        for index in bits.indices { bits[index] &= ~other.bits[index] }
        containsUnknown = containsUnknown && !other.containsUnknown
    }

    // MARK: - Terms

    private init(
        _ architecture: SyscallArchitecture,
        where isIncluded: (_ name: Bytes, _ description: () -> SyscallDescription?) -> Bool
    ) {
        self.init()
        for abi in SyscallABI.allCases {
            guard let table = abi.list(on: architecture)?.table else { continue }
            for number in table.numbers where number < Self.numbers {
                guard let name = table.name(number), isIncluded(name, { table.description(number) }) else { continue }
                let index = Int(abi.rawValue) * Self.numbers + Int(number)
                bits[index / 64] |= 1 << UInt64(index % 64)
            }
        }
    }

    private static func calls(
        _ term: Substring, in text: String, _ architecture: SyscallArchitecture
    ) throws(Mistake) -> SyscallSet {
        if term.isEmpty { throw Mistake(description: "'\(text)' has an empty name") }
        if term == "all" || term == "%all" { return .all }
        if term == "none" { return .none }
        if term.hasPrefix("%") {
            guard let element = SyscallClass(named: String(term.dropFirst())) else {
                let classes = SyscallClass.allCases.map { "%" + $0.name }.joined(separator: " ")
                throw Mistake(description: "'\(term)' is no class of system calls; these are: \(classes)")
            }
            return SyscallSet(element, on: architecture)
        }
        let isGlob = term.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
        let pattern = Array(term.utf8)
        func matches(_ name: Bytes) -> Bool {
            isGlob ? globMatches(pattern[...], name.slice) : name.slice.elementsEqual(pattern)
        }
        let set = SyscallSet(architecture) { name, _ in matches(name) }
        if !set.isEmpty { return set }
        // A call of the other machines is no mistake: one set serves all of them.
        for other in SyscallArchitecture.allCases where other != architecture {
            if !SyscallSet(other, where: { name, _ in matches(name) }).isEmpty { return .none }
        }
        if isGlob { throw Mistake(description: "no system call matches '\(term)'") }
        throw Mistake(description: "'\(term)' is no system call" + suggestion(for: String(term), architecture))
    }

    private static func suggestion(for name: String, _ architecture: SyscallArchitecture) -> String {
        if SyscallClass(named: name) != nil { return "; did you mean the class '%\(name)'?" }
        var best: (name: String, distance: Int)?
        for abi in SyscallABI.allCases {
            guard let table = abi.list(on: architecture)?.table else { continue }
            for candidate in table.numbers.compactMap({ table.name($0)?.string }) {
                let distance = editDistance(candidate, name)
                if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
            }
        }
        guard let best, best.distance <= max(1, name.utf8.count / 3) else { return "" }
        return "; did you mean '\(best.name)'?"
    }

    private static func trimmed(_ word: Substring) -> Substring {
        var word = word.drop { $0 == " " }
        while word.last == " " { word.removeLast() }
        return word
    }

    /// `*` stands for any bytes, `?` for one.
    private static func globMatches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var pattern = pattern
        var name = name
        // Where to go on when what follows the last star did not fit.
        var star: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
        while let byte = name.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern.removeFirst()
                star = (pattern, name)
            } else if let wanted = pattern.first, wanted == UInt8(ascii: "?") || wanted == byte {
                pattern.removeFirst()
                name.removeFirst()
            } else if let last = star {
                star = (last.pattern, last.name.dropFirst())
                (pattern, name) = (last.pattern, last.name.dropFirst())
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
