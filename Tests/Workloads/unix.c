// SPDX-License-Identifier: Apache-2.0
// UNIX sockets of each type, by path and by abstract name, in the directory and with the names that the test gives.
#include "sockets.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
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

static void receive(int file, size_t size)
{
    char bytes[8192];

    for (ssize_t part; size > 0; size -= (size_t)part) {
        part = recv(file, bytes, size < sizeof bytes ? size : sizeof bytes, 0);
        check(part > 0, "receive");
    }
}

static int next_of(int listener)
{
    int file = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    check(file >= 0, "accept");
    return file;
}

static struct sockaddr_un in_directory(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, name);
    return address;
}

static int reach(int type, const char *name)
{
    struct sockaddr_un address = in_directory(name);
    int file = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    check(connect(file, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    return file;
}

static int wait_at(int type, const char *name)
{
    struct address_un address = called(name);

    return bound_to(type, &address);
}

// 5842 bytes by each way to send, 777 back.
static void talk(void)
{
    char bytes[4096] = {0};
    struct iovec parts[2] = {{bytes, 30}, {bytes, 4}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    int file = reach(SOCK_STREAM, "s"), text = memfd_create("text", 0), way[2];

    check(pipe(way) == 0 && write(text, bytes, sizeof bytes) == sizeof bytes && lseek(text, 0, SEEK_SET) == 0, "file");
    check(send(file, bytes, 1000, 0) == 1000 && write(file, bytes, 200) == 200, "send");
    check(sendmsg(file, &message, 0) == 34, "sendmsg");
    check(sendfile(file, text, NULL, sizeof bytes) == sizeof bytes, "sendfile");
    check(write(way[1], bytes, 512) == 512 && splice(way[0], NULL, file, NULL, 512, 0) == 512, "splice");
    receive(file, 777);
    close(file);
}

static void answer(int listener)
{
    char bytes[777] = {0};
    int file = next_of(listener);

    check(recv(file, bytes, 10, MSG_PEEK | MSG_WAITALL) == 10, "peek");
    receive(file, 5842);
    check(send(file, bytes, sizeof bytes, 0) == sizeof bytes, "answer");
    check(recv(file, bytes, sizeof bytes, 0) == 0, "end");
    close(file);
}

// unix-traffic DIRECTORY: connections of each type with known bytes. Says "pids SERVER CLIENT LEAVER CHILD".
int run_unix_traffic(int argc, char *const argv[])
{
    char bytes[200] = {0}, byte = 0;
    struct sockaddr_un reply = in_directory("c");
    int go[2], sent[2], pair[2];

    check(argc == 1 && chdir(argv[0]) == 0, "directory");
    make_network();
    prctl(PR_SET_NAME, "server");
    int streams = wait_at(SOCK_STREAM, "s"), packets = wait_at(SOCK_SEQPACKET, "q"), grams = wait_at(SOCK_DGRAM, "d");
    check(pipe(go) == 0 && pipe(sent) == 0, "pipe");

    pid_t client = fork_named("client");
    if (client == 0) {
        close(streams), close(packets), close(grams);
        talk();
        int file = reach(SOCK_SEQPACKET, "q");
        for (size_t size = 10; size <= 30; size += 10)
            check(send(file, bytes, size, 0) == (ssize_t)size, "packet");
        check(recv(file, bytes, sizeof bytes, 0) == 5, "packet back");
        close(file);

        file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        check(bind(file, (struct sockaddr *)&reply, sizeof reply) == 0, "bind");
        struct sockaddr_un there = in_directory("d");
        check(connect(file, (struct sockaddr *)&there, sizeof there) == 0, "connect");
        for (int i = 0; i < 4; i++)
            check(send(file, bytes, 100, 0) == 100, "datagram");
        for (int i = 0; i < 2; i++)
            check(recv(file, bytes, sizeof bytes, 0) == 7, "datagram back");
        close(file);

        file = reach(SOCK_STREAM, "s"); // nobody reads what is sent
        check(send(file, bytes, 50, 0) == 50, "send");
        check(write(sent[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1, "wait");
        close(file);
        file = reach(SOCK_STREAM, "s"); // it is accepted when it is over
        check(send(file, bytes, 9, 0) == 9, "send");
        close(file);
        _exit(0);
    }
    answer(streams);
    int file = next_of(packets);
    for (int i = 0; i < 3; i++)
        check(recv(file, bytes, sizeof bytes, 0) == 10 * (i + 1), "packet");
    check(send(file, bytes, 5, 0) == 5 && recv(file, bytes, sizeof bytes, 0) == 0, "packet back");
    close(file);
    check(recv(grams, bytes, sizeof bytes, MSG_PEEK) == 100, "peek");
    for (int i = 0; i < 3; i++)
        check(recv(grams, bytes, sizeof bytes, 0) == 100, "datagram");
    for (int i = 0; i < 2; i++)
        check(sendto(grams, bytes, 7, 0, (struct sockaddr *)&reply, sizeof reply) == 7, "datagram back");
    file = next_of(streams);
    check(read(sent[0], &byte, 1) == 1 && recv(file, bytes, 1, MSG_PEEK) == 1, "peek");
    close(file);
    check(write(go[1], &byte, 1) == 1 && reap(client) == 0, "the client failed");
    file = next_of(streams);
    receive(file, 9);
    close(file);

    pid_t leaver = fork_named("leaver");
    if (leaver == 0) {
        file = reach(SOCK_STREAM, "s");
        check(send(file, bytes, 5, 0) == 5, "send");
        _exit(0);
    }
    file = next_of(streams);
    receive(file, 5);
    check(reap(leaver) == 0 && recv(file, bytes, 1, 0) == 0, "the leaver failed");
    close(file);

    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "pair");
    pid_t child = fork_named("child");
    if (child == 0) {
        close(pair[0]);
        check(send(pair[1], bytes, 11, 0) == 11, "send");
        receive(pair[1], 22);
        close(pair[1]);
        _exit(0);
    }
    close(pair[1]);
    check(send(pair[0], bytes, 22, 0) == 22, "send");
    receive(pair[0], 11);
    check(reap(child) == 0 && recv(pair[0], bytes, 1, 0) == 0, "the child failed");
    close(pair[0]);
    close(streams), close(packets), close(grams);
    say("pids %d %d %d %d", getpid(), client, leaver, child);
    _exit(0);
}

// unix-standing DIRECTORY: has what listens, a connection with both ends, a pair, and a child that has all of them too. Says
// "ready PID", waits for its input to end, uses them and closes them.
int run_unix_standing(int argc, char *const argv[])
{
    char byte;
    int pair[2];

    check(argc == 1 && chdir(argv[0]) == 0, "directory");
    make_network();
    prctl(PR_SET_NAME, "standing");
    int streams = wait_at(SOCK_STREAM, "s"), grams = wait_at(SOCK_DGRAM, "d");
    int here = reach(SOCK_STREAM, "s"), there = next_of(streams);
    int unused = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(unused >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && dup(here) >= 0, "sockets");
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    check(send(here, "before", 6, 0) == 6, "send");
    say("ready %d", getpid());
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    check(send(here, "after", 5, 0) == 5, "send");
    receive(there, 11);
    kill(child, SIGKILL);
    reap(child);
    for (int file = 3; file < 32; file++)
        close(file);
    (void)grams;
    _exit(0);
}
