// SPDX-License-Identifier: Apache-2.0

/// Reads policies. Goes on behind a mistake, so that all of them are told at once.
package struct PolicyParser {
    /// What can't be read, and why.
    package struct Unreadable: Error {
        package let reason: String

        package init(_ reason: String) { self.reason = reason }
    }

    package typealias Reader = (_ path: String) throws(Unreadable) -> [UInt8]

    /// Files within files.
    static let deepest = 16
    /// Larger ones are refused: places are kept small.
    static let largest = 256 << 20

    private(set) var policy = PolicyRules()
    private(set) var problems: [PolicyProblem] = []
    private let read: Reader
    /// The files that are being read, the outermost first.
    private var open: [String] = []
    private var scope = 0
    /// Whether the last line that said something was a `scope`, so that the next one adds to it.
    private var isBehindScope = false
    private var hasRules = false
    private var scopeIndices: [PolicyScope: Int] = [PolicyScope(): 0]
    private var exceptionIndices: [PolicyException: Int] = [:]

    /// Reads files by `read`, which gets the path that an `include` means.
    package init(_ read: @escaping Reader) { self.read = read }

    /// Takes a whole file. Its scope ends with it.
    package mutating func add(file name: String, _ text: [UInt8]) {
        let before = (scope, isBehindScope, hasRules)
        (scope, isBehindScope, hasRules) = (open.isEmpty ? 0 : scope, false, true)
        open.append(name)
        add(PolicySource(name: name, text: text))
        open.removeLast()
        (scope, isBehindScope, hasRules) = before
    }

    /// Takes what the option --rule has: `number` is which one it is, from 1.
    package mutating func add(rule: [UInt8], number: Int) {
        (scope, isBehindScope, hasRules) = (0, false, true)
        add(PolicySource(name: number == 1 ? "--rule" : "--rule(\(number))", text: rule))
    }

    /// The policy, with its warnings.
    package consuming func finish() throws(PolicyErrors) -> PolicyRules {
        if problems.contains(where: \.isError) { throw PolicyErrors(problems: problems) }
        var policy = policy
        policy.warnings = problems + PolicyDoubts(policy).problems()
        return policy
    }

    // MARK: Lines

    private mutating func add(_ source: PolicySource) {
        let index = policy.sources.count
        policy.sources.append(source)
        guard source.text.count <= Self.largest else {
            problems.append(
                PolicyProblem(
                    "a file of \(source.text.count) bytes", in: PolicySource(name: source.name, text: []),
                    at: PolicyPlace(source: index, line: 1, offset: 0), help: "at most \(Self.largest)", isError: true))
            return
        }
        for number in 1...source.lineCount {
            let words: [PolicyWord]
            do {
                words = try policyWords(source.line(number))
            } catch {
                tell(error, PolicyPlace(source: index, line: number, offset: 0))
                continue
            }
            guard let first = words.first else { continue }
            add(first, words.dropFirst(), source: index, line: number)
        }
        endScope()
    }

    private mutating func add(_ first: PolicyWord, _ rest: ArraySlice<PolicyWord>, source: Int, line: Int) {
        var line = PolicyLine(first, rest, end: policy.sources[source].line(line).count, source: source, line: line)
        if first.isWord("scope") {
            handle(&line) { parser, line throws(PolicyMistake) in try parser.addScope(&line) }
            return
        }
        isBehindScope = false
        if first.isWord("include") {
            handle(&line) { parser, line throws(PolicyMistake) in try parser.include(&line) }
        } else if first.isWord("default") {
            handle(&line) { parser, line throws(PolicyMistake) in try parser.addDefault(&line) }
        } else if first.isWord("detect") {
            hasRules = true
            handle(&line) { parser, line throws(PolicyMistake) in try parser.addDetector(.audit, &line) }
        } else if let verdict = first.isQuoted ? nil : Verdict(rawValue: first.text) {
            hasRules = true
            handle(&line) { parser, line throws(PolicyMistake) in try parser.addRule(verdict, &line) }
        } else {
            hasRules = true
            let words = Verdict.allCases.map(\.rawValue) + ["default", "scope", "include", "detect"]
            let near = policySuggestion(first.text, among: words)
            let operations = ["net", "dns", "file", "exec"]
            let help =
                near.map { "did you mean \($0)?" }
                ?? (operations.contains(first.text) ? "a rule begins with its verdict: deny \(first.text) ..." : nil)
                ?? "a line begins with allow, audit, deny, drop, kill, default, scope, include or detect"
            tell(
                PolicyMistake("a line does not begin with \"\(Self.short(first.text))\"", help: help), line.place(first)
            )
        }
    }

    private mutating func handle(
        _ line: inout PolicyLine, _ body: (inout PolicyParser, inout PolicyLine) throws(PolicyMistake) -> Void
    ) {
        do {
            try body(&self, &line)
        } catch {
            tell(error, line.here)
        }
    }

    private mutating func tell(_ mistake: PolicyMistake, _ place: PolicyPlace, isError: Bool = true) {
        let place = PolicyPlace(source: place.source, line: place.line, offset: place.offset + mistake.offset)
        problems.append(
            PolicyProblem(
                mistake.message, in: policy.sources[place.source], at: place, help: mistake.help, isError: isError))
    }

    static func short(_ text: String) -> String {
        text.unicodeScalars.count > 40 ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(40))) + "…" : text
    }

    // MARK: Kinds of line

    private mutating func include(_ line: inout PolicyLine) throws(PolicyMistake) {
        guard let word = line.next() else { throw PolicyMistake("here a file should stand", help: "include FILE") }
        let own = policy.sources[line.source].name
        var path = word.text
        // Beside the file that names it.
        if !path.hasPrefix("/"), !open.isEmpty, let slash = own.utf8.lastIndex(of: UInt8(ascii: "/")) {
            path = own[...slash] + path
        }
        if open.contains(path) { throw PolicyMistake("\"\(Self.short(path))\" includes itself", help: nil) }
        guard open.count < Self.deepest else {
            throw PolicyMistake("files are included too deeply", help: "at most \(Self.deepest) within each other")
        }
        let text: [UInt8]
        do throws(Unreadable) {
            text = try read(path)
        } catch {
            throw PolicyMistake("\(Self.short(path)): \(error.reason)", help: nil)
        }
        if let more = line.next() {
            throw PolicyMistake("\"\(Self.short(more.text))\" is one word too many", help: nil)
        }
        hasRules = true
        if open.isEmpty {
            open.append(own)
            add(file: path, text)
            open.removeLast()
        } else {
            add(file: path, text)
        }
    }

    private mutating func addDefault(_ line: inout PolicyLine) throws(PolicyMistake) {
        let help = "default CLASS VERDICT, where CLASS is net, file or exec"
        guard let word = line.next() else { throw PolicyMistake("here a class should follow", help: help) }
        guard let group = PolicyClass(rawValue: word.text) else {
            let near = policySuggestion(word.text, among: PolicyClass.allCases.map(\.rawValue))
            throw PolicyMistake(
                "there is no class \"\(Self.short(word.text))\"", help: near.map { "did you mean \($0)?" } ?? help)
        }
        let verdict = try Self.verdict(line.next(), help: help)
        if verdict == .drop, group != .net {
            throw PolicyMistake("drop is for the network", help: "write deny: the call fails")
        }
        if let more = line.next() {
            throw PolicyMistake(
                "\"\(Self.short(more.text))\" is one word too many", help: "a default is for the whole of its class")
        }
        if scope != 0 {
            throw PolicyMistake("a default holds everywhere", help: "write it above the first scope")
        }
        policy.defaults.append(PolicyDefault(group: group, verdict: verdict, place: line.start))
    }

    private static func verdict(_ word: PolicyWord?, help: String) throws(PolicyMistake) -> Verdict {
        guard let word else { throw PolicyMistake("here a verdict should follow", help: help) }
        guard let verdict = Verdict(rawValue: word.text) else {
            let near = policySuggestion(word.text, among: Verdict.allCases.map(\.rawValue))
            throw PolicyMistake(
                "there is no verdict \"\(short(word.text))\"",
                help: near.map { "did you mean \($0)?" } ?? "verdicts: allow, audit, deny, drop, kill")
        }
        return verdict
    }

    private mutating func addScope(_ line: inout PolicyLine) throws(PolicyMistake) {
        let adds = isBehindScope
        if !adds { endScope() }
        isBehindScope = true
        guard let word = line.next() else {
            throw PolicyMistake("here a kind should follow", help: "scope KIND NAME, or scope all")
        }
        if word.isWord("all") {
            if let more = line.next() { throw PolicyMistake("\"\(Self.short(more.text))\" is one word too many") }
            (scope, isBehindScope, hasRules) = (0, false, true)
            return
        }
        let kind = try Self.kind(word, PolicyActorKind.scopes, ["all"])
        let values = try Self.values(of: kind, &line)
        if let more = line.next() { throw PolicyMistake("\"\(Self.short(more.text))\" has no meaning here") }
        var wanted = adds ? policy.scopes[scope] : PolicyScope(terms: [], place: line.start)
        if let index = wanted.terms.firstIndex(where: { $0.kind == kind }) {
            wanted.terms[index] = PolicyTerm(kind: kind, values: wanted.terms[index].values + values)
        } else {
            wanted.terms.append(PolicyTerm(kind: kind, values: values))
        }
        // Two that mean the same are one, wherever they stand.
        let key = PolicyScope(terms: wanted.terms.sorted { $0.kind.rawValue < $1.kind.rawValue }, place: nil)
        if let index = scopeIndices[key] {
            scope = index
        } else {
            scope = policy.scopes.count
            scopeIndices[key] = scope
            policy.scopes.append(wanted)
        }
        scopePlace = line.start
        hasRules = false
    }

    private var scopePlace: PolicyPlace?

    private mutating func endScope() {
        if scope != 0, !hasRules, let place = scopePlace {
            tell(PolicyMistake("no rule is below this scope", help: nil), place, isError: false)
        }
        hasRules = true
        isBehindScope = false
    }

    private static func kind(
        _ word: PolicyWord, _ kinds: [PolicyActorKind], _ others: [String] = []
    ) throws(PolicyMistake) -> PolicyActorKind {
        if let kind = PolicyActorKind(rawValue: word.text), kinds.contains(kind) { return kind }
        let names = kinds.map(\.rawValue)
        let near = policySuggestion(word.text, among: names + others)
        throw PolicyMistake(
            "there is no kind \"\(short(word.text))\" here",
            help: near.map { "did you mean \($0)?" } ?? "kinds: \((names + others).joined(separator: ", "))")
    }

    /// The values behind a kind, up to `unless`.
    private static func values(
        of kind: PolicyActorKind, _ line: inout PolicyLine
    ) throws(PolicyMistake) -> [[UInt8]] {
        var values: [[UInt8]] = []
        while let word = line.peek, !word.isWord("unless") {
            _ = line.next()
            guard !word.bytes.isEmpty else { throw PolicyMistake("this is empty") }
            switch kind {
            case .exe: values.append(try FilePattern(word.bytes).text)
            case .tree where word.bytes.first != UInt8(ascii: "/"):
                guard let pid = UInt32(word.text), pid > 0, pid < 1 << 22 else {
                    throw PolicyMistake(
                        "\"\(short(word.text))\" is no process",
                        help: "write a process id, or the path of a program whose descendants are meant")
                }
                values.append(Array("\(pid)".utf8))
            case .tree: values.append(try FilePattern(word.bytes).text)
            case .cgroup:
                guard word.bytes.first == UInt8(ascii: "/") else {
                    throw PolicyMistake("a cgroup is a path from the root of its hierarchy", help: "write /NAME")
                }
                values.append(word.bytes)
            default: values.append(word.bytes)
            }
        }
        guard !values.isEmpty else {
            if line.peek == nil { _ = line.next() }
            let example = kind == .exe || kind == .cgroup ? "\(kind.rawValue) /PATH" : "\(kind.rawValue) NAME"
            throw PolicyMistake("here a value should follow", help: example)
        }
        return values
    }

    private mutating func addDetector(_ verdict: Verdict, _ line: inout PolicyLine) throws(PolicyMistake) {
        guard let word = line.next() else { throw PolicyMistake("here a detector should follow", help: "detect miner") }
        guard Self.detectors.contains(word.text) else {
            let near = policySuggestion(word.text, among: Self.detectors)
            throw PolicyMistake(
                "there is no detector \"\(Self.short(word.text))\"",
                help: near.map { "did you mean \($0)?" } ?? "detectors: \(Self.detectors.joined(separator: ", "))")
        }
        let place = line.here
        let exception = try exception(&line)
        append(verdict, .detect, .detector(word.text), exception, place)
    }

    private static let detectors = Detector.names

    private mutating func addRule(_ verdict: Verdict, _ line: inout PolicyLine) throws(PolicyMistake) {
        let operations = ["net", "dns", "file", "exec", "detect"]
        guard let word = line.next() else {
            throw PolicyMistake(
                "here should follow what to \(verdict.rawValue)", help: "one of \(operations.joined(separator: ", "))")
        }
        if word.isWord("detect") {
            try addDetector(verdict, &line)
            return
        }
        let operation: PolicyOperation
        switch word.text {
        case "net":
            if line.peek?.isWord("listen") == true {
                _ = line.next()
                operation = .listen
            } else if line.peek?.isWord("raw") == true {
                _ = line.next()
                operation = .raw
            } else {
                operation = .connect
            }
        case "dns": operation = .ask
        case "exec": operation = .execute
        case "file": operation = try Self.fileOperation(line.next())
        default:
            let near = policySuggestion(word.text, among: operations)
            throw PolicyMistake(
                "there is nothing to \(verdict.rawValue) that is called \"\(Self.short(word.text))\"",
                help: near.map { "did you mean \($0)?" } ?? "one of \(operations.joined(separator: ", "))")
        }
        if verdict == .drop, operation.applied(.drop) != .drop {
            throw PolicyMistake(
                "drop is for packets, which \(operation.rawValue) has none of",
                help: "write deny: the call fails", offset: line.start.offset - line.here.offset)
        }
        var subjects: [(PolicySubject, PolicyPlace)] = []
        var isWrong = false
        while let word = line.peek, !word.isWord("unless") {
            _ = line.next()
            do throws(PolicyMistake) {
                subjects.append((try Self.subject(word, operation), line.here))
            } catch {
                tell(error, line.here)
                isWrong = true
            }
        }
        if operation == .raw, subjects.isEmpty { subjects.append((.all, line.start)) }
        if subjects.isEmpty, !isWrong {
            throw PolicyMistake(
                "here should follow what to \(verdict.rawValue)", help: Self.example(operation), offset: line.rest)
        }
        let exception = try exception(&line)
        if isWrong { return }
        for (subject, place) in subjects { append(verdict, operation, subject, exception, place) }
    }

    private static func fileOperation(_ word: PolicyWord?) throws(PolicyMistake) -> PolicyOperation {
        switch word?.text {
        case "read": return .read
        case "write": return .write
        case "exec": return .execute
        case nil: throw PolicyMistake("here an operation should follow", help: "file read, file write or file exec")
        case let other?:
            let near = policySuggestion(other, among: ["read", "write", "exec"])
            throw PolicyMistake(
                other.hasPrefix("/")
                    ? "in front of a path stands an operation" : "\"\(short(other))\" is no file operation",
                help: near.map { "did you mean \($0)?" } ?? "file read, file write (every change) or file exec")
        }
    }

    private static func subject(_ word: PolicyWord, _ operation: PolicyOperation) throws(PolicyMistake) -> PolicySubject
    {
        switch operation {
        case .connect:
            if word.isWord("listen") || word.isWord("raw") {
                throw PolicyMistake("\(word.text) stands right behind net", help: "in quotes it is a host's name")
            }
            return .target(try NetTarget(word.bytes))
        case .listen:
            let target = try NetTarget(word.bytes)
            switch target.host {
            case .any, .network: return .target(target)
            case .name, .below:
                throw PolicyMistake(
                    "to listen is at an address, not at a name", help: "write *:8080, 127.0.0.1:8080 or [::1]:8080")
            }
        case .raw: throw PolicyMistake("net raw is about all raw sockets", help: "leave out \"\(short(word.text))\"")
        case .ask: return .name(try NamePattern(word.bytes))
        case .execute where word.isWord("memfd"): return .memfd
        case .execute where word.isWord("drift"): return .drift
        case .execute, .read, .write: return .file(try FilePattern(word.bytes))
        case .detect: return .detector(word.text)
        }
    }

    private static func example(_ operation: PolicyOperation) -> String {
        switch operation {
        case .connect: NetTarget.forms
        case .listen: "net listen *:8080"
        case .ask: "dns example.com *.example.com"
        case .read, .write: FilePattern.forms
        case .execute: FilePattern.forms + "; also memfd, drift"
        case .raw, .detect: ""
        }
    }

    /// What stands behind the subjects.
    private mutating func exception(_ line: inout PolicyLine) throws(PolicyMistake) -> Int? {
        var terms: [PolicyTerm] = []
        while let word = line.next() {
            guard word.isWord("unless") else {
                throw PolicyMistake(
                    "\"\(Self.short(word.text))\" has no meaning here", help: "unless KIND VALUE may follow")
            }
            let help = "kinds: \(PolicyActorKind.exceptions.map(\.rawValue).joined(separator: ", "))"
            guard let word = line.next() else { throw PolicyMistake("here a kind should follow unless", help: help) }
            let kind = try Self.kind(word, PolicyActorKind.exceptions)
            terms.append(PolicyTerm(kind: kind, values: try Self.values(of: kind, &line)))
        }
        guard !terms.isEmpty else { return nil }
        let exception = PolicyException(terms: terms)
        if let index = exceptionIndices[exception] { return index }
        policy.exceptions.append(exception)
        exceptionIndices[exception] = policy.exceptions.count - 1
        return policy.exceptions.count - 1
    }

    private mutating func append(
        _ verdict: Verdict, _ operation: PolicyOperation, _ subject: PolicySubject, _ exception: Int?,
        _ place: PolicyPlace
    ) {
        policy.rules.append(
            PolicyRule(
                verdict: verdict, operation: operation, subject: subject, exception: exception, scope: scope,
                place: place))
    }
}

/// A line that is being read.
struct PolicyLine {
    private let words: ArraySlice<PolicyWord>
    private let first: PolicyWord
    private var index: Int
    private let end: Int
    let source: Int
    private let line: Int

    init(_ first: PolicyWord, _ rest: ArraySlice<PolicyWord>, end: Int, source: Int, line: Int) {
        self.first = first
        words = rest
        index = rest.startIndex
        self.end = end
        self.source = source
        self.line = line
    }

    var peek: PolicyWord? { index < words.endIndex ? words[index] : nil }

    /// Beyond the last word too, so that `here` is the end of the line then.
    mutating func next() -> PolicyWord? {
        defer { index = min(index + 1, words.endIndex + 1) }
        return peek
    }

    func place(_ word: PolicyWord) -> PolicyPlace { PolicyPlace(source: source, line: line, offset: word.offset) }

    var start: PolicyPlace { place(first) }

    /// The last word that was taken, or the end.
    var here: PolicyPlace {
        if index > words.endIndex { return PolicyPlace(source: source, line: line, offset: end) }
        return index > words.startIndex ? place(words[index - 1]) : start
    }

    /// From there to the end of the line.
    var rest: Int { end - here.offset }
}
