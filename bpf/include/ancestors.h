// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The chain of parents of a task.
#ifndef ANCESTORS_H
#define ANCESTORS_H

#include "scratch.h"

// Appends one ancestor; 1 when it is the last. The chain ends with pid 1 or the first process of a container: the kernel
// marks the init process of every pid namespace as unkillable.
static __always_inline int append_ancestor(struct scratch *scratch, struct task_struct *ancestor, const int typed)
{
    struct wire_ancestor *record = (void *)scratch_at(scratch, scratch->end);

    record->pid = GET(ancestor, tgid);
    if (!record->pid) // the idle task
        return 1;
    record->start = GET(ancestor, start_boottime);
    record->unused = 0;
    bpf_probe_read_kernel(record->comm, sizeof(record->comm), ancestor->comm);
    scratch->end += sizeof(*record);
    return !!(GET(ancestor, signal, flags) & SIGNAL_UNKILLABLE);
}

// As many as most processes have; each costs the verifier a round.
#define NEAR_ANCESTORS 8
// Then by helper, in rounds: 12 times 10 more.
#define FAR_ANCESTORS 10
#define FAR_ROUNDS 12
_Static_assert(NEAR_ANCESTORS + FAR_ANCESTORS * FAR_ROUNDS == WIRE_ANCESTORS_MAX, "ancestors");

// The same for those far up. (A global function for the reason given at path_step.)
__attribute__((noinline)) int ancestor_step(__u32 slot)
{
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_map, &slot);
    struct task_struct *ancestor;

    if (!scratch)
        return 1;
    ancestor = (void *)scratch->ancestor;
    scratch->ancestor = (__u64)BPF_CORE_READ(ancestor, real_parent, group_leader);
    return append_ancestor(scratch, ancestor, 0);
}

__attribute__((noinline)) int ancestor_steps(__u32 slot)
{
    for (int i = 0; i < FAR_ANCESTORS; i++) {
        if (ancestor_step(slot))
            return 1;
    }
    return 0;
}

// Appends the parent, its parent and so on; answers how many.
static __always_inline __u32 append_ancestors(struct scratch *scratch, struct task_struct *task, const int typed)
{
    struct task_struct *ancestor = GET(task, real_parent, group_leader);
    __u32 slot = scratch->slot;
    __u32 start = scratch->end;
    int done = 0;

    if (GET(task, signal, flags) & SIGNAL_UNKILLABLE)
        return 0;
    for (int i = 0; typed && i < NEAR_ANCESTORS && !done; i++) {
        done = append_ancestor(scratch, ancestor, typed);
        ancestor = GET(ancestor, real_parent, group_leader);
    }
    scratch->ancestor = (__u64)ancestor;
    for (int i = 0; i < FAR_ROUNDS && !done; i++)
        done = ancestor_steps(slot);
    return (scratch->end - start) / sizeof(struct wire_ancestor);
}

#endif
