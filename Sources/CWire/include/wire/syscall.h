// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Records about system calls, signals and the OOM killer.
#ifndef WIRE_SYSCALL_H
#define WIRE_SYSCALL_H

#include "header.h"

// By which table a number is to be read.
enum wire_abi {
    WIRE_ABI_NATIVE = 0, // x86-64, arm64
    WIRE_ABI_COMPAT = 1, // 32-bit: i386 by int 0x80 or sysenter, arm
    WIRE_ABI_X32 = 2,    // x86-64 with the x32 bit, which `number` does not have any more
    WIRE_ABI_IO_URING = 3, // an operation of io_uring: `number` is enum io_uring_op
};

// header.flags of WIRE_SYSCALL
#define WIRE_SYSCALL_NO_RETURN (1u << 0) // the call never returns (exit) or had not returned: no result, no duration
#define WIRE_SYSCALL_NO_ENTRY (1u << 1)  // it was entered before we came, or too many calls were under way: no duration
#define WIRE_SYSCALL_SECURITY (1u << 2)  // it is one that --security asks for

// What a part behind the record is.
enum wire_capture_kind {
    WIRE_CAPTURE_STRING = 1,   // text that an argument points to, without NUL
    WIRE_CAPTURE_SOCKADDR = 2, // struct sockaddr that an argument points to
};

#define WIRE_CAPTURE_CUT (1u << 0)        // there was more
#define WIRE_CAPTURE_UNREADABLE (1u << 1) // the argument points to nothing that could be read

// Followed by `size` bytes, and by none to 7 more up to the next multiple of 8.
struct wire_capture {
    uint8_t argument; // 0 to 5
    uint8_t kind;     // enum wire_capture_kind
    uint16_t flags;
    uint32_t size;
};

_Static_assert(sizeof(struct wire_capture) == 8, "layout of wire_capture");

// Followed by `capture_count` times struct wire_capture with its bytes.
struct wire_syscall {
    struct wire_header header; // time: of the return
    struct wire_task task;
    uint64_t duration; // ns
    uint64_t arguments[6];
    int64_t result; // as the kernel has it: an errno is negative
    uint32_t number;
    uint16_t abi;           // enum wire_abi
    uint16_t capture_count;
    uint32_t target_pid; // whom it is done to, where the kernel could tell; 0 where not
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_syscall) == 176, "layout of wire_syscall");

// A signal, when it is sent: the task is the sender, or whoever the kernel was running when it sent it.
struct wire_signal {
    struct wire_header header;
    struct wire_task task;
    struct wire_task target;
    int32_t signal;
    int32_t code;   // si_code: above 0 when the kernel sent it
    int32_t result; // enum TRACE_SIGNAL_*: 0 delivered, 1 ignored, 2 already pending, 3 overflow, 4 information lost
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_signal) == 192, "layout of wire_signal");

// The OOM killer chose a victim: the task is the one that asked for memory.
struct wire_oom {
    struct wire_header header;
    struct wire_task task;
    struct wire_task target; // only its pid before Linux 6.8
};

_Static_assert(sizeof(struct wire_oom) == 176, "layout of wire_oom");

#endif
