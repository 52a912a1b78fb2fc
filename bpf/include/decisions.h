// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is decided for a file, by its place and its name. Included by guard.bpf.c alone.
#ifndef DECISIONS_H
#define DECISIONS_H

#include "actor.h"

#define ASKED_MEMFD (1u << 8)
#define ASKED_DRIFT (1u << 9)
#define ASKED_BY_RULES (1u << 10) // the default is not for it
#define ASKED_OF_ALL (1u << 11)   // a choice is left as it is: who acts is asked for only where that counts

// What goes before: of more kinds of conditions, then the stricter, and of two that are equal in that the rule that comes
// first. A choice that is left goes before all.
static __always_inline __u32 first_of(__u32 a, __u32 b)
{
    __u32 x = WIRE_GUARD_KINDS(a) << 3 | WIRE_GUARD_VERDICT(a), y = WIRE_GUARD_KINDS(b) << 3 | WIRE_GUARD_VERDICT(b);

    if (WIRE_GUARD_VERDICT(a) == WIRE_GUARD_CHOICE)
        return a;
    if (WIRE_GUARD_VERDICT(b) == WIRE_GUARD_CHOICE)
        return b;
    if (x != y)
        return x > y ? a : b;
    return WIRE_GUARD_RULE(a) < WIRE_GUARD_RULE(b) ? a : b;
}

// Of two decisions the stricter, and the one of the rule that comes first where both are as strict.
static __always_inline __u32 stricter(__u32 a, __u32 b)
{
    if (WIRE_GUARD_VERDICT(a) != WIRE_GUARD_VERDICT(b))
        return WIRE_GUARD_VERDICT(a) > WIRE_GUARD_VERDICT(b) ? a : b;
    return WIRE_GUARD_RULE(a) < WIRE_GUARD_RULE(b) ? a : b;
}

// What a decision comes to for whoever acts; 0 for nothing.
__attribute__((noinline)) __u32 held(__u32 decision, __u32 asked, __u64 programs)
{
    struct wire_choice *choice;
    __u32 number, verdict;

    if (WIRE_GUARD_VERDICT(decision) != WIRE_GUARD_CHOICE || asked & ASKED_OF_ALL)
        return decision;
    number = choose(WIRE_GUARD_RULE(decision), conditions(programs));
    choice = number ? bpf_map_lookup_elem(&choices, &number) : 0;
    if (!choice)
        return 0;
    verdict = choice->verdict;
    // Nothing is lost here, so that there is one verdict less in between.
    if (verdict < WIRE_GUARD_DENY)
        verdict++;
    return (verdict & 7) | choice->rule << 3 | (choice->rank & 7) << 29;
}

// By the name alone: all of it, or else the longest end that a rule names.
__attribute__((noinline)) __u64 by_name(__u64 dentry, __u32 asked, __u64 programs)
{
    __u64 found = node_named(WIRE_GUARD_ANYWHERE, dentry, 0);
    __u32 length = length_of_name(dentry), slot = asked & (WIRE_GUARD_SLOTS - 1), number, decision;
    struct wire_guard_node *node;

    for (int i = -1; i < WIRE_GUARD_SUFFIXES; i++) {
        if (i >= 0) {
            if (i >= guard.suffix_count)
                break;
            found = 0;
            if (length >= guard.suffix_sizes[i])
                found = node_named(WIRE_GUARD_SUFFIX, dentry, length - guard.suffix_sizes[i]);
        }
        if (!found)
            continue;
        number = found - 1;
        node = bpf_map_lookup_elem(&nodes, &number);
        decision = node ? held(node->exact[slot], asked, programs) : 0;
        if (decision)
            return decision;
    }
    return 0;
}

#define DECIDED (1ull << 32) // by the path itself: nothing else counts

// By the place that a file is or is below; with CLIMB_PART where another way up leads elsewhere.
__attribute__((noinline)) __u64 by_place(__u64 dentry, __u64 mount, __u32 asked, __u64 programs)
{
    __u64 found = find_place(dentry, mount), flags = found & CLIMB_PART;
    __u32 node = CLIMB_NODE(found), levels = CLIMB_LEVELS(found), slot = asked & (WIRE_GUARD_SLOTS - 1);
    struct wire_guard_node *place;
    __u32 decision;

    if (found & CLIMB_FAR) {
        decision = held(guard.unknown[slot], asked, programs);
        return decision ? decision | DECIDED : flags;
    }
    place = bpf_map_lookup_elem(&nodes, &node);
    if (!place)
        return flags;
    if (!levels) {
        decision = held(place->exact[slot], asked, programs);
        if (decision)
            return decision | DECIDED | flags;
        return held(place->own[slot], asked, programs) | flags;
    }
    decision = levels == 1 ? held(place->direct[slot], asked, programs) : 0;
    if (!decision)
        decision = held(place->below[slot], asked, programs);
    return decision | flags;
}

// By one way up. `asked` is the operation with what is known of the file.
static __always_inline __u64 decide_by(__u64 dentry, __u64 mount, __u32 asked, __u64 programs)
{
    __u32 slot = asked & (WIRE_GUARD_SLOTS - 1), decision, other = 0;
    __u64 place = by_place(dentry, mount, asked, programs), flags = place & CLIMB_PART;

    if (place & DECIDED)
        return (__u32)place | flags;
    decision = place;
    if (guard.has_names || guard.suffix_count)
        decision = first_of(decision, by_name(dentry_at(dentry, mount, 0), asked, programs));
    if (asked & ASKED_MEMFD)
        other = held(guard.memfd, asked, programs);
    if (!other && asked & ASKED_DRIFT)
        other = held(guard.drift, asked, programs);
    decision = first_of(decision, other);
    if (!decision && !(asked & ASKED_BY_RULES))
        decision = guard.fallback[slot];
    return decision | flags;
}

// By all ways up the strictest.
static __always_inline __u32 decide_for(__u64 dentry, __u64 mount, __u32 asked, __u64 programs)
{
    __u64 decision = decide_by(dentry, mount, asked, programs);

    if (decision & CLIMB_PART)
        decision = stricter(decision, decide_by(dentry, 0, asked, programs));
    return decision;
}

// What holds for a file, and for whoever acts.
__attribute__((noinline)) __u64 decide(__u64 dentry, __u64 mount, __u32 asked)
{
    __u32 decision = decide_for(dentry, mount, asked | ASKED_OF_ALL, 0);

    if (WIRE_GUARD_VERDICT(decision) != WIRE_GUARD_CHOICE)
        return decision;
    return decide_for(dentry, mount, asked, PROGRAMS);
}

#endif
