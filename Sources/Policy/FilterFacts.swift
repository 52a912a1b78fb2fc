// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

/// A test in the kernel's terms.
enum FilterAtom {
    /// The fact is present and in one of the ranges. Not exact: that holds for more events than the test, or, of a test
    /// that is negated, for fewer.
    case ranges(wire_fact, [ClosedRange<Int64>], isExact: Bool)
    /// The address is present and begins as one of these, or with `differs` as none of them; `nil`: it is present. Not exact:
    /// as of ranges.
    case prefixes(wire_fact, [IPPrefix]?, differs: Bool, isExact: Bool)
    /// The name of the process is one of these, or with `differs` none of them. Every event in the kernel has a name.
    case names([[UInt8]], differs: Bool)

    /// `nil` for what only user space knows. `negated` says what the test is used for.
    /// `connections` where the facts of connections are known.
    init?(_ test: FilterTest, negated: Bool, _ syscalls: Filter.SyscallNumbers?, connections: Bool) {
        if let fact = Self.addressFact(of: test.field) {
            guard connections else { return nil }
            self.init(fact, test, negated: negated)
            return
        }
        if test.field == .processName {
            guard case .texts(let names) = test.check else { return nil }
            // What has a NUL is never a name.
            self = .names(names.filter { !$0.contains(0) && $0.count < Int(WIRE_COMM_SIZE) }, differs: test.differs)
            return
        }
        if test.field == .eventAction, case .texts(let words) = test.check {
            self.init(actions: words, differs: test.differs, negated: negated)
            return
        }
        let known = connections ? Self.connectionFact(of: test.field) : nil
        guard let fact = known ?? Self.fact(of: test.field), let ranges = Self.ranges(test, syscalls) else {
            return nil
        }
        self = .ranges(fact, ranges, isExact: true)
    }

    private init?(_ fact: wire_fact, _ test: FilterTest, negated: Bool) {
        guard case .addresses(let prefixes) = test.check else {
            guard case .exists = test.check else { return nil }
            self = .prefixes(fact, nil, differs: false, isExact: true)
            return
        }
        // The kernel has IPv4 among the addresses that begin with 80 zeros. Where fewer events would pass, it can't decide.
        let isExact = !prefixes.contains { $0.coversIPv4Mapped }
        guard isExact || test.differs == negated else { return nil }
        self = .prefixes(fact, prefixes, differs: test.differs, isExact: isExact)
    }

    /// Kinds that have the action for sure, or those that may have it: whichever makes more events pass. A word that is
    /// in neither table is not decided in the kernel, so that a new kind loses nothing.
    private init?(actions words: [[UInt8]], differs: Bool, negated: Bool) {
        var kinds: [ClosedRange<Int64>] = []
        var isExact = true
        for word in words.map({ String(decoding: $0, as: UTF8.self) }) {
            if let known = Self.kinds[word] {
                kinds += known.map { Int64($0.rawValue)...Int64($0.rawValue) }
            } else if Self.calls.contains(word) {
                isExact = false
                if negated == differs { kinds.append(Int64(WIRE_SYSCALL.rawValue)...Int64(WIRE_SYSCALL.rawValue)) }
            } else {
                return nil
            }
        }
        let ranges = joined(kinds)
        self = .ranges(WIRE_FACT_ACTION, differs ? ranges.complement : ranges, isExact: isExact)
    }

    /// Where the programs know a field. `process.parent.pid` is not among them: user space has it from the ancestors that
    /// it shows, which end at the container's first process; nor what is behind a call's arguments.
    private static func fact(of field: Field) -> wire_fact? {
        switch field {
        case .eventAction: WIRE_FACT_ACTION
        case .eventOutcome: WIRE_FACT_OUTCOME
        case .ebpfguardErrno, .errorCode: WIRE_FACT_ERROR
        case .eventDuration: WIRE_FACT_DURATION
        case .processPID: WIRE_FACT_PID
        case .processVPID: WIRE_FACT_VPID
        case .processThreadID: WIRE_FACT_THREAD
        case .processSessionLeaderPID: WIRE_FACT_SESSION
        case .processRealUserID: WIRE_FACT_UID
        case .processRealGroupID: WIRE_FACT_GID
        case .userID: WIRE_FACT_EUID
        case .groupID: WIRE_FACT_EGID
        case .userAuditID: WIRE_FACT_LOGIN_UID
        case .ebpfguardCgroupID: WIRE_FACT_CGROUP
        case .processExitCode: WIRE_FACT_EXIT_CODE
        case .processExitSignal: WIRE_FACT_EXIT_SIGNAL
        case .ebpfguardSignal: WIRE_FACT_SIGNAL
        case .syscallReturn: WIRE_FACT_RETURN
        case .syscallName: WIRE_FACT_SYSCALL
        default: nil
        }
    }

    private static func addressFact(of field: Field) -> wire_fact? {
        switch field {
        case .sourceIP: WIRE_FACT_SOURCE_IP
        case .destinationIP: WIRE_FACT_DESTINATION_IP
        default: nil
        }
    }

    /// Programs that see system calls do not know these of them.
    private static func connectionFact(of field: Field) -> wire_fact? {
        switch field {
        case .sourcePort: WIRE_FACT_SOURCE_PORT
        case .destinationPort: WIRE_FACT_DESTINATION_PORT
        case .networkTransport: WIRE_FACT_TRANSPORT
        case .networkDirection: WIRE_FACT_DIRECTION
        default: nil
        }
    }

    /// The numbers for which the test holds, given that the field is there; `nil` where they are not known.
    private static func ranges(_ test: FilterTest, _ syscalls: Filter.SyscallNumbers?) -> [ClosedRange<Int64>]? {
        switch test.check {
        case .numbers(let ranges): return test.differs ? ranges.complement : ranges
        case .identifiers(let ranges):
            let signed = joined(ranges.flatMap(Self.signed))
            return test.differs ? signed.complement : signed
        case .texts, .glob, .exists: return words(test, syscalls)
        case .boolean, .times, .addresses: return nil
        }
    }

    /// The same bits as signed numbers, in which the upper half comes first.
    private static func signed(_ range: ClosedRange<UInt64>) -> [ClosedRange<Int64>] {
        let half = UInt64(1) << 63
        var result: [ClosedRange<Int64>] = []
        if range.upperBound >= half {
            result.append(Int64(bitPattern: max(range.lowerBound, half))...Int64(bitPattern: range.upperBound))
        }
        if range.lowerBound < half { result.append(Int64(range.lowerBound)...Int64(min(range.upperBound, half - 1))) }
        return result
    }

    private static func words(_ test: FilterTest, _ syscalls: Filter.SyscallNumbers?) -> [ClosedRange<Int64>]? {
        func listed(_ words: [(String, UInt32)]) -> [ClosedRange<Int64>] {
            joined(words.filter { holds($0.0) }.map { Int64($0.1)...Int64($0.1) })
        }
        func holds(_ word: String) -> Bool { test.check.accepts(Array(word.utf8).span) != test.differs }
        let exists = if case .exists = test.check { true } else { false }
        /// Those of the numbers that have a word, and one for which the test holds.
        func numbered(_ numbers: ClosedRange<Int32>, _ name: (Int32) -> StaticString?) -> [ClosedRange<Int64>] {
            joined(
                numbers.compactMap { number in
                    guard let word = name(number), exists || holds("\(word)") else { return nil }
                    return Int64(number)...Int64(number)
                })
        }
        switch test.field {
        case .errorCode: return numbered(1...600, errnoName)
        case .ebpfguardSignal: return numbered(1...64, signalName)
        case .syscallName where !exists:
            let calls = syscalls.flatMap { $0 { test.check.accepts(Array($0.utf8).span) } }.map { joined($0) }
            return test.differs ? calls?.complement : calls
        case _ where exists: return [.min...Int64.max]
        case .eventOutcome:
            return listed([("failure", WIRE_OUTCOME_FAILURE.rawValue), ("success", WIRE_OUTCOME_SUCCESS.rawValue)])
        case .networkTransport:
            return listed([("tcp", UInt32(WIRE_PROTOCOL_TCP)), ("udp", UInt32(WIRE_PROTOCOL_UDP))])
        case .networkDirection:
            return listed([("egress", WIRE_DIRECTION_EGRESS.rawValue), ("ingress", WIRE_DIRECTION_INGRESS.rawValue)])
        default: return nil
        }
    }

    private static let kinds: [String: [wire_kind]] = [
        "exec": [WIRE_EXEC, WIRE_EXEC_FAILED], "fork": [WIRE_FORK], "exit": [WIRE_EXIT], "existing": [WIRE_EXISTING],
        "signal": [WIRE_SIGNAL], "oom": [WIRE_OOM], "connect": [WIRE_CONNECT], "accept": [WIRE_ACCEPT],
        "listen": [WIRE_LISTEN], "close": [WIRE_CLOSE], "udp": [WIRE_UDP],
        // The kernel sends them all: names are learned from them.
        "dns_query": [], "dns_answer": [], "tls_client_hello": [],
    ]
    /// What a system call is called by user space, which knows more about it than its kind.
    private static let calls: Set<String> = ["syscall", "ptrace", "setuid", "mount", "module_load", "bpf"]
}

extension IPPrefix {
    /// Whether IPv6 addresses that stand for those of IPv4 begin with it, which it does not mean.
    fileprivate var coversIPv4Mapped: Bool {
        guard first.count == 16, length < 96 else { return false }
        return IPAddress("::ffff:0.0.0.0").map { $0.keeping(bits: length) } == first
    }

    /// As the kernel has it: two numbers, and how many of their bits count.
    var words: (high: Int64, low: Int64, bits: UInt32) {
        func word(_ range: Range<Int>) -> UInt64 { range.reduce(0) { $0 << 8 | UInt64(first[$1]) } }
        guard first.count == 4 else {
            return (Int64(bitPattern: word(0..<8)), Int64(bitPattern: word(8..<16)), UInt32(length))
        }
        return (0, Int64(bitPattern: 0xffff << 32 | word(0..<4)), UInt32(length + 96))
    }
}
