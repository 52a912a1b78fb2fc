// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Calls on UNIX sockets.
#ifndef WIRE_UNIX_H
#define WIRE_UNIX_H

#include "header.h"

enum wire_unix_operation {
    WIRE_UNIX_CONNECT = 1,
    WIRE_UNIX_ACCEPT = 2,
    WIRE_UNIX_LISTEN = 3, // of datagrams: bind
};

#define WIRE_UNIX_ADDRESS 108 // UNIX_PATH_MAX

struct wire_unix {
    struct wire_header header;
    struct wire_task task;
    uint64_t peer_start;   // of who is on the other side; 0 when he has ended
    char peer_comm[WIRE_COMM_SIZE];
    uint32_t peer;         // his pid; 0 when not known
    int32_t error;         // the positive errno of what failed
    uint32_t namespace;    // inode of the network namespace
    uint16_t type;         // SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET
    uint16_t operation;    // enum wire_unix_operation
    uint16_t address_size; // bytes of it; 0 for none
    uint16_t unused;
    char address[WIRE_UNIX_ADDRESS]; // a path, or behind a NUL an abstract name
};

_Static_assert(sizeof(struct wire_unix) == 248, "layout of wire_unix");

#endif
