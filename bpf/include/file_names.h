// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is done to the names of files. The path is known before it is done, what became of it afterwards: three programs
// for each operation, where it begins, where it is allowed, and where it returns. The second tells the path, and user
// space joins to it what the third tells.
#ifndef FILE_NAMES_H
#define FILE_NAMES_H

#include "file.h"

#define AT_REMOVEDIR 0x200
#define RENAME_EXCHANGE 2

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct filename___caller {
    const char *uptr; // where the caller has it
};

#pragma clang attribute pop

// An operation under way, by thread.
struct operation {
    __u64 first, second; // names that it was given, where there are two
    __u32 in_user;       // which of them are where the caller has them, 1 and 2
    __u32 is_told;       // its path is
    __u32 is_unwanted;   // its path is not one of those that are watched
    __u32 kind;          // of what is changed about a file, whose mount `first` is then
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, __u32);
    __type(value, struct operation);
} operations SEC(".maps");

static __always_inline int takes_structures(__u32 kind)
{
    return files.names >> kind & 1;
}

// A name as a function got it: where it can be read when that returns.
static __always_inline __u64 name_argument(__u64 *context, const int number, __u32 kind)
{
    __u64 pointer = 0, name = 0;

    READ(pointer, &context[number]);
    if (!takes_structures(kind))
        return pointer;
    if (is_error(pointer) || !pointer)
        return 0;
    if (files.keeps_names)
        return pointer;
    name = (__u64)BPF_CORE_READ((struct filename___caller *)pointer, uptr);
    return name;
}

// At the beginning. `first` and `second` are the numbers of arguments that are names, -1 for none.
static __always_inline int begins(__u64 *context, __u32 kind, const int first, const int second)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation operation = {};

    if (!(files.operations >> kind & 1))
        return 0;
    if (config.has_typed_current ? !wanted_task(1) : !wanted_task(0))
        return 0;
    operation.first = name_argument(context, first, kind);
    if (second >= 0)
        operation.second = name_argument(context, second, kind);
    if (bpf_map_update_elem(&operations, &thread, &operation, BPF_ANY))
        count_loss(WIRE_LOSS_RING + WIRE_FILE);
    return 0;
}

// The place of a name that is about to be made, removed or changed.
struct place {
    struct path *directory;
    struct dentry *dentry;
};

static __always_inline struct scratch *begin_pending(__u32 kind, __u32 user, struct task_struct *task, const int typed)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *operation = bpf_map_lookup_elem(&operations, &thread);
    struct scratch *scratch;
    struct wire_file *record;

    // Names are also made and removed on other ways, by opens and binds for one; those are told elsewhere.
    if (!operation)
        return 0;
    scratch = scratch_get(scratch_slot(user));
    if (!scratch)
        return 0;
    operation->is_told = 1;
    record = begin_file(scratch, task, kind, typed);
    record->header.flags |= WIRE_FILE_PENDING;
    return scratch;
}

// Sends what begin_pending began, where it is wanted.
static __always_inline int end_pending(struct scratch *scratch, int is_wanted)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *operation = bpf_map_lookup_elem(&operations, &thread);

    if (is_wanted)
        send_file(scratch, (struct wire_file *)scratch->record);
    else if (operation)
        operation->is_unwanted = 1;
    return 0;
}

// security_path_*(directory, dentry, ...); what is there is told with it.
static __always_inline int on_path(__u64 *context, __u32 kind, __u32 user, const int typed)
{
    struct path *directory = TYPED(path, context[0]);
    struct dentry *dentry = TYPED(dentry, context[1]);
    struct task_struct *task = current_task(typed);
    struct scratch *scratch = begin_pending(kind, user, task, typed);
    struct fs_struct *fs;
    struct inode *inode;
    struct wire_file *record;
    int path_wanted;

    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    inode = dentry->d_inode;
    if (inode)
        set_inode(record, inode, 1);
    fs = GET(task, fs);
    record->path_size = append_path_in(scratch, dentry, directory->mnt, &fs->root, typed);
    path_wanted = is_wanted_path(scratch);
    if (kind == WIRE_FILE_SYMLINK) {
        __u64 contents = 0;

        READ(contents, &context[2]);
        record->second_name_size = append_text(scratch, record, (const void *)contents, 0);
    }
    return end_pending(scratch, path_wanted);
}

// A file gets another name, as well or instead.
static __always_inline int on_names(__u32 kind, __u32 user, struct path *from, struct dentry *old, struct path *to,
                                    struct dentry *new, __u32 flags, const int typed)
{
    struct task_struct *task = current_task(typed);
    struct scratch *scratch = begin_pending(kind, user, task, typed);
    struct fs_struct *fs;
    struct inode *inode;
    struct wire_file *record;
    int path_wanted;

    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    inode = old->d_inode;
    if (inode)
        set_inode(record, inode, 1);
    record->header.flags |= flags;
    fs = GET(task, fs);
    record->path_size = append_path_in(scratch, new, to->mnt, &fs->root, typed);
    path_wanted = is_wanted_path(scratch);
    record->second_size = append_path_in(scratch, old, from->mnt, &fs->root, typed);
    return end_pending(scratch, path_wanted || is_wanted_path(scratch));
}

// security_path_rename(old directory, old dentry, new directory, new dentry, flags)
static __always_inline int on_rename(__u64 *context, __u32 user, const int typed)
{
    struct path *from = TYPED(path, context[0]), *to = TYPED(path, context[2]);
    struct dentry *old = TYPED(dentry, context[1]), *new = TYPED(dentry, context[3]);
    __u32 flags = new->d_inode ? WIRE_FILE_REPLACED : 0;

    if (context[4] & RENAME_EXCHANGE)
        flags = WIRE_FILE_EXCHANGE;
    return on_names(WIRE_FILE_RENAME, user, from, old, to, new, flags, typed);
}

// security_path_link(old dentry, new directory, new dentry): both names are in one mount.
static __always_inline int on_link(__u64 *context, __u32 user, const int typed)
{
    struct path *to = TYPED(path, context[1]);
    struct dentry *old = TYPED(dentry, context[0]), *new = TYPED(dentry, context[2]);

    return on_names(WIRE_FILE_LINK, user, to, old, to, new, 0, typed);
}

// Tells of an operation by the names that it was given. `extra` are flags of a rename.
static __always_inline int tell_asked(__u32 kind, const struct asked *first, const struct asked *second, __u64 extra,
                                      long result, __u32 user, const int typed)
{
    struct task_struct *task = wanted_task(typed);
    struct scratch *scratch;
    struct wire_file *record;
    int has_second = kind == WIRE_FILE_RENAME || kind == WIRE_FILE_LINK;

    if (!task || !is_wanted_operation(kind, result < 0 ? -result : 0))
        return 0;
    scratch = scratch_get(scratch_slot(user));
    if (!scratch)
        return 0;
    record = begin_file(scratch, task, kind, typed);
    record->error = result < 0 ? -result : 0;
    if (kind == WIRE_FILE_RENAME && extra & RENAME_EXCHANGE)
        record->header.flags |= WIRE_FILE_EXCHANGE;
    append_name(scratch, record, task, first);
    if (has_second)
        record->second_size = append_asked_directory(scratch, task, second);
    if (has_second || kind == WIRE_FILE_SYMLINK)
        record->second_name_size = append_text(scratch, record, second->name, second->in_user);
    send_file(scratch, record);
    return 0;
}

// Where the function returns. `directory` and `second_directory` are arguments that are descriptors.
static __always_inline int ends(__u64 *context, __u32 kind, __u32 user, int directory, int second_directory, long result,
                                __u64 extra, const int typed)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *known = bpf_map_lookup_elem(&operations, &thread);
    struct asked first = {}, second = {};
    struct operation operation;
    struct scratch *scratch;
    struct wire_file *record;

    if (!known)
        return 0;
    operation = *known;
    bpf_map_delete_elem(&operations, &thread);
    // Not told: what was to be done is left behind in user space, and the thread's next one takes its place.
    if (operation.is_unwanted || !is_wanted_operation(kind, result < 0 ? -result : 0))
        return 0;
    if (operation.is_told) {
        scratch = scratch_get(scratch_slot(user));
        if (!scratch)
            return 0;
        record = begin_file(scratch, current_task(typed), kind, typed);
        record->header.flags |= WIRE_FILE_DONE;
        record->error = result < 0 ? -result : 0;
        send_file(scratch, record);
        return 0;
    }
    first.directory = directory;
    second.directory = second_directory;
    first.in_user = second.in_user = !takes_structures(kind) || !files.keeps_names;
    first.name = (const void *)operation.first;
    second.name = (const void *)operation.second;
    if (!first.in_user) {
        first.name = first.name ? text_at(first.name) : 0;
        second.name = second.name ? text_at(second.name) : 0;
    }
    return tell_asked(kind, &first, &second, extra, result, user, typed);
}

#define BEFORE(name, kind, first, second)                                                                              \
    PROGRAM("fentry", name##_begins)                                                                                   \
    {                                                                                                                  \
        return begins(context, kind, first, second);                                                                   \
    }

#define ALLOWED(name, call)                                                                                            \
    PROGRAM("fexit", name##_allowed)                                                                                   \
    {                                                                                                                  \
        const int typed = 1;                                                                                           \
        if (config.has_typed_current)                                                                                  \
            return call;                                                                                               \
        {                                                                                                              \
            const int typed = 0;                                                                                       \
            return call;                                                                                               \
        }                                                                                                              \
    }

#define AFTER(name, kind, number, directory, second_directory, result, extra)                                          \
    PROGRAM("fexit", name##_ends)                                                                                      \
    {                                                                                                                  \
        if (config.has_typed_current)                                                                                  \
            return ends(context, kind, SCRATCH_NAMES + 7 + number, directory, second_directory, (int)(result), extra,  \
                        1);                                                                                            \
        return ends(context, kind, SCRATCH_NAMES + 7 + number, directory, second_directory, (int)(result), extra, 0);  \
    }

// do_unlinkat(directory, name), do_rmdir alike; from 7.0 on filename_unlinkat and so on
BEFORE(unlink, WIRE_FILE_UNLINK, 1, -1)
ALLOWED(unlink, on_path(context, WIRE_FILE_UNLINK, SCRATCH_NAMES, typed))
AFTER(unlink, WIRE_FILE_UNLINK, 0, (int)context[0], 0, context[2], 0)
BEFORE(rmdir, WIRE_FILE_RMDIR, 1, -1)
ALLOWED(rmdir, on_path(context, WIRE_FILE_RMDIR, SCRATCH_NAMES + 1, typed))
AFTER(rmdir, WIRE_FILE_RMDIR, 1, (int)context[0], 0, context[2], 0)
// do_renameat2(old directory, old name, new directory, new name, flags)
BEFORE(rename, WIRE_FILE_RENAME, 3, 1)
ALLOWED(rename, on_rename(context, SCRATCH_NAMES + 2, typed))
AFTER(rename, WIRE_FILE_RENAME, 2, (int)context[2], (int)context[0], context[5], context[4])
// do_mkdirat(directory, name, mode)
BEFORE(mkdir, WIRE_FILE_MKDIR, 1, -1)
ALLOWED(mkdir, on_path(context, WIRE_FILE_MKDIR, SCRATCH_NAMES + 3, typed))
AFTER(mkdir, WIRE_FILE_MKDIR, 3, (int)context[0], 0, context[3], 0)
// do_mknodat(directory, name, mode, device)
BEFORE(mknod, WIRE_FILE_MKNOD, 1, -1)
ALLOWED(mknod, on_path(context, WIRE_FILE_MKNOD, SCRATCH_NAMES + 4, typed))
AFTER(mknod, WIRE_FILE_MKNOD, 4, (int)context[0], 0, context[4], 0)
// do_symlinkat(contents, directory, name)
BEFORE(symlink, WIRE_FILE_SYMLINK, 2, 0)
ALLOWED(symlink, on_path(context, WIRE_FILE_SYMLINK, SCRATCH_NAMES + 5, typed))
AFTER(symlink, WIRE_FILE_SYMLINK, 5, (int)context[1], 0, context[3], 0)
// do_linkat(old directory, old name, new directory, new name, flags)
BEFORE(link, WIRE_FILE_LINK, 3, 1)
ALLOWED(link, on_link(context, SCRATCH_NAMES + 6, typed))
AFTER(link, WIRE_FILE_LINK, 6, (int)context[2], (int)context[0], context[5], 0)

#endif
