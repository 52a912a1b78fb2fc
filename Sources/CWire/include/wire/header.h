// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The head of every record and the identity of a task. This file and its neighbours are the only definition of what
// crosses from the kernel programs to user space: both sides compile them, and the assertions hold for both.
#ifndef WIRE_HEADER_H
#define WIRE_HEADER_H

#include <stdint.h>

// Kinds of records. The field on the wire is a uint16_t so that an unknown kind survives and can be counted.
enum wire_kind {
    WIRE_EXEC = 1,
    WIRE_EXEC_FAILED = 2,
    WIRE_FORK = 3,
    WIRE_EXIT = 4,
    WIRE_EXISTING = 5,
    WIRE_CGROUP = 6,
    WIRE_SYSCALL = 7,
    WIRE_SIGNAL = 8,
    WIRE_OOM = 9,
    WIRE_CONNECT = 10,
    WIRE_ACCEPT = 11,
    WIRE_LISTEN = 12,
    WIRE_CLOSE = 13,
    WIRE_SOCKET = 14, // a connection or listening socket that was there before us
    WIRE_MESSAGE = 15, // DNS, or the beginning of a TLS connection
    WIRE_UDP = 16,     // the first datagram between two addresses
    WIRE_DROP = 20,
    WIRE_RAW_SOCKET = 21,
    WIRE_UNIX = 22, // a call on a UNIX socket
    WIRE_FILE = 23,
    WIRE_VIOLATION = 24,
    WIRE_GUARD = 25, // a rule about programs and files is violated
    WIRE_DETECT = 26, // something that a detector looks for in the bytes of a connection
    WIRE_KIND_COUNT = 27,
};

struct wire_header {
    uint32_t length; // of the whole record, this header included; a multiple of 8
    uint16_t kind;   // enum wire_kind
    uint16_t flags;  // per kind
    uint64_t time;   // CLOCK_BOOTTIME, ns
};

_Static_assert(sizeof(struct wire_header) == 16, "every record starts with these 16 bytes");

#define WIRE_COMM_SIZE 16

// In an id: the cgroup is one of a v1 hierarchy. The kernel numbers cgroups from 1 in each hierarchy.
#define WIRE_CGROUP_V1 (1ull << 63)

// Who: a process (thread group) as the kernel identifies it. pid alone is reused; (pid, start) is not.
struct wire_task {
    uint32_t pid;          // thread group id in the initial pid namespace
    uint32_t tid;          // the thread that acted
    uint32_t vpid;         // pid as the process itself sees it
    uint32_t parent_pid;   // thread group id of the real parent
    uint64_t start;        // of the thread group, CLOCK_BOOTTIME, ns
    uint64_t parent_start;
    uint64_t cgroup;       // id of the cgroup, in the default (v2) hierarchy unless it has WIRE_CGROUP_V1
    uint32_t uid, gid;     // real
    uint32_t euid, egid;   // effective
    uint32_t login_uid;    // UINT32_MAX when unset
    uint32_t session;      // session leader's pid
    char comm[WIRE_COMM_SIZE];
};

_Static_assert(sizeof(struct wire_task) == 80, "layout of wire_task");

#endif
