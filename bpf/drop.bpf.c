// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Packets that the kernel drops. Shares ring, scope and settings with process.bpf.c, and with tcp.bpf.c and names.bpf.c
// whose sockets are whose.
//
// A flood is told in few records: the first of those that are alike at once; the others are counted, and user space
// tells how many at the end of each turn of a second.

#include "common.h"

#include "bound.h"
#include "connection.h"
#include "net.h"
#include "ring.h"
#include "scope.h"
#include "task.h"

#include "wire/drop.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_HOPOPTS 0
#define IPPROTO_DCCP 33
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_DSTOPTS 60
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136
#define TCP_NEW_SYN_RECV 12

#define EXTENSIONS_MAX 4 // of an IPv6 header, that are passed over to find the ports
#define NO_REFERENCE 1ul // SKB_DST_NOREF: a bit in a pointer

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device {
    possible_net_t nd_net;
};

struct dst_entry {
    struct net_device *dev;
};

struct sk_buff {
    struct net_device *dev; // in the queue of a socket of UDP: other things
    struct sock *sk;
    unsigned long _skb_refdst;
    __u16 protocol;
    __u16 network_header;
    unsigned int tail; // from head, as in all kernels of 64 bits
    unsigned char *head;
};

#pragma clang attribute pop

#include "owner.h"

const volatile struct wire_drops drops SEC(".rodata.drops");

// Counted up by user space, which then tells and removes what was counted under the numbers before.
volatile __u32 turn SEC(".data.turn");

#define DROPS_MAX 8192

// What was told since its turn began, and how often again. `count` are those that were not told.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, DROPS_MAX);
    __type(key, struct wire_dropped);
    __type(value, struct wire_drop);
} dropped_map SEC(".maps");

// Drops for which there was no room, by their reason.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WIRE_DROP_REASONS);
    __type(key, __u32);
    __type(value, __u64);
} others SEC(".maps");

// A packet that comes interrupts a program that is busy with another, and the kernel skips it for what is dropped then.
// So a second one follows it, from 7.0 on (see once.h) a third, and each takes what those in front were skipped for.

#define SEEN_MAX 256

// The packets that are being dropped on this CPU, those that were seen.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, SEEN_MAX);
    __type(key, __u32);
    __type(value, __u64);
} seen SEC(".maps");

// Whether the program with this number, from 0, is the one to take the packet.
static __always_inline int take_or_pass(__u64 packet, const int number)
{
    __u32 index = (packet >> 8) & (SEEN_MAX - 1);
    __u64 *last = bpf_map_lookup_elem(&seen, &index);
    const int is_last = number == (config.repeated ? 2 : 1);
    int taken;

    if (!last)
        return number == 0;
    // What the last one was skipped for is still here, and a packet's address is used again.
    taken = number > 0 && *last == packet;
    *last = is_last ? 0 : packet;
    return !taken;
}

static __always_inline int is_full_socket(struct sock *sk)
{
    __u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
    __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

    return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV && (family == AF_INET || family == AF_INET6);
}

// Also with page tables of five levels. What a socket of UDP has in the place of `dev` has 0 or 1 there.
static __always_inline int is_pointer(const void *pointer)
{
    return (__u64)pointer >> 56 == 0xff;
}

static __always_inline __u32 namespace_of(struct sk_buff *skb, struct sock *sk)
{
    struct net_device *device = BPF_CORE_READ(skb, dev);
    struct dst_entry *route = (void *)(BPF_CORE_READ(skb, _skb_refdst) & ~NO_REFERENCE);

    if (sk)
        return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
    if (is_pointer(device))
        return BPF_CORE_READ(device, nd_net.net, ns.inum);
    if (is_pointer(route))
        return BPF_CORE_READ(route, dev, nd_net.net, ns.inum);
    return 0;
}

struct ipv4_head {
    __u8 words; // of 4 bytes, in the lower half
    __u8 service;
    __u16 size, id, fragment;
    __u8 life, protocol;
    __u16 checksum;
    __u32 source, destination;
};

struct ipv6_head {
    __u32 flow;
    __u16 size;
    __u8 protocol, life;
    __u8 source[16], destination[16];
};

struct ipv6_extension {
    __u8 next, words; // of 8 bytes, without the first
    __u16 fragment;
};

static __always_inline int has_ports(__u8 protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
           protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static __always_inline int is_extension(__u8 protocol)
{
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS ||
           protocol == IPPROTO_FRAGMENT;
}

// False where there are no headers yet.
static __always_inline int read_packet(struct wire_dropped *dropped, struct sk_buff *skb)
{
    __u32 start = BPF_CORE_READ(skb, network_header), tail = BPF_CORE_READ(skb, tail), transport;
    __u64 head = (__u64)BPF_CORE_READ(skb, head);
    __u8 protocol;
    __u16 ports[2];

    if (!start || start == 0xffff)
        return 0;
    if (BPF_CORE_READ(skb, protocol) == bpf_htons(ETH_P_IP)) {
        struct ipv4_head ip = {};

        if (start + sizeof(ip) > tail)
            return 0;
        READ(ip, head + start);
        if (ip.words >> 4 != 4)
            return 0;
        dropped->family = AF_INET;
        __builtin_memcpy(dropped->source, &ip.source, 4);
        __builtin_memcpy(dropped->destination, &ip.destination, 4);
        protocol = ip.protocol;
        transport = start + (ip.words & 15) * 4;
        if (ip.fragment & bpf_htons(0x1fff)) // not the first
            tail = 0;
    } else {
        struct ipv6_head ip = {};

        if (start + sizeof(ip) > tail)
            return 0;
        READ(ip, head + start);
        if ((bpf_ntohl(ip.flow) >> 28) != 6)
            return 0;
        dropped->family = AF_INET6;
        __builtin_memcpy(dropped->source, ip.source, 16);
        __builtin_memcpy(dropped->destination, ip.destination, 16);
        protocol = ip.protocol;
        transport = start + sizeof(ip);
        for (int i = 0; i < EXTENSIONS_MAX; i++) {
            struct ipv6_extension extension = {};

            if (!is_extension(protocol) || transport + 8 > tail)
                break;
            READ(extension, head + transport);
            if (protocol == IPPROTO_FRAGMENT) {
                if (extension.fragment & bpf_htons(0xfff8))
                    tail = 0;
                extension.words = 0;
            }
            protocol = extension.next;
            transport += (extension.words + 1) * 8;
        }
    }
    dropped->protocol = protocol;
    if (has_ports(protocol) && transport + sizeof(ports) <= tail) {
        READ(ports, head + transport);
        dropped->source_port = bpf_ntohs(ports[0]);
        dropped->destination_port = bpf_ntohs(ports[1]);
    }
    return 1;
}

// Of what a socket was about to send.
static __always_inline void read_socket(struct wire_dropped *dropped, struct sock *sk)
{
    dropped->family = BPF_CORE_READ(sk, __sk_common.skc_family);
    dropped->protocol = BPF_CORE_READ(sk, sk_protocol);
    dropped->source_port = BPF_CORE_READ(sk, __sk_common.skc_num);
    dropped->destination_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
    if (dropped->family == AF_INET) {
        __u32 source = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
        __u32 destination = BPF_CORE_READ(sk, __sk_common.skc_daddr);

        __builtin_memcpy(dropped->source, &source, 4);
        __builtin_memcpy(dropped->destination, &destination, 4);
    } else {
        bpf_probe_read_kernel(dropped->source, 16, &sk->__sk_common.skc_v6_rcv_saddr);
        bpf_probe_read_kernel(dropped->destination, 16, &sk->__sk_common.skc_v6_daddr);
    }
}

// Of a socket of UDP that is bound to a port, whoever acts for it.
static __always_inline struct bound *bound_of(struct sock *sk)
{
    struct bound_key key = {.port = BPF_CORE_READ(sk, __sk_common.skc_num)};
    struct bound *bound;

    if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP)
        return 0;
    key.namespace = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
    if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
        __u32 address = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);

        if (address) {
            key.address[10] = key.address[11] = 0xff;
            __builtin_memcpy(key.address + 12, &address, 4);
        }
    } else {
        bpf_probe_read_kernel(key.address, 16, &sk->__sk_common.skc_v6_rcv_saddr);
    }
    bound = bpf_map_lookup_elem(&bound_map, &key);
    return bound && bound->socket == (__u64)sk && bound->task.pid && !(bound->flags & FLOW_UNWANTED) ? bound : 0;
}

// Who has the socket. False when nobody is known, or somebody who was not asked for.
static __always_inline int fill_owner(struct wire_task *record, struct sock *sk)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    __u64 key = (__u64)sk;
    struct entry *owned = bpf_map_lookup_elem(&sockets, &key);
    struct bound *bound;

    if (owned && owned->task.pid) {
        *record = owned->task;
        return 1;
    }
    bound = bound_of(sk);
    if (bound) {
        *record = bound->task;
        return 1;
    }
    if (!owns_socket(task, sk) || !in_scope(task, bpf_get_current_pid_tgid() >> 32, 0))
        return 0;
    fill_task(record, task, 0);
    return 1;
}

static __always_inline void count_other(__u32 reason)
{
    __u32 index = reason < WIRE_DROP_REASONS ? reason : WIRE_DROP_REASONS - 1;
    __u64 *count = bpf_map_lookup_elem(&others, &index);

    if (count)
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

static __always_inline int on_drop(__u64 *context, const int number)
{
    struct sk_buff *skb = rdonly_cast((const void *)context[0], drops.type_sk_buff);
    struct wire_drop record = {}, *known;
    __u32 reason = drops.has_reason ? context[2] : 0;
    struct sock *sk = BPF_CORE_READ(skb, sk);
    __u16 protocol = BPF_CORE_READ(skb, protocol);
    int is_owned = 0, error;

    if (drops.has_reason && reason == drops.consumed)
        return 0;
    if (!take_or_pass((__u64)skb, number))
        return 0;
    if (protocol != bpf_htons(ETH_P_IP) && protocol != bpf_htons(ETH_P_IPV6)) {
        // A packet that is still to get its headers has no protocol either.
        if (protocol || !sk || !is_full_socket(sk))
            return 0;
        read_socket(&record.dropped, sk);
    } else if (!read_packet(&record.dropped, skb)) {
        if (!sk || !is_full_socket(sk))
            return 0;
        read_socket(&record.dropped, sk);
    }
    if (drops.has_socket && context[3]) // that it was for, rather than that it is from
        sk = (void *)context[3];
    record.dropped.reason = reason;
    record.dropped.location = context[1];
    record.dropped.namespace = namespace_of(skb, sk);
    record.dropped.turn = turn;
    known = bpf_map_lookup_elem(&dropped_map, &record.dropped);
    if (!known) {
        if (sk && is_full_socket(sk))
            is_owned = fill_owner(&record.task, sk);
        if (!is_owned && drops.scoped)
            return 0;
        fill_header(&record.header, sizeof(record), WIRE_DROP);
        record.header.flags = drops.has_reason ? 0 : WIRE_DROP_NO_REASON;
        // As an int, see once.h.
        error = (int)bpf_map_update_elem(&dropped_map, &record.dropped, &record, BPF_NOEXIST);
        if (!error) {
            record.count = 1;
            emit(&record, sizeof(record), WIRE_DROP);
            return 0;
        }
        if (error == -EEXIST) // on another CPU, just now
            known = bpf_map_lookup_elem(&dropped_map, &record.dropped);
        if (!known) {
            count_other(reason);
            return 0;
        }
    }
    known->header.time = bpf_ktime_get_boot_ns();
    __atomic_fetch_add(&known->count, 1, __ATOMIC_RELAXED);
    return 0;
}

THREE_PROGRAMS("tp_btf/kfree_skb", packet_dropped, on_drop(context, attachment))
