// SPDX-License-Identifier: Apache-2.0
// Connections that another process than the one that asked for them has at their end.
#include "sockets.h"

// takes-over FD SIZE: sends that much through a descriptor that it was started with.
int run_takes_over(int argc, char *const argv[])
{
    check(argc == 2, "arguments");
    int file = atoi(argv[0]);
    for (int left = atoi(argv[1]); left > 0; left--)
        check(send(file, "x", 1, 0) == 1, "send");
    close(file);
    _exit(0);
}

static void give(int way, int file)
{
    char byte = 0;
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof file)];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof file), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.head), &file, sizeof file);
    check(sendmsg(way, &message, 0) == 1, "sendmsg");
}

static int take(int way)
{
    char byte;
    int file = -1;
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof file)];
    } control;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    check(recvmsg(way, &message, 0) == 1 && control.head.cmsg_type == SCM_RIGHTS, "recvmsg");
    memcpy(&file, CMSG_DATA(&control.head), sizeof file);
    return file;
}

static size_t drain(int file)
{
    char bytes[64];
    size_t sum = 0;

    for (ssize_t part; (part = recv(file, bytes, sizeof bytes, 0)) > 0; sum += (size_t)part)
        ;
    return sum;
}

// handed: "given" goes through a UNIX socket to another process, "executed" to the program that its process becomes;
// "accepted" is given to another process by who accepted it.
int run_handed(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    int way[2];

    make_network();
    int server = listener('4', PORT, 8);
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, way) == 0, "socketpair");

    pid_t taker = fork_named("taker");
    if (taker == 0) {
        int file = take(way[1]);
        check(send(file, "12345678", 8, 0) == 8, "send");
        close(file);
        file = take(way[1]);
        check(drain(file) == 4, "what came through the accepted one");
        _exit(0);
    }
    int client = connected('4', PORT), accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    say("given %u %d", port_of(client), getpid());
    give(way[0], client);
    close(client);
    check(drain(accepted) == 8, "what the taker sent");
    close(accepted);

    client = connected('4', PORT), accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    say("accepted %u %d", port_of(client), getpid());
    give(way[0], accepted);
    close(accepted);
    check(send(client, "1234", 4, 0) == 4, "send");
    close(client);
    check(reap(taker) == 0, "the taker failed");

    pid_t becomes = fork_named("becomes");
    if (becomes == 0) {
        char number[16];
        client = connected('4', PORT);
        say("executed %u %d", port_of(client), getpid());
        check(fcntl(client, F_SETFD, 0) == 0, "fcntl");
        snprintf(number, sizeof number, "%d", client);
        execl("/proc/self/exe", "live-tests", "workload", "takes-over", number, "6", NULL);
        die("exec");
    }
    accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    check(drain(accepted) == 6, "what the program sent");
    check(reap(becomes) == 0, "the program failed");
    close(accepted);
    close(server);
    _exit(0);
}
