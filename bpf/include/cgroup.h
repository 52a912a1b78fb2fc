// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Which cgroup a task is in.
#ifndef CGROUP_H
#define CGROUP_H

#include "common.h"

// That of the v1 hierarchy in which containers are looked for; only where config.v1_controller names one.
static __always_inline struct cgroup *v1_cgroup(struct task_struct *task)
{
    struct css_set *set = BPF_CORE_READ(task, cgroups);
    struct cgroup_subsys_state *state = 0;

    READ(state, (__u64)set + bpf_core_field_offset(struct css_set, subsys) + (config.v1_controller - 1) * sizeof(state));
    return BPF_CORE_READ(state, cgroup);
}

// In the hierarchy of version 2.
static __always_inline __u64 unified_cgroup_of(struct task_struct *task, const int typed)
{
    return GET(task, cgroups, dfl_cgrp, kn, id);
}

// The id that stands for a task's cgroup. Where a v1 hierarchy has the containers, that is the task's cgroup there, unless
// it is the root: ids of two hierarchies may be equal, so those of v1 carry a mark.
static __always_inline __u64 cgroup_of(struct task_struct *task, const int typed)
{
    if (config.v1_controller) {
        struct cgroup *cgroup = v1_cgroup(task);

        if (BPF_CORE_READ(cgroup, level) > 0)
            return BPF_CORE_READ(cgroup, kn, id) | WIRE_CGROUP_V1;
    }
    return unified_cgroup_of(task, typed);
}

// The id of the cgroup at `level` above `cgroup`, or its own; 0 when it is not that deep. (The helper for the current task
// is not there for tracing programs in 5.10.)
static __always_inline __u64 cgroup_ancestor(struct cgroup *cgroup, __u32 level)
{
    struct cgroup *ancestor = 0;
    __u64 id = 0;

    if ((__s32)level > BPF_CORE_READ(cgroup, level))
        return 0;
    if (bpf_core_field_exists(((struct cgroup___before_6_1 *)0)->ancestor_ids)) {
        READ(id, (__u64)cgroup + bpf_core_field_offset(struct cgroup___before_6_1, ancestor_ids) + level * sizeof(id));
        return id;
    }
    READ(ancestor, (__u64)cgroup + bpf_core_field_offset(struct cgroup, ancestors) + level * sizeof(ancestor));
    return BPF_CORE_READ(ancestor, kn, id);
}

#endif
