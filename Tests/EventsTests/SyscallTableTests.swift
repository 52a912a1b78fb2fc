// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

struct SyscallTableTests {
    @Test(arguments: [
        (SyscallArchitecture.x64, SyscallABI.native, 0, "read"),
        (.x64, .native, 110, "getppid"),
        (.x64, .native, 257, "openat"),
        (.x64, .native, 334, "rseq"),
        (.x64, .native, 424, "pidfd_send_signal"),
        (.x64, .native, 467, "open_tree_attr"),
        (.x64, .compat, 20, "getpid"),
        (.x64, .compat, 102, "socketcall"),
        (.x64, .compat, 295, "openat"),
        (.x64, .compat, 403, "clock_gettime64"),
        (.x64, .x32, 0, "read"),
        (.x64, .x32, 257, "openat"),
        (.x64, .x32, 512, "rt_sigaction"),
        (.x64, .x32, 520, "execve"),
        (.x64, .x32, 547, "pwritev2"),
        (.arm64, .native, 56, "openat"),
        (.arm64, .native, 221, "execve"),
        (.arm64, .native, 435, "clone3"),
        (.arm64, .compat, 5, "open"),
        (.arm64, .compat, 322, "openat"),
        (.x64, .ioUring, 0, "io_uring:NOP"),
        (.x64, .ioUring, 18, "io_uring:OPENAT"),
        (.arm64, .ioUring, 28, "io_uring:OPENAT2"),
    ])
    func names(_ architecture: SyscallArchitecture, _ abi: SyscallABI, _ number: UInt32, _ name: String) {
        #expect(SyscallTable.name(abi, number, on: architecture)?.string == name)
        #expect(SyscallTable.numbers(named: name, on: architecture).contains { $0.abi == abi && $0.number == number })
    }

    @Test func unknown() {
        // 335 is uretprobe, 337 to 423 were left out so that later calls have the same number everywhere.
        for number: UInt32 in [337, 423, 500, 1024, .max] {
            #expect(SyscallTable.name(.native, number, on: .x64) == nil)
            #expect(SyscallTable.classes(.native, number, on: .x64).isEmpty)
            #expect(SyscallTable.shape(.native, number, on: .x64) == SyscallShape())
        }
        #expect(SyscallTable.name(.x32, 0, on: .arm64) == nil)
        #expect(SyscallTable.numbers(named: "no_such_call").isEmpty)
    }

    /// Every call of every list is described.
    @Test(arguments: SyscallArchitecture.allCases, SyscallABI.allCases)
    func described(_ architecture: SyscallArchitecture, _ abi: SyscallABI) {
        for number: UInt32 in 0..<1024 where SyscallTable.name(abi, number, on: architecture) != nil {
            let name = SyscallTable.name(abi, number, on: architecture)?.string ?? ""
            #expect(SyscallTable.isDescribed(abi, number, on: architecture), "\(name)")
            #expect(SyscallTable.shape(abi, number, on: architecture).strings.nonzeroBitCount <= 2, "\(name)")
        }
    }

    @Test func abiNames() {
        #expect(SyscallABI.allCases.map { "\($0.name(on: .x64))" } == ["x86-64", "i386", "x32", "io_uring"])
        #expect(SyscallABI.allCases.map { "\($0.name(on: .arm64))" } == ["arm64", "arm", "x32", "io_uring"])
    }

    @Test func shapes() {
        func shape(_ name: String, _ abi: SyscallABI = .native) -> SyscallShape {
            SyscallTable.shape(abi, number(name, abi), on: .x64)
        }
        #expect(shape("openat") == SyscallShape(strings: 0b10))
        #expect(shape("execve") == SyscallShape(strings: 0b1))
        #expect(shape("rename") == SyscallShape(strings: 0b11))
        #expect(shape("renameat2") == SyscallShape(strings: 0b1010))
        #expect(shape("mount") == SyscallShape(strings: 0b11))
        #expect(shape("init_module") == SyscallShape(strings: 0b100))
        #expect(shape("fanotify_mark") == SyscallShape(strings: 0b10000))
        #expect(shape("fanotify_mark", .compat) == SyscallShape(strings: 0b100000))
        #expect(shape("connect") == SyscallShape(address: 1, addressLength: 2))
        #expect(shape("bind", .compat) == SyscallShape(address: 1, addressLength: 2))
        #expect(shape("sendto") == SyscallShape(address: 4, addressLength: 5))
        #expect(shape("accept4") == SyscallShape())
        #expect(shape("exit_group") == SyscallShape(returns: .never))
        #expect(shape("rt_sigreturn") == SyscallShape(returns: .register))
        #expect(shape("sigreturn", .compat).returns == .register)
        #expect(shape("mmap").returns == .pointer)
        #expect(shape("io_uring:OPENAT", .ioUring).strings == 0b10)
        #expect(shape("io_uring:CONNECT", .ioUring).address == 1)
    }

    @Test(arguments: [
        ("openat", SyscallABI.native, [SyscallClass.file, .desc]),
        ("openat", .compat, [.file, .desc]),
        ("io_uring:OPENAT", .ioUring, [.file, .desc]),
        ("execve", .native, [.file, .process]),
        ("connect", .native, [.network]),
        ("io_uring:CONNECT", .ioUring, [.network]),
        ("mmap", .native, [.desc, .memory]),
        ("kill", .native, [.signal, .process]),
        ("shmat", .native, [.ipc, .memory]),
        ("getuid", .native, [.creds, .pure]),
        ("clock_gettime", .native, [.clock]),
        ("setuid32", .compat, [.creds, .security]),
        ("ptrace", .native, [.security]),
        ("uname", .native, []),
    ])
    func classes(_ name: String, _ abi: SyscallABI, _ classes: [SyscallClass]) {
        let found = SyscallTable.classes(abi, number(name, abi), on: .x64)
        #expect(SyscallClass.allCases.filter(found.contains) == SyscallClass.allCases.filter(classes.contains))
    }

    @Test func securityConditions() {
        func condition(_ name: String) -> SecurityCondition? {
            SyscallTable.securityCondition(.native, number(name), on: .x64)
        }
        #expect(condition("ptrace") == .always)
        #expect(condition("clone") == .namespaceFlags)
        #expect(condition("clone3") == .namespaceStructure)
        #expect(condition("prctl") == .options)
        #expect(condition("openat") == nil)
    }
}

/// The number of a call that is known.
func number(_ name: String, _ abi: SyscallABI = .native, on architecture: SyscallArchitecture = .x64) -> UInt32 {
    guard let found = SyscallTable.numbers(named: name, on: architecture).first(where: { $0.abi == abi }) else {
        preconditionFailure("no \(name)")
    }
    return found.number
}
