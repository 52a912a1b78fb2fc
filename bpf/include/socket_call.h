// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The calls that sockets are made and used with, as programs see them return.
#ifndef SOCKET_CALL_H
#define SOCKET_CALL_H

#include "call.h"
#include "net.h"
#include "scope.h"
#include "task.h"

#define EINTR 4
#define ERESTARTSYS 512 // a signal interrupted the call; 513 to 516 are its variants
#define ERESTART_LAST 516

// Arguments of a system call by their number, and its own number, in the caller's registers.
#if defined(__TARGET_ARCH_x86)
#define NR_CONNECT 42
#define NR_ACCEPT 43
#define NR_BIND 49
#define NR_SENDTO 44
#define NR_SENDMSG 46
#define NR_LISTEN 50
#define NR_SOCKETPAIR 53
#define NR_ACCEPT4 288
#define CALL_NUMBER(regs) BPF_CORE_READ(regs, orig_ax)
#define CALL_ARGUMENT_1(regs) BPF_CORE_READ(regs, di)
#define CALL_ARGUMENT_2(regs) BPF_CORE_READ(regs, si)
#define CALL_ARGUMENT_3(regs) BPF_CORE_READ(regs, dx)
#define CALL_ARGUMENT_4(regs) BPF_CORE_READ(regs, r10)
#define CALL_ARGUMENT_5(regs) BPF_CORE_READ(regs, r8)
#else
#define NR_SOCKETPAIR 199
#define NR_BIND 200
#define NR_LISTEN 201
#define NR_ACCEPT 202
#define NR_CONNECT 203
#define NR_ACCEPT4 242
#define NR_SENDTO 206
#define NR_SENDMSG 211
#define CALL_NUMBER(regs) BPF_CORE_READ(regs, syscallno)
#define CALL_ARGUMENT_1(regs) BPF_CORE_READ(regs, orig_x0)
#define CALL_ARGUMENT_2(regs) BPF_CORE_READ(regs, user_regs.regs[1])
#define CALL_ARGUMENT_3(regs) BPF_CORE_READ(regs, user_regs.regs[2])
#define CALL_ARGUMENT_4(regs) BPF_CORE_READ(regs, user_regs.regs[3])
#define CALL_ARGUMENT_5(regs) BPF_CORE_READ(regs, user_regs.regs[4])
#endif

// A pointer that the function got which an fexit program follows.
static __always_inline void *pointer_argument(__u64 *context, const int number)
{
    void *pointer = 0;

    READ(pointer, &context[number]);
    return pointer;
}

// Whether a call that fails with this goes on, or is made again.
static __always_inline int is_interrupted(long error)
{
    return error == EINTR || (error >= ERESTARTSYS && error <= ERESTART_LAST);
}

// Whether the current process is wanted, and if so who it is. `typed` in programs that may have typed pointers.
static __always_inline int fill_current(struct wire_task *record, const int typed)
{
    __u32 pid = bpf_get_current_pid_tgid() >> 32;

    if (typed && config.has_typed_current) {
        struct task_struct *task = current_task(1);

        if (!in_scope(task, pid, 1))
            return 0;
        fill_task(record, task, 1);
    } else {
        struct task_struct *task = current_task(0);

        if (!in_scope(task, pid, 0))
            return 0;
        fill_task(record, task, 0);
    }
    return 1;
}

#endif
