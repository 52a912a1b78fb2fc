// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Records about processes: exec, failed exec, fork, exit, and those that were there before.
#ifndef WIRE_PROCESS_H
#define WIRE_PROCESS_H

#include "header.h"

// header.flags of WIRE_EXEC, WIRE_EXEC_FAILED and WIRE_EXISTING
#define WIRE_PROCESS_MEMFD (1u << 0)
#define WIRE_PROCESS_DELETED (1u << 1)
#define WIRE_PROCESS_UPPER_LAYER (1u << 2)
#define WIRE_PROCESS_SETUID (1u << 3)
#define WIRE_PROCESS_KERNEL_THREAD (1u << 4)
#define WIRE_PROCESS_SCRIPT (1u << 5)
// The argument bytes could not be read (the pages were not resident).
#define WIRE_PROCESS_ARGS_UNREADABLE (1u << 6)
// More ancestors than WIRE_ANCESTORS_MAX.
#define WIRE_PROCESS_ANCESTORS_CUT (1u << 7)
// exec_path is relative to the directory that follows as `at`, not to the working directory.
#define WIRE_PROCESS_AT_DIRECTORY (1u << 8)

// WIRE_EXEC_FAILED: it asked for more arguments than are here.
#define WIRE_PROCESS_EXEC_ARGS_CUT (1u << 10)
// WIRE_EXISTING: the scope includes it.
#define WIRE_PROCESS_IN_SCOPE (1u << 9)

#define WIRE_ANCESTORS_MAX 128
#define WIRE_ARGS_MAX 32768

struct wire_ancestor {
    uint64_t start;
    uint32_t pid;
    uint32_t unused;
    char comm[WIRE_COMM_SIZE];
};

_Static_assert(sizeof(struct wire_ancestor) == 32, "layout of wire_ancestor");

// Followed, in this order and without gaps, by `ancestor_count` times struct wire_ancestor and then by the bytes of
// executable, working directory, exec path, interpreter, at, arguments (each as long as its *_size says).
//
// Executable, working directory and `at` are paths as the kernel walks them: components from the leaf to the root, each
// ended by NUL. An empty component marks where the process's own root directory was reached; what follows it is above
// that root (a chroot). Without an empty component the path does not lead to that root.
// Exec path and interpreter are plain strings without NUL. Arguments are NUL-terminated strings, as in memory.
struct wire_process {
    struct wire_header header;
    struct wire_task task;
    uint64_t inode;
    uint64_t root_inode;   // of the process's root directory: tells one container's passwd file from another's
    uint32_t root_device;
    uint32_t root_generation;
    uint32_t args_count;   // the true argc; 0 when not known
    uint32_t args_total;   // bytes of all arguments, also of those that are not here
    uint32_t args_size;    // bytes that are here
    uint16_t executable_size;
    uint16_t directory_size;
    uint16_t exec_path_size;
    uint16_t interpreter_size;
    uint16_t at_size;
    uint16_t ancestor_count;
    int32_t error;         // WIRE_EXEC_FAILED: the positive errno
    uint32_t old_tid;      // WIRE_EXEC: the thread that called exec, when it was not the leader; else 0
    uint16_t tty_major;    // 0 when there is no controlling terminal
    uint16_t tty_index;
    char tty[16];          // the driver's name: "pts", "tty", "ttyS"
};

_Static_assert(sizeof(struct wire_process) == 176, "layout of wire_process");

struct wire_fork {
    struct wire_header header;
    struct wire_task task; // the child
};

_Static_assert(sizeof(struct wire_fork) == 96, "layout of wire_fork");

struct wire_exit {
    struct wire_header header;
    struct wire_task task;
    uint32_t code; // as wait(2) reports it: exit code << 8, or signal, with 0x80 for a core dump
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_exit) == 104, "layout of wire_exit");

// A cgroup of the default hierarchy was made. Followed by its path from that hierarchy's root, without NUL.
struct wire_cgroup {
    struct wire_header header;
    uint64_t id;
    uint32_t path_size;
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_cgroup) == 32, "layout of wire_cgroup");

#endif
