// SPDX-License-Identifier: Apache-2.0
//
// Before Swift's runtime starts: it asks /proc for the path of the executable and aborts without an answer.
#define _GNU_SOURCE
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "CLinux.h"

static bool has_proc(void)
{
    char target[2];

    return readlink("/proc/self/exe", target, sizeof(target)) > 0;
}

// As the first process of an initramfs that holds nothing else, we mount what we need; that is the first process's task.
static void mount_basics(void)
{
    mkdir("/proc", 0555);
    mkdir("/sys", 0555);
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

__attribute__((constructor)) static void prepare(void)
{
    static const char message[] = "ebpfguard: /proc is not mounted\n  mount -t proc proc /proc\n";

    if (has_proc())
        return;
    if (getpid() == 1)
        mount_basics();
    if (has_proc())
        return;
    if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
        _exit(1);
    _exit(5);
}
