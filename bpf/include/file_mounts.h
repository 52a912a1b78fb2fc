// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is mounted where. A mount has its place when it is made, and loses it when it is taken away: that is told before, and
// what became of it when the call returns.
#ifndef FILE_MOUNTS_H
#define FILE_MOUNTS_H

#include "file_changes.h"

#define MS_MGC_VAL 0xc0ed0000 // what old programs put into the upper half of the flags
#define MS_MGC_MSK 0xffff0000
#define TYPE_SIZE 256

#if defined(__TARGET_ARCH_x86)
#define ARGUMENT_4(regs) BPF_CORE_READ(regs, r10)
#define COMPAT_4(regs) ((__u32)BPF_CORE_READ(regs, si))
#else
#define ARGUMENT_4(regs) BPF_CORE_READ(regs, user_regs.regs[3])
#define COMPAT_4(regs) ((__u32)ARGUMENT_4(regs))
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct file_system_type {
    const char *name;
};

struct super_block___type {
    struct file_system_type *s_type;
};

struct vfsmount___mounted {
    struct super_block___type *mnt_sb;
};

struct mount___mounted {
    const char *mnt_devname;
};

#pragma clang attribute pop

// Appends the type of a file system and what it is of; answers their size, with the NUL between them.
static __always_inline __u32 append_source(struct scratch *scratch, const void *type, const void *source, int in_user)
{
    __u32 start = scratch->end;
    long length;

    length = in_user ? bpf_probe_read_user_str(scratch_at(scratch, start), TYPE_SIZE, type)
                     : bpf_probe_read_kernel_str(scratch_at(scratch, start), TYPE_SIZE, type);
    if (length < 1) {
        *scratch_at(scratch, start) = 0;
        length = 1;
    }
    scratch->end = start + length;
    length = in_user ? bpf_probe_read_user_str(scratch_at(scratch, scratch->end), PATH_MAX_BYTES, source)
                     : bpf_probe_read_kernel_str(scratch_at(scratch, scratch->end), PATH_MAX_BYTES, source);
    if (length > 1)
        scratch->end += length - 1;
    return scratch->end - start;
}

static __always_inline __u32 append_mounted(struct scratch *scratch, struct vfsmount *vfsmount)
{
    struct mount___mounted *mount = (void *)((char *)vfsmount - bpf_core_field_offset(struct mount, mnt));

    return append_source(scratch, BPF_CORE_READ((struct vfsmount___mounted *)vfsmount, mnt_sb, s_type, name),
                         BPF_CORE_READ(mount, mnt_devname), 0);
}

static __always_inline __u64 mount_flags(__u64 flags)
{
    return (flags & MS_MGC_MSK) == MS_MGC_VAL ? flags & ~MS_MGC_MSK : flags;
}

// path_mount(source, path, type, flags, data) has returned.
static __always_inline int on_mounted(__u64 *context, long result)
{
    struct path *path = pointer_at(context, 1);
    struct task_struct *task = wanted_task(0);
    struct scratch *scratch;
    struct wire_file *record;
    struct fs_struct *fs;

    if (!task || is_restarted(-result))
        return 0;
    if (result < 0)
        mark_told();
    if (!is_wanted_operation(WIRE_FILE_MOUNT, error_of(result)))
        return 0;
    scratch = claim_change(task, WIRE_FILE_MOUNT, mount_flags(context[3]), result);
    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    fs = BPF_CORE_READ(task, fs);
    if (fs)
        record->path_size = append_path(scratch, path, &fs->root, 0);
    if (is_wanted_path(scratch)) {
        record->second_name_size = append_source(scratch, pointer_at(context, 2), pointer_at(context, 0), 0);
        send_file(scratch, record);
    }
    scratch_release(scratch);
    return 0;
}

PROGRAM("fexit", mounted)
{
    return on_mounted(context, (int)context[5]);
}

// A mount by the names that a call was given. `second` is where it comes from; of a new one that has no directory.
static __always_inline int tell_mount(__u32 kind, const struct asked *first, const struct asked *second,
                                      const void *type, __u64 flags, __u32 is_moved, long result)
{
    struct task_struct *task = wanted_task(0);
    struct scratch *scratch;
    struct wire_file *record;

    if (!task || is_restarted(-result) || !is_wanted_operation(kind, error_of(result)))
        return 0;
    scratch = claim_change(task, kind, flags, result);
    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    append_name(scratch, record, task, first);
    if (kind == WIRE_FILE_PIVOT_ROOT || is_moved) {
        if (is_moved)
            record->header.flags |= WIRE_FILE_MOVED;
        record->second_size = append_asked_directory(scratch, task, second);
        record->second_name_size = append_text(scratch, record, second->name, second->in_user);
    } else if (kind == WIRE_FILE_MOUNT) {
        record->second_name_size = append_source(scratch, type, second->name, second->in_user);
    }
    send_file(scratch, record);
    scratch_release(scratch);
    return 0;
}

// mount(source, path, type, flags, data) has returned; not do_mount, which may be inlined.
#define MOUNT_FAILED(program, first_argument, second_argument, third_argument, fourth_argument)                        \
    PROGRAM("fexit", program)                                                                                          \
    {                                                                                                                  \
        struct pt_regs *regs = registers(context);                                                                     \
        struct asked first = {}, second = {};                                                                          \
                                                                                                                       \
        if ((int)context[1] >= 0 || take_told())                                                                       \
            return 0;                                                                                                  \
        first.in_user = second.in_user = 1;                                                                            \
        first.directory = AT_FDCWD;                                                                                    \
        first.name = (const void *)(__u64)second_argument(regs);                                                       \
        second.name = (const void *)(__u64)first_argument(regs);                                                       \
        return tell_mount(WIRE_FILE_MOUNT, &first, &second, (const void *)(__u64)third_argument(regs),                 \
                          mount_flags(fourth_argument(regs)), 0, (int)context[1]);                                     \
    }

MOUNT_FAILED(mount_failed, ARGUMENT_1, ARGUMENT_2, ARGUMENT_3, ARGUMENT_4)
MOUNT_FAILED(compat_mount_failed, COMPAT_1, COMPAT_2, COMPAT_3, COMPAT_4)

// Tells what is about to become of a mount at a path, and where it comes from, if that is a path.
static __always_inline int mount_begins(struct path *path, struct path *from, __u32 kind, __u64 flags)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct task_struct *task = wanted_task(0);
    struct operation operation = {};
    struct scratch *scratch;
    struct wire_file *record;
    struct fs_struct *fs;
    int path_wanted;

    if (!task)
        return 0;
    operation.kind = kind;
    operation.is_told = 1;
    operation.is_unwanted = 1;
    scratch = claim_change(task, kind, flags, 0);
    if (!scratch) {
        bpf_map_update_elem(&operations, &thread, &operation, BPF_ANY);
        return 0;
    }
    record = (void *)scratch->record;
    record->header.flags |= WIRE_FILE_PENDING;
    fs = BPF_CORE_READ(task, fs);
    record->path_size = append_path(scratch, path, &fs->root, 0);
    path_wanted = is_wanted_path(scratch);
    if (from) {
        __u32 start = scratch->end;

        if (kind == WIRE_FILE_MOUNT)
            record->header.flags |= WIRE_FILE_MOVED;
        record->second_size = append_path(scratch, from, &fs->root, 0);
        // What is not mounted yet has no path.
        if (scratch->walk.rooted)
            path_wanted |= is_wanted_path(scratch);
        else {
            record->second_size = 0;
            scratch->end = start;
        }
    }
    if (kind == WIRE_FILE_MOUNT && from)
        record->second_name_size = append_mounted(scratch, BPF_CORE_READ(from, mnt));
    // Anything else is not mounted, and the call fails.
    if (kind == WIRE_FILE_UMOUNT && BPF_CORE_READ(path, dentry) == BPF_CORE_READ(path, mnt, mnt_root))
        record->second_name_size = append_mounted(scratch, BPF_CORE_READ(path, mnt));
    if (path_wanted) {
        operation.is_unwanted = 0;
        send_file(scratch, record);
    }
    bpf_map_update_elem(&operations, &thread, &operation, BPF_ANY);
    scratch_release(scratch);
    return 0;
}

// path_umount(path, flags)
PROGRAM("fentry", umount_begins)
{
    return mount_begins(pointer_at(context, 0), 0, WIRE_FILE_UMOUNT, (__u32)context[1]);
}

// security_move_mount(from, to)
PROGRAM("fentry", move_begins)
{
    return mount_begins(pointer_at(context, 1), pointer_at(context, 0), WIRE_FILE_MOUNT, 0);
}

// security_sb_pivotroot(place of the old root, new root)
PROGRAM("fentry", pivot_begins)
{
    return mount_begins(pointer_at(context, 1), pointer_at(context, 0), WIRE_FILE_PIVOT_ROOT, 0);
}

static __always_inline int mount_ends(__u32 kind, const struct asked *first, const struct asked *second, __u64 flags,
                                      __u32 is_moved, long result)
{
    __u32 thread = bpf_get_current_pid_tgid();
    struct operation *known = bpf_map_lookup_elem(&operations, &thread);
    struct operation operation = {};
    struct scratch *scratch;
    struct wire_file *record;

    if (known) {
        operation = *known;
        bpf_map_delete_elem(&operations, &thread);
    }
    if (operation.kind != kind)
        return result < 0 ? tell_mount(kind, first, second, 0, flags, is_moved, result) : 0;
    if (operation.is_unwanted || !is_wanted_operation(kind, error_of(result)))
        return 0;
    scratch = claim_change((void *)bpf_get_current_task(), kind, flags, result);
    if (!scratch)
        return 0;
    record = (void *)scratch->record;
    record->header.flags |= WIRE_FILE_DONE;
    send_file(scratch, record);
    scratch_release(scratch);
    return 0;
}

// With the arguments of the call: two names, the directories that they start from, flags.
static __always_inline int on_mount_ends(__u32 kind, __u64 name, int directory, __u64 second_name, int second_directory,
                                         __u64 flags, __u32 is_moved, long result)
{
    struct asked first = {}, second = {};

    first.in_user = second.in_user = 1;
    first.name = (const void *)name;
    first.directory = directory;
    second.name = (const void *)second_name;
    second.directory = second_directory;
    return mount_ends(kind, &first, &second, flags, is_moved, result);
}

// The system calls' own functions: umount2(name, flags), umount(name) of 32-bit programs,
#define UMOUNT_ENDS(program, name, flags)                                                                              \
    PROGRAM("fexit", program)                                                                                          \
    {                                                                                                                  \
        struct pt_regs *regs = registers(context);                                                                     \
                                                                                                                       \
        return on_mount_ends(WIRE_FILE_UMOUNT, name(regs), AT_FDCWD, 0, 0, flags, 0, (int)context[1]);                 \
    }

UMOUNT_ENDS(umount_ends, ARGUMENT_1, (__u32)ARGUMENT_2(regs))
UMOUNT_ENDS(compat_umount_ends, COMPAT_1, COMPAT_2(regs))
UMOUNT_ENDS(compat_oldumount_ends, COMPAT_1, 0)

// move_mount(old directory, old name, directory, name, flags),
#define MOVE_ENDS(program, first, second, third, fourth)                                                               \
    PROGRAM("fexit", program)                                                                                          \
    {                                                                                                                  \
        struct pt_regs *regs = registers(context);                                                                     \
                                                                                                                       \
        return on_mount_ends(WIRE_FILE_MOUNT, fourth(regs), (int)third(regs), second(regs), (int)first(regs), 0, 1,    \
                             (int)context[1]);                                                                         \
    }

MOVE_ENDS(move_ends, ARGUMENT_1, ARGUMENT_2, ARGUMENT_3, ARGUMENT_4)
MOVE_ENDS(compat_move_ends, COMPAT_1, COMPAT_2, COMPAT_3, COMPAT_4)

// pivot_root(new root, place of the old one)
#define PIVOT_ENDS(program, first, second)                                                                             \
    PROGRAM("fexit", program)                                                                                          \
    {                                                                                                                  \
        struct pt_regs *regs = registers(context);                                                                     \
                                                                                                                       \
        return on_mount_ends(WIRE_FILE_PIVOT_ROOT, first(regs), AT_FDCWD, second(regs), AT_FDCWD, 0, 0,                \
                             (int)context[1]);                                                                         \
    }

PIVOT_ENDS(pivot_ends, ARGUMENT_1, ARGUMENT_2)
PIVOT_ENDS(compat_pivot_ends, COMPAT_1, COMPAT_2)

#endif
