// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Puts together the record of what is done to a file.
#ifndef FILE_H
#define FILE_H

#include "call.h"
#include "layer.h"
#include "path.h"
#include "ring.h"
#include "scope.h"
#include "task.h"
#include "wire/file.h"

const volatile struct wire_files files SEC(".rodata.files");

// As UNTRUSTED, of the structures that only these programs read.
#define TYPED(type, pointer) ((struct type *)rdonly_cast((const void *)(pointer), files.type_##type))

#define PF_FORKNOEXEC 0x00000040 // has not executed a program since it was forked
#define FMODE_CREATED 0x100000
#define FMODE_EXEC 0x20 // in the flags of an open too
#if defined(__TARGET_ARCH_x86)
#define O_LARGEFILE 0x8000
#define O_TMPFILE 0x410000
#else
#define O_LARGEFILE 0x20000
#define O_TMPFILE 0x404000
#endif
#define O_NONBLOCK 0x800
#define O_CLOEXEC 0x80000
#define MAX_ERRNO 4095
#define EAGAIN 11
#define ERESTARTSYS 512 // a signal interrupted the call; 513 to 516 are its variants
#define ERESTART_LAST 516

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct file___open {
    unsigned int f_flags;
    unsigned int f_mode;
};

struct filename {
    const char *name; // since 7.0 in a part of its own
};

struct __filename_head {
    const char *name;
};

struct open_flags {
    int open_flag;
    int lookup_flags;
};

#pragma clang attribute pop

static __always_inline void *pointer_at(__u64 *context, const int number)
{
    void *pointer = 0;

    // Not by a plain load; see process.bpf.c.
    READ(pointer, &context[number]);
    return pointer;
}

static __always_inline int is_error(__u64 pointer)
{
    return pointer >= (__u64)-MAX_ERRNO;
}

// Whether the call goes on, or is made again.
static __always_inline int is_restarted(long error)
{
    return error >= ERESTARTSYS && error <= ERESTART_LAST;
}

// The kernel's copy of a name that was asked for.
static __always_inline const char *text_of(struct filename *name)
{
    if (bpf_core_field_exists(name->name))
        return name->name;
    return ((struct __filename_head *)name)->name;
}

// The same of a pointer that carries no type.
static __always_inline const void *text_at(const void *name)
{
    struct filename *whole = (void *)name;

    if (bpf_core_field_exists(whole->name))
        return BPF_CORE_READ(whole, name);
    return BPF_CORE_READ((struct __filename_head *)whole, name);
}

// The current task, where what it does is wanted. The child that waits to execute the program to watch is still ours.
static __always_inline struct task_struct *wanted_task(const int typed)
{
    struct task_struct *task = current_task(typed);
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    __u32 without = 0;

    // Of the whole process: its other threads never execute one.
    if (config.tree && GET(task, group_leader, flags) & PF_FORKNOEXEC)
        without = WIRE_TASK_STARTING;
    return in_scope_without(task, pid, without, typed) ? task : 0;
}

static __always_inline struct wire_file *begin_file(struct scratch *scratch, struct task_struct *task, __u16 operation,
                                                    const int typed)
{
    struct wire_file *record = (void *)scratch->record;

    fill_header(&record->header, 0, WIRE_FILE);
    fill_task(&record->task, task, typed);
    record->inode = 0;
    record->bytes = 0;
    record->id = 0;
    record->device = 0;
    record->mode = 0;
    record->open_flags = 0;
    record->error = 0;
    record->operation = operation;
    record->path_size = 0;
    record->name_size = 0;
    record->second_size = 0;
    record->second_name_size = 0;
    scratch->end = sizeof(*record);
    return record;
}

static __always_inline void set_inode(struct wire_file *record, struct inode *inode, const int typed)
{
    record->inode = GET(inode, i_ino);
    record->device = GET(inode, i_sb, s_dev);
    record->mode = GET(inode, i_mode);
    if (GET(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC && in_upper_layer(inode))
        record->header.flags |= WIRE_FILE_UPPER_LAYER;
}

static __always_inline void set_named_inode(struct wire_file *record, struct inode *inode, struct dentry *dentry,
                                            const int typed)
{
    set_inode(record, inode, typed);
    // The top of a tree is in no table of names.
    if (!GET(inode, i_nlink) || (!GET(dentry, d_hash.pprev) && GET(dentry, d_parent) != dentry))
        record->header.flags |= WIRE_FILE_DELETED;
}

// What is known of an open file, but for its path.
static __always_inline void set_file(struct wire_file *record, struct file *file, const int typed)
{
    set_named_inode(record, GET(file, f_inode), GET(file, f_path.dentry), typed);
}

static __always_inline void append_file(struct scratch *scratch, struct wire_file *record, struct file *file,
                                        struct task_struct *task, const int typed)
{
    struct fs_struct *fs = GET(task, fs);

    set_file(record, file, typed);
    if (fs)
        record->path_size = append_path(scratch, &file->f_path, &fs->root, typed);
}

// The file of a descriptor of `task`, or none. By helper.
static __always_inline struct file *file_of_descriptor(struct task_struct *task, __u32 fd)
{
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct file **descriptors = BPF_CORE_READ(table, fd);
    struct file *file = 0;

    if (fd >= BPF_CORE_READ(table, max_fds))
        return 0;
    READ(file, (__u64)descriptors + fd * sizeof(file));
    return file;
}

// Where what was asked for would lead: a name, and the directory that a relative one starts from.
struct asked {
    const void *name;
    int directory;
    int in_user;
};

// Appends the path of the directory that a relative name starts from; answers its size, 0 where that is not known.
static __always_inline __u32 append_directory(struct scratch *scratch, struct task_struct *task, int fd)
{
    struct fs_struct *fs = BPF_CORE_READ(task, fs);
    struct path *path = 0;

    if (fs && fd == AT_FDCWD) {
        path = &fs->pwd;
    } else if (fs && fd >= 0) {
        struct file *file = file_of_descriptor(task, fd);

        if (file)
            path = &file->f_path;
    }
    return path ? append_path(scratch, path, &fs->root, 0) : 0;
}

static __always_inline __u32 append_asked_directory(struct scratch *scratch, struct task_struct *task,
                                                    const struct asked *asked)
{
    char first = 0;

    if (asked->in_user)
        bpf_probe_read_user(&first, 1, asked->name);
    else
        READ(first, asked->name);
    return first && first != '/' ? append_directory(scratch, task, asked->directory) : 0;
}

static __always_inline __u32 append_text(struct scratch *scratch, struct wire_file *record, const void *text, int in_user)
{
    long length;

    if (in_user)
        length = bpf_probe_read_user_str(scratch_at(scratch, scratch->end), PATH_MAX_BYTES, text);
    else
        length = bpf_probe_read_kernel_str(scratch_at(scratch, scratch->end), PATH_MAX_BYTES, text);
    if (length < 1) {
        record->header.flags |= WIRE_FILE_NAME_CUT;
        return 0;
    }
    scratch->end += length - 1;
    return length - 1;
}

static __always_inline void append_name(struct scratch *scratch, struct wire_file *record, struct task_struct *task,
                                        const struct asked *asked)
{
    record->header.flags |= WIRE_FILE_AS_ASKED;
    record->path_size = append_asked_directory(scratch, task, asked);
    record->name_size = append_text(scratch, record, asked->name, asked->in_user);
}

// Whether the path in scratch ends, towards the root, as a place does. Verified once for all.
__attribute__((noinline)) int is_below(__u32 slot, __u32 index)
{
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_map, &slot);
    __u32 size, start;

    if (!scratch || index >= WIRE_FILE_PLACES_MAX)
        return 1;
    size = files.places[index].size;
    if (size > WIRE_FILE_PLACE_SIZE || size > scratch->match.path_size)
        return 0;
    start = scratch->match.path + scratch->match.path_size - size;
    // It has to begin where a component does.
    if (size < scratch->match.path_size && *scratch_at(scratch, start - 1))
        return 0;
    for (__u32 i = 0; i < WIRE_FILE_PLACE_SIZE; i++) {
        if (i >= size)
            break;
        if (*scratch_at(scratch, start + i) != files.places[index].path[i])
            return 0;
    }
    return 1;
}

// Whether the path that was appended last is one of those that are wanted, as far as that can be told here: of a process
// in another root user space looks at both of its paths.
static __always_inline int is_wanted_path(struct scratch *scratch)
{
    struct walk *walk = &scratch->walk;

    if (!files.place_count || !walk->rooted || walk->rooted != scratch->end)
        return 1;
    scratch->match.path = walk->start;
    scratch->match.path_size = walk->rooted - 1 - walk->start;
    for (__u32 i = 0; i < WIRE_FILE_PLACES_MAX; i++) {
        if (i >= files.place_count)
            break;
        if (is_below(scratch->slot, i))
            return 1;
    }
    return 0;
}

// Whether an operation that ended so is.
static __always_inline int is_wanted_operation(__u32 operation, long error)
{
    return files.operations >> operation & 1 && (error || !files.failed_only);
}

static __always_inline void send_file(struct scratch *scratch, struct wire_file *record)
{
    emit(record, finish_record(scratch), WIRE_FILE);
}

#endif
