// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t lab_clock(int clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

void lab_sleep_until(uint64_t monotonic)
{
    struct timespec time = {(time_t)(monotonic / SECOND), (long)(monotonic % SECOND)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        ;
}

void lab_become(const char *name)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, name);
    // Sleeps end when they are to end, not 50 us later.
    prctl(PR_SET_TIMERSLACK, 1);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int lab_join(const struct lab *lab, unsigned index, enum lab_part part)
{
    char name[256], path[sizeof(lab->cgroup) + sizeof(name) + 16];

    lab_cgroup_name(lab, index, part, name, sizeof(name));
    snprintf(path, sizeof(path), "%s/%s/cgroup.procs", lab->cgroup, name);
    int file = open(path, O_WRONLY | O_CLOEXEC), result = file < 0 ? -1 : (int)write(file, "0", 1), error = errno;

    if (file >= 0)
        close(file);
    errno = error;
    return result == 1 ? 0 : -1;
}

int lab_write_file(const char *path, const char *text, unsigned length, int mode)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (file < 0)
        return -1;
    ssize_t written = write(file, text, length);
    int error = errno;
    close(file);
    errno = error;
    return written == (ssize_t)length ? 0 : -1;
}

int lab_read_file(const char *path, char *buffer, unsigned size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    unsigned length = 0;
    ssize_t count;

    buffer[0] = 0;
    if (file < 0)
        return -1;
    while (length < size - 1 && (count = read(file, buffer + length, size - 1 - length)) > 0)
        length += (unsigned)count;
    buffer[length] = 0;
    close(file);
    return (int)length;
}

void lab_set(char *field, unsigned size, const char *value)
{
    snprintf(field, size, "%s", value);
}

int lab_version(const char *program, char *buffer, unsigned size)
{
    int ends[2], status, length = 0;

    if (pipe2(ends, O_CLOEXEC))
        return -1;
    pid_t child = fork();
    if (child == 0) {
        lab_become("ebpfguard");
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, 0);
        dup2(ends[1], 1);
        dup2(ends[1], 2); // nginx says it there
        execl(program, program, "-v", (char *)NULL);
        _exit(127);
    }
    int error = errno;
    close(ends[1]);
    struct pollfd output = {.fd = ends[0], .events = POLLIN};
    while (child > 0 && length < (int)size - 1 && poll(&output, 1, 5000) > 0) {
        ssize_t count = read(ends[0], buffer + length, size - 1 - (unsigned)length);
        if (count <= 0)
            break;
        length += (int)count;
    }
    close(ends[0]);
    errno = error;
    if (child < 0)
        return -1;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    buffer[length] = 0;
    buffer[strcspn(buffer, "\n")] = 0;
    return (int)strlen(buffer);
}
