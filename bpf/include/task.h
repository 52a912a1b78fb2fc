// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Fills the head of a record: who and where.
#ifndef TASK_H
#define TASK_H

#include "cgroup.h"

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
    record->cgroup = cgroup_of(task, typed);
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

#endif
