// SPDX-License-Identifier: Apache-2.0
// UDP in a network namespace of its own, in exactly known numbers. Each workload says what it did, from the side of the client:
// "flow PORT SENT RECEIVED DATAGRAMS".
#include "sockets.h"

#include <netinet/udp.h>
#include <poll.h>

#define SOL_UDP 17
#define UDP_SEGMENT 103

static char zeros[65536];

static int datagram(char kind)
{
    int file = socket(kind == '4' ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    check(file >= 0, "socket");
    return file;
}

static int server_at(char kind, uint16_t port)
{
    struct address address = loopback(kind, port);
    int file = datagram(kind);

    check(bind(file, &address.plain, address.size) == 0, "bind");
    return file;
}

static void send_to(int file, char kind, uint16_t port, size_t size)
{
    struct address address = loopback(kind, port);

    check(sendto(file, zeros, size, 0, &address.plain, address.size) == (ssize_t)size, "sendto");
}

static int client_of(char kind, uint16_t port)
{
    struct address address = loopback(kind, port);
    int file = datagram(kind);

    check(connect(file, &address.plain, address.size) == 0, "connect");
    return file;
}

// Answers `count` datagrams with `more` bytes more than they have.
static void serve(int file, long count, size_t more)
{
    static char buffer[65536];

    for (long i = 0; i < count; i++) {
        struct address from = {.size = sizeof from.ipv6};
        ssize_t size = recvfrom(file, buffer, sizeof buffer, 0, &from.plain, &from.size);

        check(size >= 0, "recvfrom");
        check(sendto(file, zeros, (size_t)size + more, 0, &from.plain, from.size) == size + (ssize_t)more, "answer");
    }
}

// datagrams 4|6|m COUNT: so many flows, of one, two or three questions with their answers, every other one connected.
int run_datagrams(int argc, char *const argv[])
{
    check(argc == 2, "arguments");
    char kind = argv[0][0];
    long count = atol(argv[1]), questions = 0;

    make_network();
    int server = server_at(kind == 'm' ? '4' : kind, PORT);
    for (long i = 0; i < count; i++)
        questions += i % 3 + 1;
    pid_t pid = fork_named("server");
    if (pid == 0) {
        serve(server, questions, 10);
        _exit(0);
    }
    close(server);
    prctl(PR_SET_NAME, "client");
    say("pids %d %d", getpid(), pid);
    for (long i = 0; i < count; i++) {
        bool is_connected = i % 2;
        int file = is_connected ? client_of(kind, PORT) : datagram(kind);
        size_t sent = 0, received = 0;

        for (long j = 0; j <= i % 3; j++) {
            size_t size = (size_t)((i * 7 + j) % 1400);
            if (is_connected)
                check(send(file, zeros, size, 0) == (ssize_t)size, "send");
            else
                send_to(file, kind, PORT, size);
            ssize_t part = recv(file, zeros, sizeof zeros, 0);
            check(part == (ssize_t)size + 10, "recv");
            sent += size;
            received += (size_t)part;
        }
        say("flow %u %zu %zu %ld", port_of(file), sent, received, i % 3 + 1);
        // They stay open, so that no port comes twice.
    }
    check(reap(pid) == 0, "the server failed");
    _exit(0);
}

static void set_mtu(int size)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_mtu = size};
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    check(file >= 0 && ioctl(file, SIOCSIFMTU, &request) == 0, "mtu");
    close(file);
}

// datagram-ways: fragments, several datagrams of one call, none that anybody takes, binds that fail.
int run_datagram_ways(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    make_network();
    set_mtu(1500);
    for (int i = 0; i < 2; i++) {
        char kind = i ? '6' : '4';
        int server = server_at(kind, PORT), file = datagram(kind);

        send_to(file, kind, PORT, 9000);
        check(recv(server, zeros, sizeof zeros, 0) == 9000, "fragments");
        say("fragments%c %u", kind, port_of(file));
        close(file);
        close(server);
    }

    int server = server_at('4', PORT), file = client_of('4', PORT), size = 1000;
    check(setsockopt(file, SOL_UDP, UDP_SEGMENT, &size, sizeof size) == 0, "UDP_SEGMENT");
    check(send(file, zeros, 4500, 0) == 4500, "segments");
    say("segments %u", port_of(file));
    close(file);

    file = client_of('4', PORT);
    struct iovec parts[3] = {{zeros, 1}, {zeros, 20}, {zeros, 300}};
    struct mmsghdr messages[3] = {{0}, {0}, {0}};
    for (int i = 0; i < 3; i++) {
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    check(sendmmsg(file, messages, 3, 0) == 3, "sendmmsg");
    check(write(file, zeros, 4000) == 4000, "write");
    say("several %u", port_of(file));
    close(file);

    file = client_of('4', PORT + 1);
    check(send(file, zeros, 5, 0) == 5, "send");
    poll(NULL, 0, 20);
    check(send(file, zeros, 5, 0) < 0 && errno == ECONNREFUSED, "not refused");
    say("unheard %u", port_of(file));
    close(file);

    struct address nowhere = loopback('4', 80);
    nowhere.ipv4.sin_addr.s_addr = inet_addr("192.0.2.1");
    file = datagram('4');
    check(connect(file, &nowhere.plain, nowhere.size) < 0 && errno == ENETUNREACH, "reachable");
    close(file);

    struct address address = loopback('4', PORT);
    int second = datagram('4');
    check(bind(second, &address.plain, address.size) < 0 && errno == EADDRINUSE, "bound twice");
    close(second);
    second = stream('4', 0);
    address.ipv4.sin_addr.s_addr = inet_addr("192.0.2.1");
    check(bind(second, &address.plain, address.size) < 0 && errno == EADDRNOTAVAIL, "bound to what is not here");
    close(second);
    close(server);
    _exit(0);
}

// Sends `size` bytes to an address and port and wants this error.
static void fail_to_send(int file, const char *text, uint16_t port, size_t size, int error)
{
    static char bytes[70000];
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_ipv6 = strchr(text, ':') != NULL;
    const struct sockaddr *to = is_ipv6 ? (struct sockaddr *)&ipv6 : (struct sockaddr *)&ipv4;

    check(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, is_ipv6 ? (void *)&ipv6.sin6_addr : (void *)&ipv4.sin_addr) == 1,
          "address");
    check(sendto(file, bytes, size, 0, to, is_ipv6 ? sizeof ipv6 : sizeof ipv4) < 0 && errno == error, text);
}

// unsent NFT: sends that fail, by each error, and some that do not.
int run_unsent(int argc, char *const argv[])
{
    char *const rules[] = {argv[0],
        "add table ip t; add chain ip t o { type filter hook output priority 0; }; add rule ip t o udp dport 4601 drop;", NULL};

    make_network();
    if (argc == 1)
        check(reap(spawn(argv[0], rules)) == 0, argv[0]);
    int file = datagram('4'), file6 = datagram('6'), server = server_at('4', PORT);

    say("pid %d", getpid());
    for (int i = 0; i < 3; i++) { // told once
        fail_to_send(file, "192.0.2.1", 80, 10, ENETUNREACH);
        fail_to_send(file6, "2001:db8::1", 81, 10, ENETUNREACH);
        fail_to_send(file6, "::ffff:192.0.2.2", 82, 10, ENETUNREACH);
        fail_to_send(file, "127.0.0.1", PORT, 70000, EMSGSIZE);
        fail_to_send(file6, "::1", PORT, 70000, EMSGSIZE);
        if (argc == 1)
            fail_to_send(file, "127.0.0.1", 4601, 10, EPERM);
        send_to(file, '4', PORT, 10);
    }
    fail_to_send(file, "192.0.2.1", 83, 10, ENETUNREACH); // another flow

    // By a message, from a socket with an address.
    struct address self = loopback('4', 4700), far = loopback('4', 84);
    struct iovec part = {zeros, 5};
    struct msghdr message = {.msg_name = &far.plain, .msg_namelen = far.size, .msg_iov = &part, .msg_iovlen = 1};
    int third = datagram('4');
    far.ipv4.sin_addr.s_addr = inet_addr("192.0.2.3");
    check(bind(third, &self.plain, self.size) == 0, "bind");
    check(sendmsg(third, &message, 0) < 0 && errno == ENETUNREACH, "sendmsg");

    // Nobody is there, which the next send is told.
    int refused = client_of('4', PORT + 1), refused6 = client_of('6', PORT + 1), mapped = client_of('m', PORT + 2);
    for (int i = 0; i < 3; i++) {
        check(send(refused, zeros, 5, 0) == 5 && send(refused6, zeros, 5, 0) == 5 && write(mapped, zeros, 5) == 5, "send");
        poll(NULL, 0, 20);
        check(send(refused, zeros, 5, 0) < 0 && errno == ECONNREFUSED, "not refused");
        check(send(refused6, zeros, 5, 0) < 0 && errno == ECONNREFUSED, "not refused");
        check(write(mapped, zeros, 5) < 0 && errno == ECONNREFUSED, "not refused");
    }
    say("refused %u %u %u", port_of(refused), port_of(refused6), port_of(mapped));
    close(server);
    _exit(0);
}

// flood COUNT MILLISECONDS: so many flows at once, in the middle of which processes begin. After that time each of those sends
// one datagram.
int run_flood(int argc, char *const argv[])
{
    int go[2];
    char byte;

    check(argc == 2 && pipe(go) == 0, "arguments");
    make_network();
    int file = datagram('4');
    for (int i = 0; i < atoi(argv[0]); i++) {
        send_to(file, '4', (uint16_t)(10000 + i), 1);
        if (i % 100 || i >= 1000 || fork_named("late") != 0)
            continue;
        close(go[1]);
        check(read(go[0], &byte, 1) == 0, "wait"); // until the parent closes it
        int own = datagram('4');
        send_to(own, '4', (uint16_t)(9000 + i / 100), 7);
        say("late %d %d", getpid(), 9000 + i / 100);
        poll(NULL, 0, 300);
        _exit(0);
    }
    say("over");
    poll(NULL, 0, atoi(argv[1]));
    close(go[1]);
    for (int i = 0; i < 10; i++)
        check(wait(NULL) > 0, "wait");
    _exit(0);
}

// datagram-owners: flows of a socket that is inherited, of one that goes idle, of one that only receives, and of two that have
// the same port one after the other.
int run_datagram_owners(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    make_network();
    int server = server_at('4', PORT);
    int silent = server_at('4', PORT + 1);

    // Opened by the parent, used by the child alone.
    int file = client_of('4', PORT);
    pid_t pid = fork_named("heir");
    if (pid == 0) {
        check(send(file, zeros, 77, 0) == 77, "send");
        _exit(0);
    }
    check(reap(pid) == 0, "the heir failed");
    say("inherited %u %d", port_of(file), pid);
    close(file);

    // Its socket stays open, and after a while it is used again.
    file = client_of('4', PORT);
    check(send(file, zeros, 10, 0) == 10, "send");
    poll(NULL, 0, 4000);
    check(send(file, zeros, 20, 0) == 20, "send");
    say("idle %u", port_of(file));
    close(file);

    file = client_of('4', PORT + 1);
    for (int i = 0; i < 5; i++)
        check(send(file, zeros, 100, 0) == 100, "send");
    say("silent %u", port_of(file));
    close(file);
    set("/proc/sys/net/ipv4/ip_local_port_range", "50000 50000");
    for (int i = 1; i <= 2; i++) {
        file = client_of('4', PORT);
        check(send(file, zeros, 100 * i, 0) == 100 * i, "send");
        close(file);
    }
    poll(NULL, 0, 50);
    close(silent);
    close(server);
    _exit(0);
}
