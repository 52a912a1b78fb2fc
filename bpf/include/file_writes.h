// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// How much is written to files, and where that is asked for read: summed up for each open file, and told when it is closed.
#ifndef FILE_WRITES_H
#define FILE_WRITES_H

#include "file.h"
#include "file_names.h"

#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define PIPEFS_MAGIC 0x50495045
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_SHARED 1 // and MAP_SHARED_VALIDATE, 3
#define IOCB_WRITE 0x40

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kiocb {
    struct file *ki_filp;
    int ki_flags;
};

struct task_struct___exec {
    unsigned in_execve : 1;
};

#pragma clang attribute pop

struct written {
    struct wire_task task;
    __u64 bytes;
    __u64 inode;
    __u64 root_dentry, root_mount; // its process's root directory: that is gone when a process that ends is closed
    __u32 flags; // WIRE_FILE_MAPPED
    __u32 kind;  // WIRE_FILE_WRITE or WIRE_FILE_READ
};

// By the address of the open file, as long as it is that.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, __u64);
    __type(value, struct written);
} written_files SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, __u64);
    __type(value, struct written);
} read_files SEC(".maps");

// What both records of an open file have in common, where there are two.
static __always_inline __u64 id_of(__u64 file, __u32 kind)
{
    return kind == WIRE_FILE_READ ? file | 1 : file;
}

// Whether it has a name, or had one: no socket, and no pipe between two processes.
static __always_inline int is_named(struct inode *inode)
{
    __u32 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;

    if (type == S_IFIFO)
        return BPF_CORE_READ(inode, i_sb, s_magic) != PIPEFS_MAGIC;
    return type == S_IFREG || type == S_IFCHR || type == S_IFBLK;
}

static __always_inline void append_written(struct scratch *scratch, struct wire_file *record, struct file *file,
                                           const struct written *written)
{
    set_file(record, file, 0);
    record->path_size = append_path_below(scratch, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt),
                                          written->root_dentry, written->root_mount);
}

static __always_inline int tell_written(struct file *file, const struct written *written, __u16 flags, __u32 user,
                                        const int typed)
{
    struct scratch *scratch = scratch_get(scratch_slot(user));
    struct task_struct *task = (void *)bpf_get_current_task();
    struct wire_file *record;

    if (!scratch)
        return 0;
    record = begin_file(scratch, task, written->kind, 0);
    record->task = written->task;
    record->bytes = written->bytes;
    record->header.flags |= flags | written->flags;
    if (files.has_release) {
        append_written(scratch, record, file, written);
        if (!is_wanted_path(scratch))
            return 0;
    } else {
        record->header.flags |= WIRE_FILE_DONE;
        record->id = id_of((__u64)file, written->kind);
    }
    send_file(scratch, record);
    return 0;
}

// Where nobody sees the file go, its path has to be told before.
static __always_inline void tell_first(struct file *file, struct task_struct *task, __u32 kind, __u32 user,
                                       const int typed)
{
    struct scratch *scratch = scratch_get(scratch_slot(user));
    struct wire_file *record;

    if (!scratch)
        return;
    record = begin_file(scratch, task, kind, typed);
    record->header.flags |= WIRE_FILE_PENDING;
    record->id = id_of((__u64)file, kind);
    append_file(scratch, record, file, task, 0);
    send_file(scratch, record);
}

// `bytes` were written to it or read from it, or with `flags` may be.
static __always_inline int on_used(void *map, __u32 kind, struct file *file, long bytes, __u32 flags, __u32 user,
                                   const int typed)
{
    __u64 key = (__u64)file;
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct written *known, fresh = {};
    struct task_struct *task;
    struct fs_struct *fs;
    struct inode *inode;

    if (!file || bytes < 0 || (!bytes && !flags) || !is_wanted_operation(kind, 0))
        return 0;
    inode = BPF_CORE_READ(file, f_inode);
    known = bpf_map_lookup_elem(map, &key);
    // Of one that two processes use, each has its share.
    if (known && known->task.pid == pid && known->inode == (__u64)inode) {
        // The fetching form is new in 5.12, and so is the "or" that an addition of nothing would be.
        if (bytes)
            __atomic_fetch_add(&known->bytes, bytes, __ATOMIC_RELAXED);
        if (flags)
            known->flags |= flags;
        return 0;
    }
    task = wanted_task(typed);
    if (!task || !is_named(inode))
        return 0;
    if (known) {
        fresh = *known;
        tell_written(file, &fresh, WIRE_FILE_STILL, user, typed);
    }
    fill_task(&fresh.task, task, typed);
    fresh.bytes = bytes;
    fresh.inode = (__u64)inode;
    fresh.flags = flags;
    fresh.kind = kind;
    fs = BPF_CORE_READ(task, fs);
    fresh.root_dentry = (__u64)BPF_CORE_READ(fs, root.dentry);
    fresh.root_mount = (__u64)BPF_CORE_READ(fs, root.mnt);
    if (!files.has_release)
        tell_first(file, task, kind, user, typed);
    if (bpf_map_update_elem(map, &key, &fresh, BPF_ANY))
        count_loss(WIRE_LOSS_RING + WIRE_FILE);
    return 0;
}

static __always_inline int on_written(struct file *file, long bytes, __u32 flags, __u32 user, const int typed)
{
    return on_used(&written_files, WIRE_FILE_WRITE, file, bytes, flags, user, typed);
}

static __always_inline int on_read(struct file *file, long bytes, __u32 user, const int typed)
{
    return on_used(&read_files, WIRE_FILE_READ, file, bytes, 0, user, typed);
}

#define READ_BY(name, file, result, user)                                                                              \
    PROGRAM("fexit", name)                                                                                             \
    {                                                                                                                  \
        if (config.has_typed_current)                                                                                  \
            return on_read(pointer_at(context, file), (long)context[result], SCRATCH_READS + user, 1);                 \
        return on_read(pointer_at(context, file), (long)context[result], SCRATCH_READS + user, 0);                     \
    }

// vfs_read(file, buffer, count, position)
READ_BY(file_read, 0, 4, 0)
// vfs_readv(file, vector, length, position, flags)
READ_BY(vector_read, 0, 5, 1)

#define WRITTEN(name, file, result, user)                                                                              \
    PROGRAM("fexit", name)                                                                                             \
    {                                                                                                                  \
        if (config.has_typed_current)                                                                                  \
            return on_written(pointer_at(context, file), (long)context[result], 0, SCRATCH_WRITES + user, 1);          \
        return on_written(pointer_at(context, file), (long)context[result], 0, SCRATCH_WRITES + user, 0);              \
    }

// vfs_write(file, buffer, count, position)
WRITTEN(file_written, 0, 4, 0)
// vfs_writev(file, vector, length, position, flags)
WRITTEN(vector_written, 0, 5, 1)
// do_splice(in, position, out, position, length, flags)
READ_BY(splice_read, 0, 6, 2)
WRITTEN(file_spliced, 2, 6, 3)

// Copies by a file system that can't copy go this way too, and are counted where they end.
#define KIND_COPY 0xffff

static __always_inline int is_copy(void)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *operation = bpf_map_lookup_elem(&operations, &thread);

    return operation && operation->is_told == KIND_COPY;
}

// do_splice_direct(in, position, out, position, length, flags)
PROGRAM("fexit", file_sent)
{
    if (is_copy())
        return 0;
    if (config.has_typed_current)
        return on_written(pointer_at(context, 2), (long)context[6], 0, SCRATCH_WRITES + 2, 1);
    return on_written(pointer_at(context, 2), (long)context[6], 0, SCRATCH_WRITES + 2, 0);
}

PROGRAM("fexit", sent_read)
{
    if (is_copy())
        return 0;
    if (config.has_typed_current)
        return on_read(pointer_at(context, 0), (long)context[6], SCRATCH_READS + 3, 1);
    return on_read(pointer_at(context, 0), (long)context[6], SCRATCH_READS + 3, 0);
}

// vfs_copy_file_range(in, position, out, position, length, flags)
PROGRAM("fentry", copy_begins)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation operation = {};

    (void)context;
    operation.is_told = KIND_COPY;
    bpf_map_update_elem(&operations, &thread, &operation, BPF_ANY);
    return 0;
}

PROGRAM("fexit", file_copied)
{
    __u32 thread = bpf_get_current_pid_tgid();

    bpf_map_delete_elem(&operations, &thread);
    if (config.has_typed_current)
        return on_written(pointer_at(context, 2), (long)context[6], 0, SCRATCH_WRITES + 4, 1);
    return on_written(pointer_at(context, 2), (long)context[6], 0, SCRATCH_WRITES + 4, 0);
}

READ_BY(copy_read, 0, 6, 4)

// kiocb_done(request, result, ...): the request of io_uring begins with the kiocb.
PROGRAM("fexit", ring_written)
{
    struct kiocb *request = pointer_at(context, 0);

    if (!(BPF_CORE_READ(request, ki_flags) & IOCB_WRITE))
        return 0;
    if (config.has_typed_current)
        return on_written(BPF_CORE_READ(request, ki_filp), (long)context[1], 0, SCRATCH_WRITES + 5, 1);
    return on_written(BPF_CORE_READ(request, ki_filp), (long)context[1], 0, SCRATCH_WRITES + 5, 0);
}

PROGRAM("fexit", ring_read)
{
    struct kiocb *request = pointer_at(context, 0);

    if (BPF_CORE_READ(request, ki_flags) & IOCB_WRITE)
        return 0;
    if (config.has_typed_current)
        return on_read(BPF_CORE_READ(request, ki_filp), (long)context[1], SCRATCH_READS + 5, 1);
    return on_read(BPF_CORE_READ(request, ki_filp), (long)context[1], SCRATCH_READS + 5, 0);
}

static __always_inline void on_released(void *map, struct file *file)
{
    __u64 key = (__u64)file;
    struct written *known = bpf_map_lookup_elem(map, &key), written;

    if (!known)
        return;
    written = *known;
    bpf_map_delete_elem(map, &key);
    tell_written(file, &written, 0, SCRATCH_RELEASE, 0);
}

// locks_remove_file(file): what the last close calls, before anything of the file goes.
PROGRAM("fexit", file_released)
{
    struct file *file = pointer_at(context, 0);

    if (files.operations >> WIRE_FILE_READ & 1)
        on_released(&read_files, file);
    on_released(&written_files, file);
    return 0;
}

static __always_inline int on_map(__u64 *context, const int typed)
{
    struct file *file = TYPED(file, context[0]);
    struct task_struct *task;
    struct scratch *scratch;
    struct wire_file *record;
    __u64 result = context[3];

    if (!pointer_at(context, 0))
        return 0;
    if (!(int)result && context[1] & PROT_WRITE && context[2] & MAP_SHARED)
        on_written(pointer_at(context, 0), 0, WIRE_FILE_MAPPED, SCRATCH_MAP, typed);
    if (!(context[1] & PROT_EXEC))
        return 0;
    task = wanted_task(typed);
    // What an exec maps it has opened before, which is told; who it is now is not certain until it is done.
    if (!task || BPF_CORE_READ_BITFIELD_PROBED((struct task_struct___exec *)task, in_execve))
        return 0;
    scratch = scratch_get(scratch_slot(SCRATCH_MAP));
    if (!scratch)
        return 0;
    record = begin_file(scratch, task, WIRE_FILE_EXEC_MAP, typed);
    record->error = (int)result < 0 ? -(int)result : 0;
    if (!is_wanted_operation(WIRE_FILE_EXEC_MAP, record->error))
        return 0;
    append_file(scratch, record, file, task, typed);
    if (is_wanted_path(scratch))
        send_file(scratch, record);
    return 0;
}

// security_mmap_file(file, protection, flags)
PROGRAM("fexit", file_mapped)
{
    return config.has_typed_current ? on_map(context, 1) : on_map(context, 0);
}

// A call has written to a descriptor.
static __always_inline int on_write_call(int fd, long result)
{
    if (result <= 0 || fd < 0)
        return 0;
    return on_written(file_of_descriptor((void *)bpf_get_current_task(), fd), result, 0, SCRATCH_OPEN, 1);
}

static __always_inline int on_read_call(int fd, long result)
{
    if (result <= 0 || fd < 0 || !is_wanted_operation(WIRE_FILE_READ, 0))
        return 0;
    return on_read(file_of_descriptor((void *)bpf_get_current_task(), fd), result, SCRATCH_OPEN, 1);
}

// Those that are open now: told by the iterator's descriptor, not by the ring.
SEC("iter/bpf_map_elem")
int written_seen(struct bpf_iter__bpf_map_elem *context)
{
    struct seq_file *seq = context->meta->seq;
    const __u64 *key = context->key;
    struct written *known = context->value, written;
    struct scratch *scratch;
    struct wire_file *record;
    struct task_struct *task = (void *)bpf_get_current_task();

    if (!key || !known)
        return 0;
    scratch = scratch_get(SCRATCH_ITERATOR);
    if (!scratch)
        return 0;
    written = *known;
    record = begin_file(scratch, task, written.kind, 0);
    record->task = written.task;
    record->bytes = written.bytes;
    record->header.flags |= WIRE_FILE_STILL | written.flags;
    if (files.has_release) {
        append_written(scratch, record, (struct file *)*key, &written);
    } else {
        record->header.flags |= WIRE_FILE_DONE;
        record->id = id_of(*key, written.kind);
    }
    bpf_seq_write(seq, record, finish_record(scratch));
    return 0;
}

#endif
