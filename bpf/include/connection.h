// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is remembered of each TCP connection. The programs that see packets add where they really go.
#ifndef CONNECTION_H
#define CONNECTION_H

#include "net.h"
#include "tcp_states.h"
#include "wire/network.h"

// entry.flags beside those of the wire
#define ENTRY_PENDING (1u << 8)      // listen has not returned
#define ENTRY_DECIDED (1u << 9)      // the connect was told
#define ENTRY_LOCAL_FIN (1u << 10)   // this side closed first
#define ENTRY_REMOTE_FIN (1u << 11)
#define ENTRY_TRANSLATED (1u << 12)  // `got` is where its packets go
#define WIRE_FLAGS (ENTRY_PENDING - 1)

struct entry {
    struct wire_task task; // pid 0: nobody yet
    struct wire_address asked;
    struct wire_address got;
    __u64 start; // of the attempt, later of the connection
    __u32 flags;
    __u32 look; // the last look at all sockets that has told it
};

// What is known of each socket, by its address.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, __u64);
    __type(value, struct entry);
} sockets SEC(".maps");

static __always_inline void set_ipv4(struct wire_address *address, __u32 ipv4)
{
    __u32 *words = (__u32 *)address->bytes;

    words[0] = 0;
    words[1] = 0;
    words[2] = bpf_htonl(0xffff);
    words[3] = ipv4;
    address->scope = 0;
}

#endif
