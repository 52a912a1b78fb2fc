// SPDX-License-Identifier: Apache-2.0
// Processes whose threads matter: who calls exec, who ends first, who ends at once.
#include "internal.h"

#include <pthread.h>
#include <time.h>

static void start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    int problem = pthread_create(&thread, NULL, body, argument);
    if (problem) {
        errno = problem;
        die("pthread_create");
    }
}

static void *call_exec(void *program)
{
    say("%d %d", getpid(), gettid());
    execve(program, (char *[]){program, "from-thread", NULL}, environ);
    die(program);
}

// thread-exec PROGRAM: a thread that is not the leader calls exec; said as "PID TID".
int run_thread_exec(int argc, char *const argv[])
{
    if (argc < 1)
        return 64;
    start(call_exec, argv[0]);
    for (;;)
        pause();
}

// vfork-exec PROGRAM
int run_vfork_exec(int argc, char *const argv[])
{
    if (argc < 1)
        return 64;
    char *const words[] = {argv[0], "from-vfork", NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execve(argv[0], words, environ);
        _exit(99);
    }
    if (reap(pid) != 0)
        die("the vfork child failed");
    _exit(0);
}

static void *outlive(void *)
{
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL);
    _exit(3);
}

// leader-first: the leader ends at once, the other thread ends the process with 3 after 200 ms.
int run_leader_first(int, char *const[])
{
    start(outlive, NULL);
    // Of this thread alone. pthread_exit would unwind its stack, for which a static program has to find libgcc_s.
    syscall(SYS_exit, 0);
    die("exit");
}

static pthread_barrier_t together;

static void *end_group(void *)
{
    pthread_barrier_wait(&together);
    syscall(SYS_exit_group, 42);
    return NULL;
}

// group-exit COUNT: that many processes of eight threads that all call exit_group(42) at once.
int run_group_exit(int argc, char *const argv[])
{
    for (long i = argc > 0 ? atol(argv[0]) : 1; i > 0; i--) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            pthread_barrier_init(&together, NULL, 8);
            for (int thread = 1; thread < 8; thread++)
                start(end_group, NULL);
            end_group(NULL);
        }
        int status = reap(pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
            die("a group did not exit with 42");
    }
    _exit(0);
}

static void *read_for_ever(void *file)
{
    char byte;
    return read(*(int *)file, &byte, 1) == 1 ? file : NULL;
}

// killed-in-call: a process that is killed while it reads, and then a thread that reads when its process ends.
int run_killed_in_call(int, char *const[])
{
    int ends[2];
    if (pipe(ends) != 0)
        die("pipe");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        read_for_ever(&ends[0]);
        _exit(1);
    }
    start(read_for_ever, &ends[0]);
    // Long enough for both to be asleep.
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL);
    kill(pid, SIGKILL);
    reap(pid);
    _exit(0);
}
