// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// UDP: sockets that are bound to a port, and the ends of flows (see flow.h). Binds of TCP are told when they fail. Shares
// the maps of flows with names.bpf.c, and ring, scope and settings with process.bpf.c.

#include "common.h"

#include "call.h"
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
static __always_inline int bind_returned(struct socket *socket, const void *given, int in_user, long result, __u32 user)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct socket_address asked = {};
    struct wire_connection record;
    struct sock *sk;
    __u16 protocol;
    int is_wanted;

    if (!socket)
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
    begin_bound(&record, WIRE_LISTEN, protocol, network_namespace(sk, 0));
    fill_task(&record.task, task, 0);
    if (result) {
        if (!set_address(&record.local, &asked))
            return 0;
        record.error = -result;
        emit(&record, sizeof(record), WIRE_LISTEN);
        return 0;
    }
    fill_local(&record.local, sk, 0);
    // Only one that asked for a port is there to be found.
    if (asked.port && is_wanted)
        emit(&record, sizeof(record), WIRE_LISTEN);
    remember_bound(sk, &record.local, &record.task, record.header.time,
                   is_wanted ? asked.port ? BOUND_TOLD : 0 : FLOW_UNWANTED, BPF_ANY, user);
    return 0;
}

// inet_bind(socket, address, length)
SEC("fexit")
int inet_bind_returned(__u64 *context)
{
    return bind_returned(pointer_argument(context, 0), pointer_argument(context, 1), 0, (int)context[3], BOUND_BY_BIND);
}

// inet6_bind(socket, address, length)
SEC("fexit")
int inet6_bind_returned(__u64 *context)
{
    return bind_returned(pointer_argument(context, 0), pointer_argument(context, 1), 0, (int)context[3],
                         BOUND_BY_BIND6);
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
                         context->result, BOUND_BY_BIND);
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
        record.header.flags |= look->flags;
        bpf_seq_write(seq, &record, sizeof(record));
        return 0;
    }
    __builtin_memcpy(&copy, key, sizeof(copy));
    if (!(flow->flags & FLOW_UNWANTED)) {
        fill_flow(&record, key, flow, WIRE_CLOSE);
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
