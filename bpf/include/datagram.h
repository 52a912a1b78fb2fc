// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Counts UDP packets as they pass a device.
#ifndef DATAGRAM_H
#define DATAGRAM_H

#include "flow.h"
#include "owner.h"
#include "packet.h"

const volatile struct wire_udp udp SEC(".rodata.udp");

// A flow and its record in the making.
struct flow_place {
    struct flow flow;
    struct wire_connection record;
};

// Packets are sent and received with softirqs off, so no program is entered twice on a CPU.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MESSAGE_USERS);
    __type(key, __u32);
    __type(value, struct flow_place);
} flow_places SEC(".maps");

static __always_inline void set_key_address(__u8 *address, const struct internet_head *head, int is_v4, int is_source)
{
    __u32 *words = (__u32 *)address;

    if (!is_v4) {
        __builtin_memcpy(address, is_source ? head->v6.source : head->v6.destination, 16);
        return;
    }
    words[0] = 0;
    words[1] = 0;
    words[2] = bpf_htonl(0xffff);
    words[3] = is_source ? head->v4.source : head->v4.destination;
}

static __always_inline void fill_key(struct flow_key *key, struct sk_buff *skb, const struct internet_head *head,
                                     const struct packet *packet, const int is_sent)
{
    int is_v4 = skb->protocol == bpf_htons(ETH_P_IP);

    set_key_address(key->local, head, is_v4, is_sent);
    set_key_address(key->remote, head, is_v4, !is_sent);
    key->local_port = is_sent ? packet->source_port : packet->destination_port;
    key->remote_port = is_sent ? packet->destination_port : packet->source_port;
    key->namespace = skb->dev->nd_net.net->ns.inum;
}

// How many packets of the wire one of the kernel's stands for (UDP_SEGMENT, UDP_GRO).
static __always_inline __u32 packets_of(struct sk_buff *skb)
{
    __u64 info = (__u64)skb->head + skb->end;
    __u16 count = 0;

    READ(count, info + bpf_core_field_offset(struct skb_shared_info, gso_segs));
    return count ? count : 1;
}

static __always_inline struct bound *bound_for(const struct flow_key *key)
{
    struct bound_key wanted = {.namespace = key->namespace, .port = key->local_port};
    struct bound *bound;

    __builtin_memcpy(wanted.address, key->local, 16);
    bound = bpf_map_lookup_elem(&bound_map, &wanted);
    if (bound)
        return bound;
    __builtin_memset(wanted.address, 0, 16);
    return bpf_map_lookup_elem(&bound_map, &wanted);
}

// The socket's own idea of where its packets go, where they go elsewhere.
static __always_inline void set_asked_of(struct flow *flow, const struct flow_key *key, struct sock *sk)
{
    __u16 port = bpf_ntohs(sk->__sk_common.skc_dport);
    __u8 bytes[16] = {};
    __u32 *words = (__u32 *)bytes;
    const __u64 *a = (const __u64 *)bytes, *b = (const __u64 *)key->remote;

    if (!port)
        return;
    if (sk->__sk_common.skc_family == AF_INET) {
        words[2] = bpf_htonl(0xffff);
        words[3] = sk->__sk_common.skc_daddr;
    } else {
        READ(bytes, (__u64)sk + bpf_core_field_offset(struct sock_common, skc_v6_daddr));
    }
    if (port == key->remote_port && a[0] == b[0] && a[1] == b[1])
        return;
    set_endpoint(&flow->asked, bytes, port, flow->interface);
    flow->flags |= WIRE_CONNECTION_ASKED;
}

// `sk` is the sender's; 0 for what was received.
static __always_inline struct flow *open_flow(const struct flow_key *key, struct sk_buff *skb, struct sock *sk,
                                              __u32 size, __u32 packets)
{
    __u32 user = sk ? MESSAGE_SENT : MESSAGE_RECEIVED;
    struct flow_place *place = bpf_map_lookup_elem(&flow_places, &user);
    struct task_struct *task = (void *)bpf_get_current_task();
    struct bound *bound = 0;
    struct flow *flow;
    int error;

    if (!place)
        return 0;
    flow = &place->flow;
    __builtin_memset(flow, 0, sizeof(*flow));
    flow->interface = skb->dev->ifindex;
    flow->start = bpf_ktime_get_boot_ns();
    flow->last = flow->start;
    if (sk) {
        flow->flags = WIRE_CONNECTION_OUTGOING;
        flow->socket = (__u64)sk;
        flow->inode = inode_of(sk->sk_socket);
        set_asked_of(flow, key, sk);
        if (owns_socket(task, sk)) {
            if (!in_scope(task, bpf_get_current_pid_tgid() >> 32, 0))
                flow->flags |= FLOW_UNWANTED;
            fill_task(&flow->task, task, 0);
        } else {
            bound = bound_for(key);
            if (!bound && udp.scoped)
                flow->flags |= FLOW_UNWANTED;
        }
    } else {
        bound = bound_for(key);
        if (!bound || !socket_lives(bound->socket, bound->inode))
            return 0;
        flow->flags = WIRE_CONNECTION_INCOMING;
        flow->socket = bound->socket;
        flow->inode = bound->inode;
    }
    if (bound) {
        flow->task = bound->task;
        flow->flags |= bound->flags & FLOW_UNWANTED;
    }
    error = bpf_map_update_elem(&flows, key, flow, BPF_NOEXIST);
    if (!error && !(flow->flags & FLOW_UNWANTED)) {
        struct wire_connection *record = &place->record;

        fill_flow(record, key, flow, WIRE_UDP);
        if (sk) {
            record->sent = size;
            record->segments_sent = packets;
        } else {
            record->received = size;
            record->segments_received = packets;
        }
        emit(record, sizeof(*record), WIRE_UDP);
    }
    flow = bpf_map_lookup_elem(&flows, key);
    if (!flow)
        count_loss(WIRE_LOSS_FLOW);
    return flow;
}

// The port is another socket's by now: the flow of the one that had it is over.
static __always_inline void end_flow(const struct flow_key *key, const struct flow *flow)
{
    __u32 user = MESSAGE_SENT;
    struct flow_place *place = bpf_map_lookup_elem(&flow_places, &user);

    if (place && !(flow->flags & FLOW_UNWANTED)) {
        struct wire_connection *record = &place->record;

        fill_flow(record, key, flow, WIRE_CLOSE);
        record->end = WIRE_TCP_CLOSED;
        emit(record, sizeof(*record), WIRE_CLOSE);
    }
    bpf_map_delete_elem(&flows, key);
}

static __always_inline void count_sent(struct sk_buff *skb, const struct internet_head *head,
                                       const struct packet *packet, struct sock *sk)
{
    __u32 size = packet->datagram, packets;
    struct flow_key key;
    struct flow *flow;

    // A tunnel's packet around one of this socket has other ports.
    if (packet->source_port != sk->__sk_common.skc_num)
        return;
    fill_key(&key, skb, head, packet, 1);
    packets = packets_of(skb);
    flow = bpf_map_lookup_elem(&flows, &key);
    if (flow && flow->flags & WIRE_CONNECTION_OUTGOING && flow->inode && flow->inode != inode_of(sk->sk_socket)) {
        end_flow(&key, flow);
        flow = 0;
    }
    if (!flow) {
        flow = open_flow(&key, skb, sk, size, packets);
        if (!flow)
            return;
    } else {
        if (flow->packet_sent == (__u64)skb && flow->device_sent != (__u64)skb->dev)
            return;
        flow->last = bpf_ktime_get_boot_ns();
        if (flow->flags & WIRE_CONNECTION_INCOMING && !(flow->flags & FLOW_ANSWERED)) {
            struct task_struct *task = (void *)bpf_get_current_task();

            flow->flags |= FLOW_ANSWERED;
            if (owns_socket(task, sk))
                fill_task(&flow->task, task, 0);
        }
    }
    flow->packet_sent = (__u64)skb;
    flow->device_sent = (__u64)skb->dev;
    __atomic_fetch_add(&flow->sent, size, __ATOMIC_RELAXED);
    __atomic_fetch_add(&flow->packets_sent, packets, __ATOMIC_RELAXED);
}

static __always_inline void count_received(struct sk_buff *skb, const struct internet_head *head,
                                           const struct packet *packet)
{
    __u32 size = packet->datagram, packets;
    struct flow_key key;
    struct flow *flow;

    fill_key(&key, skb, head, packet, 0);
    packets = packets_of(skb);
    flow = bpf_map_lookup_elem(&flows, &key);
    if (!flow) {
        flow = open_flow(&key, skb, 0, size, packets);
        if (!flow)
            return;
    } else {
        if (flow->packet_received == (__u64)skb && flow->device_received != (__u64)skb->dev)
            return;
        flow->last = bpf_ktime_get_boot_ns();
    }
    flow->packet_received = (__u64)skb;
    flow->device_received = (__u64)skb->dev;
    __atomic_fetch_add(&flow->received, size, __ATOMIC_RELAXED);
    __atomic_fetch_add(&flow->packets_received, packets, __ATOMIC_RELAXED);
}

#endif
