// SPDX-License-Identifier: Apache-2.0
// Programs that are not, or not any more, plain files.
#include "internal.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

// The bytes of PROGRAM in a memfd.
static int copy_to_memory(const char *program, const char *name)
{
    int from = open(program, O_RDONLY | O_CLOEXEC);
    int to = memfd_create(name, MFD_CLOEXEC);
    if (from < 0 || to < 0)
        die("memfd_create");
    char bytes[4096];
    ssize_t length;
    while ((length = read(from, bytes, sizeof bytes)) > 0)
        if (write(to, bytes, (size_t)length) != length)
            die("write");
    return to;
}

// deleted PROGRAM: removes it and runs what is left through its descriptor.
int run_deleted(int argc, char *const argv[])
{
    if (argc < 1)
        return 64;
    int file = open(argv[0], O_RDONLY | O_CLOEXEC);
    if (file < 0 || unlink(argv[0]) != 0)
        die(argv[0]);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    execve(path, (char *[]){"deleted", "argument", NULL}, environ);
    die(path);
}

// descriptor PROGRAM: runs a file that is still there through its descriptor.
int run_descriptor(int argc, char *const argv[])
{
    int file = argc < 1 ? -1 : open(argv[0], O_RDONLY | O_CLOEXEC);
    if (file < 0)
        die("open");
    syscall(SYS_execveat, file, "", (char *[]){"descriptor", NULL}, environ, AT_EMPTY_PATH);
    die("execveat");
}

// memfd PROGRAM execveat|fexecve|proc: runs a copy that has no file.
int run_memfd(int argc, char *const argv[])
{
    if (argc < 2)
        return 64;
    char *const words[] = {"memory", "argument", NULL};
    int file = copy_to_memory(argv[0], "ghost");
    if (strcmp(argv[1], "execveat") == 0) {
        syscall(SYS_execveat, file, "", words, environ, AT_EMPTY_PATH);
    } else if (strcmp(argv[1], "fexecve") == 0) {
        fexecve(file, words, environ);
    } else {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        execve(path, words, environ);
    }
    die("exec");
}

static void make_program(const char *path)
{
    errno = live_write_program(path, 0, 0755);
    if (errno)
        die(path);
}

static void make_directory(const char *path)
{
    if (mkdir(path, 0755) != 0)
        die(path);
}

// overlay DIRECTORY: mounts an overlay, in a mount namespace of its own, and runs from it a program of the image, one
// that was written later, one of the image that was changed, and one outside of the overlay. Exits with 77 when this
// kernel has no overlays.
int run_overlay(int argc, char *const argv[])
{
    // On a tmpfs of its own: not every file system can be an upper layer, an initramfs for one can't.
    if (argc < 1 || chdir(argv[0]) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("live", ".", "tmpfs", 0, NULL) != 0 ||
        chdir(argv[0]) != 0)
        die("mount namespace");
    make_directory("lower");
    make_directory("upper");
    make_directory("work");
    make_directory("merged");
    make_program("lower/image");
    make_program("lower/changed");
    make_program("outside");
    if (mount("live", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") != 0) {
        if (errno == ENODEV)
            _exit(77);
        die("mount overlay");
    }
    make_program("merged/added");
    // Opened to append: copied up, the same bytes.
    int file = open("merged/changed", O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0 || write(file, "", 1) != 1 || close(file) != 0)
        die("merged/changed");
    reap(spawn("merged/image", (char *[]){"image", NULL}));
    reap(spawn("merged/added", (char *[]){"added", NULL}));
    reap(spawn("merged/changed", (char *[]){"changed", NULL}));
    reap(spawn("outside", (char *[]){"outside", NULL}));
    _exit(0);
}
