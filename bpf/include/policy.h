// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// A policy about the network, as it is looked up, and what is told of whoever violates it.
#ifndef POLICY_H
#define POLICY_H

#include "actor.h"
#include "net.h"
#include "ring.h"
#include "task.h"

#include "wire/enforce.h"

#define IPPROTO_MPTCP 262
#define IPPROTO_UDPLITE 136

#define DENY 0
#define PASS 1

const volatile struct wire_policy policy SEC(".rodata.policy");

// How many of the run's own attempts were refused. One thread makes them, and nobody else
// knows the addresses.
volatile __u64 canaries SEC(".data.canaries");

// Sized by user space.
struct targets {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct wire_target);
    __type(value, struct wire_decision);
};

struct targets connect_targets SEC(".maps");
struct targets listen_targets SEC(".maps");

// All protocols that a rule can name.
static __always_inline __u8 named_protocol(__u32 protocol)
{
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP)
        return IPPROTO_TCP;
    if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE)
        return IPPROTO_UDP;
    return 0;
}

static __always_inline void set_ipv4(struct wire_target *target, __u32 address)
{
    target->family = WIRE_FAMILY_IPV4;
    target->bits = WIRE_TARGET_BITS + 32;
    __builtin_memcpy(target->address, &address, 4);
}

// IPv4 in the form that IPv6 carries it in is IPv4: UDP calls the hooks of IPv4 for it, TCP those of IPv6.
static __always_inline void set_ipv6(struct wire_target *target, __u32 a, __u32 b, __u32 c, __u32 d)
{
    __u32 address[4] = {a, b, c, d};

    if (!a && !b && c == bpf_htonl(0xffff)) {
        set_ipv4(target, d);
        return;
    }
    target->family = WIRE_FAMILY_IPV6;
    target->bits = WIRE_TARGET_BITS + 128;
    __builtin_memcpy(target->address, address, 16);
}

// Of either family, IPv4 as ::ffff:10.0.0.1.
static __always_inline void set_mapped(__u8 mapped[16], const struct wire_target *target)
{
    if (target->family == WIRE_FAMILY_IPV4) {
        __builtin_memset(mapped, 0, 10);
        mapped[10] = mapped[11] = 0xff;
        __builtin_memcpy(mapped + 12, target->address, 4);
    } else {
        __builtin_memcpy(mapped, target->address, 16);
    }
}

// Whose act it is: the current task's, of which only the conditions on programs are known yet, or a socket's, with all that
// hold for who has it.
struct actor {
    int isCurrent;
    __u64 holds;
};

// What holds for the actor, where that is not the same for all. False where nothing does.
static __always_inline int settle(struct wire_decision *decision, const struct actor *actor)
{
    struct wire_choice *choice;
    __u32 number;

    if (!decision->choice)
        return 1;
    number = choose(decision->choice, actor->isCurrent ? conditions(actor->holds) : actor->holds);
    choice = number ? bpf_map_lookup_elem(&choices, &number) : 0;
    if (!choice)
        return 0;
    decision->verdict = choice->verdict;
    decision->rank = choice->rank;
    decision->rule = choice->rule;
    return 1;
}

// Finds what holds for the address in `target`, with at most one look-up for each shape of keys that there is, however
// many keys there are. `target->bits` is that of a whole address.
static __always_inline struct wire_decision decide_address(void *map, struct wire_target *target, const int operation,
                                                   const struct actor *actor)
{
    struct wire_decision best = {
        .verdict = policy.fallback[operation].verdict,
        .rule = policy.fallback[operation].rule,
    };
    __u16 port = target->port;
    __u8 protocol = target->protocol;

#pragma unroll
    for (__u32 shape = 0; shape < WIRE_SHAPES; shape++) {
        struct wire_decision *found, next;

        if (!(policy.shapes[operation] & 1u << shape))
            continue;
        target->port = shape & WIRE_SHAPE_PORT ? port : 0;
        target->protocol = shape & WIRE_SHAPE_PROTOCOL ? protocol : 0;
        found = bpf_map_lookup_elem(map, target);
        if (!found)
            continue;
        next = *found;
        // What is found has a rank above that of the fallback.
        if (settle(&next, actor) && next.rank > best.rank)
            best = next;
    }
    target->port = port;
    target->protocol = protocol;
    return best;
}

static __always_inline int stops(const struct wire_decision *decision)
{
    return decision->verdict >= WIRE_DENY;
}

#endif
