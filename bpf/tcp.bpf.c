// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// TCP connections: who makes, accepts and closes them, and who listens. Shares ring, scope and settings with process.bpf.c.
//
// A socket's changes of state tell nearly all, on every kernel, at no cost to anything but connections. Many of them
// happen in an interrupt, in whoever's time that is; so who a socket belongs to is remembered when its process acts on it.
// The rest is seen when calls return: accepts, and connects and listens that fail before the state changes.

#include "common.h"

#include "call.h"
#include "connection.h"
#include "connection_facts.h"
#include "once.h"
#include "ring.h"
#include "scope.h"
#include "socket.h"
#include "socket_call.h"
#include "task.h"
#include "translations.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct wire_network network SEC(".rodata.network");

// As UNTRUSTED, for types whose ids are in these settings.
#define UNTRUSTED_SOCKET(type, pointer) ((struct type *)rdonly_cast((const void *)(pointer), network.type_##type))

#define EALREADY 114
#define EINPROGRESS 115
#define EISCONN 106
#define ECONNRESET 104
#define EPIPE 32
#define ETIMEDOUT 110
#define ECANCELED 125

// Sockets whose connect has failed in an interrupt, and was told: the call that returns the error must not tell it again.
// A socket's address is used again, so with the number of its inode.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, __u64);
    __type(value, __u64);
} failed SEC(".maps");

// What each connect under way asks for. By the low bits of the thread's id: there are never so many at a time that two
// share a place, and one that does shows no address that was asked for.
#define ASKED_MAX 4096

struct asked {
    __u64 thread;
    struct wire_address address;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ASKED_MAX);
    __type(key, __u32);
    __type(value, struct asked);
} asked_map SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct wire_look);
} look_map SEC(".maps");

// A program that sends a record may be interrupted by packets that wait (a softirq, which changes other sockets), and while
// it is, the kernel skips it for them. So a second one follows it, which takes what the first was skipped for. Packets
// interrupt no program that handles packets, so that two are enough, before 7.0; from then on see once.h.

// What the first has seen on this CPU and the second not yet, by the socket. Two that share a place are told twice if one
// interrupts the other.
#define PASSED_MAX 512

struct change {
    __u64 key;
    __u32 state;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, PASSED_MAX);
    __type(key, __u32);
    __type(value, struct change);
} passed SEC(".maps");

// Whether this program, one of two, is the one to take the change.
static __always_inline int take_or_pass(__u64 key, struct sock *sk, __u32 state, const int is_first)
{
    // Nothing can be reckoned with an address that the verifier knows as one.
    __u32 index = (sk->__sk_common.skc_num * 31 + sk->__sk_common.skc_dport) & (PASSED_MAX - 1);
    struct change *change = bpf_map_lookup_elem(&passed, &index);

    if (!change)
        return is_first;
    if (!is_first) {
        if (change->key != key || change->state != state)
            return 1;
        change->key = 0;
        return 0;
    }
    change->key = key;
    change->state = state;
    return 1;
}

// The state that each socket was last seen to get, from 7.0 on; see once.h.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, __u64);
    __type(value, __u32);
} states SEC(".maps");

// Whether no other program of this tracepoint has seen the change. A socket never gets the same state twice in a row.
static __always_inline int take_state(__u64 key, __u32 state)
{
    __u32 *known = bpf_map_lookup_elem(&states, &key);

    if (known && *known == state)
        return 0;
    if (known) {
        *known = state;
        return 1;
    }
    return (int)bpf_map_update_elem(&states, &key, &state, BPF_NOEXIST) != -EEXIST;
}

static __always_inline struct entry *entry_of(__u64 key)
{
    return bpf_map_lookup_elem(&sockets, &key);
}

static __always_inline void forget(__u64 key)
{
    bpf_map_delete_elem(&sockets, &key);
}

static __always_inline void remember(__u64 key, const struct entry *entry)
{
    if (bpf_map_update_elem(&sockets, &key, entry, BPF_ANY))
        count_loss(WIRE_LOSS_SOCKET);
}

static __always_inline int is_kernel_thread(void)
{
    struct task_struct *task = (void *)bpf_get_current_task();

    return !!(BPF_CORE_READ(task, flags) & PF_KTHREAD);
}

// ---- records

static __always_inline void begin(struct wire_connection *record, __u16 kind, struct sock *sk, const int typed)
{
    __builtin_memset(record, 0, sizeof(*record));
    fill_header(&record->header, sizeof(*record), kind);
    fill_local(&record->local, sk, typed);
    fill_remote(&record->remote, sk, typed);
    record->namespace = network_namespace(sk, typed);
    record->protocol = IPPROTO_TCP;
}

static __always_inline void add_entry(struct wire_connection *record, const struct entry *entry)
{
    record->task = entry->task;
    record->asked = entry->asked;
    record->header.flags = entry->flags & WIRE_FLAGS;
    if (entry->flags & ENTRY_TRANSLATED) {
        if (!(entry->flags & WIRE_CONNECTION_ASKED))
            record->asked = record->remote;
        record->header.flags |= WIRE_CONNECTION_ASKED;
        record->remote = entry->got;
    }
    if (!(entry->flags & (WIRE_CONNECTION_NO_START | WIRE_CONNECTION_EARLIER)))
        record->duration = record->header.time - entry->start;
}

// Whether another namespace has sent an attempt elsewhere that began at `start`: of the user's record, whose addresses are
// known, and to `asked` of it. Global, so that the verifier looks at it once.
__attribute__((noinline)) int find_translation(__u32 user, __u64 start)
{
    struct wire_connection *record = place_of(user);
    struct sent_to key = {};
    struct translation *got;

    if (!record)
        return 0;
    set_sent_to(&key, record);
    got = bpf_map_lookup_elem(&translations, &key);
    if (!got || got->time < start) // another's that had the same port
        return 0;
    __builtin_memcpy(record->asked.bytes, got->address, 16);
    record->asked.port = got->port;
    return 1;
}

static __always_inline void set_got(struct wire_connection *record, struct entry *entry, __u32 user)
{
    if (!has_translations() || entry->flags & ENTRY_TRANSLATED || !find_translation(user, entry->start))
        return;
    entry->got = record->asked;
    entry->flags |= ENTRY_TRANSLATED;
}

// `sk` is the program's own argument.
static __always_inline void add_counts(struct wire_connection *record, struct sock *sk, struct sock *own)
{
    struct tcp_sock *tcp = (void *)bpf_skc_to_tcp_sock(sk);

    if (!tcp)
        return;
    tcp = UNTRUSTED_SOCKET(tcp_sock, tcp);
    // Each byte once. The peer's FIN counts as a byte received; what its arrival leaves is SOCK_DONE.
    record->sent = tcp->bytes_sent - tcp->bytes_retrans;
    record->received = tcp->bytes_received;
    if (record->received && own->__sk_common.skc_flags >> SOCK_DONE & 1)
        record->received--;
    record->segments_sent = tcp->segs_out;
    record->segments_received = tcp->segs_in;
    record->retransmits = tcp->total_retrans;
    record->round_trip = tcp->srtt_us >> 3;
}

// Which side asked for a connection that was open before us: only what a listening socket gave birth to has its backlog.
static __always_inline __u32 direction_of(__u32 backlog)
{
    return backlog ? WIRE_CONNECTION_INCOMING : WIRE_CONNECTION_OUTGOING;
}

// ---- connect

// The address that the caller gave, where it is not the one that is connected to: a program on the cgroup may have put
// another in its place (as Cilium does for services).
static __always_inline void set_asked(struct entry *entry, const struct wire_address *got)
{
    __u64 thread = bpf_get_current_pid_tgid();
    struct wire_address address = {};

    if (network.asks_registers) {
        struct socket_address given = {};
        struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

        // Not io_uring, nor a send that connects (TCP Fast Open).
        if (CALL_NUMBER(regs) != NR_CONNECT)
            return;
        if (bpf_probe_read_user(&given, sizeof(given), (const void *)CALL_ARGUMENT_2(regs)) &&
            bpf_probe_read_user(&given, 16, (const void *)CALL_ARGUMENT_2(regs)))
            return;
        if (!set_address(&address, &given))
            return;
    } else {
        __u32 index = thread & (ASKED_MAX - 1);
        struct asked *asked = bpf_map_lookup_elem(&asked_map, &index);

        if (!asked || asked->thread != thread)
            return;
        address = asked->address;
        asked->thread = 0;
    }
    if (same_address(&address, got))
        return;
    entry->asked = address;
    entry->flags |= WIRE_CONNECTION_ASKED;
}

static __always_inline int on_attempt(__u64 key, struct sock *sk)
{
    struct entry entry = {};

    if (!fill_current(&entry.task, 1))
        return 0;
    entry.start = bpf_ktime_get_boot_ns();
    entry.flags = WIRE_CONNECTION_OUTGOING;
    if (network.sees_returns) {
        struct wire_address got;

        fill_remote(&got, sk, 1);
        set_asked(&entry, &got);
    }
    remember(key, &entry);
    return 0;
}

static __always_inline int on_connected(struct sock *own, __u64 key, struct sock *sk, struct entry *entry, __u32 user)
{
    struct wire_connection *record = place_of(user);

    if (!record)
        return 0;
    begin(record, WIRE_CONNECT, sk, 1);
    set_got(record, entry, user);
    add_entry(record, entry);
    add_counts(record, own, sk);
    entry->start = record->header.time;
    entry->flags &= ~WIRE_CONNECTION_NO_START;
    entry->flags |= ENTRY_DECIDED;
    tell(record, WIRE_CONNECT, user);
    return 0;
}

static __always_inline int on_attempt_failed(struct sock *own, __u64 key, struct sock *sk, struct entry *entry,
                                             __u32 user)
{
    struct socket *socket = sk->sk_socket;
    struct wire_connection *record = place_of(user);
    __s32 error = sk->sk_err;

    if (!error && network.sees_returns && socket && BPF_CORE_READ(socket, state) == SS_UNCONNECTED) {
        // The call itself fails, for want of a port for one. It tells why when it returns.
        forget(key);
        return 0;
    }
    if (!record)
        return 0;
    begin(record, WIRE_CONNECT, sk, 1);
    set_got(record, entry, user);
    add_entry(record, entry);
    add_counts(record, own, sk);
    // Closed before it was decided: the process gave up.
    record->error = error ? error : ECANCELED;
    tell(record, WIRE_CONNECT, user);
    forget(key);
    if (error && network.sees_returns) {
        __u64 inode = inode_of(socket);

        bpf_map_update_elem(&failed, &key, &inode, BPF_ANY);
    }
    return 0;
}

// ---- listen

static __always_inline int on_listen(__u64 key, struct sock *sk, __u32 user)
{
    struct entry entry = {};

    if (!fill_current(&entry.task, 1))
        return 0;
    entry.start = bpf_ktime_get_boot_ns();
    entry.flags = WIRE_CONNECTION_LISTENER;
    if (network.sees_returns) {
        entry.flags |= ENTRY_PENDING;
    } else {
        struct wire_connection *record = place_of(user);

        if (!record)
            return 0;
        begin(record, WIRE_LISTEN, sk, 1);
        add_entry(record, &entry);
        record->duration = 0;
        tell(record, WIRE_LISTEN, user);
    }
    remember(key, &entry);
    return 0;
}

// ---- close

// A socket that nobody is known to own, closed by the current process: it was open before us, or came in a way that is not
// seen, and who closes it has it.
static __always_inline int claim(__u64 key, struct sock *sk, struct entry *entry)
{
    struct entry claimed = {};

    if (entry && entry->task.pid)
        return 1;
    if (is_kernel_thread() || !fill_current(&claimed.task, 1))
        return 0;
    if (entry) {
        entry->task = claimed.task;
        return 1;
    }
    claimed.flags = WIRE_CONNECTION_EARLIER | direction_of(sk->sk_max_ack_backlog);
    remember(key, &claimed);
    return 1;
}

static __always_inline __u16 end_of(__u32 from, __s32 error, __u32 flags)
{
    if (error == ETIMEDOUT)
        return WIRE_TCP_TIMED_OUT;
    if (error)
        return WIRE_TCP_RESET_BY_PEER;
    if (from == TCP_ESTABLISHED || from == TCP_SYN_RECV || from == TCP_CLOSE_WAIT)
        return WIRE_TCP_RESET;
    if (flags & ENTRY_REMOTE_FIN)
        return WIRE_TCP_CLOSED_BY_PEER;
    return WIRE_TCP_CLOSED;
}

static __always_inline int on_end(struct sock *own, __u64 key, struct sock *sk, struct entry *entry, __u32 from,
                                  __u32 user)
{
    struct wire_connection *record = place_of(user);
    __s32 error = sk->sk_err;

    // Nobody was asked for, or this is what was asked for.
    if (network.scoped && !(entry && entry->task.pid)) {
        if (entry)
            forget(key);
        return 0;
    }
    if (entry && entry->flags & ENTRY_PENDING) { // it could not listen: listen tells
        forget(key);
        return 0;
    }
    if (!record)
        return 0;
    begin(record, WIRE_CLOSE, sk, 1);
    if (entry) {
        add_entry(record, entry);
    } else {
        record->header.flags = WIRE_CONNECTION_EARLIER | direction_of(sk->sk_max_ack_backlog);
    }
    if (from == TCP_LISTEN) {
        record->header.flags &= ~(WIRE_CONNECTION_INCOMING | WIRE_CONNECTION_OUTGOING);
        record->header.flags |= WIRE_CONNECTION_LISTENER;
    } else {
        add_counts(record, own, sk);
        record->end = end_of(from, error, entry ? entry->flags : 0);
        record->error = error;
    }
    tell(record, WIRE_CLOSE, user);
    if (entry)
        forget(key);
    return 0;
}

// ---- changes of state

static __always_inline int take_change(__u64 key, struct sock *own, struct sock *sk, __u32 from, __u32 to, __u32 user)
{
    struct entry *entry;

    switch (to) {
    case TCP_SYN_SENT:
        return on_attempt(key, sk);
    case TCP_LISTEN:
        return on_listen(key, sk, user);
    case TCP_ESTABLISHED:
        entry = entry_of(key);
        if (entry && entry->flags & WIRE_CONNECTION_OUTGOING)
            return on_connected(own, key, sk, entry, user);
        if (from != TCP_SYN_RECV)
            return 0;
        if (entry) { // accepted before: TCP Fast Open
            entry->start = bpf_ktime_get_boot_ns();
            entry->flags &= ~WIRE_CONNECTION_NO_START;
        } else {
            struct entry incoming = {.flags = WIRE_CONNECTION_INCOMING};

            incoming.start = bpf_ktime_get_boot_ns();
            remember(key, &incoming);
        }
        return 0;
    case TCP_FIN_WAIT1:
    case TCP_LAST_ACK:
        entry = entry_of(key);
        if (!claim(key, sk, entry))
            return 0;
        if (to == TCP_FIN_WAIT1 && (entry || (entry = entry_of(key))))
            entry->flags |= ENTRY_LOCAL_FIN;
        return 0;
    case TCP_CLOSE_WAIT:
        entry = entry_of(key);
        if (entry)
            entry->flags |= ENTRY_REMOTE_FIN;
        return 0;
    case TCP_CLOSE:
        entry = entry_of(key);
        if (from == TCP_SYN_SENT || (from == TCP_SYN_RECV && entry && entry->flags & WIRE_CONNECTION_OUTGOING))
            return entry && !(entry->flags & ENTRY_DECIDED) ? on_attempt_failed(own, key, sk, entry, user) : 0;
        if (from == TCP_SYN_RECV && !entry)
            return 0;
        // Broken off by the process, or a listening socket: closed here and now.
        if (!sk->sk_err && (from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT || from == TCP_LISTEN) &&
            claim(key, sk, entry))
            entry = entry_of(key);
        return on_end(own, key, sk, entry, from, user);
    }
    return 0;
}

// How many changes are being taken on this CPU. Before 6.2 the kernel enters a program of this kind twice, and what a packet
// changes must not use the place of the program that it interrupts.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} depths SEC(".maps");

static __always_inline int on_state(__u64 *context, const __u32 program)
{
    struct sock *own = (void *)context[0];
    struct sock *sk = UNTRUSTED_SOCKET(sock, own);
    __u32 from = context[1], to = context[2], zero = 0, user = program;
    __u64 key = (__u64)sk;
    volatile __u32 *depth;

    if (from == to || sk->sk_protocol != IPPROTO_TCP)
        return 0;
    if (config.repeated) {
        if (take_state(key, to))
            take_change(key, own, sk, from, to, program);
        return 0;
    }
    depth = bpf_map_lookup_elem(&depths, &zero);
    if (!depth || !take_or_pass(key, sk, to, program == FACTS_STATE))
        return 0;
    if (*depth)
        user = FACTS_STATE_3; // which is not attached
    *depth += 1;
    take_change(key, own, sk, from, to, user);
    *depth -= 1;
    return 0;
}

THREE_PROGRAMS("tp_btf/inet_sock_set_state", state_changed, on_state(context, FACTS_STATE + attachment))

// ---- calls that return

static __always_inline int is_final(long error)
{
    return error != EINPROGRESS && error != EALREADY && error != EISCONN && !is_interrupted(error);
}

// `given` is the address in the kernel's memory, or in the caller's.
static __always_inline int connect_failed(struct socket *socket, const void *given, int in_user, long result,
                                          const int typed, __u32 user)
{
    struct socket_address address = {};
    struct wire_connection *record = place_of(user);
    struct sock *sk;
    __u64 key, *told;
    __u16 protocol;

    if (result >= 0 || !is_final(-result) || !socket)
        return 0;
    sk = BPF_CORE_READ(socket, sk);
    if (!sk)
        return 0;
    protocol = BPF_CORE_READ(sk, sk_protocol);
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
        return 0;
    key = (__u64)sk;
    told = bpf_map_lookup_elem(&failed, &key);
    if (told) {
        int same = *told == inode_of(socket);

        bpf_map_delete_elem(&failed, &key);
        if (same)
            return 0;
    }
    // One of IPv4 is shorter, and may lie at the end of a page.
    if (in_user) {
        if (bpf_probe_read_user(&address, sizeof(address), given) && bpf_probe_read_user(&address, 16, given))
            return 0;
    } else {
        bpf_probe_read_kernel(&address, sizeof(address), given);
    }
    if (!record)
        return 0;
    __builtin_memset(record, 0, sizeof(*record));
    if (!set_address(&record->remote, &address) || !fill_current(&record->task, typed))
        return 0;
    fill_header(&record->header, sizeof(*record), WIRE_CONNECT);
    record->header.flags = WIRE_CONNECTION_OUTGOING | WIRE_CONNECTION_NO_START;
    record->namespace = network_namespace(sk, 0);
    record->protocol = protocol;
    record->error = -result;
    tell(record, WIRE_CONNECT, user);
    return 0;
}

static __always_inline int accepted(struct socket *socket, const int typed, __u32 user)
{
    struct wire_connection *record = place_of(user);
    struct entry *entry;
    struct sock *sk;
    __u64 key;

    if (!socket)
        return 0;
    sk = BPF_CORE_READ(socket, sk);
    if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
        return 0;
    key = (__u64)sk;
    entry = entry_of(key);
    if (!entry) { // taken before it was established: TCP Fast Open
        struct entry fresh = {.flags = WIRE_CONNECTION_INCOMING | WIRE_CONNECTION_NO_START};

        remember(key, &fresh);
        entry = entry_of(key);
        if (!entry)
            return 0;
    }
    if (!record)
        return 0;
    begin(record, WIRE_ACCEPT, sk, 0);
    if (!fill_current(&record->task, typed)) {
        forget(key);
        return 0;
    }
    entry->task = record->task;
    add_entry(record, entry);
    tell(record, WIRE_ACCEPT, user);
    // It may have ended meanwhile, or before.
    if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)
        forget(key);
    return 0;
}

static __always_inline int listen_returned(struct socket *socket, long result, const int typed, __u32 user)
{
    struct wire_connection *record = place_of(user);
    struct entry *entry;
    struct sock *sk;
    __u64 key;

    if (!socket)
        return 0;
    sk = BPF_CORE_READ(socket, sk);
    if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
        return 0;
    key = (__u64)sk;
    entry = entry_of(key);
    if (!record)
        return 0;
    begin(record, WIRE_LISTEN, sk, 0);
    if (!result) {
        // Listening already, it only gets another backlog.
        if (!entry || !(entry->flags & ENTRY_PENDING))
            return 0;
        entry->flags &= ~ENTRY_PENDING;
        record->task = entry->task;
    } else if (!fill_current(&record->task, typed)) {
        return 0;
    }
    record->header.flags = WIRE_CONNECTION_LISTENER;
    record->error = -result;
    tell(record, WIRE_LISTEN, user);
    return 0;
}

// Best hooks: functions that the calls go through, so that no other call pays anything. io_uring goes through them too.

// security_socket_connect(socket, address, length): what was asked for, before a program on the cgroup may change it.
PROGRAM("fexit", connect_allowed)
{
    struct socket_address given = {};
    __u64 thread = bpf_get_current_pid_tgid();
    __u32 index = thread & (ASKED_MAX - 1);
    const void *address = pointer_argument(context, 1);
    struct asked *asked;

    if ((int)context[3]) // a security module refused it
        return connect_failed(pointer_argument(context, 0), address, 0, (int)context[3], 1, FACTS_CONNECT_ALLOWED);
    asked = bpf_map_lookup_elem(&asked_map, &index);
    if (!asked)
        return 0;
    bpf_probe_read_kernel(&given, sizeof(given), address);
    asked->thread = set_address(&asked->address, &given) ? thread : 0;
    return 0;
}

// __inet_stream_connect(socket, address, length, flags, is_sendmsg)
PROGRAM("fexit", connect_returned)
{
    return connect_failed(pointer_argument(context, 0), pointer_argument(context, 1), 0, (int)context[5], 1,
                          FACTS_CONNECT);
}

// inet_dgram_connect(socket, address, length, flags)
PROGRAM("fexit", datagram_connect_returned)
{
    return connect_failed(pointer_argument(context, 0), pointer_argument(context, 1), 0, (int)context[4], 1,
                          FACTS_DATAGRAM_CONNECT);
}

// inet_accept(socket, new socket, ...): the rest differs by version (before 6.10 flags and kernel, then one argument).
PROGRAM("fexit", accept_returned)
{
    return accepted(pointer_argument(context, 1), 1, FACTS_ACCEPT);
}

// inet_listen(socket, backlog)
PROGRAM("fexit", inet_listen_returned)
{
    return listen_returned(pointer_argument(context, 0), (int)context[2], 1, FACTS_LISTEN);
}

// Where fexit is refused: the system calls' own tracepoints, told apart by their numbers.
SEC("tracepoint")
int call_exited(struct syscall_exit *context)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct pt_regs *regs;

    if (context->nr == NR_ACCEPT || context->nr == NR_ACCEPT4) {
        if (context->result < 0)
            return 0;
        return accepted(socket_of_descriptor(task, context->result), 0, FACTS_CALL);
    }
    if (context->nr == NR_CONNECT && (context->result >= 0 || !is_final(-context->result)))
        return 0;
    regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    if (context->nr == NR_CONNECT)
        return connect_failed(socket_of_descriptor(task, CALL_ARGUMENT_1(regs)), (const void *)CALL_ARGUMENT_2(regs), 1,
                              context->result, 0, FACTS_CALL);
    if (context->nr == NR_LISTEN)
        return listen_returned(socket_of_descriptor(task, CALL_ARGUMENT_1(regs)), context->result, 0, FACTS_CALL);
    return 0;
}

// ---- sockets that were there before us

// Fills in what there is to know of a socket that is seen for the first time. False when it is nobody's who is wanted.
static __always_inline int find(__u64 key, struct sock *sk, struct task_struct *task, __u32 state)
{
    struct entry entry = {};

    if (!in_scope(task, task->tgid, 1))
        return 0;
    fill_task(&entry.task, task, 1);
    entry.flags = WIRE_CONNECTION_EARLIER;
    if (state == TCP_LISTEN)
        entry.flags |= WIRE_CONNECTION_LISTENER;
    else if (state == TCP_SYN_SENT)
        entry.flags = WIRE_CONNECTION_OUTGOING | WIRE_CONNECTION_NO_START;
    else
        entry.flags |= direction_of(BPF_CORE_READ(sk, sk_max_ack_backlog)) | ENTRY_DECIDED;
    if (bpf_map_update_elem(&sockets, &key, &entry, BPF_NOEXIST) && !entry_of(key))
        count_loss(WIRE_LOSS_SOCKET);
    return 1;
}

// Every descriptor of every process, in all network namespaces. A socket that several processes have belongs to the first:
// usually the parent.
SEC("iter/task_file")
int socket_existing(struct bpf_iter__task_file *context)
{
    struct seq_file *seq = context->meta->seq;
    struct task_struct *task = context->task;
    struct wire_connection record;
    struct wire_look *look;
    struct entry *entry;
    struct sock *sk;
    __u64 key;
    __u32 state, zero = 0;
    __u16 family;

    if (!task)
        return 0;
    sk = socket_of_file(context->file);
    if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
        return 0;
    look = bpf_map_lookup_elem(&look_map, &zero);
    if (!look)
        return 0;
    key = (__u64)sk;
    family = BPF_CORE_READ(sk, __sk_common.skc_family);
    state = BPF_CORE_READ(sk, __sk_common.skc_state);
    if (state == TCP_CLOSE || (family != AF_INET && family != AF_INET6))
        return 0;
    entry = entry_of(key);
    if (!entry) {
        if (!find(key, sk, UNTRUSTED(task_struct, task), state))
            return 0;
        entry = entry_of(key);
        if (!entry)
            return 0;
    } else if (look->number == 1 && !entry->look) { // it began when we were here already
        entry->look = 1;
        return 0;
    }
    if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE) { // it has ended meanwhile
        forget(key);
        return 0;
    }
    if (entry->look == look->number || !entry->task.pid || state == TCP_SYN_SENT ||
        (look->flags && state == TCP_LISTEN))
        return 0;
    entry->look = look->number;
    begin(&record, WIRE_SOCKET, sk, 0);
    add_entry(&record, entry);
    record.header.flags |= look->flags;
    if (state != TCP_LISTEN) {
        struct tcp_sock *tcp = (void *)sk;

        record.sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
        record.received = BPF_CORE_READ(tcp, bytes_received);
        if (record.received && BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1)
            record.received--;
        record.segments_sent = BPF_CORE_READ(tcp, segs_out);
        record.segments_received = BPF_CORE_READ(tcp, segs_in);
        record.retransmits = BPF_CORE_READ(tcp, total_retrans);
        record.round_trip = BPF_CORE_READ(tcp, srtt_us) >> 3;
    }
    bpf_seq_write(seq, &record, sizeof(record));
    return 0;
}
