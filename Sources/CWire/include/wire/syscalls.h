// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Which system calls are wanted, how each is read, and what is counted of them in the kernel.
#ifndef WIRE_SYSCALLS_H
#define WIRE_SYSCALLS_H

#include "header.h"

// Numbers from here on (there are none so far, but arm's private ones) have no rule of their own.
#define WIRE_NUMBERS_MAX 1024
#define WIRE_ABI_COUNT 4

// What the programs do with a call: a word for each number of each table.
#define WIRE_RULE_WANTED (1u << 0)   // --syscalls asks for it
#define WIRE_RULE_SECURITY (1u << 1) // --security does
#define WIRE_RULE_NO_RETURN (1u << 2) // told when it is entered: it does not come back
#define WIRE_RULE_EXEC (1u << 3)      // where it succeeds, its arguments are gone with the memory they were in
#define WIRE_RULE_CHILD (1u << 4)     // the child comes back from it too, with 0
#define WIRE_RULE_LENGTH_POINTER (1u << 5)  // the length of its address is behind a pointer, and both are answers
#define WIRE_RULE_MESSAGE (1u << 6)   // its address is in a struct msghdr
#define WIRE_RULE_WRITE (1u << 7)     // it writes to the descriptor in argument 0; for --security only to /proc/PID/mem
// --security wants it only with some arguments.
#define WIRE_RULE_CHECK_SHIFT 28
enum wire_check {
    WIRE_CHECK_NONE = 0,
    WIRE_CHECK_CLONE = 1,  // argument 0 asks for a new namespace
    WIRE_CHECK_CLONE3 = 2, // the first word that argument 0 points to does
    WIRE_CHECK_PRCTL = 3,  // argument 0 changes capabilities or who may trace
    WIRE_CHECK_BPF = 4,    // argument 0 loads or attaches
};
#define WIRE_RULE_REGISTER (1u << 24) // its result is whatever a register had, so never an errno
// A bit for each argument that is a path or a name.
#define WIRE_RULE_STRINGS_SHIFT 8
// Numbers, from 1, of the argument that is a socket address and of its length; 0 for none.
#define WIRE_RULE_ADDRESS_SHIFT 16
#define WIRE_RULE_LENGTH_SHIFT 20

// Section .rodata.syscalls
struct wire_syscalls {
    uint32_t rules[WIRE_ABI_COUNT][WIRE_NUMBERS_MAX];
    uint32_t unknown;    // rule of numbers without one
    uint32_t is_counted; // no events: only the counters below
    uint32_t counts_by;  // enum wire_count_by
    uint32_t sees_entry; // sys_enter is attached too
};

enum wire_count_by {
    WIRE_COUNT_BY_SYSCALL = 0,
    WIRE_COUNT_BY_PROCESS = 1,
    WIRE_COUNT_BY_CGROUP = 2,
};

// What was counted of one call: per CPU, so that counting takes no atomic operation.
struct wire_count {
    uint64_t calls;
    uint64_t errors;
    uint64_t time; // ns
};

// Key of the counts by process or cgroup. `who` is the start time of the process, with its pid, or the cgroup's id.
struct wire_count_key {
    uint64_t who;
    uint32_t pid;
    uint16_t number;
    uint16_t abi;
};

_Static_assert(sizeof(struct wire_count_key) == 16, "layout of wire_count_key");

// Who a process was, for its line of the summary: it may be gone by then.
struct wire_count_owner {
    struct wire_task task;
};

#endif
