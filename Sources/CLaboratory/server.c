// SPDX-License-Identifier: Apache-2.0
//
// What pods and the node listen with: so much of HTTP/1.1 as the clients and proxies here use, and a name server.
#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MOST 1024
#define BODY 1024

struct connection {
    uint16_t port;
    // The last bytes that came.
    uint32_t tail;
};

struct sockaddr_in lab_address(uint32_t address, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(address)}};
}

int lab_listen(int type, uint16_t port)
{
    struct sockaddr_in place = lab_address(INADDR_ANY, port);
    int descriptor = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

    if (descriptor < 0)
        return -1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!bind(descriptor, (struct sockaddr *)&place, sizeof(place)) && (type != SOCK_STREAM || !listen(descriptor, 1024)))
        return descriptor;
    error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

static const char *response(unsigned *length)
{
    static char text[BODY + 128];
    static unsigned size;

    if (!size) {
        size = (unsigned)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
        memset(text + size, 'x', BODY);
        size += BODY;
    }
    *length = size;
    return text;
}

static struct lab_pod *pod_at(struct lab *lab, uint32_t address)
{
    uint32_t index = address - POD_ADDRESS(0);

    return index <= lab->pods ? lab_pod_at(lab, index) : NULL;
}

static void count(uint64_t *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

// Answers each request, and each line of a miner. Whether the connection stays.
static bool serve(int descriptor, struct connection *connection, struct lab_pod *self)
{
    static const char accepted[] = "{\"id\":1,\"result\":true,\"error\":null}\n";
    const uint32_t end = '\r' << 24 | '\n' << 16 | '\r' << 8 | '\n';
    char buffer[4096];
    unsigned length = sizeof(accepted) - 1;
    const char *text = accepted;
    ssize_t size = read(descriptor, buffer, sizeof(buffer));

    if (size <= 0)
        return size < 0 && errno == EAGAIN;
    if (connection->port != LAB_POOL_PORT)
        text = response(&length);
    for (ssize_t i = 0; i < size; i++) {
        connection->tail = connection->tail << 8 | (uint8_t)buffer[i];
        if (connection->port == LAB_POOL_PORT ? buffer[i] != '\n' : connection->tail != end)
            continue;
        if (self)
            count(&self->answered);
        if (write(descriptor, text, length) != (ssize_t)length)
            return false;
    }
    return true;
}

static void accept_all(struct lab *lab, int epoll, int listener, uint16_t port, struct lab_pod *self,
                       struct connection *connections)
{
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    int descriptor, on = 1;

    while ((descriptor = accept4(listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
        struct lab_pod *pod = pod_at(lab, ntohl(from.sin_addr.s_addr));

        if (self)
            count(&self->accepted);
        else if (pod)
            count(port == LAB_POOL_PORT ? &pod->pool : &pod->outside);
        if (descriptor >= CONNECTIONS_MOST) {
            close(descriptor);
            continue;
        }
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        connections[descriptor] = (struct connection){.port = port};
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
    }
}

// Sends a datagram back.
static void echo(struct lab *lab, int descriptor)
{
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    char buffer[512];
    ssize_t length = recvfrom(descriptor, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &size);
    struct lab_pod *pod = length < 0 ? NULL : pod_at(lab, ntohl(from.sin_addr.s_addr));

    if (!pod)
        return;
    count(&pod->datagrams);
    sendto(descriptor, buffer, (size_t)length, 0, (struct sockaddr *)&from, size);
}

// Every name is the node's. The answer is the question, with one record whose name is a pointer to it.
static void answer_question(struct lab *lab, int descriptor)
{
    static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 88, 0, 1};
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    uint8_t message[512];
    ssize_t length = recvfrom(descriptor, message, sizeof(message) - sizeof(record), 0, (struct sockaddr *)&from, &size);
    struct lab_pod *pod = length < 17 ? NULL : pod_at(lab, ntohl(from.sin_addr.s_addr));

    if (!pod)
        return;
    count(&pod->questions);
    message[2] = 0x81; // an answer; recursion was desired
    message[3] = 0x80; // and is available
    message[7] = 1;    // answers
    memcpy(message + length, record, sizeof(record));
    sendto(descriptor, message, (size_t)length + sizeof(record), 0, (struct sockaddr *)&from, size);
}

struct listener {
    int descriptor;
    uint16_t port;
    bool isStream;
};

static _Noreturn void run(struct lab *lab, struct lab_pod *self, const struct listener *listeners, int number)
{
    static struct connection connections[CONNECTIONS_MOST];
    struct epoll_event events[64];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    for (int i = 0; i < number; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = listeners[i].descriptor};
        epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[i].descriptor, &event);
    }
    for (;;) {
        int ready = epoll_wait(epoll, events, 64, -1);

        for (int i = 0; i < ready; i++) {
            const struct listener *listener = NULL;
            int descriptor = events[i].data.fd;

            for (int j = 0; j < number; j++)
                if (listeners[j].descriptor == descriptor)
                    listener = &listeners[j];
            if (!listener) {
                if (!serve(descriptor, &connections[descriptor], self))
                    close(descriptor);
            } else if (listener->isStream)
                accept_all(lab, epoll, descriptor, listener->port, self, connections);
            else if (listener->port == 53)
                answer_question(lab, descriptor);
            else
                echo(lab, descriptor);
        }
    }
}

_Noreturn void lab_run_application(struct lab *lab, unsigned index, int descriptor)
{
    const struct listener listener = {descriptor, LAB_APPLICATION_PORT, true};

    lab_become("lab-server");
    run(lab, lab_pod_at(lab, index), &listener, 1);
}

int lab_open_outside(int descriptors[4])
{
    descriptors[0] = lab_listen(SOCK_STREAM, LAB_SERVICE_PORT);
    descriptors[1] = lab_listen(SOCK_STREAM, LAB_POOL_PORT);
    descriptors[2] = lab_listen(SOCK_DGRAM, LAB_SERVICE_PORT);
    descriptors[3] = lab_listen(SOCK_DGRAM, 53);
    for (int i = 0; i < 4; i++)
        if (descriptors[i] < 0)
            return -1;
    return 0;
}

_Noreturn void lab_run_outside(struct lab *lab, const int descriptors[4])
{
    const struct listener listeners[] = {
        {descriptors[0], LAB_SERVICE_PORT, true},
        {descriptors[1], LAB_POOL_PORT, true},
        {descriptors[2], LAB_SERVICE_PORT, false},
        {descriptors[3], 53, false},
    };

    lab_become("lab-outside");
    run(lab, NULL, listeners, 4);
}
