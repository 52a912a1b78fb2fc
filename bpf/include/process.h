// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Puts together the record of a process: its image, directories, credentials and ancestors.
#ifndef PROCESS_H
#define PROCESS_H

#include "ancestors.h"
#include "layer.h"
#include "path.h"
#include "task.h"

static __always_inline __u16 image_flags(struct file *file, struct inode *inode, const int typed)
{
    unsigned long magic = GET(inode, i_sb, s_magic);
    struct dentry *dentry = GET(file, f_path.dentry);
    __u16 flags = 0;

    if (magic == OVERLAYFS_SUPER_MAGIC && in_upper_layer(inode))
        flags |= WIRE_PROCESS_UPPER_LAYER;
    if (!GET(inode, i_nlink) || !GET(dentry, d_hash.pprev)) {
        char name[8] = {};
        const void *address = GET(dentry, d_name.name);

        // A memfd has no link either. Its name starts with "memfd:" and no path leads to it (mm/memfd.c).
        bpf_probe_read_kernel_str(name, sizeof(name), address);
        if (GET(dentry, d_parent) == dentry && name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' &&
            name[4] == 'd' && name[5] == ':')
            flags |= WIRE_PROCESS_MEMFD;
        else
            flags |= WIRE_PROCESS_DELETED;
    }
    return flags;
}

static __always_inline void fill_terminal(struct wire_process *record, struct task_struct *task,
                                           const int typed)
{
    struct tty_struct *tty = GET(task, signal, tty);

    record->tty_major = 0;
    record->tty_index = 0;
    record->tty[0] = 0;
    if (!tty)
        return;
    record->tty_major = GET(tty, driver, major);
    record->tty_index = GET(tty, index);
    bpf_probe_read_kernel_str(record->tty, sizeof(record->tty), GET(tty, driver, name));
}

// Starts a record in scratch with everything but exec path, interpreter and arguments. Answers the offset behind which
// the executable's path lies, for --exe.
static __always_inline struct wire_process *begin_process(struct scratch *scratch, struct task_struct *task, __u16 kind,
                                                          const int typed)
{
    struct wire_process *record = (void *)scratch->record;
    struct fs_struct *fs = GET(task, fs);
    struct mm_struct *mm = GET(task, mm);
    struct file *file = mm ? GET(mm, exe_file) : 0;

    fill_header(&record->header, 0, kind);
    fill_task(&record->task, task, typed);
    fill_terminal(record, task, typed);
    record->args_count = 0;
    record->args_total = 0;
    record->args_size = 0;
    record->executable_size = 0;
    record->directory_size = 0;
    record->exec_path_size = 0;
    record->interpreter_size = 0;
    record->at_size = 0;
    record->error = 0;
    record->old_tid = 0;
    record->inode = 0;
    record->root_generation = 0;
    record->root_inode = 0;
    record->root_device = 0;
    scratch->end = sizeof(*record);
    record->ancestor_count = append_ancestors(scratch, task, typed);
    if (record->ancestor_count == WIRE_ANCESTORS_MAX)
        record->header.flags |= WIRE_PROCESS_ANCESTORS_CUT;
    if (GET(task, flags) & PF_KTHREAD)
        record->header.flags |= WIRE_PROCESS_KERNEL_THREAD;
    if (fs) {
        struct inode *root = GET(fs, root.dentry, d_inode);

        record->root_inode = GET(root, i_ino);
        record->root_device = GET(root, i_sb, s_dev);
        record->root_generation = GET(root, i_generation);
    }
    if (file && fs) {
        struct inode *inode = GET(file, f_inode);

        record->inode = GET(inode, i_ino);
        record->header.flags |= image_flags(file, inode, typed);
        record->executable_size = append_path(scratch, &file->f_path, &fs->root, typed);
    }
    return record;
}

// The executable's path alone, without what lies above the process's root. Valid until the next append_path.
static __always_inline __u32 executable_size(struct scratch *scratch, struct wire_process *record)
{
    if (scratch->walk.rooted)
        return scratch->walk.rooted - 1 - scratch->walk.start;
    return record->executable_size;
}

static __always_inline void append_directory(struct scratch *scratch, struct wire_process *record,
                                             struct task_struct *task, const int typed)
{
    struct fs_struct *fs = GET(task, fs);

    if (fs)
        record->directory_size = append_path(scratch, &fs->pwd, &fs->root, typed);
}

#endif
