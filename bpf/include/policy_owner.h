// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Whose a socket is, for packets: they go and come in anybody's time.
#ifndef POLICY_OWNER_H
#define POLICY_OWNER_H

#include "policy.h"

// What held for whoever last made it, bound it, or asked for a connection by it.
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, __u64);
} owners SEC(".maps");

static __always_inline void remember_owner(struct bpf_sock *sk, __u64 programs)
{
    __u64 *holds = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

    // Where there is no room the socket stays whose it was, or is nobody's that is known.
    if (holds)
        *holds = conditions(programs);
}

static __always_inline struct actor owner_of(struct bpf_sock *sk)
{
    __u64 *holds = policy.remembers ? bpf_sk_storage_get(&owners, sk, 0, 0) : 0;

    return (struct actor){.holds = holds ? *holds : WIRE_ACTOR_STRANGER};
}

#endif
