// SPDX-License-Identifier: Apache-2.0
// TCP connections in a network namespace of their own, in exactly known numbers. Each workload says what it did, from the
// side of the client: "open PORT SENT RECEIVED".
#include "sockets.h"

#include <linux/bpf.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/sendfile.h>
#include <sys/mman.h>
#include <time.h>

static void send_all(int file, size_t count)
{
    static char zeros[65536];

    while (count > 0) {
        ssize_t part = send(file, zeros, count < sizeof zeros ? count : sizeof zeros, MSG_NOSIGNAL);
        check(part > 0, "send");
        count -= (size_t)part;
    }
}

// Until the other side has closed, or `count` bytes have come.
static size_t receive(int file, size_t count)
{
    static char buffer[65536];
    size_t sum = 0;

    while (sum < count) {
        ssize_t part = recv(file, buffer, count - sum < sizeof buffer ? count - sum : sizeof buffer, 0);
        check(part >= 0, "recv");
        if (part == 0)
            break;
        sum += (size_t)part;
    }
    return sum;
}

// What each side sends in connection number `index`.
static size_t question_of(long index) { return (size_t)(index * 7 % 5000 + 1); }
static size_t answer_of(long index) { return (size_t)(index * 131 % 70000); }

static void exchange(char kind, long count)
{
    int server = listener(kind == 'm' ? '4' : kind, PORT, 128);
    pid_t pid = fork_named("server");

    if (pid == 0) {
        for (long i = 0; i < count; i++) {
            int file = accept4(server, NULL, NULL, SOCK_CLOEXEC);
            check(file >= 0, "accept");
            check(receive(file, question_of(i)) == question_of(i), "question");
            send_all(file, answer_of(i));
            // The client closes first.
            check(receive(file, 1) == 0, "end");
            close(file);
        }
        _exit(0);
    }
    prctl(PR_SET_NAME, "client");
    say("pids %d %d", getpid(), pid);
    for (long i = 0; i < count; i++) {
        int file = connected(kind, PORT);
        send_all(file, question_of(i));
        check(receive(file, answer_of(i)) == answer_of(i), "answer");
        say("open %u %zu %zu", port_of(file), question_of(i), answer_of(i));
        close(file);
    }
    check(reap(pid) == 0, "the server failed");
    close(server);
}

// connections 4|6|m COUNT: one after the other, the client closes.
int run_connections(int argc, char *const argv[])
{
    check(argc == 2, "arguments");
    make_network();
    exchange(argv[0][0], atol(argv[1]));
    _exit(0);
}

// networks COUNT: that many connections at a time, in two network namespaces with the same addresses and ports.
int run_networks(int argc, char *const argv[])
{
    long count = argc > 0 ? atol(argv[0]) : 50;
    pid_t pids[2];

    for (int i = 0; i < 2; i++) {
        pids[i] = fork_named(i ? "second" : "first");
        if (pids[i])
            continue;
        int files[2][256];
        check(count <= 256, "count");
        make_network();
        int server = listener('4', PORT, 256);
        for (long n = 0; n < count; n++)
            files[0][n] = connected('4', PORT);
        for (long n = 0; n < count; n++) {
            files[1][n] = accept(server, NULL, NULL);
            check(files[1][n] >= 0, "accept");
        }
        for (long n = 0; n < count; n++)
            send_all(files[0][n], (size_t)(100 + i));
        for (long n = 0; n < count; n++)
            check(receive(files[1][n], (size_t)(100 + i)) == (size_t)(100 + i), "receive");
        for (long n = 0; n < count; n++)
            close(files[0][n]);
        for (long n = 0; n < count; n++)
            close(files[1][n]);
        close(server);
        _exit(0);
    }
    check(reap(pids[0]) == 0 && reap(pids[1]) == 0, "a network failed");
    _exit(0);
}

static int failure(char kind, uint16_t port)
{
    struct address address = loopback(kind, port);
    int file = stream(kind, 0);
    int result = connect(file, &address.plain, address.size);
    int error = errno;

    check(result < 0, "connect works");
    close(file);
    return error;
}

// unheard 4|6|m COUNT: connects to a port where nobody listens.
int run_unheard(int argc, char *const argv[])
{
    check(argc == 2, "arguments");
    make_network();
    for (long i = 0; i < atol(argv[1]); i++)
        check(failure(argv[0][0], PORT) == ECONNREFUSED, "not refused");
    _exit(0);
}

// A queue that takes one connection, and has it: further ones are not answered.
static int deaf(uint16_t port)
{
    int server = listener('4', port, 0);
    struct pollfd wanted = {.fd = server, .events = POLLIN};

    connected('4', port);
    check(poll(&wanted, 1, 5000) == 1, "poll");
    return server;
}

// unanswered: one that waits for its answer in vain (3 s), and one that is given up after 50 ms.
int run_unanswered(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    make_network();
    set("/proc/sys/net/ipv4/tcp_syn_retries", "1");
    deaf(PORT);
    int file = stream('4', SOCK_NONBLOCK);
    struct address address = loopback('4', PORT);
    check(connect(file, &address.plain, address.size) < 0 && errno == EINPROGRESS, "not in progress");
    poll(NULL, 0, 50);
    close(file);
    check(failure('4', PORT) == ETIMEDOUT, "no timeout");
    _exit(0);
}

// early: connects that fail in the call itself, and one that does not block.
int run_early(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    make_network();
    struct address nowhere = loopback('4', 80);
    nowhere.ipv4.sin_addr.s_addr = inet_addr("192.0.2.1");
    int file = stream('4', 0);
    check(connect(file, &nowhere.plain, nowhere.size) < 0 && errno == ENETUNREACH, "reachable");
    close(file);

    int server = listener('4', PORT, 8);
    file = stream('4', SOCK_NONBLOCK);
    struct address address = loopback('4', PORT);
    check(connect(file, &address.plain, address.size) < 0 && errno == EINPROGRESS, "not in progress");
    struct pollfd wanted = {.fd = file, .events = POLLOUT};
    check(poll(&wanted, 1, 5000) == 1, "poll");
    // Asked again: it is connected, and then it is connected already.
    check(connect(file, &address.plain, address.size) == 0, "not connected");
    check(connect(file, &address.plain, address.size) < 0 && errno == EISCONN, "not connected");

    // Refused without blocking, and asked again for the reason.
    int other = stream('4', SOCK_NONBLOCK);
    struct address closed = loopback('4', PORT + 1);
    int result = connect(other, &closed.plain, closed.size);
    check(result < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED), "not in progress");
    if (errno == EINPROGRESS) {
        wanted.fd = other;
        check(poll(&wanted, 1, 5000) == 1, "poll");
        check(connect(other, &closed.plain, closed.size) < 0 && errno == ECONNREFUSED, "not refused");
    }

    // Of one port that is left, one connection to an address can be made.
    set("/proc/sys/net/ipv4/ip_local_port_range", "50000 50000");
    int first = connected('4', PORT);
    int second = stream('4', 0);
    check(connect(second, &address.plain, address.size) < 0 && errno == EADDRNOTAVAIL, "a port is left");
    close(second);
    close(first);
    close(other);
    close(file);
    close(server);
    _exit(0);
}

// endings: reset by either side, half closed; and closed by another process than the one that connected.
int run_endings(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    struct linger hard = {.l_onoff = 1};
    make_network();
    int server = listener('4', PORT, 8);

    // The other side breaks it off.
    int client = connected('4', PORT), accepted = accept(server, NULL, NULL);
    say("reset-by-peer %u", port_of(client));
    setsockopt(accepted, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(accepted);
    close(client);

    // This side does, with data that nobody has read.
    client = connected('4', PORT), accepted = accept(server, NULL, NULL);
    say("reset %u", port_of(client));
    send_all(accepted, 10);
    struct pollfd wanted = {.fd = client, .events = POLLIN};
    check(poll(&wanted, 1, 5000) == 1, "poll");
    close(client);
    close(accepted);

    // Half closed: the answer comes after the end of the question.
    client = connected('4', PORT), accepted = accept(server, NULL, NULL);
    say("half %u", port_of(client));
    send_all(client, 300);
    shutdown(client, SHUT_WR);
    check(receive(accepted, 1000) == 300, "question");
    send_all(accepted, 4000);
    close(accepted);
    check(receive(client, 10000) == 4000, "answer");
    close(client);

    // A child inherits it and ends it; the parent has no part in that.
    client = connected('4', PORT), accepted = accept(server, NULL, NULL);
    say("inherited %u", port_of(client));
    pid_t pid = fork_named("heir");
    if (pid == 0) {
        close(accepted);
        send_all(client, 77);
        poll(NULL, 0, 30);
        _exit(0);
    }
    close(client);
    check(receive(accepted, 1000) == 77, "what the heir sent");
    check(reap(pid) == 0, "the heir failed");
    close(accepted);

    // Closed by the end of its process.
    pid = fork_named("leaver");
    if (pid == 0) {
        client = connected('4', PORT);
        say("left %u", port_of(client));
        send_all(client, 5);
        _exit(0);
    }
    accepted = accept(server, NULL, NULL);
    check(receive(accepted, 100) == 5, "what the leaver sent");
    check(reap(pid) == 0, "the leaver failed");
    close(accepted);
    close(server);
    _exit(0);
}

// A program on the cgroup that leads connects to 10.96.0.1 to our own server, as those for services of Kubernetes do. It is
// attached as long as the descriptor is open.
static int redirect(int cgroup)
{
    const uint32_t service = inet_addr("10.96.0.1"), server = htonl(INADDR_LOOPBACK);
    const int ip = offsetof(struct bpf_sock_addr, user_ip4), port = offsetof(struct bpf_sock_addr, user_port);
    struct bpf_insn program[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1}, // let it through
        {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = (short)ip},
        {.code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = 2, .off = 4, .imm = (int)service},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = (int)server},
        {.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 2, .off = (short)ip},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = htons(PORT)},
        {.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 2, .off = (short)port},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr load = {
        .prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
        .expected_attach_type = BPF_CGROUP_INET4_CONNECT,
        .insns = (uint64_t)(uintptr_t)program,
        .insn_cnt = sizeof program / sizeof *program,
        .license = (uint64_t)(uintptr_t)"GPL",
    };
    int loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    check(loaded >= 0, "load");
    union bpf_attr attach = {
        .link_create = {
            .prog_fd = (uint32_t)loaded,
            .target_fd = (uint32_t)cgroup,
            .attach_type = BPF_CGROUP_INET4_CONNECT,
        },
    };
    int link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attach, sizeof attach);
    check(link >= 0, "attach");
    return link;
}

// service CGROUP: connects to an address that is another's, in that cgroup.
int run_service(int argc, char *const argv[])
{
    char path[4096];

    check(argc == 1, "arguments");
    int cgroup = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(cgroup >= 0, argv[0]);
    snprintf(path, sizeof path, "%s/cgroup.procs", argv[0]);
    set(path, "0");
    make_network();
    int server = listener('4', PORT, 8), link = redirect(cgroup);
    struct address address = loopback('4', 443);
    address.ipv4.sin_addr.s_addr = inet_addr("10.96.0.1");
    for (int i = 0; i < 3; i++) {
        int client = stream('4', i == 1 ? SOCK_NONBLOCK : 0);
        int result = connect(client, &address.plain, address.size);
        check(result == 0 || (i == 1 && errno == EINPROGRESS), "connect");
        int accepted = accept(server, NULL, NULL);
        check(accepted >= 0, "accept");
        send_all(accepted, 9);
        close(accepted);
        struct pollfd wanted = {.fd = client, .events = POLLIN};
        check(poll(&wanted, 1, 5000) == 1 && receive(client, 100) == 9, "answer");
        close(client);
    }
    close(link);
    close(server);
    _exit(0);
}

// places ADDRESS...: connects to each of these, which all are its own.
int run_places(int argc, char *const argv[])
{
    make_network();
    int server = listener('4', PORT, 8), any = stream('4', 0);
    struct address everywhere = loopback('4', PORT + 1);
    everywhere.ipv4.sin_addr.s_addr = htonl(INADDR_ANY);
    check(bind(any, &everywhere.plain, everywhere.size) == 0 && listen(any, 8) == 0, "listen");
    for (int i = 0; i < argc; i++) {
        struct ifreq request = {0};
        struct address address = loopback('4', PORT + 1);
        snprintf(request.ifr_name, sizeof request.ifr_name, "lo:%d", i + 1);
        check(inet_pton(AF_INET, argv[i], &address.ipv4.sin_addr) == 1, argv[i]);
        memcpy(&request.ifr_addr, &address.plain, sizeof request.ifr_addr);
        int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        check(control >= 0 && ioctl(control, SIOCSIFADDR, &request) == 0, "address");
        close(control);
        int client = stream('4', 0);
        check(connect(client, &address.plain, address.size) == 0, "connect");
        close(client);
    }
    close(any);
    close(server);
    _exit(0);
}

// standing: a listening socket and a connection; says so, waits for its input to end, and closes them.
int run_standing(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    char byte;

    make_network();
    prctl(PR_SET_NAME, "standing");
    int server = listener('4', PORT, 8);
    int client = connected('4', PORT), accepted = accept(server, NULL, NULL);
    send_all(client, 1234);
    check(receive(accepted, 1234) == 1234, "question");
    send_all(accepted, 50);
    check(receive(client, 50) == 50, "answer");
    say("standing %u", port_of(client));
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    send_all(client, 6);
    check(receive(accepted, 6) == 6, "the rest");
    close(client);
    check(receive(accepted, 1) == 0, "end");
    close(accepted);
    close(server);
    _exit(0);
}

// open-connections: one over IPv4, one over IPv6, one to IPv4 by a socket of IPv6, and one to elsewhere; when its input ends,
// what becomes of a write to each.
int run_open_connections(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    static const struct {
        char kind;
        uint16_t port;
    } ends[] = {{'4', PORT}, {'6', PORT + 1}, {'m', PORT}, {'4', PORT + 2}};
    int clients[4], errors[4];
    char byte;

    make_network();
    prctl(PR_SET_NAME, "open-ends");
    signal(SIGPIPE, SIG_IGN);
    listener('4', PORT, 8);
    listener('6', PORT + 1, 8);
    listener('4', PORT + 2, 8);
    for (int i = 0; i < 4; i++)
        clients[i] = connected(ends[i].kind, ends[i].port);
    say("open");
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    for (int i = 0; i < 4; i++)
        errors[i] = write(clients[i], "x", 1) < 0 ? errno : 0;
    say("written %d %d %d %d", errors[0], errors[1], errors[2], errors[3]);
    return 0;
}

// ways: data by sendfile and splice, and in the first packet (TCP Fast Open).
int run_ways(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    make_network();
    set("/proc/sys/net/ipv4/tcp_fastopen", "3");
    int file = memfd_create("content", MFD_CLOEXEC);
    check(file >= 0 && ftruncate(file, 100000) == 0, "memfd");
    int server = listener('4', PORT, 8), length = 8;
    check(setsockopt(server, IPPROTO_TCP, TCP_FASTOPEN, &length, sizeof length) == 0, "fast open");

    pid_t pid = fork_named("server");
    if (pid == 0) {
        for (int i = 0; i < 4; i++) {
            int accepted = accept(server, NULL, NULL);
            check(accepted >= 0, "accept");
            size_t sum = receive(accepted, 1 << 20);
            send_all(accepted, sum / 10);
            close(accepted);
        }
        _exit(0);
    }
    int client = connected('4', PORT);
    check(sendfile(client, file, NULL, 100000) == 100000, "sendfile");
    shutdown(client, SHUT_WR);
    say("sendfile %u %zu", port_of(client), receive(client, 1 << 20));
    close(client);

    int ends[2];
    check(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    client = connected('4', PORT);
    for (size_t left = 50000; left > 0;) {
        off64_t zero = 0;
        ssize_t count = splice(file, &zero, ends[1], NULL, left < 30000 ? left : 30000, 0);
        check(count > 0, "splice");
        for (ssize_t moved = 0; moved < count;) {
            ssize_t part = splice(ends[0], NULL, client, NULL, (size_t)(count - moved), 0);
            check(part > 0, "splice");
            moved += part;
        }
        left -= (size_t)count;
    }
    shutdown(client, SHUT_WR);
    say("splice %u %zu", port_of(client), receive(client, 1 << 20));
    close(client);

    // The first gets the cookie, the second uses it.
    for (int i = 0; i < 2; i++) {
        struct address address = loopback('4', PORT);
        static char data[600];
        client = stream('4', 0);
        check(sendto(client, data, sizeof data, MSG_FASTOPEN, &address.plain, address.size) == sizeof data, "fast open");
        shutdown(client, SHUT_WR);
        say("fast %u %zu", port_of(client), receive(client, 1 << 20));
        close(client);
    }
    check(reap(pid) == 0, "the server failed");
    close(server);
    _exit(0);
}
