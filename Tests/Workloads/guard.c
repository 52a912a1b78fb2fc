// SPDX-License-Identifier: Apache-2.0
// What programs do with programs and files that a policy may be against, each told with what became of it.
#include "internal.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif

#define NO_SUCH_STEP 120

static int executed(int result)
{
    return result < 0 ? errno : 0;
}

static int execute(const char *path)
{
    char *const argv[] = {(char *)path, NULL};

    return executed(execve(path, argv, environ));
}

static int execute_file(int file)
{
    char *const argv[] = {"program", NULL};

    return file < 0 ? errno : executed((int)syscall(SYS_execveat, file, "", argv, environ, AT_EMPTY_PATH));
}

static int copy(const char *from, int to)
{
    int file = open(from, O_RDONLY | O_CLOEXEC);

    if (file < 0 || to < 0)
        return errno;
    ssize_t count;
    do
        count = sendfile(to, file, NULL, 1 << 20);
    while (count > 0);
    return count < 0 ? errno : 0;
}

// What is open to be written can't be executed.
static int copy_to(const char *from, const char *to)
{
    int file = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755), error = copy(from, file);

    if (file >= 0)
        close(file);
    return error;
}

static int execute_copy(const char *path)
{
    char name[64];
    int file = memfd_create("copy", MFD_EXEC);

    if (file < 0)
        file = memfd_create("copy", 0);
    int error = copy(path, file);

    if (error)
        return error;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    return execute(name);
}

static int map(const char *path, int protection)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    void *start = file < 0 ? MAP_FAILED : mmap(NULL, 4096, protection, MAP_PRIVATE, file, 0);

    if (start == MAP_FAILED)
        return errno;
    return protection & PROT_EXEC || !mprotect(start, 4096, PROT_READ | PROT_EXEC) ? 0 : errno;
}

static int opened(const char *path, int flags)
{
    char byte;
    int file = open(path, flags | O_CLOEXEC, 0755);

    if (file < 0)
        return errno;
    // A directory is read otherwise.
    if ((flags & O_ACCMODE) == O_RDONLY && read(file, &byte, 1) < 0 && errno != EISDIR)
        return errno;
    return 0;
}

static int enter(const char *path)
{
    int file = (int)syscall(SYS_open_tree, AT_FDCWD, path, 1 | O_CLOEXEC); // OPEN_TREE_CLONE

    return file < 0 || fchdir(file) ? errno : 0;
}

static int own_mounts(void)
{
    return unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ? errno : 0;
}

// An overlay over a program, at merged in a directory.
static int layers(const char *directory, const char *program)
{
    static const char *const names[] = {"lower", "upper", "work", "merged"};
    char options[1024], path[512];

    if (mount("none", directory, "tmpfs", 0, NULL) || chdir(directory))
        return errno;
    for (int i = 0; i < 4; i++)
        if (mkdir(names[i], 0755))
            return errno;
    snprintf(path, sizeof path, "%s/lower/image", directory);
    snprintf(options, sizeof options, "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", directory, directory,
             directory);
    int error = copy_to(program, path);

    return error ? error : mount("none", "merged", "overlay", 0, options) ? errno : 0;
}

// Goes on in a grandchild that nobody waits for but its parent.
static int fork_again(void)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        return setsid() < 0 ? errno : 0;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return errno;
    if (WIFSIGNALED(status))
        kill(getpid(), WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}

// Goes on in a child, and ends as the last of those who have lost their parents on the way.
static int adopt(void)
{
    int status, last = 0;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1))
        return errno;
    pid_t child = fork();

    if (child == 0)
        return 0;
    while (wait(&status) > 0)
        last = status;
    _exit(WIFEXITED(last) ? WEXITSTATUS(last) : 128 + WTERMSIG(last));
}

// Goes on in a child that has lost its parent.
static int orphan(void)
{
    pid_t parent = getpid(), child = fork();

    if (child)
        _exit(child < 0 ? errno : 0);
    while (getppid() == parent)
        usleep(1000);
    return setsid() < 0 ? errno : 0;
}

static int leave_cgroup(const char *processes)
{
    int file = open(processes, O_WRONLY | O_CLOEXEC);

    return file < 0 || write(file, "0", 1) != 1 ? errno : 0;
}

static int named_afterwards(const char *directory, const char *path)
{
    char name[64];
    int file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0755);

    if (file < 0)
        return errno;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    return linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? errno : 0;
}

static int replace(const char *source, const char *path)
{
    char name[4096];

    snprintf(name, sizeof name, "%s.new", path);
    int error = copy_to(source, name);

    return error ? error : rename(name, path) ? errno : 0;
}

#define DONE(call) ((call) < 0 ? errno : 0)

#define WORDS 24

// Does what follows as another program, a copy of this one.
static int become(const char *program, char *const step[])
{
    char *argv[WORDS + 4] = {(char *)program, "workload", "guard-step"};

    for (int i = 0; i < WORDS && step[i]; i++)
        argv[3 + i] = step[i];
    return execve(program, argv, environ);
}

static int step(int count, char *const word[])
{
    const char *a = count > 1 ? word[1] : "", *b = count > 2 ? word[2] : "";

#define IS(name) (strcmp(word[0], name) == 0)
    if (IS("exec"))
        return execute(a);
    if (IS("exec-found"))
        return execute_file(open(a, O_PATH | O_CLOEXEC));
    if (IS("exec-opened"))
        return execute_file(open(a, O_RDONLY | O_CLOEXEC));
    if (IS("exec-copy"))
        return execute_copy(a);
    if (IS("map"))
        return map(a, PROT_READ | PROT_EXEC);
    if (IS("protect"))
        return map(a, PROT_READ);
    if (IS("read"))
        return opened(a, O_RDONLY);
    if (IS("write"))
        return opened(a, O_WRONLY);
    if (IS("append"))
        return opened(a, O_WRONLY | O_APPEND);
    if (IS("update"))
        return opened(a, O_RDWR);
    if (IS("empty"))
        return opened(a, O_WRONLY | O_TRUNC);
    if (IS("create"))
        return opened(a, O_WRONLY | O_CREAT | O_EXCL);
    if (IS("copy"))
        return copy_to(a, b);
    if (IS("replace"))
        return replace(a, b);
    if (IS("unlink"))
        return DONE(unlink(a));
    if (IS("rmdir"))
        return DONE(rmdir(a));
    if (IS("mkdir"))
        return DONE(mkdir(a, 0755));
    if (IS("mknod"))
        return DONE(mknod(a, S_IFIFO | 0644, 0));
    if (IS("symlink"))
        return DONE(symlink(a, b));
    if (IS("link"))
        return DONE(link(a, b));
    if (IS("rename"))
        return DONE(rename(a, b));
    if (IS("swap"))
        return DONE(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE));
    if (IS("chmod"))
        return DONE(chmod(a, 0700));
    if (IS("chown"))
        return DONE(chown(a, 1, 1));
    if (IS("truncate"))
        return DONE(truncate(a, 1));
    if (IS("times"))
        return DONE(utimensat(AT_FDCWD, a, NULL, 0));
    if (IS("attribute"))
        return DONE(setxattr(a, "user.test", "x", 1, 0));
    if (IS("trusted"))
        return DONE(setxattr(a, "trusted.test", "x", 1, 0));
    if (IS("untrusted"))
        return DONE(removexattr(a, "trusted.test"));
    if (IS("unnamed"))
        return named_afterwards(a, b);
    if (IS("chdir"))
        return DONE(chdir(a));
    if (IS("chroot"))
        return DONE(chroot(a)) ? errno : DONE(chdir("/"));
    if (IS("own-mounts"))
        return own_mounts();
    if (IS("layers"))
        return layers(a, b);
    if (IS("bind"))
        return DONE(mount(a, b, NULL, MS_BIND, NULL));
    if (IS("tmpfs"))
        return DONE(mount("none", a, "tmpfs", 0, NULL));
    if (IS("enter"))
        return enter(a);
    if (IS("fork"))
        return fork_again();
    if (IS("adopt"))
        return adopt();
    if (IS("orphan"))
        return orphan();
    if (IS("leave"))
        return leave_cgroup(a);
    if (IS("new-user"))
        return DONE(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID));
    if (IS("socket"))
        return DONE(socket(atoi(a), atoi(b), count > 3 ? atoi(word[3]) : 0));
    if (IS("user"))
        return DONE(setuid((uid_t)atoi(a)));
    if (IS("effective"))
        return DONE(seteuid((uid_t)atoi(a)));
    if (IS("net") && count == 4) {
        char text[256];

        snprintf(text, sizeof text, "%s %s %s", a, b, word[3]);
        return attempt_of(text);
    }
    if (IS("as"))
        return DONE(become(a, (char *const *)word + 2));
    return NO_SUCH_STEP;
}

// Steps as "chroot /a , exec /b"; its last one decides.
static int steps(const char *text)
{
    char *rest = strdup(text), *words[WORDS + 1] = {};
    int count = 0, error = 0;

    for (char *word = strtok(rest, " "); !error; word = strtok(NULL, " ")) {
        if (word && strcmp(word, ",") && count < WORDS) {
            words[count++] = word;
            continue;
        }
        words[count] = NULL;
        error = count ? step(count, words) : NO_SUCH_STEP;
        count = 0;
        if (!word)
            break;
    }
    return error;
}

static int attempt(const char *text)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(steps(text));
    if (child < 0 || waitpid(child, &status, 0) < 0)
        die("fork");
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// guard ["STEP ARGS , STEP ARGS" ...]: says each with the errno of what failed first, 0 for none, or the signal that
// killed it, negative. A program that is executed ends with 0.
int run_guard(int argc, char *const argv[])
{
    for (int i = 0; i < argc; i++)
        say("%s: %d", argv[i], attempt(argv[i]));
    return 0;
}

// guard-step WORDS...: does that and ends with the errno. Behind one program ";" stands between steps, ";;" behind
// one that it becomes.
int run_guard_step(int argc, char *const argv[])
{
    char text[4096] = "";

    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];

        if (word[0] == ';')
            word = word[1] ? word + 1 : ",";
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", word);
    }
    return steps(text);
}

// guard-lasting STEP...: does so again and again until it is killed, and says each change of what becomes of it.
int run_guard_lasting(int argc, char *const argv[])
{
    int last = 1000;

    if (argc != 1)
        die("arguments");
    say("workload pid %d", (int)getpid());
    for (;;) {
        int error = attempt(argv[0]);

        if (error != last)
            say("now %d", error);
        last = error;
        usleep(20000);
    }
}
