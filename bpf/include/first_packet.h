// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Where connections really go, from their first packets.
#ifndef FIRST_PACKET_H
#define FIRST_PACKET_H

#include "connection.h"
#include "packet.h"

// Where the first packet of a connection goes, when that is not what its socket asked for: another rewrote it (DNAT).
// A function for the room on the stack; `used`: the compiler would leave out its result, and the verifier takes what is left in
// that place for a pointer to the stack.
static __attribute__((noinline, used)) int note_translation(struct sk_buff *skb, struct packet *packet, struct sock *sk)
{
    struct wire_address got = {};
    struct internet_head head;
    struct entry *entry;
    __u64 key = (__u64)sk;
    __u16 ports[2] = {};

    READ(head, skb->head + skb->network_header);
    READ(ports, skb->data + packet->transport);
    got.port = bpf_ntohs(ports[1]);
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        if (head.v4.destination == sk->__sk_common.skc_daddr && ports[1] == sk->__sk_common.skc_dport)
            return 0;
        set_ipv4(&got, head.v4.destination);
    } else {
        __u64 asked[2] = {}, *given = (__u64 *)head.v6.destination;

        READ(asked, (__u64)sk + bpf_core_field_offset(struct sock_common, skc_v6_daddr));
        if (asked[0] == given[0] && asked[1] == given[1] && ports[1] == sk->__sk_common.skc_dport)
            return 0;
        __builtin_memcpy(got.bytes, head.v6.destination, 16);
    }
    entry = bpf_map_lookup_elem(&sockets, &key);
    if (!entry)
        return 0;
    entry->got = got;
    entry->flags |= ENTRY_TRANSLATED;
    return 1;
}

#endif
