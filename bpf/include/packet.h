// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The bytes of packets.
#ifndef PACKET_H
#define PACKET_H

#include "net.h"
#include "tcp_states.h"
#include "wire/message.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_FRAGMENT 44
#define TCP_NEW_SYN_RECV 12
#define PORT_DNS 53

#define PACKET_FRAGMENTS_MAX 17 // MAX_SKB_FRAGS; may be set higher, to 45
#define PAGE_BYTES 4096

// A fragment of a packet: the same three numbers in all kernels, whatever they are called.
struct fragment {
    __u64 page; // address of its struct page
    __u32 size;
    __u32 offset;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device {
    void *rx_handler;
    int ifindex;
    possible_net_t nd_net;
};

struct tcp_sock {
    __u32 data_segs_out;
};

struct sk_buff {
    struct net_device *dev;
    struct sock *sk;
    unsigned int len, data_len;
    unsigned long _nfct;
    __u16 protocol;
    __u16 transport_header;
    __u16 network_header;
    unsigned int end;
    unsigned char *head;
    unsigned char *data;
};

struct page {
    unsigned long flags;
};

struct skb_shared_info {
    __u8 nr_frags;
    unsigned short gso_size;
    unsigned short gso_segs;
    struct fragment frags[1];
};

#pragma clang attribute pop

const volatile struct wire_names names SEC(".rodata.names");

#define PACKET(pointer) ((struct sk_buff *)rdonly_cast((const void *)(pointer), names.type_sk_buff))

// Stands for the kfunc, as those in common.h.
static int (*const dynptr_from_skb)(struct sk_buff *skb, __u64 flags, struct bpf_dynptr *dynptr) = (void *)0x7e5ca5a;

// Offsets are from skb->data.
struct packet {
    __u32 transport;
    __u32 end;
    __u32 payload;
    __u32 size; // of the payload
    __u32 datagram; // bytes of the whole datagram, also where this is its first part
    __u32 sequence;
    __u16 source_port, destination_port;
};

static __always_inline int is_internet(struct sk_buff *skb)
{
    return skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_IPV6);
}

// Connections that are not yet made, or no more, are less than a socket.
static __always_inline int is_full_socket(struct sock *sk)
{
    __u8 state = sk->__sk_common.skc_state;
    __u16 family = sk->__sk_common.skc_family;

    return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV && (family == AF_INET || family == AF_INET6);
}

static __always_inline __u32 data_segments_out(struct sock *sk)
{
    __u32 segments = 0;

    READ(segments, (__u64)sk + bpf_core_field_offset(struct tcp_sock, data_segs_out));
    return segments;
}

struct datagram_head {
    __u16 source, destination, size, checksum;
};

struct internet_head {
    union {
        struct {
            __u8 words; // the lower half, of 4 bytes
            __u8 service;
            __u16 size;
            __u16 id;
            __u16 fragment;
            __u8 life;
            __u8 protocol;
            __u16 checksum;
            __u32 source, destination;
            struct datagram_head next; // where there are no options
        } v4;
        struct {
            __u32 flow;
            __u16 size;
            __u8 protocol;
            __u8 life;
            __u8 source[16], destination[16];
            struct datagram_head next;
        } v6;
    };
};

// False for one that is too short for its head.
static __always_inline int take_datagram(const struct datagram_head *head, struct packet *packet)
{
    __u32 size = bpf_ntohs(head->size);

    packet->source_port = bpf_ntohs(head->source);
    packet->destination_port = bpf_ntohs(head->destination);
    packet->payload = packet->transport + sizeof(*head);
    if (packet->end < packet->payload)
        return 0;
    packet->size = packet->end - packet->payload;
    packet->datagram = packet->size;
    if (size >= sizeof(*head)) { // 0: more than 64 KiB
        packet->datagram = size - sizeof(*head);
        if (packet->datagram < packet->size) // Ethernet fills short packets up
            packet->size = packet->datagram;
    }
    return 1;
}

// Of a packet whose transport is known; `internet` is its head. False for a part of a datagram that is not its first, which
// has its length.
static __always_inline int read_datagram(struct sk_buff *skb, const struct internet_head *internet, struct packet *packet)
{
    struct datagram_head head;

    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        if (internet->v4.fragment & bpf_htons(0x1fff))
            return 0;
        if ((internet->v4.words & 15) == 5)
            return take_datagram(&internet->v4.next, packet);
    } else if (internet->v6.protocol == IPPROTO_UDP) {
        return take_datagram(&internet->v6.next, packet);
    } else if (internet->v6.protocol == IPPROTO_FRAGMENT) {
        __u16 place = 0;

        READ(place, skb->data + packet->transport - 6);
        if (place & bpf_htons(0xfff8))
            return 0;
    }
    READ(head, skb->data + packet->transport);
    return take_datagram(&head, packet);
}

// One helper call for both heads.
static __always_inline void read_internet(struct sk_buff *skb, unsigned char *at, struct internet_head *head)
{
    if (skb->protocol == bpf_htons(ETH_P_IP))
        READ(head->v4, at);
    else
        READ(head->v6, at);
}

struct segment_head {
    __u16 source, destination;
    __u32 sequence, acknowledged;
    __u8 offset; // the upper half, in words of 4 bytes
    __u8 flags;
    __u16 window;
};

static __always_inline int read_segment(struct sk_buff *skb, struct packet *packet)
{
    struct segment_head head;

    READ(head, skb->data + packet->transport);
    packet->source_port = bpf_ntohs(head.source);
    packet->destination_port = bpf_ntohs(head.destination);
    packet->sequence = bpf_ntohl(head.sequence);
    packet->payload = packet->transport + (head.offset >> 4) * 4;
    if (packet->end <= packet->payload)
        return 0;
    packet->size = packet->end - packet->payload;
    return 1;
}

// Of a packet that has just come from a device: its protocol, 0 for one without ports.
static __always_inline int read_arrived(struct sk_buff *skb, struct internet_head *head, struct packet *packet)
{
    int protocol;

    read_internet(skb, skb->data, head);
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        if (head->v4.fragment & bpf_htons(0x1fff)) // not the first
            return 0;
        packet->transport = (head->v4.words & 15) * 4;
        packet->end = bpf_ntohs(head->v4.size);
        packet->source_port = bpf_ntohs(head->v4.next.source);
        protocol = head->v4.protocol;
        if (packet->transport != 20)
            READ(packet->source_port, skb->data + packet->transport);
        if (packet->transport != 20)
            packet->source_port = bpf_ntohs(packet->source_port);
    } else {
        packet->transport = 40;
        packet->end = bpf_ntohs(head->v6.size) ? bpf_ntohs(head->v6.size) + 40 : 0;
        packet->source_port = bpf_ntohs(head->v6.next.source);
        protocol = head->v6.protocol;
        if (protocol == IPPROTO_FRAGMENT) {
            __u16 place = 0;
            __u8 next = 0;

            READ(next, skb->data + 40);
            READ(place, skb->data + 42);
            if (place & bpf_htons(0xfff8)) // not the first
                return 0;
            protocol = next;
            packet->transport = 48;
            READ(packet->source_port, skb->data + 48);
            packet->source_port = bpf_ntohs(packet->source_port);
        }
    }
    if (!packet->end || packet->end > skb->len) // 0: more than 64 KiB, put together here
        packet->end = skb->len;
    return protocol;
}

static __always_inline void fill_addresses(struct wire_message *record, struct sk_buff *skb, unsigned char *head)
{
    struct internet_head internet;

    READ(internet, head);
    __builtin_memset(record->source, 0, sizeof(record->source));
    __builtin_memset(record->destination, 0, sizeof(record->destination));
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        record->family = AF_INET;
        __builtin_memcpy(record->source, &internet.v4.source, 4);
        __builtin_memcpy(record->destination, &internet.v4.destination, 4);
    } else {
        record->family = AF_INET6;
        __builtin_memcpy(record->source, internet.v6.source, 16);
        __builtin_memcpy(record->destination, internet.v6.destination, 16);
    }
    record->network_namespace = skb->dev->nd_net.net->ns.inum;
}

static __always_inline void fill_from_socket(struct wire_message *record, struct packet *packet, struct sock *sk)
{
    packet->source_port = sk->__sk_common.skc_num;
    packet->destination_port = bpf_ntohs(sk->__sk_common.skc_dport);
    if (record->family == AF_INET) {
        __builtin_memcpy(record->source, &(__u32){sk->__sk_common.skc_rcv_saddr}, 4);
        __builtin_memcpy(record->destination, &(__u32){sk->__sk_common.skc_daddr}, 4);
    } else {
        READ(record->source, (__u64)sk + bpf_core_field_offset(struct sock_common, skc_v6_rcv_saddr));
        READ(record->destination, (__u64)sk + bpf_core_field_offset(struct sock_common, skc_v6_daddr));
    }
}

// Where the kernel has the bytes of a page, in its map of all memory.
static __always_inline __u64 page_bytes(__u64 page)
{
    __u64 bytes = 0, pages = 0;

    READ(bytes, names.page_offset_base);
    READ(pages, names.vmemmap_base);
    return bytes + (page - pages) / bpf_core_type_size(struct page) * PAGE_BYTES;
}

// A record in the making.
struct message_place {
    struct wire_message record;
    char bytes[2 * WIRE_MESSAGE_MAX]; // any offset below the limit has room for as many bytes again
    // What is being read of a packet's fragments.
    __u64 info;
    __u32 offset; // from where on
    __u32 size;   // how much is wanted
    __u32 got;
    __u32 user;
};

enum message_user { MESSAGE_SENT, MESSAGE_RECEIVED, MESSAGE_USERS };

// Packets are sent and received with softirqs off, so no program is entered twice on a CPU.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MESSAGE_USERS);
    __type(key, __u32);
    __type(value, struct message_place);
} messages SEC(".maps");

static __always_inline struct message_place *message_place(__u32 user)
{
    struct message_place *place = bpf_map_lookup_elem(&messages, &user);

    if (place)
        place->user = user;
    return place;
}

// Copies what is wanted of one fragment; 1 when that was the last. Verified once, for all of the loop below.
__attribute__((noinline)) int fragment_step(__u32 user, __u32 index)
{
    struct message_place *place = bpf_map_lookup_elem(&messages, &user);
    struct fragment fragment = {};
    __u32 part, at;

    if (!place)
        return 1;
    READ(fragment, place->info + bpf_core_field_offset(struct skb_shared_info, frags) + index * sizeof(fragment));
    if (place->offset >= fragment.size) {
        place->offset -= fragment.size;
        return 0;
    }
    part = fragment.size - place->offset;
    if (part > place->size - place->got)
        part = place->size - place->got;
    at = place->got;
    BARRIER(part);
    BARRIER(at);
    if (part > WIRE_MESSAGE_MAX ||
        bpf_probe_read_kernel(place->bytes + (at & (WIRE_MESSAGE_MAX - 1)), part,
                              (void *)(page_bytes(fragment.page) + fragment.offset + place->offset)))
        return 1;
    place->got += part;
    place->offset = 0;
    return place->got >= place->size;
}

// Copies `size` bytes, at most WIRE_MESSAGE_MAX; answers how many it had. A function, so that the dynptr has a stack of its
// own: where one was, the verifier lets no helper write.
static __attribute__((noinline)) __u32 read_packet(struct sk_buff *trusted, struct sk_buff *skb, __u32 offset, __u32 size,
                                                   struct message_place *place)
{
    __u32 linear = skb->len - skb->data_len;
    __u32 got = 0;
    __u8 count = 0;

    BARRIER(size);
    if (size > WIRE_MESSAGE_MAX)
        return 0;
    if (names.has_dynptr) {
        struct bpf_dynptr packet;

        if (dynptr_from_skb(trusted, 0, &packet) || bpf_dynptr_read(place->bytes, size, &packet, offset, 0))
            return 0;
        return size;
    }
    if (offset < linear) {
        got = linear - offset < size ? linear - offset : size;
        BARRIER(got);
        if (got > WIRE_MESSAGE_MAX || bpf_probe_read_kernel(place->bytes, got, skb->data + offset))
            return 0;
        offset = linear;
    }
    if (got == size || !names.vmemmap_base || !names.page_offset_base)
        return got;
    place->offset = offset - linear;
    place->size = size;
    place->got = got;
    place->info = (__u64)skb->head + skb->end;
    READ(count, place->info + bpf_core_field_offset(struct skb_shared_info, nr_frags));
    for (__u32 i = 0; i < PACKET_FRAGMENTS_MAX; i++) {
        if (i >= count || fragment_step(place->user, i))
            break;
    }
    return place->got;
}

#endif
