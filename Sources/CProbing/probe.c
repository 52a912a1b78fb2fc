// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProbing.h"

#include <CLinux.h>
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Others may find the listener.
enum { GUESTS = 4 };

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int left(uint64_t deadline)
{
    uint64_t time = now();

    return time < deadline ? (int)((deadline - time) / 1000000) + 1 : 0;
}

struct address {
    socklen_t size;
    union {
        struct sockaddr plain;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    };
};

static int family_of(struct probe_end end)
{
    return !end.high && end.low >> 32 == 0xffff ? AF_INET : AF_INET6;
}

static struct address address_of(struct probe_end end)
{
    struct address address = {.size = sizeof(address.ipv6)};
    uint64_t halves[2] = {htobe64(end.high), htobe64(end.low)};

    if (family_of(end) == AF_INET) {
        address.size = sizeof(address.ipv4);
        address.ipv4 = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons(end.port), .sin_addr.s_addr = htonl((uint32_t)end.low)};
    } else {
        address.ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(end.port)};
        memcpy(&address.ipv6.sin6_addr, halves, sizeof(halves));
    }
    return address;
}

static struct probe_end end_of(const struct address *address)
{
    uint64_t halves[2];

    if (address->plain.sa_family == AF_INET)
        return (struct probe_end){.low = 0xffffull << 32 | ntohl(address->ipv4.sin_addr.s_addr),
                                  .port = ntohs(address->ipv4.sin_port)};
    memcpy(halves, &address->ipv6.sin6_addr, sizeof(halves));
    return (struct probe_end){be64toh(halves[0]), be64toh(halves[1]), ntohs(address->ipv6.sin6_port)};
}

static struct address nobody(void)
{
    struct address address;

    memset(&address, 0, sizeof(address));
    address.size = sizeof(address.ipv6);
    return address;
}

static struct probe_end own_end(int file)
{
    struct address address = nobody();

    getsockname(file, &address.plain, &address.size);
    return end_of(&address);
}

static bool is_same_address(struct probe_end a, struct probe_end b)
{
    return a.high == b.high && a.low == b.low;
}

static bool is_same(struct probe_end a, struct probe_end b)
{
    return is_same_address(a, b) && a.port == b.port;
}

static void close_keeping_errno(int file)
{
    int error = errno;

    close(file);
    errno = error;
}

// A packet filter knows who made the socket by the user of files, which every thread has for itself and passes on.
static int open_socket(const struct probe_place *place, int family, int type, int protocol)
{
    int user = setfsuid(place->user), group = setfsgid(place->group);
    int file = clinux_socket_in(place->space, family, type | SOCK_NONBLOCK, protocol), error = errno;

    setfsgid((gid_t)group);
    setfsuid((uid_t)user);
    errno = error;
    return file;
}

unsigned probe_addresses(struct probe_end *ends, unsigned most)
{
    struct ifaddrs *list;
    unsigned count = 0;

    if (getifaddrs(&list))
        return 0;
    for (struct ifaddrs *item = list; item && count < most; item = item->ifa_next) {
        struct address address = nobody();
        int family = item->ifa_addr ? item->ifa_addr->sa_family : AF_UNSPEC;

        if ((family != AF_INET && family != AF_INET6) || item->ifa_flags & IFF_LOOPBACK || !(item->ifa_flags & IFF_UP))
            continue;
        memcpy(&address.plain, item->ifa_addr, family == AF_INET ? sizeof(address.ipv4) : sizeof(address.ipv6));
        if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address.ipv6.sin6_addr))
            continue;
        ends[count] = end_of(&address);
        ends[count++].port = 0;
    }
    freeifaddrs(list);
    return count;
}

int probe_source(const struct probe_place *place, struct probe_end end, struct probe_end *source)
{
    struct address to = address_of((struct probe_end){end.high, end.low, 9});
    int file = open_socket(place, family_of(end), SOCK_DGRAM, 0);

    if (file < 0)
        return -1;
    int result = connect(file, &to.plain, to.size);
    if (!result)
        *source = own_end(file);
    close_keeping_errno(file);
    return result;
}

int probe_listen(int type, struct probe_end *end)
{
    struct address address = address_of(*end);
    int file = socket(family_of(*end), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (file < 0)
        return -1;
    if (bind(file, &address.plain, address.size) || (type == SOCK_STREAM && listen(file, GUESTS))) {
        close_keeping_errno(file);
        return -1;
    }
    *end = own_end(file);
    return file;
}

// ---- a request

struct exchange {
    struct probe_result *result;
    int client, listener;
    bool is_connected, has_come, is_over;
    uint64_t start;
    char request[160];
    int length;
    struct {
        int file;
        struct probe_end peer;
        char text[2048];
        size_t length;
    } guests[GUESTS];
    unsigned count;
};

static void send_request(struct exchange *exchange)
{
    int error = 0;
    socklen_t size = sizeof(error);

    getsockopt(exchange->client, SOL_SOCKET, SO_ERROR, &error, &size);
    if (!error && send(exchange->client, exchange->request, (size_t)exchange->length, MSG_NOSIGNAL) != exchange->length)
        error = errno;
    if (error) {
        exchange->result->error = error;
        exchange->is_over = true;
        return;
    }
    exchange->is_connected = true;
    exchange->result->outcome = PROBE_HELD;
}

static void accept_guest(struct exchange *exchange)
{
    struct address peer = nobody();
    int file = accept4(exchange->listener, &peer.plain, &peer.size, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (file < 0)
        return;
    if (exchange->count == GUESTS) {
        close(file);
        return;
    }
    exchange->guests[exchange->count].file = file;
    exchange->guests[exchange->count].peer = end_of(&peer);
    exchange->guests[exchange->count++].length = 0;
}

// By its first line, which a proxy leaves as it is.
static void read_guest(struct exchange *exchange, unsigned index)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    typeof(exchange->guests[0]) *guest = &exchange->guests[index];
    ssize_t count = read(guest->file, guest->text + guest->length, sizeof(guest->text) - 1 - guest->length);
    size_t line = strcspn(exchange->request, "\r");

    if (count > 0)
        guest->length += (size_t)count;
    guest->text[guest->length] = 0;
    bool is_whole = strstr(guest->text, "\r\n\r\n") != NULL;
    if (count > 0 && !is_whole && guest->length < sizeof(guest->text) - 1)
        return;
    if (is_whole && !exchange->has_come && !strncmp(guest->text, exchange->request, line)) {
        exchange->has_come = true;
        exchange->result->seen = guest->peer;
        exchange->result->outcome = is_same(guest->peer, exchange->result->sender) ? PROBE_DIRECT : PROBE_HANDED_ON;
        send(guest->file, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    }
    // This side ends it first, so that what the kernel keeps of it for a minute is here.
    close(guest->file);
    guest->file = -1;
}

static void read_answer(struct exchange *exchange)
{
    char text[256];
    ssize_t count = read(exchange->client, text, sizeof(text) - 1);

    exchange->is_over = true;
    if (count <= 0) {
        if (!exchange->has_come)
            exchange->result->error = count < 0 ? errno : ECONNRESET;
        return;
    }
    text[count] = 0;
    if (exchange->has_come)
        exchange->result->nanoseconds = now() - exchange->start;
    else if (!strncmp(text, "HTTP/1.", 7) && count > 9)
        exchange->result->status = atoi(text + 9);
}

static void wait_for_all(struct exchange *exchange, uint64_t deadline)
{
    while (!exchange->is_over) {
        struct pollfd files[2 + GUESTS] = {
            {.fd = exchange->listener, .events = POLLIN},
            {.fd = exchange->client, .events = exchange->is_connected ? POLLIN : POLLOUT},
        };
        // Poll passes over those that are closed.
        for (unsigned i = 0; i < exchange->count; i++)
            files[2 + i] = (struct pollfd){.fd = exchange->guests[i].file, .events = POLLIN};
        unsigned guests = exchange->count;
        if (poll(files, 2 + guests, left(deadline)) <= 0)
            return;
        for (unsigned i = 0; i < guests; i++)
            if (files[2 + i].revents)
                read_guest(exchange, i);
        if (files[0].revents)
            accept_guest(exchange);
        if (files[1].revents && exchange->is_connected)
            read_answer(exchange);
        else if (files[1].revents)
            send_request(exchange);
    }
}

int probe_request(const struct probe_place *place, int listener, struct probe_end end, int milliseconds,
                  struct probe_result *result)
{
    struct exchange exchange = {.result = result, .listener = listener};
    struct address to = address_of(end);
    bool is_ipv4 = family_of(end) == AF_INET;
    char host[INET6_ADDRSTRLEN] = "";
    const struct linger at_once = {.l_onoff = 1};
    int on = 1;
    uint64_t nonce = 0;

    *result = (struct probe_result){.outcome = PROBE_FAILED};
    exchange.client = open_socket(place, family_of(end), SOCK_STREAM, 0);
    if (exchange.client < 0)
        return -1;
    setsockopt(exchange.client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (getrandom(&nonce, sizeof(nonce), 0) < 0)
        nonce = now();
    inet_ntop(to.plain.sa_family, is_ipv4 ? (void *)&to.ipv4.sin_addr : (void *)&to.ipv6.sin6_addr, host, sizeof(host));
    exchange.length = snprintf(exchange.request, sizeof(exchange.request),
                               "GET /ebpfguard-probe-%016llx HTTP/1.1\r\nHost: %s%s%s:%u\r\n"
                               "User-Agent: ebpfguard\r\nConnection: close\r\n\r\n",
                               (unsigned long long)nonce, is_ipv4 ? "" : "[", host, is_ipv4 ? "" : "]", end.port);
    exchange.start = now();
    if (connect(exchange.client, &to.plain, to.size) && errno != EINPROGRESS) {
        result->error = errno;
    } else {
        result->sender = own_end(exchange.client);
        wait_for_all(&exchange, exchange.start + (uint64_t)milliseconds * 1000000);
    }
    for (unsigned i = 0; i < exchange.count; i++)
        if (exchange.guests[i].file >= 0)
            close(exchange.guests[i].file);
    // Nothing of one that was not answered stays in the other namespace.
    if (!result->nanoseconds)
        setsockopt(exchange.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(exchange.client);
    return 0;
}

// ---- a datagram, and an echo

int probe_datagram(const struct probe_place *place, int receiver, struct probe_end end, int milliseconds,
                   struct probe_result *result)
{
    struct address to = address_of(end);
    uint64_t deadline = now() + (uint64_t)milliseconds * 1000000;
    char bytes[17] = "ebpfguard", answer[17];
    int client = open_socket(place, family_of(end), SOCK_DGRAM, 0);

    *result = (struct probe_result){.outcome = PROBE_FAILED};
    if (client < 0)
        return -1;
    getrandom(bytes + 9, 7, 0);
    if (connect(client, &to.plain, to.size) || send(client, bytes, 16, 0) != 16) {
        result->error = errno;
        close(client);
        return 0;
    }
    result->sender = own_end(client);
    struct pollfd file = {.fd = receiver, .events = POLLIN};
    while (result->outcome == PROBE_FAILED && poll(&file, 1, left(deadline)) > 0) {
        struct address from = nobody();
        if (recvfrom(receiver, answer, sizeof(answer), 0, &from.plain, &from.size) != 16 ||
            memcmp(answer, bytes, 16))
            continue;
        result->seen = end_of(&from);
        result->outcome = is_same(result->seen, result->sender) ? PROBE_DIRECT : PROBE_HANDED_ON;
    }
    close(client);
    return 0;
}

static uint16_t checksum(const void *bytes, size_t length)
{
    uint32_t sum = 0;

    for (const uint16_t *word = bytes; length > 1; length -= 2)
        sum += *word++;
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)~(sum + (sum >> 16));
}

int probe_echo(const struct probe_place *place, struct probe_end end, int milliseconds, struct probe_result *result)
{
    bool is_ipv4 = family_of(end) == AF_INET;
    // Both are alike up to the data.
    struct {
        struct icmphdr head;
        uint64_t nonce;
    } echo = {.head = {.type = is_ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST}};
    struct address to = address_of((struct probe_end){end.high, end.low, 0});
    int protocol = is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    uint64_t deadline = now() + (uint64_t)milliseconds * 1000000;
    int receiver = socket(family_of(end), SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    int client = receiver < 0 ? -1 : open_socket(place, family_of(end), SOCK_RAW, protocol);

    *result = (struct probe_result){.outcome = PROBE_FAILED};
    if (client < 0) {
        if (receiver >= 0)
            close_keeping_errno(receiver);
        return -1;
    }
    getrandom(&echo.nonce, sizeof(echo.nonce), 0);
    echo.head.un.echo.id = (uint16_t)echo.nonce;
    // Of IPv6 the kernel does it, as it is about addresses too.
    if (is_ipv4)
        echo.head.checksum = checksum(&echo, sizeof(echo));
    if (connect(client, &to.plain, to.size) || send(client, &echo, sizeof(echo), 0) != sizeof(echo)) {
        result->error = errno;
    } else {
        result->sender = own_end(client);
        result->sender.port = 0;
    }
    struct pollfd file = {.fd = receiver, .events = POLLIN};
    while (!result->error && result->outcome == PROBE_FAILED && poll(&file, 1, left(deadline)) > 0) {
        unsigned char packet[128];
        struct address from = nobody();
        ssize_t length = recvfrom(receiver, packet, sizeof(packet), 0, &from.plain, &from.size);
        // Of IPv6 the kernel keeps the header to itself.
        size_t head = is_ipv4 ? (packet[0] & 15) * 4u : 0;
        if (length < 0 || (size_t)length < head + sizeof(echo) || packet[head] != echo.head.type ||
            memcmp(packet + head + sizeof(echo.head), &echo.nonce, sizeof(echo.nonce)))
            continue;
        result->seen = end_of(&from);
        result->seen.port = 0;
        result->outcome = is_same_address(result->seen, result->sender) ? PROBE_DIRECT : PROBE_HANDED_ON;
    }
    close(client);
    close(receiver);
    return 0;
}
