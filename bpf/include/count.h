// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// System calls counted in the kernel, one place a CPU, so that counting waits for nobody.
#ifndef COUNT_H
#define COUNT_H

#include "call.h"
#include "scope.h"
#include "task.h"
#include "wire/syscalls.h"

// By number, one table of numbers after the other. User space makes room when this is asked for.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct wire_count);
} counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, 1);
    __type(key, struct wire_count_key);
    __type(value, struct wire_count);
} counts_by_owner SEC(".maps");

// Keyed as above, with number and abi 0.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct wire_count_key);
    __type(value, struct wire_count_owner);
} count_owners SEC(".maps");

static __always_inline struct wire_count *count_of_owner(struct task_struct *task, const struct call *call, __u32 by,
                                                         const int typed)
{
    struct wire_count_key key = {.number = call->number, .abi = call->abi};
    struct wire_count none = {};
    struct wire_count *count;

    if (by == WIRE_COUNT_BY_PROCESS) {
        key.who = GET(task, group_leader, start_boottime);
        key.pid = bpf_get_current_pid_tgid() >> 32;
    } else {
        key.who = cgroup_of(task, typed);
    }
    count = bpf_map_lookup_elem(&counts_by_owner, &key);
    if (count)
        return count;
    if (bpf_map_update_elem(&counts_by_owner, &key, &none, BPF_NOEXIST))
        count_loss(WIRE_LOSS_RING + WIRE_SYSCALL);
    count = bpf_map_lookup_elem(&counts_by_owner, &key);
    if (count && by == WIRE_COUNT_BY_PROCESS) {
        struct wire_count_owner owner;

        key.number = 0;
        key.abi = 0;
        fill_task(&owner.task, task, typed);
        bpf_map_update_elem(&count_owners, &key, &owner, BPF_ANY);
    }
    return count;
}

// `now` is 0 for a call that did not return.
static __always_inline int count_call(struct task_struct *task, const struct call *call, __s64 result, __u64 now, __u32 by,
                                      const int typed)
{
    struct wire_count *count;

    // Whether calls of a cgroup are wanted at all is found out later. One that was found to be out since this call was
    // taken as of an unknown one goes there too, where it is left out with the rest.
    if (by == WIRE_COUNT_BY_SYSCALL && config.workloads && scope_of_cgroup(cgroup_of(task, typed)) != WIRE_CGROUP_IN)
        by = WIRE_COUNT_BY_CGROUP;
    if (by == WIRE_COUNT_BY_SYSCALL) {
        __u32 number = call->number < WIRE_NUMBERS_MAX ? call->number : WIRE_NUMBERS_MAX - 1;
        __u32 index = (call->abi & (WIRE_ABI_COUNT - 1)) * WIRE_NUMBERS_MAX + number;

        count = bpf_map_lookup_elem(&counts, &index);
    } else {
        count = count_of_owner(task, call, by, typed);
    }
    if (!count)
        return 0;
    count->calls++;
    if (result < 0 && result >= -4095)
        count->errors++;
    if (now && call->start)
        count->time += now - call->start;
    return 0;
}

#endif
