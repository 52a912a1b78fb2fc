// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What was called: the table that the caller used, the number in it, and the arguments.
#ifndef CALL_H
#define CALL_H

#include "common.h"
#include "wire/syscall.h"

// Of the tracepoints sys_exit_*.
struct syscall_exit {
    __u64 common;
    __s32 nr;
    __s32 unused;
    __s64 result;
};

struct call {
    __u64 start; // CLOCK_BOOTTIME, ns; 0 for none under way
    __u64 arguments[6];
    __u32 number;
    __u16 abi;
    __u16 has_ended; // this thread's exit was told
};

// The task that runs. With its type from 5.11 on (`typed`), else as a number for GET.
static __always_inline struct task_struct *current_task(const int typed)
{
    if (typed)
        return UNTRUSTED(task_struct, bpf_get_current_task_btf());
    return (void *)bpf_get_current_task();
}

#if defined(__TARGET_ARCH_x86)

#define TS_COMPAT 0x0002 // arch/x86/include/asm/thread_info.h: the call came by a 32-bit entry
#define X32_BIT 0x40000000

static __always_inline __u32 call_register(struct pt_regs *regs)
{
    return regs->orig_ax;
}

// The table of a number, from which the x32 bit is removed. int 0x80 works in a 64-bit process too, so what counts is how
// the kernel was entered, not what the process is.
static __always_inline __u16 call_abi(struct task_struct *task, __u32 *number, const int typed)
{
    if (GET(task, thread_info.status) & TS_COMPAT)
        return WIRE_ABI_COMPAT;
    if (*number != 0xffffffff && *number & X32_BIT) {
        *number &= ~X32_BIT;
        return WIRE_ABI_X32;
    }
    return WIRE_ABI_NATIVE;
}

static __always_inline void call_arguments(struct pt_regs *regs, __u16 abi, __u64 arguments[6])
{
    if (abi == WIRE_ABI_COMPAT) {
        arguments[0] = (__u32)regs->bx;
        arguments[1] = (__u32)regs->cx;
        arguments[2] = (__u32)regs->dx;
        arguments[3] = (__u32)regs->si;
        arguments[4] = (__u32)regs->di;
        arguments[5] = (__u32)regs->bp;
    } else {
        arguments[0] = regs->di;
        arguments[1] = regs->si;
        arguments[2] = regs->dx;
        arguments[3] = regs->r10;
        arguments[4] = regs->r8;
        arguments[5] = regs->r9;
    }
}

#else

#define TIF_32BIT (1ul << 22) // arch/arm64/include/asm/thread_info.h

static __always_inline __u32 call_register(struct pt_regs *regs)
{
    return regs->syscallno;
}

static __always_inline __u16 call_abi(struct task_struct *task, __u32 *number, const int typed)
{
    (void)number;
    return GET(task, thread_info.flags) & TIF_32BIT ? WIRE_ABI_COMPAT : WIRE_ABI_NATIVE;
}

static __always_inline void call_arguments(struct pt_regs *regs, __u16 abi, __u64 arguments[6])
{
    (void)abi;
    arguments[0] = regs->orig_x0;
    arguments[1] = regs->user_regs.regs[1];
    arguments[2] = regs->user_regs.regs[2];
    arguments[3] = regs->user_regs.regs[3];
    arguments[4] = regs->user_regs.regs[4];
    arguments[5] = regs->user_regs.regs[5];
}

#endif

#endif
