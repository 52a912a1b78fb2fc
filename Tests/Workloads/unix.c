// SPDX-License-Identifier: Apache-2.0
// UNIX sockets of each type, by path and by abstract name, in the directory and with the names that the test gives.
#include "sockets.h"

#include <stddef.h>
#include <sys/un.h>

// A name that begins with "@" is abstract.
static struct address_un {
    struct sockaddr_un name;
    socklen_t size;
} named(const char *text, size_t length)
{
    struct address_un address = {.name.sun_family = AF_UNIX};

    check(length <= sizeof address.name.sun_path, "name");
    memcpy(address.name.sun_path, text, length);
    address.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (*text == '@')
        address.name.sun_path[0] = 0;
    return address;
}

static struct address_un called(const char *text) { return named(text, strlen(text)); }

static int bound_to(int type, const struct address_un *address)
{
    int file = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    check(file >= 0 && bind(file, (const struct sockaddr *)&address->name, address->size) == 0, "bind");
    check(type == SOCK_DGRAM || listen(file, 8) == 0, "listen");
    return file;
}

static int connect_to(int type, const struct address_un *address, int error)
{
    int file = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    int result = connect(file, (const struct sockaddr *)&address->name, address->size);

    check(error ? result < 0 && errno == error : result == 0, "connect");
    return file;
}

// unix DIRECTORY: a server and a client. Says "pids SERVER CLIENT".
int run_unix(int argc, char *const argv[])
{
    check(argc == 1 && chdir(argv[0]) == 0, "directory");
    char path[200];
    snprintf(path, sizeof path, "%s/stream", argv[0]);
    struct address_un by_path = called(path), abstract = named("@ab\0c\x1b[31m", 10), relative = called("packets");
    struct address_un datagrams = called("@grams"), odd = called("@odd"), missing = called("missing"), dead = called("dead");

    odd.name.sun_path[0] = '@'; // no abstract name, but a path that looks like one
    make_network();
    prctl(PR_SET_NAME, "server");
    int first = bound_to(SOCK_STREAM, &by_path), second = bound_to(SOCK_STREAM, &abstract);
    int third = bound_to(SOCK_SEQPACKET, &relative), fourth = bound_to(SOCK_DGRAM, &datagrams);
    int fifth = bound_to(SOCK_STREAM, &odd);
    close(bound_to(SOCK_STREAM, &dead)); // its path is still there
    int again = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(bind(again, (struct sockaddr *)&by_path.name, by_path.size) < 0 && errno == EADDRINUSE, "bound twice");

    int pipe_to[2];
    char byte = 0;
    check(pipe(pipe_to) == 0, "pipe");
    pid_t pid = fork_named("client");
    if (pid == 0) {
        check(read(pipe_to[0], &byte, 1) == 1, "read");
        connect_to(SOCK_STREAM, &by_path, 0);
        connect_to(SOCK_STREAM, &abstract, 0);
        connect_to(SOCK_SEQPACKET, &relative, 0);
        int grams = connect_to(SOCK_DGRAM, &datagrams, 0);
        struct sockaddr nobody = {.sa_family = AF_UNSPEC};
        check(connect(grams, &nobody, sizeof nobody) == 0, "disconnect");
        connect_to(SOCK_STREAM, &odd, 0);
        connect_to(SOCK_STREAM, &missing, ENOENT);
        connect_to(SOCK_STREAM, &dead, ECONNREFUSED);
        connect_to(SOCK_DGRAM, &by_path, EPROTOTYPE);
        // Pairs are connected without any of these calls.
        int pair[2];
        check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "pair");
        _exit(0);
    }
    say("pids %d %d", getpid(), pid);
    check(write(pipe_to[1], &byte, 1) == 1, "write");
    check(reap(pid) == 0, "the client failed");
    check(accept(first, NULL, NULL) >= 0 && accept4(second, NULL, NULL, SOCK_CLOEXEC) >= 0 &&
          accept(third, NULL, NULL) >= 0 && accept(fifth, NULL, NULL) >= 0, "accept");
    close(fourth);
    _exit(0);
}
