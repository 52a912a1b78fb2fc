// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Rules about addresses and ports, for the sockets of a cgroup. Shares ring and settings with process.bpf.c.
//
// Cgroup programs decide: they are never skipped, go on when ftrace is switched off, and see what io_uring, MPTCP and TCP
// Fast Open do. What is decided never depends on room in the ring.

#include "common.h"

#include "net.h"
#include "ring.h"
#include "task.h"

#include "wire/enforce.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define IPPROTO_MPTCP 262
#define IPPROTO_UDPLITE 136
#define TCP_LISTEN 10

#define DENY 0
#define PASS 1

const volatile struct wire_policy policy SEC(".rodata.policy");

// How many of the run's own attempts were refused. One thread makes them, and nobody else
// knows the addresses.
volatile __u64 canaries SEC(".data.canaries");

// Sized by user space.
struct targets {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct wire_target);
    __type(value, struct wire_decision);
};

struct targets connect_targets SEC(".maps");
struct targets listen_targets SEC(".maps");

// Where it was told that somebody listens.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, struct wire_target);
    __type(value, __u32);
} told SEC(".maps");

// All protocols that a rule can name.
static __always_inline __u8 named_protocol(__u32 protocol)
{
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP)
        return IPPROTO_TCP;
    if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE)
        return IPPROTO_UDP;
    return 0;
}

static __always_inline void set_ipv4(struct wire_target *target, __u32 address)
{
    target->family = WIRE_FAMILY_IPV4;
    target->bits = WIRE_TARGET_BITS + 32;
    __builtin_memcpy(target->address, &address, 4);
}

// IPv4 in the form that IPv6 carries it in is IPv4: UDP calls the hooks of IPv4 for it, TCP those of IPv6.
static __always_inline void set_ipv6(struct wire_target *target, __u32 a, __u32 b, __u32 c, __u32 d)
{
    __u32 address[4] = {a, b, c, d};

    if (!a && !b && c == bpf_htonl(0xffff)) {
        set_ipv4(target, d);
        return;
    }
    target->family = WIRE_FAMILY_IPV6;
    target->bits = WIRE_TARGET_BITS + 128;
    __builtin_memcpy(target->address, address, 16);
}

// Finds what holds for the address in `target`, with at most one look-up for each shape of keys that there is, however
// many keys there are. `target->bits` is that of a whole address.
static __always_inline struct wire_decision decide(void *map, struct wire_target *target, const int operation)
{
    struct wire_decision best = {
        .verdict = policy.fallback[operation].verdict,
        .rule = policy.fallback[operation].rule,
    };
    __u16 port = target->port;
    __u8 protocol = target->protocol;

#pragma unroll
    for (__u32 shape = 0; shape < WIRE_SHAPES; shape++) {
        struct wire_decision *found;

        if (!(policy.shapes[operation] & 1u << shape))
            continue;
        target->port = shape & WIRE_SHAPE_PORT ? port : 0;
        target->protocol = shape & WIRE_SHAPE_PROTOCOL ? protocol : 0;
        found = bpf_map_lookup_elem(map, target);
        // What is found has a rank above that of the fallback.
        if (found && found->rank > best.rank)
            best = *found;
    }
    target->port = port;
    target->protocol = protocol;
    return best;
}

static __always_inline void fill_address(struct wire_address *address, const struct wire_target *target)
{
    if (target->family == WIRE_FAMILY_IPV4) {
        address->bytes[10] = address->bytes[11] = 0xff;
        __builtin_memcpy(address->bytes + 12, target->address, 4);
    } else {
        __builtin_memcpy(address->bytes, target->address, 16);
    }
    address->port = target->port;
}

static __always_inline void tell(const struct wire_decision *decision, const struct wire_target *target,
                                 const int operation, __u32 protocol, __u16 flags, struct task_struct *task)
{
    struct wire_violation record = {};

    fill_header(&record.header, sizeof(record), WIRE_VIOLATION);
    if (task)
        fill_task(&record.task, task, 0);
    else
        flags |= WIRE_VIOLATION_NO_TASK;
    if (decision->verdict == WIRE_DENY && !policy.dry)
        flags |= WIRE_VIOLATION_ENFORCED;
    record.header.flags = flags;
    fill_address(&record.address, target);
    record.rule = decision->rule;
    record.verdict = decision->verdict;
    record.operation = operation;
    record.protocol = protocol;
    emit(&record, sizeof(record), WIRE_VIOLATION);
}

// Decided first, told second.
static __always_inline int judge(void *map, struct wire_target *target, const int operation, __u32 protocol,
                                 __u16 flags)
{
    struct wire_decision decision = decide(map, target, operation);
    __u32 yes = 1;

    if (decision.verdict == WIRE_ALLOW)
        return PASS;
    if (decision.verdict == WIRE_CANARY) {
        canaries = canaries + 1;
        return DENY;
    }
    if (operation == WIRE_POLICY_LISTEN)
        bpf_map_update_elem(&told, target, &yes, BPF_ANY);
    tell(&decision, target, operation, protocol, flags, (void *)bpf_get_current_task());
    return decision.verdict == WIRE_DENY && !policy.dry ? DENY : PASS;
}

static __always_inline int judge4(struct bpf_sock_addr *context, void *map, const int operation, __u16 flags)
{
    struct wire_target target = {.port = bpf_ntohs(context->user_port)};
    __u32 protocol = context->protocol;

    target.protocol = named_protocol(protocol);
    set_ipv4(&target, context->user_ip4);
    return judge(map, &target, operation, protocol, flags);
}

static __always_inline int judge6(struct bpf_sock_addr *context, void *map, const int operation, __u16 flags)
{
    struct wire_target target = {.port = bpf_ntohs(context->user_port)};
    __u32 protocol = context->protocol;

    target.protocol = named_protocol(protocol);
    set_ipv6(&target, context->user_ip6[0], context->user_ip6[1], context->user_ip6[2], context->user_ip6[3]);
    return judge(map, &target, operation, protocol, flags);
}

SEC("cgroup/connect4")
int connect_ipv4(struct bpf_sock_addr *context)
{
    return judge4(context, &connect_targets, WIRE_POLICY_CONNECT, 0);
}

SEC("cgroup/connect6")
int connect_ipv6(struct bpf_sock_addr *context)
{
    return judge6(context, &connect_targets, WIRE_POLICY_CONNECT, 0);
}

SEC("cgroup/sendmsg4")
int send_ipv4(struct bpf_sock_addr *context)
{
    return judge4(context, &connect_targets, WIRE_POLICY_CONNECT, WIRE_VIOLATION_SENT);
}

SEC("cgroup/sendmsg6")
int send_ipv6(struct bpf_sock_addr *context)
{
    return judge6(context, &connect_targets, WIRE_POLICY_CONNECT, WIRE_VIOLATION_SENT);
}

// To bind to no port in particular is what clients do. If a server does, it listens without a port that was asked for,
// as one that does not bind at all: see below.
SEC("cgroup/bind4")
int bind_ipv4(struct bpf_sock_addr *context)
{
    return context->user_port ? judge4(context, &listen_targets, WIRE_POLICY_LISTEN, 0) : PASS;
}

SEC("cgroup/bind6")
int bind_ipv6(struct bpf_sock_addr *context)
{
    return context->user_port ? judge6(context, &listen_targets, WIRE_POLICY_LISTEN, 0) : PASS;
}

// listen(2) without bind(2) is no hook's business. So it succeeds, and nobody gets through to the port that the kernel has
// chosen where a rule is against it.
SEC("cgroup_skb/ingress")
int arrived(struct __sk_buff *packet)
{
    struct wire_target target = {};
    struct wire_decision decision;
    struct bpf_sock *sk = packet->sk;
    __u32 yes = 1;

    if (!sk || sk->state != TCP_LISTEN)
        return PASS;
    sk = bpf_sk_fullsock(sk);
    if (!sk)
        return PASS;
    target.port = sk->src_port;
    target.protocol = IPPROTO_TCP;
    if (sk->family == AF_INET) {
        set_ipv4(&target, sk->src_ip4);
    } else {
        set_ipv6(&target, sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3]);
    }
    decision = decide(&listen_targets, &target, WIRE_POLICY_LISTEN);
    if (decision.verdict == WIRE_ALLOW)
        return PASS;
    if (decision.verdict == WIRE_CANARY)
        return DENY;
    if (!bpf_map_update_elem(&told, &target, &yes, BPF_NOEXIST))
        tell(&decision, &target, WIRE_POLICY_LISTEN, IPPROTO_TCP, 0, 0);
    return decision.verdict == WIRE_DENY && !policy.dry ? DENY : PASS;
}
