// SPDX-License-Identifier: Apache-2.0
// Starting the tool, and waiting for it without ever waiting for ever.
#include "internal.h"

#include <ftw.h>
#include <grp.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

// `block` is `count` strings after each other; the pointers to them, ended by null.
static char **words_of(const uint8_t *block, int count)
{
    char **words = calloc((size_t)count + 1, sizeof *words);
    if (!words)
        die("calloc");
    for (int i = 0; i < count; i++) {
        words[i] = (char *)block;
        block += strlen((const char *)block) + 1;
    }
    return words;
}

static int open_terminal(int columns, int *master, int *terminal)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master < 0 || grantpt(*master) != 0 || unlockpt(*master) != 0)
        return errno;
    *terminal = open(ptsname(*master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*terminal < 0)
        return errno;
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    return ioctl(*terminal, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

static void become(const struct live_start *how, const int files[3])
{
    // Nothing that a test started may outlive the runner.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A runner in the background of a shell ignores SIGINT; what it starts must not.
    for (int number = 1; number < SIGRTMIN; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (how->columns > 0 && (setsid() < 0 || ioctl(files[0], TIOCSCTTY, 0) != 0))
        die("controlling terminal");
    for (int i = 0; i < 3; i++)
        if (dup2(files[i], i) < 0)
            die("dup2");
    if (how->directory && chdir((const char *)how->directory) != 0)
        die("working directory");
    char **settings = words_of(how->settings, how->setting_count);
    for (int i = 0; settings[i]; i++)
        putenv(settings[i]);
    uid_t user = (uid_t)how->user;
    if (user != 0 && (setgroups(0, NULL) != 0 || setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0))
        die("setresuid");
    char **words = words_of(how->words, how->word_count);
    execvp(words[0], words);
    die(words[0]);
}

int live_spawn(const struct live_start *how, struct live_child *child)
{
    int input[2] = {-1, -1}, output[2] = {-1, -1}, errors[2] = {-1, -1};
    if (pipe2(errors, O_CLOEXEC) != 0)
        return errno;
    if (how->columns > 0) {
        int problem = open_terminal(how->columns, &output[0], &output[1]);
        if (problem)
            return problem;
        input[0] = output[1];
    } else if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) {
        return errno;
    }
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        become(how, (int[]){input[0], output[1], errors[1]});
    if (input[0] != output[1])
        close(input[0]);
    close(output[1]);
    close(errors[1]);
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    fcntl(errors[0], F_SETFL, O_NONBLOCK);
    *child = (struct live_child){
        .pid = pid,
        .pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
        .input = input[1],
        .output = output[0],
        .errors = errors[0],
    };
    return child->pidfd < 0 ? errno : 0;
}

int live_status(pid_t pid)
{
    int status;
    return waitpid(pid, &status, WNOHANG) == pid ? status : -1;
}

int live_wait(int first, int second, int pidfd, int milliseconds)
{
    struct pollfd files[] = {
        {.fd = first, .events = POLLIN},
        {.fd = second, .events = POLLIN},
        {.fd = pidfd, .events = POLLIN},
    };
    if (poll(files, 3, milliseconds) <= 0)
        return 0;
    return (files[0].revents ? 1 : 0) | (files[1].revents ? 2 : 0) | (files[2].revents ? 4 : 0);
}

uint32_t live_next_program(uint32_t id)
{
    union bpf_attr request = {.start_id = id};
    return syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &request, sizeof request) == 0 ? request.next_id : 0;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int64_t live_clock(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t live_uptime(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int live_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags | O_CLOEXEC, mode);
}

int live_connect(const char *path, int seconds)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = seconds};
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        return -1;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        connect(file, (struct sockaddr *)&address, sizeof address) == 0)
        return file;
    int problem = errno;
    close(file);
    errno = problem;
    return -1;
}

static int remove_entry(const char *path, const struct stat *, int, struct FTW *)
{
    return remove(path);
}

void live_remove(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
