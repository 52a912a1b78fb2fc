// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Whether a socket is one of a task's.
#ifndef OWNER_H
#define OWNER_H

#include "net.h"

#define DESCRIPTORS_AT_ONCE 16
#define DESCRIPTORS_MAX 1024

// Whether one of so many descriptors is of the file at `wanted`. Verified once, for all of the loop below.
__attribute__((noinline)) int has_file(__u64 descriptors, __u64 wanted)
{
    __u64 files[DESCRIPTORS_AT_ONCE] = {};

    READ(files, descriptors);
    for (int i = 0; i < DESCRIPTORS_AT_ONCE; i++) {
        if (files[i] == wanted)
            return 1;
    }
    return 0;
}

// Whether the socket is one of `task`'s: what waits for a neighbour's address is sent later, in whose time whatever.
static __always_inline int owns_socket(struct task_struct *task, struct sock *sk)
{
    __u64 wanted = (__u64)BPF_CORE_READ(sk, sk_socket, file);
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    __u32 count = BPF_CORE_READ(table, max_fds);
    __u64 files = (__u64)BPF_CORE_READ(table, fd);

    if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
        return 0;
    if (!wanted || !files) // a socket of the kernel, or one that its last process has just closed
        return 0;
    for (__u32 start = 0; start < DESCRIPTORS_MAX; start += DESCRIPTORS_AT_ONCE) {
        if (start >= count)
            return 0;
        if (has_file(files + start * sizeof(files), wanted))
            return 1;
    }
    return 1; // too many to tell
}

#endif
