// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Who sends which signal to whom, and whom the OOM killer chose. Shares ring, scope and settings with process.bpf.c.

#include "common.h"

#include "facts.h"
#include "ring.h"
#include "scope.h"
#include "task.h"
#include "wire/syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// A bit for each signal that is wanted.
const volatile __u64 wanted_signals SEC(".rodata.signals");

struct kernel_siginfo {
    int si_code;
} __attribute__((preserve_access_index));

// In place of a pointer to siginfo (include/linux/sched/signal.h).
#define SEND_SIG_NOINFO 0 // kill(2) without details
#define SEND_SIG_PRIV 1   // the kernel itself

static __always_inline int signal_passes(const struct wire_signal *record)
{
    __u32 user = FACTS_SIGNAL;
    struct facts_place *place;

    if (!predicate.literal_count)
        return 1;
    place = bpf_map_lookup_elem(&facts_map, &user);
    if (!place)
        return 1;
    task_facts(&place->facts, WIRE_SIGNAL, &record->task);
    set_fact(&place->facts, WIRE_FACT_SIGNAL, record->signal);
    return facts_pass(place);
}

static __always_inline int in_scope_of(struct task_struct *task)
{
    return in_scope(task, BPF_CORE_READ(task, tgid), 0);
}

// Read by helper throughout: signals are rare.
PROGRAM("tp_btf/signal_generate", signal_sent)
{
    struct task_struct *sender = (void *)bpf_get_current_task();
    struct task_struct *target = 0;
    struct wire_signal record;
    __u32 signal = context[0];
    __u64 info = 0;

    if (signal > 64 || !(wanted_signals >> (signal - 1) & 1))
        return 0;
    READ(info, &context[1]);
    READ(target, &context[2]);
    if (!in_scope_of(sender) && !in_scope_of(target))
        return 0;
    fill_header(&record.header, sizeof(record), WIRE_SIGNAL);
    fill_task(&record.task, sender, 0);
    fill_task(&record.target, target, 0);
    record.signal = signal;
    record.code = 0;
    if (info == SEND_SIG_PRIV)
        record.code = 0x80; // SI_KERNEL
    else if (info != SEND_SIG_NOINFO)
        record.code = BPF_CORE_READ((struct kernel_siginfo *)info, si_code);
    record.result = context[4];
    record.unused = 0;
    if (signal_passes(&record))
        emit(&record, sizeof(record), WIRE_SIGNAL);
    return 0;
}

// The argument is the victim's pid, and from 6.8 on (and in stable kernels that took it over) the victim itself.
PROGRAM("tp_btf/mark_victim", victim_marked)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct wire_oom record = {};
    __u64 victim = 0;

    READ(victim, context);
    fill_header(&record.header, sizeof(record), WIRE_OOM);
    fill_task(&record.task, task, 0);
    if (victim >> 32) {
        if (!in_scope_of((void *)victim) && !in_scope_of(task))
            return 0;
        fill_task(&record.target, (void *)victim, 0);
    } else {
        record.target.pid = victim;
    }
    emit(&record, sizeof(record), WIRE_OOM);
    return 0;
}
