// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

/// SETs and what is in them, on x86-64.
struct SyscallSetTests {
    private func contains(_ set: SyscallSet, _ name: String) -> Bool {
        let abi: SyscallABI = name.hasPrefix("io_uring:") ? .ioUring : .native
        return set.contains(abi, number(name, abi))
    }

    @Test(arguments: [
        ("openat", ["openat"], ["open", "read", "io_uring:OPENAT"]),
        ("openat,connect", ["openat", "connect"], ["bind"]),
        (" openat , connect ", ["openat", "connect"], ["bind"]),
        ("open*", ["open", "openat", "openat2", "open_tree"], ["read", "io_uring:OPENAT"]),
        ("*at", ["openat", "mkdirat", "shmat"], ["openat2"]),
        ("dup?", ["dup2", "dup3"], ["dup"]),
        ("*p*d*s*", ["process_madvise", "pidfd_send_signal"], ["getpid"]),
        ("%file", ["openat", "execve", "io_uring:OPENAT"], ["read", "connect"]),
        ("%net", ["connect", "io_uring:CONNECT"], ["read"]),
        ("%network,!connect", ["bind", "io_uring:CONNECT"], ["connect"]),
        ("%file,!open*,openat2", ["openat2", "unlink", "io_uring:OPENAT"], ["open", "openat"]),
        ("io_uring:OPENAT", ["io_uring:OPENAT"], ["openat", "io_uring:OPENAT2"]),
        ("io_uring:*", ["io_uring:OPENAT", "io_uring:NOP"], ["io_uring_setup"]),
        ("%security", ["ptrace", "bpf", "clone", "mount"], ["openat", "fork"]),
        ("!open", ["openat", "read"], ["open"]),
        ("!open,close", ["read"], ["open", "close"]),
        ("!open,!close", ["read"], ["open", "close"]),
        ("!%file,!read,open", ["open", "write"], ["openat", "read"]),
        ("all", ["read", "io_uring:NOP"], []),
        ("%all", ["read"], []),
        ("all,!%desc", ["getpid"], ["read", "io_uring:READ"]),
        ("none", [], ["read"]),
        ("!none", ["read"], []),
        ("!all", [], ["read"]),
        ("arm_fadvise64_64,read", ["read"], ["write"]),
    ])
    func parses(_ text: String, _ included: [String], _ excluded: [String]) throws {
        let set = try SyscallSet(text, on: .x64)
        for name in included { #expect(contains(set, name), "\(name) is not in \(text)") }
        for name in excluded { #expect(!contains(set, name), "\(name) is in \(text)") }
    }

    /// A name stands for the call in each table.
    @Test func everyABI() throws {
        let set = try SyscallSet("openat,execve,socketcall", on: .x64)
        #expect(set.contains(.native, 257))
        #expect(set.contains(.x32, 257))
        #expect(set.contains(.compat, 295))
        #expect(set.contains(.native, 59))
        #expect(set.contains(.x32, 520))
        #expect(!set.contains(.x32, 59))
        #expect(set.contains(.compat, 102))
    }

    /// Calls that are newer than the tables are in a set that was made by taking away.
    @Test func unknownCalls() throws {
        for text in ["all", "!openat", "!openat,!close"] {
            let set = try SyscallSet(text, on: .x64)
            #expect(set.containsUnknown && set.contains(.native, 900) && set.contains(.native, .max), "\(text)")
        }
        for text in ["openat", "*", "%file", "none", "!all", "all,!all"] {
            let set = try SyscallSet(text, on: .x64)
            #expect(!set.containsUnknown && !set.contains(.native, 900) && !set.contains(.native, .max), "\(text)")
        }
        #expect(try SyscallSet("none").isEmpty)
        #expect(try SyscallSet("all") == .all)
    }

    @Test(arguments: [
        ("", "'' has an empty name"),
        ("open,,close", "'open,,close' has an empty name"),
        ("!", "'!' has an empty name"),
        ("opnat", "'opnat' is no system call; did you mean 'openat'?"),
        ("pread", "'pread' is no system call; did you mean 'read'?"),
        ("conect,read", "'conect' is no system call; did you mean 'connect'?"),
        ("io_uring:OPENET", "'io_uring:OPENET' is no system call; did you mean 'io_uring:OPENAT'?"),
        ("file", "'file' is no system call; did you mean the class '%file'?"),
        ("qqqqqqqqqqqq", "'qqqqqqqqqqqq' is no system call"),
        ("zz*", "no system call matches 'zz*'"),
        (
            "%files",
            "'%files' is no class of system calls; these are: %file %desc %network %process %memory %signal %ipc %creds "
                + "%clock %pure %security"
        ),
    ])
    func refuses(_ text: String, _ message: String) {
        #expect(throws: SyscallSet.Mistake(description: message)) { try SyscallSet(text, on: .x64) }
    }
}
