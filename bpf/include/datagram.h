// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Counts UDP packets as they pass a device.
#ifndef DATAGRAM_H
#define DATAGRAM_H

#include "connection_facts.h"
#include "flow.h"
#include "owner.h"
#include "packet.h"
#include "translation.h"

const volatile struct wire_udp udp SEC(".rodata.udp");

// A flow in the making. Packets are sent and received with softirqs off, so no program is entered twice on a CPU.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MESSAGE_USERS);
    __type(key, __u32);
    __type(value, struct flow);
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

enum side { SIDE_UNKNOWN, SIDE_ASKS, SIDE_IS_ASKED };

// What comes from there to this address and port is for another of this side, by which it is replaced later.
static __always_inline void remember_local(struct translating *place, const struct flow_key *key, const __u32 *address,
                                           __u16 port)
{
    place->from.kind = key->namespace;
    __builtin_memcpy(place->from.source, key->remote, 16);
    place->from.source_port = key->remote_port;
    set_tuple_address(place->from.destination, address, place->tuples.first.family);
    place->from.destination_port = bpf_ntohs(port);
    __builtin_memcpy(place->to.address, key->local, 16);
    place->to.port = key->local_port;
    remember_translation(place);
}

// As the sockets have the addresses that the packet goes between, where they are rewritten in their namespace. Answers on
// which side this is, of what is rewritten. `used`: as of set_got.
static __attribute__((noinline, used)) int translate_key(struct flow_key *key, __u64 tracked, __u32 is_sent)
{
    struct translating *place = read_tuples(tracked, is_sent ? MESSAGE_SENT : MESSAGE_RECEIVED);
    const struct tuple *first, *answer;
    __u16 family;

    if (!place || place->tuples.first.protocol != IPPROTO_UDP ||
        (!is_redirected(&place->tuples) && !is_masked(&place->tuples)))
        return SIDE_UNKNOWN;
    first = &place->tuples.first;
    answer = &place->tuples.answer;
    family = first->family;
    set_tuple_address(key->remote, answer->source, family);
    key->remote_port = bpf_ntohs(answer->source_port);
    if (is_sent == is_answer(tracked)) { // this side was asked
        __builtin_memcpy(key->local, key->remote, 16);
        key->local_port = key->remote_port;
        set_tuple_address(key->remote, answer->destination, family);
        key->remote_port = bpf_ntohs(answer->destination_port);
        if (is_sent && is_redirected(&place->tuples)) {
            remember_redirection(place);
            remember_local(place, key, first->destination, first->destination_port);
        }
        return SIDE_IS_ASKED;
    }
    set_tuple_address(key->local, first->source, family);
    key->local_port = bpf_ntohs(first->source_port);
    place->asked.port = 0;
    if (is_redirected(&place->tuples)) {
        set_tuple_address(place->asked.bytes, first->destination, family);
        place->asked.port = bpf_ntohs(first->destination_port);
    }
    if (is_sent && is_masked(&place->tuples))
        remember_local(place, key, answer->destination, answer->destination_port);
    return SIDE_ASKS;
}

// What comes from elsewhere is rewritten later than it is seen here.
static __attribute__((noinline, used)) int find_local(struct flow_key *key)
{
    struct sent_to sent_to = {.kind = key->namespace};
    struct translation *translation;

    __builtin_memcpy(sent_to.source, key->remote, 16);
    __builtin_memcpy(sent_to.destination, key->local, 16);
    sent_to.source_port = key->remote_port;
    sent_to.destination_port = key->local_port;
    translation = bpf_map_lookup_elem(&translations, &sent_to);
    if (!translation)
        return 0;
    __builtin_memcpy(key->local, translation->address, 16);
    key->local_port = translation->port;
    return 1;
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

// Where the packets were sent to, when they go elsewhere: what connection tracking knows, or the socket.
static __always_inline void set_asked_of(struct flow *flow, const struct flow_key *key, int side, struct sock *sk)
{
    __u16 port = bpf_ntohs(sk->__sk_common.skc_dport);
    __u8 bytes[16] = {};
    __u32 *words = (__u32 *)bytes;
    const __u64 *a = (const __u64 *)bytes, *b = (const __u64 *)key->remote;

    if (side == SIDE_ASKS) {
        __u32 user = MESSAGE_SENT;
        struct translating *place = bpf_map_lookup_elem(&translating_places, &user);

        if (!place || !place->asked.port)
            return;
        set_endpoint(&flow->asked, place->asked.bytes, place->asked.port, flow->interface);
        flow->flags |= WIRE_CONNECTION_ASKED;
        return;
    }
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

// `sk` is the sender's; 0 for what was received. One that is asked answers here what was not seen to come for it.
static __always_inline struct flow *open_flow(const struct flow_key *key, struct sk_buff *skb, struct sock *sk, int side,
                                              __u32 size, __u32 packets)
{
    __u32 user = sk ? MESSAGE_SENT : MESSAGE_RECEIVED;
    struct flow *flow = bpf_map_lookup_elem(&flow_places, &user);
    struct task_struct *task = (void *)bpf_get_current_task();
    struct bound *bound = 0;
    int error;

    if (!flow)
        return 0;
    __builtin_memset(flow, 0, sizeof(*flow));
    flow->interface = skb->dev->ifindex;
    flow->start = bpf_ktime_get_boot_ns();
    flow->last = flow->start;
    if (sk) {
        flow->flags = side == SIDE_IS_ASKED ? WIRE_CONNECTION_INCOMING | FLOW_ANSWERED : WIRE_CONNECTION_OUTGOING;
        flow->socket = (__u64)sk;
        flow->inode = inode_of(sk->sk_socket);
        if (side != SIDE_IS_ASKED)
            set_asked_of(flow, key, side, sk);
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
        struct wire_connection *record;

        user = sk ? FACTS_DATAGRAM_SENT : FACTS_DATAGRAM_RECEIVED;
        record = place_of(user);
        if (!record)
            return 0;
        fill_flow(record, key, flow, WIRE_UDP);
        if (sk) {
            record->sent = size;
            record->segments_sent = packets;
        } else {
            record->received = size;
            record->segments_received = packets;
        }
        tell(record, WIRE_UDP, user);
    }
    flow = bpf_map_lookup_elem(&flows, key);
    if (!flow)
        count_loss(WIRE_LOSS_FLOW);
    return flow;
}

// The port is another socket's by now: the flow of the one that had it is over.
static __always_inline void end_flow(const struct flow_key *key, const struct flow *flow)
{
    struct wire_connection *record = place_of(FACTS_DATAGRAM_SENT);

    if (record && !(flow->flags & FLOW_UNWANTED)) {
        fill_flow(record, key, flow, WIRE_CLOSE);
        set_got(record);
        record->end = WIRE_TCP_CLOSED;
        tell(record, WIRE_CLOSE, FACTS_DATAGRAM_SENT);
    }
    bpf_map_delete_elem(&flows, key);
}

static __always_inline void count_sent(struct sk_buff *skb, const struct internet_head *head,
                                       const struct packet *packet, struct sock *sk)
{
    __u32 size = packet->datagram, packets;
    __u64 tracked = tracked_of(skb);
    int side = SIDE_UNKNOWN;
    struct flow_key key;
    struct flow *flow;

    fill_key(&key, skb, head, packet, 1);
    if (is_tracked(tracked))
        side = translate_key(&key, tracked, 1);
    // A tunnel's packet around one of this socket has other ports.
    if (key.local_port != sk->__sk_common.skc_num)
        return;
    packets = packets_of(skb);
    flow = bpf_map_lookup_elem(&flows, &key);
    if (flow && flow->flags & WIRE_CONNECTION_OUTGOING && flow->inode && flow->inode != inode_of(sk->sk_socket)) {
        end_flow(&key, flow);
        flow = 0;
    }
    if (!flow) {
        flow = open_flow(&key, skb, sk, side, size, packets);
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
    __u64 tracked = tracked_of(skb);
    struct flow_key key;
    struct flow *flow;

    fill_key(&key, skb, head, packet, 0);
    if (is_tracked(tracked)) // by loopback: else it is what comes that is looked up next
        translate_key(&key, tracked, 0);
    packets = packets_of(skb);
    flow = bpf_map_lookup_elem(&flows, &key);
    if (!flow && has_translations() && find_local(&key))
        flow = bpf_map_lookup_elem(&flows, &key);
    if (!flow) {
        flow = open_flow(&key, skb, 0, SIDE_UNKNOWN, size, packets);
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
