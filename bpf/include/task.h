// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Fills the head of a record: who, where, and the chain of parents.
#ifndef TASK_H
#define TASK_H

#include "scratch.h"

#define PIDTYPE_SID 3 // enum pid_type, unchanged since 4.19

// The pid that the process itself sees: the number in the innermost namespace.
static __always_inline __u32 pid_in_namespace(struct task_struct *task)
{
    struct pid *pid = 0;
    __u32 level = 0;
    int number = 0;

    // By helper: before 6.2 a pointer with a type can't be added to a number that is not constant.
    READ(pid, &task->thread_pid);
    READ(level, &pid->level);
    READ(number, (__u64)&pid->numbers[0] + level * bpf_core_type_size(struct upid));
    return number;
}

static __always_inline void fill_header(struct wire_header *header, __u32 length, __u16 kind)
{
    header->length = length;
    header->kind = kind;
    header->flags = 0;
    header->time = bpf_ktime_get_boot_ns();
}

static __always_inline void fill_task(struct wire_task *record, struct task_struct *task, const int typed)
{
    struct task_struct *leader = GET(task, group_leader);
    struct task_struct *parent = GET(task, real_parent, group_leader);
    struct signal_struct *signal = GET(task, signal);
    struct cred *cred = GET(task, cred);
    struct pid *session = 0;

    record->pid = GET(task, tgid);
    record->tid = GET(task, pid);
    record->vpid = pid_in_namespace(leader);
    record->parent_pid = GET(parent, tgid);
    record->start = GET(leader, start_boottime);
    record->parent_start = GET(parent, start_boottime);
    record->cgroup = GET(task, cgroups, dfl_cgrp, kn, id);
    record->uid = GET(cred, uid.val);
    record->gid = GET(cred, gid.val);
    record->euid = GET(cred, euid.val);
    record->egid = GET(cred, egid.val);
    record->login_uid = 0xffffffff;
    if (bpf_core_field_exists(task->loginuid)) // CONFIG_AUDIT
        record->login_uid = GET(task, loginuid.val);
    READ(session, &signal->pids[PIDTYPE_SID]);
    record->session = 0;
    if (session)
        READ(record->session, &session->numbers[0].nr);
    bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
}

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
