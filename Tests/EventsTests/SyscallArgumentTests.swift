// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Testing

/// What a person sees of the arguments of a call.
struct SyscallArgumentTests {
    /// AT_FDCWD as a register has it.
    private static let here: UInt64 = 0xffff_ff9c

    private static let calls: [(String, [UInt64], String)] = [
        ("read", [3, 0x7f00, 4096], "3 0x7f00 4096"),
        ("close", [3], "3"),
        ("lseek", [3, UInt64(bitPattern: -8), 2], "3 -8 SEEK_END"),
        ("fcntl", [3, 2, 1], "3 F_SETFD FD_CLOEXEC"),
        ("fcntl", [3, 1, 77], "3 F_GETFD"),
        ("fcntl", [3, 4, 0x801], "3 F_SETFL O_WRONLY|O_NONBLOCK"),
        ("fcntl", [3, 9999, 1], "3 0x270f 0x1"),
        ("ioctl", [0, 0x5401, 0x7ff0], "0 TCGETS 0x7ff0"),
        ("ioctl", [0, 0x5412, 0x7ff0], "0 TIOCSTI 0x7ff0"),
        ("ioctl", [0, 0xc0de, 0], "0 0xc0de 0"),
        ("dup3", [3, 4, 0x80000], "3 4 O_CLOEXEC"),
        ("pipe2", [0x7ff0, 0x80800], "0x7ff0 O_CLOEXEC|O_NONBLOCK"),
        ("mmap", [0, 4096, 3, 0x22, 0xffff_ffff, 0], "NULL 4096 PROT_READ|PROT_WRITE MAP_PRIVATE|MAP_ANONYMOUS -1 0"),
        ("mmap", [0, 4096, 0, 0x1, 3, 8192], "NULL 4096 PROT_NONE MAP_SHARED 3 8192"),
        ("mprotect", [0x1000, 4096, 7], "0x1000 4096 PROT_READ|PROT_WRITE|PROT_EXEC"),
        ("mremap", [0x1000, 4096, 8192, 1, 0], "0x1000 4096 8192 MREMAP_MAYMOVE NULL"),
        ("madvise", [0x1000, 4096, 4], "0x1000 4096 MADV_DONTNEED"),
        ("mlockall", [3], "MCL_CURRENT|MCL_FUTURE"),
        ("msync", [0x1000, 4096, 4], "0x1000 4096 MS_SYNC"),
        ("socket", [2, 0x80001, 6], "AF_INET SOCK_STREAM|SOCK_CLOEXEC IPPROTO_TCP"),
        ("socket", [16, 3, 9], "AF_NETLINK SOCK_RAW NETLINK_AUDIT"),
        ("socket", [17, 3, 0x300], "AF_PACKET SOCK_RAW ETH_P_ALL"),
        ("socket", [1, 1, 0], "AF_UNIX SOCK_STREAM 0"),
        ("accept4", [3, 0, 0, 0x80000], "3 NULL NULL SOCK_CLOEXEC"),
        ("sendto", [3, 0x10, 5, 0x4000, 0, 0], "3 0x10 5 MSG_NOSIGNAL NULL 0"),
        ("shutdown", [3, 2], "3 SHUT_RDWR"),
        ("setsockopt", [3, 1, 2, 0x10, 4], "3 SOL_SOCKET SO_REUSEADDR 0x10 4"),
        ("setsockopt", [3, 6, 1, 0x10, 4], "3 SOL_TCP TCP_NODELAY 0x10 4"),
        ("setsockopt", [3, 77, 5, 0x10, 4], "3 77 5 0x10 4"),
        ("clone", [0x1000_0011, 0, 0, 0, 0], "CLONE_NEWUSER|SIGCHLD NULL NULL NULL NULL"),
        ("unshare", [0x2002_0000], "CLONE_NEWNS|CLONE_NEWPID"),
        ("setns", [3, 0x4000_0000], "3 CLONE_NEWNET"),
        ("ptrace", [16, 1, 0, 0], "PTRACE_ATTACH 1"),
        ("ptrace", [7, 4711, 1, 9], "PTRACE_CONT 4711 0x1 SIGKILL"),
        ("ptrace", [4, 4711, 0x400000, 0x90], "PTRACE_POKETEXT 4711 0x400000 0x90"),
        ("prctl", [24, 21], "PR_CAPBSET_DROP CAP_SYS_ADMIN"),
        ("prctl", [47, 2, 0, 0, 0], "PR_CAP_AMBIENT PR_CAP_AMBIENT_RAISE CAP_CHOWN"),
        ("prctl", [38, 1, 0, 0, 0], "PR_SET_NO_NEW_PRIVS 1"),
        ("prctl", [4242, 1, 2, 3, 4], "0x1092 0x1 0x2 0x3 0x4"),
        ("kill", [UInt64(UInt32.max), 9], "-1 SIGKILL"),
        ("kill", [1, 0], "1 0"),
        ("wait4", [UInt64.max, 0x10, 1, 0], "-1 0x10 WNOHANG NULL"),
        ("setresuid", [0, UInt64(UInt32.max), 1000], "0 -1 1000"),
        ("futex", [0x10, 129, 1, 0, 0, 0], "0x10 FUTEX_WAKE|FUTEX_PRIVATE_FLAG 1 NULL NULL 0"),
        ("epoll_ctl", [3, 1, 4, 0x10], "3 EPOLL_CTL_ADD 4 0x10"),
        ("prlimit64", [0, 7, 0, 0x10], "0 RLIMIT_NOFILE NULL 0x10"),
        ("clock_gettime", [1, 0x10], "CLOCK_MONOTONIC 0x10"),
        ("getrandom", [0x10, 16, 1], "0x10 16 GRND_NONBLOCK"),
        ("bpf", [5, 0x10, 144], "BPF_PROG_LOAD 0x10 144"),
        ("seccomp", [1, 1, 0x10], "SECCOMP_SET_MODE_FILTER SECCOMP_FILTER_FLAG_TSYNC 0x10"),
        ("keyctl", [3, 0xffff_fffd], "KEYCTL_REVOKE KEY_SPEC_SESSION_KEYRING"),
        ("perf_event_open", [0x10, UInt64.max, 0, UInt64.max, 8], "0x10 -1 0 -1 PERF_FLAG_FD_CLOEXEC"),
        ("personality", [0x40000], "PER_LINUX|ADDR_NO_RANDOMIZE"),
        (
            "reboot", [0xfee1_dead, 0x2812_1969, 0x0123_4567, 0],
            "LINUX_REBOOT_MAGIC1 LINUX_REBOOT_MAGIC2 LINUX_REBOOT_CMD_RESTART 0"
        ),
        ("arch_prctl", [0x1002, 0x7f00], "ARCH_SET_FS 0x7f00"),
        ("open_by_handle_at", [3, 0x10, 0x200000], "3 0x10 O_RDONLY|O_PATH"),
        ("getpid", [1, 2, 3, 4, 5, 6], ""),
        ("mknod", [0x10, 0o20644, 0x0103], "0x10 020644 1:3"),
        ("timerfd_create", [1, 0x80800], "CLOCK_MONOTONIC TFD_CLOEXEC|TFD_NONBLOCK"),
        ("kexec_file_load", [3, 4, 0, 0, 2], "3 4 0 NULL KEXEC_FILE_ON_CRASH"),
        ("memfd_create", [0, 3], "NULL MFD_CLOEXEC|MFD_ALLOW_SEALING"),
    ]

    @Test(arguments: calls)
    func numbers(_ name: String, _ arguments: [UInt64], _ texts: String) throws {
        #expect(try SyscallBytes(name, arguments).texts.joined(separator: " ") == texts)
    }

    private static let calls386: [(String, [UInt64], String)] = [
        ("mmap", [0x10], "0x10"),
        ("mmap2", [0, 4096, 5, 2, 3, 7], "NULL 4096 PROT_READ|PROT_EXEC MAP_PRIVATE 3 7"),
        ("_llseek", [3, 0, 4096, 0x10, 0], "3 0 4096 0x10 SEEK_SET"),
        ("ftruncate64", [3, 0, 1], "3 4294967296"),
        ("pread64", [3, 0x10, 5, 4096, 0], "3 0x10 5 4096"),
        ("socketcall", [3, 0x10], "SYS_CONNECT 0x10"),
        ("ipc", [21, 1, 2, 3, 4, 5], "SHMAT 0x1 0x2 0x3 0x4 0x5"),
        ("setresuid32", [0, 0xffff_ffff, 0], "0 -1 0"),
        ("lseek", [3, 0xffff_fff8, 1], "3 -8 SEEK_CUR"),
        ("read", [3, 0xffff_ffff_0804_0000, 10], "3 0x8040000 10"),
        ("waitpid", [0xffff_ffff, 0, 1], "-1 NULL WNOHANG"),
        ("fanotify_mark", [3, 1, 0x20, 0, 0xffff_ff9c, 0], "3 FAN_MARK_ADD FAN_OPEN AT_FDCWD NULL"),
        ("clone", [0x11, 0, 0, 0, 0], "SIGCHLD NULL NULL NULL NULL"),
    ]

    @Test(arguments: calls386)
    func i386(_ name: String, _ arguments: [UInt64], _ texts: String) throws {
        #expect(try SyscallBytes(name, arguments, .compat).texts.joined(separator: " ") == texts)
    }

    @Test func arm() throws {
        let open = SyscallBytes("openat", [Self.here, 0x10, 0x10000 | 0x4000], on: .arm64)
        #expect(try open.texts == ["AT_FDCWD", "0x10", "O_RDONLY|O_DIRECT|O_DIRECTORY"])
        let read = SyscallBytes("pread64", [3, 0x10, 5, 0, 4096, 1], .compat, on: .arm64)
        #expect(try read.texts == ["3", "0x10", "5", "4294971392"])
    }

    @Test func paths() throws {
        let open = SyscallBytes("openat", [Self.here, 0x7f01, 0x80000])
        #expect(try open.with(1, "/etc/passwd").texts == ["AT_FDCWD", "/etc/passwd", "O_RDONLY|O_CLOEXEC"])
        #expect(try open.texts == ["AT_FDCWD", "0x7f01", "O_RDONLY|O_CLOEXEC"])
        let cut = open.with(1, "/long", flags: WIRE_CAPTURE_CUT)
        #expect(try cut.texts[1] == "/long...")
        #expect(try cut.record().path == nil)
        let unreadable = open.with(1, "", flags: WIRE_CAPTURE_UNREADABLE)
        #expect(try unreadable.texts[1] == "0x7f01")
        #expect(try unreadable.record().path == nil)
        #expect(try open.with(1, "").texts[1] == "")
        #expect(try open.with(1, "/a\0b").texts == ["AT_FDCWD", "/a", "O_RDONLY|O_CLOEXEC"])
        #expect(try open.with(1, "/etc/passwd").record().path?.string == "/etc/passwd")
        #expect(try open.with(1, "etc/passwd").record().path == nil)
    }

    /// A mode is only there when a file may be made.
    @Test func modes() throws {
        func texts(_ flags: UInt64) throws -> [String] {
            try SyscallBytes("open", [1, flags, 0o644]).with(0, "f").texts
        }
        #expect(try texts(0) == ["f", "O_RDONLY"])
        #expect(try texts(0x41) == ["f", "O_WRONLY|O_CREAT", "0644"])
        #expect(try texts(0x410002) == ["f", "O_RDWR|O_TMPFILE", "0644"])
        #expect(try texts(0x4000_0000) == ["f", "O_RDONLY|0x40000000"])
        #expect(try texts(3) == ["f", "0x3"])
        #expect(try SyscallBytes("chmod", [1, 0o4755]).with(0, "/bin/x").texts == ["/bin/x", "04755"])
    }

    @Test func twoStrings() throws {
        let rename = SyscallBytes("renameat2", [3, 1, Self.here, 2, 1]).with(1, "a").with(3, "/b")
        #expect(try rename.texts == ["3", "a", "AT_FDCWD", "/b", "RENAME_NOREPLACE"])
        #expect(try rename.record().path == nil)
        let mount = SyscallBytes("mount", [1, 2, 0, 0x1001, 0]).with(0, "/dev/sda").with(1, "/mnt")
        #expect(try mount.texts == ["/dev/sda", "/mnt", "NULL", "MS_RDONLY|MS_BIND", "NULL"])
        #expect(try mount.record().path?.string == "/mnt")
        let link = SyscallBytes("symlink", [1, 2]).with(0, "/target").with(1, "/link")
        #expect(try link.record().path?.string == "/link")
    }

    private static let sockets: [([UInt8], String)] = [
        ([2, 0, 0x01, 0xbb, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], "10.0.0.1:443"),
        (
            [10, 0, 0x01, 0xbb, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
            "[2001:db8::1]:443"
        ),
        (
            [10, 0, 0, 80, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0],
            "[fe80::1%2]:80"
        ),
        ([10, 0, 0, 80, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 16), "[::]:80"),
        ([1, 0] + Array("/run/x.sock\0garbage".utf8), "unix:/run/x.sock"),
        ([1, 0, 0] + Array("abstract".utf8), "unix:@abstract"),
        ([1, 0], "unix:"),
        ([16, 0, 0, 0, 0xd2, 4, 0, 0, 1, 0, 0, 0], "netlink:pid=1234,groups=0x1"),
        ([40, 0, 0, 0, 0xd2, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], "vsock:2:1234"),
        ([17, 0, 0, 0], "family=AF_PACKET"),
        ([99, 0], "family=99"),
        ([0, 0], "family=AF_UNSPEC"),
        ([2, 0, 0], "family=AF_INET"),
        ([2], "family=?"),
        ([], "family=?"),
    ]

    @Test(arguments: sockets)
    func addresses(_ bytes: [UInt8], _ text: String) throws {
        let connect = SyscallBytes("connect", [3, 0x10, UInt64(bytes.count)]).with(1, address: bytes)
        #expect(try connect.texts == ["3", text, "\(bytes.count)"])
    }

    @Test func internetAddress() throws {
        let bytes: [UInt8] = [2, 0, 0x01, 0xbb, 10, 0, 0, 1]
        let found = try SyscallBytes("connect", [3]).with(1, address: bytes).record().address
        #expect(found?.port == 443)
        #expect((0..<4).map { found?.address[$0] } == [10, 0, 0, 1])
        #expect(try SyscallBytes("connect", [3]).with(1, address: [1, 0, 47]).record().address == nil)
        #expect(try SyscallBytes("connect", [3]).record().address == nil)
    }

    /// What was read stands in front of the numbers.
    @Test func ioUring() throws {
        let open = SyscallBytes("io_uring:OPENAT", [Self.here, 0x80000], .ioUring).with(1, "/etc/shadow")
        #expect(try open.texts == ["/etc/shadow", "AT_FDCWD", "O_RDONLY|O_CLOEXEC"])
        #expect(try open.record().path?.string == "/etc/shadow")
        let connect = SyscallBytes("io_uring:CONNECT", [3], .ioUring).with(1, address: [2, 0, 0, 80, 1, 2, 3, 4])
        #expect(try connect.texts == ["1.2.3.4:80", "3"])
    }

    @Test func unknown() throws {
        let call = SyscallBytes(.native, 900, [1, 2, 0, 0, 0, 0])
        #expect(try call.texts == ["0x1", "0x2", "0", "0", "0", "0"])
        #expect(try call.with(1, "text").texts == ["0x1", "text", "0", "0", "0", "0"])
        #expect(try call.record().name == nil)
        #expect(try call.record().category.description == "process")
    }

    private static let returns: [(String, Int64, String)] = [
        ("openat", 3, "3"),
        ("openat", -2, "ENOENT"),
        ("openat", -999, "-999"),
        ("lseek", -4096, "-4096"),
        ("read", -512, "ERESTARTSYS"),
        ("mmap", 0x7f00_0000_1000, "0x7f0000001000"),
        ("mmap", -12, "ENOMEM"),
        ("brk", 0, "0"),
        ("rt_sigreturn", -4, "?"),
        ("exit_group", 0, "?"),
    ]

    @Test(arguments: returns)
    func results(_ name: String, _ result: Int64, _ text: String) throws {
        let bytes = SyscallBytes(name, result: result)
        let flagged = name == "exit_group" ? bytes.with(flag: WIRE_SYSCALL_NO_RETURN) : bytes
        #expect(try flagged.record().resultText == text)
        #expect(try flagged.record().error == (text.hasPrefix("E") || text == "-999" ? Int32(-result) : nil))
    }

    @Test func securityRelevance() throws {
        #expect(try SyscallBytes("clone", [0x11]).record().isSecurityRelevant == false)
        #expect(try SyscallBytes("clone", [0x1000_0011]).record().isSecurityRelevant)
        #expect(try SyscallBytes("prctl", [15]).record().isSecurityRelevant == false)
        #expect(try SyscallBytes("prctl", [28]).record().isSecurityRelevant)
        #expect(try SyscallBytes("bpf", [5]).record().isSecurityRelevant)
    }

    @Test func narrowResult() throws {
        #expect(try SyscallBytes("mmap2", [], .compat, result: -0x0821_0000).record().resultText == "0xf7df0000")
    }

    @Test(arguments: [("openat", "file"), ("connect", "network"), ("kill", "process"), ("bpf", "process")])
    func categories(_ name: String, _ category: String) throws {
        #expect(try SyscallBytes(name).record().category.description == category)
    }
}
