// SPDX-License-Identifier: Apache-2.0
// Files that are opened and created, by every call that does so, and what fails.
#include "internal.h"

#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void check(bool holds, const char *what)
{
    if (!holds)
        die(what);
}

static int opened(int file, const char *what)
{
    check(file >= 0, what);
    return file;
}

static void refused(int file, int error, const char *what)
{
    check(file < 0 && errno == error, what);
}

static int open_how(int directory, const char *path, __u64 flags, __u64 mode)
{
    struct open_how how = {.flags = flags, .mode = mode};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

// opens DIRECTORY: there, in a fixed order. Says "pid PID", "file INODE MAJOR MINOR" of "a", and "handle" and "tmpfile" where
// this file system has them.
int run_opens(int argc, char *const argv[])
{
    check(argc == 1 && chdir(argv[0]) == 0, "directory");
    char path[4096];
    struct stat status;
    umask(022);
    check(mkdir("sub", 0755) == 0 && symlink("../a", "sub/link") == 0 && mkfifo("fifo", 0600) == 0, "names");

    opened(open("a", O_WRONLY | O_CREAT | O_TRUNC, 0640), "create");
    check(stat("a", &status) == 0, "stat");
    say("pid %d", getpid());
    say("file %lu %u %u", (unsigned long)status.st_ino, major(status.st_dev), minor(status.st_dev));
    snprintf(path, sizeof path, "%s/a", argv[0]);
    opened(open(path, O_RDONLY), "absolute");
    int directory = opened(open("sub", O_PATH | O_DIRECTORY | O_CLOEXEC), "directory");
    opened(openat(directory, "../a", O_RDWR | O_APPEND | O_CLOEXEC), "openat");
    opened(open_how(directory, "link", O_RDONLY | O_NONBLOCK, 0), "openat2 through a link");
    opened(open_how(AT_FDCWD, "c", O_RDWR | O_CREAT | O_EXCL, 0600), "openat2");
    opened(creat("b", 0600), "creat");
    opened(open("fifo", O_RDWR), "fifo");
    opened(open("/dev/null", O_WRONLY), "device");
    opened(open("ev\033[31mil\n", O_WRONLY | O_CREAT, 0600), "hostile");

    refused(open("missing", O_RDONLY), ENOENT, "missing");
    refused(openat(directory, "missing", O_WRONLY), ENOENT, "missing there");
    refused(open("a/below", O_RDONLY), ENOTDIR, "below");
    refused(open("./a", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST, "there already");
    snprintf(path, sizeof path, "%s/sub", argv[0]);
    refused(open(path, O_WRONLY), EISDIR, "directory");
    refused(openat(999, "nowhere", O_RDONLY), EBADF, "descriptor");
    refused(open("", O_RDONLY), ENOENT, "empty");
    refused(open((char *)8, O_RDONLY), EFAULT, "pointer");

    // By what it is, whatever name led there.
    int unlinked = opened(open("unlinked", O_RDWR | O_CREAT, 0600), "unlinked");
    check(unlink("unlinked") == 0, "unlink");
    snprintf(path, sizeof path, "/proc/self/fd/%d", unlinked);
    opened(open(path, O_RDONLY), "deleted");
    check(mkdir("gone", 0700) == 0 && chdir("gone") == 0 && rmdir("../gone") == 0, "gone");
    refused(open("below", O_WRONLY | O_CREAT, 0600), ENOENT, "in a directory that is gone");
    check(chdir(argv[0]) == 0, "back");
    _exit(0);
}

// open-more DIRECTORY: what not every file system has. Says "handle" or "tmpfile" for what worked.
int run_open_more(int argc, char *const argv[])
{
    check(argc == 1 && chdir(argv[0]) == 0, "directory");
    opened(creat("held", 0600), "creat");
    int file = open(".", O_TMPFILE | O_WRONLY, 0600);
    if (file >= 0)
        say("tmpfile");
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } handle = {.handle.handle_bytes = MAX_HANDLE_SZ};
    int mount;
    if (name_to_handle_at(AT_FDCWD, "held", &handle.handle, &mount, 0) == 0) {
        int directory = opened(open(".", O_RDONLY | O_DIRECTORY), "mount");
        opened(open_by_handle_at(directory, &handle.handle, O_RDWR), "handle");
        say("handle");
        refused(open_by_handle_at(-1, &handle.handle, O_RDONLY), EBADF, "no mount");
    }
    _exit(0);
}

// open-deep DIRECTORY COUNT: opens a file that is COUNT directories of 200 bytes below DIRECTORY, by its name alone.
int run_open_deep(int argc, char *const argv[])
{
    char name[201];
    check(argc == 2 && chdir(argv[0]) == 0, "directory");
    memset(name, 'd', 200);
    name[200] = 0;
    for (int i = 0; i < atoi(argv[1]); i++)
        check(mkdir(name, 0755) == 0 && chdir(name) == 0, "mkdir");
    opened(creat("file", 0600), "creat");
    _exit(0);
}

// open-chroot DIRECTORY: with DIRECTORY as its root, opens a file by a name that starts there, and one that is not there.
int run_open_chroot(int argc, char *const argv[])
{
    check(argc == 1 && chroot(argv[0]) == 0 && chdir("/") == 0, "chroot");
    opened(creat("/inside", 0600), "creat");
    refused(open("/missing", O_RDONLY), ENOENT, "missing");
    _exit(0);
}

// open-many PATH COUNT: opens PATH so many times, and as often one that is not there.
int run_open_many(int argc, char *const argv[])
{
    char path[4096];
    check(argc == 2, "arguments");
    snprintf(path, sizeof path, "%s.missing", argv[0]);
    for (int i = 0; i < atoi(argv[1]); i++) {
        close(opened(open(argv[0], O_RDONLY), "open"));
        refused(open(path, O_RDONLY), ENOENT, "missing");
    }
    _exit(0);
}

// open-mix WANTED OTHER COUNT EVERY: opens COUNT times OTHER, as fast as it goes, but each EVERYth time WANTED. Says
// "took MICROSECONDS".
int run_open_mix(int argc, char *const argv[])
{
    check(argc == 4, "arguments");
    int count = atoi(argv[2]), every = atoi(argv[3]);
    int64_t start = live_uptime();
    for (int i = 1; i <= count; i++)
        close(opened(open(argv[i % every ? 1 : 0], O_RDONLY), "open"));
    say("took %ld", (long)((live_uptime() - start) / 1000));
    _exit(0);
}

#if defined(__x86_64__)

static long call_i386(int number, long first, long second, long third)
{
    long result;
    __asm__ volatile("int $0x80"
                 : "=a"(result)
                 : "a"((long)number), "b"(first), "c"(second), "d"(third)
                 : "r8", "r9", "r10", "r11", "memory");
    return (int)result;
}

// Where the kernel was told to have no 32-bit calls, the instruction is an error.
static void refuse(int)
{
    _exit(77);
}

// open-32 DIRECTORY: by calls of 32-bit programs.
int run_open_32(int argc, char *const argv[])
{
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    check(argc == 1 && chdir(argv[0]) == 0 && low != MAP_FAILED, "directory");
    strcpy(low, "old");
    strcpy(low + 64, "gone/old");
    signal(SIGSEGV, refuse);
    check(call_i386(5, (long)low, O_WRONLY | O_CREAT, 0600) >= 0, "open");
    check(call_i386(295, AT_FDCWD, (long)low, O_RDWR) >= 0, "openat");
    check(call_i386(5, (long)low + 64, O_RDONLY, 0) == -ENOENT, "missing");
    _exit(0);
}

#else

int run_open_32(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    _exit(77);
}

#endif
