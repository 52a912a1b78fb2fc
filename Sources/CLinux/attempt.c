// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

// Of all architectures since they are there; not in all headers.
#define NR_PIDFD_OPEN 434
#define NR_PIDFD_GETFD 438
#define NR_FSOPEN 430
#define NR_FSCONFIG 431
#define NR_FSMOUNT 432
#define CREATE 6  // FSCONFIG_CMD_CREATE
#define CLOEXEC 1 // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC

int clinux_private_directory(void)
{
    int context = (int)syscall(NR_FSOPEN, "tmpfs", CLOEXEC), directory = -1, file, error;

    if (context < 0)
        return -1;
    if (!syscall(NR_FSCONFIG, context, CREATE, NULL, NULL, 0))
        directory = (int)syscall(NR_FSMOUNT, context, CLOEXEC, 0);
    error = errno;
    close(context);
    if (directory < 0) {
        errno = error;
        return -1;
    }
    file = openat(directory, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || mkdirat(directory, "d", 0700)) {
        error = errno;
        close(directory);
        directory = -1;
    }
    if (file >= 0)
        close(file);
    errno = error;
    return directory;
}

static int open_again(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file >= 0)
        close(file);
    return file;
}

// From itself, as from any process.
static int take(int file)
{
    int process = (int)syscall(NR_PIDFD_OPEN, getpid(), 0);
    int taken = process < 0 ? -1 : (int)syscall(NR_PIDFD_GETFD, process, file, 0), error = errno;

    if (process >= 0)
        close(process);
    if (taken >= 0)
        close(taken);
    errno = error;
    return taken;
}

static int map(int file, int protection)
{
    void *start = mmap(NULL, 4096, protection, MAP_PRIVATE, file, 0);
    int result, error;

    if (start == MAP_FAILED)
        return -1;
    result = protection & PROT_EXEC ? 0 : mprotect(start, 4096, PROT_READ | PROT_EXEC);
    error = errno;
    munmap(start, 4096);
    errno = error;
    return result;
}

int clinux_attempt(const char *what, int file, int directory)
{
    // Version 2: owner, group and others, each with its permissions.
    static const uint32_t acl[7] = {2, 6 << 16 | 1, ~0u, 4 << 16 | 4, ~0u, 4 << 16 | 32, ~0u};
    static const char acl_name[] = "system.posix_acl_access", attribute[] = "trusted.ebpfguard";
    char path[32];
    int result = -1;

    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    errno = ENOSYS;
#define IS(name) (strcmp(what, name) == 0)
    if (IS("mmap_file"))
        result = map(file, PROT_READ | PROT_EXEC);
    else if (IS("file_mprotect"))
        result = map(file, PROT_READ);
    else if (IS("file_open"))
        result = open_again(path);
    else if (IS("file_receive"))
        result = take(file);
    else if (IS("path_link"))
        result = linkat(directory, "f", directory, "x", 0);
    else if (IS("path_rename"))
        result = renameat(directory, "f", directory, "x");
    else if (IS("path_unlink"))
        result = unlinkat(directory, "f", 0);
    else if (IS("path_rmdir"))
        result = unlinkat(directory, "d", AT_REMOVEDIR);
    else if (IS("path_mkdir"))
        result = mkdirat(directory, "x", 0700);
    else if (IS("path_mknod"))
        result = mknodat(directory, "x", S_IFREG | 0600, 0);
    else if (IS("path_symlink"))
        result = symlinkat("f", directory, "x");
    else if (IS("path_truncate"))
        result = truncate(path, 4096);
    else if (IS("file_truncate"))
        result = ftruncate(file, 4096);
    else if (IS("path_chmod"))
        result = fchmod(file, 0700);
    else if (IS("path_chown"))
        result = fchown(file, 0, 0);
    else if (IS("inode_setattr"))
        result = futimens(file, NULL);
    else if (IS("inode_setxattr"))
        result = fsetxattr(file, attribute, "x", 1, 0);
    else if (IS("inode_removexattr"))
        result = fremovexattr(file, attribute);
    else if (IS("inode_set_acl"))
        result = fsetxattr(file, acl_name, acl, sizeof acl, 0);
    else if (IS("inode_remove_acl"))
        result = fremovexattr(file, acl_name);
    return result < 0 ? errno : 0;
}
