// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Records about connections, and what user space tells the programs that make them.
#ifndef WIRE_NETWORK_H
#define WIRE_NETWORK_H

#include "header.h"

// header.flags of WIRE_CONNECT, WIRE_ACCEPT, WIRE_LISTEN, WIRE_CLOSE, WIRE_SOCKET and WIRE_UDP
#define WIRE_CONNECTION_OUTGOING (1u << 0) // this side asked for it
#define WIRE_CONNECTION_INCOMING (1u << 1) // the other side did; with neither it is not known who
#define WIRE_CONNECTION_LISTENER (1u << 2) // WIRE_CLOSE: of a socket that listened
#define WIRE_CONNECTION_ASKED (1u << 3)    // `asked` is not what it got
// It was open before it was first seen: no duration, and the task is who had it then, or who closed it.
#define WIRE_CONNECTION_EARLIER (1u << 4)
#define WIRE_CONNECTION_NO_START (1u << 5) // when it began is not known
#define WIRE_CONNECTION_STILL (1u << 6)    // WIRE_SOCKET: asked for again, at an interval
#define WIRE_CONNECTION_LAST (1u << 7)     // WIRE_SOCKET: still open when the run ended

// How a connection or flow ended.
enum wire_tcp_end {
    WIRE_TCP_OPEN = 0,          // it has not
    WIRE_TCP_CLOSED = 1,        // this side closed it first
    WIRE_TCP_CLOSED_BY_PEER = 2,
    WIRE_TCP_RESET = 3,         // this side broke it off: data that nobody read, or SO_LINGER with 0
    WIRE_TCP_RESET_BY_PEER = 4,
    WIRE_TCP_TIMED_OUT = 5,
    WIRE_UDP_IDLE = 6, // no datagram for as long as the run allows
};

#define WIRE_PROTOCOL_TCP 6 // as in packets
#define WIRE_PROTOCOL_UDP 17

// IPv4 as ::ffff:10.0.0.1.
struct wire_address {
    uint8_t bytes[16];
    uint16_t port; // of the host's byte order
    uint16_t unused;
    uint32_t scope; // the interface of a link-local IPv6 address
};

_Static_assert(sizeof(struct wire_address) == 24, "layout of wire_address");

struct wire_connection {
    struct wire_header header;
    struct wire_task task; // who connected, accepted or listens; pid 0 when nobody is known
    struct wire_address local;
    struct wire_address remote;
    struct wire_address asked;
    uint64_t duration; // ns: until it was decided (connect), waiting to be accepted (accept), open (close); UDP: until
                       // the last datagram
    uint64_t sent;     // payload, each byte once
    uint64_t received;
    uint32_t segments_sent, segments_received; // UDP: datagrams
    uint32_t retransmits; // segments
    uint32_t round_trip;  // smoothed, us; 0 when none was measured
    uint32_t namespace;   // inode of the network namespace
    int32_t error;        // the positive errno of what failed
    uint16_t end;         // enum wire_tcp_end
    uint16_t protocol;    // WIRE_PROTOCOL_*
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_connection) == 224, "layout of wire_connection");

// What user space asks of the iterator over sockets: the number of this look, from 1, and what to mark its records with.
struct wire_look {
    uint32_t number;
    uint32_t flags;
};

// What user space asks of the iterators over UDP flows, and over sockets that are bound.
struct wire_flow_look {
    uint64_t idle;  // ns without a datagram that end a flow
    uint32_t flags; // what to mark records of those that go on with; 0: they are not told
    uint32_t unused;
};

// Section .rodata.udp, written whole before load.
struct wire_udp {
    uint32_t scoped; // somebody was asked for: what nobody is known to own is not told
    uint32_t unused;
};

// Section .rodata.network, written whole before load.
struct wire_network {
    // Ids of structures in the kernel's BTF.
    uint32_t type_sock;
    uint32_t type_tcp_sock;
    uint32_t scoped;         // somebody was asked for: what nobody is known to own is not told
    uint32_t sees_returns;   // programs see connect, accept and listen return
    uint32_t asks_registers; // the address that was asked for has to be read where the caller has it
    uint32_t unused;
};

#endif
