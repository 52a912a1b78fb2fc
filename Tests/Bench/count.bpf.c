// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The floor of counting system calls: calls, errors and time by number, on one table of numbers, for everybody.
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pt_regs {
    unsigned long orig_ax;
} __attribute__((preserve_access_index));

struct count {
    __u64 calls, errors, time;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 512);
    __type(key, __u32);
    __type(value, struct count);
} counts SEC(".maps");

// When each thread entered its call.
struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, __u64);
} starts SEC(".maps");

const volatile int takes_time = 0;

SEC("tp_btf/sys_enter")
int entered(__u64 *context)
{
    __u64 *start = bpf_task_storage_get(&starts, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

    (void)context;
    if (start)
        *start = bpf_ktime_get_ns();
    return 0;
}

SEC("tp_btf/sys_exit")
int returned(__u64 *context)
{
    struct pt_regs *regs = (void *)context[0];
    __u32 number = regs->orig_ax;
    struct count *count = bpf_map_lookup_elem(&counts, &number);

    if (!count)
        return 0;
    count->calls++;
    if ((__s64)context[1] < 0)
        count->errors++;
    if (takes_time) {
        __u64 *start = bpf_task_storage_get(&starts, bpf_get_current_task_btf(), 0, 0);

        if (start)
            count->time += bpf_ktime_get_ns() - *start;
    }
    return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
