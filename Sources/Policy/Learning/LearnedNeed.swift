// SPDX-License-Identifier: Apache-2.0

package import Events

/// Something that a run did, as the least rule that allows it is about it.
package struct LearnedNeed: Hashable, Sendable {
    package let operation: PolicyOperation
    package let subject: PolicySubject

    package init(_ operation: PolicyOperation, _ subject: PolicySubject) {
        self.operation = operation
        self.subject = subject
    }

    /// A file by its absolute path; `nil` where no rule can name it.
    package init?(_ operation: PolicyOperation, path: [UInt8]) {
        guard let path = Self.plain(path) else { return nil }
        self.init(operation, .file(.exact(path)))
    }

    package init(
        _ operation: PolicyOperation, _ address: IPAddress, port: UInt16?, _ transport: NetTarget.Transport?
    ) {
        let host = NetTarget.Host.network(IPPrefix(address.unmapped))
        self.init(operation, .target(NetTarget(host: host, port: port, transport: transport)))
    }

    /// Of a connection to an address that the run had from a name. `nil` where it is no name that a rule can have.
    package init?(name: [UInt8], port: UInt16?, _ transport: NetTarget.Transport?) {
        guard let name = try? NamePattern.name(name) else { return nil }
        self.init(.connect, .target(NetTarget(host: .name(name), port: port, transport: transport)))
    }

    /// Of a question for a name. `nil` where it is no name that a rule can have.
    package init?(askedFor name: [UInt8]) {
        guard let name = try? NamePattern.name(name) else { return nil }
        self.init(.ask, .name(.exact(name)))
    }

    /// What a policy would be asked.
    package var question: PolicyQuestion {
        var question = PolicyQuestion(operation)
        switch subject {
        case .target(let target):
            question.port = target.port
            question.transport = target.transport
            switch target.host {
            case .network(let prefix): question.address = prefix.first
            case .name(let name): question.names = [name]
            case .any, .below: break
            }
        case .file(.exact(let path)): question.path = path
        case .name(.exact(let name)): question.names = [name]
        case .memfd: question.isMemfd = true
        case .file, .name, .drift, .detector, .all: break
        }
        return question
    }

    /// Without "." and "..", as patterns have it. What was asked for and not resolved may have them.
    private static func plain(_ path: [UInt8]) -> [UInt8]? {
        guard path.first == UInt8(ascii: "/"), !path.contains(0), !path.contains(UInt8(ascii: "\n")) else { return nil }
        var names: [ArraySlice<UInt8>] = []
        for name in path.split(separator: UInt8(ascii: "/")) where !name.elementsEqual(".".utf8) {
            if name.elementsEqual("..".utf8) { _ = names.popLast() } else { names.append(name) }
        }
        return names.isEmpty ? nil : names.reduce(into: []) { $0 += [UInt8(ascii: "/")] + $1 }
    }
}

/// Who needed something, and when.
package struct LearnedEvidence: Sendable {
    /// Names of processes in the order of their first time, no more than are shown.
    private(set) var names: [String]
    private(set) var hasOthers = false
    private(set) var count: UInt64 = 1
    /// Of CLOCK_REALTIME, nanoseconds.
    private(set) var first: UInt64
    private(set) var last: UInt64
    /// How many needs were put together.
    private(set) var needs = 1

    private static let shown = 3

    init(_ name: String, _ time: UInt64) {
        names = [name]
        first = time
        last = time
    }

    mutating func add(_ name: String, _ time: UInt64) {
        count += 1
        first = min(first, time)
        last = max(last, time)
        add(name)
    }

    mutating func add(_ other: LearnedEvidence) {
        for name in other.names { add(name) }
        hasOthers = hasOthers || other.hasOthers
        count += other.count
        first = min(first, other.first)
        last = max(last, other.last)
        needs += other.needs
    }

    private mutating func add(_ name: String) {
        if names.contains(name) { return }
        if names.count < Self.shown { names.append(name) } else { hasOthers = true }
    }

    /// For a comment: who, how often, and when, by `text` of a time.
    func comment(_ text: (UInt64) -> String) -> String {
        var comment = names.joined(separator: ", ") + (hasOthers ? " and others" : "")
        comment += ": \(count) time\(count == 1 ? "" : "s")"
        let (first, last) = (text(first), text(last))
        comment += first == last ? ", \(first)" : ", \(first) to \(last)"
        return comment + (needs > 1 ? "; \(needs) put together" : "")
    }
}
