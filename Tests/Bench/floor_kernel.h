// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Kernel types for floor.bpf.c, with only the members that it reads; libbpf finds their real offsets (CO-RE).
#ifndef FLOOR_KERNEL_H
#define FLOOR_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum { BPF_ANY = 0, BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_RB_NO_WAKEUP = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    __u32 val;
} kuid_t;

typedef struct {
    __u32 val;
} kgid_t;

typedef struct {
    int counter;
} atomic_t;

struct qstr {
    const unsigned char *name;
};

struct super_block {
    __u32 s_dev;
};

struct inode {
    struct super_block *i_sb;
    unsigned long i_ino;
    __u32 i_nlink;
};

struct dentry {
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

struct file {
    struct path f_path;
    struct inode *f_inode;
};

struct fs_struct {
    struct path root, pwd;
};

struct mm_struct {
    unsigned long arg_start, arg_end;
    struct file *exe_file;
};

struct upid {
    int nr;
};

struct pid {
    unsigned int level;
    struct upid numbers[1];
};

struct tty_struct {
    int index;
};

struct signal_struct {
    atomic_t live;
    struct tty_struct *tty;
    struct pid *pids[4];
};

struct linux_binprm {
    int argc;
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

struct cgroup {
    struct kernfs_node *kn;
};

struct css_set {
    struct cgroup *dfl_cgrp;
};

struct task_struct {
    int pid, tgid;
    int exit_code;
    __u64 start_boottime;
    struct task_struct *real_parent, *group_leader;
    const struct cred *cred;
    struct mm_struct *mm;
    struct fs_struct *fs;
    struct signal_struct *signal;
    struct css_set *cgroups;
    struct pid *thread_pid;
    kuid_t loginuid;
    char comm[16];
};

#pragma clang attribute pop

#endif
