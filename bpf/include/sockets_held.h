// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The rule about raw and packet sockets. Included by guard.bpf.c alone.
#ifndef SOCKETS_HELD_H
#define SOCKETS_HELD_H

#include "net.h"

#include "wire/enforce.h"

#define AF_PACKET 17
#define AF_XDP 44
#define SOCK_RAW 3

struct nsproxy {
    struct net *net_ns;
} __attribute__((preserve_access_index));

struct task_struct___network {
    struct nsproxy *nsproxy;
} __attribute__((preserve_access_index));

// A function of its own, as the other one that tells.
__attribute__((noinline)) int tell_socket(__u32 decision, __u32 family, __u32 type, __u32 protocol, __u32 flags)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct wire_violation *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

    if (!record) {
        count_loss(WIRE_LOSS_RING + WIRE_VIOLATION);
        return 0;
    }
    __builtin_memset(record, 0, sizeof(*record));
    fill_header(&record->header, sizeof(*record), WIRE_VIOLATION);
    fill_task(&record->task, task, 0);
    record->header.flags = flags;
    record->rule = WIRE_GUARD_RULE(decision);
    record->verdict = WIRE_GUARD_VERDICT(decision) == WIRE_GUARD_KILL   ? WIRE_KILL
                      : WIRE_GUARD_VERDICT(decision) == WIRE_GUARD_DENY ? WIRE_DENY
                                                                        : WIRE_AUDIT;
    record->operation = WIRE_POLICY_RAW;
    record->family = family;
    record->type = type;
    record->protocol = family == AF_PACKET ? bpf_ntohs(protocol) : protocol;
    record->namespace = BPF_CORE_READ((struct task_struct___network *)task, nsproxy, net_ns, ns.inum);
    submit(record, 0);
    return 0;
}

// (family, type, protocol, is the kernel's), whether by socket(2) or by io_uring. The kernel has made AF_PACKET of the old
// SOCK_PACKET of AF_INET by now.
SEC("lsm/socket_create")
int socket_made(__u64 *context)
{
    __u32 family = context[0], type = context[1], protocol = context[2];
    __u32 decision, verdict;
    int stops;

    if (context[3])
        return 0;
    // An XDP socket sends what frames it likes too.
    if (family != AF_PACKET && family != AF_XDP && !((family == AF_INET || family == AF_INET6) && type == SOCK_RAW))
        return 0;
    if (family == AF_PACKET && protocol == state.canary_protocol) {
        state.refused[WIRE_GUARD_SOCKET] = state.refused[WIRE_GUARD_SOCKET] + 1;
        return refuse(EPERM);
    }
    if (!is_member())
        return 0;
    decision = held(guard.raw, 0, PROGRAMS);
    verdict = WIRE_GUARD_VERDICT(decision);
    if (verdict <= WIRE_GUARD_ALLOW)
        return 0;
    stops = verdict >= WIRE_GUARD_DENY && !guard.dry;
    tell_socket(decision, family, type, protocol, stops ? WIRE_VIOLATION_ENFORCED : 0);
    if (!stops)
        return 0;
    if (verdict == WIRE_GUARD_KILL)
        bpf_send_signal(SIGKILL);
    return refuse(EPERM);
}

#endif
