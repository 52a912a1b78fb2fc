// SPDX-License-Identifier: Apache-2.0
// What is changed about files: permissions, owner, size, attributes.
#include "internal.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const char ATTRIBUTE[] = "trusted.ebpfguard";

static void check(bool holds, const char *what)
{
    if (!holds)
        die(what);
}

static void refused(long result, int error, const char *what)
{
    check(result < 0 && errno == error, what);
}

// A place whose file system has attributes, in a mount namespace of its own.
static void enter(int argc, char *const argv[])
{
    check(argc == 1 && unshare(CLONE_NEWNS) == 0, "namespace");
    check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
    check(mount("changes", argv[0], "tmpfs", 0, NULL) == 0 && chdir(argv[0]) == 0, "tmpfs");
    umask(022);
    check(mkdir("sub", 0755) == 0 && symlink("../a", "sub/link") == 0, "names");
}

// file-changes DIRECTORY: in a file system that is mounted there, each call twice: once allowed and once failing. Says
// "fchmodat2" and "setxattrat" where this kernel has them.
int run_file_changes(int argc, char *const argv[])
{
    enum { FCHMODAT2 = 452, SETXATTRAT = 463, REMOVEXATTRAT = 466 };
    struct {
        __u64 value;
        __u32 size, flags;
    } value = {(__u64) "v", 1, 0};
    enter(argc, argv);
    int file = open("a", O_RDWR | O_CREAT, 0644), reader = open("a", O_RDONLY), sub = open("sub", O_PATH);
    check(file >= 0 && reader >= 0 && sub >= 0, "files");

    check(chmod("sub/link", 0600) == 0, "chmod");
    check(fchmod(file, 04755) == 0, "fchmod");
    check(syscall(SYS_fchmodat, sub, "link", 0640) == 0, "fchmodat");
    refused(chmod("missing", 0600), ENOENT, "chmod of nothing");
    refused(syscall(SYS_fchmodat, sub, "missing", 0600), ENOENT, "fchmodat of nothing");
    if (syscall(FCHMODAT2, file, "", 0644, AT_EMPTY_PATH) == 0)
        say("fchmodat2");
    check(chown("a", 1, 2) == 0, "chown");
    check(lchown("sub/link", 3, (gid_t)-1) == 0, "lchown");
    check(fchown(file, (uid_t)-1, 4) == 0, "fchown");
    check(fchownat(sub, "../a", 0, 0, 0) == 0, "fchownat");
    check(fchownat(file, "", 5, 5, AT_EMPTY_PATH) == 0, "fchownat of a descriptor");
    refused(chown("a/below", 0, 0), ENOTDIR, "chown below a file");
    check(truncate("sub/link", 100) == 0, "truncate");
    check(ftruncate(file, 50) == 0, "ftruncate");
    refused(truncate("missing", 1), ENOENT, "truncate of nothing");
    refused(truncate("sub", 1), EISDIR, "truncate of a directory");
    refused(ftruncate(reader, 1), EINVAL, "ftruncate of what is only read");
    check(setxattr("sub/link", ATTRIBUTE, "v", 1, 0) == 0, "setxattr");
    check(lsetxattr("a", ATTRIBUTE, "w", 1, 0) == 0, "lsetxattr");
    check(fsetxattr(file, ATTRIBUTE, "x", 1, 0) == 0, "fsetxattr");
    refused(setxattr("missing", ATTRIBUTE, "v", 1, 0), ENOENT, "setxattr of nothing");
    refused(setxattr("a", "nonsense.name", "v", 1, 0), EOPNOTSUPP, "setxattr of another kind");
    refused(fsetxattr(file, ATTRIBUTE, "x", 1, XATTR_CREATE), EEXIST, "fsetxattr again");
    check(removexattr("sub/link", ATTRIBUTE) == 0, "removexattr");
    refused(lremovexattr("a", ATTRIBUTE), ENODATA, "lremovexattr");
    refused(fremovexattr(file, ATTRIBUTE), ENODATA, "fremovexattr");
    refused(removexattr("missing", ATTRIBUTE), ENOENT, "removexattr of nothing");
    if (syscall(SETXATTRAT, sub, "link", 0, ATTRIBUTE, &value, sizeof value) == 0) {
        say("setxattrat");
        check(syscall(REMOVEXATTRAT, sub, "link", 0, ATTRIBUTE) == 0, "removexattrat");
    }
    // A descriptor that is not open is no file.
    refused(fchmod(999, 0600), EBADF, "fchmod of nothing");
    refused(fsetxattr(999, ATTRIBUTE, "x", 1, 0), EBADF, "fsetxattr of nothing");
    _exit(0);
}

// file-mounts DIRECTORY: there, in a mount namespace of its own, each call twice: once allowed and once failing. Says "pivot"
// where a root may be changed.
int run_file_mounts(int argc, char *const argv[])
{
    check(argc == 1 && unshare(CLONE_NEWNS) == 0 && chdir(argv[0]) == 0, "namespace");
    check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
    check(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("c", 0755) == 0 && mkdir("d", 0755) == 0, "names");
    say("ready");
    check(mount("live", "a", "tmpfs", MS_NOSUID, NULL) == 0, "mount");
    check(mount("a", "b", NULL, MS_BIND, NULL) == 0, "bind");
    refused(mount("none", "missing", "tmpfs", 0, NULL), ENOENT, "mount on nothing");
    refused(mount("none", "a", "nosuchtype", 0, NULL), ENODEV, "mount of nothing");
    int context = (int)syscall(SYS_fsopen, "tmpfs", 0);
    check(context >= 0 && syscall(SYS_fsconfig, context, 6, NULL, NULL, 0) == 0, "fsopen");
    int detached = (int)syscall(SYS_fsmount, context, 0, 0);
    check(detached >= 0, "fsmount");
    check(syscall(SYS_move_mount, detached, "", AT_FDCWD, "c", 4) == 0, "move_mount of a new one");
    check(syscall(SYS_move_mount, AT_FDCWD, "c", AT_FDCWD, "d", 0) == 0, "move_mount");
    refused(syscall(SYS_move_mount, AT_FDCWD, "missing", AT_FDCWD, "d", 0), ENOENT, "move_mount of nothing");
    check(umount2("b", MNT_DETACH) == 0, "umount");
    refused(umount2("b", 0), EINVAL, "umount again");
    refused(umount2("missing", 0), ENOENT, "umount of nothing");
    refused(syscall(SYS_pivot_root, "missing", "missing"), ENOENT, "pivot_root to nothing");
    check(mkdir("a/old", 0755) == 0, "place of the old root");
    // The first root can't be changed.
    if (syscall(SYS_pivot_root, "a", "a/old") == 0)
        say("pivot");
    else
        check(errno == EINVAL, "pivot_root");
    _exit(0);
}

#if defined(__x86_64__)

static long call_i386(int number, long first, long second, long third, long fourth, long fifth)
{
    long result;
    __asm__ volatile("int $0x80"
                 : "=a"(result)
                 : "a"((long)number), "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(fifth)
                 : "r8", "r9", "r10", "r11", "memory");
    return (int)result;
}

// Where the kernel was told to have no 32-bit calls, the instruction is an error.
static void refuse(int)
{
    _exit(77);
}

// file-changes-32 DIRECTORY: the same by calls of 32-bit programs.
int run_file_changes_32(int argc, char *const argv[])
{
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    check(low != MAP_FAILED, "memory");
    signal(SIGSEGV, refuse);
    call_i386(20, 0, 0, 0, 0, 0);
    enter(argc, argv);
    int file = open("a", O_RDWR | O_CREAT, 0644);
    strcpy(low, "sub/link");
    strcpy(low + 64, "missing");
    strcpy(low + 128, ATTRIBUTE);
    long path = (long)low, missing = path + 64, attribute = path + 128;
    check(call_i386(15, path, 0600, 0, 0, 0) == 0, "chmod");
    check(call_i386(94, file, 0640, 0, 0, 0) == 0, "fchmod");
    check(call_i386(182, path, 7, 0xffff, 0, 0) == 0, "chown of 16 bits");
    check(call_i386(212, path, 70000, -1, 0, 0) == 0, "chown");
    check(call_i386(92, path, 10, 0, 0, 0) == 0, "truncate");
    check(call_i386(92, path, -1, 0, 0, 0) == -EINVAL, "truncate to less than nothing");
    check(call_i386(193, path, 5, 1, 0, 0) == 0, "truncate64");
    check(call_i386(194, file, 6, 0, 0, 0) == 0, "ftruncate64");
    check(call_i386(226, path, attribute, attribute, 1, 0) == 0, "setxattr");
    check(call_i386(228, file, attribute, attribute, 1, 0) == 0, "fsetxattr");
    check(call_i386(237, file, attribute, 0, 0, 0) == 0, "fremovexattr");
    check(call_i386(235, missing, attribute, 0, 0, 0) == -ENOENT, "removexattr of nothing");
    // Names too.
    strcpy(low + 192, "sub/d");
    strcpy(low + 256, "a");
    long made = path + 192, a = path + 256;
    check(call_i386(39, made, 0755, 0, 0, 0) == 0, "mkdir");
    check(call_i386(39, made, 0755, 0, 0, 0) == -EEXIST, "mkdir again");
    check(call_i386(40, made, 0, 0, 0, 0) == 0, "rmdir");
    check(call_i386(38, a, made, 0, 0, 0) == 0, "rename");
    check(call_i386(9, made, a, 0, 0, 0) == 0, "link");
    check(call_i386(10, made, 0, 0, 0, 0) == 0, "unlink");
    check(call_i386(38, made, a, 0, 0, 0) == -ENOENT, "rename of nothing");
    _exit(0);
}

#else

int run_file_changes_32(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    _exit(77);
}

#endif
