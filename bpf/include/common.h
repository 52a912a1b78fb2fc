// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What every program needs: helpers, the settings, and the words shared with user space.
#ifndef COMMON_H
#define COMMON_H

#include "kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "wire/config.h"

// Keeps the compiler from proving away a bound that the verifier still needs to see.
#define BARRIER(value) asm volatile("" : "+r"(value))

// Makes a number one that the verifier knows nothing of. Else it goes through each loop once for each value that it could have.
#define FORGET(value, unknown) \
    do {                       \
        value ^= unknown;      \
        BARRIER(value);        \
        value ^= unknown;      \
    } while (0)

// A chain of members, GET(task, mm, exe_file). Where the pointer carries its BTF type each step is a plain load, which
// the kernel guards against faults; where it is only a number (bpf_get_current_task: there is no typed one before 5.11)
// each step is a helper call, ten times as long. `typed` is a constant parameter of the function around it.
#define GET(...) (typed ? ___arrow(__VA_ARGS__) : BPF_CORE_READ(__VA_ARGS__))

// Stands for the kfunc bpf_rdonly_cast(pointer, type id). The loader puts the kfunc's id here, or a plain copy of the
// pointer on a kernel without it (before 6.2). A declared kfunc would make libbpf index all of the kernel's types.
static void *(*const rdonly_cast)(const void *pointer, __u32 type) = (void *)0x7e5ca57;

// A pointer from a program's context, as one that the verifier does not trust. It loads the same, but from 6.2 until
// the kernel's BTF came sorted the verifier searches all of it by name, several times, for each pointer loaded through a
// trusted one (btf_nested_type_is_trusted): 0.6 ms a load, 0.4 s for a loop over parents. The kfunc is new in 6.2 too.
#define UNTRUSTED(type, pointer) ((struct type *)rdonly_cast((const void *)(pointer), config.type_##type))

// Stand for the kfuncs bpf_preempt_disable and its like (6.10, those for interrupts 6.14), as above; nothing on a kernel
// without them.
static void (*const preempt_disable)(void) = (void *)0x7e5ca58;
static void (*const preempt_enable)(void) = (void *)0x7e5ca59;
static void (*const local_irq_save)(unsigned long *flags) = (void *)0x7e5ca5b;
static void (*const local_irq_restore)(unsigned long *flags) = (void *)0x7e5ca5c;

#define READ(destination, address) bpf_probe_read_kernel(&(destination), sizeof(destination), (const void *)(address))

const volatile struct wire_config config SEC(".rodata.config");

// The head of a tracing program, whose body follows. From 7.0 on tracepoints leave preemption on, and while a task is
// preempted in a program the kernel skips that program for whatever else happens on the CPU (it is not entered twice). So
// preemption is off within. To turn it on again switches to another task there and then when one waits, still within the
// program, but not while interrupts are off: then the next occasion is when the kernel has left the program.
#define PROGRAM(section, name)                                 \
    static __always_inline int name##_body(__u64 *context);    \
    SEC(section)                                               \
    int name(__u64 *context)                                   \
    {                                                          \
        unsigned long flags;                                   \
                                                               \
        if (config.repeated)                                   \
            preempt_disable();                                 \
        name##_body(context);                                  \
        if (config.repeated) {                                 \
            local_irq_save(&flags);                            \
            preempt_enable();                                  \
            local_irq_restore(&flags);                         \
        }                                                      \
        return 0;                                              \
    }                                                          \
    static __always_inline int name##_body(__u64 *context)

// A program, and the same twice more: user space attaches all three where tracepoints leave preemption on, see once.h. `body`
// is what each does, and knows as `attachment` which one it is; they run in this order.
#define THREE_PROGRAMS(section, name, body) \
    ATTACHMENT(section, name, body, 0)      \
    ATTACHMENT(section, name##_2, body, 1)  \
    ATTACHMENT(section, name##_3, body, 2)
#define ATTACHMENT(section, name, body, number) \
    PROGRAM(section, name)                      \
    {                                           \
        const int attachment = number;          \
                                                \
        (void)attachment;                       \
        return body;                            \
    }

struct wire_control control SEC(".data.control");

static __always_inline void count_loss(__u32 cause)
{
    if (cause < WIRE_LOSS_COUNT)
        __atomic_fetch_add(&control.lost[cause], 1, __ATOMIC_RELAXED); // the fetching form is new in 5.12
}

#endif
