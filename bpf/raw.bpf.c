// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Raw and packet sockets: who makes one, and who has one already. Shares ring, scope and settings with process.bpf.c.

#include "common.h"

#include "net.h"
#include "ring.h"
#include "socket_call.h"

#include "wire/socket.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define AF_PACKET 17
#define SOCK_RAW 3
#define SOCK_PACKET 10 // of AF_INET: an old way to ask for AF_PACKET
#define SOCK_TYPES 0xf // the flags of socket(2) are above

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock___type {
    __u16 sk_type;
};

struct packet_sock {
    __u16 num; // of the network's byte order
};

struct nsproxy {
    struct net *net_ns;
};

struct task_struct___network {
    struct nsproxy *nsproxy;
};

#pragma clang attribute pop

static __always_inline int is_raw(__u32 family, __u32 type)
{
    if (family == AF_PACKET)
        return 1;
    if (family != AF_INET && family != AF_INET6)
        return 0;
    return type == SOCK_RAW || (family == AF_INET && type == SOCK_PACKET);
}

static __always_inline void fill(struct wire_raw_socket *record, __u32 family, __u32 type, __u32 protocol)
{
    fill_header(&record->header, sizeof(*record), WIRE_RAW_SOCKET);
    record->family = type == SOCK_PACKET ? AF_PACKET : family;
    record->type = type;
    record->protocol = record->family == AF_PACKET ? bpf_ntohs(protocol) : protocol;
}

static __always_inline int made(__u32 family, __u32 type, __u32 protocol, __u32 namespace, int result, const int typed)
{
    struct wire_raw_socket record = {};

    if (!fill_current(&record.task, typed))
        return 0;
    fill(&record, family, type, protocol);
    record.namespace = namespace;
    record.error = -result;
    emit(&record, sizeof(record), WIRE_RAW_SOCKET);
    return 0;
}

// __sock_create(net, family, type, protocol, result, is the kernel's): what socket(2) and io_uring go through. A security
// module that refuses and a missing privilege are both seen.
PROGRAM("fexit", socket_made)
{
    struct net *net;

    if ((int)context[5] || !is_raw(context[1], context[2]))
        return 0;
    net = pointer_argument(context, 0);
    return made(context[1], context[2], context[3], BPF_CORE_READ(net, ns.inum), (int)context[6], 1);
}

// Where fexit is refused.
SEC("tracepoint")
int socket_call_exited(struct syscall_exit *context)
{
    struct task_struct___network *task = (void *)bpf_get_current_task();
    struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    __u64 family = CALL_ARGUMENT_1(regs), type = CALL_ARGUMENT_2(regs) & SOCK_TYPES;

    if (!is_raw((__u32)family, type))
        return 0;
    return made(family, type, CALL_ARGUMENT_3(regs), BPF_CORE_READ(task, nsproxy, net_ns, ns.inum),
                context->result < 0 ? (int)context->result : 0, 0);
}

// Those that were told: a socket may have many descriptors, in many processes.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, __u64);
    __type(value, __u32);
} found SEC(".maps");

SEC("iter/task_file")
int raw_existing(struct bpf_iter__task_file *context)
{
    struct seq_file *seq = context->meta->seq;
    struct task_struct *task = context->task;
    struct sock *sk = socket_of_file(context->file);
    struct wire_raw_socket record = {};
    __u32 family, type, protocol, yes = 1;
    __u64 key;

    if (!task || !sk)
        return 0;
    family = BPF_CORE_READ(sk, __sk_common.skc_family);
    type = BPF_CORE_READ((struct sock___type *)sk, sk_type);
    if (!is_raw(family, type))
        return 0;
    task = UNTRUSTED(task_struct, task);
    if (!in_scope(task, task->tgid, 1))
        return 0;
    key = (__u64)sk;
    if ((int)bpf_map_update_elem(&found, &key, &yes, BPF_NOEXIST) == -EEXIST)
        return 0;
    protocol = BPF_CORE_READ(sk, sk_protocol);
    if (family == AF_PACKET) {
        protocol = 0;
        if (bpf_core_field_exists(((struct packet_sock *)0)->num))
            protocol = BPF_CORE_READ((struct packet_sock *)sk, num);
    }
    fill(&record, family, type, protocol);
    fill_task(&record.task, task, 1);
    record.header.flags = WIRE_RAW_SOCKET_EARLIER;
    record.namespace = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
    bpf_seq_write(seq, &record, sizeof(record));
    return 0;
}
