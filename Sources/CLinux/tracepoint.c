// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// tracefs mounted nowhere: nobody else sees it, and it goes with its descriptor.
static int unattached_tracefs(void)
{
    int context = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC), mount = -1;

    if (context < 0)
        return -1;
    if (!syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
        mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
    int error = errno;
    close(context);
    errno = error;
    return mount;
}

int clinux_open_tracepoint(const char *category, const char *name)
{
    char path[256], text[16] = "";
    int mount = unattached_tracefs();

    if (mount < 0)
        return -1;
    snprintf(path, sizeof(path), "events/%s/%s/id", category, name);
    int file = openat(mount, path, O_RDONLY | O_CLOEXEC);
    int error = file < 0 || read(file, text, sizeof(text) - 1) <= 0 ? errno : 0;
    if (file >= 0)
        close(file);
    close(mount);
    if (error) {
        errno = error;
        return -1;
    }
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_TRACEPOINT,
        .size = sizeof(attributes),
        .config = strtoull(text, NULL, 10),
    };
    // As libbpf does: a program that is attached to the event of one CPU runs on all.
    return (int)syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}
