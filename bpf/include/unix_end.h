// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is remembered of each end of a UNIX connection, and of each socket that waits for one: whose it is, and what went
// through it.
//
// What is sent through a connection is counted for both ends, as it is then in the other one's queue, read or not. But the
// other one may have read it, and be closed, before the function that sends has returned; so what is read is counted too,
// and what arrived is the greater of both. A datagram may come from anywhere: of these only what is read is counted.
#ifndef UNIX_END_H
#define UNIX_END_H

#include "ring.h"
#include "unix.h"

#define MSG_PEEK 2

// The record that told of it; its numbers go on.
struct end {
    struct wire_unix record; // its task's pid 0: nobody has accepted it yet
    __u64 start;
    __u64 inode; // an address is used again; 0 while it waits to be accepted
    __u64 other; // where it waits: who connected
    __u64 read;  // bytes
    __u64 packets_read;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 32768);
    __type(key, __u64);
    __type(value, struct end);
} ends SEC(".maps");

// Too large for the stack, beside a record.
const volatile struct end no_end SEC(".rodata.end");

static __always_inline struct end *end_of(__u64 key)
{
    return bpf_map_lookup_elem(&ends, &key);
}

static __always_inline void forget(__u64 key)
{
    bpf_map_delete_elem(&ends, &key);
}

static __always_inline void set_received(struct wire_unix *record, const struct end *end)
{
    if (record->received < end->read)
        record->received = end->read;
    if (record->packets_received < end->packets_read)
        record->packets_received = end->packets_read;
}

static __always_inline void tell_close(struct end *end)
{
    struct wire_unix *record = &end->record;

    set_received(record, end);

    record->header.time = bpf_ktime_get_boot_ns();
    record->operation = WIRE_UNIX_CLOSE;
    record->duration = record->header.time - end->start;
    emit(record, sizeof(*record), WIRE_UNIX);
}

// What is remembered of this socket, from now on if it is new.
static __always_inline struct end *open_end(struct sock *sk, struct socket *socket)
{
    __u64 key = (__u64)sk;
    struct end *end = end_of(key);

    // One that was at this address before has ended, and nobody has seen it.
    if (unix_settings.polls && end && end->inode && end->inode != inode_of(socket)) {
        if (end->record.task.pid) {
            end->record.header.flags |= WIRE_UNIX_NO_END;
            tell_close(end);
        }
        forget(key);
        end = 0;
    }
    if (end)
        return end;
    bpf_map_update_elem(&ends, &key, (const void *)&no_end, BPF_NOEXIST);
    end = end_of(key);
    if (!end)
        count_loss(WIRE_LOSS_SOCKET);
    return end;
}

// Whether it is this socket's, where it is not seen when that is released.
static __always_inline int is_of(const struct end *end, struct sock *sk)
{
    return !unix_settings.polls || !end->inode || end->inode == inode_of(BPF_CORE_READ(sk, sk_socket));
}

// From now on the socket is the current process's. What has gone through it before stays counted.
static __always_inline void remember(struct sock *sk, struct socket *socket, const struct wire_unix *record)
{
    struct end *end = open_end(sk, socket);

    if (!end)
        return;
    __builtin_memcpy(&end->record, record, __builtin_offsetof(struct wire_unix, sent));
    end->start = record->header.time;
    end->inode = inode_of(socket);
}

// What is sent to a socket that waits to be accepted is counted too.
static __always_inline void expect(struct sock *sk, struct sock *other)
{
    struct end *end = open_end(sk, BPF_CORE_READ(sk, sk_socket));

    if (end)
        end->other = (__u64)other;
}

// A socket of datagrams that is connected elsewhere, or nowhere.
static __always_inline void leave(struct sock *sk)
{
    struct end *end = end_of((__u64)sk);

    if (!end || !(end->record.header.flags & WIRE_CONNECTION_OUTGOING) || !is_of(end, sk))
        return;
    end->record.end = WIRE_TCP_CLOSED;
    tell_close(end);
    forget((__u64)sk);
}

static __always_inline int count_sent(struct sock *sk, long result)
{
    __u32 type = type_of(sk), packets = type != SOCK_STREAM;
    struct end *end, *other;
    struct sock *peer;

    if (result < 0 || (!result && !packets))
        return 0;
    end = end_of((__u64)sk);
    if (end && is_of(end, sk)) {
        __atomic_fetch_add(&end->record.sent, result, __ATOMIC_RELAXED);
        if (packets)
            __atomic_fetch_add(&end->record.packets_sent, 1, __ATOMIC_RELAXED);
    }
    if (type == SOCK_DGRAM)
        return 0;
    peer = peer_of(sk);
    other = peer ? end_of((__u64)peer) : 0;
    if (other && is_of(other, peer)) {
        __atomic_fetch_add(&other->record.received, result, __ATOMIC_RELAXED);
        if (packets)
            __atomic_fetch_add(&other->record.packets_received, 1, __ATOMIC_RELAXED);
    }
    return 0;
}

static __always_inline int count_read(struct sock *sk, int flags, long result)
{
    struct end *end;
    __u32 type;

    if (result < 0 || flags & MSG_PEEK)
        return 0;
    end = end_of((__u64)sk);
    if (!end || !is_of(end, sk))
        return 0;
    type = type_of(sk);
    __atomic_fetch_add(&end->read, result, __ATOMIC_RELAXED);
    // Nothing but the end of a connection is 0 bytes long.
    if (type == SOCK_DGRAM || (type != SOCK_STREAM && result))
        __atomic_fetch_add(&end->packets_read, 1, __ATOMIC_RELAXED);
    return 0;
}

static __always_inline __u16 reason_of(struct sock *sk, struct sock *peer)
{
    if (peer && is_dead(peer))
        return WIRE_TCP_CLOSED_BY_PEER;
    // The other end gets ECONNRESET then.
    if (type_of(sk) != SOCK_DGRAM && BPF_CORE_READ((struct sock___unix *)sk, sk_receive_queue.qlen))
        return WIRE_TCP_RESET;
    return WIRE_TCP_CLOSED;
}

// The last process that has the socket closes it.
static __always_inline int ended(struct sock *sk, const int typed)
{
    struct end *end = end_of((__u64)sk), *other;
    struct sock *peer;

    if (!end || !is_of(end, sk))
        return 0;
    peer = peer_of(sk);
    // It was accepted in a way that is not seen: who closes it has it.
    if (!end->record.task.pid && BPF_CORE_READ(sk, sk_socket) && fill(&end->record, sk, 0, 0, typed)) {
        set_own_address(&end->record, sk);
        set_peer(&end->record, sk);
        end->record.header.flags |= WIRE_CONNECTION_INCOMING | WIRE_CONNECTION_NO_START;
    }
    if (!end->record.task.pid) {
        forget((__u64)sk);
        return 0;
    }
    if (!(end->record.header.flags & WIRE_CONNECTION_LISTENER)) {
        if (!end->record.end)
            end->record.end = reason_of(sk, peer);
        other = peer && !is_dead(peer) ? end_of((__u64)peer) : 0;
        if (other && type_of(sk) != SOCK_DGRAM && !other->record.end)
            other->record.end =
                end->record.end == WIRE_TCP_RESET ? WIRE_TCP_RESET_BY_PEER : WIRE_TCP_CLOSED_BY_PEER;
    }
    tell_close(end);
    forget((__u64)sk);
    return 0;
}

#endif
