// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Names: which pattern of the policy they match, and which addresses they have led to.
#ifndef POLICY_NAMES_H
#define POLICY_NAMES_H

#include "policy.h"

// Names of one address that the policy decides differently. More than so many push each other out.
#define NAMES_OF_ADDRESS 8

struct resolved_key {
    __u8 address[16]; // IPv4 as ::ffff:10.0.0.1
    __u32 slot;
    __u32 unused;
};

struct resolved {
    __u64 name;    // the last one that matches the pattern
    __u32 pattern; // 0: none
    __u32 until;   // seconds since the host was booted
};

// By the first half of its hash: nobody can make another name with that.
struct name {
    __u32 pattern;
    __u32 size;
    char text[WIRE_POLICY_NAME]; // as that of wire_violation; what is behind its size means nothing
};

// The bounds: what was not used for longest goes first, and has to be asked for again.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 32768);
    __type(key, struct resolved_key);
    __type(value, struct resolved);
} resolved SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, __u64);
    __type(value, struct name);
} asked_names SEC(".maps");

// Sized by user space.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct wire_name_pattern);
    __type(value, __u32);
} patterns SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct wire_name_rule);
    __type(value, struct wire_decision);
} name_rules SEC(".maps");

static __always_inline __u32 seconds(void) { return bpf_ktime_get_boot_ns() / 1000000000; }

// What a violation says of names.
struct naming {
    __u64 name;
    __u32 count;
};

// Two rules are equally specific only when they are about different names.
static __always_inline int precedes(const struct wire_decision *a, const struct wire_decision *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank;
    return a->verdict != b->verdict ? a->verdict > b->verdict : a->rule < b->rule;
}

// What holds by the names that have led to the address.
static __always_inline void decide_by_names(struct wire_decision *best, const struct wire_target *target,
                                            const struct actor *actor, struct naming *naming)
{
    struct resolved_key key = {};
    __u32 now = seconds(), count = 0;

    set_mapped(key.address, target);
    FORGET(count, now);
    FORGET(best->rank, now);
    FORGET(best->verdict, now);
    FORGET(best->rule, now);
    for (__u32 slot = 0; slot < NAMES_OF_ADDRESS; slot++) {
        struct resolved *found;

        key.slot = slot;
        found = bpf_map_lookup_elem(&resolved, &key);
        if (!found || found->until < now)
            continue;
        if (!count)
            naming->name = found->name;
        count++;
        FORGET(count, now);
        if (!found->pattern)
            continue;
#pragma unroll
        for (__u32 shape = 0; shape < WIRE_SHAPES; shape++) {
            struct wire_name_rule rule = {
                .pattern = found->pattern,
                .port = shape & WIRE_SHAPE_PORT ? target->port : 0,
                .protocol = shape & WIRE_SHAPE_PROTOCOL ? target->protocol : 0,
                .operation = WIRE_POLICY_CONNECT,
            };
            struct wire_decision *decision, next;

            if (!(policy.name_shapes & 1u << shape))
                continue;
            decision = bpf_map_lookup_elem(&name_rules, &rule);
            if (!decision)
                continue;
            next = *decision;
            if (settle(&next, actor) && precedes(&next, best)) {
                *best = next;
                naming->name = found->name;
            }
        }
    }
    naming->count = count;
}

// Of an address that an answer has, at `place`: an offset, with the highest bit for IPv6. Functions like this are verified once,
// wherever they are called.
__attribute__((noinline)) int take_address(struct __sk_buff *packet, __u32 place, __u32 until, __u64 name, __u32 pattern)
{
    struct resolved value = {.name = name, .pattern = pattern, .until = until};
    __u32 now = seconds(), oldest = 0xffffffff, target = 0;
    struct resolved_key key = {};

    if (place >> 31) {
        if (bpf_skb_load_bytes(packet, place & 0x7fffffff, key.address, 16))
            return 0;
    } else {
        key.address[10] = key.address[11] = 0xff;
        if (bpf_skb_load_bytes(packet, place, key.address + 12, 4))
            return 0;
    }
    for (__u32 slot = 0; slot < NAMES_OF_ADDRESS; slot++) {
        struct resolved *found;
        __u32 until;

        key.slot = slot;
        found = bpf_map_lookup_elem(&resolved, &key);
        if (found && found->pattern == pattern) {
            if (found->until > value.until)
                value.until = found->until;
            *found = value;
            return 0;
        }
        until = found && found->until >= now ? found->until : 0;
        if (until < oldest) {
            oldest = until;
            target = slot;
        }
    }
    key.slot = target;
    bpf_map_update_elem(&resolved, &key, &value, BPF_ANY);
    return 0;
}

#endif
