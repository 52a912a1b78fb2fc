// SPDX-License-Identifier: Apache-2.0

/// A policy: what its files and rules say, in their order.
package struct PolicyRules: Sendable {
    package internal(set) var sources: [PolicySource] = []
    package internal(set) var rules: [PolicyRule] = []
    package internal(set) var defaults: [PolicyDefault] = []
    /// The first is that of rules below no `scope`: everywhere.
    package internal(set) var scopes: [PolicyScope] = [PolicyScope()]
    package internal(set) var exceptions: [PolicyException] = []
    package internal(set) var warnings: [PolicyProblem] = []
    /// Whom it is held for.
    package var target = PolicyTarget()

    /// The line of a place, without blanks around it.
    package func line(_ place: PolicyPlace) -> String {
        let line = sources[place.source].line(place.line)
        let text = line.drop { $0 == 0x20 || $0 == 0x09 }
        let end = text.lastIndex { $0 != 0x20 && $0 != 0x09 }.map { $0 + 1 } ?? text.startIndex
        return String(decoding: text[..<end], as: UTF8.self)
    }

    /// file:line
    package func reference(_ place: PolicyPlace) -> String { "\(sources[place.source].name):\(place.line)" }

    /// What holds for a class where no rule does: the stricter one of several.
    package func defaultVerdict(_ group: PolicyClass) -> PolicyDefault? {
        // Not the last of equals, which `max` would give.
        defaults.filter { $0.group == group }.reduce(nil) { best, next in
            best.map { $0.verdict >= next.verdict } == true ? best : next
        }
    }

    /// Whether anything of an operation is stopped or told.
    package func holds(_ operation: PolicyOperation) -> Bool {
        rules.contains { $0.operation == operation && $0.verdict != .allow }
            || operation.defaultClass.flatMap { defaultVerdict($0) }.map { $0.verdict != .allow } ?? false
    }

    /// Whether a rule is for somebody.
    package func isFor(_ rule: PolicyRule, _ actor: PolicyActor) -> Bool {
        scopes[rule.scope].holds(actor) && !(rule.exception.map { exceptions[$0].holds(actor) } ?? false)
    }

    /// One rule as a line of its own.
    package func text(_ rule: PolicyRule) -> String {
        var words = [rule.verdict.rawValue, rule.operation.rawValue]
        if let subject = rule.subject.text { words.append(subject) }
        if let index = rule.exception { words += exceptions[index].words }
        return words.joined(separator: " ")
    }
}

/// A rule about one thing: a line that names several makes several.
package struct PolicyRule: Sendable {
    package let verdict: Verdict
    package let operation: PolicyOperation
    package let subject: PolicySubject
    /// Of `PolicyRules.exceptions`.
    package let exception: Int?
    /// Of `PolicyRules.scopes`.
    package let scope: Int
    package let place: PolicyPlace
}

package enum PolicySubject: Hashable, Sendable {
    case target(NetTarget)
    case name(NamePattern)
    case file(FilePattern)
    /// A program that is in no file.
    case memfd
    /// A program that is not part of the image of its container.
    case drift
    case detector(String)
    /// Of `net raw`: all there is.
    case all

    var text: String? {
        switch self {
        case .target(let target): policyQuoted(Array(target.text.utf8))
        case .name(let name): policyQuoted(Array(name.text.utf8))
        case .file(let pattern): policyQuoted(pattern.text)
        case .memfd: "memfd"
        case .drift: "drift"
        case .detector(let name): name
        case .all: nil
        }
    }
}

package struct PolicyDefault: Sendable {
    package let group: PolicyClass
    package let verdict: Verdict
    package let place: PolicyPlace
}

/// What is known of whoever does something.
package enum PolicyActorKind: String, CaseIterable, Sendable {
    case namespace, pod, container, cgroup, user, tree, exe
    /// What a process calls itself: of scopes of a run only, since anybody can call himself anything.
    case comm

    /// Those that `scope` has, and those that `unless` has.
    static let scopes: [PolicyActorKind] = [.namespace, .pod, .container, .cgroup, .user, .tree]
    static let exceptions: [PolicyActorKind] = [.exe, .tree, .user, .namespace, .pod, .container, .cgroup]
}

/// A kind, and values of which one has to be had.
package struct PolicyTerm: Hashable, Sendable {
    package let kind: PolicyActorKind
    package let values: [[UInt8]]

    var words: [String] { [kind.rawValue] + values.map(policyQuoted) }

    /// Whether it is a tree of processes that begins with a program, or with one of several things of which one is.
    var beginsWithProgram: Bool { kind == .tree && values.contains { $0.first == UInt8(ascii: "/") } }

    /// `nil` where it is not known of the actor.
    func holds(_ actor: PolicyActor) -> Bool? {
        guard let facts = actor.facts[kind] else { return nil }
        return values.contains { wanted in facts.contains { holds(wanted, $0) } }
    }

    private func holds(_ wanted: [UInt8], _ value: [UInt8]) -> Bool {
        switch kind {
        case .exe: (try? FilePattern(wanted))?.matches(value) ?? false
        case .tree where wanted.first == UInt8(ascii: "/"): (try? FilePattern(wanted))?.matches(value) ?? false
        case .user, .tree: wanted == value
        case .comm: value.elementsEqual(wanted.prefix(15))
        // The root of the hierarchy ends with the slash that others have behind them.
        case .cgroup:
            value == wanted || value.starts(with: wanted == Array("/".utf8) ? wanted : wanted + Array("/".utf8))
        case .namespace: Glob(wanted).matches(value.span)
        case .pod, .container: Glob(wanted).matches(value.span) || isID(value) && isShort(wanted, for: value)
        }
    }

    /// Of a container or pod: long, of hexadecimal digits and dashes.
    private func isID(_ value: [UInt8]) -> Bool {
        value.count >= 32 && value.allSatisfy { "0123456789abcdef-".utf8.contains($0) }
    }

    /// Whether an id begins so. Shorter ones than this are names.
    private func isShort(_ wanted: [UInt8], for id: [UInt8]) -> Bool { wanted.count >= 6 && id.starts(with: wanted) }
}

/// Where rules apply: all kinds have to hold. Everywhere, where there are none.
package struct PolicyScope: Hashable, Sendable {
    package internal(set) var terms: [PolicyTerm] = []
    /// Of its first line.
    package internal(set) var place: PolicyPlace?

    /// Everywhere.
    package init() {}

    init(terms: [PolicyTerm], place: PolicyPlace?) {
        self.terms = terms
        self.place = place
    }

    package var isEverywhere: Bool { terms.isEmpty }

    package var text: String { terms.map { (["scope"] + $0.words).joined(separator: " ") }.joined(separator: ", ") }

    /// Unknown is not enough.
    package func holds(_ actor: PolicyActor) -> Bool { terms.allSatisfy { $0.holds(actor) == true } }
}

/// Who a rule is not for: one kind that holds is enough.
package struct PolicyException: Hashable, Sendable {
    package let terms: [PolicyTerm]

    var words: [String] { terms.flatMap { ["unless"] + $0.words } }
    package var text: String { words.joined(separator: " ") }

    package func holds(_ actor: PolicyActor) -> Bool { terms.contains { $0.holds(actor) == true } }
}

/// Who does something, as far as it is known.
package struct PolicyActor: Sendable {
    /// A user has a name and a number, a container a name and an id: each of them is one.
    package var facts: [PolicyActorKind: [[UInt8]]] = [:]

    package init(_ facts: [PolicyActorKind: [[UInt8]]] = [:]) { self.facts = facts }
}
