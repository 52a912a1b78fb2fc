// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Raw and packet sockets: whoever has one reads or writes packets past the kernel's protocols.
#ifndef WIRE_SOCKET_H
#define WIRE_SOCKET_H

#include "header.h"

// header.flags of WIRE_RAW_SOCKET
#define WIRE_RAW_SOCKET_EARLIER (1u << 0) // it was there before us

struct wire_raw_socket {
    struct wire_header header;
    struct wire_task task;
    uint32_t namespace; // inode of the network namespace
    int32_t error;      // the positive errno of what failed
    uint16_t family;    // AF_INET, AF_INET6, AF_PACKET
    uint16_t type;      // SOCK_RAW and so on
    uint32_t protocol;  // of IP; for AF_PACKET the EtherType, of the host's byte order
};

_Static_assert(sizeof(struct wire_raw_socket) == 112, "layout of wire_raw_socket");

#endif
