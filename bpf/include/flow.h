// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// UDP flows: what goes between two addresses. The programs that see packets count them, those of udp.bpf.c tell of them;
// the maps are shared.
//
// A flow is known by the addresses that its packets have as they pass the device, so that an answer fits whatever rewrites
// them before. It ends when its socket is closed or nothing has passed for a while, and both is found by a look at all
// flows: no tracepoint of every kernel tells that a UDP socket is closed.
#ifndef FLOW_H
#define FLOW_H

#include "bound.h"
#include "net.h"
#include "ring.h"
#include "scope.h"
#include "task.h"
#include "translations.h"
#include "wire/network.h"

// flow.flags beside those of the wire and FLOW_UNWANTED
#define FLOW_ANSWERED (1u << 17) // by who has it from then on: often not the process that bound the socket

// IPv4 as ::ffff:10.0.0.1.
struct flow_key {
    __u8 local[16];
    __u8 remote[16];
    __u16 local_port, remote_port; // of the host's byte order
    __u32 namespace;
};

struct flow {
    struct wire_task task; // pid 0 when nobody is known
    struct wire_address asked;
    __u64 start;
    __u64 last;
    __u64 sent, received; // bytes
    __u32 packets_sent, packets_received;
    __u64 socket; // address, and the number of its inode: an address is used again
    __u64 inode;
    // Of the last packet each way: what passes several devices is counted at the first.
    __u64 packet_sent, device_sent;
    __u64 packet_received, device_received;
    __u32 interface;
    __u32 flags;
};

// By need: they may be many, and are few on most hosts.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 65536);
    __type(key, struct flow_key);
    __type(value, struct flow);
} flows SEC(".maps");

static __always_inline int socket_lives(__u64 address, __u64 inode)
{
    struct sock *sk = (void *)address;

    return sk && inode && inode_of(BPF_CORE_READ(sk, sk_socket)) == inode;
}

static __always_inline void set_endpoint(struct wire_address *address, const __u8 *bytes, __u16 port, __u32 interface)
{
    __builtin_memcpy(address->bytes, bytes, 16);
    address->port = port;
    address->unused = 0;
    address->scope = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80 ? interface : 0;
}

static __always_inline void fill_flow(struct wire_connection *record, const struct flow_key *key, const struct flow *flow,
                                      __u16 kind)
{
    fill_header(&record->header, sizeof(*record), kind);
    record->header.flags = flow->flags & 0xff;
    record->task = flow->task;
    record->asked = flow->asked;
    set_endpoint(&record->local, key->local, key->local_port, flow->interface);
    set_endpoint(&record->remote, key->remote, key->remote_port, flow->interface);
    record->duration = flow->last > flow->start ? flow->last - flow->start : 0;
    record->sent = flow->sent;
    record->received = flow->received;
    record->segments_sent = flow->packets_sent;
    record->segments_received = flow->packets_received;
    record->retransmits = 0;
    record->round_trip = 0;
    record->namespace = key->namespace;
    record->error = 0;
    record->end = 0;
    record->protocol = IPPROTO_UDP;
    record->unused = 0;
}

// Where the flow of the record leads when another namespace sends it elsewhere. That is known when the first packet has passed
// there: after the flow was told to begin. A function for the room on the stack; `used`: the compiler would leave out its
// result, and the verifier takes what is left in that place for a pointer to the stack.
static __attribute__((noinline, used)) int set_got(struct wire_connection *record)
{
    struct sent_to key = {};
    struct translation *got;

    if (!has_translations() || record->header.flags & WIRE_CONNECTION_ASKED ||
        !(record->header.flags & WIRE_CONNECTION_OUTGOING))
        return 0;
    set_sent_to(&key, record);
    got = bpf_map_lookup_elem(&translations, &key);
    if (!got)
        return 0;
    record->asked = record->remote;
    record->header.flags |= WIRE_CONNECTION_ASKED;
    set_endpoint(&record->remote, got->address, got->port, 0);
    return 1;
}

#endif
