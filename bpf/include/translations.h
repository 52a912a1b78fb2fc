// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is remembered of packets whose addresses were rewritten; see translation.h, which fills it.
#ifndef TRANSLATIONS_H
#define TRANSLATIONS_H

#include "common.h"
#include "wire/network.h"

// As whoever sent it has the addresses. IPv4 as ::ffff:10.0.0.1, ports of the host's byte order.
struct sent_to {
    __u8 source[16], destination[16];
    __u16 source_port, destination_port;
    // The protocol: `translation` is where it goes. Or a network namespace: what comes from the source to the destination
    // there is for `translation`.
    __u32 kind;
};

struct translation {
    __u64 time; // of the first packet
    __u8 address[16];
    __u16 port;
    __u16 unused[3];
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, struct sent_to);
    __type(value, struct translation);
} translations SEC(".maps");

// Of what this side asked for.
static __always_inline void set_sent_to(struct sent_to *key, const struct wire_connection *record)
{
    __builtin_memcpy(key->source, record->local.bytes, 16);
    __builtin_memcpy(key->destination, record->remote.bytes, 16);
    key->source_port = record->local.port;
    key->destination_port = record->remote.port;
    key->kind = record->protocol;
}

static __always_inline int has_translations(void)
{
    return *(volatile __u32 *)&control.translates != 0;
}

#endif
