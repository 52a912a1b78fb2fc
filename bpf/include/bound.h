// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Whose the sockets of UDP are that were bound to a port.
#ifndef BOUND_H
#define BOUND_H

#include "common.h"

// bound.flags and flow.flags beside those of the wire
#define FLOW_UNWANTED (1u << 16) // out of scope: remembered, so that nobody asks again, and never told
#define BOUND_TOLD (1u << 18)

struct bound_key {
    __u8 address[16]; // zero for any
    __u32 namespace;
    __u32 port;
};

// Who gets what comes to a port, of sockets that were bound to one.
struct bound {
    struct wire_task task;
    __u64 socket, inode;
    __u64 start; // 0 when it was there before us
    __u32 flags;
    __u32 unused;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __type(key, struct bound_key);
    __type(value, struct bound);
} bound_map SEC(".maps");

#endif
