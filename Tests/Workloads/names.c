// SPDX-License-Identifier: Apache-2.0
// A DNS server, and programs that ask it and then talk to what they were told: in network namespaces of their own, so that
// nothing leaves the machine and port 53 is free.
#include "dns.h"

#include <netinet/tcp.h>
#include <poll.h>

// ---- the server

// What it answers to a name; false for nothing. `given` is the address of every name that has none of its own.
static bool make_answer(struct message *m, const uint8_t *question, const char *given, bool by_tcp)
{
    unsigned id = (unsigned)question[0] << 8 | question[1];
    char name[256];

    read_name(question, name);
    if (!strcmp(name, "chain.test")) {
        begin(m, id, RESPONSE, 6, name, TYPE_A);
        put_alias(m, 0, 300, "one.chain.test");
        put_alias(m, "one.chain.test", 300, "two.chain.test");
        put_alias(m, "two.chain.test", 300, "three.chain.test");
        put_alias(m, "three.chain.test", 300, "four.chain.test");
        put_alias(m, "four.chain.test", 300, "five.chain.test");
        put_address(m, "five.chain.test", 30, "127.1.0.11");
    } else if (!strcmp(name, "many.test") || (!strcmp(name, "big.test") && by_tcp)) {
        int count = by_tcp ? 200 : 40;
        begin(m, id, RESPONSE, (unsigned)count, name, TYPE_A);
        for (int i = 1; i <= count; i++) {
            char address[32];
            snprintf(address, sizeof address, "127.%d.0.%d", by_tcp ? 3 : 2, i);
            put_address(m, 0, 60, address);
        }
    } else if (!strcmp(name, "big.test")) {
        begin(m, id, RESPONSE | TRUNCATED, 0, name, TYPE_A);
    } else if (!strcmp(name, "none.test")) {
        begin(m, id, RESPONSE | 3, 0, name, TYPE_A);
    } else if (!strcmp(name, "zero.test")) {
        begin(m, id, RESPONSE, 1, name, TYPE_A);
        put_address(m, 0, 0, "127.1.0.14");
    } else if (!strcmp(name, "six.test")) {
        begin(m, id, RESPONSE, 1, name, TYPE_AAAA);
        put_address(m, 0, 60, "2001:db8::10");
    } else if (!strcmp(name, "loop6.test")) {
        begin(m, id, RESPONSE, 1, name, TYPE_AAAA);
        put_address(m, 0, 60, "::1");
    } else if (!strcmp(name, "public.test")) {
        begin(m, id, RESPONSE, 1, name, TYPE_A);
        put_address(m, 0, 60, "203.0.113.5");
    } else if (!strcmp(name, "silent.test")) {
        return false;
    } else {
        begin(m, id, RESPONSE, 1, name, TYPE_A);
        put_address(m, 0, 60, given);
    }
    return true;
}

// Answers that are wrong in one way each, before the right one.
static void answer_wrongly(int fd, const struct sockaddr_in *client, const uint8_t *question)
{
    static struct message m;
    unsigned id = (unsigned)question[0] << 8 | question[1];
    int other = bound(SOCK_DGRAM, "127.0.0.54", 53);

    begin(&m, id ^ 1, RESPONSE, 1, "spoofed.test", TYPE_A);
    put_address(&m, 0, 60, "127.1.0.66");
    sendto(fd, m.bytes, m.size, 0, (const struct sockaddr *)client, sizeof *client);
    begin(&m, id, RESPONSE, 1, "spoofed.test", TYPE_A);
    put_address(&m, 0, 60, "127.1.0.66");
    sendto(other, m.bytes, m.size, 0, (const struct sockaddr *)client, sizeof *client);
    begin(&m, id, RESPONSE, 1, "other.test", TYPE_A);
    put_address(&m, 0, 60, "127.1.0.66");
    sendto(fd, m.bytes, m.size, 0, (const struct sockaddr *)client, sizeof *client);
    // Not a name: a pointer to itself. Then one byte, and none.
    m.bytes[12] = 0xc0;
    m.bytes[13] = 12;
    for (size_t size = m.size; size; size = size > 1 ? 1 : 0)
        sendto(fd, m.bytes, size, 0, (const struct sockaddr *)client, sizeof *client);
    close(other);
}

static void serve_stream(int listener, const char *given)
{
    static struct message m;
    uint8_t question[512];
    int one = 1;
    int fd = accept(listener, 0, 0);
    ssize_t size = read(fd, question, sizeof question);

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    // Every question of the segment, each answer in three parts with the length alone in front.
    for (ssize_t at = 0; at + 2 <= size; at += 2 + (question[at] << 8 | question[at + 1])) {
        uint8_t length[2];
        if (!make_answer(&m, question + at + 2, given, true))
            continue;
        length[0] = (uint8_t)(m.size >> 8);
        length[1] = (uint8_t)m.size;
        if (write(fd, length, 2) != 2 || write(fd, m.bytes, 100) != 100 ||
            write(fd, m.bytes + 100, m.size - 100) != (ssize_t)m.size - 100)
            die("write an answer");
    }
    close(fd);
}

[[noreturn]] static void serve(int ready, const char *given)
{
    static struct message m;
    struct pollfd fds[2] = {{bound(SOCK_DGRAM, server_address, 53), POLLIN, 0},
                            {bound(SOCK_STREAM, server_address, 53), POLLIN, 0}};

    close(ready);
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            die("poll");
        if (fds[1].revents)
            serve_stream(fds[1].fd, given);
        if (fds[0].revents) {
            struct sockaddr_in client;
            socklen_t length = sizeof client;
            uint8_t question[512] = {};
            char name[256];

            if (recvfrom(fds[0].fd, question, sizeof question, 0, (struct sockaddr *)&client, &length) < 12)
                continue;
            read_name(question, name);
            if (!strcmp(name, "spoofed.test"))
                answer_wrongly(fds[0].fd, &client, question);
            if (make_answer(&m, question, given, false))
                sendto(fds[0].fd, m.bytes, m.size, 0, (struct sockaddr *)&client, sizeof client);
        }
    }
}

// The same with the server in it.
static pid_t begin_namespace(const char *given)
{
    int pipes[2];
    char byte;
    pid_t pid;

    make_namespace();
    if (pipe(pipes))
        die("pipe");
    pid = fork();
    if (pid < 0)
        die("fork");
    if (!pid) {
        close(pipes[0]);
        serve(pipes[1], given);
    }
    close(pipes[1]);
    if (read(pipes[0], &byte, 1) != 0) // until it listens
        die("server");
    close(pipes[0]);
    return pid;
}

// ---- clients

// Asks by UDP, unconnected, and waits for the answer with the right number and name; its flags. -1 when none comes. `room` is
// what it says it can take, 0 for nothing.
static int ask_with(const char *name, unsigned type, unsigned id, unsigned room)
{
    static struct message m;
    struct sockaddr_in server = address_of(server_address, 53);
    struct timeval patience = {.tv_sec = 3};
    uint8_t answer[16384];
    char got[256];
    ssize_t size;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (!strcmp(name, "silent.test"))
        patience = (struct timeval){.tv_usec = 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    begin(&m, id, 0x0100, 0, name, type);
    if (room) {
        m.bytes[11] = 1; // an additional record: EDNS
        put_name(&m, "");
        put16(&m, 41);
        put16(&m, room);
        put32(&m, 0);
        put16(&m, 0);
    }
    if (sendto(fd, m.bytes, m.size, 0, (struct sockaddr *)&server, sizeof server) != (ssize_t)m.size)
        die("ask");
    for (;;) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;

        size = recvfrom(fd, answer, sizeof answer, 0, (struct sockaddr *)&from, &length);
        if (size < 0) {
            close(fd);
            return -1;
        }
        if (size <= 14 || from.sin_addr.s_addr != server.sin_addr.s_addr || memcmp(answer, m.bytes, 2) || answer[12] == 0xc0)
            continue;
        read_name(answer, got);
        if (!strcmp(got, name))
            break;
    }
    close(fd);
    return answer[2] << 8 | answer[3];
}

static int ask(const char *name, unsigned type, unsigned id)
{
    return ask_with(name, type, id, 0);
}

// Two questions in one segment.
static void ask_by_stream(const char *first, const char *second)
{
    static struct message m;
    struct sockaddr_in server = address_of(server_address, 53);
    uint8_t bytes[1024], answers[16384];
    size_t size = 0;
    ssize_t got;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    for (int i = 0; i < 2; i++) {
        begin(&m, 0x7000 + (unsigned)i, 0x0100, 0, i ? second : first, TYPE_A);
        bytes[size++] = 0;
        bytes[size++] = (uint8_t)m.size;
        memcpy(bytes + size, m.bytes, m.size);
        size += m.size;
    }
    if (connect(fd, (struct sockaddr *)&server, sizeof server) || write(fd, bytes, size) != (ssize_t)size ||
        shutdown(fd, SHUT_WR))
        die("ask by TCP");
    while ((got = read(fd, answers, sizeof answers)) > 0)
        ;
    if (got < 0)
        die("answers by TCP");
    close(fd);
}

static void must(bool is, const char *what)
{
    if (!is)
        die(what);
}

// Every kind of answer, each to a question with a name of its own.
int run_names(int, char *const[])
{
    pid_t server = begin_namespace("127.1.0.10");
    char name[32];

    must(ask("plain.test", TYPE_A, 1) == RESPONSE, "plain.test");
    must(ask("six.test", TYPE_AAAA, 2) == RESPONSE, "six.test");
    must(ask("chain.test", TYPE_A, 3) == RESPONSE, "chain.test");
    must(ask("many.test", TYPE_A, 4) == RESPONSE, "many.test");
    must(ask("big.test", TYPE_A, 5) == (RESPONSE | TRUNCATED), "big.test");
    ask_by_stream("big.test", "many.test");
    must(ask("none.test", TYPE_A, 6) == (RESPONSE | 3), "none.test");
    must(ask("zero.test", TYPE_A, 7) == RESPONSE, "zero.test");
    must(ask("spoofed.test", TYPE_A, 8) == RESPONSE, "spoofed.test");
    must(ask("silent.test", TYPE_A, 9) == -1, "silent.test");
    must(ask("Shared.TEST", TYPE_A, 10) == RESPONSE, "Shared.TEST");
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "n%u.load.test", i);
        must(ask(name, TYPE_A, 1000 + i) == RESPONSE, name);
    }
    kill(server, SIGKILL);
    reap(server);
    return 0;
}

// ---- what they do with the names

enum { SERVICE = 8443 };

// Connects, sends `size` bytes, and waits until the other side has closed.
static void dial(const char *address, const void *bytes, size_t size)
{
    struct sockaddr_in ipv4 = address_of(address, SERVICE);
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(SERVICE), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool is_ipv6 = strchr(address, ':') != 0;
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    if (is_ipv6 ? connect(fd, (struct sockaddr *)&ipv6, sizeof ipv6) : connect(fd, (struct sockaddr *)&ipv4, sizeof ipv4))
        die("connect");
    if (write(fd, bytes, size) != (ssize_t)size || shutdown(fd, SHUT_WR) || read(fd, &byte, 1) != 0)
        die("speak");
    close(fd);
}

// Accepts, reads to the end, closes; until it is killed.
static pid_t begin_service(void)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(SERVICE)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    if (bind(fd, (struct sockaddr *)&name, sizeof name) || listen(fd, 16))
        die("service");
    pid = fork();
    if (pid < 0)
        die("fork");
    if (!pid) {
        for (;;) {
            static char bytes[65536];
            int peer = accept(fd, 0, 0);

            while (read(peer, bytes, sizeof bytes) > 0)
                ;
            close(peer);
        }
    }
    close(fd);
    return pid;
}

// A ClientHello with a name, two protocols, TLS 1.3, GREASE, and `padding` bytes in front of all that.
static size_t make_hello(uint8_t *bytes, const char *name, unsigned padding)
{
    static struct message m;
    unsigned length = (unsigned)strlen(name);
    size_t extensions;

    m.size = 0;
    put16(&m, 0x0303);
    memset(m.bytes + m.size, 7, 32);
    m.size += 32;
    m.bytes[m.size++] = 0;
    put16(&m, 2);
    put16(&m, 0x1301);
    put16(&m, 0x0100);
    extensions = m.size;
    put16(&m, 0);
    put16(&m, 21);
    put16(&m, padding);
    memset(m.bytes + m.size, 0, padding);
    m.size += padding;
    put16(&m, 0);
    put16(&m, length + 5);
    put16(&m, length + 3);
    m.bytes[m.size++] = 0;
    put16(&m, length);
    memcpy(m.bytes + m.size, name, length);
    m.size += length;
    put16(&m, 16);
    put16(&m, 14);
    put16(&m, 12);
    memcpy(m.bytes + m.size, "\2h2\10http/1.1", 12);
    m.size += 12;
    put16(&m, 43);
    put16(&m, 5);
    m.bytes[m.size++] = 4;
    put32(&m, 0x2a2a0304);
    m.bytes[extensions] = (uint8_t)((m.size - extensions - 2) >> 8);
    m.bytes[extensions + 1] = (uint8_t)(m.size - extensions - 2);
    memcpy(bytes, "\26\3\1", 3);
    bytes[3] = (uint8_t)((m.size + 4) >> 8);
    bytes[4] = (uint8_t)(m.size + 4);
    bytes[5] = 1;
    bytes[6] = 0;
    bytes[7] = (uint8_t)(m.size >> 8);
    bytes[8] = (uint8_t)m.size;
    memcpy(bytes + 9, m.bytes, m.size);
    return m.size + 9;
}

static void ask_in_child(const char *name)
{
    pid_t pid = fork();

    if (!pid)
        _exit(ask(name, TYPE_A, 77) == RESPONSE ? 0 : 99);
    must(pid > 0 && reap(pid) == 0, name);
}

// Connections to addresses with and without names.
int run_named(int argc, char *const argv[])
{
    static uint8_t hello[8192];
    pid_t server = begin_namespace("127.1.0.10"), service = begin_service(), other;

    say("pid %d\n", getpid());
    dial("203.0.113.5", "", 0); // a public address that nobody asked for
    must(ask("public.test", TYPE_A, 1) == RESPONSE, "public.test");
    dial("203.0.113.5", "", 0);
    must(ask("chain.test", TYPE_A, 2) == RESPONSE, "chain.test");
    dial("127.1.0.11", "", 0);
    must(ask("first.test", TYPE_A, 3) == RESPONSE, "first.test");
    must(ask("second.test", TYPE_A, 4) == RESPONSE, "second.test");
    ask_in_child("third.test");
    dial("127.1.0.10", "", 0); // three names, and its own last is the second
    must(ask("zero.test", TYPE_A, 5) == RESPONSE, "zero.test");
    dial("127.1.0.14", "", 0);
    must(ask("spoofed.test", TYPE_A, 6) == RESPONSE, "spoofed.test");
    dial("127.1.0.66", "", 0); // what the wrong answers said
    dial("127.1.0.97", hello, make_hello(hello, "Short.SNI.test", 0));
    dial("127.1.0.98", hello, make_hello(hello, "long.sni.test", 3500)); // more than a segment of Ethernet has
    dial("127.1.0.99", "GET / HTTP/1.0\r\n\r\n", 18);
    must(ask("loop6.test", TYPE_AAAA, 7) == RESPONSE, "loop6.test");
    dial("::1", "", 0);
    if (argc > 0) { // a program with an /etc/hosts of its own
        pid_t child = fork();
        if (!child) {
            if (chroot(argv[0]) || chdir("/"))
                die("chroot");
            execv(argv[1], argv + 1);
            die("execute");
        }
        must(reap(child) == 0, "the program with hosts");
    }
    other = fork();
    if (!other) { // the same addresses in another namespace
        pid_t second = begin_namespace("127.1.0.77"), first = begin_service();

        dial("127.1.0.11", "", 0);
        must(ask("elsewhere.test", TYPE_A, 8) == RESPONSE, "elsewhere.test");
        dial("127.1.0.77", "", 0);
        kill(first, SIGKILL);
        kill(second, SIGKILL);
        reap(first);
        reap(second);
        _exit(0);
    }
    must(reap(other) == 0, "another namespace");
    kill(service, SIGKILL);
    kill(server, SIGKILL);
    reap(service);
    reap(server);
    return 0;
}

static bool resolver_listens(void)
{
    char text[8192];
    int fd = open("/proc/self/net/udp", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    close(fd);
    if (size < 0)
        return false;
    text[size] = 0;
    return strstr(text, "3500007F:0035") != NULL; // 127.0.0.53:53
}

// resolver DNSMASQ CONFIGURATION: every kind of answer by a real server, and what two of them lead to.
int run_resolver(int argc, char *const argv[])
{
    char *words[] = {argv[0], "-k", "-C", argc == 2 ? argv[1] : NULL, NULL};
    pid_t server, service;
    int tries = 0, flags;

    must(argc == 2, "arguments");
    make_namespace();
    server = spawn(argv[0], words);
    while (!resolver_listens()) {
        must(++tries < 3000 && waitpid(server, NULL, WNOHANG) == 0, "the resolver does not listen");
        usleep(10000);
    }
    service = begin_service();
    say("pid %d\n", getpid());
    for (int i = 0; i < 2; i++)
        must((ask(i ? "shared.test" : "plain.test", TYPE_A, 1 + (unsigned)i) & 0xf) == 0, "plain.test");
    dial("127.1.0.10", "", 0); // which has both names
    must((ask("six.test", TYPE_AAAA, 3) & 0xf) == 0, "six.test");
    must((ask("chain.test", TYPE_A, 4) & 0xf) == 0, "chain.test");
    dial("127.1.0.11", "", 0);
    must((ask_with("many.test", TYPE_A, 5, 4096) & (TRUNCATED | 0xf)) == 0, "many.test");
    flags = ask("big.test", TYPE_A, 6);
    must(flags >= 0 && flags & TRUNCATED, "big.test");
    ask_by_stream("big.test", "plain.test");
    must((ask("none.test", TYPE_A, 7) & 0xf) == 3, "none.test");
    must((ask("zero.test", TYPE_A, 8) & 0xf) == 0, "zero.test");
    dial("127.1.0.14", "", 0);
    kill(service, SIGKILL);
    kill(server, SIGKILL);
    reap(service);
    reap(server);
    return 0;
}

// dial ADDRESS: and stays a little, because its /etc/hosts is looked at when it has connected.
int run_dial(int argc, char *const argv[])
{
    if (argc < 1)
        die("address");
    dial(argv[0], "", 0);
    usleep(300000);
    return 0;
}
