// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// UNIX sockets: who connects to whom, who accepts and who listens. Shares ring, scope and settings with process.bpf.c.

#include "common.h"

#include "net.h"
#include "ring.h"
#include "socket_call.h"

#include "wire/unix.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define AF_UNIX 1
#define SOCK_DGRAM 2
#define PIDTYPE_TGID 1 // enum pid_type, unchanged since 4.19
#define FAMILY_SIZE 2 // of an address, in front of its name

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock___unix {
    __u16 sk_type;
    struct pid *sk_peer_pid;
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

static __always_inline int fill(struct wire_unix *record, struct sock *sk, __u16 operation, long result, const int typed)
{
    if (!fill_current(&record->task, typed))
        return 0;
    fill_header(&record->header, sizeof(*record), WIRE_UNIX);
    record->operation = operation;
    record->type = type_of(sk);
    record->namespace = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
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

static __always_inline int connected(struct socket *socket, const void *given, __u32 length, long result, int in_user,
                                     const int typed)
{
    struct sock *sk = unix_sock_of(socket), *peer;
    struct wire_unix record = {};

    if (!sk || is_interrupted(-result))
        return 0;
    peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
    if (!result && !peer) // an address of no family: it is connected no more
        return 0;
    if (!fill(&record, sk, WIRE_UNIX_CONNECT, result, typed))
        return 0;
    if (!result) {
        if (type_of(sk) == SOCK_DGRAM)
            set_binder(&record, peer);
        else
            set_peer(&record, sk);
        // What the caller has in its memory may have changed since.
        if (in_user)
            set_own_address(&record, peer);
    }
    if (!record.address_size)
        set_given_address(&record, given, length, in_user);
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

static __always_inline int accepted(struct socket *socket, const int typed)
{
    struct sock *sk = unix_sock_of(socket);
    struct wire_unix record = {};

    if (!sk || !fill(&record, sk, WIRE_UNIX_ACCEPT, 0, typed))
        return 0;
    set_own_address(&record, sk);
    set_peer(&record, sk);
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

static __always_inline int listened(struct socket *socket, long result, const int typed)
{
    struct sock *sk = unix_sock_of(socket);
    struct wire_unix record = {};

    if (!sk || !fill(&record, sk, WIRE_UNIX_LISTEN, result, typed))
        return 0;
    set_own_address(&record, sk);
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

// A socket of datagrams gets what is sent to it from then on; one of connections has to listen first.
static __always_inline int bound(struct socket *socket, const void *given, __u32 length, long result, int in_user,
                                 const int typed)
{
    struct sock *sk = unix_sock_of(socket);
    struct wire_unix record = {};

    if (!sk || is_interrupted(-result) || (!result && type_of(sk) != SOCK_DGRAM))
        return 0;
    if (!result) {
        __u64 key = (__u64)sk;
        struct task_struct *task = (void *)bpf_get_current_task();
        struct binder binder = {.inode = inode_of(socket), .pid = bpf_get_current_pid_tgid() >> 32};

        binder.start = BPF_CORE_READ(task, group_leader, start_boottime);
        task = BPF_CORE_READ(task, group_leader);
        bpf_probe_read_kernel(binder.comm, sizeof(binder.comm), task->comm);
        bpf_map_update_elem(&binders, &key, &binder, BPF_ANY);
    }
    if (!fill(&record, sk, WIRE_UNIX_LISTEN, result, typed))
        return 0;
    if (result)
        set_given_address(&record, given, length, in_user);
    else
        set_own_address(&record, sk);
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

// Best hooks: what the calls lead to, of io_uring too.

// unix_stream_connect(socket, address, length, flags); unix_dgram_connect alike
SEC("fexit")
int unix_stream_connected(__u64 *context)
{
    return connected(pointer_argument(context, 0), pointer_argument(context, 1), context[2], (int)context[4], 0, 1);
}

SEC("fexit")
int unix_dgram_connected(__u64 *context)
{
    return connected(pointer_argument(context, 0), pointer_argument(context, 1), context[2], (int)context[4], 0, 1);
}

// unix_accept(socket, new socket, ...): the rest differs by version. The new one has nothing where that fails.
SEC("fexit")
int unix_accepted(__u64 *context)
{
    return accepted(pointer_argument(context, 1), 1);
}

// unix_listen(socket, backlog)
SEC("fexit")
int unix_listened(__u64 *context)
{
    return listened(pointer_argument(context, 0), (int)context[2], 1);
}

// unix_bind(socket, address, length)
SEC("fexit")
int unix_bound(__u64 *context)
{
    return bound(pointer_argument(context, 0), pointer_argument(context, 1), context[2], (int)context[3], 0, 1);
}

// Where fexit is refused.
SEC("tracepoint")
int unix_call_exited(struct syscall_exit *context)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    __s64 result = context->result;
    struct socket *socket;

    if (context->nr == NR_ACCEPT || context->nr == NR_ACCEPT4)
        return result < 0 ? 0 : accepted(socket_of_descriptor(task, result), 0);
    socket = socket_of_descriptor(task, CALL_ARGUMENT_1(regs));
    if (context->nr == NR_LISTEN)
        return listened(socket, result, 0);
    if (context->nr == NR_CONNECT)
        return connected(socket, (const void *)CALL_ARGUMENT_2(regs), CALL_ARGUMENT_3(regs), result, 1, 0);
    if (context->nr == NR_BIND)
        return bound(socket, (const void *)CALL_ARGUMENT_2(regs), CALL_ARGUMENT_3(regs), result, 1, 0);
    return 0;
}
