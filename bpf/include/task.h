// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Fills the head of a record: who, where, and the chain of parents.
#ifndef TASK_H
#define TASK_H

#include "scratch.h"

#define PIDTYPE_SID 3 // enum pid_type, unchanged since 4.19

// The pid that the process itself sees: the number in the innermost namespace.
static __always_inline __u32 pid_in_namespace(struct pid *pid)
{
    __u32 level = 0;
    int number = 0;

    // numbers[] is indexed by a value that is not constant, so this can't be a direct BTF access.
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

// uid, gid, suid, sgid, euid and egid lie together in struct cred: one read instead of four.
static __always_inline void fill_credentials(struct wire_task *record, struct cred *cred)
{
    __u32 ids[6] = {};

    bpf_probe_read_kernel(ids, sizeof(ids), &cred->uid);
    record->uid = ids[0];
    record->gid = ids[1];
    record->euid = ids[4];
    record->egid = ids[5];
}

static __always_inline void fill_task(struct wire_task *record, struct task_struct *task)
{
    struct task_struct *leader = GET(task, group_leader);
    struct task_struct *parent = GET(task, real_parent, group_leader);
    struct signal_struct *signal = GET(task, signal);
    struct pid *session = 0;

    record->pid = GET(task, tgid);
    record->tid = GET(task, pid);
    record->vpid = pid_in_namespace(GET(leader, thread_pid));
    record->parent_pid = GET(parent, tgid);
    record->start = GET(leader, start_boottime);
    record->parent_start = GET(parent, start_boottime);
    record->cgroup = GET(task, cgroups, dfl_cgrp, kn, id);
    fill_credentials(record, GET(task, cred));
    record->login_uid = 0xffffffff;
    if (bpf_core_field_exists(task->loginuid)) // CONFIG_AUDIT
        record->login_uid = GET(task, loginuid.val);
    READ(session, &signal->pids[PIDTYPE_SID]);
    record->session = 0;
    if (session)
        READ(record->session, &session->numbers[0].nr);
    bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
}

// One ancestor; 1 after the last. The chain ends with pid 1 or the first process of a container: the kernel marks the
// init process of every pid namespace as unkillable. (A global function, for the reason given at path_step.)
__attribute__((noinline)) int ancestor_step(__u32 cpu)
{
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_map, &cpu);
    struct task_struct *task;
    struct signal_struct *signal;
    struct wire_ancestor *record;

    if (!scratch)
        return 1;
    task = (void *)scratch->ancestor;
    record = (void *)scratch_at(scratch, scratch->end);
    record->pid = GET(task, tgid);
    if (!record->pid) // the idle task
        return 1;
    record->start = GET(task, start_boottime);
    record->unused = 0;
    bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
    scratch->end += sizeof(*record);
    signal = GET(task, signal);
    if (GET(signal, flags) & SIGNAL_UNKILLABLE)
        return 1;
    scratch->ancestor = (__u64)GET(task, real_parent, group_leader);
    return 0;
}

// Appends the parent, its parent and so on; answers how many.
static __always_inline __u32 append_ancestors(struct scratch *scratch, struct task_struct *task)
{
    __u32 cpu = bpf_get_smp_processor_id();
    __u32 start = scratch->end;

    if (GET(task, signal, flags) & SIGNAL_UNKILLABLE)
        return 0;
    scratch->ancestor = (__u64)GET(task, real_parent, group_leader);
    for (int i = 0; i < WIRE_ANCESTORS_MAX; i++) {
        if (ancestor_step(cpu))
            break;
    }
    return (scratch->end - start) / sizeof(struct wire_ancestor);
}

#endif
