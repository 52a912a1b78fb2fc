// SPDX-License-Identifier: Apache-2.0

import Events
import Glibc
import Testing

/// Names against the numbers in the C library's headers.
struct NameTests {
    private static let errnos: [(Int32, String)] = [
        (EPERM, "EPERM"), (ENOENT, "ENOENT"), (ESRCH, "ESRCH"), (EINTR, "EINTR"), (EIO, "EIO"), (ENXIO, "ENXIO"),
        (E2BIG, "E2BIG"), (ENOEXEC, "ENOEXEC"), (EBADF, "EBADF"), (ECHILD, "ECHILD"), (EAGAIN, "EAGAIN"),
        (ENOMEM, "ENOMEM"), (EACCES, "EACCES"), (EFAULT, "EFAULT"), (ENOTBLK, "ENOTBLK"), (EBUSY, "EBUSY"),
        (EEXIST, "EEXIST"), (EXDEV, "EXDEV"), (ENODEV, "ENODEV"), (ENOTDIR, "ENOTDIR"), (EISDIR, "EISDIR"),
        (EINVAL, "EINVAL"), (ENFILE, "ENFILE"), (EMFILE, "EMFILE"), (ENOTTY, "ENOTTY"), (ETXTBSY, "ETXTBSY"),
        (EFBIG, "EFBIG"), (ENOSPC, "ENOSPC"), (ESPIPE, "ESPIPE"), (EROFS, "EROFS"), (EMLINK, "EMLINK"),
        (EPIPE, "EPIPE"), (EDEADLK, "EDEADLK"), (ENAMETOOLONG, "ENAMETOOLONG"), (ENOSYS, "ENOSYS"), (ELOOP, "ELOOP"),
        (ENODATA, "ENODATA"), (ELIBACC, "ELIBACC"), (ELIBBAD, "ELIBBAD"), (EOPNOTSUPP, "EOPNOTSUPP"),
        (ETIMEDOUT, "ETIMEDOUT"), (ECONNREFUSED, "ECONNREFUSED"), (ESTALE, "ESTALE"), (ENOKEY, "ENOKEY"),
        (EKEYEXPIRED, "EKEYEXPIRED"), (EKEYREJECTED, "EKEYREJECTED"),
    ]

    private static let signals: [(Int32, String)] = [
        (SIGHUP, "SIGHUP"), (SIGINT, "SIGINT"), (SIGQUIT, "SIGQUIT"), (SIGILL, "SIGILL"), (SIGTRAP, "SIGTRAP"),
        (SIGABRT, "SIGABRT"), (SIGBUS, "SIGBUS"), (SIGFPE, "SIGFPE"), (SIGKILL, "SIGKILL"), (SIGUSR1, "SIGUSR1"),
        (SIGSEGV, "SIGSEGV"), (SIGUSR2, "SIGUSR2"), (SIGPIPE, "SIGPIPE"), (SIGALRM, "SIGALRM"), (SIGTERM, "SIGTERM"),
        (SIGSTKFLT, "SIGSTKFLT"), (SIGCHLD, "SIGCHLD"), (SIGCONT, "SIGCONT"), (SIGSTOP, "SIGSTOP"),
        (SIGTSTP, "SIGTSTP"), (SIGTTIN, "SIGTTIN"), (SIGTTOU, "SIGTTOU"), (SIGURG, "SIGURG"), (SIGXCPU, "SIGXCPU"),
        (SIGXFSZ, "SIGXFSZ"), (SIGVTALRM, "SIGVTALRM"), (SIGPROF, "SIGPROF"), (SIGWINCH, "SIGWINCH"),
        (SIGIO, "SIGIO"), (SIGPWR, "SIGPWR"), (SIGSYS, "SIGSYS"),
    ]

    @Test(arguments: errnos)
    func errno(_ code: Int32, _ name: String) {
        #expect(errnoName(code).map { "\($0)" } == name)
    }

    /// No name that is not held against a header, but for the kernel's own, which no header has.
    @Test func errnosAreAllHere() {
        let named = (-1...1000).filter { errnoName($0) != nil && $0 != 512 }
        #expect(Set(named) == Set(Self.errnos.map(\.0)))
        #expect(errnoName(512).map { "\($0)" } == "ERESTARTSYS")
    }

    @Test(arguments: signals)
    func signal(_ number: Int32, _ name: String) {
        #expect(signalName(number).map { "\($0)" } == name)
    }

    @Test func signalsAreAllHere() {
        #expect((-1...128).filter { signalName($0) != nil } == Array(1...31))
        #expect(Self.signals.count == 31)
    }
}
