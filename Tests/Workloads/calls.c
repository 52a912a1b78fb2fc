// SPDX-License-Identifier: Apache-2.0
// Every kind of system call, each with a known result, by the instruction itself: no library adds or hides a call.
#include "internal.h"

#if defined(__x86_64__)

#include <arpa/inet.h>
#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

// The log: for each thread as many lines of LINE_SIZE bytes, "NAME RESULT\n". Writing it takes no call.
enum { WHO_COUNT = 6, LINE_COUNT = 256, LINE_SIZE = 48 };
static char *log_start;
static int *log_counts;

enum who { MAIN, FORKED, FIRST_THREAD, SECOND_THREAD, VFORKED, EXECUTED };

static void note(enum who who, const char *name, long result)
{
    if (log_start && log_counts[who] < LINE_COUNT)
        snprintf(log_start + (who * LINE_COUNT + log_counts[who]++) * LINE_SIZE, LINE_SIZE, "%s %ld\n", name, result);
}

static long raw(long number, const long a[6])
{
    register long r10 __asm__("r10") = a[3];
    register long r8 __asm__("r8") = a[4];
    register long r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

static long call(enum who who, const char *name, long number, const long arguments[6])
{
    long result = raw(number, arguments);
    note(who, name, result);
    return result;
}

#define CALL_OF(who, name, ...) call(who, #name, SYS_##name, (const long[6]){__VA_ARGS__})
#define CALL(name, ...) CALL_OF(MAIN, name, __VA_ARGS__)
#define P(pointer) ((long)(pointer))

static enum who signalled;

static void on_signal(int)
{
    CALL_OF(signalled, getpid);
    note(signalled, "rt_sigreturn", 0);
}

static int pipe_of_alarm[2];

static void on_alarm(int)
{
    CALL(write, pipe_of_alarm[1], P("x"), 1);
    note(MAIN, "rt_sigreturn", 0);
}

static void call_files(const char *directory)
{
    struct stat facts;
    struct statx more;
    char bytes[64] = {};
    struct iovec parts[] = {{bytes, 3}, {bytes, 4}};

    CALL(chdir, P(directory));
    CALL(open, P("missing"), O_RDONLY);
    CALL(open, P("."), O_WRONLY);
    CALL(umask, 022);
    CALL(umask, 022);
    long file = CALL(open, P("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    CALL(open, P("file"), O_RDWR | O_CREAT | O_EXCL, 0640);
    CALL(write, file, P("0123456789"), 10);
    CALL(write, file, 8, 10);
    CALL(pwrite64, file, P("ab"), 2, 20);
    CALL(writev, file, P(parts), 2);
    CALL(lseek, file, 0, SEEK_SET);
    CALL(lseek, file, -1, SEEK_SET);
    CALL(read, file, P(bytes), sizeof bytes);
    CALL(read, file, P(bytes), sizeof bytes);
    CALL(pread64, file, P(bytes), 5, 1);
    CALL(readv, file, P(parts), 2);
    CALL(ftruncate, file, 4096);
    CALL(fstat, file, P(&facts));
    CALL(stat, P("file"), P(&facts));
    CALL(lstat, P("missing"), P(&facts));
    CALL(newfstatat, AT_FDCWD, P("file"), P(&facts), 0);
    CALL(statx, AT_FDCWD, P("file"), 0, STATX_SIZE, P(&more));
    CALL(access, P("missing"), R_OK);
    CALL(faccessat2, AT_FDCWD, P("file"), R_OK, AT_EACCESS);
    CALL(fsync, file);
    CALL(fadvise64, file, 0, 0, 77);
    CALL(flock, file, 77);
    CALL(fchmod, file, 0600);
    CALL(chmod, P("file"), 0644);
    CALL(truncate, P("file"), 100);
    CALL(utimensat, AT_FDCWD, P("file"), 0, 0);
    CALL(fcntl, file, F_GETFD);
    CALL(fcntl, file, 7777);
    CALL(ioctl, file, TCGETS, P(bytes));
    long second = CALL(dup, file);
    CALL(dup2, file, second);
    CALL(dup3, file, file, 0);
    CALL(dup3, file, second, O_CLOEXEC);
    long third = CALL(openat, AT_FDCWD, P("copy"), O_RDWR | O_CREAT, 0600);
    CALL(lseek, file, 0, SEEK_SET);
    CALL(sendfile, third, file, 0, 10);
    CALL(copy_file_range, file, 0, third, 0, 10, 1);
    CALL(close, second);
    CALL(close, third);
    CALL(close, third);
    CALL(mkdir, P("inner"), 0755);
    CALL(mkdir, P("inner"), 0755);
    CALL(rename, P("missing"), P("other"));
    CALL(rename, P("copy"), P("inner/copy"));
    CALL(rmdir, P("inner"));
    CALL(link, P("file"), P("link"));
    CALL(symlink, P("file"), P("symlink"));
    CALL(readlink, P("symlink"), P(bytes), sizeof bytes);
    CALL(readlink, P("file"), P(bytes), sizeof bytes);
    CALL(unlink, P("missing"));
    CALL(unlink, P("link"));
    CALL(unlinkat, AT_FDCWD, P("inner/copy"), 0);
    char entries[1024];
    long inner = CALL(open, P("inner"), O_RDONLY | O_DIRECTORY);
    CALL(getdents64, inner, P(entries), sizeof entries);
    CALL(getdents64, inner, P(entries), sizeof entries);
    CALL(fchdir, inner);
    CALL(getcwd, P(entries), sizeof entries);
    CALL(getcwd, P(entries), 1);
    CALL(chdir, P("missing"));
    CALL(chdir, P(".."));
    CALL(close, inner);
    CALL(open, 16, O_RDONLY); // not text but an address where nothing is
    CALL(close, file);
}

static void call_memory(void)
{
    char *page = (char *)CALL(mmap, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CALL(mprotect, P(page), 4096, PROT_READ);
    CALL(mprotect, P(page) + 1, 4096, PROT_READ);
    CALL(madvise, P(page), 4096, MADV_DONTNEED);
    CALL(mremap, P(page) + 4096, 4096, 8192, MREMAP_MAYMOVE);
    CALL(munmap, P(page), 4096);
    CALL(munmap, P(page) + 1, 4096);
    CALL(mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 999, 0);
    CALL(mmap, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CALL(brk, 0);
}

static void call_descriptors(void)
{
    char bytes[16];
    int ends[2], others[2];
    struct epoll_event event = {.events = EPOLLIN};
    struct itimerspec when = {.it_value.tv_sec = 1000};

    CALL(pipe2, P(ends), O_CLOEXEC);
    CALL(pipe2, P(ends), 1);
    CALL(pipe2, P(others), O_NONBLOCK);
    CALL(write, ends[1], P("0123"), 4);
    CALL(splice, ends[0], 0, others[1], 0, 4, 0);
    CALL(read, others[0], P(bytes), sizeof bytes);
    CALL(read, others[0], P(bytes), sizeof bytes);
    long memory = CALL(memfd_create, P("memory"), 0);
    CALL(ftruncate, memory, 4096);
    CALL(eventfd2, 3, EFD_NONBLOCK);
    long timer = CALL(timerfd_create, CLOCK_MONOTONIC, 0);
    CALL(timerfd_settime, timer, 0, P(&when), 0);
    CALL(timerfd_create, 99, 0);
    long poller = CALL(epoll_create1, EPOLL_CLOEXEC);
    CALL(epoll_ctl, poller, EPOLL_CTL_ADD, timer, P(&event));
    CALL(epoll_ctl, poller, EPOLL_CTL_ADD, timer, P(&event));
    CALL(epoll_wait, poller, P(&event), 1, 0);
    struct pollfd file = {.fd = (int)timer, .events = POLLIN};
    CALL(poll, P(&file), 1, 0);
    long watcher = CALL(inotify_init1, IN_NONBLOCK);
    CALL(inotify_add_watch, watcher, P("."), IN_CREATE);
    CALL(inotify_add_watch, watcher, P("missing"), IN_CREATE);
    CALL(inotify_rm_watch, watcher, 99);
}

static void call_sockets(void)
{
    char bytes[16];
    int ends[2];
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    CALL(socketpair, AF_UNIX, SOCK_DGRAM, 0, P(ends));
    CALL(sendto, ends[0], P("12345"), 5, 0, 0, 0);
    CALL(recvfrom, ends[1], P(bytes), sizeof bytes, 0, 0, 0);
    CALL(recvfrom, ends[1], P(bytes), sizeof bytes, MSG_DONTWAIT, 0, 0);
    CALL(socket, 77, SOCK_STREAM, 0);
    long listener = CALL(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CALL(setsockopt, listener, SOL_SOCKET, SO_REUSEADDR, P(&one), sizeof one);
    CALL(bind, listener, P(&address), sizeof address);
    CALL(listen, listener, 1);
    CALL(getsockname, listener, P(&address), P(&size));
    long client = CALL(socket, AF_INET, SOCK_STREAM, 0);
    CALL(connect, client, P(&address), sizeof address);
    long server = CALL(accept4, listener, 0, 0, SOCK_CLOEXEC);
    CALL(getpeername, client, P(&address), P(&size));
    struct iovec part = {bytes, 7};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    CALL(sendmsg, client, P(&message), 0);
    CALL(recvmsg, server, P(&message), 0);
    CALL(getsockopt, server, SOL_SOCKET, SO_ERROR, P(&one), P(&(socklen_t){sizeof one}));
    CALL(shutdown, server, SHUT_RDWR);
    CALL(close, listener);
    long late = CALL(socket, AF_INET, SOCK_STREAM, 0);
    CALL(connect, late, P(&address), sizeof address);
    CALL(connect, 999, P(&address), sizeof address);
    CALL(accept4, client, 0, 0, 0);
}

static void install(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    note(MAIN, "rt_sigaction", sigaction(number, &action, NULL));
}

static void call_signals(long pid)
{
    uint64_t set = 0;
    CALL(kill, pid, 0);
    CALL(kill, 0x3fffffff, 0);
    CALL(kill, pid, 99);
    CALL(rt_sigaction, SIGKILL, P("00000000000000000000000000000000000000000"), 0, 8);
    CALL(rt_sigprocmask, SIG_BLOCK, 0, P(&set), 8);
    CALL(rt_sigprocmask, SIG_BLOCK, 0, P(&set), 7);
    install(SIGUSR1, on_signal, 0);
    // The handler runs before the call is back in this thread.
    note(MAIN, "kill", 0);
    raw(SYS_kill, (const long[6]){pid, SIGUSR1});
    CALL(tgkill, pid, pid, 0);
    CALL(rt_sigpending, P(&set), 8);
    CALL(sigaltstack, 0, 0);

    // A call that a signal interrupts, and that starts again behind the handler.
    CALL(pipe2, P(pipe_of_alarm), 0);
    install(SIGALRM, on_alarm, SA_RESTART);
    struct itimerval soon = {.it_value.tv_usec = 100000};
    char byte;
    CALL(setitimer, ITIMER_REAL, P(&soon), 0);
    note(MAIN, "read", -512); // ERESTARTSYS
    CALL(read, pipe_of_alarm[0], P(&byte), 1);
    // One that does not start again.
    install(SIGALRM, on_alarm, 0);
    CALL(setitimer, ITIMER_REAL, P(&soon), 0);
    note(MAIN, "nanosleep", -516); // ERESTART_RESTARTBLOCK, which the program gets as EINTR
    raw(SYS_nanosleep, (const long[6]){P(&(struct timespec){.tv_sec = 100})});
}

static void call_facts(void)
{
    char bytes[512];
    struct timespec now;
    struct rlimit limit;
    int word = 7;

    CALL(nanosleep, P(&(struct timespec){.tv_nsec = 1000}), 0);
    CALL(nanosleep, P(&(struct timespec){.tv_nsec = -1}), 0);
    CALL(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, P(&(struct timespec){.tv_sec = 0}), 0);
    CALL(clock_gettime, CLOCK_REALTIME, P(&now));
    CALL(clock_gettime, 9999, P(&now));
    CALL(gettimeofday, P(bytes), 0);
    CALL(getrandom, P(bytes), 32, 0);
    CALL(getrandom, P(bytes), 32, 0xff00);
    CALL(prctl, PR_GET_DUMPABLE);
    CALL(prctl, 9999);
    CALL(arch_prctl, ARCH_GET_FS, P(bytes));
    CALL(arch_prctl, 9999, P(bytes));
    CALL(getrlimit, RLIMIT_NOFILE, P(&limit));
    CALL(setrlimit, RLIMIT_NOFILE, P(&limit));
    CALL(prlimit64, 0, 99, 0, 0);
    CALL(getpriority, PRIO_PROCESS, 0);
    CALL(sched_yield);
    CALL(futex, P(&word), FUTEX_WAIT_PRIVATE, 8, 0);
    CALL(futex, P(&word), FUTEX_WAKE_PRIVATE, 1);
    CALL(futex, P(&word), FUTEX_WAIT_PRIVATE, 7, P(&(struct timespec){.tv_nsec = 1000}));
    CALL(uname, P(bytes));
    CALL(uname, 0);
    CALL(sysinfo, P(bytes));
    CALL(getpid);
    CALL(getppid);
    CALL(getuid);
    CALL(geteuid);
    CALL(getgid);
    CALL(getegid);
    CALL(getpgrp);
    CALL(getpgid, 0x3fffffff);
    CALL(getrusage, RUSAGE_SELF, P(bytes));
    CALL(capget, 0, 0);
    call(MAIN, "syscall_999", 999, (const long[6]){1, 2, 3, 4, 5, 6});
}

struct thread {
    char stack[32768];
    enum who who;
    int gone; // its tid until it is
    int pipe;
};

[[noreturn, gnu::used]] static void run_thread(struct thread *thread)
{
    enum who who = thread->who;
    CALL_OF(who, gettid);
    CALL_OF(who, open, P("thread"), O_RDONLY);
    CALL_OF(who, nanosleep, P(&(struct timespec){.tv_nsec = 1000000}), 0);
    CALL_OF(who, write, thread->pipe, P("x"), 1);
    note(who, "exit", 0);
    for (;;)
        raw(SYS_exit, (const long[6]){});
}

static void start_thread(struct thread *thread)
{
    thread->gone = 1;
    struct clone_args arguments = {
        .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                 CLONE_CHILD_CLEARTID,
        .child_tid = (uint64_t)&thread->gone,
        .stack = (uint64_t)thread->stack,
        .stack_size = sizeof thread->stack,
    };
    register struct thread *self __asm__("r12") = thread;
    long result;
    __asm__ volatile("syscall\n\t"
                 "test %%rax, %%rax\n\t"
                 "jnz 1f\n\t"
                 "xor %%ebp, %%ebp\n\t"
                 "mov %%r12, %%rdi\n\t"
                 "call run_thread\n"
                 "1:"
                 : "=a"(result)
                 : "a"(SYS_clone3), "D"(&arguments), "S"(sizeof arguments), "r"(self)
                 : "rcx", "r11", "memory");
    note(MAIN, "clone3", result);
}

static void call_threads(void)
{
    static struct thread threads[2];
    int ends[2];
    char byte;
    CALL(pipe2, P(ends), 0);
    for (int i = 0; i < 2; i++) {
        threads[i].who = FIRST_THREAD + i;
        threads[i].pipe = ends[1];
        start_thread(&threads[i]);
        CALL(read, ends[0], P(&byte), 1);
        // Without a call, or it would depend on who is faster how many there are.
        while (__atomic_load_n(&threads[i].gone, __ATOMIC_ACQUIRE) != 0)
            __asm__ volatile("pause");
    }
}

static void call_processes(char *program)
{
    int status;
    CALL(wait4, -1, P(&status), 0, 0);
    long pid = raw(SYS_fork, (const long[6]){});
    if (pid == 0) {
        signalled = FORKED;
        CALL_OF(FORKED, gettid);
        CALL_OF(FORKED, access, P("child"), F_OK);
        note(FORKED, "exit", 0);
        raw(SYS_exit, (const long[6]){3});
    }
    note(MAIN, "fork", pid);
    CALL(wait4, pid, P(&status), 0, 0);
    char *const words[] = {program, "argument", NULL};
    CALL(execve, P("missing"), P(words), P(environ));
    pid = vfork();
    if (pid == 0) {
        CALL_OF(VFORKED, gettid);
        CALL_OF(VFORKED, execve, P("missing"), P(words), P(environ));
        note(VFORKED, "execve", 0);
        raw(SYS_execve, (const long[6]){P(program), P(words), P(environ)});
        _exit(1);
    }
    note(MAIN, "vfork", pid);
    CALL(wait4, pid, P(&status), 0, 0);
    CALL(waitid, P_ALL, 0, 0, WEXITED, 0);
}

// calls LOG DIRECTORY PROGRAM: makes some 200 calls, most of them in DIRECTORY, executes PROGRAM, and leaves in LOG what
// they were from the first on that is "close -9".
int run_calls(int argc, char *const argv[])
{
    if (argc < 3)
        return 64;
    int file = open(argv[0], O_RDWR | O_CREAT | O_TRUNC, 0644);
    size_t size = (size_t)WHO_COUNT * LINE_COUNT * LINE_SIZE;
    if (file < 0 || ftruncate(file, (off_t)(size + sizeof(int[WHO_COUNT]))) != 0)
        die(argv[0]);
    char *start = mmap(NULL, size + sizeof(int[WHO_COUNT]), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (start == MAP_FAILED)
        die("mmap");
    close(file);
    log_counts = (int *)(start + size);
    log_start = start;
    CALL(close, -9);
    long pid = CALL(gettid);
    call_files(argv[1]);
    call_memory();
    call_descriptors();
    call_sockets();
    call_signals(pid);
    call_facts();
    call_threads();
    call_processes(argv[2]);
    note(MAIN, "exit_group", 0);
    _exit(0);
}

#else

int run_calls(int, char *const[])
{
    _exit(77);
}

#endif
