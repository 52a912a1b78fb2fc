// SPDX-License-Identifier: Apache-2.0
// A program that asks for names and connects at once to where they lead, and the server that it asks: in a network namespace of
// its own.
#include "dns.h"

#include <poll.h>

// What the server answers with, and the name that this is said to be of.
static const struct record {
    const char *name, *alias, *address;
    uint32_t ttl;
} records[] = {
    {"chain.test", "one.elsewhere.test", "127.9.0.2", 300},
    {"six.test", 0, "2001:db8::10", 300},
    {"mixed.test", 0, "127.9.0.3", 300},
    {"a.deep.wild.test", 0, "127.9.0.4", 300},
    {"wild.test", 0, "127.9.0.5", 300},
    {"forged.test", 0, "127.9.0.6", 300},
    {"shared.test", 0, "127.9.0.7", 300},
    {"denied.test", 0, "127.9.0.7", 300},
    {"short.test", 0, "127.9.0.8", 1},
    {"tcp.test", 0, "127.9.0.9", 300},
    {"a.bad.wild.test", 0, "127.9.0.10", 300},
    {"ok.bad.wild.test", 0, "127.9.0.11", 300},
    {"notwild.test", 0, "127.9.0.12", 300},
    {"open.secret.test", 0, "127.9.0.13", 300},
    {"seen.watched.test", 0, "127.9.0.14", 300},
    {"public.test", 0, "127.9.0.15", 300},
    {"tcp6.test", 0, "2001:db8::11", 300},
    {"dropped.test", 0, "127.9.0.16", 300},
};

// Answers that nobody is to believe: to another question, about another name, from another server.
static void forge(int server, const struct sockaddr_in *client, const uint8_t *question)
{
    static struct message m;
    unsigned id = (unsigned)question[0] << 8 | question[1];
    int other = bound(SOCK_DGRAM, "127.0.0.54", 53);

    begin(&m, id ^ 1, RESPONSE, 1, "forged.test", TYPE_A);
    put_address(&m, 0, 300, "127.9.0.61");
    sendto(server, m.bytes, m.size, 0, (const struct sockaddr *)client, sizeof *client);
    begin(&m, id, RESPONSE, 1, "chain.test", TYPE_A);
    put_address(&m, 0, 300, "127.9.0.62");
    sendto(server, m.bytes, m.size, 0, (const struct sockaddr *)client, sizeof *client);
    begin(&m, id, RESPONSE, 1, "forged.test", TYPE_A);
    put_address(&m, 0, 300, "127.9.0.63");
    sendto(other, m.bytes, m.size, 0, (const struct sockaddr *)client, sizeof *client);
    // An error, with an address.
    begin(&m, id, RESPONSE | 2, 1, "forged.test", TYPE_A);
    put_address(&m, 0, 300, "127.9.0.64");
    sendto(server, m.bytes, m.size, 0, (const struct sockaddr *)client, sizeof *client);
    close(other);
}

static void make_reply(struct message *m, const uint8_t *question)
{
    unsigned id = (unsigned)question[0] << 8 | question[1], number;
    char name[256], address[32];

    read_name(question, name);
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c |= 0x20;
    if (sscanf(name, "n%u.", &number) == 1) {
        snprintf(address, sizeof address, "127.%d.%u.%u", strstr(name, ".load.") ? 10 : 11, number >> 8, number & 255);
        begin(m, id, RESPONSE, 1, name, TYPE_A);
        put_address(m, 0, 300, address);
        return;
    }
    if (!strcmp(name, "many.test")) {
        begin(m, id, RESPONSE, 40, name, TYPE_A);
        for (int i = 1; i <= 40; i++) {
            snprintf(address, sizeof address, "127.9.1.%d", i);
            put_address(m, 0, 300, address);
        }
        return;
    }
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        const struct record *record = &records[i];

        if (strcmp(name, record->name))
            continue;
        begin(m, id, RESPONSE, record->alias ? 2 : 1, name, strchr(record->address, ':') ? TYPE_AAAA : TYPE_A);
        if (record->alias)
            put_alias(m, 0, record->ttl, record->alias);
        put_address(m, record->alias, record->ttl, record->address);
        return;
    }
    begin(m, id, RESPONSE | 3, 0, name, TYPE_A);
}

[[noreturn]] static void serve_names(int ready)
{
    static struct message m;
    struct pollfd fds[2] = {{bound(SOCK_DGRAM, server_address, 53), POLLIN, 0},
                            {bound(SOCK_STREAM, server_address, 53), POLLIN, 0}};

    close(ready);
    while (poll(fds, 2, -1) > 0) {
        uint8_t question[1024] = {};

        if (fds[0].revents) {
            struct sockaddr_in client;
            socklen_t length = sizeof client;

            if (recvfrom(fds[0].fd, question, sizeof question, 0, (struct sockaddr *)&client, &length) < 12)
                continue;
            make_reply(&m, question);
            if (strstr((char *)question + 12, "forged"))
                forge(fds[0].fd, &client, question);
            sendto(fds[0].fd, m.bytes, m.size, 0, (struct sockaddr *)&client, sizeof client);
        }
        if (fds[1].revents) {
            // A question that is denied never comes, nor does the end of its connection.
            struct timeval patience = {.tv_usec = 500000};
            int fd = accept(fds[1].fd, 0, 0);

            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            ssize_t size = read(fd, question, sizeof question);
            uint8_t answers[4096];
            size_t end = 0;

            // All in one segment.
            for (ssize_t at = 0; at + 2 <= size; at += 2 + (question[at] << 8 | question[at + 1])) {
                make_reply(&m, question + at + 2);
                answers[end++] = (uint8_t)(m.size >> 8);
                answers[end++] = (uint8_t)m.size;
                memcpy(answers + end, m.bytes, m.size);
                end += m.size;
            }
            if (end && write(fd, answers, end) != (ssize_t)end)
                die("write an answer");
            close(fd);
        }
    }
    die("poll");
}

// The errno of a question by TCP, with a second one behind it.
static int ask_by_tcp(const struct message *m, const char *second)
{
    static struct message other;
    struct sockaddr_in server = address_of(server_address, 53);
    struct timeval patience = {.tv_sec = 2};
    uint8_t bytes[1024], answers[4096];
    size_t size = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;

    begin(&other, 7, 0x0100, 0, second, TYPE_AAAA);
    for (int i = 0; i < 2; i++) {
        const struct message *one = i ? &other : m;
        bytes[size++] = (uint8_t)(one->size >> 8);
        bytes[size++] = (uint8_t)one->size;
        memcpy(bytes + size, one->bytes, one->size);
        size += one->size;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) || write(fd, bytes, size) != (ssize_t)size)
        error = errno;
    else if (read(fd, answers, sizeof answers) <= 0)
        error = ETIMEDOUT;
    close(fd);
    return error;
}

// The errno of a question; that of the wait for the right answer is ETIMEDOUT.
static int ask_for(const char *way, const char *name, unsigned id)
{
    static struct message m;
    struct sockaddr_in server = address_of(server_address, 53), from;
    struct timeval patience = {.tv_sec = 2};
    unsigned type = strstr(name, "six") ? TYPE_AAAA : TYPE_A;
    int fd, error = 0;

    begin(&m, id, 0x0100, 0, name, type);
    if (!strcmp(way, "tcp"))
        return ask_by_tcp(&m, "tcp6.test");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!strcmp(way, "udp")
            ? connect(fd, (struct sockaddr *)&server, sizeof server) || send(fd, m.bytes, m.size, 0) < 0
            : sendto(fd, m.bytes, m.size, 0, (struct sockaddr *)&server, sizeof server) < 0)
        error = errno;
    while (!error) {
        uint8_t answer[4096];
        socklen_t length = sizeof from;

        if (recvfrom(fd, answer, sizeof answer, 0, (struct sockaddr *)&from, &length) < 0)
            error = ETIMEDOUT;
        else if (!memcmp(answer, m.bytes, 2) && !(answer[3] & 15) && (answer[13] | 0x20) == (m.bytes[13] | 0x20) &&
                 from.sin_addr.s_addr == server.sin_addr.s_addr)
            break;
    }
    close(fd);
    return error;
}

// So many names of each kind, and a connect at once: how many were not denied.
static void load(unsigned count)
{
    unsigned reached[2] = {};

    for (unsigned i = 0; i < count; i++) {
        for (int kind = 0; kind < 2; kind++) {
            char name[64], text[64];

            snprintf(name, sizeof name, "n%u.%s.test", i, kind ? "other" : "load");
            if (ask_for(i & 1 ? "udp" : "send", name, 1000 + i))
                die(name);
            snprintf(text, sizeof text, "tcp 127.%d.%u.%u 20001", kind ? 11 : 10, i >> 8, i & 255);
            reached[kind] += attempt_of(text) == ECONNREFUSED;
        }
    }
    say("load: %u %u", reached[0], reached[1]);
}

// policy-names ["ask WAY NAME" | "load COUNT" | "wait MS" | "WAY ADDRESS PORT" ...]: says each with its errno.
int run_policy_names(int argc, char *const argv[])
{
    int pipes[2];
    char byte, way[16], name[256];
    pid_t server;

    make_namespace();
    if (pipe(pipes))
        die("pipe");
    server = fork();
    if (!server) {
        close(pipes[0]);
        serve_names(pipes[1]);
    }
    close(pipes[1]);
    if (server < 0 || read(pipes[0], &byte, 1) != 0) // until it listens
        die("server");
    for (int i = 0; i < argc; i++) {
        unsigned number;

        if (sscanf(argv[i], "ask %15s %255s", way, name) == 2)
            say("%s: %d", argv[i], ask_for(way, name, 100 + (unsigned)i));
        else if (sscanf(argv[i], "load %u", &number) == 1)
            load(number);
        else if (sscanf(argv[i], "wait %u", &number) == 1)
            usleep(number * 1000);
        else
            say("%s: %d", argv[i], attempt_of(argv[i]));
    }
    kill(server, SIGKILL);
    reap(server);
    return 0;
}
