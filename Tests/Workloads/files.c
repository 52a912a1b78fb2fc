// SPDX-License-Identifier: Apache-2.0
// What is done to names of files, and how much is written to them.
#include "internal.h"

#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static void check(bool holds, const char *what)
{
    if (!holds)
        die(what);
}

static void refused(int result, int error, const char *what)
{
    check(result < 0 && errno == error, what);
}

// file-names DIRECTORY: there, each operation twice: one that is allowed and one that fails.
int run_file_names(int argc, char *const argv[])
{
    check(argc == 1 && chdir(argv[0]) == 0, "directory");
    umask(022);
    check(mkdir("made", 0750) == 0, "mkdir");
    refused(mkdir("made", 0750), EEXIST, "mkdir again");
    int made = open("made", O_PATH | O_DIRECTORY);
    check(made >= 0 && mkdirat(made, "inner", 0700) == 0, "mkdirat");
    refused(mkdirat(made, "none/inner", 0700), ENOENT, "mkdirat");
    check(mknod("fifo", S_IFIFO | 0600, 0) == 0, "mknod");
    refused(mknodat(made, "inner", S_IFIFO | 0600, 0), EEXIST, "mknodat");
    check(symlink("../a", "made/link") == 0, "symlink");
    refused(symlinkat("x", made, "link"), EEXIST, "symlinkat");
    close(open("a", O_WRONLY | O_CREAT, 0644));
    close(open("b", O_WRONLY | O_CREAT, 0644));
    check(link("a", "made/hard") == 0, "link");
    refused(linkat(made, "missing", made, "hard2", 0), ENOENT, "linkat");
    check(rename("a", "made/moved") == 0, "rename");
    check(renameat(AT_FDCWD, "b", made, "hard") == 0, "rename over another");
    refused(rename("missing", "there"), ENOENT, "rename");
    check(syscall(SYS_renameat2, made, "hard", made, "moved", RENAME_EXCHANGE) == 0, "exchange");
    refused((int)syscall(SYS_renameat2, made, "hard", made, "moved", RENAME_NOREPLACE), EEXIST, "no replace");
    check(unlink("made/link") == 0, "unlink");
    check(unlinkat(made, "hard", 0) == 0, "unlinkat");
    refused(unlink("made/link"), ENOENT, "unlink again");
    refused(unlinkat(made, "inner", 0), EISDIR, "unlinkat of a directory");
    refused(rmdir("made"), ENOTEMPTY, "rmdir");
    check(unlinkat(made, "inner", AT_REMOVEDIR) == 0, "unlinkat of a directory");
    _exit(0);
}

// file-writes DIRECTORY: 10 bytes by write, 20 by pwrite and so on, each to a file of that name.
int run_file_writes(int argc, char *const argv[])
{
    char bytes[4096] = {};
    struct iovec parts[2] = {{bytes, 15}, {bytes, 15}};
    off_t zero = 0;
    check(argc == 1 && chdir(argv[0]) == 0, "directory");
    int source = open("source", O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(source >= 0 && write(source, bytes, 1000) == 1000, "source");

    int file = open("write", O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 10; i++)
        check(write(file, bytes, 1) == 1, "write");
    close(file);
    file = open("pwrite", O_WRONLY | O_CREAT, 0600);
    check(pwrite(file, bytes, 20, 100) == 20, "pwrite");
    close(file);
    file = open("writev", O_WRONLY | O_CREAT, 0600);
    check(writev(file, parts, 2) == 30, "writev");
    close(file);
    file = open("sendfile", O_WRONLY | O_CREAT, 0600);
    check(sendfile(file, source, &zero, 40) == 40, "sendfile");
    close(file);
    file = open("copy", O_WRONLY | O_CREAT, 0600);
    loff_t from = 0, to = 0;
    check(copy_file_range(source, &from, file, &to, 50, 0) == 50, "copy_file_range");
    close(file);
    file = open("splice", O_WRONLY | O_CREAT, 0600);
    int ends[2];
    check(pipe(ends) == 0 && write(ends[1], bytes, 60) == 60, "pipe");
    check(splice(ends[0], NULL, file, NULL, 60, 0) == 60, "splice");
    close(file);
    // Two descriptors are one open file, and a child's write is its own.
    file = open("shared", O_WRONLY | O_CREAT, 0600);
    int copy = dup(file);
    check(write(file, bytes, 70) == 70, "first");
    close(file);
    pid_t pid = fork();
    if (pid == 0) {
        check(write(copy, bytes, 7) == 7, "child");
        _exit(0);
    }
    check(reap(pid) == 0, "child");
    close(copy);
    file = open("mapped", O_RDWR | O_CREAT, 0600);
    check(ftruncate(file, 4096) == 0, "ftruncate");
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    check(memory != MAP_FAILED, "mmap");
    close(file);
    memory[5] = 1;
    munmap(memory, 4096);
    // Nothing that has a name.
    check(write(ends[1], bytes, 100) == 100, "pipe");
    file = open("empty", O_WRONLY | O_CREAT, 0600);
    close(file);
    say("pids %d %d", getpid(), pid);
    // Still open at the end.
    if (getenv("STAYS"))
        pause();
    _exit(0);
}

// exec-map FILE: maps it to be executed, and again only to be read.
int run_exec_map(int argc, char *const argv[])
{
    int file = argc == 1 ? open(argv[0], O_RDONLY) : -1;
    check(file >= 0 && mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) != MAP_FAILED, "mmap");
    check(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED, "mmap");
    _exit(0);
}
