// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Where packets go whose addresses the kernel rewrites on their way (NAT by nftables, iptables, IPVS): what its connection
// tracking knows of each packet. A node that does this for a pod does it in a network namespace of its own, where the packet
// belongs to no socket any more; so what it was asked for and where it went is remembered, and found again by the addresses
// that the pod's socket has.
#ifndef TRANSLATION_H
#define TRANSLATION_H

#include "net.h"
#include "packet.h"
#include "translations.h"

// Low bits of what a packet has of its connection; see enum ip_conntrack_info. Answers are from 3 on.
#define TRACKED_BITS 7ul
#define TRACKED_NEW 2 // nothing has come back yet
#define TRACKED_ANSWER 3

#define TRACKED_OFFSET 16

// struct nf_conntrack_tuple_hash, the same in 5.10 to 7.x. The kernel module that has it may be loaded after us, so it is read
// by its layout, and what is read is looked at.
struct tuple {
    __u64 list[2];
    __u32 source[4];
    __u16 source_port; // of the network's byte order
    __u16 family;
    __u32 destination[4];
    __u16 destination_port;
    __u8 protocol;
    __u8 direction; // 0 of the packets that were sent first, 1 of the answers
};

struct tuples {
    struct tuple first, answer;
};

_Static_assert(sizeof(struct tuples) == 112, "layout of nf_conn.tuplehash");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct nf_conn {
    char tuplehash[1];
};

#pragma clang attribute pop

static __always_inline __u64 tracked_of(struct sk_buff *skb)
{
    return bpf_core_field_exists(skb->_nfct) ? skb->_nfct : 0;
}

static __always_inline int is_tracked(__u64 tracked)
{
    return !!(tracked & ~TRACKED_BITS);
}

static __always_inline int is_new(__u64 tracked)
{
    return is_tracked(tracked) && (tracked & TRACKED_BITS) == TRACKED_NEW;
}

static __always_inline int is_answer(__u64 tracked)
{
    return is_tracked(tracked) && (tracked & TRACKED_BITS) >= TRACKED_ANSWER;
}

// Too much for the stack, of which a program and what it calls have 512 bytes.
struct translating {
    struct tuples tuples;
    struct sent_to from;
    struct translation to;
    struct wire_address asked; // where it was sent to first
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MESSAGE_USERS);
    __type(key, __u32);
    __type(value, struct translating);
} translating_places SEC(".maps");

// Where the tuples of a packet are; none where they are not what is expected.
static __always_inline struct translating *read_tuples(__u64 tracked, __u32 user)
{
    struct translating *place = bpf_map_lookup_elem(&translating_places, &user);
    __u64 offset = TRACKED_OFFSET;
    struct tuples *tuples;

    if (!place)
        return 0;
    tuples = &place->tuples;
    if (bpf_core_field_exists(((struct nf_conn *)0)->tuplehash))
        offset = bpf_core_field_offset(struct nf_conn, tuplehash);
    if (bpf_probe_read_kernel(tuples, sizeof(*tuples), (void *)((tracked & ~TRACKED_BITS) + offset)))
        return 0;
    if (tuples->first.direction || tuples->answer.direction != 1 || tuples->first.protocol != tuples->answer.protocol ||
        tuples->first.family != tuples->answer.family ||
        (tuples->first.family != AF_INET && tuples->first.family != AF_INET6))
        return 0;
    return place;
}

static __always_inline int same_end(const __u32 *a, __u16 a_port, const __u32 *b, __u16 b_port)
{
    return a_port == b_port && a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

// Whether it leads elsewhere than it was sent to.
static __always_inline int is_redirected(const struct tuples *tuples)
{
    return !same_end(tuples->first.destination, tuples->first.destination_port, tuples->answer.source,
                     tuples->answer.source_port);
}

// Whether the other side sees it come from elsewhere.
static __always_inline int is_masked(const struct tuples *tuples)
{
    return !same_end(tuples->first.source, tuples->first.source_port, tuples->answer.destination,
                     tuples->answer.destination_port);
}

static __always_inline void set_tuple_address(__u8 *address, const __u32 *from, __u16 family)
{
    __u32 *words = (__u32 *)address;

    if (family == AF_INET) {
        words[0] = 0;
        words[1] = 0;
        words[2] = bpf_htonl(0xffff);
        words[3] = from[0];
    } else {
        __builtin_memcpy(address, from, 16);
    }
}

// Keeps `from` and `to`.
static __always_inline void remember_translation(struct translating *place)
{
    struct translation *known = bpf_map_lookup_elem(&translations, &place->from);
    const __u64 *a = (const __u64 *)place->to.address;

    place->to.time = bpf_ktime_get_boot_ns();
    if (known) {
        const __u64 *b = (const __u64 *)known->address;

        known->time = place->to.time;
        if (a[0] == b[0] && a[1] == b[1] && known->port == place->to.port)
            return;
    }
    bpf_map_update_elem(&translations, &place->from, &place->to, BPF_ANY);
    if (!control.translates)
        control.translates = 1;
}

static __always_inline void remember_redirection(struct translating *place)
{
    const struct tuples *tuples = &place->tuples;
    __u16 family = tuples->first.family;

    set_tuple_address(place->from.source, tuples->first.source, family);
    set_tuple_address(place->from.destination, tuples->first.destination, family);
    place->from.source_port = bpf_ntohs(tuples->first.source_port);
    place->from.destination_port = bpf_ntohs(tuples->first.destination_port);
    place->from.kind = tuples->first.protocol;
    set_tuple_address(place->to.address, tuples->answer.source, family);
    place->to.port = bpf_ntohs(tuples->answer.source_port);
    remember_translation(place);
}

// Takes note of where the packet's connection leads, when that is not what was asked for. Global, so that it is verified once.
__attribute__((noinline)) int note_redirection(__u64 tracked)
{
    struct translating *place = read_tuples(tracked, MESSAGE_SENT);

    if (place && is_redirected(&place->tuples) &&
        (place->tuples.first.protocol == IPPROTO_TCP || place->tuples.first.protocol == IPPROTO_UDP))
        remember_redirection(place);
    return 0;
}

#endif
