// SPDX-License-Identifier: Apache-2.0

package import Events

/// Something that somebody does, of which a policy decides.
package struct PolicyQuestion: Sendable {
    package var operation: PolicyOperation
    /// Of the other side, or of `net listen` the own.
    package var address: IPAddress?
    /// By which names the address is known, or what is asked for.
    package var names: [[UInt8]] = []
    package var port: UInt16?
    package var transport: NetTarget.Transport?
    /// Absolute; `nil` for what is in no file.
    package var path: [UInt8]?
    package var isMemfd = false
    package var isDrift = false
    package var actor = PolicyActor()

    package init(_ operation: PolicyOperation) { self.operation = operation }

    /// As `--explain` has it: an operation and what it is done to, then who does it: exe /PATH, user NAME, pod NAME ...
    package init(parsing text: String) throws(PolicyProblem) {
        let source = PolicySource(name: "--explain", text: Array(text.utf8))
        var place = PolicyPlace(source: 0, line: 1, offset: 0)
        do throws(PolicyMistake) {
            let words = try policyWords(source.text[...])
            guard let first = words.first else {
                throw PolicyMistake("there is no question", help: Self.forms)
            }
            var line = PolicyLine(first, words.dropFirst(), end: source.text.count, source: 0, line: 1)
            do throws(PolicyMistake) {
                self = try Self.question(first, &line)
            } catch {
                place = line.here
                throw error
            }
        } catch {
            place = PolicyPlace(source: 0, line: 1, offset: place.offset + error.offset)
            throw PolicyProblem(error.message, in: source, at: place, help: error.help, isError: true)
        }
    }

    private static let forms =
        "write net HOST:PORT, net listen :PORT, net raw, dns NAME, file read PATH, file write PATH or exec PATH"

    private static func question(_ first: PolicyWord, _ line: inout PolicyLine) throws(PolicyMistake) -> PolicyQuestion
    {
        var question: PolicyQuestion
        switch first.text {
        case "net":
            if line.peek?.isWord("raw") == true {
                _ = line.next()
                question = PolicyQuestion(.raw)
                break
            }
            let isListen = line.peek?.isWord("listen") == true
            if isListen { _ = line.next() }
            question = PolicyQuestion(isListen ? .listen : .connect)
            try question.take(target: try word(&line))
        case "dns":
            question = PolicyQuestion(.ask)
            question.names = [try NamePattern.name(try word(&line).bytes)]
        case "file":
            switch line.next()?.text {
            case "read": question = PolicyQuestion(.read)
            case "write": question = PolicyQuestion(.write)
            case "exec": question = PolicyQuestion(.execute)
            default: throw PolicyMistake("here an operation should follow", help: "file read, file write or file exec")
            }
            try question.take(path: try word(&line))
        case "exec":
            question = PolicyQuestion(.execute)
            if line.peek?.isWord("memfd") == true {
                _ = line.next()
                question.isMemfd = true
                break
            }
            try question.take(path: try word(&line))
            if line.peek?.isWord("drift") == true {
                _ = line.next()
                question.isDrift = true
            }
        default:
            if Verdict(rawValue: first.text) != nil {
                throw PolicyMistake("a question has no verdict: it asks for one", help: forms)
            }
            let near = policySuggestion(first.text, among: ["net", "dns", "file", "exec"])
            throw PolicyMistake(
                "there is nothing to do that is called \"\(PolicyParser.short(first.text))\"",
                help: near.map { "did you mean \($0)?" } ?? forms)
        }
        while let word = line.next() {
            guard let kind = PolicyActorKind(rawValue: word.text) else {
                throw PolicyMistake(
                    "\"\(PolicyParser.short(word.text))\" has no meaning here",
                    help:
                        "who does it may follow: exe /PATH, user NAME, pod NAME, namespace NAME, container NAME, cgroup /PATH, tree PID or /PATH"
                )
            }
            guard let value = line.next() else { throw PolicyMistake("here a value should follow") }
            question.actor.facts[kind, default: []].append(value.bytes)
        }
        return question
    }

    private static func word(_ line: inout PolicyLine) throws(PolicyMistake) -> PolicyWord {
        guard let word = line.next() else { throw PolicyMistake("here something should follow", help: forms) }
        return word
    }

    private mutating func take(target word: PolicyWord) throws(PolicyMistake) {
        let target = try NetTarget(word.bytes)
        switch target.host {
        case .network(let prefix) where prefix.length == prefix.first.count * 8: address = prefix.first
        case .name(let name) where operation == .connect: names = [name]
        // To listen without an address is to do so at all.
        case .any where operation == .listen: address = IPAddress("0.0.0.0")
        case .any, .network, .below, .name:
            throw PolicyMistake(
                operation == .listen ? "to listen is at one address" : "a connection is to one address or name",
                help: operation == .listen ? "net listen :8080, net listen 127.0.0.1:8080" : "net api.example.com:443")
        }
        guard let port = target.port else {
            throw PolicyMistake("this needs a port", help: "write \(word.text):443", offset: word.bytes.count)
        }
        self.port = port
        transport = target.transport ?? .tcp
    }

    private mutating func take(path word: PolicyWord) throws(PolicyMistake) {
        guard case .exact(let path) = try FilePattern(word.bytes) else {
            throw PolicyMistake("this is a pattern, and not one file", help: "write the path of the file")
        }
        self.path = path
    }
}
