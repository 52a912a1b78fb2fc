// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The floor of watching opens: the hooks of `ebpfguard watch-files`, who has opened which file, and its whole path as the
// kernel has it; no scope, no choice, no failures, no wake-up, no older kernel.
#include "floor_kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "open.h"

#define PATH_STEPS 64
#define MAX_ERRNO 4095
#if defined(__TARGET_ARCH_x86)
#define NUMBER(regs) ((regs)->orig_ax)
#define FLAGS(regs) ((regs)->dx)
#define OPENAT 257
#else
#define NUMBER(regs) ((regs)->syscallno)
#define FLAGS(regs) ((regs)->user_regs.regs[2])
#define OPENAT 56
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct inode___open {
    __u16 i_mode;
};
struct open_flags {
    int open_flag;
};
struct fdtable {
    struct file **fd;
};
struct files_struct {
    struct fdtable *fdt;
};
struct task_struct___files {
    struct files_struct *files;
};
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
    unsigned long orig_ax, dx;
};
#else
struct user_pt_regs {
    __u64 regs[31];
};
struct pt_regs {
    struct user_pt_regs user_regs;
    int syscallno;
};
#endif
#pragma clang attribute pop

struct scratch {
    struct open_record record;
    char path[OPEN_PATH_MAX + OPEN_COMPONENT_MAX];
    // As in floor.bpf.c: here, so that to the verifier each step looks like the one before.
    struct {
        void *dentry, *root_dentry; // struct dentry
        void *mnt, *root_mnt;       // struct vfsmount
        __u32 at;
    } walk;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct scratch);
} scratches SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20);
} ring SEC(".maps");

// As in floor.bpf.c.
void *bpf_rdonly_cast(const void *pointer, __u32 type) __ksym;
#define typed(type, pointer) ((type *)bpf_rdonly_cast((void *)(pointer), bpf_core_type_id_kernel(type)))

// Whether there is more.
static __always_inline int step(struct scratch *scratch)
{
    void *here = scratch->walk.dentry, *mnt = scratch->walk.mnt;

    if (here == scratch->walk.root_dentry && mnt == scratch->walk.root_mnt)
        return 0;
    if (here == typed(struct vfsmount, mnt)->mnt_root) {
        struct mount *mount = typed(struct mount, mnt - bpf_core_field_offset(struct mount, mnt));
        void *above = (void *)mount->mnt_parent + bpf_core_field_offset(struct mount, mnt);

        if (above == mnt)
            return 0;
        scratch->walk.dentry = mount->mnt_mountpoint;
        scratch->walk.mnt = above;
        return 1;
    }

    struct dentry *dentry = typed(struct dentry, here);
    __u32 at = scratch->walk.at;
    if (at > OPEN_PATH_MAX)
        return 0;
    long size = bpf_probe_read_kernel_str(scratch->path + at, OPEN_COMPONENT_MAX, dentry->d_name.name);
    if (size > 0)
        scratch->walk.at = at + size;
    scratch->walk.dentry = dentry->d_parent;
    return 1;
}

static __always_inline int tell(struct file *file, __u32 flags)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct fs_struct *fs = task->fs;
    __u32 cpu = bpf_get_smp_processor_id();
    struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
    struct inode *inode = file->f_inode;

    if (!scratch)
        return 0;
    struct open_record *record = &scratch->record;
    record->time = bpf_ktime_get_boot_ns();
    record->start = task->group_leader->start_boottime;
    record->cgroup = task->cgroups->dfl_cgrp->kn->id;
    record->pid = task->tgid;
    record->tid = task->pid;
    record->uid = task->cred->uid.val;
    bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
    record->inode = inode->i_ino;
    record->device = inode->i_sb->s_dev;
    record->mode = typed(struct inode___open, inode)->i_mode;
    record->flags = flags;
    scratch->walk.dentry = file->f_path.dentry;
    scratch->walk.mnt = file->f_path.mnt;
    scratch->walk.root_dentry = fs->root.dentry;
    scratch->walk.root_mnt = fs->root.mnt;
    scratch->walk.at = 0;
    for (int i = 0; i < PATH_STEPS && step(scratch); i++)
        ;
    record->path_size = scratch->walk.at;
    __u32 length = sizeof(*record) + scratch->walk.at;
    if (length <= sizeof(*record) + sizeof(scratch->path))
        bpf_ringbuf_output(&ring, scratch, length, BPF_RB_NO_WAKEUP);
    return 0;
}

SEC("fexit/do_filp_open")
int opened(__u64 *context)
{
    struct open_flags *flags = typed(struct open_flags, context[2]);
    __u64 file = 0;

    bpf_probe_read_kernel(&file, sizeof(file), &context[3]);
    return file >= (__u64)-MAX_ERRNO ? 0 : tell(typed(struct file, file), flags->open_flag);
}

SEC("tp_btf/sys_exit")
int call_exited(__u64 *context)
{
    struct pt_regs *regs = typed(struct pt_regs, context[0]);
    struct task_struct___files *task;
    struct file **descriptors, *file = 0;
    long descriptor = context[1];

    if (NUMBER(regs) != OPENAT || descriptor < 0)
        return 0;
    task = typed(struct task_struct___files, bpf_get_current_task_btf());
    descriptors = task->files->fdt->fd;
    bpf_probe_read_kernel(&file, sizeof(file), descriptors + descriptor);
    return file ? tell(typed(struct file, file), FLAGS(regs)) : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
