// SPDX-License-Identifier: Apache-2.0
// Packets that the kernel drops, in exactly known numbers, in a network namespace of their own: each kind says
// "dropped WHAT PORT COUNT".
#include "sockets.h"

#include <linux/filter.h>
#include <netinet/ip.h>
#include <time.h>

#define CLOSED 4100
#define FULL 4200
#define CHECKSUM 4300
#define FILTERED 4400
#define STREAM 4500

static struct sockaddr_in here(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int datagram(int port)
{
    struct sockaddr_in address = here(port);
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    check(file >= 0 && (!port || bind(file, (struct sockaddr *)&address, sizeof address) == 0), "datagram");
    return file;
}

static void send_to(int file, int port, size_t size)
{
    static char zeros[2000];
    struct sockaddr_in address = here(port);

    check(sendto(file, zeros, size, 0, (struct sockaddr *)&address, sizeof address) == (ssize_t)size, "sendto");
}

static long received(int file)
{
    static char buffer[2000];
    long count = 0;

    while (recv(file, buffer, sizeof buffer, MSG_DONTWAIT) >= 0)
        count++;
    check(errno == EAGAIN, "recv");
    return count;
}

// A packet of UDP with a sum that is wrong. By a socket that gets none itself.
static void send_wrong(int raw, int port)
{
    struct {
        struct iphdr ip;
        uint16_t source, destination, size, sum;
        char data[8];
    } packet = {
        .ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = htonl(INADDR_LOOPBACK)},
        .source = htons(4301), .destination = htons((uint16_t)port), .size = htons(16), .sum = htons(0x1234),
        .data = "wrong",
    };
    struct sockaddr_in address = here(0);

    check(sendto(raw, &packet, sizeof packet, 0, (struct sockaddr *)&address, sizeof address) == sizeof packet, "raw");
}

// drops COUNT: for no socket by IPv4 and IPv6, for a full queue, a wrong sum, a filter, and connects to no socket.
int run_drops(int argc, char *const argv[])
{
    long count = argc > 0 ? atol(argv[0]) : 100;

    prctl(PR_SET_NAME, "dropper");
    make_network();
    int file = datagram(4101);
    for (long i = 0; i < count; i++)
        send_to(file, CLOSED, 100);
    say("dropped NO_SOCKET %d %ld", CLOSED, count);

    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(CLOSED + 1), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int file6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (long i = 0; i < count; i++)
        check(sendto(file6, "x", 1, 0, (struct sockaddr *)&six, sizeof six) == 1, "sendto6");
    say("dropped NO_SOCKET %d %ld", CLOSED + 1, count);

    // Another process gets them, which does not run when they come.
    int ready[2], sent[2], size = 4096;
    char byte = 0;
    check(pipe(ready) == 0 && pipe(sent) == 0, "pipe");
    pid_t pid = fork_named("receiver");
    if (pid == 0) {
        int full = datagram(FULL);
        check(setsockopt(full, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0, "SO_RCVBUF");
        check(write(ready[1], &byte, 1) == 1 && read(sent[0], &byte, 1) == 1, "wait");
        say("dropped SOCKET_RCVBUFF %d %ld", FULL, count - received(full));
        _exit(0);
    }
    say("receiver %d", pid);
    check(read(ready[0], &byte, 1) == 1, "wait");
    for (long i = 0; i < count; i++)
        send_to(file, FULL, 1000);
    check(write(sent[1], &byte, 1) == 1 && reap(pid) == 0, "the receiver failed");

    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    check(raw >= 0, "raw");
    int checked = datagram(CHECKSUM);
    for (long i = 0; i < count; i++)
        send_wrong(raw, CHECKSUM);
    say("dropped UDP_CSUM %d %ld", CHECKSUM, count);
    check(received(checked) == 0, "a wrong sum was taken");
    close(raw);

    struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
    struct sock_fprog program = {.len = 1, .filter = &nothing};
    int filtered = datagram(FILTERED);
    check(setsockopt(filtered, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0, "filter");
    for (long i = 0; i < count; i++)
        send_to(file, FILTERED, 10);
    say("dropped SOCKET_FILTER %d %ld", FILTERED, count);

    for (long i = 0; i < count; i++) {
        struct sockaddr_in address = here(STREAM);
        int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(connect(stream, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED, "connect");
        close(stream);
    }
    say("dropped NO_SOCKET %d %ld", STREAM, count);
    _exit(0);
}

// drop-ports COUNT: one packet to each of so many ports where nobody listens.
int run_drop_ports(int argc, char *const argv[])
{
    long count = argc > 0 ? atol(argv[0]) : 100;

    make_network();
    int file = datagram(4101);
    for (long i = 0; i < count; i++)
        send_to(file, 10000 + (int)i, 1);
    _exit(0);
}

// drop-stream SECONDS: to a port where nobody listens, until then; says how many.
int run_drop_stream(int argc, char *const argv[])
{
    long seconds = argc > 0 ? atol(argv[0]) : 1, count = 0;
    struct timespec start, now;

    make_network();
    int file = datagram(4101);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 50; i++)
            send_to(file, CLOSED, 1);
        count += 50;
        usleep(10000);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < seconds);
    say("dropped NO_SOCKET %d %ld", CLOSED, count);
    _exit(0);
}

// drop-rules NFT COUNT: what a packet filter drops, as it comes and as it leaves, and a packet without ports.
int run_drop_rules(int argc, char *const argv[])
{
    check(argc == 2, "arguments");
    long count = atol(argv[1]);
    char *const words[] = {argv[0],
        "add table ip t; add chain ip t i { type filter hook input priority 0; };"
        "add rule ip t i udp dport 4600 drop; add rule ip t i icmp type echo-request drop;"
        "add chain ip t o { type filter hook output priority 0; }; add rule ip t o udp dport 4601 drop;", NULL};

    prctl(PR_SET_NAME, "dropper");
    make_network();
    check(reap(spawn(argv[0], words)) == 0, argv[0]);
    int file = datagram(4101), echo = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    struct sockaddr_in leaving = here(4601), to = here(0);
    const uint8_t question[8] = {8, 0, 0xf7, 0xff}; // an echo request, with its sum
    for (long i = 0; i < count; i++) {
        send_to(file, 4600, 10);
        check(sendto(file, "x", 1, 0, (struct sockaddr *)&leaving, sizeof leaving) < 0 && errno == EPERM, "it leaves");
        check(sendto(echo, question, sizeof question, 0, (struct sockaddr *)&to, sizeof to) == sizeof question, "echo");
    }
    check(received(echo) == 0, "an answer");
    _exit(0);
}
