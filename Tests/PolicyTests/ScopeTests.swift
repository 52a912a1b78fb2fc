// SPDX-License-Identifier: Apache-2.0

import CWire
import Policy
import Testing

/// What the options of the scope become in the programs' settings.
struct ScopeTests {
    private func lower(_ scope: Scope) throws -> wire_config {
        var config = wire_config()
        try scope.lower(into: &config)
        return config
    }

    @Test func empty() throws {
        let config = try lower(Scope())
        #expect([config.tree, config.tree_negated, config.comm_count, config.user_count] == [0, 0, 0, 0])
        #expect([config.cgroup_count, config.glob_count] == [0, 0])
        #expect(!Scope().tracksProcesses)
    }

    /// What was set before stays.
    @Test func otherSettings() throws {
        var config = wire_config()
        config.own_pid = 7
        config.repeated = 1
        try Scope().lower(into: &config)
        #expect(config.own_pid == 7)
        #expect(config.repeated == 1)
    }

    @Test func pids() throws {
        var scope = Scope()
        scope.pids = [.init(1, negated: false), .init(2, negated: false)]
        #expect(scope.tracksProcesses)
        var config = try lower(scope)
        #expect([config.tree, config.tree_negated] == [1, 0])
        scope.pids = [.init(1, negated: true)]
        config = try lower(scope)
        #expect([config.tree, config.tree_negated] == [0, 1])
        scope.pids.append(.init(2, negated: false))
        config = try lower(scope)
        #expect([config.tree, config.tree_negated] == [1, 1])
    }

    @Test func names() throws {
        var scope = Scope()
        scope.names = [.init("sshd", negated: false), .init("0123456789abcdefgh", negated: true)]
        #expect(!scope.tracksProcesses)
        let config = try lower(scope)
        #expect(config.comm_count == 2)
        #expect(text(config.comm.0.name) == "sshd")
        #expect(config.comm.0.negated == 0)
        // The kernel keeps 15 bytes of a name and a NUL.
        #expect(text(config.comm.1.name) == "0123456789abcde")
        #expect(config.comm.1.negated == 1)
    }

    @Test func emptyName() {
        var scope = Scope()
        scope.names = [.init("", negated: false)]
        #expect(throws: ScopeError.self) { try lower(scope) }
    }

    @Test func users() throws {
        var scope = Scope()
        scope.users = [.init(0, negated: false), .init(.max, negated: true)]
        let config = try lower(scope)
        #expect(config.user_count == 2)
        #expect([config.user.0.uid, config.user.0.negated] == [0, 0])
        #expect([config.user.1.uid, config.user.1.negated] == [.max, 1])
    }

    @Test func cgroups() throws {
        var scope = Scope()
        scope.cgroups = [.init(.init(id: 1 << 40, level: 3), negated: true)]
        let config = try lower(scope)
        #expect(config.cgroup_count == 1)
        #expect(config.cgroup.0.id == 1 << 40)
        #expect(config.cgroup.0.level == 3)
        #expect(config.cgroup.0.negated == 1)
    }

    @Test func executables() throws {
        var scope = Scope()
        scope.executables = [.init("/bin/a", negated: false), .init("**/b", negated: true)]
        #expect(scope.tracksProcesses)
        let config = try lower(scope)
        #expect(config.glob_count == 2)
        #expect(config.glob.0.size == 6)
        #expect(bytes(config.glob.0.pattern).prefix(6).elementsEqual("a\0bin\0".utf8))
        #expect(config.glob.0.negated == 0)
        #expect(config.glob.1.size == 4)
        #expect(bytes(config.glob.1.pattern).prefix(4).elementsEqual("b\0**".utf8))
        #expect(config.glob.1.negated == 1)
    }

    // MARK: Limits

    @Test func asManyAsFit() throws {
        var scope = Scope()
        scope.users = (0..<16).map { .init(UInt32($0), negated: false) }
        scope.names = (0..<16).map { .init("n\($0)", negated: false) }
        scope.cgroups = (0..<16).map { .init(.init(id: UInt64($0), level: 0), negated: false) }
        scope.executables = (0..<16).map { .init("/e\($0)", negated: false) }
        let config = try lower(scope)
        #expect(Scope.limit == 16)
        #expect([config.user_count, config.comm_count, config.cgroup_count, config.glob_count] == [16, 16, 16, 16])
        #expect(config.user.15.uid == 15)
        #expect(text(config.comm.15.name) == "n15")
        #expect(config.cgroup.15.id == 15)
        #expect(bytes(config.glob.15.pattern).prefix(4).elementsEqual("e15\0".utf8))
    }

    @Test(arguments: ["--user", "--comm", "--cgroup", "--exe"])
    func oneTooMany(_ option: String) {
        var scope = Scope()
        switch option {
        case "--user": scope.users = (0..<17).map { .init(UInt32($0), negated: false) }
        case "--comm": scope.names = (0..<17).map { .init("n\($0)", negated: false) }
        case "--cgroup": scope.cgroups = (0..<17).map { .init(.init(id: UInt64($0), level: 0), negated: false) }
        default: scope.executables = (0..<17).map { .init("/e\($0)", negated: false) }
        }
        let error = #expect(throws: ScopeError.self) { try lower(scope) }
        #expect(error?.description == "\(option) is given 17 times: at most 16 times")
    }

    /// Processes of `--pid` are kept in a map, not in the settings: any number.
    @Test func manyPids() throws {
        var scope = Scope()
        scope.pids = (1..<1000).map { .init(UInt32($0), negated: false) }
        #expect(try lower(scope).tree == 1)
    }

    private func bytes<Tuple: BitwiseCopyable>(_ tuple: Tuple) -> [UInt8] {
        unsafe withUnsafeBytes(of: tuple) { unsafe Array($0) }
    }

    private func text<Tuple: BitwiseCopyable>(_ tuple: Tuple) -> String {
        String(decoding: bytes(tuple).prefix { $0 != 0 }, as: UTF8.self)
    }
}
