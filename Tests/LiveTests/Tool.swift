// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

/// One line of `-o json`.
struct Event: Sendable {
    let json: JSON

    subscript(path: String) -> JSON? { json[path] }

    var action: String { json["event.action"]?.string ?? "" }
    var pid: Int { json["process.pid"]?.integer ?? 0 }
    var args: [String] { json["process.args"]?.strings ?? [] }
    var isFailure: Bool { json["event.outcome"] == "failure" }
    var nanoseconds: Int { json["@timestamp"]?.string.flatMap(nanoseconds(of:)) ?? 0 }
    /// What a `loss` event admits, of all kinds.
    var lost: Int { (json["ebpfguard.lost"]?.object ?? [:]).values.reduce(0) { $0 + ($1.integer ?? 0) } }
    var ancestors: [Int] { (json["process.ancestors"]?.array ?? []).compactMap { $0["pid"]?.integer } }
}

extension [Event] {
    /// Those of that action; a failed exec is no exec here.
    func of(_ action: String) -> [Event] {
        filter { $0.action == action && !$0.isFailure }
    }

    func by(_ pid: Int) -> [Event] {
        filter { $0.pid == pid }
    }

    /// Those whose arguments are exactly `args`.
    func with(args: [String]) -> [Event] {
        filter { $0.args == args }
    }

    var failures: [Event] {
        filter { $0.isFailure }
    }

    /// What `loss` events admit.
}

/// A run of the tool that is over.
struct Run {
    let child: Child
    let events: [Event]

    var status: Child.ExitStatus? { child.status }
    /// All but losses: from 7.0 on there may be some of programs that the kernel skipped, with nothing missing.
    var told: [Event] { events.filter { $0.action != "loss" } }
    var text: String { child.outputText }
    var errors: String { child.errorText }

    /// What the workload said, which the tool puts on its stderr.
    var said: String { child.errorText + child.outputText }

    /// The numbers of the line of the workload that starts with `word`.
    func said(_ word: String) -> [Int] {
        for line in lines(said) where line.hasPrefix(word) {
            let numbers = line.split(separator: " ").drop { $0 == word }.map { Int($0) }
            if !numbers.isEmpty, !numbers.contains(nil) { return numbers.compactMap { $0 } }
        }
        return []
    }

    /// The numbers behind each line of the workload that starts with `word`.
    func numbers(of word: String) -> [[Int]] {
        lines(said).filter { $0.hasPrefix(word + " ") }.map {
            $0.split(separator: " ").dropFirst().compactMap { Int($0) }
        }
    }

    /// The number that the footer puts before `word`: "1,004 events seen", "0 lost".
    func footer(_ word: String) -> Int? {
        number(with: word, in: errors)
    }

    /// What the footer says was lost. From 7.0 on without programs that the kernel skipped ("3 lost (skipped 3)"): there
    /// that is an upper bound of what is missing, and the events themselves show whether anything is.
    var surelyLost: Int? {
        guard let lost = footer("lost") else { return nil }
        guard KernelVersion.running >= KernelVersion(7, 0) else { return lost }
        let words = errors.split { " (),;\n".contains($0) }
        guard let place = words.firstIndex(of: "skipped"), place + 1 < words.count else { return lost }
        return lost - (Int(words[place + 1]) ?? 0)
    }
}

func number(with word: String, in text: String) -> Int? {
    /// Also "1,234".
    func integer(_ word: Substring) -> Int? {
        Int(word.filter { $0 != "," })
    }
    for line in lines(text) {
        let words = line.split { " \t;:()=".contains($0) }.map { $0.last == "," ? $0.dropLast() : $0 }
        guard let place = words.firstIndex(where: { $0 == word }) else { continue }
        if place > 0, let number = integer(words[place - 1]) { return number }
        if place > 1, words[place - 1].hasPrefix("event"), let number = integer(words[place - 2]) { return number }
    }
    return nil
}

extension Context {
    /// Starts `ebpfguard trace`, or another command.
    func start(
        _ options: [String], _ program: [String] = [], environment: [String] = [], directory: String? = nil,
        columns: Int = 0, command: String = "trace"
    ) throws -> Child {
        let words = [settings.tool, command] + options + (program.isEmpty ? [] : ["--"] + program)
        let child = try Child(
            words.map { Array($0.utf8) }, environment: environment, directory: directory, columns: columns)
        children.append(child)
        return child
    }

    /// Runs `ebpfguard trace` to its end, whatever it prints.
    func run(
        _ options: [String], _ program: [String] = [], environment: [String] = [], directory: String? = nil,
        columns: Int = 0, milliseconds: Int = 20_000, command: String = "trace"
    ) throws -> Run {
        let child = try start(
            options, program, environment: environment, directory: directory, columns: columns, command: command)
        child.closeInput()
        return try finish(child, milliseconds: milliseconds, isJSON: false)
    }

    /// Runs `ebpfguard trace -o json OPTIONS -- PROGRAM` to its end, and checks what holds for every event.
    func trace(
        _ options: [String], _ program: [String], directory: String? = nil, milliseconds: Int = 20_000,
        status: Child.ExitStatus? = .code(0), command: String = "trace"
    ) throws -> Run {
        let child = try start(["-o", "json"] + options, program, directory: directory, command: command)
        let run = try finish(child, milliseconds: milliseconds)
        if let status, run.status != status {
            equal(run.status, status, "the exit status")
            fail("it said: \(run.errors.suffix(300))")
        }
        // Its own fork for the program is nobody's business.
        let isShown = run.events.contains { $0["process.executable"] == .string(settings.tool) }
        expect(!isShown, "the tool is a process.executable")
        return run
    }

    /// Starts `ebpfguard trace` without a program and waits until its probes are attached.
    func watch(
        _ options: [String], columns: Int = 0, environment: [String] = [], command: String = "trace"
    ) throws -> Child {
        let child = try start(options, environment: environment, columns: columns, command: command)
        let isWatching = child.wait(milliseconds: allow(milliseconds: 5000)) { child in
            lines(child.errorText).contains { $0.hasPrefix("watching") }
        }
        guard isWatching else {
            throw Stop.failed("it never said 'watching' (\(describe(child))): \(child.errorText.suffix(300))")
        }
        return child
    }

    /// Stops a tool that watches and checks its events. What has happened by now must be among them: no waiting here.
    func stop(_ child: Child) throws -> Run {
        child.kill(SIGINT)
        let run = try finish(child, milliseconds: 2000)
        equal(run.status, .code(0), "the exit status")
        return run
    }

    func finish(_ child: Child, milliseconds: Int, isJSON: Bool = true) throws -> Run {
        guard child.wait(milliseconds: allow(milliseconds: milliseconds)) else {
            throw Stop.failed("it still runs after \(allow(milliseconds: milliseconds)) ms")
        }
        return Run(child: child, events: isJSON ? try events(of: child) : [])
    }

    private func describe(_ child: Child) -> String {
        child.status.map { "\($0)" } ?? "still running"
    }

    func events(of child: Child) throws -> [Event] {
        var events: [Event] = []
        try eachEvent(of: child) { events.append($0) }
        return events
    }

    /// One after the other, for more of them than should be in memory.
    func eachEvent(of child: Child, _ body: (Event) -> Void) throws {
        try eachEvent(of: child, in: child.output, body)
    }

    func eachEvent(of child: Child, in output: [UInt8], _ body: (Event) -> Void) throws {
        var laws = Laws(tool: child.pid)
        for line in output.split(separator: UInt8(ascii: "\n")) {
            do {
                let event = Event(json: try JSON(parsing: line))
                laws.check(event)
                body(event)
            } catch {
                throw Stop.failed("\(error) of \(String(decoding: line, as: UTF8.self).prefix(300))")
            }
        }
        for violation in laws.violations.prefix(5) { fail(violation) }
    }
}

/// What holds for every event of a run, whatever the test is about.
struct Laws {
    private let tool: Int
    var violations: [String] = []
    private var sequence = 0
    private var identities: [Int: String] = [:]
    private var ended: Set<String> = []

    init(tool: Int) {
        self.tool = tool
    }

    mutating func check(_ event: Event) {
        sequence += 1
        func expect(_ condition: Bool, _ problem: String) {
            if !condition { violations.append("event \(sequence) (\(event.action)): \(problem)") }
        }
        expect(event["event.sequence"]?.integer == sequence, "event.sequence is not \(sequence)")
        expect(event.nanoseconds > 0, "@timestamp is not RFC 3339 with nanoseconds in UTC")
        expect(!Self.hasNull(event.json), "a null")
        if event.action == "loss" {
            expect(event["event.kind"] == "pipeline_error", "event.kind is not pipeline_error")
            return
        }
        if event.action == "net_change" {
            expect(event["event.kind"] == "state", "event.kind is not state")
            for field in ["file.path", "ebpfguard.file.change", "process.name"] {
                expect(event[field]?.string?.isEmpty == false, "no \(field)")
            }
            return
        }
        if event.action == "summary" {
            expect(event["event.kind"] == "metric", "event.kind is not metric")
            for key in ["by", "group"] {
                expect(event["ebpfguard.summary.\(key)"]?.string?.isEmpty == false, "no ebpfguard.summary.\(key)")
            }
            return
        }
        // What repeats are told with may be of a process that has ended since, and forks may be among the others.
        if let repeats = event["ebpfguard.repeats"] {
            expect((repeats.integer ?? 0) > 0, "ebpfguard.repeats of nothing")
            return
        }
        if event.action == "detection" {
            expect(event["event.kind"] == "alert", "event.kind is not alert")
            expect(event["event.category"] == ["intrusion_detection"], "event.category")
            expect((event["ebpfguard.detection.score"]?.integer ?? 0) >= 60, "a score below 60")
            let reasons = event["ebpfguard.detection.reasons"]?.strings ?? []
            expect(!reasons.isEmpty, "no reasons")
            expect(reasons.count == event["ebpfguard.detection.evidence"]?.strings?.count, "evidence")
            for field in ["rule.name", "rule.reference", "threat.technique.id", "ebpfguard.hook"] {
                expect(event[field]?.string?.isEmpty == false, "no \(field)")
            }
            return
        }
        if event.action == "policy_violation" {
            checkViolation(event)
            return
        }
        expect(event["event.kind"] == "event", "event.kind is not event")
        expect(Self.types[event.action] != nil, "an action nobody knows")
        if event["event.category"] == ["file"], event["ebpfguard.syscall"] == nil {
            checkFile(event)
            return
        }
        if event.action == "drop" {
            expect(event["event.type"] == ["info"] && event["event.category"] == ["network"], "type or category")
            expect(event["event.outcome"] == nil, "event.outcome")
            expect((event["ebpfguard.drop_count"]?.integer ?? 0) > 0, "no ebpfguard.drop_count")
            expect((event["source.ip"] == nil) == (event["network.iana_number"] == nil), "source.ip does not fit")
            expect(event.pid != tool, "the tool reports itself")
            return
        }
        if event["network.transport"] == "unix" {
            checkUnix(event)
            return
        }
        if event["ebpfguard.socket_family"] != nil {
            checkRawSocket(event)
            return
        }
        if Self.messages.contains(event.action) {
            checkMessage(event)
            return
        }
        if Self.connections.contains(event.action) || event["network"] != nil {
            checkConnection(event)
            return
        }
        expect(event["event.type"] == [.string(Self.types[event.action] ?? "")], "event.type does not fit")
        let call = event["ebpfguard.syscall"]
        expect((call != nil) == Self.calls.contains(event.action), "ebpfguard.syscall does not fit")
        let categories: [JSON] = call == nil ? [["process"]] : [["process"], ["file"], ["network"]]
        expect(event["event.category"].map(categories.contains) == true, "event.category does not fit")
        let outcome = event["event.outcome"]
        let hasOutcome = event.action == "exec" || event["ebpfguard.syscall.return"] != nil
        expect(hasOutcome ? outcome == "success" || outcome == "failure" : outcome == nil, "event.outcome")
        expect((event["error.code"] != nil) == event.isFailure, "error.code does not fit the outcome")
        expect((event["ebpfguard.errno"] != nil) == event.isFailure, "ebpfguard.errno does not fit the outcome")
        if call != nil {
            expect(call?["name"]?.string?.isEmpty == false, "no ebpfguard.syscall.name")
            expect(call?["abi"].map(Self.tables.contains) == true, "ebpfguard.syscall.abi")
            expect(call?["args"] == nil || call?["args"]?.strings != nil, "ebpfguard.syscall.args")
            expect(!event.isFailure || (call?["return"]?.integer ?? 0) < 0, "a failure that returned no errno")
        }
        let target = event["ebpfguard.target"]
        let hasTarget = ["signal", "oom"].contains(event.action)
        expect(hasTarget ? target != nil : target == nil || call != nil, "ebpfguard.target does not fit")
        expect(target == nil || (target?["pid"]?.integer ?? 0) > 0, "no ebpfguard.target.pid")
        expect(event.action != "signal" || event["ebpfguard.signal"] != nil, "no ebpfguard.signal")
        expect(event.pid > 0, "no process.pid")
        expect(event.pid != tool, "the tool reports itself")
        expect(event["process.vpid"] != event["process.pid"], "process.vpid is nothing else than process.pid")
        expect(event["process.args_truncated"] != false, "process.args_truncated is false")
        expect(event["process.marks"]?.array?.isEmpty != true, "process.marks is empty")
        expect((event["process.args_count"]?.integer ?? 0) >= event.args.count, "process.args_count is too small")
        expect(event["process.exit_code"] == nil || event["process.exit_signal"] == nil, "exit_code and exit_signal")
        for key in ["entity_id", "name", "executable", "working_directory"] {
            expect(event["process.\(key)"] != "", "process.\(key) is empty")
        }
        if let start = event["process.start"]?.string.flatMap(nanoseconds(of:)) {
            expect(start <= event.nanoseconds, "it happened before process.start")
        } else {
            expect(false, "no process.start")
        }
        // A pid is somebody else's only after another fork.
        if let identity = event["process.entity_id"]?.string {
            let known = identities.updateValue(identity, forKey: event.pid)
            let isSame = known == nil || (known == identity) == (event.action != "fork")
            expect(isSame, "process.entity_id \(identity) of pid \(event.pid) after \(known ?? "none")")
            expect(!ended.contains(identity), "it happened after the exit of \(identity)")
            if event.action == "exit" { ended.insert(identity) }
        } else {
            expect(false, "no process.entity_id")
        }
        if let nearest = event["process.ancestors.0"] {
            for key in ["pid", "entity_id", "name", "executable"] {
                expect(nearest[key] == event["process.parent.\(key)"], "\(key) of the parent and first ancestor")
            }
        }
    }

    private mutating func checkFile(_ event: Event) {
        func expect(_ condition: Bool, _ problem: String) {
            if !condition { violations.append("event \(sequence) (\(event.action)): \(problem)") }
        }
        expect(event["event.type"] == [.string(Self.types[event.action] ?? "")], "event.type does not fit")
        expect(event["event.outcome"] == (event.isFailure ? "failure" : "success"), "event.outcome")
        expect((event["error.code"] != nil) == event.isFailure, "error.code does not fit the outcome")
        expect((event["ebpfguard.errno"] != nil) == event.isFailure, "ebpfguard.errno does not fit the outcome")
        expect(event.isFailure || event["file.path"]?.string?.hasPrefix("/") == true, "no absolute file.path")
        for key in ["path", "type", "mode", "device"] { expect(event["file.\(key)"] != "", "file.\(key) is empty") }
        // What a chmod asks for has no file where it fails.
        for key in event.action == "chmod" ? ["type", "device"] : ["type", "mode", "device"] {
            expect((event["file.\(key)"] == nil) == (event["file.inode"] == nil), "file.\(key) without file.inode")
        }
        let isOpen = event.action == "open" || event.action == "create"
        expect((event["file.open_flags"]?.strings?.isEmpty == false) == isOpen, "file.open_flags does not fit")
        expect((event["ebpfguard.file.bytes_read"] != nil) == (event.action == "read"), "bytes_read does not fit")
        let isWrite = event.action == "write"
        expect((event["ebpfguard.file.bytes_written"] != nil) == isWrite, "bytes_written does not fit")
        let isMount = event.action == "mount" || event.action == "pivot_root"
        expect(
            isMount || (event["file.original_path"] == nil) == !["rename", "link"].contains(event.action),
            "original_path")
        expect((event["file.size"] != nil) == (event.action == "truncate"), "file.size does not fit")
        expect(event["file.uid"] == nil || event.action == "chown", "file.uid does not fit")
        expect((event["file.target_path"] == nil) == (event.action != "symlink"), "file.target_path does not fit")
        expect(event["ebpfguard.file.marks"]?.array?.isEmpty != true, "ebpfguard.file.marks is empty")
        let hostPath = event["ebpfguard.host_path"]
        expect(hostPath == nil || hostPath != event["file.path"], "ebpfguard.host_path is nothing else than file.path")
        expect(event.pid > 0 && event.pid != tool, "process.pid")
        expect(event["process.entity_id"] != nil, "no process.entity_id")
    }

    private mutating func checkUnix(_ event: Event) {
        func expect(_ condition: Bool, _ problem: String) {
            if !condition { violations.append("event \(sequence) (\(event.action)): \(problem)") }
        }
        let actions = ["connect", "accept", "listen", "close", "existing"]
        expect(actions.contains(event.action), "an action that is none of UNIX sockets")
        expect(event["event.category"] == ["network"], "event.category is not network")
        let isExisting = event.action == "existing"
        let isEnd = event.action == "close"
        let time: JSON = isEnd ? "end" : "start"
        let types: [JSON] = isExisting ? [["info"]] : [["connection", time], [time]]
        expect(event.action != "listen" || event["event.type"] == ["start"], "event.type of listen")
        expect(event["event.type"].map(types.contains) == true, "event.type")
        expect(event["event.outcome"] == (isExisting ? nil : event.isFailure ? "failure" : "success"), "event.outcome")
        expect(event["source.bytes"] == nil || isEnd || isExisting, "source.bytes")
        expect((event["source.bytes"] == nil) == (event["destination.bytes"] == nil), "destination.bytes")
        expect(event["event.duration"] == nil || isEnd || isExisting, "event.duration")
        expect(event["ebpfguard.close_reason"] == nil || isEnd, "ebpfguard.close_reason")
        let isPair = event["ebpfguard.socket_pair"] == true
        expect(!isPair || event["network.direction"] == nil && event["destination.address"] == nil, "a pair")
        expect((event["error.code"] != nil) == event.isFailure, "error.code does not fit the outcome")
        expect(event["ebpfguard.socket_type"]?.string?.isEmpty == false, "no ebpfguard.socket_type")
        let direction: JSON? = event.action == "connect" ? "egress" : event.action == "accept" ? "ingress" : nil
        expect(direction == nil || isPair || event["network.direction"] == direction, "network.direction")
        expect(event["network.type"] == nil, "network.type")
        expect(event["destination.address"] != "" && event["destination.ip"] == nil, "destination")
        expect(event.pid > 0 && event.pid != tool, "process.pid")
    }

    private mutating func checkViolation(_ event: Event) {
        func expect(_ condition: Bool, _ problem: String) {
            if !condition { violations.append("event \(sequence) (\(event.action)): \(problem)") }
        }
        let isEnforced = event["ebpfguard.enforced"] == true
        let isFile = event["file"] != nil
        expect(event["event.kind"] == "alert", "event.kind")
        let isExec = event["rule.category"] == "exec"
        expect(event["event.category"] == [isFile ? isExec ? "process" : "file" : "network"], "event.category")
        expect(event["event.type"] == [isEnforced ? "denied" : "allowed"], "event.type does not fit")
        expect(event.isFailure == isEnforced, "event.outcome does not fit")
        // What a recording tells of connections and files has no hook.
        for field in ["rule.name", "rule.reference", "rule.category", "ebpfguard.verdict"]
            + (isEnforced ? ["ebpfguard.hook"] : [])
        {
            expect(event[field]?.string?.isEmpty == false, "no \(field)")
        }
        let verdict = event["ebpfguard.verdict"]
        expect(!isEnforced || ["deny", "drop", "kill"].contains(verdict), "enforced, but no denial")
        let hasAddress = event["destination.ip"] != nil && event["network.type"] != nil
        expect(isFile || hasAddress || event["ebpfguard.socket_family"] != nil, "no address")
        expect(!isFile || event["file.inode"] != nil && event["file.device"] != nil, "no inode")
        expect(!isFile || event["file.path"]?.string?.hasPrefix("/") == true, "no file.path")
        let isKnown = event["ebpfguard.hook"] != "cgroup_skb/ingress"
        expect((event["process.executable"] != nil) == isKnown, "process.executable")
        // Where there is no hook that refuses, it is done, and its process dies. What is lost, and what a connection sends,
        // is no error.
        let isDone = event["ebpfguard.hook"] == "tp_btf/sched_process_exec"
        let isSilent = verdict == "drop" || event["dns.question.name"] != nil && event["network.transport"] == "tcp"
        expect((event["error.code"] == "EPERM") == (isEnforced && isKnown && !isDone && !isSilent), "error.code")
        expect(event.pid != tool, "the tool reports itself")
    }

    private mutating func checkRawSocket(_ event: Event) {
        func expect(_ condition: Bool, _ problem: String) {
            if !condition { violations.append("event \(sequence) (\(event.action)): \(problem)") }
        }
        let isExisting = event.action == "existing"
        expect(event["event.category"] == ["network"], "event.category is not network")
        expect(event["event.type"] == [isExisting ? "info" : "start"], "event.type does not fit")
        expect((event["event.outcome"] == nil) == isExisting, "event.outcome")
        expect((event["error.code"] != nil) == event.isFailure, "error.code does not fit the outcome")
        expect(event["ebpfguard.socket_type"]?.string?.isEmpty == false, "no ebpfguard.socket_type")
        let isPacket = event["ebpfguard.socket_family"] == "packet"
        expect((event["ebpfguard.socket_protocol"] != nil) == isPacket, "ebpfguard.socket_protocol")
        expect((event["network.iana_number"] == nil) == isPacket, "network.iana_number")
        expect(event.pid > 0 && event.pid != tool, "process.pid")
    }

    /// Actions of what is sent to name things.
    private static let messages: Set = ["dns_query", "dns_answer", "tls_client_hello"]

    private mutating func checkMessage(_ event: Event) {
        func expect(_ condition: Bool, _ problem: String) {
            if !condition { violations.append("event \(sequence) (\(event.action)): \(problem)") }
        }
        expect(event["event.type"] == ["protocol", "info"], "event.type does not fit")
        expect(event["event.category"] == ["network"], "event.category does not fit")
        expect((event["event.outcome"] != nil) == (event.action == "dns_answer"), "event.outcome does not fit")
        expect(event["network.direction"] == "egress", "network.direction")
        for side in ["source", "destination"] {
            expect(event["\(side).ip"]?.string?.isEmpty == false, "no \(side).ip")
            expect((event["\(side).port"]?.integer ?? 0) > 0, "no \(side).port")
        }
        let isDNS = event.action != "tls_client_hello"
        expect(event["network.protocol"] == (isDNS ? "dns" : "tls"), "network.protocol")
        expect((event["dns"] != nil) == isDNS, "dns does not fit")
        expect((event["dns.response_code"] != nil) == (event.action == "dns_answer"), "dns.response_code")
        expect((event["event.duration"] != nil) == (event.action == "dns_answer"), "event.duration")
        expect(isDNS || event["ebpfguard.tls_version"] != nil, "no ebpfguard.tls_version")
        expect(event.pid > 0, "no process.pid")
        expect(event.pid != tool, "the tool reports itself")
    }

    private mutating func checkConnection(_ event: Event) {
        func expect(_ condition: Bool, _ problem: String) {
            if !condition { violations.append("event \(sequence) (\(event.action)): \(problem)") }
        }
        expect(event["event.category"] == ["network"], "event.category is not network")
        let isListener = event["source"] == nil && event.action != "connect" && event.action != "udp"
        let isExisting = event.action == "existing"
        let time: JSON = event.action == "close" ? "end" : "start"
        expect(
            event["event.type"] == (isExisting ? ["info"] : isListener ? [time] : ["connection", time]),
            "event.type does not fit")
        let outcome = event["event.outcome"]
        expect(isExisting ? outcome == nil : outcome == "success" || outcome == "failure", "event.outcome")
        expect((event["error.code"] != nil) == event.isFailure, "error.code does not fit the outcome")
        expect((event["ebpfguard.errno"] != nil) == event.isFailure, "ebpfguard.errno does not fit the outcome")
        let isFlow = event["network.transport"] == "udp"
        expect(isFlow || event["network.transport"] == "tcp" && event.action != "udp", "network.transport")
        expect(event["network.type"] == "ipv4" || event["network.type"] == "ipv6", "network.type")
        expect(event["ebpfguard.network_namespace"]?.string?.isEmpty == false, "no network namespace")
        expect((event["ebpfguard.close_reason"] != nil) == (event.action == "close" && !isListener), "close_reason")
        expect(event["destination.ip"]?.string?.isEmpty == false, "no destination.ip")
        expect(isListener == (event["network.direction"] == nil), "network.direction does not fit")
        let isCounted = event.action == "close" || event.action == "udp" && !event.isFailure || isExisting
        let isUncounted = isListener || isFlow && event["ebpfguard.opened_before"] == true
        expect((event["source.bytes"] != nil) == (isCounted && !isUncounted), "source.bytes")
        for key in ["source.port", "destination.port", "destination.nat.port"] {
            expect(event[key] != 0, "\(key) is 0")
        }
        expect(event.pid != tool, "the tool reports itself")
    }

    private static let connections: Set = ["connect", "accept", "listen", "close", "udp"]
    private static let types = [
        "exec": "start", "fork": "start", "exit": "end", "existing": "info", "syscall": "info", "signal": "info",
        "oom": "end", "connect": "", "accept": "", "listen": "", "close": "", "udp": "", "dns_query": "",
        "dns_answer": "",
        "tls_client_hello": "", "open": "access", "create": "creation", "rename": "change", "unlink": "deletion",
        "link": "creation", "symlink": "creation", "mkdir": "creation", "rmdir": "deletion", "mknod": "creation",
        "write": "change", "read": "access", "exec_map": "access",
        "chmod": "change", "chown": "change", "truncate": "change", "setxattr": "change", "removexattr": "change",
        "drop": "", "raw_socket": "", "ptrace": "info",
        "setuid": "info",
        "mount": "info", "umount": "info", "pivot_root": "info", "module_load": "info", "bpf": "info",
    ]
    /// System calls: any, and those that have an action of their own.
    private static let calls: Set = ["syscall", "ptrace", "setuid", "mount", "module_load", "bpf"]
    private static let tables: [JSON] = ["x86-64", "i386", "x32", "arm64", "arm", "io_uring"]

    private static func hasNull(_ value: JSON) -> Bool {
        switch value {
        case .null: true
        case .array(let elements): elements.contains(where: hasNull)
        case .object(let members): members.values.contains(where: hasNull)
        default: false
        }
    }
}
