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

// A chain of members, GET(task, mm, exe_file), each step by helper. Plain loads through BTF-typed pointers would be a
// little faster to run, but from 6.2 until the kernel's BTF came sorted the verifier searches all of it several times for
// every pointer loaded that way (btf_nested_type_is_trusted): 0.6 ms each, 0.4 s for a loop over parents. So programs
// use plain loads only for numbers in the structures they are given.
#define GET(...) BPF_CORE_READ(__VA_ARGS__)

#define READ(destination, address) bpf_probe_read_kernel(&(destination), sizeof(destination), (const void *)(address))

const volatile struct wire_config config SEC(".rodata.config");

struct wire_control control SEC(".data.control");

static __always_inline void count_loss(__u32 cause)
{
    if (cause < WIRE_LOSS_COUNT)
        __sync_fetch_and_add(&control.lost[cause], 1);
}

#endif
