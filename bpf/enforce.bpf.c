// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Rules about addresses, ports and names, for the sockets of a cgroup. Shares ring and settings with process.bpf.c.
//
// Cgroup programs decide: they are never skipped, go on when ftrace is switched off, and see what io_uring, MPTCP and TCP
// Fast Open do. What is decided never depends on room in the ring.

#include "common.h"

#include "held.h"
#include "policy_dns.h"
#include "policy_owner.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TCP_SYN_SENT 2
#define TCP_LISTEN 10

// What egress programs answer: with the second bit the sender is not told, without it the call fails with EPERM.
#define LOSE 2

// Where it was told that somebody listens.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, struct wire_target);
    __type(value, __u32);
} told SEC(".maps");

// Sockets that are connected to where nothing gets through, by their cookies. What has no room here is denied.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u64);
    __type(value, __u32);
} lost SEC(".maps");

// Which questions of connections were told: what is lost is sent again.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, struct question_key);
    __type(value, __u32);
} told_questions SEC(".maps");

// In the ring's own memory: with its name a record has no room on the stack.
static __always_inline void tell(const struct wire_decision *decision, const struct wire_target *target,
                                 const struct naming *naming, const int operation, __u32 protocol, __u16 flags,
                                 struct task_struct *task)
{
    struct wire_violation *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
    struct name *name;

    if (!record) {
        count_loss(WIRE_LOSS_RING + WIRE_VIOLATION);
        return;
    }
    __builtin_memset(record, 0, sizeof(*record));
    fill_header(&record->header, sizeof(*record), WIRE_VIOLATION);
    if (task)
        fill_task(&record->task, task, 0);
    else
        flags |= WIRE_VIOLATION_NO_TASK;
    if (stops(decision) && !policy.dry)
        flags |= WIRE_VIOLATION_ENFORCED;
    record->header.flags = flags;
    set_mapped(record->address.bytes, target);
    record->address.port = target->port;
    record->rule = decision->rule;
    record->verdict = decision->verdict;
    record->operation = operation;
    record->protocol = protocol;
    name = naming && naming->count ? bpf_map_lookup_elem(&asked_names, &naming->name) : 0;
    if (name) {
        record->name_size = name->size;
        record->others = naming->count - 1;
        __builtin_memcpy(record->name, name->text, sizeof(record->name));
    }
    submit(record, decision->verdict == WIRE_KILL);
}

static __always_inline int loses(const struct wire_decision *decision)
{
    return decision->verdict == WIRE_LOSE && !policy.dry;
}

// A connection that is made succeeds as far as it can without packets. What can't be told by them later is denied.
static __always_inline int lose(struct bpf_sock_addr *context, __u32 protocol, __u16 flags)
{
    __u64 socket = bpf_get_socket_cookie(context);
    __u32 yes = 1;

    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
        return DENY;
    if (flags & WIRE_VIOLATION_SENT) {
        // To elsewhere than where it is connected to.
        return context->sk && context->sk->dst_port ? DENY : PASS;
    }
    return bpf_map_update_elem(&lost, &socket, &yes, BPF_ANY) ? DENY : PASS;
}

// Decided first, told second.
static __always_inline int judge(struct bpf_sock_addr *context, void *map, struct wire_target *target,
                                 const int operation, __u32 protocol, __u16 flags, __u64 programs)
{
    const struct actor actor = {.isCurrent = 1, .holds = programs};
    struct wire_decision decision = decide_address(map, target, operation, &actor);
    struct naming naming = {};
    __u32 yes = 1;

    if (operation == WIRE_POLICY_CONNECT && policy.names)
        decide_by_names(&decision, target, &actor, &naming);
    if (actors.scoped && decision.verdict != WIRE_ALLOW && decision.verdict != WIRE_CANARY &&
        !is_for(conditions(programs)))
        decision.verdict = WIRE_ALLOW;
    if (policy.remembers && context->sk)
        remember_owner(context->sk, programs);
    if (operation == WIRE_POLICY_CONNECT && policy.drops && !loses(&decision) && !(flags & WIRE_VIOLATION_SENT)) {
        __u64 socket = bpf_get_socket_cookie(context);

        bpf_map_delete_elem(&lost, &socket);
    }
    if (decision.verdict == WIRE_ALLOW)
        return PASS;
    if (decision.verdict == WIRE_CANARY) {
        canaries = canaries + 1;
        return DENY;
    }
    if (operation == WIRE_POLICY_LISTEN)
        bpf_map_update_elem(&told, target, &yes, BPF_ANY);
    tell(&decision, target, &naming, operation, protocol, flags, (void *)bpf_get_current_task());
    if (operation == WIRE_POLICY_CONNECT && policy.drops && loses(&decision))
        return lose(context, protocol, flags);
    return stops(&decision) && !policy.dry ? DENY : PASS;
}

// The entries have hardly any stack, since finding out about programs takes most of what there may be.

static __attribute__((noinline)) int judge_connect4(struct bpf_sock_addr *context, __u16 flags, __u64 programs)
{
    struct wire_target target = {.port = bpf_ntohs(context->user_port)};
    __u32 protocol = context->protocol;

    target.protocol = named_protocol(protocol);
    set_ipv4(&target, context->user_ip4);
    return judge(context, &connect_targets, &target, WIRE_POLICY_CONNECT, protocol, flags, programs);
}

static __attribute__((noinline)) int judge_connect6(struct bpf_sock_addr *context, __u16 flags, __u64 programs)
{
    struct wire_target target = {.port = bpf_ntohs(context->user_port)};
    __u32 protocol = context->protocol;

    target.protocol = named_protocol(protocol);
    set_ipv6(&target, context->user_ip6[0], context->user_ip6[1], context->user_ip6[2], context->user_ip6[3]);
    return judge(context, &connect_targets, &target, WIRE_POLICY_CONNECT, protocol, flags, programs);
}

static __attribute__((noinline)) int judge_bind4(struct bpf_sock_addr *context, __u64 programs)
{
    struct wire_target target = {.port = bpf_ntohs(context->user_port)};
    __u32 protocol = context->protocol;

    target.protocol = named_protocol(protocol);
    set_ipv4(&target, context->user_ip4);
    return judge(context, &listen_targets, &target, WIRE_POLICY_LISTEN, protocol, 0, programs);
}

static __attribute__((noinline)) int judge_bind6(struct bpf_sock_addr *context, __u64 programs)
{
    struct wire_target target = {.port = bpf_ntohs(context->user_port)};
    __u32 protocol = context->protocol;

    target.protocol = named_protocol(protocol);
    set_ipv6(&target, context->user_ip6[0], context->user_ip6[1], context->user_ip6[2], context->user_ip6[3]);
    return judge(context, &listen_targets, &target, WIRE_POLICY_LISTEN, protocol, 0, programs);
}

SEC("cgroup/connect4")
int connect_ipv4(struct bpf_sock_addr *context)
{
    return judge_connect4(context, 0, PROGRAMS);
}

SEC("cgroup/connect6")
int connect_ipv6(struct bpf_sock_addr *context)
{
    return judge_connect6(context, 0, PROGRAMS);
}

SEC("cgroup/sendmsg4")
int send_ipv4(struct bpf_sock_addr *context)
{
    return judge_connect4(context, WIRE_VIOLATION_SENT, PROGRAMS);
}

SEC("cgroup/sendmsg6")
int send_ipv6(struct bpf_sock_addr *context)
{
    return judge_connect6(context, WIRE_VIOLATION_SENT, PROGRAMS);
}

// To bind to no port in particular is what clients do. If a server does, it listens without a port that was asked for,
// as one that does not bind at all: see below.
SEC("cgroup/bind4")
int bind_ipv4(struct bpf_sock_addr *context)
{
    return context->user_port ? judge_bind4(context, PROGRAMS) : PASS;
}

SEC("cgroup/bind6")
int bind_ipv6(struct bpf_sock_addr *context)
{
    return context->user_port ? judge_bind6(context, PROGRAMS) : PASS;
}

// listen(2) without bind(2) is no hook's business. So it succeeds, and nobody gets through to the port that the kernel has
// chosen where a rule is against it.
static __always_inline int judge_listener(struct bpf_sock *sk)
{
    struct wire_target target = {.port = sk->src_port, .protocol = IPPROTO_TCP};
    const struct actor actor = owner_of(sk);
    struct wire_decision decision;
    __u32 yes = 1;

    if (sk->family == AF_INET) {
        set_ipv4(&target, sk->src_ip4);
    } else {
        set_ipv6(&target, sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3]);
    }
    decision = decide_address(&listen_targets, &target, WIRE_POLICY_LISTEN, &actor);
    if (decision.verdict == WIRE_ALLOW)
        return PASS;
    if (decision.verdict == WIRE_CANARY)
        return DENY;
    if (!is_for(actor.holds))
        return PASS;
    if (!bpf_map_update_elem(&told, &target, &yes, BPF_NOEXIST))
        tell(&decision, &target, 0, WIRE_POLICY_LISTEN, IPPROTO_TCP, 0, 0);
    return stops(&decision) && !policy.dry ? DENY : PASS;
}

static __always_inline int is_lost(struct __sk_buff *packet)
{
    __u64 socket = bpf_get_socket_cookie(packet);

    return bpf_map_lookup_elem(&lost, &socket) != 0;
}

// Answers are taken up here, before their socket has them: whoever reads one may connect at once.
static __always_inline int judge_answer(struct __sk_buff *packet, struct bpf_sock *sk)
{
    int isConnected = sk->dst_port != 0;
    struct message message = {};
    __u32 offset;

    if (policy.drops && isConnected && sk->protocol == IPPROTO_UDP && is_lost(packet))
        return DENY;

    if (isConnected && sk->dst_port != bpf_htons(PORT_DNS))
        return PASS;
    if (!isConnected && sk->protocol != IPPROTO_UDP)
        return PASS;
    if (!find_message(packet, &message))
        return PASS;
    if (policy.canary && *(__u32 *)(message.source + 12) == policy.canary && message.source[10] == 0xff) {
        canaries = canaries + 1;
        return DENY;
    }
    if (!policy.names || message.source_port != PORT_DNS || message.offset >= packet->len)
        return PASS;
    offset = message.offset;
    for (__u32 i = 0; i < QUESTIONS_AT_ONCE; i++) {
        __u16 length = 0;

        BARRIER(i); // no flag instead of a counter

        if (message.protocol == IPPROTO_TCP) {
            if (bpf_skb_load_bytes(packet, offset, &length, sizeof(length)))
                break;
            offset += sizeof(length);
        }
        take_answer(packet, &message, offset, isConnected);
        if (message.protocol == IPPROTO_UDP)
            break;
        offset += bpf_ntohs(length);
    }
    return PASS;
}

SEC("cgroup_skb/ingress")
int arrives(struct __sk_buff *packet)
{
    struct bpf_sock *sk = packet->sk;
    int isListener;

    if (!sk)
        return PASS;
    isListener = sk->state == TCP_LISTEN;
    if (!isListener && !policy.names && !policy.drops)
        return PASS;
    sk = bpf_sk_fullsock(sk);
    if (!sk)
        return PASS;
    return isListener ? judge_listener(sk) : judge_answer(packet, sk);
}

// A function for the room on the stack.
static __attribute__((noinline)) int refuse(struct __sk_buff *packet, const struct wire_decision *decision,
                                            const struct message *message, const struct naming *naming, __u64 holds)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct wire_target target = {.port = message->destination_port};
    const __u32 *address = (const __u32 *)message->destination;
    struct question_key key = {};
    __u32 yes = 1;

    if (decision->verdict == WIRE_ALLOW)
        return PASS;
    if (decision->verdict == WIRE_CANARY) {
        canaries = canaries + 1;
        return DENY;
    }
    if (!is_for(holds))
        return PASS;
    set_ipv6(&target, address[0], address[1], address[2], address[3]);
    // What a connection sends may go in anybody's time.
    if (unified_cgroup_of(task, 0) != bpf_skb_cgroup_id(packet))
        task = 0;
    key.socket = bpf_get_socket_cookie(packet);
    key.id = naming->name;
    if (message->protocol == IPPROTO_UDP || !bpf_map_update_elem(&told_questions, &key, &yes, BPF_NOEXIST))
        tell(decision, &target, naming, WIRE_POLICY_ASK, message->protocol, 0, task);
    if (!stops(decision) || policy.dry)
        return PASS;
    return decision->verdict == WIRE_LOSE ? LOSE : DENY;
}

static __attribute__((noinline)) void expect_answer(struct __sk_buff *packet, const struct message *message, __u16 id,
                                                     __u64 name, __u32 pattern)
{
    struct question_key key = {.socket = bpf_get_socket_cookie(packet), .id = id};
    struct question question = {.name = name, .pattern = pattern};

    __builtin_memcpy(question.server, message->destination, 16);
    bpf_map_update_elem(&questions, &key, &question, BPF_ANY);
}

// A question, which goes if the policy lets it; then an answer to it will be believed.
static __always_inline int judge_question(struct __sk_buff *packet, const struct message *message, __u32 offset,
                                          const struct actor *actor)
{
    struct wire_decision decision = policy.unreadable;
    struct naming naming = {};
    struct message_head head;
    struct name *name = 0;
    __u32 pattern = 0;
    int result;

    if (bpf_skb_load_bytes(packet, offset, &head, sizeof(head))) {
        if (!settle(&decision, actor))
            decision = (struct wire_decision){};
        return refuse(packet, &decision, message, &naming, actor->holds);
    }
    if (head.flags & bpf_htons(RESPONSE))
        return PASS;
    if (head.questions == bpf_htons(1))
        naming.name = name_of_question(packet, offset + sizeof(head), 1);
    if (naming.name)
        name = bpf_map_lookup_elem(&asked_names, &naming.name);
    if (name) {
        struct wire_name_rule rule = {.pattern = name->pattern, .operation = WIRE_POLICY_ASK};
        struct wire_decision *found = policy.asks ? bpf_map_lookup_elem(&name_rules, &rule) : 0;

        decision = found ? *found : policy.fallback[WIRE_POLICY_ASK];
        pattern = rule.pattern;
        naming.count = 1;
    }
    if (!settle(&decision, actor))
        decision = (struct wire_decision){};
    result = refuse(packet, &decision, message, &naming, actor->holds);
    if (result == PASS && name && policy.names)
        expect_answer(packet, message, head.id, naming.name, pattern);
    return result;
}

// Only where packets have rules that are not for all.
SEC("cgroup/sock_create")
int owned(struct bpf_sock *sk)
{
    remember_owner(sk, PROGRAMS);
    return PASS;
}

// Of a socket that is not connected each datagram is decided for itself.
static __attribute__((noinline)) int loses_datagram(const struct message *message, __u64 holds)
{
    const __u32 *address = (const __u32 *)message->destination;
    struct wire_target target = {.port = message->destination_port, .protocol = IPPROTO_UDP};
    const struct actor actor = {.holds = holds};
    struct wire_decision decision;
    struct naming naming = {};

    set_ipv6(&target, address[0], address[1], address[2], address[3]);
    decision = decide_address(&connect_targets, &target, WIRE_POLICY_CONNECT, &actor);
    if (policy.names)
        decide_by_names(&decision, &target, &actor, &naming);
    return loses(&decision) && is_for(holds);
}

// Linux 5.9. Only where packets are lost.
SEC("cgroup/sock_release")
int released(struct bpf_sock *sk)
{
    __u64 socket = bpf_get_socket_cookie(sk);

    bpf_map_delete_elem(&lost, &socket);
    return PASS;
}

SEC("cgroup_skb/egress")
int leaves(struct __sk_buff *packet)
{
    struct bpf_sock *sk = packet->sk;
    struct message message = {};
    struct wire_decision decision;
    struct naming naming = {};
    __u32 offset, isDNS;
    struct actor actor;

    if (!sk)
        return PASS;
    sk = bpf_sk_fullsock(sk);
    if (!sk)
        return PASS;
    if (policy.drops && (sk->protocol == IPPROTO_UDP ? sk->dst_port != 0 : sk->state == TCP_SYN_SENT) &&
        is_lost(packet))
        return LOSE;
    actor = owner_of(sk);
    isDNS = sk->dst_port == bpf_htons(PORT_DNS);
    if (!isDNS && sk->protocol != IPPROTO_UDP)
        return PASS;
    // Another may be sent to than a datagram socket is connected to.
    if (!find_message(packet, &message))
        return PASS;
    // It was told when it was sent.
    if (policy.drops && !sk->dst_port && loses_datagram(&message, actor.holds))
        return LOSE;
    if (!(isDNS || message.destination_port == PORT_DNS) || message.offset >= packet->len)
        return PASS;
    offset = message.offset;
    for (__u32 i = 0; i < QUESTIONS_AT_ONCE; i++) {
        __u16 length = 0;

        BARRIER(i); // no flag instead of a counter
        int result;

        if (message.protocol == IPPROTO_TCP) {
            if (bpf_skb_load_bytes(packet, offset, &length, sizeof(length)))
                break;
            offset += sizeof(length);
        }
        result = judge_question(packet, &message, offset, &actor);
        offset += bpf_ntohs(length);
        if (message.protocol == IPPROTO_UDP || result != PASS || offset == packet->len)
            return result;
        if (offset > packet->len) // the rest follows
            break;
    }
    decision = policy.unreadable;
    if (!settle(&decision, &actor))
        decision = (struct wire_decision){};
    return refuse(packet, &decision, &message, &naming, actor.holds);
}
