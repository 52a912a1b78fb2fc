// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Holds the connections of a cgroup to rules about detectors. Shares ring and settings with process.bpf.c.
//
// Cgroup programs decide: they are never skipped. What a connection sends is looked at as it leaves, and the segment that
// completes what is looked for is the first that does not: nobody's answer is waited for. Who is found by anything else, user
// space condemns: nothing of it connects or sends then.

#include "common.h"

#include "actor.h"
#include "held.h"
#include "net.h"
#include "stream.h"
#include "transport.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define DENY 0
#define PASS 1
#define LOSE 2

// How many of the run's own attempts were refused, and how many processes are condemned.
volatile struct wire_judge judge SEC(".data.judge");

// Process ids, and their verdicts. Written by user space.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, __u32);
    __type(value, __u32);
} condemned SEC(".maps");

// Connections of which nothing more leaves, by their cookies, and their verdicts. What has no room here is stopped as long as it is remembered.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u64);
    __type(value, __u32);
} stopped SEC(".maps");

// The verdict; 0 where it is not.
static __always_inline __u32 is_condemned(__u32 pid)
{
    __u32 *verdict = judge.condemned ? bpf_map_lookup_elem(&condemned, &pid) : 0;

    return verdict ? *verdict : 0;
}

static __always_inline int verdict_at_packet(__u32 verdict) { return verdict == WIRE_LOSE ? LOSE : DENY; }

// The rule that holds for whoever has the stream, with its number above its verdict. A function for the room on the stack.
__attribute__((noinline)) __u64 rule_for(__u64 holds)
{
    struct wire_choice *choice;
    __u32 number;

    if (!is_for(holds))
        return WIRE_ALLOW;
    if (!detect.choice)
        return (__u64)detect.rule << 32 | detect.verdict;
    number = choose(detect.choice, holds);
    choice = number ? bpf_map_lookup_elem(&choices, &number) : 0;
    return choice ? (__u64)choice->rule << 32 | choice->verdict : WIRE_ALLOW;
}

// Remembers whose the socket is: its packets may leave in anybody's time.
static __attribute__((noinline)) int connects(struct bpf_sock_addr *context, int sends, __u64 programs)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct stream_key key = {};
    struct stream *stream;

    if (is_condemned(bpf_get_current_pid_tgid() >> 32))
        return DENY;
    if (sends || context->protocol == IPPROTO_UDP)
        return PASS;
    key.socket = bpf_get_socket_cookie(context);
    stream = add_stream(&key);
    if (stream) {
        fill_task(&stream->task, task, 0);
        stream->flags = STREAM_OWNED | STREAM_IN_SCOPE;
        stream->holds = conditions(programs);
    }
    return PASS;
}

SEC("cgroup/connect4")
int connects_ipv4(struct bpf_sock_addr *context) { return connects(context, 0, PROGRAMS); }

SEC("cgroup/connect6")
int connects_ipv6(struct bpf_sock_addr *context) { return connects(context, 0, PROGRAMS); }

SEC("cgroup/sendmsg4")
int sends_ipv4(struct bpf_sock_addr *context) { return connects(context, 1, 0); }

SEC("cgroup/sendmsg6")
int sends_ipv6(struct bpf_sock_addr *context) { return connects(context, 1, 0); }

static __always_inline void fill_end(struct wire_address *address, __u32 family, __u32 ipv4, __u32 a, __u32 b, __u32 c,
                                     __u32 d)
{
    __u32 *words = (__u32 *)address->bytes;

    if (family == AF_INET) {
        words[2] = bpf_htonl(0xffff);
        words[3] = ipv4;
    } else {
        words[0] = a;
        words[1] = b;
        words[2] = c;
        words[3] = d;
    }
}

static __attribute__((noinline)) int tell_found(struct __sk_buff *packet, struct bpf_sock *sk, struct stream *stream,
                                                __u64 rule, __u32 flags)
{
    struct wire_detect *record;

    if (!packet || !sk || !stream)
        return 0;
    record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
    if (!record) {
        count_loss(WIRE_LOSS_RING + WIRE_DETECT);
        return 0;
    }
    __builtin_memset(record, 0, sizeof(*record));
    fill_end(&record->source, sk->family, sk->src_ip4, sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3]);
    fill_end(&record->destination, sk->family, sk->dst_ip4, sk->dst_ip6[0], sk->dst_ip6[1], sk->dst_ip6[2],
             sk->dst_ip6[3]);
    record->source.port = sk->src_port;
    record->destination.port = bpf_ntohs((__u16)sk->dst_port);
    tell_stream(stream, record, rule >> 32, rule, flags);
    submit(record, (__u32)rule == WIRE_KILL);
    return 0;
}

// Feeds at most CHUNK bytes. Verified once, for all of the loop below.
__attribute__((noinline)) int feed_chunk(struct __sk_buff *packet, __u32 offset, __u32 size)
{
    struct stream_key key = {.socket = bpf_get_socket_cookie(packet)};
    struct stream *stream = bpf_map_lookup_elem(&streams, &key);
    char bytes[CHUNK] = {}; // before 6.5 a helper writes only where something is

    if (!stream || !size || size > CHUNK)
        return 0;
    // From 1 to CHUNK: before 6.8 the verifier does not learn from a comparison that a number is not 0.
    size = (size - 1) & (CHUNK - 1);
    BARRIER(size);
    size = (size & (CHUNK - 1)) + 1;
    BARRIER(size);
    if (bpf_skb_load_bytes(packet, offset, bytes, size))
        return 0;
    feed(stream, bytes, size);
    return 1;
}

// Feeds what of a segment is new. False where more of it is there than is looked at.
__attribute__((noinline)) int feed_packet(struct __sk_buff *packet, __u32 offset, __u32 size)
{
    for (__u32 chunk = 0; chunk < CHUNKS; chunk++) {
        __u32 part = size;

        if (part > CHUNK)
            part = CHUNK;
        if (!feed_chunk(packet, offset, part))
            return 1;
        size -= part;
        if (!size)
            return 1;
        offset += part;
    }
    return 0;
}

static __always_inline int is_canary(struct __sk_buff *packet, __u32 offset)
{
    __u64 word = 0;

    return detect.canary && !bpf_skb_load_bytes(packet, offset + 8, &word, sizeof(word)) && word == detect.canary;
}

#define TCP_RESET 4

// Whether the other side is told that the connection is broken off, and nothing else.
static __attribute__((noinline)) int is_reset(struct __sk_buff *packet)
{
    __u64 transport = find_transport(packet);
    __u32 offset = (__u32)transport;
    __u8 head[2];

    if (!transport || bpf_skb_load_bytes(packet, offset + 12, head, sizeof(head)))
        return 0;
    return head[1] & TCP_RESET && offset + (head[0] >> 4) * 4 == packet->len;
}

// Whether it is of a connection that was there before.
static __attribute__((noinline)) int is_strange(struct __sk_buff *packet)
{
    struct stream_key key = {.socket = bpf_get_socket_cookie(packet)};
    struct bpf_sock *sk = packet->sk;

    if (sk)
        sk = bpf_sk_fullsock(sk);
    return sk && sk->protocol == IPPROTO_TCP && !bpf_map_lookup_elem(&streams, &key);
}

static __attribute__((noinline)) int judge_packet(struct __sk_buff *packet, __u64 programs)
{
    struct bpf_sock *sk = packet->sk;
    struct stream_key key = {};
    struct stream *stream;
    __u64 transport, before, rule;
    __u32 offset, sequence, size, skip, verdict, *known;
    __u8 words, first;

    if (!sk)
        return PASS;
    sk = bpf_sk_fullsock(sk);
    if (!sk)
        return PASS;
    if (sk->protocol == IPPROTO_UDP) {
        transport = find_transport(packet);
        if (!is_canary(packet, (__u32)transport))
            return PASS;
        judge.canaries = judge.canaries + 1;
        return DENY;
    }
    if (sk->protocol != IPPROTO_TCP)
        return PASS;
    key.socket = bpf_get_socket_cookie(packet);
    known = judge.stopped ? bpf_map_lookup_elem(&stopped, &key.socket) : 0;
    verdict = known ? *known : 0;
    stream = bpf_map_lookup_elem(&streams, &key);
    if (!verdict && stream)
        verdict = stream->verdict ? stream->verdict : is_condemned(stream->task.pid);
    if (verdict)
        return is_reset(packet) ? PASS : verdict_at_packet(verdict);
    if (stream && is_done(stream))
        return PASS;
    transport = find_transport(packet);
    offset = (__u32)transport;
    if (!transport || bpf_skb_load_bytes(packet, offset + 4, &sequence, sizeof(sequence)) ||
        bpf_skb_load_bytes(packet, offset + 12, &words, sizeof(words)))
        return PASS;
    sequence = bpf_ntohl(sequence);
    offset += (words >> 4) * 4;
    if (offset >= packet->len || bpf_skb_load_bytes(packet, offset, &first, 1))
        return PASS;
    size = packet->len - offset;
    if (!stream) {
        stream = add_stream(&key);
        if (!stream)
            return PASS;
        if (unified_cgroup_of((void *)bpf_get_current_task(), 0) == bpf_skb_cgroup_id(packet)) {
            fill_task(&stream->task, (void *)bpf_get_current_task(), 0);
            stream->flags = STREAM_OWNED | STREAM_IN_SCOPE;
            stream->holds = conditions(programs);
        } else {
            stream->holds = WIRE_ACTOR_STRANGER;
        }
    }
    if (!follows(stream, first, sequence))
        return PASS;
    skip = seen_before(stream, sequence);
    if (skip >= size)
        return PASS;
    before = stream->found;
    stream->next = sequence + size;
    size -= skip;
    if (!feed_packet(packet, offset + skip, size))
        stream->state = 0;
    stream->left -= size < stream->left ? size : stream->left;
    if (stream->found == before)
        return PASS;
    if (score(stream->found) < detect.threshold) {
        tell_found(packet, sk, stream, 0, 0);
        return PASS;
    }
    rule = rule_for(stream->holds);
    verdict = rule;
    if (verdict < WIRE_DENY || detect.dry) {
        tell_found(packet, sk, stream, rule, WIRE_DETECT_DECIDED);
        return PASS;
    }
    // Decided first, told second.
    stream->verdict = verdict;
    judge.stopped = 1;
    bpf_map_update_elem(&stopped, &key.socket, &verdict, BPF_ANY);
    tell_found(packet, sk, stream, rule, WIRE_DETECT_DECIDED | WIRE_DETECT_STOPPED);
    return verdict_at_packet(verdict);
}

SEC("cgroup_skb/egress")
int leaves_judged(struct __sk_buff *packet)
{
    return judge_packet(packet, actors.programs && is_strange(packet) ? PROGRAMS : 0);
}

SEC("cgroup/sock_release")
int forgets(struct bpf_sock *sk)
{
    __u64 socket = bpf_get_socket_cookie(sk);

    if (judge.stopped)
        bpf_map_delete_elem(&stopped, &socket);
    return PASS;
}
