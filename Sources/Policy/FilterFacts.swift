// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

/// A test in the kernel's terms.
enum FilterAtom {
    /// The fact is present and in one of the ranges. Not exact: that holds for more events than the test, or, of a test
    /// that is negated, for fewer.
    case ranges(wire_fact, [ClosedRange<Int64>], isExact: Bool)
    /// The name of the process is one of these, or with `differs` none of them. Every event in the kernel has a name.
    case names([[UInt8]], differs: Bool)

    /// `nil` for what only user space knows. `negated` says what the test is used for.
    init?(_ test: FilterTest, negated: Bool, _ syscalls: Filter.SyscallNumbers?) {
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
        guard let fact = Self.fact(of: test.field), let ranges = Self.ranges(test, syscalls) else { return nil }
        self = .ranges(fact, ranges, isExact: true)
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
            let outcomes = [("failure", WIRE_OUTCOME_FAILURE), ("success", WIRE_OUTCOME_SUCCESS)]
            return joined(outcomes.filter { holds($0.0) }.map { Int64($0.1.rawValue)...Int64($0.1.rawValue) })
        default: return nil
        }
    }

    private static let kinds: [String: [wire_kind]] = [
        "exec": [WIRE_EXEC, WIRE_EXEC_FAILED], "fork": [WIRE_FORK], "exit": [WIRE_EXIT], "existing": [WIRE_EXISTING],
        "signal": [WIRE_SIGNAL], "oom": [WIRE_OOM], "connect": [WIRE_CONNECT], "accept": [WIRE_ACCEPT],
        "listen": [WIRE_LISTEN], "close": [WIRE_CLOSE], "udp": [WIRE_UDP],
    ]
    /// What a system call is called by user space, which knows more about it than its kind.
    private static let calls: Set<String> = ["syscall", "ptrace", "setuid", "mount", "module_load", "bpf"]
}
