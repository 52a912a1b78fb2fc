// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Which place of the policy a file is.
//
// A place is known by its inode, whose address user space has found out by a descriptor that it holds open: neither hard
// links, bind mounts and other roots nor renamed parents make it another one. What has no inode yet, or a new one, is
// known by its name in a directory that is a place.
//
// All functions take numbers only: 5.10 verifies a global function once for all calls, if it does so. The state of a
// decision is in registers, because programs of security hooks may be preempted by one another: what belongs to a CPU would
// be another task's then.
#ifndef PLACES_H
#define PLACES_H

#include "common.h"
#include "wire/guard.h"

const volatile struct wire_guard_policy guard SEC(".rodata.guard");

// Inodes of places. Sized by user space, as the others.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u64);
    __type(value, __u32);
} marks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct wire_guard_node);
} nodes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct wire_guard_name);
    __type(value, __u32);
} names SEC(".maps");

// Directories and mounts between a file and a place, at most. Few paths are half as deep.
#define CLIMB_STEPS 128
// Places one below the other that have no inode yet.
#define DESCENT_STEPS 32

// What climb answers: the number of the place, and how many names the file is below it.
#define CLIMB_LEVELS(result) ((__u32)((result) >> 32) & 0xffff)
#define CLIMB_NODE(result) ((__u32)(result))
#define CLIMB_TOP (1ull << 61)  // no place is above it
#define CLIMB_FAR (1ull << 62)  // the place is too far away, if there is one
#define CLIMB_PART (1ull << 63) // on the way is a mount of a part of a file system: what is above that is another way up

static __always_inline __u64 parent_of(__u64 dentry)
{
    __u64 parent = 0;

    READ(parent, dentry + bpf_core_field_offset(struct dentry, d_parent));
    return parent;
}

static __always_inline __u64 root_of_mount(__u64 mount)
{
    __u64 root = 0;

    READ(root, mount + bpf_core_field_offset(struct vfsmount, mnt_root));
    return root;
}

// Where a mount is: the address of the struct vfsmount that it is in, 0 for nowhere.
static __always_inline __u64 mount_above(__u64 mount, __u64 *mountpoint)
{
    __u64 whole = mount - bpf_core_field_offset(struct mount, mnt), above = 0;

    READ(above, whole + bpf_core_field_offset(struct mount, mnt_parent));
    if (!above || above == whole)
        return 0;
    READ(*mountpoint, whole + bpf_core_field_offset(struct mount, mnt_mountpoint));
    return above + bpf_core_field_offset(struct mount, mnt);
}

// The nearest place that a file is or is below. `mount` is the address of a struct vfsmount, 0 to stay within the file
// system, whatever is mounted of it where.
__attribute__((noinline)) __u64 climb(__u64 dentry, __u64 mount)
{
    __u64 mount_root = mount ? root_of_mount(mount) : 0, levels = 0, flags = 0;

    if (!guard.has_places)
        return CLIMB_TOP;
    for (int i = 0; i < CLIMB_STEPS; i++) {
        __u64 inode = 0, parent;
        __u32 *node;

        READ(inode, dentry + bpf_core_field_offset(struct dentry, d_inode));
        node = inode ? bpf_map_lookup_elem(&marks, &inode) : 0;
        if (node)
            return *node | levels << 32 | flags;
        parent = parent_of(dentry);
        if (mount && dentry == mount_root) {
            if (parent != dentry)
                flags |= CLIMB_PART;
            mount = mount_above(mount, &dentry);
            if (!mount)
                return CLIMB_TOP | flags;
            mount_root = root_of_mount(mount);
            continue;
        }
        if (!parent || parent == dentry)
            return CLIMB_TOP | flags;
        dentry = parent;
        levels++;
    }
    return CLIMB_FAR | flags;
}

// The dentry of a file, or of the directory `level` above it, that has the name by which it is reached: where something is
// mounted that is the name of the place it is mounted at.
__attribute__((noinline)) __u64 dentry_at(__u64 dentry, __u64 mount, __u32 level)
{
    __u64 mount_root = mount ? root_of_mount(mount) : 0;

    if (!guard.has_places)
        return dentry;
    for (int i = 0; i < CLIMB_STEPS; i++) {
        __u64 parent;

        if (mount && dentry == mount_root) {
            __u64 mountpoint = dentry;

            mount = mount_above(mount, &mountpoint);
            if (!mount)
                return dentry;
            dentry = mountpoint;
            mount_root = root_of_mount(mount);
            continue;
        }
        if (!level)
            return dentry;
        parent = parent_of(dentry);
        if (!parent || parent == dentry)
            return dentry;
        dentry = parent;
        level--;
    }
    return dentry;
}

// The number of what has the name of `dentry` from `skip` on in a directory, and 1 more; 0 for nothing.
__attribute__((noinline)) __u64 node_named(__u32 directory, __u64 dentry, __u32 skip)
{
    struct wire_guard_name key = {.directory = directory};
    __u64 name = 0;
    __u32 *node;

    READ(name, dentry + bpf_core_field_offset(struct dentry, d_name.name));
    if (bpf_probe_read_kernel_str(key.name, sizeof(key.name), (const void *)(name + skip)) < 1)
        return 0;
    node = bpf_map_lookup_elem(&names, &key);
    return node ? (__u64)*node + 1 : 0;
}

static __always_inline __u32 length_of_name(__u64 dentry)
{
    __u32 length = 0;

    READ(length, dentry + bpf_core_field_offset(struct dentry, d_name.len));
    return length;
}

// The place that a file is or is below, as climb answers it, with the places on the way that have no inode yet. With
// CLIMB_FAR where that can't be seen.
__attribute__((noinline)) __u64 find_place(__u64 dentry, __u64 mount)
{
    __u64 climbed = climb(dentry, mount), flags = climbed & CLIMB_PART;
    __u32 node = CLIMB_NODE(climbed), levels = CLIMB_LEVELS(climbed);

    if (climbed & CLIMB_FAR)
        return climbed;
    // The root's rules about all that is below it hold for what is in no tree that it can see.
    if (climbed & CLIMB_TOP)
        return (__u64)(DESCENT_STEPS + 1) << 32 | flags;
    for (int i = 0; i <= DESCENT_STEPS; i++) {
        struct wire_guard_node *place = bpf_map_lookup_elem(&nodes, &node);
        __u64 child;

        if (!place || !levels || !place->has_children)
            break;
        if (i == DESCENT_STEPS)
            return CLIMB_FAR | flags;
        child = node_named(node, dentry_at(dentry, mount, levels - 1), 0);
        if (!child)
            break;
        node = child - 1;
        levels--;
    }
    return node | (__u64)levels << 32 | flags;
}

// Of which conditions a program is one. By where it is in its file system, not by what is mounted where: anybody can mount
// within a user namespace of his own.
static __always_inline __u32 programs_of(__u64 dentry)
{
    __u64 found = find_place(dentry, 0);
    __u32 node = CLIMB_NODE(found), levels = CLIMB_LEVELS(found), programs = 0, length = length_of_name(dentry);
    struct wire_guard_node *place = found & CLIMB_FAR ? 0 : bpf_map_lookup_elem(&nodes, &node);

    if (place && !levels)
        programs = place->exact[WIRE_GUARD_PROGRAMS] | place->own[WIRE_GUARD_PROGRAMS];
    else if (place)
        programs = levels == 1 ? place->direct[WIRE_GUARD_PROGRAMS] : place->below[WIRE_GUARD_PROGRAMS];
    if (!guard.has_names && !guard.suffix_count)
        return programs;
    for (int i = -1; i < WIRE_GUARD_SUFFIXES; i++) {
        __u64 named = 0;

        if (i < 0)
            named = node_named(WIRE_GUARD_ANYWHERE, dentry, 0);
        else if (i >= guard.suffix_count)
            break;
        else if (length >= guard.suffix_sizes[i])
            named = node_named(WIRE_GUARD_SUFFIX, dentry, length - guard.suffix_sizes[i]);
        if (!named)
            continue;
        node = named - 1;
        place = bpf_map_lookup_elem(&nodes, &node);
        if (place)
            programs |= place->exact[WIRE_GUARD_PROGRAMS];
    }
    return programs;
}

#endif
