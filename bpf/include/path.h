// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Whole paths by walking dentries and mounts, as d_path(9) does. bpf_d_path itself is refused in tp_btf programs, gives
// a fragment when the buffer is short, and does not tell what lies above the process's root.
#ifndef PATH_H
#define PATH_H

#include "scratch.h"

#define PATH_MAX_BYTES 4096
// The shortest component takes two bytes, and each mount crossed on the way takes a step: 17 times 128 is enough.
#define PATH_STEPS 128
#define PATH_ROUNDS 17

// One step towards the root; 1 when there is none. Global functions, in two levels: the verifier checks each body once
// instead of once per iteration, which is what makes 2,176 iterations cheap to verify without bpf_loop (new in 5.17).
__attribute__((noinline)) int path_step(__u32 slot)
{
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_map, &slot);
    struct dentry *dentry, *parent, *mount_root;
    struct mount *mount, *above;
    const void *name;
    long length;

    if (!scratch)
        return 1;
    struct walk *walk = &scratch->walk;
    __u32 end = scratch->end;

    dentry = (void *)walk->dentry;
    if (walk->dentry == walk->root_dentry && walk->mount == walk->root_mount && !walk->rooted) {
        *scratch_at(scratch, end) = 0;
        scratch->end = ++end;
        walk->rooted = end;
    }
    READ(mount_root, walk->mount + bpf_core_field_offset(struct vfsmount, mnt_root));
    READ(parent, &dentry->d_parent);
    if (dentry == mount_root) {
        mount = (void *)(walk->mount - bpf_core_field_offset(struct mount, mnt));
        READ(above, &mount->mnt_parent);
        if (above == mount || !above)
            return 1;
        READ(dentry, &mount->mnt_mountpoint);
        walk->dentry = (__u64)dentry;
        walk->mount = (__u64)above + bpf_core_field_offset(struct mount, mnt);
        return 0;
    }
    READ(name, &dentry->d_name.name);
    length = bpf_probe_read_kernel_str(scratch_at(scratch, end), 256, name);
    if (length < 1)
        return 1;
    scratch->end = end + length;
    // A file without a place in any tree (memfd, pipe) is its own parent but not its mount's root.
    if (dentry == parent)
        return 1;
    walk->dentry = (__u64)parent;
    return scratch->end - walk->start >= PATH_MAX_BYTES;
}

__attribute__((noinline)) int path_steps(__u32 slot)
{
    for (int i = 0; i < PATH_STEPS; i++) {
        if (path_step(slot))
            return 1;
    }
    return 0;
}

// As many as most paths have; each costs the verifier a round.
#define NEAR_COMPONENTS 6

// The part of most paths that needs no helper but for the names: up to the top of the mount, and no further where that
// is the process's root and the top of all. Answers 1 when the path is complete, else leaves the rest to path_steps.
static __always_inline int path_within_mount(struct scratch *scratch, struct dentry *dentry, struct vfsmount *vfsmount,
                                             struct path *root)
{
    struct walk *walk = &scratch->walk;
    struct dentry *mount_root = vfsmount->mnt_root;
    struct dentry *root_dentry = root->dentry;
    struct mount *mount, *above;
    __u32 end = scratch->end;

    for (int i = 0; i < NEAR_COMPONENTS; i++) {
        if (dentry == mount_root || dentry == root_dentry)
            break;
        struct dentry *parent = dentry->d_parent;
        long length;

        if (dentry == parent) // in no tree; path_step knows
            break;
        length = bpf_probe_read_kernel_str(scratch_at(scratch, end), 256, dentry->d_name.name);
        if (length < 1)
            break;
        end += length;
        dentry = parent;
    }
    scratch->end = end;
    walk->dentry = (__u64)dentry;
    if (dentry != mount_root || dentry != root_dentry || walk->mount != walk->root_mount)
        return 0;
    mount = (void *)(walk->mount - bpf_core_field_offset(struct mount, mnt));
    READ(above, &mount->mnt_parent);
    if (above != mount)
        return 0;
    *scratch_at(scratch, end) = 0;
    scratch->end = ++end;
    walk->rooted = end;
    return 1;
}

// As append_path_in below, with the root by the addresses of its dentry and mount: all that is done with them is to know
// them again.
static __always_inline __u32 append_path_below(struct scratch *scratch, struct dentry *dentry, struct vfsmount *mount,
                                               __u64 root_dentry, __u64 root_mount)
{
    __u32 slot = scratch->slot;
    struct walk *walk = &scratch->walk;

    walk->dentry = (__u64)dentry;
    walk->mount = (__u64)mount;
    walk->root_dentry = root_dentry;
    walk->root_mount = root_mount;
    walk->rooted = 0;
    walk->start = scratch->end;
    for (int i = 0; i < PATH_ROUNDS; i++) {
        if (path_steps(slot))
            break;
    }
    return scratch->end - walk->start;
}

// Appends the path of what is there in a mount, components from the leaf up, each ended by NUL; answers its size.
static __always_inline __u32 append_path_in(struct scratch *scratch, struct dentry *dentry, struct vfsmount *mount,
                                            struct path *root, const int typed)
{
    __u32 slot = scratch->slot;
    struct walk *walk = &scratch->walk;

    walk->dentry = (__u64)dentry;
    walk->mount = (__u64)mount;
    walk->root_dentry = (__u64)GET(root, dentry);
    walk->root_mount = (__u64)GET(root, mnt);
    walk->rooted = 0;
    walk->start = scratch->end;
    if (typed && path_within_mount(scratch, dentry, mount, root))
        return scratch->end - walk->start;
    for (int i = 0; i < PATH_ROUNDS; i++) {
        if (path_steps(slot))
            break;
    }
    return scratch->end - walk->start;
}

static __always_inline __u32 append_path(struct scratch *scratch, struct path *path, struct path *root,
                                         const int typed)
{
    return append_path_in(scratch, GET(path, dentry), GET(path, mnt), root, typed);
}

#endif
