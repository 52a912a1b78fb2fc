// SPDX-License-Identifier: Apache-2.0
// Programs run as somebody else or somewhere else: user, cgroup, root directory, pid namespace.
#include "internal.h"

#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>

static void become(const char *user, const char *group)
{
    gid_t gid = (gid_t)atol(group);
    uid_t uid = (uid_t)atol(user);
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        die("setresuid");
}

[[noreturn]] static void run(char *const argv[])
{
    execve(argv[0], argv, environ);
    die(argv[0]);
}

static void put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text, strlen(text)) < 0)
        die(path);
    close(file);
}

// as-user USER GROUP PROGRAM ARGS...
int run_as_user(int argc, char *const argv[])
{
    if (argc < 3)
        return 64;
    become(argv[0], argv[1]);
    run(argv + 2);
}

// no-new-privileges PROGRAM ARGS...: set-user-id bits do nothing.
int run_no_new_privileges(int argc, char *const argv[])
{
    if (argc < 1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        die("prctl");
    run(argv);
}

// in-cgroup DIRECTORY PROGRAM ARGS...
int run_in_cgroup(int argc, char *const argv[])
{
    if (argc < 2)
        return 64;
    char path[4096];
    snprintf(path, sizeof path, "%s/cgroup.procs", argv[0]);
    put(path, "0");
    run(argv + 1);
}

// login USER PROGRAM ARGS...: as if USER had logged in.
int run_login(int argc, char *const argv[])
{
    if (argc < 2)
        return 64;
    put("/proc/self/loginuid", argv[0]);
    run(argv + 1);
}

// chroot DIRECTORY USER PROGRAM ARGS...
int run_chroot(int argc, char *const argv[])
{
    if (argc < 3 || chroot(argv[0]) != 0 || chdir("/") != 0)
        die("chroot");
    become(argv[1], argv[1]);
    run(argv + 2);
}

// session PROGRAM: in a session of its own, so without a terminal.
int run_session(int argc, char *const argv[])
{
    pid_t pid = argc < 1 ? -1 : fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        if (setsid() < 0)
            die("setsid");
        run(argv);
    }
    reap(pid);
    _exit(0);
}

// pid-namespace PROGRAM: its first process says "first PID CHILD" with its own pid outside and its child's pid inside,
// and the child runs PROGRAM.
int run_pid_namespace(int argc, char *const argv[])
{
    if (argc < 1 || unshare(CLONE_NEWPID) != 0)
        die("unshare");
    int ready[2];
    char go;
    if (pipe2(ready, O_CLOEXEC) != 0)
        die("pipe2");
    pid_t first = fork();
    if (first < 0)
        die("fork");
    if (first == 0) {
        if (getpid() != 1 || read(ready[0], &go, 1) != 1)
            die("the first process");
        pid_t child = spawn(argv[0], (char *[]){argv[0], "inside", NULL});
        say("child %d", child);
        reap(child);
        _exit(0);
    }
    say("first %d", first);
    if (write(ready[1], "g", 1) != 1)
        die("write");
    _exit(WEXITSTATUS(reap(first)));
}
