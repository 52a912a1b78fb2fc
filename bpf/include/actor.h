// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Whom a rule is for: the conditions of the policy that hold for a task, and which of several rules holds for it.
#ifndef ACTOR_H
#define ACTOR_H

#include "cgroup.h"
#include "places.h"
#include "scope.h"

#include "wire/actor.h"

const volatile struct wire_actor_policy actors SEC(".rodata.actor");

// Sized by user space, as the others.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct wire_choice);
} choices SEC(".maps");

// Effective user ids, and the conditions that they meet.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} actor_users SEC(".maps");

// Names of processes, padded with NUL, and the conditions that they meet.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, char[WIRE_COMM_SIZE]);
    __type(value, __u64);
} actor_names SEC(".maps");

// Cgroups that conditions name, each with those above it, marked as cgroup_of does.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u64);
    __type(value, __u64);
} actor_cgroups SEC(".maps");

// Cgroups of which user space knows whose they are.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, __u64);
    __type(value, __u64);
} actor_workloads SEC(".maps");

// Processes that the run spares, by their ids, and when they started.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} spared SEC(".maps");

static __always_inline __u64 named_cgroups(struct cgroup *cgroup, __u64 mark)
{
    __u64 holds = 0;

    for (__u32 level = 0; level < WIRE_ACTOR_LEVELS; level++) {
        __u64 id, *found;

        if (!(actors.levels >> level & 1))
            continue;
        id = cgroup_ancestor(cgroup, level) | mark;
        found = bpf_map_lookup_elem(&actor_cgroups, &id);
        if (found)
            holds |= *found;
    }
    return holds;
}

// Verified once for all levels that there may be.
__attribute__((noinline)) __u64 conditions_on_cgroups(__u64 task)
{
    __u64 holds;

    if (!actors.levels)
        return 0;
    holds = named_cgroups(BPF_CORE_READ((struct task_struct *)task, cgroups, dfl_cgrp), 0);

    if (config.v1_controller)
        holds |= named_cgroups(v1_cgroup((void *)task), WIRE_CGROUP_V1);
    return holds;
}

// The conditions on the program that a task runs. Asked for by the entry of each program: with the name of a file in it the stack
// has no room for more than that.
__attribute__((noinline)) __u64 conditions_on_program(__u64 task)
{
    __u64 program = (__u64)BPF_CORE_READ((struct task_struct *)task, mm, exe_file, f_path.dentry);

    return program ? programs_of(program) : 0;
}

#define PROGRAMS (actors.programs ? conditions_on_program(bpf_get_current_task()) & actors.programs : 0)

// A function for the room on the stack.
__attribute__((noinline)) __u64 conditions_on_names(__u64 task)
{
    char name[WIRE_COMM_SIZE] = {};
    __u64 *found;

    // What is behind the NUL stays as it is here.
    if (bpf_probe_read_kernel_str(name, sizeof(name), ((struct task_struct *)task)->comm) < 0)
        return 0;
    found = bpf_map_lookup_elem(&actor_names, name);
    return found ? *found : 0;
}

// What may hold where that does: of some not all is known.
static __always_inline __u64 possible(__u64 holds)
{
    if (holds & WIRE_ACTOR_STRANGER)
        return ~0ull;
    return holds & WIRE_ACTOR_NAMELESS ? holds | actors.workloads : holds;
}

// Whether the policy is for somebody at all, of whom those conditions hold. What is not known counts as held.
static __always_inline int is_for(__u64 holds)
{
    if (!actors.scoped || holds & WIRE_ACTOR_HELD)
        return 1;
    return !(actors.scope_with & ~possible(holds)) && !(actors.scope_without & holds);
}

// The same where all that counts is known.
static __always_inline int is_surely_for(__u64 holds)
{
    return !(actors.scope_with & ~holds) && !(actors.scope_without & possible(holds));
}

// What marks of a task say. Whoever is held stays so, with what it starts: to be another user, program, or in another cgroup from
// now on is no way out.
static __always_inline __u64 conditions_on_marks(struct task_struct *task, __u64 holds)
{
    __u32 pid = BPF_CORE_READ(task, tgid), marks = scope_marks(pid);

    holds |= (__u64)(marks >> WIRE_TASK_TREES) << actors.first_tree & actors.trees;
    if (marks & WIRE_TASK_HELD)
        return holds | WIRE_ACTOR_HELD;
    // Who is on its way out would leave its mark to the next process of that number.
    if (!actors.kept || !is_surely_for(holds) || BPF_CORE_READ(task, flags) & PF_EXITING)
        return holds;
    scope_set_marks(pid, marks | WIRE_TASK_HELD);
    return holds | WIRE_ACTOR_HELD;
}

// All conditions that hold for a task, of which those on its program are known.
__attribute__((noinline)) __u64 conditions_on(__u64 address, __u64 programs)
{
    struct task_struct *task = (void *)address;
    __u64 holds = programs, *found;

    if (actors.users) {
        __u32 user = BPF_CORE_READ(task, cred, euid.val);

        found = bpf_map_lookup_elem(&actor_users, &user);
        if (found)
            holds |= *found;
    }
    if (actors.levels)
        holds |= conditions_on_cgroups(address);
    if (actors.workloads) {
        __u64 cgroup = cgroup_of(task, 0);

        found = bpf_map_lookup_elem(&actor_workloads, &cgroup);
        holds |= found ? *found : WIRE_ACTOR_NAMELESS;
    }
    if (actors.names)
        holds |= conditions_on_names(address);
    if (actors.spares) {
        __u32 pid = BPF_CORE_READ(task, tgid);

        found = bpf_map_lookup_elem(&spared, &pid);
        if (found && *found == BPF_CORE_READ(task, group_leader, start_boottime) / WIRE_ACTOR_TICK)
            holds |= WIRE_ACTOR_SPARED;
    }
    if (actors.trees || actors.kept)
        holds = conditions_on_marks(task, holds);
    return holds;
}

// Those of the current task.
static __always_inline __u64 conditions(__u64 programs) { return conditions_on(bpf_get_current_task(), programs); }

// The number of the rule that holds where those conditions do; 0 for none. Where something is not known that counts, the
// strictest of those that may.
__attribute__((noinline)) __u32 choose(__u32 choice, __u64 holds)
{
    __u64 may = possible(holds), unknown = bpf_get_current_task();
    __u32 best = 0, strictest = 0;
    int isCertain = 0;

    // So that the verifier has nothing to do where there are none.
    if (!actors.any)
        return 0;
    for (__u32 i = 0; i < WIRE_CHOICES; i++) {
        struct wire_choice *next;

        if (!choice)
            break;
        next = bpf_map_lookup_elem(&choices, &choice);
        if (!next)
            break;
        if (!(next->with & ~may) && !(next->without & holds)) {
            if (!best || next->verdict > strictest) {
                best = choice;
                strictest = next->verdict;
            }
            if (!(next->with & ~holds) && !(next->without & may)) {
                isCertain = 1;
                break;
            }
        }
        choice = next->next;
        FORGET(best, unknown);
        FORGET(strictest, unknown);
        FORGET(choice, unknown);
    }
    // What may be let by one that is not certain may be stopped by what is less specific.
    return isCertain || strictest >= WIRE_CHOICE_STOPS ? best : 0;
}

#endif
