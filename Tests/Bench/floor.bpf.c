// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The floor: what process events cost at least. The hooks and the data are those of `ebpfguard trace`; nothing else is
// here, no scope, no wake-up, no kernel older than the one that the benchmark runs on.
#include "floor_kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "floor.h"

#define PIDTYPE_SID 3 // enum pid_type

// Two paths whose last component may begin just below the limit, and what can stand before them.
#define TAIL_ROOM (ANCESTORS_MAX * sizeof(struct ancestor) + 2 * (PATH_ROOM + 256))

struct scratch {
    struct exec_record exec;
    char tail[TAIL_ROOM + ARGS_MAX];
    // The walk up a path. It stands here and not on the stack so that the verifier knows no value of it: then the
    // second step looks like the first, and it need not follow each one.
    struct {
        void *dentry, *root_dentry; // struct dentry
        void *mnt, *root_mnt;       // struct vfsmount
        __u32 at, limit;
    } walk;
};

// One per CPU. Not a per-CPU map: those end at 32 KiB a value.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct scratch);
} scratches SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20);
} ring SEC(".maps");

__u64 lost = 0;

// A pointer that plain loads may follow (a fault gives 0). The verifier turns the call into nothing. As it does not
// trust the result, it need not search the kernel's types at each load for whether to trust that too: 4 ms, not 40.
void *bpf_rdonly_cast(const void *pointer, __u32 type) __ksym;
#define typed(type, pointer) ((type *)bpf_rdonly_cast((void *)(pointer), bpf_core_type_id_kernel(type)))

static __always_inline void fill(struct record *record, enum kind kind, struct task_struct *task)
{
    struct task_struct *leader = task->group_leader, *parent = task->real_parent;
    const struct cred *cred = task->cred;
    struct pid *pid = leader->thread_pid, *session = task->signal->pids[PIDTYPE_SID];

    record->time = bpf_ktime_get_boot_ns();
    record->start = leader->start_boottime;
    record->parent_start = parent->start_boottime;
    record->cgroup = task->cgroups->dfl_cgrp->kn->id;
    record->kind = kind;
    record->pid = task->tgid;
    record->tid = task->pid;
    record->parent_pid = parent->tgid;
    bpf_probe_read_kernel(&record->vpid, sizeof(record->vpid),
                          (void *)pid->numbers + pid->level * bpf_core_type_size(struct upid));
    record->session = session->numbers[0].nr;
    record->uid = cred->uid.val;
    record->gid = cred->gid.val;
    record->euid = cred->euid.val;
    record->egid = cred->egid.val;
    record->login_uid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : -1;
    record->code = task->exit_code;
    bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
}

static long step(__u32 index, struct scratch **context)
{
    struct scratch *scratch = *context;
    void *here = scratch->walk.dentry, *mnt = scratch->walk.mnt;

    if (here == scratch->walk.root_dentry && mnt == scratch->walk.root_mnt)
        return 1;
    if (here == typed(struct vfsmount, mnt)->mnt_root) {
        struct mount *mount = typed(struct mount, mnt - bpf_core_field_offset(struct mount, mnt));
        void *above = (void *)mount->mnt_parent + bpf_core_field_offset(struct mount, mnt);

        if (above == mnt) // the topmost mount: detached, or above a chroot
            return 1;
        scratch->walk.dentry = mount->mnt_mountpoint;
        scratch->walk.mnt = above;
        return 0;
    }

    struct dentry *dentry = typed(struct dentry, here);
    __u32 at = scratch->walk.at;
    if (at > scratch->walk.limit || at > TAIL_ROOM - 256)
        return 1;
    long size = bpf_probe_read_kernel_str(scratch->tail + at, 256, dentry->d_name.name);
    if (size > 0)
        scratch->walk.at = at + size;
    scratch->walk.dentry = dentry->d_parent;
    return 0;
}

static __always_inline void put_path(struct scratch *scratch, struct path *path, struct path *root)
{
    scratch->walk.dentry = path->dentry;
    scratch->walk.mnt = path->mnt;
    scratch->walk.root_dentry = root->dentry;
    scratch->walk.root_mnt = root->mnt;
    scratch->walk.limit = scratch->walk.at + PATH_ROOM;
    bpf_loop(PATH_ROOM, step, &scratch, 0);
}

SEC("tp_btf/sched_process_exec")
int floor_exec(__u64 *context)
{
    struct task_struct *task = typed(struct task_struct, context[0]);
    struct linux_binprm *bprm = typed(struct linux_binprm, context[2]);
    __u32 cpu = bpf_get_smp_processor_id();
    struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);

    if (!scratch)
        return 0;
    struct exec_record *exec = &scratch->exec;
    fill(&exec->record, KIND_EXEC, task);

    struct ancestor *ancestor = (void *)scratch->tail;
    struct task_struct *up = task->real_parent;
    __u32 count = 0;
    while (count < ANCESTORS_MAX && up->tgid) {
        ancestor->start = up->start_boottime;
        ancestor->pid = up->tgid;
        bpf_probe_read_kernel(ancestor->comm, sizeof(ancestor->comm), up->comm);
        ancestor++;
        count++;
        up = up->real_parent;
    }
    exec->ancestors = count;

    struct file *file = task->mm->exe_file;
    struct fs_struct *fs = task->fs;
    struct tty_struct *terminal = task->signal->tty;
    exec->inode = file->f_inode->i_ino;
    exec->device = file->f_inode->i_sb->s_dev;
    exec->links = file->f_inode->i_nlink;
    exec->root_inode = fs->root.dentry->d_inode->i_ino;
    exec->root_device = fs->root.dentry->d_inode->i_sb->s_dev;
    exec->terminal = terminal ? terminal->index + 1 : 0;
    exec->args = bprm->argc;
    __u32 start = count * sizeof(struct ancestor);
    scratch->walk.at = start;
    put_path(scratch, &file->f_path, &fs->root);
    exec->executable_size = scratch->walk.at - start;
    put_path(scratch, &fs->pwd, &fs->root);
    __u32 end = scratch->walk.at;
    exec->directory_size = end - start - exec->executable_size;

    unsigned long args = task->mm->arg_start;
    unsigned long size = task->mm->arg_end - args;
    if (size > ARGS_MAX)
        size = ARGS_MAX;
    if (end > TAIL_ROOM || bpf_probe_read_user(scratch->tail + end, size, (void *)args))
        size = 0;
    exec->args_size = size;

    unsigned long length = sizeof(*exec) + end + size;
    if (length > sizeof(*scratch) || bpf_ringbuf_output(&ring, scratch, length, BPF_RB_NO_WAKEUP))
        __sync_fetch_and_add(&lost, 1);
    return 0;
}

static __always_inline int send(enum kind kind, struct task_struct *task)
{
    struct record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

    if (!record) {
        __sync_fetch_and_add(&lost, 1);
        return 0;
    }
    fill(record, kind, task);
    bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
    return 0;
}

SEC("tp_btf/sched_process_fork")
int floor_fork(__u64 *context)
{
    struct task_struct *child = typed(struct task_struct, context[1]);

    return child->pid == child->tgid ? send(KIND_FORK, child) : 0;
}

SEC("tp_btf/sched_process_exit")
int floor_exit(__u64 *context)
{
    struct task_struct *task = typed(struct task_struct, context[0]);

    return task->signal->live.counter == 0 ? send(KIND_EXIT, task) : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
