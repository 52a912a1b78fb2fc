// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is sent to name things: DNS messages, and the first bytes of TLS connections.
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "header.h"

// header.flags of WIRE_MESSAGE
#define WIRE_MESSAGE_RECEIVED (1u << 0) // by whoever asked; else sent by `task`
#define WIRE_MESSAGE_STREAM (1u << 1)   // a segment of a TCP connection
#define WIRE_MESSAGE_TLS (1u << 2)      // a ClientHello; else DNS
#define WIRE_MESSAGE_IN_SCOPE (1u << 3)
// The packet left later than its send call, on behalf of a process that is not known.
#define WIRE_MESSAGE_NO_TASK (1u << 4)
// The rest lies in fragments that could not be read.
#define WIRE_MESSAGE_UNREADABLE (1u << 5)

// It arrived at a device that hands on what it gets, as that below a macvlan does: to another namespace maybe.
#define WIRE_MESSAGE_HANDED_ON (1u << 6)

#define WIRE_MESSAGE_MAX 4096

// Followed by `size` bytes of what was sent, and padding to a multiple of 8.
struct wire_message {
    struct wire_header header;
    struct wire_task task;      // zero for what was received
    uint64_t socket;            // address of the sender's socket; 0 for what was received
    uint32_t network_namespace; // its inode
    uint32_t sequence;          // TCP: of the first byte
    uint8_t source[16];         // IPv4 in the first four
    uint8_t destination[16];
    uint16_t source_port;
    uint16_t destination_port;
    uint16_t family;            // AF_INET, AF_INET6
    uint16_t size;              // bytes that are here
    uint32_t total;             // bytes that were sent
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_message) == 160, "layout of wire_message");

// Section .rodata.names, written whole before load: how to reach what lies in fragments of packets.
struct wire_names {
    uint32_t has_dynptr; // bpf_dynptr_from_skb, for tracing programs from 6.11 on
    uint32_t type_sk_buff;
    uint32_t scoped; // somebody was asked for: what nobody is known to have sent is not told
    uint32_t unused;
    // Before: where the kernel has the addresses of its map of all memory and of the list of its pages; 0 when not known.
    uint64_t page_offset_base;
    uint64_t vmemmap_base;
};

#endif
