// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The only way out: a record goes into the ring or is counted as lost by its kind.
#ifndef RING_H
#define RING_H

#include "common.h"

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20); // user space sets the size before load
} ring SEC(".maps");

// Waking the reader costs ten times what the record costs, so a program wakes it only when it has gone to sleep: that
// is the first record after a pause. While it is awake it looks by itself every few milliseconds.
static __always_inline __u64 waking(__u64 flags)
{
    if (*(volatile __u32 *)&control.reader_sleeps) {
        *(volatile __u32 *)&control.reader_sleeps = 0;
        flags = BPF_RB_FORCE_WAKEUP;
    }
    return flags;
}

static __always_inline void emit_with(void *record, __u32 length, __u16 kind, __u64 flags)
{
    if (bpf_ringbuf_output(&ring, record, length, waking(flags)))
        count_loss(WIRE_LOSS_RING + kind);
}

static __always_inline void emit(void *record, __u32 length, __u16 kind)
{
    emit_with(record, length, kind, BPF_RB_NO_WAKEUP);
}

// Of a record that was made in the ring. `isUrgent`: the reader has to act on it.
static __always_inline void submit(void *record, int isUrgent)
{
    bpf_ringbuf_submit(record, isUrgent ? BPF_RB_FORCE_WAKEUP : waking(BPF_RB_NO_WAKEUP));
}

// For what is rare and must be looked at before it is gone.
static __always_inline void emit_at_once(void *record, __u32 length, __u16 kind)
{
    emit_with(record, length, kind, BPF_RB_FORCE_WAKEUP);
}

#endif
