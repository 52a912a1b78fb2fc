// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Where a record of variable length is put together before it goes into the ring.
#ifndef SCRATCH_H
#define SCRATCH_H

#include "common.h"
#include "wire/process.h"

// Every append starts at an offset below SCRATCH_LIMIT and writes at most SCRATCH_SLACK bytes, so masking the offset is
// all the bound that the verifier needs, and no append has a branch of its own.
#if defined(SCRATCH_OF_GUARD) // all claim theirs
#define SCRATCH_OF_FILES
#endif
#ifdef SCRATCH_OF_FILES
// The fixed part, two paths of 4.3 KiB at most, and two names.
#define SCRATCH_LIMIT 16384
#define SCRATCH_SLACK 4352
#define SCRATCH_SHARED_COUNT 3
#else
// What comes before the arguments is less than SCRATCH_LIMIT: the fixed part, 4 KiB of ancestors, three paths of 4.3 KiB
// at most and two strings.
#define SCRATCH_LIMIT 32768
#define SCRATCH_SLACK 36864
#endif

struct walk {
    __u64 dentry;
    __u64 mount; // address of the struct vfsmount inside the struct mount
    __u64 root_dentry;
    __u64 root_mount;
    __u32 rooted; // offset after the mark of the process's root, 0 while it was not reached
    __u32 start; // offset of the first byte of this path
};

struct match {
    __u32 path; // offset of the path in record
    __u32 path_size;
    __u32 index; // which pattern
    __u32 p, t;  // positions in pattern and path
    __u32 star_p, star_t;
    __u32 globstar_p, globstar_t;
    __u32 accepted, refused; // some positive, some negated pattern matched
};

struct strings {
    __u64 next; // address of the next pointer of a user-space argv
    __u32 count;
    __u32 compat; // pointers of 4 bytes
    __u32 start;
};

struct scratch {
    __u32 end;  // of what is in record
    __u32 slot; // its own index
    __u32 busy;
    __u32 unused;
    __u64 ancestor; // the task that append_ancestors has reached
    struct walk walk;
    struct match match;
    struct strings strings;
    char record[SCRATCH_LIMIT + SCRATCH_SLACK];
};

// Who uses a slot. A program is not entered twice on a CPU: the kernel skips it then, and counts that. But tracing
// programs may be preempted by one another (fexit always, tracepoints from 7.0 on), so each kind has its own.
enum scratch_user {
#if defined(SCRATCH_OF_GUARD)
    SCRATCH_SHARED,
    SCRATCH_USERS = SCRATCH_SHARED + SCRATCH_SHARED_COUNT,
#elif defined(SCRATCH_OF_FILES)
    SCRATCH_OPEN,
    SCRATCH_HANDLE, // two: of compatible calls too
    SCRATCH_NAMES = SCRATCH_HANDLE + 2, // before and after each of seven operations
    SCRATCH_WRITES = SCRATCH_NAMES + 14, // vfs_write, vfs_writev, do_splice_direct, do_splice, copy, io_uring
    SCRATCH_READS = SCRATCH_WRITES + 6, // vfs_read, vfs_readv, do_splice, do_splice_direct, copy, io_uring
    SCRATCH_RELEASE = SCRATCH_READS + 6,
    SCRATCH_MAP,
    SCRATCH_SHARED, // several, of those who claim one
    SCRATCH_USERS = SCRATCH_SHARED + SCRATCH_SHARED_COUNT,
#else
    SCRATCH_EXEC, // three: the program may be attached as often
    SCRATCH_FAILED = SCRATCH_EXEC + 3,
    SCRATCH_USERS,
#endif
};

// An array with SCRATCH_USERS slots for each CPU and one more for the iterator, because a per-CPU map's values end at
// 32 KiB. User space sets max_entries.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct scratch);
} scratch_map SEC(".maps");

static __always_inline __u32 scratch_slot(enum scratch_user user)
{
    return 1 + bpf_get_smp_processor_id() * SCRATCH_USERS + user;
}

#define SCRATCH_ITERATOR 0

static __always_inline struct scratch *scratch_get(__u32 slot)
{
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_map, &slot);

    if (scratch)
        scratch->slot = slot;
    return scratch;
}

#ifdef SCRATCH_OF_FILES

// Those of the shared slots that are in use. By a map's own lock: an exchange is new in 5.12.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1); // user space sets it
    __type(key, __u32);
    __type(value, __u32);
} claimed SEC(".maps");

// A slot for what is rare: its programs may preempt one another, and there are many of them.
static __always_inline struct scratch *scratch_claim(void)
{
    __u32 first = scratch_slot(SCRATCH_SHARED), one = 1;

    for (__u32 i = 0; i < SCRATCH_SHARED_COUNT; i++) {
        __u32 slot = first + i;

        if (!(int)bpf_map_update_elem(&claimed, &slot, &one, BPF_NOEXIST))
            return scratch_get(slot);
    }
    return 0;
}

static __always_inline void scratch_release(struct scratch *scratch)
{
    __u32 slot = scratch->slot;

    bpf_map_delete_elem(&claimed, &slot);
}

#endif

static __always_inline char *scratch_at(struct scratch *scratch, __u32 offset)
{
    BARRIER(offset);
    offset &= SCRATCH_LIMIT - 1;
    return scratch->record + offset;
}

// Appends a kernel string of at most `size` bytes without its NUL; answers how many bytes it had.
static __always_inline __u32 append_kernel_string(struct scratch *scratch, __u32 size, const void *address)
{
    long length = bpf_probe_read_kernel_str(scratch_at(scratch, scratch->end), size, address);

    if (length <= 1)
        return 0;
    scratch->end += length - 1;
    return length - 1;
}

// Sets the length of the record that starts at the front of scratch and answers it.
static __always_inline __u32 finish_record(struct scratch *scratch)
{
    __u32 length = (scratch->end + 7) & ~7u;

    BARRIER(length);
    if (length > sizeof(scratch->record)) // can't be: each part is bounded
        length = sizeof(scratch->record);
    ((struct wire_header *)scratch->record)->length = length;
    return length;
}

#endif
