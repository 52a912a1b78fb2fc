// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Events that more than one program, or one program more than once, may see; only the first may report.
//
// From 7.0 on tracepoints leave preemption on, and a program is skipped for what happens on a CPU where it was preempted. It
// turns preemption off (PROGRAM in common.h), but not for the kernel's few instructions around it, among them, while run
// times are counted (kernel.bpf_stats_enabled), a reading of the clock that lets waiting tasks in. So there each program is
// attached three times, and one takes what the others were skipped for.
#ifndef ONCE_H
#define ONCE_H

#include "common.h"

struct event_key {
    __u64 start;
    __u32 pid;
    __u16 kind;
    __u16 number; // of the exec, counted by the task
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, struct event_key);
    __type(value, __u32);
} taken SEC(".maps");

// Whether nobody has taken this event yet. Without memory to remember it: twice is better than never.
static __always_inline int take_once(__u64 start, __u32 pid, __u16 kind, __u16 number)
{
    struct event_key key = {.start = start, .pid = pid, .kind = kind, .number = number};
    __u32 value = 0;

    // As an int: before 6.4 the verifier calls the map's own function, which returns one, and nobody extends its sign.
    return (int)bpf_map_update_elem(&taken, &key, &value, BPF_NOEXIST) != -EEXIST;
}

// The same for a program that is attached several times, from 0 on, and what it takes in place of those in front is counted.
static __always_inline int take_in_turn(__u64 start, __u32 pid, __u16 kind, __u16 number, const int attachment)
{
    if (!take_once(start, pid, kind, number))
        return 0;
    if (attachment)
        __atomic_fetch_add(&control.caught, 1, __ATOMIC_RELAXED);
    return 1;
}

#endif
