// SPDX-License-Identifier: Apache-2.0
// Messages of the domain name system, and a network namespace for a server of it.
#ifndef DNS_H
#define DNS_H

#include "internal.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, RESPONSE = 0x8180, TRUNCATED = 0x0200 };

static const char *const server_address = "127.0.0.53";

struct message {
    uint8_t bytes[16384];
    size_t size;
};

static inline void put16(struct message *m, unsigned value)
{
    m->bytes[m->size++] = (uint8_t)(value >> 8);
    m->bytes[m->size++] = (uint8_t)value;
}

static inline void put32(struct message *m, uint32_t value)
{
    put16(m, value >> 16);
    put16(m, value & 0xffff);
}

static inline void put_name(struct message *m, const char *name)
{
    while (*name) {
        size_t length = strcspn(name, ".");
        m->bytes[m->size++] = (uint8_t)length;
        memcpy(m->bytes + m->size, name, length);
        m->size += length;
        name += length + (name[length] == '.');
    }
    m->bytes[m->size++] = 0;
}

static inline void begin(struct message *m, unsigned id, unsigned flags, unsigned answers, const char *name, unsigned type)
{
    m->size = 0;
    put16(m, id);
    put16(m, flags);
    put16(m, 1);
    put16(m, answers);
    put32(m, 0);
    put_name(m, name);
    put16(m, type);
    put16(m, 1);
}

static inline void put_record(struct message *m, const char *name, unsigned type, uint32_t ttl)
{
    if (name)
        put_name(m, name);
    else
        put16(m, 0xc00c);
    put16(m, type);
    put16(m, 1);
    put32(m, ttl);
}

static inline void put_address(struct message *m, const char *name, uint32_t ttl, const char *address)
{
    int family = strchr(address, ':') ? AF_INET6 : AF_INET;
    size_t size = family == AF_INET ? 4 : 16;

    put_record(m, name, family == AF_INET ? TYPE_A : TYPE_AAAA, ttl);
    put16(m, (unsigned)size);
    if (inet_pton(family, address, m->bytes + m->size) != 1)
        die("inet_pton");
    m->size += size;
}

static inline void put_alias(struct message *m, const char *name, uint32_t ttl, const char *target)
{
    put_record(m, name, TYPE_CNAME, ttl);
    put16(m, (unsigned)strlen(target) + 2);
    put_name(m, target);
}

// The name that a question has.
static inline void read_name(const uint8_t *question, char *name)
{
    const uint8_t *at = question + 12;

    *name = 0;
    while (*at) {
        if (*name)
            strcat(name, ".");
        strncat(name, (const char *)at + 1, *at);
        at += *at + 1;
    }
}

static inline struct sockaddr_in address_of(const char *text, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, text, &address.sin_addr);
    return address;
}

static inline int bound(int type, const char *address, int port)
{
    struct sockaddr_in name = address_of(address, port);
    int one = 1;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(fd, (struct sockaddr *)&name, sizeof name))
        die("bind");
    if (type == SOCK_STREAM && listen(fd, 64))
        die("listen");
    return fd;
}

// A network namespace with only a loopback device.
static inline void make_namespace(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    struct sockaddr_in public = address_of("203.0.113.5", 0);
    int fd;

    if (unshare(CLONE_NEWNET) || (fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
        die("unshare");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request))
        die("loopback up");
    strcpy(request.ifr_name, "lo:1");
    memcpy(&request.ifr_addr, &public, sizeof public);
    if (ioctl(fd, SIOCSIFADDR, &request))
        die("loopback address");
    close(fd);
}

#endif
