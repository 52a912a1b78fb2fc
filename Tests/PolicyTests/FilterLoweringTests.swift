// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Policy
import Testing

struct FilterLoweringTests {
    private func holds(_ predicate: wire_predicate, _ facts: wire_facts) -> Bool {
        unsafe withUnsafePointer(to: predicate) { predicate in
            unsafe withUnsafePointer(to: facts) { facts in unsafe wire_predicate_holds(predicate, facts) != 0 }
        }
    }

    /// Expression, number of clauses and of literals, whether they say it all.
    @Test(
        arguments: [
            ("process.pid == 1", 1, 1, true),
            ("process.pid != 1", 1, 2, true),
            ("not process.pid == 1", 1, 1, true),
            ("process.pid in (1, 2, 3, 9)", 1, 2, true),
            ("not process.pid in (1, 2, 3, 9)", 2, 2, true),
            ("process.pid exists", 1, 1, true),
            ("process.pid == 1 and user.id == 0", 2, 2, true),
            ("process.pid == 1 or user.id == 0", 1, 2, true),
            ("process.name == 'curl' and process.executable ~ '/tmp/*'", 1, 1, false),
            ("process.name == 'curl' or process.executable ~ '/tmp/*'", 0, 0, false),
            ("not (process.name == 'curl' or process.executable ~ '/tmp/*')", 1, 1, false),
            ("process.name != 'curl'", 1, 1, true),
            ("process.name in ('a', 'b')", 1, 2, true),
            ("process.name ~ 'a*'", 0, 0, false),
            ("(process.pid == 1 and user.id == 1) or (process.pid == 2 and user.id == 2)", 4, 8, true),
            ("event.action == 'exec'", 1, 1, true),
            ("event.action in ('exec', 'chmod')", 0, 0, false),
            ("event.action == 'syscall'", 1, 1, false),
            ("not event.action == 'syscall'", 0, 0, false),
            ("not event.action in ('exec', 'mount')", 1, 1, false),
            ("event.action != 'syscall'", 1, 1, false),
            ("event.outcome == 'failure'", 1, 1, true),
            ("error.code == 'ENOENT'", 1, 1, true),
            ("error.code in ('EPERM', 'ENOENT', 'EACCES')", 1, 2, true),
            ("ebpfguard.cgroup_id > 5", 1, 2, true),
            ("process.pid < -9223372036854775808", 1, 1, true),
            ("ebpfguard.syscall.name == 'openat'", 0, 0, false),
            ("process.parent.pid == 1", 0, 0, false),
        ] as [(String, UInt32, UInt32, Bool)])
    func size(_ text: String, _ clauses: UInt32, _ literals: UInt32, _ isExact: Bool) throws {
        let lowered = try Filter(text).lowered()
        #expect(lowered.predicate.clause_count == clauses)
        #expect(lowered.predicate.literal_count == literals)
        #expect(lowered.isExact == isExact)
    }

    /// Of connections: expression, number of clauses and of literals, whether they say it all.
    @Test(
        arguments: [
            ("destination.port == 443", 1, 1, true),
            ("destination.port != 443", 1, 2, true),
            ("destination.port in (80, 443)", 1, 2, true),
            ("not source.port > 1024", 1, 1, true),
            ("destination.ip == '10.0.0.1'", 1, 1, true),
            ("destination.ip != '10.0.0.1'", 2, 2, true),
            ("not destination.ip != '10.0.0.1'", 1, 2, true),
            ("not destination.ip in ('10.0.0.1', '::1')", 2, 2, true),
            ("destination.ip cidr '10.0.0.0/8' or destination.ip cidr 'fd00::/8'", 1, 2, true),
            ("source.ip cidr '::/0'", 1, 1, false),
            ("not source.ip cidr '::/0'", 0, 0, false),
            ("not source.ip cidr '::/96'", 1, 1, true),
            ("destination.ip exists", 1, 1, true),
            ("network.transport == 'tcp' and network.direction == 'egress'", 2, 2, true),
            ("network.transport == 'unix'", 1, 1, true),
            ("event.action in ('connect', 'dns_query')", 1, 1, true),
            ("destination.domain == 'a' and destination.port == 443", 1, 1, false),
        ] as [(String, UInt32, UInt32, Bool)])
    func connections(_ text: String, _ clauses: UInt32, _ literals: UInt32, _ isExact: Bool) throws {
        let lowered = try Filter(text).lowered(connections: true)
        #expect(lowered.predicate.clause_count == clauses)
        #expect(lowered.predicate.literal_count == literals)
        #expect(lowered.isExact == isExact)
        // Programs that do not know addresses and ports.
        guard !text.hasPrefix("event") else { return }
        #expect(try Filter(text).lowered().predicate.literal_count == 0)
    }

    /// What would grow without bounds is dropped in part, and quickly.
    @Test func explosion() throws {
        let pairs = (0..<100).map { "(process.pid == \($0) and user.id == \($0))" }
        let lowered = try Filter(pairs.joined(separator: " or ")).lowered()
        #expect(!lowered.isExact)
        let many = (0..<100).map { "not process.pid == \($0 * 2)" }.joined(separator: " and ")
        let bounded = try Filter(many).lowered()
        #expect(!bounded.isExact)
        #expect(bounded.predicate.literal_count == 32)
        #expect(try Filter(pairs.joined(separator: " and ")).lowered().predicate.clause_count == 32)
    }

    @Test func always() {
        let all = Filter.all([]).lowered()
        #expect(all.isExact)
        #expect(holds(all.predicate, wire_facts()))
        #expect(holds(wire_predicate(), wire_facts()))
        let none = Filter.any([]).lowered()
        #expect(none.isExact)
        #expect(!holds(none.predicate, wire_facts()))
    }

    /// The table of system calls is somebody else's.
    @Test func syscalls() throws {
        let table: [(String, Int64)] = [("read", 0), ("write", 1), ("open", 2), ("openat", 257)]
        func lowered(_ text: String) throws -> Filter.Lowered {
            try Filter(text).lowered { isWanted in table.filter { isWanted($0.0) }.map { $0.1...$0.1 } }
        }
        for (text, numbers) in [
            ("ebpfguard.syscall.name == 'write'", [1]), ("ebpfguard.syscall.name ~ 'open*'", [2, 257]),
            ("ebpfguard.syscall.name != 'write'", [0, 2, 257]), ("ebpfguard.syscall.name exists", [0, 1, 2, 257]),
            ("ebpfguard.syscall.name in ('read', 'open')", [0, 2]),
        ] as [(String, Set<Int64>)] {
            let lowered = try lowered(text)
            #expect(lowered.isExact)
            for (_, number) in table {
                var facts = Facts()
                facts.set(WIRE_FACT_SYSCALL, number)
                #expect(holds(lowered.predicate, facts.facts) == numbers.contains(number), "\(text) of \(number)")
            }
            #expect(!holds(lowered.predicate, wire_facts()))
        }
    }

    /// The extremes, where arithmetic without branches could go wrong.
    @Test func comparisons() throws {
        let numbers: [Int64] = [.min, .min + 1, -2, -1, 0, 1, 2, .max - 1, .max]
        for literal in numbers {
            for (name, compare) in [
                ("==", { $0 == $1 }), ("!=", { $0 != $1 }), ("<", { $0 < $1 }), ("<=", { $0 <= $1 }),
                (">", { $0 > $1 }), (">=", { $0 >= $1 }),
            ] as [(String, (Int64, Int64) -> Bool)] {
                let predicate = try Filter("ebpfguard.syscall.return \(name) \(literal)").lowered().predicate
                for value in numbers {
                    var facts = Facts()
                    facts.set(WIRE_FACT_RETURN, value)
                    #expect(holds(predicate, facts.facts) == compare(value, literal), "\(value) \(name) \(literal)")
                }
                #expect(!holds(predicate, wire_facts()))
            }
        }
    }

    // MARK: Random expressions and events

    @Test(arguments: 0..<30)
    func random(_ seed: UInt64) throws {
        var random = Random(seed)
        let events = (0..<20).map { _ in random.event() }
        for _ in 0..<100 {
            let text = random.expression(depth: 4)
            let filter = try Filter(text)
            let lowered = filter.lowered(connections: true)
            let again = try Filter(filter.description)
            var matcher = filter.matcher(boot: "b")
            var secondMatcher = again.matcher(boot: "b")
            for (values, facts) in events {
                let wanted = matcher.matches { values[$0] ?? .absent }
                let passes = holds(lowered.predicate, facts.facts)
                if wanted && !passes { Issue.record("the kernel loses an event of seed \(seed): \(text)") }
                if lowered.isExact && passes != wanted { Issue.record("not exact with seed \(seed): \(text)") }
                if secondMatcher.matches({ values[$0] ?? .absent }) != wanted {
                    Issue.record("printed as something else, seed \(seed): \(text)")
                }
            }
        }
    }
}

private struct Facts {
    var facts = wire_facts()

    mutating func set(_ fact: wire_fact, _ value: Int64) {
        facts.present |= 1 << UInt64(fact.rawValue)
        unsafe withUnsafeMutableBytes(of: &facts.values) {
            unsafe $0.storeBytes(of: value, toByteOffset: Int(fact.rawValue) * 8, as: Int64.self)
        }
    }

    mutating func set(_ fact: wire_fact, _ address: IPAddress) {
        facts.present |= 1 << UInt64(fact.rawValue)
        let bytes = (0..<address.count).map { address[$0] }
        let mapped = bytes.count == 4 ? [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + bytes : bytes
        func word(_ range: Range<Int>) -> UInt64 { mapped[range].reduce(0) { $0 << 8 | UInt64($1) } }
        if fact == WIRE_FACT_SOURCE_IP {
            facts.source = (word(0..<8), word(8..<16))
        } else {
            facts.destination = (word(0..<8), word(8..<16))
        }
    }

    mutating func setName(_ name: String) -> CommandName {
        unsafe withUnsafeMutableBytes(of: &facts.comm) { unsafe $0.copyBytes(from: name.utf8) }
        return CommandName(unsafe unsafeBitCast(facts.comm, to: CommandName.CString.self))
    }
}

/// Few values, so that random expressions and random events often agree.
private struct Random {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    }

    private mutating func next(_ limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state >> 11) % limit
    }

    private mutating func pick<Value>(_ values: [Value]) -> Value { values[next(values.count)] }

    private static let numbers: [(Field, wire_fact)] = [
        (.processPID, WIRE_FACT_PID), (.processVPID, WIRE_FACT_VPID), (.processExitCode, WIRE_FACT_EXIT_CODE),
        (.eventDuration, WIRE_FACT_DURATION), (.syscallReturn, WIRE_FACT_RETURN),
    ]
    private static let identifiers: [(Field, wire_fact)] = [
        (.userID, WIRE_FACT_EUID), (.userAuditID, WIRE_FACT_LOGIN_UID), (.ebpfguardCgroupID, WIRE_FACT_CGROUP),
    ]
    private static let actions: [(StaticString, wire_kind)] = [
        ("exec", WIRE_EXEC), ("exec", WIRE_EXEC_FAILED), ("fork", WIRE_FORK), ("exit", WIRE_EXIT),
        ("syscall", WIRE_SYSCALL),
        ("ptrace", WIRE_SYSCALL), ("bpf", WIRE_SYSCALL),
    ]
    private static let addresses: [(Field, wire_fact)] = [
        (.sourceIP, WIRE_FACT_SOURCE_IP), (.destinationIP, WIRE_FACT_DESTINATION_IP),
    ]
    private static let addressTexts = [
        "10.0.0.1", "10.0.0.2", "10.128.0.1", "0.0.0.0", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1",
        "::fffe:10.0.0.1", "2001:db8::1", "2001:db8::8000:0:0:1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]
    /// 95 bits of the last begin what stands for IPv4 too.
    private static let prefixes = [
        "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/31", "10.0.0.1/32", "::/0", "::/1", "::/63",
        "::/64", "::/65", "::/79", "::/80", "::/81", "::/96", "::ffff:0.0.0.0/96", "::ffff:10.0.0.0/104", "::/127",
        "::1/128", "2001:db8::/32", "2001:db8::/64", "2001:db8::/65", "2001:db8::8000:0:0:0/65", "::fffe:0.0.0.0/95",
    ]
    private static let ports: [(Field, wire_fact)] = [
        (.sourcePort, WIRE_FACT_SOURCE_PORT), (.destinationPort, WIRE_FACT_DESTINATION_PORT),
    ]
    private static let names = ["", "a", "curl", "fifteen-bytes-x"]

    mutating func event() -> ([Field: FieldValue], Facts) {
        var values: [Field: FieldValue] = [:]
        var facts = Facts()
        let (action, kind) = pick(Self.actions)
        values[.eventAction] = .word(action)
        facts.set(WIRE_FACT_ACTION, Int64(kind.rawValue))
        values[.processName] = .name(facts.setName(pick(Self.names)))
        for (field, fact) in Self.numbers where next(3) > 0 {
            let value = pick([-1, 0, 1, 2, 3, 4, .max, .min] as [Int64])
            values[field] = .integer(value)
            facts.set(fact, value)
        }
        for (field, fact) in Self.identifiers where next(3) > 0 {
            let value = pick([0, 1, 2, 3, .max, 1 << 63, 1 << 63 - 1] as [UInt64])
            values[field] = .identifier(value)
            facts.set(fact, Int64(bitPattern: value))
        }
        if next(2) == 0 {
            let succeeds = next(2) == 0
            values[.eventOutcome] = .word(succeeds ? "success" : "failure")
            facts.set(WIRE_FACT_OUTCOME, Int64((succeeds ? WIRE_OUTCOME_SUCCESS : WIRE_OUTCOME_FAILURE).rawValue))
            if !succeeds {
                // 41 has no name.
                let code = pick([1, 2, 13, 41] as [Int32])
                values[.ebpfguardErrno] = .integer(Int64(code))
                values[.errorCode] = errnoName(code).map { .word($0) } ?? .absent
                facts.set(WIRE_FACT_ERROR, Int64(code))
            }
        }
        for (field, fact) in Self.addresses where next(3) > 0 {
            guard let address = IPAddress(pick(Self.addressTexts))?.unmapped else { continue }
            values[field] = .address(address)
            facts.set(fact, address)
        }
        for (field, fact) in Self.ports where next(3) > 0 {
            let port = pick([1, 2, 443, 65535] as [Int64])
            values[field] = .integer(port)
            facts.set(fact, port)
        }
        if next(2) == 0 {
            let (word, number): (StaticString, Int64) = pick([("tcp", 6), ("udp", 17)])
            values[.networkTransport] = .word(word)
            facts.set(WIRE_FACT_TRANSPORT, number)
        }
        if next(2) == 0 {
            let isIngress = next(2) == 0
            values[.networkDirection] = .word(isIngress ? "ingress" : "egress")
            facts.set(
                WIRE_FACT_DIRECTION, Int64((isIngress ? WIRE_DIRECTION_INGRESS : WIRE_DIRECTION_EGRESS).rawValue))
        }
        if next(2) == 0 { values[.processArgs] = .texts(TextList(Bytes(pick(["a\0", "a\0b\0", "c\0", "\0"])))) }
        if next(2) == 0 { values[.processExecutable] = .path(WalkedPath(Bytes(pick(["a\0", "b\0a\0", "\0"])))) }
        return (values, facts)
    }

    mutating func expression(depth: Int) -> String {
        switch depth == 0 ? 9 : next(10) {
        case 0, 1: return "not \(operand(depth))"
        case 2, 3, 4: return (0..<2 + next(3)).map { _ in operand(depth) }.joined(separator: " and ")
        case 5, 6, 7: return (0..<2 + next(3)).map { _ in operand(depth) }.joined(separator: " or ")
        default: return test()
        }
    }

    private mutating func operand(_ depth: Int) -> String { "(\(expression(depth: depth - 1)))" }

    private mutating func test() -> String {
        switch next(13) {
        case 8, 9, 10: return pick(Self.addresses).0.name + address()
        case 11: return pick(Self.ports).0.name + number(["0", "1", "2", "443", "444", "65535"])
        case 12:
            return next(2) == 0
                ? "network.transport" + text(["tcp", "udp", "unix"])
                : "network.direction" + text(["egress", "ingress"])
        case 0, 1: return pick(Self.numbers).0.name + number(["-1", "0", "1", "2", "0x3", "4", "9223372036854775807"])
        case 2: return pick(Self.identifiers).0.name + number(["0", "1", "'2'", "3", "18446744073709551615"])
        case 3: return "event.action" + text(["exec", "fork", "exit", "syscall", "ptrace", "connect", "loss"])
        case 4: return "event.outcome" + text(["success", "failure"])
        case 5: return "error.code" + text(["EPERM", "ENOENT", "EACCES"])
        case 6: return "process.name" + text(Self.names)
        default: return pick(["process.args", "process.executable"]) + text(["", "a", "b", "/a", "/a/b", "/"])
        }
    }

    private mutating func number(_ values: [String]) -> String {
        let operation = pick(["==", "!=", "<", "<=", ">", ">=", "in", "exists"])
        if operation == "exists" { return " exists" }
        guard operation == "in" else { return " \(operation) \(pick(values))" }
        return " in (" + (0..<1 + next(3)).map { _ in pick(values) }.joined(separator: ", ") + ")"
    }

    private mutating func address() -> String {
        switch next(6) {
        case 0: return " exists"
        case 1:
            return " in (" + (0..<1 + next(3)).map { _ in "'\(pick(Self.addressTexts))'" }.joined(separator: ", ") + ")"
        case 2, 3:
            return " \(pick(["==", "!="])) '\(pick(Self.addressTexts))'"
        default: return " cidr '\(pick(Self.prefixes))'"
        }
    }

    private mutating func text(_ values: [String]) -> String {
        switch next(5) {
        case 0: return " exists"
        case 1: return " in (" + (0..<1 + next(3)).map { _ in "'\(pick(values))'" }.joined(separator: ", ") + ")"
        case 2: return " ~ '\(pick(values).prefix(2))*'"
        default: return " \(pick(["==", "!="])) '\(pick(values))'"
        }
    }
}
