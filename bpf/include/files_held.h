// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Rules about reading and changing files. Part of guard.bpf.c.
//
// What is about to be done to a name has a dentry, and most hooks the mount that it is in. Whatever takes a file out of a
// rule about reading is refused with it: another name for it, and another place.
#ifndef FILES_HELD_H
#define FILES_HELD_H

// The file system's own: nothing is mounted there that a path leads to. What the default says of paths is not for them:
// pipes, sockets, memory, and the layers of an overlay, whose files are opened by the kernel itself.
static __always_inline int is_internal(__u64 mount)
{
    __u64 owner = 0;

    READ(owner, mount - bpf_core_field_offset(struct mount, mnt) + bpf_core_field_offset(struct mount___owner, mnt_ns));
    return owner >= (__u64)-MAX_ERRNO;
}

static __always_inline int judge(__u64 dentry, __u64 mount, __u32 operation, __u32 hook, __u32 asked, int is_told)
{
    if (!is_asked(operation))
        return 0;
    return conclude(decide(dentry, mount, operation | asked), dentry, mount, operation, hook, 0, is_told);
}

// The file is not used yet, and it would be another one, or elsewhere.
static __always_inline int judge_escape(__u64 dentry, __u64 mount, __u32 operation, __u32 hook)
{
    __u32 decision;

    if (!is_asked(operation))
        return 0;
    decision = decide(dentry, mount, operation);
    return WIRE_GUARD_VERDICT(decision) < WIRE_GUARD_DENY ? 0
                                                          : conclude(decision, dentry, mount, operation, hook, 0, 1);
}

static __always_inline int on_file(struct file *file, __u32 hook)
{
    __u64 dentry = (__u64)BPF_CORE_READ(file, f_path.dentry), mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
    __u32 mode = BPF_CORE_READ((struct file___open *)file, f_mode);
    __u32 flags = BPF_CORE_READ((struct file___open *)file, f_flags);
    __u32 asked;
    int stops = 0, is_told = 1;

    // The attempt to execute it opens it first, and is for another hook to refuse.
    if (!(flags & FMODE_EXEC) && is_canary(BPF_CORE_READ(file, f_inode), hook))
        return refuse(EPERM);
    if (!is_member())
        return 0;
    asked = is_internal(mount) ? ASKED_BY_RULES : 0;
    // What is executed is another matter.
    if (mode & FMODE_READ && !(flags & FMODE_EXEC))
        stops |= judge(dentry, mount, WIRE_GUARD_READ, hook, asked, 1);
    if (mode & FMODE_WRITE && !stops) {
        // That it was made was told.
        if (hook == WIRE_GUARD_OPEN && mode & FMODE_CREATED && !(flags & O_TMPFILE_ONLY))
            is_told = 0;
        stops |= judge(dentry, mount, WIRE_GUARD_WRITE, hook, asked, is_told);
    }
    return stops ? refuse(EPERM) : 0;
}

// (file)
SEC("lsm/file_open")
int file_opened(__u64 *context)
{
    return on_file(argument(context, 0), WIRE_GUARD_OPEN);
}

// (file): by a UNIX socket, or taken from another process.
SEC("lsm/file_receive")
int file_received(__u64 *context)
{
    return on_file(argument(context, 0), WIRE_GUARD_RECEIVE);
}

static __always_inline int is_canary_name(struct dentry *dentry, __u32 hook)
{
    struct inode *parent = BPF_CORE_READ(dentry, d_parent, d_inode);

    if (!parent || (__u64)parent != state.canary_directory || hook >= WIRE_GUARD_HOOKS)
        return 0;
    state.refused[hook] = state.refused[hook] + 1;
    return 1;
}

// (directory, dentry, ...)
static __always_inline int on_name(__u64 *context, __u32 hook)
{
    struct path *directory = argument(context, 0);
    struct dentry *dentry = argument(context, 1);

    if (is_canary_name(dentry, hook))
        return refuse(EPERM);
    if (!is_member())
        return 0;
    return judge((__u64)dentry, (__u64)BPF_CORE_READ(directory, mnt), WIRE_GUARD_WRITE, hook, 0, 1) ? refuse(EPERM) : 0;
}

SEC("lsm/path_unlink")
int name_removed(__u64 *context)
{
    return on_name(context, WIRE_GUARD_UNLINK);
}

SEC("lsm/path_rmdir")
int directory_removed(__u64 *context)
{
    return on_name(context, WIRE_GUARD_RMDIR);
}

SEC("lsm/path_mkdir")
int directory_made(__u64 *context)
{
    return on_name(context, WIRE_GUARD_MKDIR);
}

// Files that an open makes too.
SEC("lsm/path_mknod")
int file_made(__u64 *context)
{
    return on_name(context, WIRE_GUARD_MKNOD);
}

SEC("lsm/path_symlink")
int link_made(__u64 *context)
{
    return on_name(context, WIRE_GUARD_SYMLINK);
}

// (dentry, new directory, new dentry)
SEC("lsm/path_link")
int name_added(__u64 *context)
{
    struct dentry *old = argument(context, 0), *new = argument(context, 2);
    struct path *directory = argument(context, 1);
    __u64 mount = (__u64)BPF_CORE_READ(directory, mnt);

    if (is_canary_name(new, WIRE_GUARD_LINK))
        return refuse(EPERM);
    if (!is_member())
        return 0;
    if (judge_escape((__u64)old, mount, WIRE_GUARD_READ, WIRE_GUARD_LINK) ||
        judge_escape((__u64)old, mount, WIRE_GUARD_EXEC, WIRE_GUARD_LINK) ||
        judge((__u64)new, mount, WIRE_GUARD_WRITE, WIRE_GUARD_LINK, 0, 1) ||
        judge((__u64)old, mount, WIRE_GUARD_WRITE, WIRE_GUARD_LINK, 0, 1))
        return refuse(EPERM);
    return 0;
}

// (old directory, old dentry, new directory, new dentry, ...)
SEC("lsm/path_rename")
int name_changed(__u64 *context)
{
    struct path *from = argument(context, 0), *to = argument(context, 2);
    struct dentry *old = argument(context, 1), *new = argument(context, 3);
    __u64 mount = (__u64)BPF_CORE_READ(from, mnt), new_mount = (__u64)BPF_CORE_READ(to, mnt);

    if (is_canary_name(old, WIRE_GUARD_RENAME))
        return refuse(EPERM);
    if (!is_member())
        return 0;
    if (judge_escape((__u64)old, mount, WIRE_GUARD_READ, WIRE_GUARD_RENAME) ||
        judge((__u64)old, mount, WIRE_GUARD_WRITE, WIRE_GUARD_RENAME, 0, 1) ||
        judge((__u64)new, new_mount, WIRE_GUARD_WRITE, WIRE_GUARD_RENAME, 0, 1))
        return refuse(EPERM);
    return 0;
}

// (path, ...)
static __always_inline int on_path(struct path *path, __u32 hook, int is_told)
{
    struct dentry *dentry = BPF_CORE_READ(path, dentry);

    if (is_canary(BPF_CORE_READ(dentry, d_inode), hook))
        return refuse(EPERM);
    if (!is_member())
        return 0;
    return judge((__u64)dentry, (__u64)BPF_CORE_READ(path, mnt), WIRE_GUARD_WRITE, hook, 0, is_told) ? refuse(EPERM) : 0;
}

SEC("lsm/path_truncate")
int file_truncated(__u64 *context)
{
    return on_path(argument(context, 0), WIRE_GUARD_TRUNCATE, 1);
}

SEC("lsm/path_chmod")
int mode_changed(__u64 *context)
{
    return on_path(argument(context, 0), WIRE_GUARD_CHMOD, 1);
}

SEC("lsm/path_chown")
int owner_changed(__u64 *context)
{
    return on_path(argument(context, 0), WIRE_GUARD_CHOWN, 1);
}

// (file): since 6.2, of what is open. That it was opened to be written is told.
SEC("lsm/file_truncate")
int open_file_truncated(__u64 *context)
{
    struct file *file = argument(context, 0);

    return on_path(&file->f_path, WIRE_GUARD_FILE_TRUNCATE, 0);
}

// The mount that a dentry can be in, for hooks that are not told it: that of the root or the working directory of the
// task, where that is of the same file system. Without one the file system's own tree is all there is.
static __always_inline __u64 mount_of(struct inode *inode)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct super_block *owner = BPF_CORE_READ(inode, i_sb);
    struct fs_struct *fs = BPF_CORE_READ(task, fs);
    struct vfsmount___file_system *mount;

    if (!fs)
        return 0;
    mount = (void *)BPF_CORE_READ(fs, root.mnt);
    if (BPF_CORE_READ(mount, mnt_sb) == owner)
        return (__u64)mount;
    mount = (void *)BPF_CORE_READ(fs, pwd.mnt);
    return BPF_CORE_READ(mount, mnt_sb) == owner ? (__u64)mount : 0;
}

static __always_inline int on_dentry(struct dentry *dentry, __u32 hook)
{
    struct inode *inode = BPF_CORE_READ(dentry, d_inode);

    if (!inode)
        return 0;
    if (is_canary(inode, hook))
        return refuse(EPERM);
    if (!is_member())
        return 0;
    return judge((__u64)dentry, mount_of(inode), WIRE_GUARD_WRITE, hook, 0, 1) ? refuse(EPERM) : 0;
}

// Behind the user namespace or the mapping of ids that later kernels hand on.
static __always_inline struct dentry *dentry_argument(__u64 *context, __u32 hook)
{
    return guard.dentry_second >> hook & 1 ? argument(context, 1) : argument(context, 0);
}

// (..., dentry, attributes): times. Mode, owner and size have hooks that are told the path.
SEC("lsm/inode_setattr")
int attributes_changed(__u64 *context)
{
    struct iattr *attributes =
        guard.dentry_second >> WIRE_GUARD_SETATTR & 1 ? argument(context, 2) : argument(context, 1);
    __u32 valid = BPF_CORE_READ(attributes, ia_valid), owners = ATTR_UID | ATTR_GID;

    if (!(valid & owners && guard.owners_by_setattr) &&
        (!(valid & (ATTR_ATIME | ATTR_MTIME)) || valid & (ATTR_MODE | owners | ATTR_SIZE)))
        return 0;
    return on_dentry(dentry_argument(context, WIRE_GUARD_SETATTR), WIRE_GUARD_SETATTR);
}

#define ON_DENTRY(hook_name, name, hook)                                                                               \
    SEC("lsm/" #hook_name) int name(__u64 *context)                                                                    \
    {                                                                                                                  \
        return on_dentry(dentry_argument(context, hook), hook);                                                        \
    }

ON_DENTRY(inode_setxattr, attribute_set, WIRE_GUARD_SETXATTR)
ON_DENTRY(inode_removexattr, attribute_removed, WIRE_GUARD_REMOVEXATTR)
// Since 6.2.
ON_DENTRY(inode_set_acl, acl_set, WIRE_GUARD_SET_ACL)
ON_DENTRY(inode_remove_acl, acl_removed, WIRE_GUARD_REMOVE_ACL)

#endif
