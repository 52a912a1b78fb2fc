// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Rules about programs and files, for all that descends from a process, or for whomever conditions hold. Shares ring and settings with process.bpf.c.
//
// Security hooks decide: whichever way led there, on the kernel's own objects, and no such program is ever skipped. It is
// decided first and told second: what is stopped does not depend on room in the ring.

#define SCRATCH_OF_GUARD

#include "common.h"

#include "decisions.h"
#include "held.h"
#include "layer.h"
#include "once.h"
#include "path.h"
#include "ring.h"
#include "scope.h"
#include "task.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EPERM 1
#define EAGAIN 11
#define SIGKILL 9
#define PROT_EXEC 4
#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000
#define FMODE_EXEC 0x20 // in the flags of an open
#define O_TMPFILE_ONLY 020000000
#define O_TRUNC 01000
#define ATTR_MODE 1
#define ATTR_UID 2
#define ATTR_GID 4
#define ATTR_SIZE 8
#define ATTR_ATIME 16
#define ATTR_MTIME 32
#define MAX_ERRNO 4095

volatile struct wire_guard_state state SEC(".data.guard");

// The tasks of a program that are held, by their addresses. One that can't be remembered is not made.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u64);
    __type(value, __u32);
} members SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct linux_binprm___file {
    struct file *file;
};

struct vm_area_struct {
    struct file *vm_file;
};

struct file___open {
    unsigned int f_flags;
    unsigned int f_mode;
};

struct mount___owner {
    void *mnt_ns;
};

struct vfsmount___file_system {
    struct super_block *mnt_sb;
};

struct iattr {
    unsigned int ia_valid;
};

struct task_struct___exec {
    unsigned in_execve : 1;
};

#pragma clang attribute pop

static __always_inline void *argument(__u64 *context, const int number)
{
    void *pointer = 0;

    // Not by a plain load: a pointer with a type costs the verifier more than it saves, and 5.10 does not know some.
    READ(pointer, &context[number]);
    return pointer;
}

// What a hook answers to refuse. As a constant of its own: made by arithmetic out of a condition, 6.12 does not see that
// it is one of those that a hook may answer.
static __always_inline int refuse(int error)
{
    long result = -error;

    BARRIER(result);
    return result;
}

__attribute__((noinline)) int is_member(void)
{
    __u64 task = bpf_get_current_task();

    if (!actors.scoped)
        return bpf_map_lookup_elem(&members, &task) != 0;
    if (actors.kept && scope_marks(bpf_get_current_pid_tgid() >> 32) & WIRE_TASK_HELD)
        return 1;
    return is_for(conditions(PROGRAMS));
}

// How something is told: operation, hook and flags.
#define HOW(operation, hook, flags) ((operation) | (hook) << 8 | (__u32)(flags) << 16)

// A function of its own, with numbers only, so that its stack is not that of the decision too.
__attribute__((noinline)) int tell(__u32 decision, __u64 dentry, __u64 mount, __u32 how)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct scratch *scratch = scratch_claim();
    struct inode *inode = BPF_CORE_READ((struct dentry *)dentry, d_inode);
    struct wire_guard *record;
    struct fs_struct *fs;

    if (!scratch) {
        count_loss(WIRE_LOSS_RING + WIRE_GUARD);
        return 0;
    }
    record = (void *)scratch->record;
    fill_header(&record->header, 0, WIRE_GUARD);
    fill_task(&record->task, task, 0);
    record->header.flags = how >> 16;
    record->inode = 0;
    record->device = 0;
    record->mode = 0;
    if (inode) {
        record->inode = BPF_CORE_READ(inode, i_ino);
        record->device = BPF_CORE_READ(inode, i_sb, s_dev);
        record->mode = BPF_CORE_READ(inode, i_mode);
    }
    record->decision = decision;
    record->operation = how & 255;
    record->hook = how >> 8 & 255;
    record->path_size = 0;
    record->unused = 0;
    scratch->end = sizeof(*record);
    fs = BPF_CORE_READ(task, fs);
    if (fs)
        record->path_size =
            append_path_below(scratch, (struct dentry *)dentry, (struct vfsmount *)mount,
                              (__u64)BPF_CORE_READ(fs, root.dentry), (__u64)BPF_CORE_READ(fs, root.mnt));
    emit(record, finish_record(scratch), WIRE_GUARD);
    scratch_release(scratch);
    return 0;
}

static __always_inline int is_canary(struct inode *inode, __u32 hook)
{
    if (!inode || (__u64)inode != state.canary || hook >= WIRE_GUARD_HOOKS)
        return 0;
    state.refused[hook] = state.refused[hook] + 1;
    return 1;
}

static __always_inline int is_asked(__u32 operation)
{
    return guard.operations >> operation & 1;
}

// Whether it is stopped.
static __always_inline int conclude(__u32 decision, __u64 dentry, __u64 mount, __u32 operation, __u32 hook, __u16 flags,
                                    int is_told)
{
    __u32 verdict = WIRE_GUARD_VERDICT(decision);
    int stops = verdict >= WIRE_GUARD_DENY && !guard.dry;

    if (verdict <= WIRE_GUARD_ALLOW)
        return 0;
    if (stops)
        flags |= WIRE_GUARD_ENFORCED;
    if (is_told)
        tell(decision, dentry, mount, HOW(operation, hook, flags));
    if (stops && verdict == WIRE_GUARD_KILL)
        bpf_send_signal(SIGKILL);
    return stops;
}

static __always_inline int executes(struct file *file, struct inode *inode, __u32 hook, int is_told)
{
    // The default is for programs: libraries are mapped by all of them, and have rules or none.
    __u32 asked = WIRE_GUARD_EXEC | (hook == WIRE_GUARD_MMAP || hook == WIRE_GUARD_MPROTECT ? ASKED_BY_RULES : 0);
    __u16 flags = 0;
    __u64 dentry = (__u64)BPF_CORE_READ(file, f_path.dentry), mount = (__u64)BPF_CORE_READ(file, f_path.mnt);

    if (!BPF_CORE_READ(inode, i_nlink)) {
        asked |= ASKED_MEMFD;
        flags |= WIRE_GUARD_UNLINKED;
    }
    if (BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC && in_upper_layer(inode)) {
        asked |= ASKED_DRIFT;
        flags |= WIRE_GUARD_UPPER_LAYER;
    }
    return conclude(decide(dentry, mount, asked), dentry, mount, WIRE_GUARD_EXEC, hook, flags, is_told);
}

static __always_inline int on_exec_of(struct file *file, __u32 hook)
{
    struct inode *inode = BPF_CORE_READ(file, f_inode);

    if (is_canary(inode, hook))
        return refuse(EPERM);
    return is_member() && executes(file, inode, hook, 1) ? refuse(EPERM) : 0;
}

// (bprm): a program, and of a script each interpreter too.
SEC("lsm/bprm_check_security")
int program_executed(__u64 *context)
{
    struct linux_binprm___file *bprm = argument(context, 0);

    return on_exec_of(BPF_CORE_READ(bprm, file), WIRE_GUARD_BPRM);
}

// (file, requested protection, protection, flags): what ld.so does with a program that it is given.
SEC("lsm/mmap_file")
int program_mapped(__u64 *context)
{
    struct file *file = argument(context, 0);
    struct task_struct *task = (void *)bpf_get_current_task();
    struct inode *inode;

    if (!file || !(context[2] & PROT_EXEC))
        return 0;
    inode = BPF_CORE_READ(file, f_inode);
    if (is_canary(inode, WIRE_GUARD_MMAP))
        return refuse(EPERM);
    if (!is_member())
        return 0;
    // An exec maps what it was allowed to execute, as whoever it was before.
    if (BPF_CORE_READ_BITFIELD_PROBED((struct task_struct___exec *)task, in_execve) &&
        BPF_CORE_READ(task, mm, exe_file) == file)
        return 0;
    return executes(file, inode, WIRE_GUARD_MMAP, 1) ? refuse(EPERM) : 0;
}

// (area, requested protection, protection): mapped to be read, and executable now.
SEC("lsm/file_mprotect")
int program_protected(__u64 *context)
{
    struct vm_area_struct *area = argument(context, 0);
    struct file *file;

    if (!(context[2] & PROT_EXEC))
        return 0;
    file = BPF_CORE_READ(area, vm_file);
    return file ? on_exec_of(file, WIRE_GUARD_MPROTECT) : 0;
}

#include "files_held.h"
#include "sockets_held.h"

// Where there are no security hooks: it dies before its first instruction.
static __always_inline int on_executed(__u64 *context)
{
    struct task_struct *task = UNTRUSTED(task_struct, context[0]);
    struct linux_binprm___file *bprm = argument(context, 2);
    struct file *file = BPF_CORE_READ(bprm, file);
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    int is_told = 1;

    if (is_canary(inode, WIRE_GUARD_TRACEPOINT)) {
        bpf_send_signal(SIGKILL);
        return 0;
    }
    if (actors.scoped) {
        if (!is_for(conditions(PROGRAMS)))
            return 0;
    } else if (!(scope_marks(task->tgid) & WIRE_TASK_TREE) &&
               cgroup_ancestor(BPF_CORE_READ(task, cgroups, dfl_cgrp), guard.cgroup_level) != guard.cgroup_id) {
        // By both: a process can leave the cgroup, and that it could be marked is not certain.
        return 0;
    }
    if (config.repeated)
        is_told = take_once(task->start_boottime, task->tgid, WIRE_GUARD, task->self_exec_id);
    executes(file, inode, WIRE_GUARD_TRACEPOINT, is_told);
    return 0;
}

THREE_PROGRAMS("tp_btf/sched_process_exec", program_begins, on_executed(context))

// (task, flags): whoever is made by a member is one.
SEC("lsm/task_alloc")
int member_made(__u64 *context)
{
    __u64 task = (__u64)argument(context, 0);
    __u32 yes = 1;

    if (!is_member())
        return 0;
    return (int)bpf_map_update_elem(&members, &task, &yes, BPF_ANY) ? refuse(EAGAIN) : 0;
}

// (task): its address is another's from now on.
SEC("lsm/task_free")
int member_gone(__u64 *context)
{
    __u64 task = (__u64)argument(context, 0);

    if (bpf_map_lookup_elem(&members, &task))
        bpf_map_delete_elem(&members, &task);
    return 0;
}

// Set by user space before it asks for it to be run: whose tasks become members.
volatile __u32 first_member SEC(".data.first");

SEC("iter/task")
int members_begin(struct bpf_iter__task *context)
{
    struct task_struct *task = context->task;
    __u64 key = (__u64)task;
    __u32 yes = 1;

    if (!task)
        return 0;
    if (first_member && BPF_CORE_READ(task, tgid) == first_member)
        bpf_map_update_elem(&members, &key, &yes, BPF_ANY);
    return 0;
}
