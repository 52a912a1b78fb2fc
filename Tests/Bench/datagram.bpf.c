// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The floor of watching UDP: bytes and packets of each flow over IPv4, at the hooks of `ebpfguard watch-net`; no owner, no
// names, no scope, no older kernel.
#include "floor_kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock {
    __u16 sk_protocol;
};
struct sk_buff {
    struct sock *sk;
    __u16 protocol, transport_header, network_header;
    unsigned char *head, *data;
};
#pragma clang attribute pop

struct head {
    __u8 words, service;
    __u16 size, id, fragment;
    __u8 life, protocol;
    __u16 checksum;
    __u32 source, destination;
    __u16 source_port, destination_port, length, sum;
};

struct flow_key {
    __u32 local, remote;
    __u16 local_port, remote_port;
};

struct flow {
    __u64 last, bytes[2], packets[2];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, struct flow_key);
    __type(value, struct flow);
} flows SEC(".maps");

static __always_inline int count(const unsigned char *at, int received)
{
    struct head head;
    struct flow_key key;
    struct flow *flow, fresh = {};

    if (bpf_probe_read_kernel(&head, sizeof(head), at) || head.protocol != 17)
        return 0;
    key.local = received ? head.destination : head.source;
    key.remote = received ? head.source : head.destination;
    key.local_port = received ? head.destination_port : head.source_port;
    key.remote_port = received ? head.source_port : head.destination_port;
    flow = bpf_map_lookup_elem(&flows, &key);
    if (!flow) {
        bpf_map_update_elem(&flows, &key, &fresh, BPF_ANY);
        flow = bpf_map_lookup_elem(&flows, &key);
        if (!flow)
            return 0;
    }
    flow->last = bpf_ktime_get_boot_ns();
    __atomic_fetch_add(&flow->bytes[received], bpf_ntohs(head.length) - 8, __ATOMIC_RELAXED);
    __atomic_fetch_add(&flow->packets[received], 1, __ATOMIC_RELAXED);
    return 0;
}

SEC("tp_btf/net_dev_queue")
int sent(__u64 *context)
{
    struct sk_buff *skb = (void *)context[0];

    return skb->sk && skb->protocol == bpf_htons(0x0800) ? count(skb->head + skb->network_header, 0) : 0;
}

SEC("tp_btf/netif_receive_skb")
int received(__u64 *context)
{
    struct sk_buff *skb = (void *)context[0];

    return skb->protocol == bpf_htons(0x0800) ? count(skb->data, 1) : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
