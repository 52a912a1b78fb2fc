// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is changed about files that keep their names and contents: permissions, owner, size, attributes.
//
// Where the path is known one program tells what became of it. What fails before that, while the name is looked up, is told
// by a second one around it, by the name that was asked for.
//
// This is rare, and there are many programs: all is read by helpers, so that they are small and soon verified.
#ifndef FILE_CHANGES_H
#define FILE_CHANGES_H

#include "file.h"
#include "file_names.h"

#define STACK_SIZE 16384 // THREAD_SIZE, at least

#if defined(__TARGET_ARCH_x86)
#define ARGUMENT_1(regs) BPF_CORE_READ(regs, di)
#define ARGUMENT_2(regs) BPF_CORE_READ(regs, si)
#define COMPAT_1(regs) ((__u32)BPF_CORE_READ(regs, bx))
#define COMPAT_2(regs) ((__u32)BPF_CORE_READ(regs, cx))
#else
#define ARGUMENT_1(regs) BPF_CORE_READ(regs, orig_x0)
#define ARGUMENT_2(regs) BPF_CORE_READ(regs, user_regs.regs[1])
#define COMPAT_1(regs) ((__u32)ARGUMENT_1(regs))
#define COMPAT_2(regs) ((__u32)ARGUMENT_2(regs))
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___stack {
    void *stack;
};

struct io_cqe {
    __s32 res;
};

struct io_kiocb {
    struct file *file; // in a union, with the arguments of its operation
    struct io_cqe cqe; // since 5.19
};

#pragma clang attribute pop

// A slot with a record that is begun; 0 when there is none free, which is counted.
static __always_inline struct scratch *claim_change(struct task_struct *task, __u32 kind, __u64 asked, long result)
{
    struct scratch *scratch = scratch_claim();
    struct wire_file *record;

    if (!scratch) {
        count_loss(WIRE_LOSS_RING + WIRE_FILE);
        return 0;
    }
    record = begin_file(scratch, task, kind, 0);
    record->bytes = asked;
    record->error = result < 0 ? -result : 0;
    return scratch;
}

static __always_inline __u32 error_of(long result)
{
    return result < 0 ? -result : 0;
}

// The program around is not to tell it again.
static __always_inline void mark_told(void)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation operation = {};

    operation.is_told = 1;
    bpf_map_update_elem(&operations, &thread, &operation, BPF_ANY);
}

static __always_inline int take_told(void)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *known = bpf_map_lookup_elem(&operations, &thread);
    int is_told = known && known->is_told;

    if (known)
        bpf_map_delete_elem(&operations, &thread);
    return is_told;
}

// Whether a path is that of a name that was looked up, and not that of an open file.
static __always_inline int is_on_stack(struct task_struct *task, __u64 address)
{
    __u64 stack = (__u64)BPF_CORE_READ((struct task_struct___stack *)task, stack);

    return address - stack < STACK_SIZE;
}

// A function with a path as its first argument has returned.
static __always_inline int on_changed(__u64 *context, __u32 kind, __u64 asked, long result)
{
    struct path *path = pointer_at(context, 0);
    struct task_struct *task = wanted_task(0);
    struct scratch *scratch;
    struct wire_file *record;
    struct dentry *dentry;
    struct inode *inode;
    struct fs_struct *fs;

    if (!task || is_restarted(-result))
        return 0;
    if (result < 0 && is_on_stack(task, (__u64)path))
        mark_told();
    if (!is_wanted_operation(kind, error_of(result)))
        return 0;
    scratch = claim_change(task, kind, asked, result);
    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    dentry = BPF_CORE_READ(path, dentry);
    inode = BPF_CORE_READ(dentry, d_inode);
    if (inode)
        set_named_inode(record, inode, dentry, 0);
    fs = BPF_CORE_READ(task, fs);
    if (fs)
        record->path_size = append_path(scratch, path, &fs->root, 0);
    if (is_wanted_path(scratch))
        send_file(scratch, record);
    scratch_release(scratch);
    return 0;
}

// The same of a file that is open.
static __always_inline int on_file_changed(struct file *file, __u32 kind, __u64 asked, const void *attribute,
                                           int in_user, long result)
{
    struct task_struct *task = wanted_task(0);
    struct scratch *scratch;
    struct wire_file *record;

    if (!task || !file || is_restarted(-result) || !is_wanted_operation(kind, error_of(result)))
        return 0;
    scratch = claim_change(task, kind, asked, result);
    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    append_file(scratch, record, file, task, 0);
    if (is_wanted_path(scratch)) {
        if (attribute)
            record->second_name_size = append_text(scratch, record, attribute, in_user);
        send_file(scratch, record);
    }
    scratch_release(scratch);
    return 0;
}

// The same by the name that was given.
static __always_inline int tell_by_name(__u32 kind, const struct asked *asked, __u64 value, const void *attribute,
                                       long result)
{
    struct task_struct *task = wanted_task(0);
    struct scratch *scratch;
    struct wire_file *record;

    if (!task || is_restarted(-result) || !is_wanted_operation(kind, error_of(result)))
        return 0;
    scratch = claim_change(task, kind, value, result);
    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    if (asked->name)
        append_name(scratch, record, task, asked);
    if (attribute)
        record->second_name_size = append_text(scratch, record, attribute, asked->in_user);
    send_file(scratch, record);
    scratch_release(scratch);
    return 0;
}

static __always_inline int on_asked(int directory, const void *name, __u32 kind, __u64 value, long result)
{
    struct asked asked = {};

    if (result >= 0 || take_told())
        return 0;
    asked.in_user = 1;
    asked.directory = directory;
    asked.name = name;
    return tell_by_name(kind, &asked, value, 0, result);
}

static __always_inline __u64 owners(__u32 owner, __u32 group)
{
    return (__u64)group << 32 | owner;
}

#define CHANGED(name, kind, asked, result)                                                                             \
    PROGRAM("fexit", name)                                                                                             \
    {                                                                                                                  \
        return on_changed(context, kind, asked, (int)context[result]);                                                 \
    }

// The system calls' own functions: what they lead to may be inlined in them.
#define CALL_FAILED(program, kind, directory, name, value)                                                             \
    PROGRAM("fexit", program)                                                                                          \
    {                                                                                                                  \
        struct pt_regs *regs = registers(context);                                                                     \
                                                                                                                       \
        return on_asked(directory, (const void *)(__u64)name(regs), kind, value, (int)context[1]);                     \
    }

// chmod_common(path, mode), which all calls lead to
CHANGED(mode_changed, WIRE_FILE_CHMOD, (__u16)context[1], 2)
CALL_FAILED(chmod_failed, WIRE_FILE_CHMOD, AT_FDCWD, ARGUMENT_1, (__u16)ARGUMENT_2(regs))
CALL_FAILED(fchmodat_failed, WIRE_FILE_CHMOD, (int)ARGUMENT_1(regs), ARGUMENT_2, (__u16)ARGUMENT_3(regs))
CALL_FAILED(fchmodat2_failed, WIRE_FILE_CHMOD, (int)ARGUMENT_1(regs), ARGUMENT_2, (__u16)ARGUMENT_3(regs))
CALL_FAILED(compat_chmod_failed, WIRE_FILE_CHMOD, AT_FDCWD, COMPAT_1, (__u16)COMPAT_2(regs))
CALL_FAILED(compat_fchmodat_failed, WIRE_FILE_CHMOD, (int)COMPAT_1(regs), COMPAT_2, (__u16)COMPAT_3(regs))
CALL_FAILED(compat_fchmodat2_failed, WIRE_FILE_CHMOD, (int)COMPAT_1(regs), COMPAT_2, (__u16)COMPAT_3(regs))
// chown_common(path, owner, group)
CHANGED(owner_changed, WIRE_FILE_CHOWN, owners(context[1], context[2]), 3)
// vfs_truncate(path, size)
CHANGED(size_changed, WIRE_FILE_TRUNCATE, context[1], 2)
CALL_FAILED(truncate_failed, WIRE_FILE_TRUNCATE, AT_FDCWD, ARGUMENT_1, ARGUMENT_2(regs))
CALL_FAILED(compat_truncate_failed, WIRE_FILE_TRUNCATE, AT_FDCWD, COMPAT_1, (__s64)(__s32)COMPAT_2(regs))
CALL_FAILED(compat_truncate64_failed, WIRE_FILE_TRUNCATE, AT_FDCWD, COMPAT_1,
            COMPAT_2(regs) | (__u64)COMPAT_3(regs) << 32)

// do_fchownat(directory, name, owner, group, flags)
PROGRAM("fexit", owner_asked)
{
    return on_asked((int)context[0], pointer_at(context, 1), WIRE_FILE_CHOWN, owners(context[2], context[3]),
                    (int)context[5]);
}

// do_ftruncate(file, size, small), from 6.9 on
PROGRAM("fexit", file_truncated)
{
    struct file *file = pointer_at(context, 0);

    return on_file_changed(file, WIRE_FILE_TRUNCATE, context[1], 0, 0, (int)context[3]);
}

// do_sys_ftruncate(descriptor, size, small)
PROGRAM("fexit", descriptor_truncated)
{
    struct file *file = file_of_descriptor((void *)bpf_get_current_task(), (__u32)context[0]);

    return on_file_changed(file, WIRE_FILE_TRUNCATE, context[1], 0, 0, (int)context[3]);
}

// MARK: Attributes. Where their names are known there is no mount: that is seen on the way there.

// At the beginning of a call about a name, or about a file: its mount.
static __always_inline int attribute_begins(__u32 kind, int descriptor)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation operation = {};
    struct file *file;

    if (!wanted_task(0))
        return 0;
    operation.kind = kind;
    // Without a name it is about that.
    file = descriptor >= 0 ? file_of_descriptor((void *)bpf_get_current_task(), descriptor) : 0;
    if (file)
        operation.first = (__u64)BPF_CORE_READ(file, f_path.mnt);
    if (bpf_map_update_elem(&operations, &thread, &operation, BPF_ANY))
        count_loss(WIRE_LOSS_RING + WIRE_FILE);
    return 0;
}

static __always_inline int is_attribute(__u32 kind)
{
    return kind == WIRE_FILE_SETXATTR || kind == WIRE_FILE_REMOVEXATTR;
}

// mnt_want_write(mount)
PROGRAM("fexit", mount_wanted)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *operation = bpf_map_lookup_elem(&operations, &thread);

    if (!operation || !is_attribute(operation->kind) || operation->is_told)
        return 0;
    READ(operation->first, &context[0]);
    return 0;
}

// Before an attribute is changed.
static __always_inline int on_attribute(struct dentry *dentry, const void *name)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *operation = bpf_map_lookup_elem(&operations, &thread);
    struct task_struct *task = (void *)bpf_get_current_task();
    struct scratch *scratch;
    struct wire_file *record;
    struct fs_struct *fs;
    int is_wanted;

    // An overlay file system hands on to another one.
    if (!operation || !is_attribute(operation->kind) || operation->is_told)
        return 0;
    operation->is_told = 1;
    scratch = claim_change(task, operation->kind, 0, 0);
    if (!scratch) {
        operation->is_unwanted = 1;
        return 0;
    }
    record = (void *)scratch->record;
    record->header.flags |= WIRE_FILE_PENDING;
    set_named_inode(record, BPF_CORE_READ(dentry, d_inode), dentry, 0);
    fs = BPF_CORE_READ(task, fs);
    if (fs && operation->first)
        record->path_size = append_path_in(scratch, dentry, (void *)operation->first, &fs->root, 0);
    is_wanted = !operation->first || is_wanted_path(scratch);
    if (is_wanted) {
        record->second_name_size = append_text(scratch, record, name, 0);
        send_file(scratch, record);
    } else {
        operation->is_unwanted = 1;
    }
    scratch_release(scratch);
    return 0;
}

#define ATTRIBUTE(program, dentry, name)                                                                               \
    PROGRAM("fentry", program)                                                                                         \
    {                                                                                                                  \
        return on_attribute(pointer_at(context, dentry), pointer_at(context, name));                                   \
    }

// vfs_setxattr(dentry, name, ...), vfs_removexattr alike; from 5.12 on behind what maps ids, as vfs_set_acl and
// vfs_remove_acl of 6.2
ATTRIBUTE(attribute_set_5_10, 0, 1)
ATTRIBUTE(attribute_removed_5_10, 0, 1)
ATTRIBUTE(attribute_set, 1, 2)
ATTRIBUTE(attribute_removed, 1, 2)
ATTRIBUTE(acl_set, 1, 2)
ATTRIBUTE(acl_removed, 1, 2)

static __always_inline int attribute_ends(__u32 kind, const struct asked *asked, const void *attribute, long result)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *known = bpf_map_lookup_elem(&operations, &thread);
    struct operation operation;
    struct scratch *scratch;
    struct wire_file *record;

    if (!known)
        return 0;
    operation = *known;
    bpf_map_delete_elem(&operations, &thread);
    if (operation.is_unwanted || operation.kind != kind || !is_wanted_operation(kind, error_of(result)))
        return 0;
    if (!operation.is_told && !asked->name && asked->directory >= 0) {
        struct file *file = file_of_descriptor((void *)bpf_get_current_task(), asked->directory);

        return on_file_changed(file, kind, 0, attribute, 1, result);
    }
    if (!operation.is_told)
        return tell_by_name(kind, asked, 0, attribute, result);
    scratch = claim_change((void *)bpf_get_current_task(), kind, 0, result);
    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    record->header.flags |= WIRE_FILE_DONE;
    send_file(scratch, record);
    scratch_release(scratch);
    return 0;
}

static __always_inline int attribute_call_ends(__u32 kind, int directory, const void *name, const void *attribute,
                                               long result)
{
    struct asked asked = {};

    asked.in_user = 1;
    asked.directory = directory;
    asked.name = name;
    return attribute_ends(kind, &asked, attribute, result);
}

#define ATTRIBUTE_CALL(program, kind, descriptor, directory, path, name, result)                                       \
    PROGRAM("fentry", program##_begins)                                                                                \
    {                                                                                                                  \
        (void)context;                                                                                                 \
        return attribute_begins(kind, descriptor);                                                                     \
    }                                                                                                                  \
    PROGRAM("fexit", program##_ends)                                                                                   \
    {                                                                                                                  \
        return attribute_call_ends(kind, directory, pointer_at(context, path), pointer_at(context, name),              \
                                   (int)context[result]);                                                              \
    }

// path_setxattr(path, name, value, size, flags, lookup flags), path_removexattr(path, name, lookup flags); those of
// descriptors are apart
ATTRIBUTE_CALL(setxattr, WIRE_FILE_SETXATTR, -1, AT_FDCWD, 0, 1, 6)
ATTRIBUTE_CALL(removexattr, WIRE_FILE_REMOVEXATTR, -1, AT_FDCWD, 0, 1, 3)
// From 6.13 on path_setxattrat(directory, path, flags, name, value, size, flags), path_removexattrat(directory, path, flags,
// name): all calls.
ATTRIBUTE_CALL(setxattrat, WIRE_FILE_SETXATTR, (int)context[0], (int)context[0], 1, 3, 7)
ATTRIBUTE_CALL(removexattrat, WIRE_FILE_REMOVEXATTR, (int)context[0], (int)context[0], 1, 3, 4)

static __always_inline int on_descriptor_attribute(__u32 descriptor, __u64 name, __u32 kind, long result)
{
    struct file *file = file_of_descriptor((void *)bpf_get_current_task(), descriptor);

    return on_file_changed(file, kind, 0, (const void *)name, 1, result);
}

#define DESCRIPTOR_ATTRIBUTE(program, kind, first, second)                                                             \
    PROGRAM("fexit", program)                                                                                          \
    {                                                                                                                  \
        struct pt_regs *regs = registers(context);                                                                     \
                                                                                                                       \
        return on_descriptor_attribute(first(regs), second(regs), kind, (int)context[1]);                              \
    }

// The system calls' own functions, up to 6.12
DESCRIPTOR_ATTRIBUTE(fsetxattr, WIRE_FILE_SETXATTR, ARGUMENT_1, ARGUMENT_2)
DESCRIPTOR_ATTRIBUTE(compat_fsetxattr, WIRE_FILE_SETXATTR, COMPAT_1, COMPAT_2)
DESCRIPTOR_ATTRIBUTE(fremovexattr, WIRE_FILE_REMOVEXATTR, ARGUMENT_1, ARGUMENT_2)
DESCRIPTOR_ATTRIBUTE(compat_fremovexattr, WIRE_FILE_REMOVEXATTR, COMPAT_1, COMPAT_2)

#define URING_NONBLOCK 0x80000000 // IO_URING_F_NONBLOCK, of the first try

// io_setxattr(request, flags) of 5.19. What it was asked for is of a form of its own, and gone when it returns.
PROGRAM("fentry", ring_setxattr_begins)
{
    return context[1] & URING_NONBLOCK ? 0 : attribute_begins(WIRE_FILE_SETXATTR, -1);
}

static __always_inline int on_ring_attribute(__u64 *context)
{
    struct io_kiocb *request = pointer_at(context, 0);
    struct asked asked = {};

    asked.directory = AT_FDCWD;
    return attribute_ends(WIRE_FILE_SETXATTR, &asked, 0, BPF_CORE_READ(request, cqe.res));
}

PROGRAM("fexit", ring_setxattr_ends)
{
    return on_ring_attribute(context);
}

// io_fsetxattr(request, flags)
PROGRAM("fentry", ring_fsetxattr_begins)
{
    struct io_kiocb *request = pointer_at(context, 0);
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation operation = {};

    if (context[1] & URING_NONBLOCK || !wanted_task(0))
        return 0;
    operation.kind = WIRE_FILE_SETXATTR;
    operation.first = (__u64)BPF_CORE_READ(request, file, f_path.mnt);
    bpf_map_update_elem(&operations, &thread, &operation, BPF_ANY);
    return 0;
}

PROGRAM("fexit", ring_fsetxattr_ends)
{
    return on_ring_attribute(context);
}

// MARK: By the calls, where fexit is refused.

static __always_inline __u64 short_id(__u64 id)
{
    return (__u16)id == 0xffff ? 0xffffffff : (__u16)id;
}

// `value` and `more` are the arguments that say what is asked for.
static __always_inline int on_change_call(__u32 kind, struct asked *asked, __u64 value, __u64 more, __u32 rule,
                                          long result)
{
    struct file *file = 0;
    const void *attribute = 0;
    char first = 0;

    if (kind == WIRE_FILE_SETXATTR || kind == WIRE_FILE_REMOVEXATTR) {
        attribute = (const void *)more;
        value = 0;
    } else if (kind == WIRE_FILE_CHOWN) {
        value = rule & WIRE_FILE_CALL_SHORT_IDS ? owners(short_id(value), short_id(more)) : owners(value, more);
    } else if (kind == WIRE_FILE_CHMOD) {
        value = (__u16)value;
    } else if (rule & WIRE_FILE_CALL_SHORT_SIZE) {
        value = (__s64)(__s32)value;
    } else {
        value |= more << 32;
    }
    // With AT_EMPTY_PATH.
    if (!(rule & WIRE_FILE_CALL_DESCRIPTOR) && asked->name)
        bpf_probe_read_user(&first, 1, asked->name);
    if (rule & WIRE_FILE_CALL_DESCRIPTOR || (!first && result >= 0)) {
        if (asked->directory >= 0)
            file = file_of_descriptor((void *)bpf_get_current_task(), asked->directory);
        return on_file_changed(file, kind, value, attribute, 1, result);
    }
    return tell_by_name(kind, asked, value, attribute, result);
}

#endif
