// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The record that floor.bpf.c sends to floor.c.
#ifndef FLOOR_H
#define FLOOR_H

#define ANCESTORS_MAX 16
#define PATH_ROOM 4096
#define ARGS_MAX 32768

enum kind { KIND_EXEC = 1, KIND_FORK, KIND_EXIT };

struct record {
    __u64 time; // CLOCK_BOOTTIME, ns, as all times here
    __u64 start, parent_start;
    __u64 cgroup;
    __u32 kind;
    __u32 pid, tid, parent_pid;
    __u32 vpid; // as the process itself sees it
    __u32 session;
    __u32 uid, gid, euid, egid, login_uid;
    __u32 code; // exit: as wait(2) reports it
    char comm[16];
};

struct ancestor {
    __u64 start;
    __u32 pid;
    char comm[16];
};

// Followed by the ancestors, then the bytes of executable, directory and arguments. The paths are components from the
// leaf to the root, each ended by NUL: turning them round is the reader's work, not the watched program's.
struct exec_record {
    struct record record;
    __u64 inode, root_inode;
    __u32 device, root_device;
    __u32 links; // of the executable: 0 when it is deleted
    __u32 terminal;
    __u32 args; // how many
    __u32 ancestors;
    __u32 executable_size, directory_size, args_size;
};

#endif
