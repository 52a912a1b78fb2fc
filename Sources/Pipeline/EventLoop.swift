// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Waits for what can happen: a program wakes the reader, a signal comes, the reader of our output goes away.
struct EventLoop: ~Copyable {
    /// What ended a wait.
    struct Wakeup {
        var signals: [Int32] = []
        var outputIsGone = false
    }

    private let epoll: Int32
    private let signals: Int32

    /// Blocks the signals that end a run and reads them from a descriptor instead. One that was ignored at start (nohup,
    /// a background job of a script) stays ignored.
    init() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGWINCH] where !Self.isIgnored(signal) {
            unsafe sigaddset(&set, signal)
        }
        unsafe sigprocmask(SIG_BLOCK, &set, nil)
        // A closed pipe is an error of write(2) to us, not the end of the process.
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
        signals = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        watch(signals, EPOLLIN.rawValue)
    }

    deinit {
        close(signals)
        close(epoll)
    }

    /// Wakes up when the descriptor is readable.
    func watchRing(_ descriptor: Int32) {
        // Level-triggered would fire until the ring is empty; we drain it anyway.
        watch(descriptor, EPOLLIN.rawValue)
    }

    /// Wakes up when whoever reads this pipe or terminal goes away. Files can't be watched, and need not be.
    mutating func watchOutput(_ descriptor: Int32) {
        watch(descriptor, 0)
        output = descriptor
    }

    private var output: Int32 = -1

    /// Waits up to `milliseconds`.
    func wait(milliseconds: Int32) -> Wakeup {
        var wakeup = Wakeup()
        var events = unsafe InlineArray<8, epoll_event>(repeating: epoll_event())
        var span = unsafe events.mutableSpan
        let count = unsafe span.withUnsafeMutableBufferPointer {
            unsafe epoll_wait(epoll, $0.baseAddress!, Int32($0.count), milliseconds)
        }
        for index in 0..<max(0, Int(count)) {
            let event = unsafe span[index]
            let descriptor = unsafe event.data.fd
            if descriptor == signals {
                readSignals(into: &wakeup)
            } else if descriptor == output {
                wakeup.outputIsGone = true
            }
        }
        return wakeup
    }

    /// Waits until `descriptor` takes output, or a signal comes; true when it does.
    func waitUntilWritable(_ descriptor: Int32, milliseconds: Int32, ignoringSignals: Bool) -> Bool {
        var descriptors: InlineArray<2, pollfd> = [
            pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: ignoringSignals ? -1 : signals, events: Int16(POLLIN), revents: 0),
        ]
        var span = descriptors.mutableSpan
        _ = unsafe span.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress!, 2, milliseconds) }
        return span[0].revents != 0
    }

    private func readSignals(into wakeup: inout Wakeup) {
        var info = signalfd_siginfo()
        while unsafe read(signals, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
            wakeup.signals.append(Int32(info.ssi_signo))
        }
    }

    private func watch(_ descriptor: Int32, _ events: UInt32) {
        var event = unsafe epoll_event()
        unsafe event.events = events
        unsafe event.data.fd = descriptor
        unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
    }

    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        unsafe sigaction(signal, nil, &action)
        let handler = unsafe action.__sigaction_handler.sa_handler
        return unsafe unsafeBitCast(handler, to: Int.self) == 1  // SIG_IGN
    }
}
