// SPDX-License-Identifier: Apache-2.0
// What programs do that a policy may be against, each told with the errno it got.
#include "internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

// Of "WAY ADDRESS PORT".
struct attempt {
    char way[16], address[64];
    int port;
    struct sockaddr_storage storage;
    socklen_t size;
};

static void parse(struct attempt *attempt, const char *text)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&attempt->storage;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&attempt->storage;

    if (sscanf(text, "%15s %63s %d", attempt->way, attempt->address, &attempt->port) != 3)
        die(text);
    if (inet_pton(AF_INET, attempt->address, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons((uint16_t)attempt->port);
        attempt->size = sizeof *ipv4;
    } else if (inet_pton(AF_INET6, attempt->address, &ipv6->sin6_addr) == 1) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons((uint16_t)attempt->port);
        attempt->size = sizeof *ipv6;
    } else {
        die(text);
    }
}

// A listening socket that was never bound, and whether somebody gets through to it.
static int reach_unbound(int family)
{
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), client;

    if (listener < 0 || listen(listener, 8))
        return errno;
    if (getsockname(listener, (struct sockaddr *)&own, &size))
        die("getsockname");
    if (family == AF_INET)
        ((struct sockaddr_in *)&own)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&own)->sin6_addr = in6addr_loopback;
    client = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(client, (struct sockaddr *)&own, size) && errno != EINPROGRESS)
        return errno;
    struct pollfd wait = {.fd = client, .events = POLLOUT};
    return poll(&wait, 1, 700) == 1 ? 0 : ETIMEDOUT;
}

// The errno of a connection that is waited for, or ETIMEDOUT.
static int connect_soon(int sock, const struct sockaddr *address, socklen_t size)
{
    struct pollfd wait = {.fd = sock, .events = POLLOUT};
    int error = 0;
    socklen_t length = sizeof error;

    if (connect(sock, address, size) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (poll(&wait, 1, 1500) != 1)
        return ETIMEDOUT;
    getsockopt(sock, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

static int attempt(struct attempt *a)
{
    const struct sockaddr *address = (const struct sockaddr *)&a->storage;
    int family = a->storage.ss_family;
    struct iovec part = {.iov_base = "x", .iov_len = 1};
    struct mmsghdr message = {
        .msg_hdr = {.msg_name = &a->storage, .msg_namelen = a->size, .msg_iov = &part, .msg_iovlen = 1}};

#define WAY(name) (strcmp(a->way, name) == 0)
    int type = WAY("udp") || WAY("send") || WAY("msg") || WAY("mmsg") || WAY("bindu") || WAY("talk") ? SOCK_DGRAM : SOCK_STREAM;
    if (WAY("unbound"))
        return reach_unbound(family);
    int sock = socket(family, type | SOCK_CLOEXEC | (WAY("nonblock") || WAY("timed") ? SOCK_NONBLOCK : 0),
                      WAY("mptcp") ? IPPROTO_MPTCP : 0);
    if (sock < 0)
        return errno;
    ssize_t result;
    if (WAY("timed")) {
        int error = connect_soon(sock, address, a->size);

        close(sock);
        return error;
    }
    if (WAY("talk"))
        result = connect(sock, address, a->size) ? -1 : send(sock, "x", 1, 0);
    else if (WAY("send"))
        result = sendto(sock, "x", 1, 0, address, a->size);
    else if (WAY("msg"))
        result = sendmsg(sock, &message.msg_hdr, 0);
    else if (WAY("mmsg"))
        result = sendmmsg(sock, &message, 1, 0);
    else if (WAY("fastopen"))
        result = sendto(sock, "x", 1, MSG_FASTOPEN, address, a->size);
    else if (WAY("bind") || WAY("bindu"))
        result = bind(sock, address, a->size);
    else
        result = connect(sock, address, a->size);
    int error = result < 0 ? errno : 0;
    close(sock);
    return error;
}

int attempt_of(const char *text)
{
    struct attempt a = {};

    parse(&a, text);
    return attempt(&a);
}

// policy ["WAY ADDRESS PORT" ...]: says each with its errno; 0 is success.
int run_policy(int argc, char *const argv[])
{
    for (int i = 0; i < argc; i++)
        say("%s: %d", argv[i], attempt_of(argv[i]));
    return 0;
}

// policy-server PORT: counts what reaches it by TCP and UDP until its input ends.
int run_policy_server(int argc, char *const argv[])
{
    struct sockaddr_in6 own = {.sin6_family = AF_INET6};
    int port = argc == 1 ? atoi(argv[0]) : 0, connections = 0, datagrams = 0;
    int tcp = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), udp = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    own.sin6_port = htons((uint16_t)port);
    setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(tcp, (struct sockaddr *)&own, sizeof own) || listen(tcp, 64) ||
        bind(udp, (struct sockaddr *)&own, sizeof own))
        die("listen");
    say("ready");
    struct pollfd wait[3] = {{.fd = 0, .events = POLLIN}, {.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
    while (poll(wait, 3, -1) >= 0) {
        char buffer[64];

        if (wait[1].revents) {
            close(accept(tcp, NULL, NULL));
            connections++;
        } else if (wait[2].revents) {
            if (recv(udp, buffer, sizeof buffer, 0) >= 0)
                datagrams++;
        } else if (wait[0].revents) {
            break;
        }
    }
    say("reached %d %d", connections, datagrams);
    return 0;
}

// policy-lasting ADDRESS PORT: tries to connect again and again until it is killed, and says each change of the errno.
int run_policy_lasting(int argc, char *const argv[])
{
    char text[128];
    int last = -1;

    if (argc != 2)
        die("arguments");
    say("workload pid %d", (int)getpid());
    snprintf(text, sizeof text, "tcp %s %s", argv[0], argv[1]);
    for (;;) {
        int error = attempt_of(text);

        if (error != last)
            say("now %d", error);
        last = error;
        usleep(20000);
    }
}
