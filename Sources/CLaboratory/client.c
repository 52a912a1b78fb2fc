// SPDX-License-Identifier: Apache-2.0
//
// Requests at a pace or at once after each other, and a miner's lines. Latencies are by this process's own clock.
#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// Then a connection is closed, and the next request has its part of a new one in its latency.
#define REQUESTS_PER_CONNECTION 10
#define MINER_INTERVAL (100 * MILLISECOND)
// A peer that refuses is asked again after so long.
#define PAUSE (10 * MILLISECOND)

int lab_connect(uint32_t address, uint16_t port)
{
    struct sockaddr_in place = lab_address(address, port);
    const struct timeval second = {.tv_sec = 1};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, error;

    if (descriptor < 0)
        return -1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    if (!connect(descriptor, (struct sockaddr *)&place, sizeof(place)))
        return descriptor;
    error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

// How long the head is with its empty line, 0 for a part of it; `body` receives what follows it, -1 where it does not say.
static size_t parse_head(char *text, size_t length, ssize_t *body)
{
    static const char field[] = "\r\ncontent-length:";

    text[length] = 0;
    char *end = strstr(text, "\r\n\r\n");
    *body = -1;
    if (!end)
        return 0;
    for (char *line = strstr(text, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line, field, sizeof(field) - 1))
            *body = strtol(line + sizeof(field) - 1, NULL, 10);
    return (size_t)(end - text) + 4;
}

static int read_response(int connection)
{
    char text[8192];
    size_t length = 0, head;
    ssize_t body, count;

    do {
        count = read(connection, text + length, sizeof(text) - 1 - length);
        if (count <= 0) {
            errno = count ? errno : ECONNRESET;
            return -1;
        }
        length += (size_t)count;
        head = parse_head(text, length, &body);
        if (head && (body < 0 || head + (size_t)body >= sizeof(text))) {
            errno = EPROTO;
            return -1;
        }
    } while (length < sizeof(text) - 1 && (!head || length < head + (size_t)body));
    // A proxy that can't reach the application answers all the same.
    if (!strncmp(text, "HTTP/1.1 200 ", 13))
        return 0;
    errno = EBADMSG;
    return -1;
}

int lab_request(int connection, uint32_t address, uint16_t port)
{
    char text[128];
    int length = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %u.%u.%u.%u:%u\r\n\r\n", address >> 24,
                          address >> 16 & 255, address >> 8 & 255, address & 255, port);

    return write(connection, text, (size_t)length) == length ? read_response(connection) : -1;
}

struct load {
    struct lab *lab;
    struct lab_client *client;
    uint32_t address;
    int connection;
    unsigned sent;
};

static void request(struct load *load)
{
    if (load->connection < 0) {
        load->connection = lab_connect(load->address, LAB_APPLICATION_PORT);
        load->sent = 0;
        if (load->connection >= 0)
            load->client->connections++;
    }
    bool done = load->connection >= 0 && !lab_request(load->connection, load->address, LAB_APPLICATION_PORT);
    bool after = __atomic_load_n(&load->lab->killed, __ATOMIC_RELAXED);

    if (done) {
        load->client->requests++;
        load->client->requests_after += after;
    } else {
        load->client->failures++;
        load->client->failures_after += after;
    }
    if (load->connection >= 0 && (!done || ++load->sent == REQUESTS_PER_CONNECTION)) {
        close(load->connection);
        load->connection = -1;
    }
    if (!done)
        lab_sleep_until(lab_clock(CLOCK_MONOTONIC) + PAUSE);
}

static void keep_latency(struct lab_client *client, uint32_t *latencies, uint64_t nanoseconds)
{
    if (client->kept < LAB_LATENCIES_MOST)
        latencies[client->kept++] = nanoseconds > UINT32_MAX ? UINT32_MAX : (uint32_t)nanoseconds;
}

// A request that had to wait for the one before it began when it was due, else its wait would not be counted.
static void call(struct lab *lab, unsigned index)
{
    struct lab_client *client = &lab_pod_at(lab, index)->client;
    // One pod calls a second one, which calls nobody.
    unsigned ring = lab->clients < 2 ? 2 : lab->clients;
    struct load load = {.lab = lab, .client = client, .address = POD_ADDRESS((index + 1) % ring), .connection = -1};
    uint64_t end = lab->began + lab->duration, due = lab->began + lab->interval * index / ring, start, failures;

    while (lab->interval ? due < end : lab_clock(CLOCK_MONOTONIC) < end) {
        bool isLate = lab->interval && lab_clock(CLOCK_MONOTONIC) > due;
        if (lab->interval && !isLate)
            lab_sleep_until(due);
        start = isLate ? due : lab_clock(CLOCK_MONOTONIC);
        failures = client->failures;
        request(&load);
        if (lab->interval && client->failures == failures)
            keep_latency(client, lab_latencies(lab, index), lab_clock(CLOCK_MONOTONIC) - start);
        // What failed is not made up for.
        due = client->failures == failures ? due + lab->interval : lab_clock(CLOCK_MONOTONIC) + lab->interval;
    }
    if (load.connection >= 0)
        close(load.connection);
}

// Keeps a connection to a pool, as miners do.
static void mine(struct lab *lab, struct lab_client *client)
{
    static const char line[] = "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"lab\",\"0\"]}\n";
    char answer[256];
    int pool = lab_connect(NODE_ADDRESS, LAB_POOL_PORT);

    client->connections += pool >= 0;
    for (uint64_t due = lab->began; pool >= 0 && due < lab->began + lab->duration; due += MINER_INTERVAL) {
        lab_sleep_until(due);
        if (write(pool, line, sizeof(line) - 1) > 0 && read(pool, answer, sizeof(answer)) > 0)
            client->requests++;
        else
            client->failures++;
    }
    if (pool >= 0)
        close(pool);
}

_Noreturn void lab_run_client(struct lab *lab, unsigned index)
{
    struct lab_pod *pod = lab_pod_at(lab, index);
    bool isBare = index == lab->pods;

    lab_become(isBare ? "miner" : "lab-client");
    for (;;) {
        lab_next(&pod->load);
        memset(&pod->client, 0, sizeof(pod->client));
        if (isBare)
            mine(lab, &pod->client);
        else
            call(lab, index);
        pod->client.time = lab_clock(CLOCK_MONOTONIC) - lab->began;
        lab_answer(&pod->load);
    }
}
