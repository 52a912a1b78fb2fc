// SPDX-License-Identifier: Apache-2.0

/// Whom a run holds a policy for: one program that is started for it, with all that descends from it, or whoever conditions
/// hold for.
package struct PolicyTarget: Sendable {
    package var isProgram = true
    /// All of them have to hold: of each kind there is one.
    package private(set) var terms: [PolicyTerm] = []
    /// None of them may.
    package private(set) var without: [PolicyTerm] = []

    package init() {}

    /// Adds what was asked for of one kind: one of those that are not negated has to hold.
    package mutating func add(_ kind: PolicyActorKind, _ values: [Scope.Term<[UInt8]>]) {
        let wanted = values.filter { !$0.negated }.map(\.value)
        let unwanted = values.filter(\.negated).map(\.value)
        if !wanted.isEmpty { terms.append(PolicyTerm(kind: kind, values: wanted)) }
        if !unwanted.isEmpty { without.append(PolicyTerm(kind: kind, values: unwanted)) }
    }

    /// Whether it is for somebody.
    package func holds(_ actor: PolicyActor) -> Bool {
        terms.allSatisfy { $0.holds(actor) == true } && !without.contains { $0.holds(actor) == true }
    }

    /// Whether the kind counts.
    package func asks(for kind: PolicyActorKind) -> Bool { (terms + without).contains { $0.kind == kind } }

    /// The cgroups that it is for; `nil` where it is for some of other kinds too, or without some.
    package var cgroups: [[UInt8]]? {
        guard without.isEmpty, terms.allSatisfy({ $0.kind == .cgroup }) else { return nil }
        return terms.first?.values ?? []
    }

    /// Whether who is held stays so, with what it starts, whatever becomes of it. All descend from root's programs outside
    /// containers: who is held only because of that, is as long as that holds.
    package var isKept: Bool {
        terms.contains { term in
            term.kind != .user || !term.values.contains { ["root", "0"].contains(String(decoding: $0, as: UTF8.self)) }
        }
    }

    /// As a user would say it; `nil` for all.
    package var text: String? {
        let words =
            terms.map { $0.words.joined(separator: " ") } + without.map { "no " + $0.words.joined(separator: " ") }
        return words.isEmpty ? nil : words.joined(separator: ", ")
    }
}

extension FilePattern {
    /// What is wrong with a pattern of `--exe`, and what to write instead; `nil` where nothing is.
    package static func mistake(_ text: String) -> (message: String, help: String?)? {
        do throws(PolicyMistake) {
            _ = try FilePattern(Array(text.utf8))
            return nil
        } catch {
            return (error.message, error.help)
        }
    }
}
