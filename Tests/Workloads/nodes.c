// SPDX-License-Identifier: Apache-2.0
// A node with a pod and what the pod asks for, each in a network namespace of its own, and packet filters of the node that lead
// the pod elsewhere than it asks, as kube-proxy does.
#include "cables.h"

enum { STREAMS = 4000, DATAGRAMS, OWN_STREAMS, OWN_DATAGRAMS };
enum { TO_STREAMS = 80, TO_DATAGRAMS, TO_OWN_STREAMS, TO_NOBODY, TO_OWN_DATAGRAMS };

// ---- servers

static int bound(int family, int type, uint16_t port)
{
    struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family, .sin6_port = htons(port)};
    int file = socket(family, type | SOCK_CLOEXEC, 0), yes = 1;
    socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof address;

    if (family == AF_INET6)
        check(setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) == 0, "IPV6_V6ONLY");
    check(bind(file, (struct sockaddr *)&address, size) == 0, "bind");
    check(type == SOCK_DGRAM || listen(file, 8) == 0, "listen");
    return file;
}

// Each is a process that goes on until its parent ends.
static void begin_streams(int family, uint16_t port)
{
    int file = bound(family, SOCK_STREAM, port);

    if (fork_named("server") != 0) {
        close(file);
        return;
    }
    for (;;) { // takes three bytes, answers five
        char bytes[8];
        int peer = accept(file, NULL, NULL);

        check(recv(peer, bytes, sizeof bytes, 0) == 3 && send(peer, "abcde", 5, 0) == 5, "serve");
        check(recv(peer, bytes, sizeof bytes, 0) == 0, "the end");
        close(peer);
    }
}

static void begin_datagrams(int family, uint16_t port)
{
    int file = bound(family, SOCK_DGRAM, port);

    if (fork_named("server") != 0) {
        close(file);
        return;
    }
    for (;;) { // answers with ten bytes more
        struct sockaddr_in6 from;
        socklen_t length = sizeof from;
        char bytes[64] = {0};
        ssize_t size = recvfrom(file, bytes, sizeof bytes - 10, 0, (struct sockaddr *)&from, &length);

        check(size >= 0, "recvfrom");
        check(sendto(file, bytes, (size_t)size + 10, 0, (struct sockaddr *)&from, length) == size + 10, "answer");
    }
}

// ---- the pod

static struct address service(char kind, uint16_t port)
{
    struct address address = loopback(kind, port);

    if (kind == '4')
        address.ipv4.sin_addr.s_addr = inet_addr("10.96.0.1");
    else
        check(inet_pton(AF_INET6, kind == '6' ? "fd00:96::1" : "::ffff:10.96.0.1", &address.ipv6.sin6_addr) == 1, "pton");
    return address;
}

static void ask_by_stream(char kind, uint16_t port)
{
    struct address address = service(kind, port);
    int file = stream(kind, 0);
    char bytes[8];

    check(connect(file, &address.plain, address.size) == 0, "connect");
    say("stream%c%u %u", kind, port, port_of(file));
    check(send(file, "abc", 3, 0) == 3 && recv(file, bytes, sizeof bytes, 0) == 5, "ask by a stream");
    close(file);
}

static void ask_at(struct address address, char kind, uint16_t port, bool is_connected, int count)
{
    int file = socket(kind == '4' ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char bytes[64];

    if (is_connected)
        check(connect(file, &address.plain, address.size) == 0, "connect");
    for (int i = 0; i < count; i++) {
        if (is_connected)
            check(send(file, "abcd", 4, 0) == 4, "send");
        else
            check(sendto(file, "abcd", 4, 0, &address.plain, address.size) == 4, "sendto");
        check(recv(file, bytes, sizeof bytes, 0) == 14, "answer");
    }
    say("flow%c%u %u %d", kind, port, port_of(file), count);
    close(file);
}

static void ask_by_datagrams(char kind, uint16_t port, bool is_connected, int count)
{
    ask_at(service(kind, port), kind, port, is_connected, count);
}

static void ask(const char *kinds)
{
    for (const char *kind = kinds; *kind; kind++) {
        struct address nobody = service(*kind, TO_NOBODY);
        int file = stream(*kind, 0);

        ask_by_stream(*kind, TO_STREAMS);
        ask_by_stream(*kind, TO_OWN_STREAMS);
        ask_by_datagrams(*kind, TO_DATAGRAMS, false, 1);
        ask_by_datagrams(*kind, TO_DATAGRAMS, true, 3);
        ask_by_datagrams(*kind, TO_OWN_DATAGRAMS, false, 2);
        check(connect(file, &nobody.plain, nobody.size) < 0 && errno == ECONNREFUSED, "not refused");
        close(file);
    }
}

// ---- the node

static void add_rules(char *program, const char *kinds)
{
    static const struct { int port; const char *protocol; const char *to, *to6; } rules[] = {
        {TO_STREAMS, "tcp", "10.9.2.2:4000", "[fd00:2::2]:4000"},
        {TO_DATAGRAMS, "udp", "10.9.2.2:4001", "[fd00:2::2]:4001"},
        {TO_OWN_STREAMS, "tcp", "10.9.1.1:4002", "[fd00:1::1]:4002"},
        {TO_OWN_DATAGRAMS, "udp", "10.9.1.1:4003", "[fd00:1::1]:4003"},
        {TO_NOBODY, "tcp", "10.9.2.2:4999", "[fd00:2::2]:4999"},
    };
    char text[2048], port[8];
    int size = 0;

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        snprintf(port, sizeof port, "%d", rules[i].port);
        if (strstr(program, "iptables")) {
            run((char *[]){program, "-t", "nat", "-A", "PREROUTING", "-d", "10.96.0.1", "-p", (char *)rules[i].protocol,
                "--dport", port, "-j", "DNAT", "--to-destination", (char *)rules[i].to, NULL});
            continue;
        }
        if (i == 0)
            size = snprintf(text, sizeof text, "add table ip t; add chain ip t p { type nat hook prerouting priority -100; };"
                "add table ip6 t; add chain ip6 t p { type nat hook prerouting priority -100; };");
        size += snprintf(text + size, sizeof text - (size_t)size, "add rule ip t p ip daddr 10.96.0.1 %s dport %s dnat to %s;",
            rules[i].protocol, port, rules[i].to);
        if (strchr(kinds, '6'))
            size += snprintf(text + size, sizeof text - (size_t)size,
                "add rule ip6 t p ip6 daddr fd00:96::1 %s dport %s dnat to %s;", rules[i].protocol, port, rules[i].to6);
    }
    if (size == 0)
        return;
    // What the node itself asks comes from another port than it was sent from.
    snprintf(text + size, sizeof text - (size_t)size,
        "add chain ip t s { type nat hook postrouting priority 100; };"
        "add rule ip t s ip saddr 10.9.2.1 udp dport 4001 snat to 10.9.2.1:7000-7010;");
    run((char *[]){program, text, NULL});
}

// A process in a network namespace of its own, which says on `ready` that it has it and waits for `go`.
static pid_t begin(const char *name, const int ready[2], const int go[2])
{
    pid_t pid = fork_named(name);

    if (pid == 0) {
        make_network();
        trust_addresses();
        tell(ready[1]);
        wait_for(go[0]);
    } else {
        wait_for(ready[0]);
    }
    return pid;
}

// node nft|iptables KINDS
int run_node(int argc, char *const argv[])
{
    int ready[2], pod_goes[2], backend_goes[2];
    int status;

    check(argc == 2 && pipe(ready) == 0 && pipe(pod_goes) == 0 && pipe(backend_goes) == 0, "arguments");
    prctl(PR_SET_NAME, "node");
    make_network();
    trust_addresses();
    set("/proc/sys/net/ipv4/ip_forward", "1");
    set("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    pid_t backend = begin("backend", ready, backend_goes);
    if (backend == 0) {
        set_addresses("eth0", "10.9.2.2", "fd00:2::2");
        set_gateway("10.9.2.1", "fd00:2::1");
        for (int i = 0; i < 2; i++) {
            begin_streams(i ? AF_INET6 : AF_INET, STREAMS);
            begin_datagrams(i ? AF_INET6 : AF_INET, DATAGRAMS);
        }
        tell(ready[1]);
        pause();
    }
    pid_t pod = begin("pod", ready, pod_goes);
    if (pod == 0) {
        set_addresses("eth0", "10.9.1.2", "fd00:1::2");
        set_gateway("10.9.1.1", "fd00:1::1");
        say("pod %d", getpid());
        ask(argv[1]);
        _exit(0);
    }
    add_cable("backend0", backend);
    add_cable("pod0", pod);
    set_addresses("backend0", "10.9.2.1", "fd00:2::1");
    set_addresses("pod0", "10.9.1.1", "fd00:1::1");
    add_rules(argv[0], argv[1]);
    for (int i = 0; i < 2; i++) {
        begin_streams(i ? AF_INET6 : AF_INET, OWN_STREAMS);
        begin_datagrams(i ? AF_INET6 : AF_INET, OWN_DATAGRAMS);
    }
    tell(backend_goes[1]);
    wait_for(ready[0]);
    tell(pod_goes[1]);
    status = reap(pod);
    if (strstr(argv[0], "nft")) {
        struct address address = loopback('4', DATAGRAMS);

        address.ipv4.sin_addr.s_addr = inet_addr("10.9.2.2");
        ask_at(address, '4', 1, false, 2);
    }
    kill(backend, SIGKILL);
    reap(backend);
    check(status == 0, "the pod failed");
    _exit(0);
}
