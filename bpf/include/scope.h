// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Which tasks were asked for. Decided first in every program; what was not asked for costs nothing, because the
// settings are constants to the verifier and the branches that they rule out are removed.
#ifndef SCOPE_H
#define SCOPE_H

#include "cgroup.h"

// pid -> WIRE_TASK_*. Holds only tasks with a mark, so it stays small; sized by user space, 1 when no scope needs it.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} task_scope SEC(".maps");

// What user space has found of a cgroup, for scopes by container. What is not here is not known yet: its events are sent,
// and user space decides. Of many cgroups those are kept whose events come.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, __u64);
    __type(value, __u32);
} cgroup_scope SEC(".maps");

// WIRE_CGROUP_UNKNOWN, _IN or _OUT.
static __always_inline __u32 scope_of_cgroup(__u64 cgroup)
{
    __u32 *decision = bpf_map_lookup_elem(&cgroup_scope, &cgroup);

    return decision ? *decision : WIRE_CGROUP_UNKNOWN;
}

static __always_inline int scope_tracks_tasks(void)
{
    return config.tree || config.tree_negated || config.glob_count || config.marks;
}

static __always_inline __u32 scope_marks(__u32 pid)
{
    __u32 *marks = bpf_map_lookup_elem(&task_scope, &pid);

    return marks ? *marks : 0;
}

static __always_inline void scope_set_marks(__u32 pid, __u32 marks)
{
    if (!marks)
        bpf_map_delete_elem(&task_scope, &pid);
    else if (bpf_map_update_elem(&task_scope, &pid, &marks, BPF_ANY))
        count_loss(WIRE_LOSS_SCOPE);
}

static __always_inline void scope_add_marks(__u32 pid, __u32 marks)
{
    __u32 known = scope_marks(pid);

    if (marks & ~known)
        scope_set_marks(pid, known | marks);
}

static __always_inline int scope_has_comm(struct task_struct *task)
{
    __u64 comm[2] = {};
    int positive = 0, found = 0;

    bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
    // Bytes after the NUL are left over from longer names.
    char *bytes = (char *)comm;
    int ended = 0;
    for (int i = 0; i < WIRE_COMM_SIZE; i++) {
        if (!bytes[i])
            ended = 1;
        if (ended)
            bytes[i] = 0;
    }
    for (__u32 i = 0; i < WIRE_SCOPE_MAX; i++) {
        if (i >= config.comm_count)
            break;
        const volatile __u64 *wanted = (const volatile __u64 *)config.comm[i].name;
        int equal = comm[0] == wanted[0] && comm[1] == wanted[1];

        if (config.comm[i].negated) {
            if (equal)
                return 0;
        } else {
            positive = 1;
            found |= equal;
        }
    }
    return !positive || found;
}

static __always_inline int scope_has_user(__u32 uid)
{
    int positive = 0, found = 0;

    for (__u32 i = 0; i < WIRE_SCOPE_MAX; i++) {
        if (i >= config.user_count)
            break;
        int equal = uid == config.user[i].uid;

        if (config.user[i].negated) {
            if (equal)
                return 0;
        } else {
            positive = 1;
            found |= equal;
        }
    }
    return !positive || found;
}

static __always_inline int scope_has_cgroup(struct task_struct *task)
{
    struct cgroup *v2 = BPF_CORE_READ(task, cgroups, dfl_cgrp);
    struct cgroup *v1 = config.v1_controller ? v1_cgroup(task) : v2;
    int positive = 0, found = 0;

    for (__u32 i = 0; i < WIRE_SCOPE_MAX; i++) {
        if (i >= config.cgroup_count)
            break;
        __u64 id = config.cgroup[i].id;
        struct cgroup *cgroup = id & WIRE_CGROUP_V1 ? v1 : v2;
        int equal = cgroup_ancestor(cgroup, config.cgroup[i].level) == (id & ~WIRE_CGROUP_V1);

        if (config.cgroup[i].negated) {
            if (equal)
                return 0;
        } else {
            positive = 1;
            found |= equal;
        }
    }
    return !positive || found;
}

// `marks` are those of the task.
static __always_inline int scope_has_marks(__u32 marks)
{
    if (config.tree && !(marks & WIRE_TASK_TREE))
        return 0;
    if (config.tree_negated && (marks & WIRE_TASK_NOT_TREE))
        return 0;
    if (config.glob_count && !(marks & WIRE_TASK_EXE))
        return 0;
    return 1;
}

// Whether events of `task` are wanted. None with one of the marks `without`.
static __always_inline int in_scope_without(struct task_struct *task, __u32 pid, __u32 without, const int typed)
{
    if (pid == config.own_pid)
        return 0;
    if (scope_tracks_tasks()) {
        __u32 marks = scope_marks(pid);

        if (marks & without || !scope_has_marks(marks))
            return 0;
    }
    if (config.comm_count && !scope_has_comm(task))
        return 0;
    if (config.user_count && !scope_has_user(GET(task, cred, euid.val)))
        return 0;
    if (config.cgroup_count && !scope_has_cgroup(task))
        return 0;
    if (config.workloads && scope_of_cgroup(cgroup_of(task, typed)) == WIRE_CGROUP_OUT)
        return 0;
    return 1;
}

static __always_inline int in_scope(struct task_struct *task, __u32 pid, const int typed)
{
    return in_scope_without(task, pid, 0, typed);
}

#endif
