// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The floor of watching TCP connections: the hooks of `ebpfguard watch-net` where fexit is refused, whose each socket is,
// and a record of each connect, accept and close; no scope, no wake-up, no older kernel.
#include "floor_kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "connect.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct in6_addr {
    __u8 bytes[16];
};
struct sock_common {
    __u32 skc_daddr, skc_rcv_saddr;
    __u16 skc_dport, skc_num, skc_family;
    struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
    struct sock_common __sk_common;
    __u16 sk_protocol;
};
struct tcp_sock {
    __u64 bytes_received, bytes_sent, bytes_retrans;
    __u32 segs_in, segs_out, total_retrans, srtt_us;
};
struct socket {
    struct sock *sk;
};
struct file___socket {
    void *private_data;
};
struct fdtable {
    struct file **fd;
};
struct files_struct {
    struct fdtable *fdt;
};
struct task_struct___files {
    struct files_struct *files;
};
#pragma clang attribute pop

struct owner {
    __u64 start;
    __u64 cgroup, born;
    __u32 pid, tid, uid, gid;
    char comm[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, __u64);
    __type(value, struct owner);
} owners SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20);
} ring SEC(".maps");

static __always_inline void own(struct owner *owner)
{
    struct task_struct *task = bpf_get_current_task_btf();
    const struct cred *cred = task->cred;

    owner->start = bpf_ktime_get_boot_ns();
    owner->pid = task->tgid;
    owner->tid = task->pid;
    owner->born = task->group_leader->start_boottime;
    owner->cgroup = task->cgroups->dfl_cgrp->kn->id;
    owner->uid = cred->euid.val;
    owner->gid = cred->egid.val;
    bpf_probe_read_kernel(owner->comm, sizeof(owner->comm), task->comm);
}

static __always_inline void tell(__u32 kind, struct sock *sk, struct owner *owner)
{
    struct connect_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

    if (!record)
        return;
    record->kind = kind;
    record->time = bpf_ktime_get_boot_ns();
    record->duration = record->time - owner->start;
    record->pid = owner->pid;
    record->uid = owner->uid;
    record->cgroup = owner->cgroup;
    record->born = owner->born;
    __builtin_memcpy(record->comm, owner->comm, sizeof(record->comm));
    record->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
    record->remote_port = BPF_CORE_READ(sk, __sk_common.skc_dport);
    record->local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
    record->remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
    record->sent = record->received = 0;
    bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

SEC("tp_btf/inet_sock_set_state")
int changed(__u64 *context)
{
    struct sock *sk = (void *)context[0];
    int from = context[1], to = context[2];
    __u64 key = (__u64)sk;
    struct owner *known, owner = {};

    if (sk->sk_protocol != 6)
        return 0;
    switch (to) {
    case 2: // SYN_SENT
        own(&owner);
        bpf_map_update_elem(&owners, &key, &owner, BPF_ANY);
        break;
    case 1: // ESTABLISHED
        known = bpf_map_lookup_elem(&owners, &key);
        if (known) {
            tell(1, sk, known);
        } else {
            owner.start = bpf_ktime_get_boot_ns();
            bpf_map_update_elem(&owners, &key, &owner, BPF_ANY);
        }
        break;
    case 7: // CLOSE
        known = bpf_map_lookup_elem(&owners, &key);
        if (!known)
            break;
        struct tcp_sock *tcp = (void *)bpf_skc_to_tcp_sock(sk);
        struct connect_record *record = tcp ? bpf_ringbuf_reserve(&ring, sizeof(*record), 0) : 0;
        if (record) {
            record->kind = 3;
            record->time = bpf_ktime_get_boot_ns();
            record->duration = record->time - known->start;
            record->pid = known->pid;
            record->uid = known->uid;
            record->cgroup = known->cgroup;
            record->born = known->born;
            __builtin_memcpy(record->comm, known->comm, sizeof(record->comm));
            record->local_port = sk->__sk_common.skc_num;
            record->remote_port = sk->__sk_common.skc_dport;
            record->local = sk->__sk_common.skc_rcv_saddr;
            record->remote = sk->__sk_common.skc_daddr;
            record->sent = tcp->bytes_sent - tcp->bytes_retrans;
            record->received = tcp->bytes_received;
            bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
        }
        bpf_map_delete_elem(&owners, &key);
        break;
    }
    (void)from;
    return 0;
}

struct syscall_exit {
    __u64 common;
    __s32 nr, unused;
    __s64 result;
};

SEC("tp/syscalls/sys_exit_accept4")
int accepted(struct syscall_exit *context)
{
    struct task_struct___files *task = (void *)bpf_get_current_task();
    struct file **files, *file = 0;
    struct owner *known, owner = {};
    struct socket *socket;
    struct sock *sk;
    __u64 key;

    if (context->result < 0)
        return 0;
    files = BPF_CORE_READ(task, files, fdt, fd);
    bpf_probe_read_kernel(&file, sizeof(file), files + context->result);
    socket = BPF_CORE_READ((struct file___socket *)file, private_data);
    sk = BPF_CORE_READ(socket, sk);
    key = (__u64)sk;
    known = bpf_map_lookup_elem(&owners, &key);
    own(&owner);
    if (known)
        owner.start = known->start;
    bpf_map_update_elem(&owners, &key, &owner, BPF_ANY);
    tell(2, sk, &owner);
    return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
