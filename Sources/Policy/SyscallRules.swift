// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

/// What the kernel programs do with each system call: which are wanted, and what of their arguments is text.
package struct SyscallRules: Sendable {
    private let wanted: SyscallSet?
    private let security: Bool

    /// `set` are the calls to show, whoever makes them; with `security` those that change what somebody may do, too.
    package init(_ set: SyscallSet?, security: Bool) {
        wanted = set
        self.security = security
    }

    /// Whether calls are watched from their entry on: for their duration and for those that never return. The calls of
    /// `security` all return, so it costs every call of the host only half.
    package var needsEntry: Bool { wanted.map(Self.hasCalls) ?? false }

    /// Whether some call is wanted that is made as one.
    package var wantsCalls: Bool { security || needsEntry }

    /// Whether some operation of io_uring is wanted.
    package var wantsURing: Bool { wanted.map { Self.has($0, .ioUring) } ?? false }

    private static func hasCalls(_ set: SyscallSet) -> Bool {
        set.containsUnknown || SyscallABI.allCases.contains { $0 != .ioUring && has(set, $0) }
    }

    private static func has(_ set: SyscallSet, _ abi: SyscallABI) -> Bool {
        (0..<UInt32(WIRE_NUMBERS_MAX)).contains { set.contains(abi, $0) }
    }

    /// The settings of the programs (struct wire_syscalls). `counts` is how calls are counted, where they are not told.
    package func lowered(counts: UInt32?, seesEntry: Bool) -> [UInt32] {
        var words: [UInt32] = []
        words.reserveCapacity(Int(WIRE_ABI_COUNT * WIRE_NUMBERS_MAX) + 4)
        for abi in 0..<UInt16(WIRE_ABI_COUNT) {
            for number in 0..<UInt32(WIRE_NUMBERS_MAX) {
                words.append(SyscallABI(rawValue: abi).map { rule($0, number) } ?? 0)
            }
        }
        let unknown = wanted?.containsUnknown == true ? UInt32(WIRE_RULE_WANTED) : 0
        return words + [unknown, counts == nil ? 0 : 1, counts ?? 0, seesEntry ? 1 : 0]
    }

    private func rule(_ abi: SyscallABI, _ number: UInt32) -> UInt32 {
        let name = SyscallTable.name(abi, number)?.string
        var rule: UInt32 = 0
        if wanted?.contains(abi, number) == true { rule |= UInt32(WIRE_RULE_WANTED) }
        if security, let name, abi != .ioUring {
            if Self.memoryWrites.contains(name) {
                rule |= UInt32(WIRE_RULE_SECURITY | WIRE_RULE_WRITE)
            } else if let condition = SyscallTable.securityCondition(abi, number) {
                let check = name == "bpf" ? WIRE_CHECK_BPF : Self.check(condition)
                rule |= UInt32(WIRE_RULE_SECURITY) | check.rawValue << UInt32(WIRE_RULE_CHECK_SHIFT)
            }
        }
        guard rule != 0, let name else { return rule }
        if Self.endless.contains(name) { rule |= UInt32(WIRE_RULE_NO_RETURN) }
        if Self.execs.contains(name) { rule |= UInt32(WIRE_RULE_EXEC) }
        if Self.forks.contains(name) { rule |= UInt32(WIRE_RULE_CHILD) }
        let shape = SyscallTable.shape(abi, number)
        if case .register = shape.returns { rule |= UInt32(WIRE_RULE_REGISTER) }
        rule |= UInt32(shape.strings) << UInt32(WIRE_RULE_STRINGS_SHIFT)
        func setAddress(_ address: UInt8, _ length: UInt8) {
            rule |= UInt32(address + 1) << UInt32(WIRE_RULE_ADDRESS_SHIFT)
            rule |= UInt32(length + 1) << UInt32(WIRE_RULE_LENGTH_SHIFT)
        }
        if Self.messages.contains(name) {
            rule |= UInt32(WIRE_RULE_MESSAGE)
            setAddress(1, 1)
        } else if let answer = Self.answeredAddresses[name] {
            rule |= UInt32(WIRE_RULE_LENGTH_POINTER)
            setAddress(answer, answer + 1)
        } else if let address = shape.address, let length = shape.addressLength {
            setAddress(address, length)
        }
        return rule
    }

    private static func check(_ condition: SecurityCondition) -> wire_check {
        switch condition {
        case .always: WIRE_CHECK_NONE
        case .namespaceFlags: WIRE_CHECK_CLONE
        case .namespaceStructure: WIRE_CHECK_CLONE3
        case .options: WIRE_CHECK_PRCTL
        }
    }

    private static let endless: Set<String> = ["exit", "exit_group"]
    private static let execs: Set<String> = ["execve", "execveat"]
    private static let forks: Set<String> = ["fork", "vfork", "clone", "clone3"]
    /// The argument that points to where the kernel writes an address; the next one points to its length.
    private static let answeredAddresses: [String: UInt8] = [
        "accept": 1, "accept4": 1, "getsockname": 1, "getpeername": 1, "recvfrom": 4,
    ]
    private static let messages: Set<String> = ["sendmsg", "recvmsg"]
    /// Calls that may write to another process's memory through a descriptor of /proc/PID/mem.
    private static let memoryWrites: Set<String> = [
        "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "sendfile64",
    ]
}
