// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The kernel types that the programs read, with only the members they read. Offsets here mean nothing: libbpf relocates
// each access by name against the running kernel's BTF (CO-RE), so no generated vmlinux.h is needed to build.
#ifndef KERNEL_H
#define KERNEL_H

#include <linux/types.h>

#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 0x00000004 // linux/sched/signal.h, the same in 5.10 to 7.x
#define SIGNAL_UNKILLABLE 0x00000040 // set for the init process of every pid namespace
#define S_ISUID 0004000
#define S_ISGID 0002000
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6
#define AT_FDCWD (-100)
#define EEXIST 17

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    unsigned int val;
} kuid_t;

typedef struct {
    unsigned int val;
} kgid_t;

typedef struct {
    int counter;
} atomic_t;

struct qstr {
    __u32 len;
    const unsigned char *name;
};

struct hlist_bl_node {
    struct hlist_bl_node **pprev;
};

struct dentry {
    struct hlist_bl_node d_hash;
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
};

struct vfsmount {
    struct dentry *mnt_root;
};

struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
};

struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};

#define PROC_SUPER_MAGIC 0x9fa0

struct super_block {
    __u32 s_dev;
    unsigned long s_magic;
};

struct inode {
    __u16 i_mode;
    struct super_block *i_sb;
    unsigned long i_ino;
    unsigned int i_nlink;
    __u32 i_generation;
};

struct file {
    struct path f_path;
    struct inode *f_inode;
};

struct proc_inode {
    struct pid *pid;
    struct inode vfs_inode;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

struct fs_struct {
    struct path root;
    struct path pwd;
};

struct mm_struct {
    unsigned long arg_start;
    unsigned long arg_end;
    struct file *exe_file;
};

struct upid {
    int nr;
};

struct pid {
    unsigned int level;
    struct upid numbers[1];
};

struct tty_driver {
    const char *name;
    int major;
};

struct tty_struct {
    struct tty_driver *driver;
    int index;
};

struct signal_struct {
    atomic_t live;
    int group_exit_code;
    unsigned int flags;
    struct tty_struct *tty;
    struct pid *pids[4];
};

struct cred {
    kuid_t uid;
    kgid_t gid;
    kuid_t euid;
    kgid_t egid;
};

struct kernfs_node {
    __u64 id;
};

struct cgroup_root {
    int hierarchy_id; // 0 for the default (v2) hierarchy
    unsigned int subsys_mask;
};

struct cgroup {
    int level;
    struct kernfs_node *kn;
    struct cgroup_root *root;
    struct cgroup *ancestors[1]; // since 6.1
};

struct cgroup___before_6_1 {
    __u64 ancestor_ids[1];
};

struct cgroup_subsys_state {
    struct cgroup *cgroup;
};

struct css_set {
    struct cgroup *dfl_cgrp;
    struct cgroup_subsys_state *subsys[1];
};

struct thread_info {
    unsigned long flags;
    __u32 status; // x86 only
};

struct task_struct {
    struct thread_info thread_info;
    unsigned int flags;
    int pid;
    int tgid;
    int exit_code;
    __u64 start_boottime;
    __u32 self_exec_id;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct cred *cred;
    struct mm_struct *mm;
    struct fs_struct *fs;
    struct files_struct *files;
    struct signal_struct *signal;
    struct pid *thread_pid;
    struct css_set *cgroups;
    kuid_t loginuid;
    char comm[16];
};

struct linux_binprm {
    unsigned int per_clear;
    int argc;
    const char *filename;
    const char *interp;
};

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq;
};

struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    __u32 fd;
    struct file *file;
};

struct bpf_iter__bpf_map_elem {
    struct bpf_iter_meta *meta;
    void *map;
    void *key;
    void *value;
};

#pragma clang attribute pop

// System call arguments as the entry code saved them.
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
    unsigned long bp, bx, r10, r9, r8, cx, dx, si, di, orig_ax;
} __attribute__((preserve_access_index));
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
    __u64 regs[31];
} __attribute__((preserve_access_index));
struct pt_regs {
    struct user_pt_regs user_regs;
    __u64 orig_x0;
    __s32 syscallno;
} __attribute__((preserve_access_index));
#else
#error "add the system call argument registers of this architecture"
#endif

#endif
