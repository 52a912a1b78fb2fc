// SPDX-License-Identifier: Apache-2.0
// Processes that fork, end and start programs in exactly known numbers.
#include "internal.h"

#include <sys/prctl.h>
#include <time.h>

static void pause_for(long milliseconds)
{
    struct timespec rest = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        ;
}

static pid_t fork_or_die(void)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    return pid;
}

// exit CODE...
int run_exit(int argc, char *const argv[])
{
    _exit(argc > 0 ? atoi(argv[0]) : 0);
}

// program PATH CODE: makes PATH a program that only exits with CODE.
int run_program(int argc, char *const argv[])
{
    errno = argc < 2 ? EINVAL : live_write_program(argv[0], atoi(argv[1]), 0755);
    if (errno)
        die("program");
    _exit(0);
}

// sleep MILLISECONDS...: says when it runs.
int run_sleep(int argc, char *const argv[])
{
    say("asleep %d", getpid());
    pause_for(argc > 0 ? atol(argv[0]) : 1000);
    _exit(0);
}

// each PROGRAM...: a fork, an exec and an exit for each, one after the other.
int run_each(int argc, char *const argv[])
{
    for (int i = 0; i < argc; i++)
        reap(spawn(argv[i], (char *[]){argv[i], NULL}));
    _exit(0);
}

// refused COUNT: that many execs of a program that is not there.
int run_refused(int argc, char *const argv[])
{
    long count = argc > 0 ? atol(argv[0]) : 0;
    char number[24];
    char *words[] = {"refused", number, 0};

    for (long i = 0; i < count; i++) {
        snprintf(number, sizeof number, "%ld", i);
        if (!execve("/absent/program", words, environ) || errno != ENOENT)
            die("execve");
    }
    return 0;
}

// storm COUNT: that many children that do nothing, at most four at a time; then says "over".
int run_storm(int argc, char *const argv[])
{
    long count = argc > 0 ? atol(argv[0]) : 1000, living = 0;
    for (long started = 0; started < count; started++) {
        if (living == 4) {
            if (wait(NULL) < 0)
                die("wait");
            living--;
        }
        if (fork_or_die() == 0)
            _exit(0);
        living++;
    }
    while (wait(NULL) > 0)
        ;
    say("over");
    _exit(0);
}

// codes CODE...: a child for each, said as "CODE PID".
int run_codes(int argc, char *const argv[])
{
    for (int i = 0; i < argc; i++) {
        pid_t pid = fork_or_die();
        if (pid == 0)
            _exit(atoi(argv[i]));
        say("%s %d", argv[i], pid);
        reap(pid);
    }
    _exit(0);
}

// signals SIGNAL...: a child killed by each, said as "SIGNAL PID".
int run_signals(int argc, char *const argv[])
{
    for (int i = 0; i < argc; i++) {
        int number = atoi(argv[i]);
        pid_t pid = fork_or_die();
        if (pid == 0) {
            // The host's crash reporter is not to be told.
            prctl(PR_SET_DUMPABLE, 0);
            raise(number);
            _exit(98);
        }
        say("%d %d", number, pid);
        int status = reap(pid);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != number)
            die("the child was not killed");
    }
    _exit(0);
}

// lifetime MILLISECONDS: one child that lives that long, said as its pid.
int run_lifetime(int argc, char *const argv[])
{
    pid_t pid = fork_or_die();
    if (pid == 0) {
        pause_for(argc > 0 ? atol(argv[0]) : 300);
        _exit(0);
    }
    say("%d", pid);
    reap(pid);
    _exit(0);
}

// family PROGRAM: three generations, said as "family PID PID PID". Each of them starts `PROGRAM NAME` on SIGUSR1, where
// NAME is eldest, middle or youngest, says "done NAME", and ends on SIGUSR2.
int run_family(int argc, char *const argv[])
{
    static char *const names[] = {"eldest", "middle", "youngest"};
    if (argc < 1)
        return 64;
    sigset_t commands;
    sigemptyset(&commands);
    sigaddset(&commands, SIGUSR1);
    sigaddset(&commands, SIGUSR2);
    sigprocmask(SIG_BLOCK, &commands, NULL);

    pid_t pids[3] = {getpid()};
    int generation = 0;
    while (generation < 2 && fork_or_die() == 0)
        pids[++generation] = getpid();
    if (generation == 2)
        say("family %d %d %d", pids[0], pids[1], pids[2]);
    for (;;) {
        int number;
        if (sigwait(&commands, &number) != 0)
            die("sigwait");
        if (number == SIGUSR2)
            _exit(0);
        reap(spawn(argv[0], (char *[]){argv[0], names[generation], NULL}));
        say("done %s", names[generation]);
    }
}

// wait-for-input: reads one byte, which does not come, until its input ends.
int run_wait_for_input(int, char *const[])
{
    char byte;
    _exit(read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1);
}

// many-calls COUNT: ten children that call getppid, COUNT times in all; then says "over".
int run_many_calls(int argc, char *const argv[])
{
    long count = argc > 0 ? atol(argv[0]) / 10 : 100;
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork_or_die();
        if (pid == 0) {
            for (long call = 0; call < count; call++)
                syscall(SYS_getppid);
            _exit(0);
        }
        reap(pid);
    }
    say("over");
    _exit(0);
}

// counted-calls N M [wait]: N times getppid, then M times openat of what is not there; first, with "wait", all of its
// input.
int run_counted_calls(int argc, char *const argv[])
{
    long calls = argc > 0 ? atol(argv[0]) : 100, errors = argc > 1 ? atol(argv[1]) : 10;
    char byte;
    while (argc > 2 && read(STDIN_FILENO, &byte, 1) > 0)
        ;
    for (long call = 0; call < calls; call++)
        syscall(SYS_getppid);
    for (long call = 0; call < errors; call++)
        if (syscall(SYS_openat, AT_FDCWD, "/no/such/file", O_RDONLY) >= 0)
            die("openat");
    _exit(0);
}
