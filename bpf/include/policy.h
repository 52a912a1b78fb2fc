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
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
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

// More than the bits in the number of lengths that there can be.
#define LENGTH_STEPS 8

// The network of `bits` bits that an address is in.
static __always_inline void set_network(struct wire_target *target, const __u32 address[4], __u32 bits)
{
    __u32 *network = (__u32 *)target->address;

    target->bits = bits;
#pragma unroll
    for (int word = 0; word < 4; word++) {
        int kept = (int)bits - 32 * word;

        network[word] = kept >= 32 ? address[word] : kept <= 0 ? 0 : address[word] & bpf_htonl(~0u << (32 - kept));
    }
}

// What is decided for the longest network that an address is in, by a binary search over the lengths that there are: what
// is hit decides, or only says that there are longer ones, with what holds where none of those does. A function for the room
// on the stack.
static __attribute__((noinline)) struct wire_decision *find_network(void *map, struct wire_target *target,
                                                                    const __u32 address[4],
                                                                    const volatile struct wire_lengths *lengths)
{
    __u32 low = 0, high = lengths->count;
    struct wire_decision *found = 0;

    for (int i = 0; i < LENGTH_STEPS && low < high; i++) {
        __u32 middle = (low + high) / 2;
        struct wire_decision *next;

        if (middle >= sizeof(lengths->bits))
            break;
        set_network(target, address, lengths->bits[middle]);
        next = bpf_map_lookup_elem(map, target);
        if (next) {
            found = next;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

// Finds what holds for the address in `target`, with a search for each shape of keys that there is, however many keys
// there are.
static __always_inline struct wire_decision decide_address(void *map, struct wire_target *target, const int operation,
                                                   const struct actor *actor)
{
    struct wire_decision best = {
        .verdict = policy.fallback[operation].verdict,
        .rule = policy.fallback[operation].rule,
    };
    const volatile struct wire_lengths *lengths = &policy.lengths[operation][target->family == WIRE_FAMILY_IPV6];
    __u16 port = target->port;
    __u8 protocol = target->protocol;
    __u32 address[4];

    __builtin_memcpy(address, target->address, sizeof(address));
#pragma unroll
    for (__u32 shape = 0; shape < WIRE_SHAPES; shape++) {
        struct wire_decision *found, next;

        if (!(policy.shapes[operation] & 1u << shape))
            continue;
        target->port = shape & WIRE_SHAPE_PORT ? port : 0;
        target->protocol = shape & WIRE_SHAPE_PROTOCOL ? protocol : 0;
        found = find_network(map, target, address, lengths);
        if (!found)
            continue;
        next = *found;
        // What is found has a rank above that of the fallback.
        if (settle(&next, actor) && next.rank > best.rank)
            best = next;
    }
    __builtin_memcpy(target->address, address, sizeof(address));
    target->bits = 0;
    target->port = port;
    target->protocol = protocol;
    return best;
}

static __always_inline int stops(const struct wire_decision *decision)
{
    return decision->verdict >= WIRE_DENY;
}

#endif
