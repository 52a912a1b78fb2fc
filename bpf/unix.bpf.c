// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// UNIX sockets: who connects to whom, who accepts, who listens, and what went through until the end. Shares ring, scope and
// settings with process.bpf.c.

#include "common.h"

#include "unix_end.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int connected(struct socket *socket, const void *given, __u32 length, long result, int in_user,
                                     const int typed)
{
    struct sock *sk = unix_sock_of(socket), *peer;
    struct wire_unix record = {};
    int is_wanted;

    if (!sk || is_interrupted(-result))
        return 0;
    peer = peer_of(sk);
    if (!result && type_of(sk) == SOCK_DGRAM)
        leave(sk);
    if (!result && !peer) // an address of no family: it is connected no more
        return 0;
    is_wanted = fill(&record, sk, WIRE_UNIX_CONNECT, result, typed);
    if (!result && type_of(sk) != SOCK_DGRAM)
        expect(peer, sk);
    if (!is_wanted)
        return 0;
    record.header.flags |= WIRE_CONNECTION_OUTGOING;
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
    if (!result)
        remember(sk, socket, &record);
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

static __always_inline int accepted(struct socket *socket, const int typed)
{
    struct sock *sk = unix_sock_of(socket), *peer;
    struct wire_unix record = {};

    if (!sk)
        return 0;
    if (!fill(&record, sk, WIRE_UNIX_ACCEPT, 0, typed)) {
        forget((__u64)sk);
        return 0;
    }
    record.header.flags |= WIRE_CONNECTION_INCOMING;
    set_own_address(&record, sk);
    set_peer(&record, sk);
    remember(sk, socket, &record);
    // The connect of the other end may not have returned yet, and this one be sent to already.
    peer = peer_of(sk);
    if (peer && !is_dead(peer))
        expect(peer, sk);
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

static __always_inline int listened(struct socket *socket, long result, const int typed)
{
    struct sock *sk = unix_sock_of(socket);
    struct wire_unix record = {};
    struct end *end;

    if (!sk)
        return 0;
    // Listening already, it only gets another backlog.
    end = result ? 0 : end_of((__u64)sk);
    if (end && is_of(end, sk) && end->record.header.flags & WIRE_CONNECTION_LISTENER)
        return 0;
    if (!fill(&record, sk, WIRE_UNIX_LISTEN, result, typed))
        return 0;
    record.header.flags |= WIRE_CONNECTION_LISTENER;
    set_own_address(&record, sk);
    if (!result)
        remember(sk, socket, &record);
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

// A socket of datagrams gets what is sent to it from then on; one of connections has to listen first.
static __always_inline int bound(struct socket *socket, const void *given, __u32 length, long result, int in_user,
                                 const int typed)
{
    struct sock *sk = unix_sock_of(socket);
    struct wire_unix record = {};
    struct end *end;

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
    record.header.flags |= WIRE_CONNECTION_LISTENER;
    if (result) {
        set_given_address(&record, given, length, in_user);
    } else {
        set_own_address(&record, sk);
        end = end_of((__u64)sk);
        if (!end || !is_of(end, sk)) // not connected already
            remember(sk, socket, &record);
    }
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

static __always_inline int paired(struct socket *first, struct socket *second, const int typed)
{
    struct sock *sk = unix_sock_of(first), *other = unix_sock_of(second);
    struct wire_unix record = {};

    if (!sk || !other || !fill(&record, sk, WIRE_UNIX_CONNECT, 0, typed))
        return 0;
    record.header.flags |= WIRE_UNIX_PAIR;
    set_peer(&record, sk);
    remember(sk, first, &record);
    remember(other, second, &record);
    emit(&record, sizeof(record), WIRE_UNIX);
    return 0;
}

// Best hooks: what the calls lead to, of io_uring too.

// unix_stream_connect(socket, address, length, flags); unix_dgram_connect alike
PROGRAM("fexit", unix_stream_connected)
{
    return connected(pointer_argument(context, 0), pointer_argument(context, 1), context[2], (int)context[4], 0, 1);
}

PROGRAM("fexit", unix_dgram_connected)
{
    return connected(pointer_argument(context, 0), pointer_argument(context, 1), context[2], (int)context[4], 0, 1);
}

// unix_accept(socket, new socket, ...): the rest differs by version. The new one has nothing where that fails.
PROGRAM("fexit", unix_accepted)
{
    return accepted(pointer_argument(context, 1), 1);
}

// unix_listen(socket, backlog)
PROGRAM("fexit", unix_listened)
{
    return listened(pointer_argument(context, 0), (int)context[2], 1);
}

// unix_bind(socket, address, length)
PROGRAM("fexit", unix_bound)
{
    return bound(pointer_argument(context, 0), pointer_argument(context, 1), context[2], (int)context[3], 0, 1);
}

// unix_socketpair(socket, other socket)
PROGRAM("fexit", unix_paired)
{
    return (int)context[2] ? 0 : paired(pointer_argument(context, 0), pointer_argument(context, 1), 1);
}

// unix_stream_sendmsg(socket, message, size)
PROGRAM("fexit", unix_stream_sent)
{
    struct socket *socket = pointer_argument(context, 0);

    return count_sent(BPF_CORE_READ(socket, sk), (int)context[3]);
}

// unix_stream_sendpage(socket, page, offset, size, flags), before 6.5: sendfile and splice
PROGRAM("fexit", unix_page_sent)
{
    struct socket *socket = pointer_argument(context, 0);

    return count_sent(BPF_CORE_READ(socket, sk), (int)context[5]);
}

// unix_dgram_sendmsg(socket, message, size), of SOCK_SEQPACKET too
PROGRAM("fexit", unix_dgram_sent)
{
    struct socket *socket = pointer_argument(context, 0);

    return count_sent(BPF_CORE_READ(socket, sk), (int)context[3]);
}

// unix_stream_recvmsg(socket, message, size, flags)
PROGRAM("fexit", unix_stream_received)
{
    struct socket *socket = pointer_argument(context, 0);

    return count_read(BPF_CORE_READ(socket, sk), (int)context[3], (int)context[4]);
}

// unix_stream_splice_read(socket, offset, pipe, size, flags)
PROGRAM("fexit", unix_stream_spliced)
{
    struct socket *socket = pointer_argument(context, 0);

    return count_read(BPF_CORE_READ(socket, sk), 0, (long)context[5]);
}

// unix_seqpacket_recvmsg(socket, message, size, flags), which may have the next one in it
PROGRAM("fexit", unix_packet_received)
{
    struct socket *socket = pointer_argument(context, 0);

    return count_read(BPF_CORE_READ(socket, sk), (int)context[3], (int)context[4]);
}

// unix_dgram_recvmsg(socket, message, size, flags)
PROGRAM("fexit", unix_dgram_received)
{
    struct socket *socket = pointer_argument(context, 0);
    struct sock *sk = BPF_CORE_READ(socket, sk);

    return type_of(sk) == SOCK_DGRAM ? count_read(sk, (int)context[3], (int)context[4]) : 0;
}

// unix_release_sock(sock, is waiting to be accepted)
PROGRAM("fentry", unix_released)
{
    return ended(pointer_argument(context, 0), 1);
}

// Where fexit is refused.

// sock_send_length(sock, result, flags), of every family (6.3)
PROGRAM("tp_btf/sock_send_length", unix_length_sent)
{
    struct sock *sk = (void *)context[0];

    if (sk->__sk_common.skc_family != AF_UNIX)
        return 0;
    return count_sent(pointer_argument(context, 0), (int)context[1]);
}

// sock_recv_length(sock, result, flags)
PROGRAM("tp_btf/sock_recv_length", unix_length_received)
{
    struct sock *sk = (void *)context[0];

    if (sk->__sk_common.skc_family != AF_UNIX)
        return 0;
    return count_read(pointer_argument(context, 0), (int)context[2], (int)context[1]);
}

struct close_entry {
    __u64 common;
    __s32 nr;
    __s32 unused;
    __u64 fd;
};

// Whether nobody else has the file.
static __always_inline int is_last(struct file *file)
{
    if (bpf_core_field_exists(((struct file___before_6_13 *)0)->f_count))
        return BPF_CORE_READ((struct file___before_6_13 *)file, f_count.counter) == 1;
    return BPF_CORE_READ((struct file___counted *)file, f_ref.refcnt.counter) == 0;
}

// Most are closed by this call, and it is known when. Of the others it is found out that they are gone: those of a process
// that ends, of dup2, close_range and io_uring.
SEC("tracepoint")
int unix_closing(struct close_entry *context)
{
    struct file *file = socket_file_of_descriptor((void *)bpf_get_current_task(), context->fd);
    struct sock *sk;

    if (!file)
        return 0;
    sk = unix_sock_of(BPF_CORE_READ((struct file___socket *)file, private_data));
    return sk && is_last(file) ? ended(sk, 0) : 0;
}

static __always_inline int pair_call_exited(struct task_struct *task, struct pt_regs *regs)
{
    const void *place = (const void *)CALL_ARGUMENT_4(regs);
    __u32 files[2];

    if (CALL_ARGUMENT_1(regs) != AF_UNIX || bpf_probe_read_user(files, sizeof(files), place))
        return 0;
    return paired(socket_of_descriptor(task, files[0]), socket_of_descriptor(task, files[1]), 0);
}

SEC("tracepoint")
int unix_call_exited(struct syscall_exit *context)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    __s64 result = context->result;
    struct socket *socket;

    if (context->nr == NR_ACCEPT || context->nr == NR_ACCEPT4)
        return result < 0 ? 0 : accepted(socket_of_descriptor(task, result), 0);
    if (context->nr == NR_SOCKETPAIR)
        return result < 0 ? 0 : pair_call_exited(task, regs);
    socket = socket_of_descriptor(task, CALL_ARGUMENT_1(regs));
    if (context->nr == NR_LISTEN)
        return listened(socket, result, 0);
    if (context->nr == NR_CONNECT)
        return connected(socket, (const void *)CALL_ARGUMENT_2(regs), CALL_ARGUMENT_3(regs), result, 1, 0);
    if (context->nr == NR_BIND)
        return bound(socket, (const void *)CALL_ARGUMENT_2(regs), CALL_ARGUMENT_3(regs), result, 1, 0);
    return 0;
}

// ---- looks at all

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} unix_look SEC(".maps");

// Who asked whom. One that was accepted has the name of the socket that listens.
static __always_inline __u16 direction_of(struct sock *sk, struct sock *peer)
{
    int has_name = has_address(sk), is_named = has_address(peer);

    if (type_of(sk) == SOCK_DGRAM)
        return !has_name && !is_named && peer_of(peer) == sk ? WIRE_UNIX_PAIR : WIRE_CONNECTION_OUTGOING;
    if (has_name == is_named)
        return has_name ? 0 : WIRE_UNIX_PAIR;
    return has_name ? WIRE_CONNECTION_INCOMING : WIRE_CONNECTION_OUTGOING;
}

// Sockets that were there before us, by every descriptor of every process. One that several processes have belongs to the
// first of them.
SEC("iter/task_file")
int unix_existing(struct bpf_iter__task_file *context)
{
    struct seq_file *seq = context->meta->seq;
    struct task_struct *task = context->task;
    struct sock *sk = socket_of_file(context->file), *peer;
    struct wire_unix record = {};
    struct end *end;
    int listens;

    if (!task || !sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
        return 0;
    peer = peer_of(sk);
    listens = !peer && (type_of(sk) == SOCK_DGRAM ? has_address(sk)
                                                  : BPF_CORE_READ(sk, __sk_common.skc_state) == UNIX_LISTENS);
    if (!peer && !listens)
        return 0;
    end = end_of((__u64)sk);
    if (end && end->record.task.pid)
        return 0;
    task = UNTRUSTED(task_struct, task);
    if (!in_scope(task, task->tgid, 1))
        return 0;
    fill_task(&record.task, task, 1);
    fill_socket(&record, sk, WIRE_UNIX_OPEN);
    record.header.flags |= WIRE_CONNECTION_EARLIER;
    record.header.flags |= listens ? WIRE_CONNECTION_LISTENER : direction_of(sk, peer);
    set_own_address(&record, record.header.flags & WIRE_CONNECTION_OUTGOING ? peer : sk);
    if (peer && type_of(sk) != SOCK_DGRAM)
        set_peer(&record, sk);
    remember(sk, BPF_CORE_READ(sk, sk_socket), &record);
    bpf_seq_write(seq, &record, sizeof(record));
    return 0;
}

static __always_inline int is_gone(struct sock *sk, const struct end *end)
{
    if (!end->inode) // it waits to be accepted
        return (__u64)peer_of(sk) != end->other;
    return inode_of(BPF_CORE_READ(sk, sk_socket)) != end->inode;
}

// Every one: told when it has ended and nobody has seen it, or when all are asked for.
SEC("iter/bpf_map_elem")
int unix_seen(struct bpf_iter__bpf_map_elem *context)
{
    struct seq_file *seq = context->meta->seq;
    const __u64 *place = context->key;
    const struct end *end = context->value;
    __u32 zero = 0, *look = bpf_map_lookup_elem(&unix_look, &zero);
    struct wire_unix record;
    __u64 key;
    int gone;

    if (!place || !end || !look)
        return 0;
    key = *place;
    gone = unix_settings.polls && is_gone((struct sock *)key, end);
    if (!gone && (!*look || !end->record.task.pid || end->record.header.flags & WIRE_CONNECTION_LISTENER))
        return 0;
    if (end->record.task.pid) {
        __builtin_memcpy(&record, &end->record, sizeof(record));
        set_received(&record, end);
        record.header.time = bpf_ktime_get_boot_ns();
        record.header.flags |= gone ? WIRE_UNIX_NO_END : *look;
        record.operation = gone ? WIRE_UNIX_CLOSE : WIRE_UNIX_OPEN;
        record.duration = record.header.time - end->start;
        if (bpf_seq_write(seq, &record, sizeof(record)))
            return 0; // no room; it is asked for again
    }
    if (gone)
        forget(key);
    return 0;
}
