// SPDX-License-Identifier: Apache-2.0
// Who sends whom which signal.
#include "internal.h"

#include <sys/mman.h>
#include <sys/prctl.h>

static void on_signal(int)
{
}

static pid_t start(void (*body)(void))
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        body();
        _exit(0);
    }
    return pid;
}

static int ready[2];

static void receive(void)
{
    sigset_t blocked;
    prctl(PR_SET_NAME, "receiver");
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGHUP);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    if (write(ready[1], "x", 1) != 1)
        die("write");
    for (;;)
        pause();
}

static void fault(void)
{
    *(volatile int *)8 = 1;
}

static void abort_itself(void)
{
    raise(SIGABRT);
}

// kills: says "pids SENDER RECEIVER FAULTING ABORTING".
int run_kills(int, char *const[])
{
    char byte;
    if (pipe(ready) != 0)
        die("pipe");
    prctl(PR_SET_NAME, "sender");
    pid_t receiver = start(receive);
    if (read(ready[0], &byte, 1) != 1)
        die("read");
    kill(receiver, SIGUSR2); // ignored
    kill(receiver, SIGHUP);  // blocked: pending
    kill(receiver, SIGHUP);  // pending already
    kill(receiver, SIGUSR1); // caught
    kill(receiver, 0);       // no signal at all
    sigqueue(receiver, SIGRTMIN + 3, (union sigval){.sival_int = 1});
    reap(receiver); // the last one ends it
    pid_t faulting = start(fault);
    reap(faulting);
    pid_t aborting = start(abort_itself);
    reap(aborting);
    say("pids %d %d %d %d", getpid(), receiver, faulting, aborting);
    _exit(0);
}

// signal SIGNAL PID
int run_signal(int argc, char *const argv[])
{
    if (argc < 2 || kill((pid_t)atol(argv[1]), atoi(argv[0])) != 0)
        die("kill");
    _exit(0);
}

// consume MEGABYTES: needs that much memory; exits with 0 when it gets it.
int run_consume(int argc, char *const argv[])
{
    if (argc < 1)
        return 64;
    size_t size = (size_t)atol(argv[0]) << 20;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        die("mmap");
    for (size_t i = 0; i < size; i += 4096)
        ((volatile char *)bytes)[i] = 1;
    _exit(0);
}
