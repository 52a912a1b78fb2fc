// SPDX-License-Identifier: Apache-2.0

package import CWire

/// Which processes a run is about. Decided in the kernel: different kinds are ANDed, repeats of one kind ORed, and a
/// negated one rules out.
package struct Scope: Sendable {
    /// One option's value, and whether a leading "!" negated it.
    package struct Term<Value: Sendable>: Sendable {
        package let value: Value
        package let negated: Bool

        package init(_ value: Value, negated: Bool) {
            self.value = value
            self.negated = negated
        }
    }

    /// A cgroup, by the id that the kernel programs have for it. `level` is its depth below the root.
    package struct Cgroup: Sendable {
        package let id: UInt64
        package let level: UInt32

        package init(id: UInt64, level: UInt32) {
            self.id = id
            self.level = level
        }
    }

    package var pids: [Term<UInt32>] = []
    package var names: [Term<String>] = []
    package var executables: [Term<String>] = []
    package var users: [Term<UInt32>] = []
    package var cgroups: [Term<Cgroup>] = []
    package var workloads = WorkloadScope()

    package init() {}

    /// Whether nobody was asked for.
    package var isEmpty: Bool {
        pids.isEmpty && names.isEmpty && executables.isEmpty && users.isEmpty && cgroups.isEmpty
            && workloads.isEmpty
    }

    /// More than this many options of a kind are refused: the kernel programs look at each in turn.
    package static let limit = Int(WIRE_SCOPE_MAX)

    /// Whether the kernel programs need to mark processes.
    package var tracksProcesses: Bool { !pids.isEmpty || !executables.isEmpty }

    /// Writes the scope into the programs' settings. The error is for the user.
    package func lower(into config: inout wire_config) throws(ScopeError) {
        config.tree = pids.contains { !$0.negated } ? 1 : 0
        config.tree_negated = pids.contains { $0.negated } ? 1 : 0
        config.comm_count = try Self.fill(&config.comm, names, "--comm") { term throws(ScopeError) in
            guard !term.value.isEmpty else { throw ScopeError("--comm needs a name") }
            var slot = wire_scope_comm()
            // The kernel keeps 15 bytes of a name.
            unsafe withUnsafeMutableBytes(of: &slot.name) { unsafe $0.copyBytes(from: term.value.utf8.prefix(15)) }
            slot.negated = term.negated ? 1 : 0
            return slot
        }
        config.user_count = try Self.fill(&config.user, users, "--user") { term throws(ScopeError) in
            wire_scope_user(uid: term.value, negated: term.negated ? 1 : 0)
        }
        config.cgroup_count = try Self.fill(&config.cgroup, cgroups, "--cgroup") { term throws(ScopeError) in
            wire_scope_cgroup(id: term.value.id, level: term.value.level, negated: term.negated ? 1 : 0)
        }
        config.workloads = workloads.isEmpty ? 0 : 1
        config.glob_count = try Self.fill(&config.glob, executables, "--exe") { term throws(ScopeError) in
            let pattern = try Self.walkedPattern(term.value)
            var slot = wire_scope_glob()
            unsafe withUnsafeMutableBytes(of: &slot.pattern) { unsafe $0.copyBytes(from: pattern) }
            slot.size = UInt32(pattern.count)
            slot.negated = term.negated ? 1 : 0
            return slot
        }
    }

    /// A path pattern in the form of the paths that it is matched with: components from the leaf to the root.
    package static func walkedPattern(_ glob: String) throws(ScopeError) -> [UInt8] {
        guard glob.hasPrefix("/") || glob.hasPrefix("**/") else {
            throw ScopeError(
                "--exe: \"\(glob)\" is not an absolute path",
                help: "write /usr/bin/NAME, /dir/*, /dir/** (all below), or **/NAME (anywhere)"
            )
        }
        if let special = glob.first(where: { "[]{}\\".contains($0) }) {
            throw ScopeError(
                "--exe: \"\(glob)\": \"\(special)\" has no meaning here",
                help: "use * and ? within a directory, ** across directories"
            )
        }
        if glob.hasSuffix("/") {
            throw ScopeError("--exe: \"\(glob)\" is a directory", help: "write \(glob)** for all programs below it")
        }
        let components = glob.split(separator: "/", omittingEmptySubsequences: true)
        guard components.allSatisfy({ $0 == "**" || !$0.contains("**") }) else {
            throw ScopeError(
                "--exe: \"\(glob)\": \"**\" stands for whole directories",
                help: "write * within a name, or /**/ between two")
        }
        var pattern: [UInt8] = []
        for component in components.reversed() {
            // "**" stands for any number of whole components, separators included; "/dir/**" means all below the
            // directory, so at least one.
            if component == "**" && pattern.isEmpty { pattern.append(contentsOf: [UInt8(ascii: "*"), 0]) }
            pattern.append(contentsOf: component.utf8)
            if component != "**" { pattern.append(0) }
        }
        guard pattern.count < Int(WIRE_GLOB_SIZE) else {
            throw ScopeError(
                "--exe: \"\(glob)\" is longer than \(WIRE_GLOB_SIZE - 1) bytes", help: "shorten it with **/")
        }
        return pattern
    }

    private static func fill<Slots, Slot, Value: Sendable>(
        _ slots: inout Slots, _ terms: [Term<Value>], _ option: String,
        _ make: (Term<Value>) throws(ScopeError) -> Slot
    ) throws(ScopeError) -> UInt32 {
        guard terms.count <= limit else {
            throw ScopeError("\(option) is given \(terms.count) times", help: "at most \(limit) times")
        }
        for (index, term) in terms.enumerated() {
            let slot = try make(term)
            unsafe withUnsafeMutableBytes(of: &slots) { bytes in
                unsafe bytes.storeBytes(of: slot, toByteOffset: index * MemoryLayout<Slot>.stride, as: Slot.self)
            }
        }
        return UInt32(terms.count)
    }
}

/// What is wrong with a scope option, and what to write instead.
package struct ScopeError: Error, CustomStringConvertible {
    package let message: String
    package let help: String?

    package init(_ message: String, help: String? = nil) {
        self.message = message
        self.help = help
    }

    package var description: String { help.map { "\(message): \($0)" } ?? message }
}
