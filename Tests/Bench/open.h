// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The record that open.bpf.c sends to open.c. Followed by the path: components from the leaf to the root, each ended by
// NUL.
#ifndef OPEN_H
#define OPEN_H

#define OPEN_PATH_MAX 4096
#define OPEN_COMPONENT_MAX 256

struct open_record {
    __u64 time, start, cgroup, inode;
    __u32 pid, tid, uid, device, mode, flags;
    __u32 path_size;
    char comm[16];
};

#endif
