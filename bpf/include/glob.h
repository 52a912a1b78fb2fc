// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// --exe: path patterns matched against the walked path. Both run from the leaf to the root with NUL between components,
// and matching a glob backwards is the same as matching it forwards. `*` and `?` stay within a component; `**` crosses.
#ifndef GLOB_H
#define GLOB_H

#include "scope.h"
#include "scratch.h"

// For all patterns together; a pattern with many stars on a long path may need more, and then counts as matching, so
// that a scope shows too much rather than too little.
#define GLOB_STEPS 128
#define GLOB_ROUNDS 64
#define NO_STAR 0xffffffff

static __always_inline void match_restart(struct match *match, __u32 index)
{
    match->index = index;
    match->p = 0;
    match->t = 0;
    match->star_p = NO_STAR;
    match->globstar_p = NO_STAR;
}

static __always_inline char pattern_at(__u32 index, __u32 position)
{
    if (index >= WIRE_SCOPE_MAX || position >= WIRE_GLOB_SIZE)
        return 0;
    return config.glob[index].pattern[position];
}

// One character; 1 when all patterns are decided.
__attribute__((noinline)) int glob_step(__u32 slot)
{
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_map, &slot);

    if (!scratch)
        return 1;
    struct match *match = &scratch->match;
    __u32 index = match->index;

    if (index >= WIRE_SCOPE_MAX || index >= config.glob_count)
        return 1;
    __u32 size = config.glob[index].size;
    int path_done = match->t >= match->path_size;
    int pattern_done = match->p >= size;

    if (path_done && pattern_done) {
        if (config.glob[index].negated)
            match->refused = 1;
        else
            match->accepted = 1;
        match_restart(match, index + 1);
        return 0;
    }
    // `**` takes whole components, so what follows it starts where one starts.
    if (match->p == match->globstar_p && !pattern_done && !path_done && match->t &&
        *scratch_at(scratch, match->path + match->t - 1)) {
        match->t = ++match->globstar_t;
        return 0;
    }
    char p = pattern_at(index, match->p);
    char t = path_done ? 0 : *scratch_at(scratch, match->path + match->t);

    if (!pattern_done && p == '*') {
        if (pattern_at(index, match->p + 1) == '*') {
            match->p += 2;
            match->globstar_p = match->p;
            match->globstar_t = match->t;
            match->star_p = NO_STAR;
        } else {
            match->p += 1;
            match->star_p = match->p;
            match->star_t = match->t;
        }
        return 0;
    }
    if (!pattern_done && !path_done && (p == t || (p == '?' && t))) {
        match->p++;
        match->t++;
        return 0;
    }
    // No match here: let the last star take one character more.
    if (match->star_p != NO_STAR && match->star_t < match->path_size &&
        *scratch_at(scratch, match->path + match->star_t)) {
        match->t = ++match->star_t;
        match->p = match->star_p;
        return 0;
    }
    if (match->globstar_p != NO_STAR && match->globstar_t < match->path_size) {
        match->t = ++match->globstar_t;
        match->p = match->globstar_p;
        match->star_p = NO_STAR;
        return 0;
    }
    match_restart(match, index + 1);
    return 0;
}

__attribute__((noinline)) int glob_steps(__u32 slot)
{
    for (int i = 0; i < GLOB_STEPS; i++) {
        if (glob_step(slot))
            return 1;
    }
    return 0;
}

// The mark for a path in scratch: set when the --exe options as a whole accept it.
static __always_inline __u32 glob_marks(struct scratch *scratch, __u32 path, __u32 path_size)
{
    __u32 slot = scratch->slot;
    struct match *match = &scratch->match;
    int positive = 0, done = 0;

    match->path = path;
    match->path_size = path_size;
    match->accepted = 0;
    match->refused = 0;
    match_restart(match, 0);
    for (int i = 0; i < GLOB_ROUNDS; i++) {
        if (glob_steps(slot)) {
            done = 1;
            break;
        }
    }
    if (!done)
        return WIRE_TASK_EXE;
    for (__u32 i = 0; i < WIRE_SCOPE_MAX; i++) {
        if (i >= config.glob_count)
            break;
        if (!config.glob[i].negated)
            positive = 1;
    }
    if (match->refused)
        return 0;
    return !positive || match->accepted ? WIRE_TASK_EXE : 0;
}

#endif
