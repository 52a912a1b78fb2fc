// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What detectors see: the first bytes of connections that look like JSON, questions by DNS, and ClientHellos. Shares ring, scope
// and settings with process.bpf.c.
//
// A tracepoint tells. Under a policy the programs of a cgroup decide about connections, in the kernel and before the segment
// leaves that completes what is looked for: no answer of user space is waited for.

#include "common.h"

#include "owner.h"
#include "packet.h"
#include "scope.h"
#include "stream.h"
#include "transport.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define DENY 0
#define PASS 1
#define LOSE 2

#define HELLO_BYTES 6

// ---- tracepoint

static __always_inline void map_address(struct wire_address *address, __u32 ipv4)
{
    __u32 *words = (__u32 *)address->bytes;

    words[2] = bpf_htonl(0xffff);
    words[3] = ipv4;
}

static __always_inline void fill_ends(struct wire_detect *record, struct sock *sk)
{
    record->source.port = sk->__sk_common.skc_num;
    record->destination.port = bpf_ntohs(sk->__sk_common.skc_dport);
    record->namespace = sk->__sk_common.skc_net.net->ns.inum;
    if (sk->__sk_common.skc_family == AF_INET) {
        map_address(&record->source, sk->__sk_common.skc_rcv_saddr);
        map_address(&record->destination, sk->__sk_common.skc_daddr);
    } else {
        READ(record->source.bytes, (__u64)sk + bpf_core_field_offset(struct sock_common, skc_v6_rcv_saddr));
        READ(record->destination.bytes, (__u64)sk + bpf_core_field_offset(struct sock_common, skc_v6_daddr));
    }
}

// Whose it is, where this is the owner's own time: what waits for room is sent later, in anybody's.
static __always_inline void note_owner(struct stream *stream, struct sock *sk)
{
    struct task_struct *task = (void *)bpf_get_current_task();

    if (stream->flags & STREAM_OWNED || !owns_socket(task, sk))
        return;
    fill_task(&stream->task, task, 0);
    stream->flags |= STREAM_OWNED;
    if (in_scope(task, bpf_get_current_pid_tgid() >> 32, 0))
        stream->flags |= STREAM_IN_SCOPE;
}

// Whether anybody asked for who sends it, as far as that is known.
static __always_inline int is_wanted(const struct stream *stream)
{
    return stream->flags & STREAM_OWNED ? stream->flags & STREAM_IN_SCOPE : !names.scoped;
}

static __always_inline void tell_message(struct sk_buff *trusted, struct sk_buff *skb, struct sock *sk,
                                         struct packet *packet, struct message_place *place, __u32 flags)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct wire_message *record = &place->record;
    __u32 size = packet->size > WIRE_MESSAGE_MAX ? WIRE_MESSAGE_MAX : packet->size;
    __u32 got;

    fill_header(&record->header, 0, WIRE_MESSAGE);
    if (owns_socket(task, sk)) {
        if (!in_scope(task, bpf_get_current_pid_tgid() >> 32, 0))
            return;
        fill_task(&record->task, task, 0);
        flags |= WIRE_MESSAGE_IN_SCOPE;
    } else {
        return; // nobody that could be told of
    }
    got = read_packet(trusted, skb, packet->payload, size, place);
    if (got < size)
        flags |= WIRE_MESSAGE_UNREADABLE;
    record->socket = (__u64)sk;
    fill_addresses(record, skb, skb->head + skb->network_header);
    if (flags & WIRE_MESSAGE_TLS)
        fill_from_socket(record, packet, sk);
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

// Feeds at most CHUNK of the bytes that were read. Verified once, for all of the loop below.
__attribute__((noinline)) int feed_chunk(__u64 socket, __u32 ports, __u32 at, __u32 size)
{
    struct stream_key key = {.socket = socket, .ports = ports};
    struct stream *stream = bpf_map_lookup_elem(&streams, &key);
    struct message_place *place = message_place(MESSAGE_SENT);

    if (!stream || !place)
        return 0;
    if (size > CHUNK)
        size = CHUNK;
    feed(stream, place->bytes + (at & (WIRE_MESSAGE_MAX - 1)), size);
    return 0;
}

// Bytes of a connection that is followed.
static __always_inline void look_at_bytes(struct sk_buff *trusted, struct sk_buff *skb, struct sock *sk,
                                          struct packet *packet, struct message_place *place, struct stream *stream,
                                          const struct stream_key *key)
{
    __u32 skip = seen_before(stream, packet->sequence), size;
    __u64 before = stream->found, socket = 0;

    if (skip >= packet->size)
        return;
    READ(socket, &key->socket); // as a number, which alone functions take
    size = packet->size - skip;
    stream->next = packet->sequence + packet->size;
    if (size > WIRE_DETECT_SEGMENT)
        size = WIRE_DETECT_SEGMENT;
    if (read_packet(trusted, skb, packet->payload + skip, size, place) < size)
        return;
    for (__u32 chunk = 0; chunk < CHUNKS; chunk++) {
        if (chunk * CHUNK >= size)
            break;
        feed_chunk(socket, key->ports, chunk * CHUNK, size - chunk * CHUNK);
    }
    if (size < packet->size - skip)
        stream->state = 0;
    stream->left -= size < stream->left ? size : stream->left;
    note_owner(stream, sk);
    if (stream->found != before && is_wanted(stream)) {
        struct wire_detect *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0); // no room on the stack

        if (!record) {
            count_loss(WIRE_LOSS_RING + WIRE_DETECT);
            return;
        }
        __builtin_memset(record, 0, sizeof(*record));
        fill_ends(record, sk);
        record->inode = inode_of(BPF_CORE_READ(sk, sk_socket));
        tell_stream(stream, record, 0, 0, 0);
        submit(record, 0);
    }
}

PROGRAM("tp_btf/net_dev_queue", bytes_sent)
{
    struct sk_buff *skb = PACKET(context[0]);
    struct sock *sk = skb->sk;
    struct message_place *place;
    struct packet packet = {};
    struct stream_key key = {};
    struct stream *stream;
    const char *bytes;
    __u32 size;

    if (!sk || !is_internet(skb) || !is_full_socket(sk))
        return 0;
    packet.transport = skb->head + skb->transport_header - skb->data;
    packet.end = skb->len;
    if (sk->sk_protocol == IPPROTO_UDP) {
        struct internet_head head;

        read_internet(skb, skb->head + skb->network_header, &head);
        if (!read_datagram(skb, &head, &packet) || packet.destination_port != PORT_DNS || !packet.size ||
            skb->dev->nd_net.net != sk->__sk_common.skc_net.net)
            return 0;
        place = message_place(MESSAGE_SENT);
        if (place)
            tell_message((void *)context[0], skb, sk, &packet, place, 0);
        return 0;
    }
    if (sk->sk_protocol != IPPROTO_TCP)
        return 0;
    key.socket = (__u64)sk;
    key.ports = (__u32)sk->__sk_common.skc_num << 16 | sk->__sk_common.skc_dport;
    if (sk->__sk_common.skc_state == TCP_SYN_SENT) {
        bpf_map_delete_elem(&streams, &key);
        return 0;
    }
    stream = bpf_map_lookup_elem(&streams, &key);
    if (stream && is_done(stream))
        return 0;
    if (!read_segment(skb, &packet) || skb->dev->nd_net.net != sk->__sk_common.skc_net.net)
        return 0;
    place = message_place(MESSAGE_SENT);
    if (!stream)
        stream = add_stream(&key);
    if (!stream || !place)
        return 0;
    if (packet.destination_port == PORT_DNS) {
        stream->others++;
        tell_message((void *)context[0], skb, sk, &packet, place, WIRE_MESSAGE_STREAM);
        return 0;
    }
    if (!(stream->flags & STREAM_FOLLOWED)) {
        size = packet.size < HELLO_BYTES ? packet.size : HELLO_BYTES;
        if (read_packet((void *)context[0], skb, packet.payload, size, place) < size)
            return 0;
        bytes = place->bytes;
        if (size == HELLO_BYTES && bytes[0] == 22 && bytes[1] == 3 && bytes[5] == 1) {
            stream->others = WIRE_DETECT_OTHERS; // from here on it is not to be read
            tell_message((void *)context[0], skb, sk, &packet, place, WIRE_MESSAGE_STREAM | WIRE_MESSAGE_TLS);
            return 0;
        }
        // The cgroup's program tells of the bytes.
        if (detect.by_cgroup || !follows(stream, bytes[0], packet.sequence)) {
            if (detect.by_cgroup)
                stream->others++;
            return 0;
        }
    }
    look_at_bytes((void *)context[0], skb, sk, &packet, place, stream, &key);
    return 0;
}
