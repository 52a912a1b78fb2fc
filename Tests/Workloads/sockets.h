// SPDX-License-Identifier: Apache-2.0
// What the workloads with sockets share.
#pragma once

#include "internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define PORT 4000

static inline void check(bool works, const char *what)
{
    if (!works)
        die(what);
}

static inline void set(const char *path, const char *value)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);

    check(file >= 0 && write(file, value, strlen(value)) == (ssize_t)strlen(value), path);
    close(file);
}

// A network namespace with nothing but a loopback device.
static inline void make_network(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct stat status;

    check(unshare(CLONE_NEWNET) == 0, "unshare");
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(file >= 0 && ioctl(file, SIOCSIFFLAGS, &request) == 0, "loopback");
    close(file);
    check(stat("/proc/self/ns/net", &status) == 0, "namespace");
    say("network %lu", (unsigned long)status.st_ino);
}

struct address {
    union {
        struct sockaddr plain;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    };
    socklen_t size;
};

// `kind` is 4, 6, or m for IPv4 by a socket of IPv6.
static inline struct address loopback(char kind, uint16_t port)
{
    struct address address = {0};

    if (kind == '4') {
        address.ipv4.sin_family = AF_INET;
        address.ipv4.sin_port = htons(port);
        address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.size = sizeof address.ipv4;
    } else {
        address.ipv6.sin6_family = AF_INET6;
        address.ipv6.sin6_port = htons(port);
        check(inet_pton(AF_INET6, kind == '6' ? "::1" : "::ffff:127.0.0.1", &address.ipv6.sin6_addr) == 1, "address");
        address.size = sizeof address.ipv6;
    }
    return address;
}

static inline int stream(char kind, int flags)
{
    int file = socket(kind == '4' ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    check(file >= 0, "socket");
    return file;
}

static inline int listener(char kind, uint16_t port, int backlog)
{
    struct address address = loopback(kind, port);
    int file = stream(kind, 0), yes = 1;

    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    check(bind(file, &address.plain, address.size) == 0, "bind");
    check(listen(file, backlog) == 0, "listen");
    return file;
}

static inline int connected(char kind, uint16_t port)
{
    struct address address = loopback(kind, port);
    int file = stream(kind, 0);

    check(connect(file, &address.plain, address.size) == 0, "connect");
    return file;
}

static inline unsigned port_of(int file)
{
    struct address address = {.size = sizeof address.ipv6};

    check(getsockname(file, &address.plain, &address.size) == 0, "getsockname");
    return ntohs(address.plain.sa_family == AF_INET ? address.ipv4.sin_port : address.ipv6.sin6_port);
}

static inline pid_t fork_named(const char *name)
{
    fflush(stdout);
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
    }
    return pid;
}
