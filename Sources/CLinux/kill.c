// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#define SYS_pidfd_open 434
#endif

bool clinux_kill(pid_t pid, uint64_t ticks)
{
    char path[32], stat[1024];
    bool killed = false;
    // From now on the number can't become another process's.
    int process = (int)syscall(SYS_pidfd_open, pid, 0);

    if (process < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, stat, sizeof stat - 1);
    if (file >= 0)
        close(file);
    if (size > 0) {
        stat[size] = 0;
        // The name may hold spaces and parentheses; the last ")" ends it. The time is field 22.
        const char *at = strrchr(stat, ')');

        for (int field = 2; at && field < 22; field++)
            at = strchr(at + 1, ' ');
        if (at && strtoull(at, NULL, 10) == ticks)
            killed = syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0;
    }
    close(process);
    return killed;
}
