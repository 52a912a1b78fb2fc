// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Where the transport begins in what a program of a cgroup sees.
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "common.h"

#define TRANSPORT_IPV6 (1ull << 63)

// Finds the head of the transport: its offset, the protocol in the upper half, and TRANSPORT_IPV6; 0 where there is none.
__attribute__((noinline)) __u64 find_transport(struct __sk_buff *packet)
{
    __u32 offset = 40, next;
    __u8 head[20];

    if (bpf_skb_load_bytes(packet, 0, head, sizeof(head)))
        return 0;
    if (head[0] >> 4 == 4) {
        if ((head[6] & 0x1f) | head[7]) // not the first part
            return 0;
        return (__u64)head[9] << 32 | (head[0] & 15) * 4;
    }
    next = head[6];
    for (int i = 0; i < 4; i++) {
        __u8 part[4];

        if (next != 0 && next != 43 && next != 44 && next != 60) // hop-by-hop, routing, fragment, destination
            break;
        if (bpf_skb_load_bytes(packet, offset, part, sizeof(part)))
            return 0;
        if (next == 44 && (part[2] | (part[3] & 0xf8)))
            return 0;
        offset += next == 44 ? 8 : (part[1] + 1) * 8;
        next = part[0];
    }
    return TRANSPORT_IPV6 | (__u64)next << 32 | offset;
}

#endif
