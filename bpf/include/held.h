// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Finds the addresses of inodes by descriptors that the run holds open.
#ifndef HELD_H
#define HELD_H

#include "common.h"
#include "wire/guard.h"

// The descriptors of this process.
SEC("iter/task_file")
int inodes_held(struct bpf_iter__task_file *context)
{
    struct seq_file *seq = context->meta->seq;
    struct task_struct *task = context->task;
    struct file *file = context->file;
    struct wire_guard_inode record = {};

    if (!task || !file || BPF_CORE_READ(task, tgid) != config.own_pid)
        return 0;
    record.address = (__u64)BPF_CORE_READ(file, f_inode);
    record.descriptor = context->fd;
    bpf_seq_write(seq, &record, sizeof(record));
    return 0;
}

#endif
