// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_cgroup_sockets(int processes, int sockets[6])
{
    static const int types[6] = {SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM};
    int *shared = mmap(NULL, sizeof(int[7]), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;

    if (shared == MAP_FAILED)
        return -1;
    // Like fork, but with one table of descriptors for both.
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        if (write(processes, "0", 1) != 1) {
            shared[6] = errno;
            _exit(1);
        }
        for (int i = 0; i < 6; i++) {
            int family = i < 3 ? AF_INET : AF_INET6;

            shared[i] = socket(family, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            if (shared[i] < 0 && errno != EAFNOSUPPORT)
                shared[6] = errno;
        }
        _exit(0);
    }
    int error = child < 0 ? errno : 0;
    if (child > 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    for (int i = 0; i < 6; i++)
        sockets[i] = shared[i];
    if (!error)
        error = shared[6] ? shared[6] : status ? EIO : 0;
    munmap(shared, sizeof(int[7]));
    errno = error;
    return error ? -1 : 0;
}
