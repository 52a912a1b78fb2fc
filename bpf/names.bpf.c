// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// DNS messages, and the first bytes of TLS connections, from the packets that carry them; and UDP flows, which are counted
// here. Shares ring, scope and settings with process.bpf.c.
//
// Questions are seen as they leave, which is where the asker is known; answers as they arrive, because no tracepoint of every
// kernel sees a datagram being read (skb_copy_datagram_iovec does not, when it lies in one piece). Both are in the form in
// which they pass the device, so that an answer fits its question whatever rewrites addresses in between.

#include "common.h"

#include "datagram.h"
#include "first_packet.h"
#include "owner.h"
#include "packet.h"
#include "ring.h"
#include "scope.h"
#include "task.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// Segments of a connection that may have a ClientHello: a proxy is spoken to before it.
#define HELLO_SEGMENTS 8
#define HELLO_BYTES 6

static __always_inline void send_message(struct sk_buff *trusted, struct sk_buff *skb, struct message_place *place,
                                         struct packet *packet, __u32 flags)
{
    struct wire_message *record = &place->record;
    __u32 size = packet->size > WIRE_MESSAGE_MAX ? WIRE_MESSAGE_MAX : packet->size;
    __u32 got = read_packet(trusted, skb, packet->payload, size, place);

    if (got < size)
        flags |= WIRE_MESSAGE_UNREADABLE;
    record->header.flags = flags;
    record->sequence = packet->sequence;
    record->source_port = packet->source_port;
    record->destination_port = packet->destination_port;
    record->total = packet->size;
    record->size = got;
    record->unused = 0;
    got = (sizeof(*record) + got + 7) & ~7u;
    BARRIER(got);
    if (got > sizeof(*record) + WIRE_MESSAGE_MAX)
        return;
    record->header.length = got;
    emit(record, got, WIRE_MESSAGE);
}

static __always_inline int is_hello(struct sk_buff *trusted, struct sk_buff *skb, struct packet *packet,
                                    struct message_place *place)
{
    const char *bytes = place->bytes;

    if (packet->size < HELLO_BYTES ||
        read_packet(trusted, skb, packet->payload, HELLO_BYTES, place) < HELLO_BYTES)
        return 0;
    return bytes[0] == 22 && bytes[1] == 3 && bytes[5] == 1;
}

PROGRAM("tp_btf/net_dev_queue", message_sent)
{
    struct sk_buff *skb = PACKET(context[0]);
    struct task_struct *task;
    struct message_place *place;
    struct packet packet = {};
    struct sock *sk = skb->sk;
    __u32 flags = 0;

    if (!sk) { // what is forwarded
        if (is_new(tracked_of(skb)))
            note_redirection(tracked_of(skb));
        return 0;
    }
    if (!is_internet(skb))
        return 0;
    if (!is_full_socket(sk)) {
        // The first answer of a connection from another namespace that this one has led to itself.
        if (sk->__sk_common.skc_state == TCP_NEW_SYN_RECV && is_answer(tracked_of(skb)))
            note_redirection(tracked_of(skb));
        return 0;
    }
    packet.transport = skb->head + skb->transport_header - skb->data;
    packet.end = skb->len;
    if (sk->sk_protocol == IPPROTO_UDP) {
        struct internet_head head;

        read_internet(skb, skb->head + skb->network_header, &head);
        if (!read_datagram(skb, &head, &packet))
            return 0;
        // What passes several devices is told at the first, unless that is another namespace's.
        if (skb->dev->nd_net.net != sk->__sk_common.skc_net.net)
            return 0;
        count_sent(skb, &head, &packet, sk);
        if (packet.destination_port != PORT_DNS || !packet.size)
            return 0;
    } else if (sk->sk_protocol == IPPROTO_TCP) {
        flags = WIRE_MESSAGE_STREAM;
        if (sk->__sk_common.skc_state == TCP_SYN_SENT)
            note_translation(skb, &packet, sk);
        else if (sk->__sk_common.skc_state == TCP_CLOSE && is_answer(tracked_of(skb))) // there is none who listens
            note_redirection(tracked_of(skb));
        if (sk->__sk_common.skc_dport != bpf_htons(PORT_DNS)) {
            flags |= WIRE_MESSAGE_TLS;
            if (data_segments_out(sk) > HELLO_SEGMENTS)
                return 0;
        }
        if (!read_segment(skb, &packet))
            return 0;
        if (skb->dev->nd_net.net != sk->__sk_common.skc_net.net)
            return 0;
    } else {
        return 0;
    }
    place = message_place(MESSAGE_SENT);
    if (!place)
        return 0;
    if (flags & WIRE_MESSAGE_TLS && !is_hello((void *)context[0], skb, &packet, place))
        return 0;

    task = (void *)bpf_get_current_task();
    fill_header(&place->record.header, 0, WIRE_MESSAGE);
    if (owns_socket(task, sk)) {
        if (in_scope(task, bpf_get_current_pid_tgid() >> 32, 0))
            flags |= WIRE_MESSAGE_IN_SCOPE;
        else if (flags & WIRE_MESSAGE_TLS)
            return 0;
        fill_task(&place->record.task, task, 0);
    } else {
        if (names.scoped && flags & WIRE_MESSAGE_TLS)
            return 0;
        flags |= WIRE_MESSAGE_NO_TASK | (names.scoped ? 0 : WIRE_MESSAGE_IN_SCOPE);
        __builtin_memset(&place->record.task, 0, sizeof(place->record.task));
    }
    place->record.socket = (__u64)sk;
    fill_addresses(&place->record, skb, skb->head + skb->network_header);
    if (flags & WIRE_MESSAGE_TLS) // as the process has them, whatever rewrites them on the way
        fill_from_socket(&place->record, &packet, sk);
    send_message((void *)context[0], skb, place, &packet, flags);
    return 0;
}

PROGRAM("tp_btf/netif_receive_skb", message_received)
{
    struct sk_buff *skb = PACKET(context[0]);
    struct message_place *place;
    struct internet_head head;
    struct packet packet = {};
    __u32 flags = WIRE_MESSAGE_RECEIVED;

    if (!is_internet(skb))
        return 0;
    switch (read_arrived(skb, &head, &packet)) {
    case IPPROTO_UDP:
        if (!read_datagram(skb, &head, &packet))
            return 0;
        count_received(skb, &head, &packet);
        if (packet.source_port != PORT_DNS || !packet.size)
            return 0;
        break;
    case IPPROTO_TCP:
        if (packet.source_port != PORT_DNS || !read_segment(skb, &packet))
            return 0;
        flags |= WIRE_MESSAGE_STREAM;
        break;
    default: return 0;
    }
    place = message_place(MESSAGE_RECEIVED);
    if (!place)
        return 0;
    if (BPF_CORE_READ(skb, dev, rx_handler))
        flags |= WIRE_MESSAGE_HANDED_ON;
    fill_header(&place->record.header, 0, WIRE_MESSAGE);
    __builtin_memset(&place->record.task, 0, sizeof(place->record.task));
    place->record.socket = 0;
    fill_addresses(&place->record, skb, skb->data);
    send_message((void *)context[0], skb, place, &packet, flags);
    return 0;
}
