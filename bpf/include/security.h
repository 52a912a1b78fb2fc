// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Which of the calls that --security looks at are worth telling: those whose arguments change what somebody may do.
#ifndef SECURITY_H
#define SECURITY_H

#include "common.h"
#include "wire/syscall.h"
#include "wire/syscalls.h"

// CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
#define CLONE_NEW 0x7e020080
// In the argument of clone the time namespace's bit belongs to the exit signal.
#define CLONE_NEW_BY_CLONE 0x7e020000

static __always_inline int is_privilege_option(__u64 option)
{
    return option == 24 /* PR_CAPBSET_DROP */ || option == 28 /* PR_SET_SECUREBITS */ || option == 35 /* PR_SET_MM */ ||
           option == 47 /* PR_CAP_AMBIENT */ || option == 0x59616d61 /* PR_SET_PTRACER */;
}

static __always_inline int is_load_or_attach(__u64 command)
{
    return command == 5 /* BPF_PROG_LOAD */ || command == 8 /* BPF_PROG_ATTACH */ ||
           command == 9 /* BPF_PROG_DETACH */ || command == 17 /* BPF_RAW_TRACEPOINT_OPEN */ ||
           command == 28 /* BPF_LINK_CREATE */ || command == 29 /* BPF_LINK_UPDATE */ ||
           command == 34 /* BPF_LINK_DETACH */;
}

// The process whose memory this thread's descriptor `fd` writes to: /proc/PID/mem, by whatever path it was opened. 0 for
// any other file.
static __always_inline __u32 memory_written(__u64 fd, const int typed)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct file **files = BPF_CORE_READ(table, fd);
    struct inode *inode;
    struct file *file = 0;
    struct pid *pid = 0;
    char name[4] = {};
    __u32 number = 0;

    (void)typed;
    if (fd >= BPF_CORE_READ(table, max_fds))
        return 0;
    READ(file, (__u64)files + fd * sizeof(file));
    if (!file)
        return 0;
    inode = BPF_CORE_READ(file, f_inode);
    if (BPF_CORE_READ(inode, i_sb, s_magic) != PROC_SUPER_MAGIC)
        return 0;
    bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
    if (name[0] != 'm' || name[1] != 'e' || name[2] != 'm')
        return 0;
    READ(pid, (__u64)inode - bpf_core_field_offset(struct proc_inode, vfs_inode) +
                  bpf_core_field_offset(struct proc_inode, pid));
    if (pid)
        READ(number, &pid->numbers[0].nr);
    return number;
}

static __always_inline int security_wants(struct wire_syscall *record, __u32 rule, const int typed)
{
    __u64 first = record->arguments[0];
    __u64 flags = 0;

    if (rule & WIRE_RULE_WRITE) {
        record->target_pid = memory_written(first, typed);
        return record->target_pid != 0;
    }
    switch (rule >> WIRE_RULE_CHECK_SHIFT) {
    case WIRE_CHECK_CLONE: return (first & CLONE_NEW_BY_CLONE) != 0;
    case WIRE_CHECK_CLONE3:
        bpf_probe_read_user(&flags, sizeof(flags), (void *)first);
        return (flags & CLONE_NEW) != 0;
    case WIRE_CHECK_PRCTL: return is_privilege_option(first);
    case WIRE_CHECK_BPF: return is_load_or_attach(first);
    }
    return 1;
}

#endif
