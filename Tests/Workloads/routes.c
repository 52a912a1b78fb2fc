// SPDX-License-Identifier: Apache-2.0
// Ways round a path: to one file by other mounts, roots, processes and names.
#include "internal.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static void check(bool holds, const char *what)
{
    if (!holds)
        die(what);
}

static void refused(long result, int error, const char *what)
{
    check(result < 0 && errno == error, what);
}

static int opened(const char *path, int flags)
{
    int file = open(path, flags, 0600);
    check(file >= 0, path);
    return file;
}

static void make(const char *directory)
{
    check(mkdir(directory, 0755) == 0, directory);
}

// In a mount namespace of its own, with a file system that only that has: waits to be killed.
static void live_elsewhere(int ready)
{
    check(unshare(CLONE_NEWNS) == 0, "another namespace");
    check(mount("elsewhere", "other", "tmpfs", 0, NULL) == 0 && write(ready, "", 1) == 1, "tmpfs there");
    pause();
}

// file-routes DIRECTORY: there, in a mount namespace of its own. Says "overlay" where there is one.
int run_file_routes(int argc, char *const argv[])
{
    char path[4096];
    int ends[2];
    check(argc == 1 && unshare(CLONE_NEWNS) == 0, "namespace");
    check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
    check(mount("routes", argv[0], "tmpfs", 0, NULL) == 0 && chdir(argv[0]) == 0, "tmpfs");
    make("real"), make("bound"), make("lower"), make("upper"), make("work"), make("merged"), make("other");
    say("begins");

    // A bind mount.
    check(mount("real", "bound", NULL, MS_BIND, NULL) == 0, "bind");
    close(opened("bound/f", O_WRONLY | O_CREAT));
    close(opened("real/f", O_RDONLY));
    refused(open("bound/missing", O_RDONLY), ENOENT, "missing there");
    check(rename("bound/f", "bound/g") == 0 && chmod("bound/g", 0640) == 0, "names there");
    refused(rename("bound/g", "real/g"), EXDEV, "from one mount to another");

    // Another way to the root, and to what another process has open.
    snprintf(path, sizeof path, "/proc/self/root%s/real/g", argv[0]);
    int held = opened(path, O_RDWR);
    snprintf(path, sizeof path, "/proc/self/root%s/real/missing", argv[0]);
    refused(open(path, O_RDONLY), ENOENT, "missing by another root");
    snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), held);
    pid_t child = fork();
    if (child == 0) {
        close(held);
        close(opened(path, O_RDONLY));
        snprintf(path, sizeof path, "/proc/%d/fd/999", getppid());
        refused(open(path, O_RDONLY), ENOENT, "a descriptor that is not open");
        _exit(0);
    }
    check(reap(child) == 0, "child");

    // A file system of another mount namespace.
    check(pipe(ends) == 0, "pipe");
    child = fork();
    if (child == 0)
        live_elsewhere(ends[1]);
    check(read(ends[0], path, 1) == 1, "it lives");
    snprintf(path, sizeof path, "/proc/%d/root%s/other/f", child, argv[0]);
    close(opened(path, O_WRONLY | O_CREAT));
    check(unlink(path) == 0, "unlink there");
    refused(unlink(path), ENOENT, "unlink there again");
    kill(child, SIGKILL);
    reap(child);

    // A file that gets its name later.
    int file = opened("real", O_TMPFILE | O_WRONLY);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    check(linkat(AT_FDCWD, path, AT_FDCWD, "real/linked", AT_SYMLINK_FOLLOW) == 0, "linkat");
    refused(linkat(AT_FDCWD, path, AT_FDCWD, "real/linked", AT_SYMLINK_FOLLOW), EEXIST, "linkat again");

    // An overlay: what is below is copied up once it is changed.
    close(opened("lower/old", O_WRONLY | O_CREAT));
    if (mount("merged", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") == 0) {
        say("overlay");
        close(opened("merged/old", O_RDONLY));
        check(chmod("merged/old", 0644) == 0, "copy up");
        check(setxattr("merged/old", "trusted.ebpfguard", "v", 1, 0) == 0, "attribute");
        close(opened("merged/old", O_WRONLY));
        close(opened("merged/new", O_WRONLY | O_CREAT));
        refused(open("merged/missing", O_RDONLY), ENOENT, "missing in an overlay");
        check(unlink("merged/old") == 0, "unlink in an overlay");
    }
    _exit(0);
}
