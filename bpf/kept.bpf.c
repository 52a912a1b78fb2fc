// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Marks processes that a policy has to know again: those of its trees, and those whom it was found to be for, whatever becomes of
// them. Shares marks and settings with process.bpf.c, which hands marks down to children.
//
// A mark is made before the process can leave what it is marked for: it is looked at when it executes a program, forks, and where
// security hooks allow it before it is another user.

#include "common.h"

#include "actor.h"
#include "held.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// How many processes a look at all has marked.
volatile __u64 marked SEC(".data.marked");

static __always_inline __u64 task_in(__u64 *context, const int number)
{
    __u64 task = 0;

    // Not by a plain load: what functions take are numbers.
    READ(task, &context[number]);
    return task;
}

// The marks of the trees that begin with the program that a task runs, whatever else holds for it.
static __always_inline __u32 tree_marks(__u64 programs)
{
    return (__u32)((programs & actors.tree_programs) >> actors.first_tree) << WIRE_TASK_TREES;
}

#define PROGRAMS_OF(task) (actors.programs || actors.tree_programs ? conditions_on_program(task) : 0)

// Its program is new.
static __always_inline int on_executed(void)
{
    __u64 task = bpf_get_current_task(), programs = PROGRAMS_OF(task);

    scope_add_marks(BPF_CORE_READ((struct task_struct *)task, tgid), tree_marks(programs));
    if (actors.kept)
        conditions_on(task, programs & actors.programs);
    return 0;
}

// What marks a child before this one does is in front of it, so that it marks both.
static __always_inline int on_forked(__u64 *context)
{
    struct task_struct *child = (void *)task_in(context, 1);
    __u32 pid = BPF_CORE_READ(child, tgid);

    if (pid == (__u32)BPF_CORE_READ(child, pid) && conditions(PROGRAMS) & WIRE_ACTOR_HELD)
        scope_add_marks(pid, WIRE_TASK_HELD);
    return 0;
}

THREE_PROGRAMS("tp_btf/sched_process_exec", kept_executed, on_executed())
THREE_PROGRAMS("tp_btf/sched_process_fork", kept_forked, on_forked(context))

// As whoever it is before that.

SEC("lsm/bprm_check_security")
int kept_executes(__u64 *context)
{
    conditions(PROGRAMS);
    return 0;
}

SEC("lsm/task_fix_setuid")
int kept_changes(__u64 *context)
{
    conditions(PROGRAMS);
    return 0;
}

// Everyone who is already there, as often as it marks anybody: a child may come before its parent.
SEC("iter/task")
int kept_existing(struct bpf_iter__task *context)
{
    __u64 task = task_in((__u64 *)context, 1), programs;
    __u32 pid, marks;

    if (!task)
        return 0;
    pid = BPF_CORE_READ((struct task_struct *)task, tgid);
    // Threads, and who has ended already and would leave its mark to another.
    if (pid != (__u32)BPF_CORE_READ((struct task_struct *)task, pid) ||
        !BPF_CORE_READ((struct task_struct *)task, signal, live.counter))
        return 0;
    programs = PROGRAMS_OF(task);
    marks = scope_marks(BPF_CORE_READ((struct task_struct *)task, real_parent, tgid)) >> WIRE_TASK_TREES;
    marks = (marks << WIRE_TASK_TREES | tree_marks(programs)) & ~scope_marks(pid);
    if (marks) {
        scope_add_marks(pid, marks);
        marked = marked + 1;
    }
    if (actors.kept)
        conditions_on(task, programs & actors.programs);
    return 0;
}
