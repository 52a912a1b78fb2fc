// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Packets that the kernel dropped, and what user space tells the program that sees it.
#ifndef WIRE_DROP_H
#define WIRE_DROP_H

#include "header.h"

// header.flags of WIRE_DROP
#define WIRE_DROP_MORE (1u << 0)       // after one that was told: `count` of the same
#define WIRE_DROP_NO_PACKET (1u << 1)  // too many different ones at a time: only their reason is known
#define WIRE_DROP_NO_REASON (1u << 2)  // this kernel tells none

// What drops have in common that are counted together. All its bytes count.
struct wire_dropped {
    uint64_t location;        // where in the kernel
    uint32_t reason;          // enum skb_drop_reason of that kernel
    uint32_t namespace;       // inode of the network namespace; 0 when not known
    uint8_t source[16];       // IPv4 in the first four
    uint8_t destination[16];
    uint16_t source_port;     // 0 where the protocol has none
    uint16_t destination_port;
    uint16_t family;          // AF_INET, AF_INET6
    uint16_t protocol;        // of IP
    uint32_t turn;            // wire_drops_turn when it was counted
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_dropped) == 64, "layout of wire_dropped");

struct wire_drop {
    struct wire_header header;
    struct wire_task task; // whose socket it was; pid 0 when nobody is known
    struct wire_dropped dropped;
    uint64_t count; // packets that this record tells of
};

_Static_assert(sizeof(struct wire_drop) == 168, "layout of wire_drop");

// Reasons that are counted alone when there is no more room; the last for all others.
#define WIRE_DROP_REASONS 512

// Section .rodata.drops, written whole before load.
struct wire_drops {
    uint32_t type_sk_buff; // its id in the kernel's BTF
    uint32_t has_reason;   // the tracepoint has a third argument (5.17)
    uint32_t has_socket;   // and a fourth: whose packet it would have been (6.11)
    uint32_t consumed;     // the reason that is none; UINT32_MAX where there is no such number
    uint32_t scoped;       // somebody was asked for: what nobody is known to own is not told
    uint32_t unused;
};

#endif
