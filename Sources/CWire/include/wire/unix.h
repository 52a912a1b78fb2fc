// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// UNIX sockets: calls on them, and what went through them until their end.
#ifndef WIRE_UNIX_H
#define WIRE_UNIX_H

#include "header.h"
#include "network.h"

enum wire_unix_operation {
    WIRE_UNIX_CONNECT = 1,
    WIRE_UNIX_ACCEPT = 2,
    WIRE_UNIX_LISTEN = 3, // of datagrams: bind
    WIRE_UNIX_CLOSE = 4,
    WIRE_UNIX_OPEN = 5, // it was there before us, or is asked for again
};

// header.flags beside those of connections (_OUTGOING, _INCOMING, _LISTENER, _EARLIER, _NO_START, _STILL)
#define WIRE_UNIX_PAIR (1u << 8)      // by socketpair: nobody asked anybody
#define WIRE_UNIX_NO_END (1u << 9)    // when it was closed, and by whom, is not known
#define WIRE_UNIX_UNCOUNTED (1u << 10) // nothing was there to count its bytes

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
    uint16_t end;          // enum wire_tcp_end, as far as they fit
    char address[WIRE_UNIX_ADDRESS]; // a path, or behind a NUL an abstract name
    // Up to now:
    uint64_t sent; // bytes; of datagrams what was received is what was read
    uint64_t received;
    uint32_t packets_sent, packets_received; // datagrams, and messages of SOCK_SEQPACKET
    uint64_t duration; // ns
};

_Static_assert(sizeof(struct wire_unix) == 280, "layout of wire_unix");

// Section .rodata.unix, written whole before load.
struct wire_unix_settings {
    uint32_t polls;  // not each end is seen: it is looked for
    uint32_t counts; // programs see what is sent
};

#endif
