// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// UDP: sockets that are bound to a port, and the ends of flows (see flow.h). Binds of TCP are told when they fail. Shares
// the maps of flows with names.bpf.c, and ring, scope and settings with process.bpf.c.

#include "common.h"

#include "call.h"
#include "connection_facts.h"
#include "flow.h"
#include "socket.h"
#include "socket_call.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct wire_flow_look);
} flow_look SEC(".maps");

// ---- bind

static __always_inline void set_bound_key(struct bound_key *key, struct sock *sk, const struct wire_address *local)
{
    const __u32 *words = (const __u32 *)local->bytes;

    __builtin_memset(key, 0, sizeof(*key));
    key->namespace = network_namespace(sk, 0);
    key->port = local->port;
    // Of 0.0.0.0 as of ::, which gets what comes by IPv4 too.
    if (words[3])
        __builtin_memcpy(key->address, local->bytes, 16);
}

// The kernel enters no program twice on a CPU, so each has its own.
enum bound_user { BOUND_BY_BIND, BOUND_BY_BIND6, BOUND_BY_LOOK, BOUND_USERS };

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, BOUND_USERS);
    __type(key, __u32);
    __type(value, struct bound);
} bound_places SEC(".maps");

// Remembers who gets what comes to the port.
static __always_inline void remember_bound(struct sock *sk, const struct wire_address *local, const struct wire_task *task,
                                           __u64 start, __u32 flags, __u64 how, __u32 user)
{
    struct bound *bound = bpf_map_lookup_elem(&bound_places, &user);
    struct bound_key key;

    if (!bound)
        return;
    bound->task = *task;
    bound->socket = (__u64)sk;
    bound->inode = inode_of(BPF_CORE_READ(sk, sk_socket));
    bound->start = start;
    bound->flags = flags;
    bound->unused = 0;
    set_bound_key(&key, sk, local);
    if (bpf_map_update_elem(&bound_map, &key, bound, how) && !bpf_map_lookup_elem(&bound_map, &key))
        count_loss(WIRE_LOSS_SOCKET);
}

static __always_inline void begin_bound(struct wire_connection *record, __u16 kind, __u16 protocol, __u32 namespace)
{
    __builtin_memset(record, 0, sizeof(*record));
    fill_header(&record->header, sizeof(*record), kind);
    record->header.flags = WIRE_CONNECTION_LISTENER;
    record->namespace = namespace;
    record->protocol = protocol;
}

// `given` is the address in the kernel's memory, or in the caller's.
static __always_inline int bind_returned(struct socket *socket, const void *given, int in_user, long result, __u32 user,
                                         __u32 facts)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct wire_connection *record = place_of(facts);
    struct socket_address asked = {};
    struct sock *sk;
    __u16 protocol;
    int is_wanted;

    if (!socket || !record)
        return 0;
    sk = BPF_CORE_READ(socket, sk);
    if (!sk)
        return 0;
    protocol = BPF_CORE_READ(sk, sk_protocol);
    if (protocol != IPPROTO_UDP && (protocol != IPPROTO_TCP || !result)) // TCP is told when it listens
        return 0;
    is_wanted = in_scope(task, bpf_get_current_pid_tgid() >> 32, 0);
    if (result && !is_wanted)
        return 0;
    // One of IPv4 is shorter, and may lie at the end of a page.
    if (in_user) {
        if (bpf_probe_read_user(&asked, sizeof(asked), given) && bpf_probe_read_user(&asked, 16, given))
            return 0;
    } else {
        bpf_probe_read_kernel(&asked, sizeof(asked), given);
    }
    begin_bound(record, WIRE_LISTEN, protocol, network_namespace(sk, 0));
    fill_task(&record->task, task, 0);
    if (result) {
        if (!set_address(&record->local, &asked))
            return 0;
        record->error = -result;
        tell(record, WIRE_LISTEN, facts);
        return 0;
    }
    fill_local(&record->local, sk, 0);
    // Only one that asked for a port is there to be found.
    if (asked.port && is_wanted)
        tell(record, WIRE_LISTEN, facts);
    remember_bound(sk, &record->local, &record->task, record->header.time,
                   is_wanted ? asked.port ? BOUND_TOLD : 0 : FLOW_UNWANTED, BPF_ANY, user);
    return 0;
}

// inet_bind(socket, address, length)
PROGRAM("fexit", inet_bind_returned)
{
    return bind_returned(pointer_argument(context, 0), pointer_argument(context, 1), 0, (int)context[3], BOUND_BY_BIND,
                         FACTS_BIND);
}

// inet6_bind(socket, address, length)
PROGRAM("fexit", inet6_bind_returned)
{
    return bind_returned(pointer_argument(context, 0), pointer_argument(context, 1), 0, (int)context[3],
                         BOUND_BY_BIND6, FACTS_BIND6);
}

// Where fexit is refused.
SEC("tracepoint")
int bind_exited(struct syscall_exit *context)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct pt_regs *regs;

    if (context->nr != NR_BIND)
        return 0;
    regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    return bind_returned(socket_of_descriptor(task, CALL_ARGUMENT_1(regs)), (const void *)CALL_ARGUMENT_2(regs), 1,
                         context->result, BOUND_BY_BIND, FACTS_BIND);
}

// ---- sends that fail

#define EAGAIN 11
#define EFAULT 14
#define SOCKADDR_IN_SIZE 16

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct msghdr {
    void *msg_name;
    int msg_namelen;
};

#pragma clang attribute pop

// As a program has it.
struct message_head {
    __u64 name;
    __u32 name_size;
};

// What was told: of each kind of error the first between a socket and an address.
struct unsent {
    __u64 socket; // number of its inode
    __u8 remote[16];
    __u16 port, error;
    __u32 unused;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct unsent);
    __type(value, __u32);
} unsent_map SEC(".maps");

static __always_inline int is_unspecified(const struct wire_address *address)
{
    const __u64 *words = (const __u64 *)address->bytes;

    return !words[0] && !(words[1] & ~(__u64)bpf_htonl(0xffff));
}

// `to` is where it was to go; of no family where it is for the socket to know.
static __always_inline int send_failed(struct sock *sk, const struct socket_address *to, long error, __u32 user)
{
    struct wire_connection *record = place_of(user);
    __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
    struct unsent unsent = {};
    __u32 one = 1;

    if (error == EAGAIN || error == EFAULT || is_interrupted(error) || !record)
        return 0;
    unsent.socket = inode_of(BPF_CORE_READ(sk, sk_socket));
    if (!unsent.socket || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP || (family != AF_INET && family != AF_INET6))
        return 0;
    __builtin_memset(record, 0, sizeof(*record));
    if (!fill_current(&record->task, 1))
        return 0;
    if (!set_address(&record->remote, to))
        fill_remote(&record->remote, sk, 0);
    if (!record->remote.port)
        return 0;
    __builtin_memcpy(unsent.remote, record->remote.bytes, 16);
    unsent.port = record->remote.port;
    unsent.error = error;
    if ((int)bpf_map_update_elem(&unsent_map, &unsent, &one, BPF_NOEXIST) == -EEXIST)
        return 0;
    fill_header(&record->header, sizeof(*record), WIRE_UDP);
    record->header.flags = WIRE_CONNECTION_OUTGOING;
    fill_local(&record->local, sk, 0);
    if (is_unspecified(&record->local)) // it would have been chosen for the packet
        __builtin_memset(&record->local, 0, sizeof(record->local));
    record->namespace = network_namespace(sk, 0);
    record->protocol = IPPROTO_UDP;
    record->error = error;
    tell(record, WIRE_UDP, user);
    return 0;
}

static __always_inline int message_failed(__u64 *context, const int is_ipv6, __u32 user)
{
    int result = (int)context[3];
    struct socket_address to = {};
    struct msghdr *message;
    void *name;

    if (result >= 0)
        return 0;
    message = pointer_argument(context, 1);
    // An address of IPv4 was handed on, with the message changed for it.
    if (is_ipv6 && BPF_CORE_READ(message, msg_namelen) == SOCKADDR_IN_SIZE)
        return 0;
    name = BPF_CORE_READ(message, msg_name);
    if (name)
        bpf_probe_read_kernel(&to, sizeof(to), name);
    return send_failed(pointer_argument(context, 0), &to, -result, user);
}

// udp_sendmsg(socket, message, size)
PROGRAM("fexit", udp_send_returned)
{
    return message_failed(context, 0, FACTS_SEND);
}

// udpv6_sendmsg(socket, message, size)
PROGRAM("fexit", udp6_send_returned)
{
    return message_failed(context, 1, FACTS_SEND6);
}

// Where fexit is refused: all sends by all sockets, with what they return (6.3 and later).
PROGRAM("tp_btf/sock_send_length", send_returned)
{
    int result = (int)context[1];
    struct socket_address to = {};
    struct task_struct *task;
    struct pt_regs *regs;
    __u64 name = 0;
    __u32 number;

    if (result >= 0)
        return 0;
    task = (void *)bpf_get_current_task();
    regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    number = CALL_NUMBER(regs);
    if (call_abi(task, &number, 0) != WIRE_ABI_NATIVE)
        number = 0xffffffff;
    if (number == NR_SENDTO) {
        name = CALL_ARGUMENT_5(regs);
    } else if (number == NR_SENDMSG) {
        struct message_head head = {};

        if (!bpf_probe_read_user(&head, sizeof(head), (const void *)CALL_ARGUMENT_2(regs)) && head.name_size)
            name = head.name;
    }
    // One of IPv4 is shorter, and may lie at the end of a page.
    if (name && bpf_probe_read_user(&to, sizeof(to), (const void *)name))
        bpf_probe_read_user(&to, SOCKADDR_IN_SIZE, (const void *)name);
    return send_failed((void *)context[0], &to, -result, FACTS_SEND);
}

// ---- looks at all

static __always_inline struct wire_flow_look *the_look(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&flow_look, &zero);
}

// Sockets that were there before us. One that is connected has a flow; any other gets what comes to its port.
SEC("iter/task_file")
int udp_existing(struct bpf_iter__task_file *context)
{
    struct seq_file *seq = context->meta->seq;
    struct task_struct *task = context->task;
    struct wire_connection record;
    struct sock *sk;
    __u16 family;

    if (!task)
        return 0;
    sk = socket_of_file(context->file);
    if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP)
        return 0;
    family = BPF_CORE_READ(sk, __sk_common.skc_family);
    if ((family != AF_INET && family != AF_INET6) || !BPF_CORE_READ(sk, __sk_common.skc_num))
        return 0;
    begin_bound(&record, WIRE_SOCKET, IPPROTO_UDP, network_namespace(sk, 0));
    fill_local(&record.local, sk, 0);
    fill_remote(&record.remote, sk, 0);
    if (record.remote.port)
        record.header.flags = WIRE_CONNECTION_OUTGOING;
    record.header.flags |= WIRE_CONNECTION_EARLIER;
    fill_task(&record.task, task, 0);
    if (!in_scope(task, record.task.pid, 0)) {
        remember_bound(sk, &record.local, &record.task, 0, FLOW_UNWANTED, BPF_NOEXIST, BOUND_BY_LOOK);
        return 0;
    }
    remember_bound(sk, &record.local, &record.task, 0, record.remote.port ? 0 : BOUND_TOLD, BPF_NOEXIST,
                   BOUND_BY_LOOK);
    bpf_seq_write(seq, &record, sizeof(record));
    return 0;
}

// Every flow: told when it has ended, or when all are asked for.
SEC("iter/bpf_map_elem")
int flow_seen(struct bpf_iter__bpf_map_elem *context)
{
    struct seq_file *seq = context->meta->seq;
    struct wire_flow_look *look = the_look();
    const struct flow_key *key = context->key;
    struct flow *flow = context->value;
    struct wire_connection record;
    struct flow_key copy;
    __u64 now = bpf_ktime_get_boot_ns();
    int lives;

    if (!key || !flow || !look)
        return 0;
    lives = flow->inode ? socket_lives(flow->socket, flow->inode) : 1;
    if (lives && now - flow->last < look->idle) {
        if (!look->flags || flow->flags & FLOW_UNWANTED)
            return 0;
        fill_flow(&record, key, flow, WIRE_SOCKET);
        set_got(&record);
        record.header.flags |= look->flags;
        bpf_seq_write(seq, &record, sizeof(record));
        return 0;
    }
    __builtin_memcpy(&copy, key, sizeof(copy));
    if (!(flow->flags & FLOW_UNWANTED)) {
        fill_flow(&record, key, flow, WIRE_CLOSE);
        set_got(&record);
        record.end = lives ? WIRE_UDP_IDLE : WIRE_TCP_CLOSED;
        if (bpf_seq_write(seq, &record, sizeof(record)))
            return 0; // no room; it is asked for again
    }
    bpf_map_delete_elem(&flows, &copy);
    return 0;
}

// Every socket that was bound: told when it is closed.
SEC("iter/bpf_map_elem")
int bound_seen(struct bpf_iter__bpf_map_elem *context)
{
    struct seq_file *seq = context->meta->seq;
    const struct bound_key *key = context->key;
    struct bound *bound = context->value;
    struct wire_connection record;
    struct bound_key copy;

    if (!key || !bound || socket_lives(bound->socket, bound->inode))
        return 0;
    __builtin_memcpy(&copy, key, sizeof(copy));
    if (bound->flags & BOUND_TOLD) {
        begin_bound(&record, WIRE_CLOSE, IPPROTO_UDP, copy.namespace);
        record.task = bound->task;
        set_endpoint(&record.local, copy.address, copy.port, 0);
        if (bound->start)
            record.duration = record.header.time - bound->start;
        else
            record.header.flags |= WIRE_CONNECTION_EARLIER;
        if (bpf_seq_write(seq, &record, sizeof(record)))
            return 0;
    }
    bpf_map_delete_elem(&bound_map, &copy);
    return 0;
}
