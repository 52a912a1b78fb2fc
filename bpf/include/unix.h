// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What the kernel knows of a UNIX socket: its name, its other end, who has that.
#ifndef UNIX_H
#define UNIX_H

#include "net.h"
#include "socket_call.h"
#include "wire/unix.h"

const volatile struct wire_unix_settings unix_settings SEC(".rodata.unix");

#define AF_UNIX 1
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define PIDTYPE_TGID 1 // enum pid_type, unchanged since 4.19
#define FAMILY_SIZE 2 // of an address, in front of its name
#define SOCK_DEAD 0 // enum sock_flags: it was released
#define UNIX_LISTENS 10 // TCP_LISTEN: UNIX sockets have the same states

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff_head {
    __u32 qlen;
};

// The number of descriptors and other users: 1, and 0 from 6.13 on, where there is but one.
typedef struct {
    __s64 counter;
} atomic64_t;

struct file___before_6_13 {
    atomic64_t f_count;
};

typedef struct {
    atomic64_t refcnt;
} file_ref_t;

struct file___counted {
    file_ref_t f_ref;
};

struct sock___unix {
    __u16 sk_type;
    struct pid *sk_peer_pid;
    struct sk_buff_head sk_receive_queue;
};

struct sockaddr_un {
    unsigned short sun_family;
};

struct hlist_node {
    struct hlist_node *next;
};

struct hlist_head {
    struct hlist_node *first;
};

struct pid___tasks {
    struct hlist_head tasks[1];
};

struct task_struct___pids {
    struct hlist_node pid_links[1];
};

struct unix_address {
    int len; // of the whole
    struct sockaddr_un name[0];
};

struct unix_sock {
    struct unix_address *addr;
    struct sock *peer;
};

#pragma clang attribute pop

// Who has bound a socket of datagrams: the kernel does not keep that. By the socket's address, and the number of its
// inode, since addresses are used again.
struct binder {
    __u64 inode;
    __u64 start;
    char comm[WIRE_COMM_SIZE];
    __u32 pid;
    __u32 unused;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, __u64);
    __type(value, struct binder);
} binders SEC(".maps");

// Of a UNIX socket only.
static __always_inline struct sock *unix_sock_of(struct socket *socket)
{
    struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : 0;

    return sk && BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX ? sk : 0;
}

static __always_inline __u32 type_of(struct sock *sk)
{
    return BPF_CORE_READ((struct sock___unix *)sk, sk_type);
}

// The name that a socket was bound to.
static __always_inline void set_own_address(struct wire_unix *record, struct sock *sk)
{
    struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
    __u32 size;

    if (!address)
        return;
    size = BPF_CORE_READ(address, len) - FAMILY_SIZE;
    BARRIER(size);
    if (size > WIRE_UNIX_ADDRESS)
        return;
    if (!bpf_probe_read_kernel(record->address, size,
                               (const char *)address + bpf_core_field_offset(struct unix_address, name) + FAMILY_SIZE))
        record->address_size = size;
}

// The name that the caller gave. `length` is that of the whole address.
static __always_inline void set_given_address(struct wire_unix *record, const void *given, __u32 length, int in_user)
{
    __u32 size = length - FAMILY_SIZE;
    long failed;

    if (!given || length <= FAMILY_SIZE || size > WIRE_UNIX_ADDRESS)
        return;
    BARRIER(size);
    if (size > WIRE_UNIX_ADDRESS)
        return;
    failed = in_user ? bpf_probe_read_user(record->address, size, (const char *)given + FAMILY_SIZE)
                     : bpf_probe_read_kernel(record->address, size, (const char *)given + FAMILY_SIZE);
    if (!failed)
        record->address_size = size;
}

static __always_inline struct sock *peer_of(struct sock *sk)
{
    return BPF_CORE_READ((struct unix_sock *)sk, peer);
}

static __always_inline int has_address(struct sock *sk)
{
    return BPF_CORE_READ((struct unix_sock *)sk, addr) != 0;
}

static __always_inline int is_dead(struct sock *sk)
{
    return BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DEAD & 1;
}

// All but the task.
static __always_inline void fill_socket(struct wire_unix *record, struct sock *sk, __u16 operation)
{
    fill_header(&record->header, sizeof(*record), WIRE_UNIX);
    if (!unix_settings.counts)
        record->header.flags = WIRE_UNIX_UNCOUNTED;
    record->operation = operation;
    record->type = type_of(sk);
    record->namespace = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

// False when the current process is not wanted.
static __always_inline int fill(struct wire_unix *record, struct sock *sk, __u16 operation, long result, const int typed)
{
    if (!fill_current(&record->task, typed))
        return 0;
    fill_socket(record, sk, operation);
    record->error = result < 0 ? -result : 0;
    return 1;
}

// The process of a number, where it has not ended.
static __always_inline struct task_struct *leader_of(struct pid *pid)
{
    __u64 tasks = (__u64)pid + bpf_core_field_offset(struct pid___tasks, tasks);
    __u64 first = 0;

    READ(first, tasks + PIDTYPE_TGID * bpf_core_type_size(struct hlist_head));
    if (!first)
        return 0;
    return (void *)(first - PIDTYPE_TGID * bpf_core_type_size(struct hlist_node) -
                    bpf_core_field_offset(struct task_struct___pids, pid_links));
}

static __always_inline void set_peer(struct wire_unix *record, struct sock *sk)
{
    struct pid *pid = BPF_CORE_READ((struct sock___unix *)sk, sk_peer_pid);
    struct task_struct *task;

    if (!pid)
        return;
    record->peer = BPF_CORE_READ(pid, numbers[0].nr);
    task = leader_of(pid);
    if (!task)
        return;
    record->peer_start = BPF_CORE_READ(task, start_boottime);
    bpf_probe_read_kernel(record->peer_comm, sizeof(record->peer_comm), task->comm);
}

static __always_inline void set_binder(struct wire_unix *record, struct sock *peer)
{
    __u64 key = (__u64)peer;
    struct binder *binder = bpf_map_lookup_elem(&binders, &key);

    if (!binder || binder->inode != inode_of(BPF_CORE_READ(peer, sk_socket)))
        return;
    record->peer = binder->pid;
    record->peer_start = binder->start;
    __builtin_memcpy(record->peer_comm, binder->comm, sizeof(record->peer_comm));
}

#endif
