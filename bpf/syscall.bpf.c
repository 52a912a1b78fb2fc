// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// System calls: one event when a call returns, or one number more where calls are only counted.
//
// Calls have a ring of their own, so that a flood of them loses no process event. They are told when they return: only then
// are the pages that their strings are in certain to be there, and the kernel has read what we read.

#include "common.h"

#include "call.h"
#include "count.h"
#include "facts.h"
#include "ring.h"
#include "scope.h"
#include "security.h"
#include "task.h"
#include "wire/syscalls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct wire_syscalls syscalls SEC(".rodata.syscalls");

// The call that each CPU's current task is in. Much faster than a look into a map by thread, which is only needed when a
// task is switched out in a call.
struct current_call {
    __u64 task; // its address; 0 for none
    struct call call;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct current_call);
} current_calls SEC(".maps");

// Of threads that are switched out. The least recently used goes when there are more: its call is told without duration.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 32768);
    __type(key, __u32);
    __type(value, struct call);
} calls SEC(".maps");

#define STRING_SIZE 4096
#define ADDRESS_SIZE 128 // struct sockaddr_storage
#define TAIL_LIMIT 16384 // two strings, an address, and their heads fit below it

struct call_record {
    struct wire_syscall fixed;
    char tail[TAIL_LIMIT + sizeof(struct wire_capture) + STRING_SIZE];
};

// Programs that tell of calls; one may interrupt another, so each has its own place.
enum call_teller {
    TELLS_ENTRY = FACTS_ENTRY,
    TELLS_RETURN = FACTS_RETURN,
    TELLS_EXIT = FACTS_EXIT,
    CALL_TELLERS,
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, CALL_TELLERS);
    __type(key, __u32);
    __type(value, struct call_record);
} call_records SEC(".maps");

struct exec_path {
    char text[STRING_SIZE];
};

// Of execs under way, by thread: what they were given is gone when they succeed.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1); // user space makes room where execs are told
    __type(key, __u32);
    __type(value, struct exec_path);
} exec_paths SEC(".maps");

static __always_inline __u32 rule_of(__u16 abi, __u32 number)
{
    if (number >= WIRE_NUMBERS_MAX)
        return syscalls.unknown;
    BARRIER(number);
    return syscalls.rules[abi & (WIRE_ABI_COUNT - 1)][number & (WIRE_NUMBERS_MAX - 1)];
}

// Of the program to watch, the first call is the exec that starts it.
static __always_inline int wants_calls_of(struct task_struct *task, __u32 pid, __u32 rule, const int typed)
{
    return in_scope_without(task, pid, rule & WIRE_RULE_EXEC ? 0 : WIRE_TASK_STARTING, typed);
}

static __always_inline struct wire_capture *capture_at(struct call_record *record, __u32 end)
{
    BARRIER(end);
    return (void *)(record->tail + (end & (TAIL_LIMIT - 1)));
}

static __always_inline __u32 finish_capture(struct call_record *record, __u32 end, __u32 size)
{
    record->fixed.capture_count++;
    return end + sizeof(struct wire_capture) + ((size + 7) & ~7u);
}

static __always_inline __u32 capture_string(struct call_record *record, __u32 end, __u32 argument,
                                            const struct exec_path *path)
{
    struct wire_capture *capture = capture_at(record, end);
    long size;

    capture->argument = argument;
    capture->kind = WIRE_CAPTURE_STRING;
    capture->flags = 0;
    if (path)
        size = bpf_probe_read_kernel_str(capture + 1, STRING_SIZE, path->text);
    else
        size = bpf_probe_read_user_str(capture + 1, STRING_SIZE, (void *)record->fixed.arguments[argument]);
    if (size < 1) {
        capture->flags = WIRE_CAPTURE_UNREADABLE;
        size = 1;
    }
    if (size == STRING_SIZE)
        capture->flags = WIRE_CAPTURE_CUT;
    capture->size = size - 1;
    return finish_capture(record, end, size - 1);
}

static __always_inline __u32 capture_address(struct call_record *record, __u32 end, __u32 rule)
{
    __u32 argument = ((rule >> WIRE_RULE_ADDRESS_SHIFT) & 7) - 1;
    __u32 length = ((rule >> WIRE_RULE_LENGTH_SHIFT) & 7) - 1;
    struct wire_capture *capture = capture_at(record, end);
    __u64 address, pointer;
    __u32 size;

    if (argument > 5 || length > 5)
        return end;
    BARRIER(argument);
    BARRIER(length);
    address = record->fixed.arguments[argument & 7];
    pointer = record->fixed.arguments[length & 7];
    size = pointer;

    if (rule & WIRE_RULE_LENGTH_POINTER) {
        // What comes back is there only when the call succeeded.
        if (record->fixed.result < 0)
            return end;
        if (!address || bpf_probe_read_user(&size, sizeof(size), (void *)pointer))
            return end;
    }
    if (rule & WIRE_RULE_MESSAGE) {
        // struct msghdr begins with msg_name and msg_namelen.
        __u32 width = record->fixed.abi == WIRE_ABI_NATIVE ? 8 : 4;
        __u64 message = address;

        address = 0;
        size = 0;
        if (bpf_probe_read_user(&address, width, (void *)message) ||
            bpf_probe_read_user(&size, sizeof(size), (void *)(message + width)))
            return end;
    }
    if (!address || !size)
        return end;
    if (size > ADDRESS_SIZE)
        size = ADDRESS_SIZE;
    BARRIER(size);
    size &= 2 * ADDRESS_SIZE - 1;
    capture->argument = argument;
    capture->kind = WIRE_CAPTURE_SOCKADDR;
    capture->flags = 0;
    capture->size = size;
    if (bpf_probe_read_user(capture + 1, size, (void *)address)) {
        capture->flags = WIRE_CAPTURE_UNREADABLE;
        capture->size = size = 0;
    }
    return finish_capture(record, end, size);
}

static __always_inline __u32 append_captures(struct call_record *record, __u32 rule, const struct exec_path *path)
{
    __u32 end = 0;

    for (__u32 argument = 0; argument < 5; argument++) {
        if (rule & (1u << (WIRE_RULE_STRINGS_SHIFT + argument)) && end < 2 * (STRING_SIZE + 8))
            end = capture_string(record, end, argument, path);
    }
    if ((rule >> WIRE_RULE_ADDRESS_SHIFT) & 7)
        end = capture_address(record, end, rule);
    return end;
}

// Makes the record of `call` and sends it.
static __always_inline int tell(struct task_struct *task, const struct call *call, __u32 rule, __u16 flags, __s64 result,
                                __u32 teller, const int typed)
{
    struct call_record *record = bpf_map_lookup_elem(&call_records, &teller);
    const struct exec_path *path = 0;
    __u32 end = 0;
    __u32 tid;

    if (!record)
        return 0;
    fill_header(&record->fixed.header, 0, WIRE_SYSCALL);
    record->fixed.header.flags = flags;
    record->fixed.duration = call->start ? record->fixed.header.time - call->start : 0;
    for (int i = 0; i < 6; i++)
        record->fixed.arguments[i] = call->arguments[i];
    record->fixed.result = result;
    record->fixed.number = call->number;
    record->fixed.abi = call->abi;
    record->fixed.capture_count = 0;
    record->fixed.target_pid = 0;
    record->fixed.unused = 0;
    if (flags & WIRE_SYSCALL_SECURITY && !security_wants(&record->fixed, rule, typed)) {
        if (!(rule & WIRE_RULE_WANTED))
            return 0;
        record->fixed.header.flags &= ~WIRE_SYSCALL_SECURITY;
    }
    fill_task(&record->fixed.task, task, typed);
    // Numbers without a rule have made-up names, which the predicate does not know.
    if (call->number < WIRE_NUMBERS_MAX && !call_passes(&record->fixed, !(rule & WIRE_RULE_REGISTER), teller))
        return 0;
    if (rule & WIRE_RULE_EXEC && !result) {
        tid = record->fixed.task.tid;
        path = bpf_map_lookup_elem(&exec_paths, &tid);
    }
    if (!(flags & WIRE_SYSCALL_NO_RETURN))
        end = append_captures(record, rule, path);
    end = (end & (TAIL_LIMIT - 1)) + sizeof(struct wire_syscall);
    record->fixed.header.length = end;
    emit(record, end, WIRE_SYSCALL);
    return 0;
}

static __always_inline __u16 security_flag(__u32 rule)
{
    return rule & WIRE_RULE_SECURITY ? WIRE_SYSCALL_SECURITY : 0;
}

// Where the call that the current task now enters is kept.
static __always_inline struct call *place_of_call(void)
{
    __u32 zero = 0;
    struct current_call *current = bpf_map_lookup_elem(&current_calls, &zero);

    if (!current)
        return 0;
    current->task = bpf_get_current_task();
    return &current->call;
}

// The call that the current task is in; 0 when it is not known. Valid until it is forgotten.
static __always_inline struct call *call_under_way(__u32 tid)
{
    __u32 zero = 0;
    struct current_call *current = bpf_map_lookup_elem(&current_calls, &zero);
    struct call *call;

    if (current && current->task == bpf_get_current_task() && current->call.start)
        return &current->call;
    call = bpf_map_lookup_elem(&calls, &tid);
    return call && call->start ? call : 0;
}

// Whether nobody has told yet that this thread ends. Where the programs are attached more than once, each sees its last
// call, from which it does not come back.
static __always_inline int ends_now(__u32 tid)
{
    struct call ended = {.has_ended = 1};
    struct call *call;

    if (!config.repeated)
        return 1;
    call = bpf_map_lookup_elem(&calls, &tid);
    if (!call)
        return !bpf_map_update_elem(&calls, &tid, &ended, BPF_NOEXIST);
    if (call->has_ended)
        return 0;
    call->has_ended = 1;
    return 1;
}

static __always_inline int on_enter(__u64 *context, const int typed, const int attachment)
{
    struct task_struct *task = current_task(typed);
    struct pt_regs *regs = UNTRUSTED(pt_regs, context[0]);
    __u64 id = bpf_get_current_pid_tgid();
    __u32 number = context[1];
    struct call fresh = {}, *call;
    __u32 rule;
    __u16 abi;

    abi = call_abi(task, &number, typed);
    rule = rule_of(abi, number);
    if (!(rule & (WIRE_RULE_WANTED | WIRE_RULE_SECURITY)) || !wants_calls_of(task, id >> 32, rule, typed))
        return 0;
    if (rule & WIRE_RULE_NO_RETURN) {
        if (!ends_now(id))
            return 0;
        fresh.number = number;
        fresh.abi = abi;
        call_arguments(regs, abi, fresh.arguments);
        if (syscalls.is_counted)
            count_call(task, &fresh, 0, 0, syscalls.counts_by, typed);
        else
            tell(task, &fresh, rule, WIRE_SYSCALL_NO_RETURN | security_flag(rule), 0, TELLS_ENTRY, typed);
        return 0;
    }
    // The others only write the same down again. When the first finds a call, all were skipped at its return.
    if (config.repeated && !attachment && call_under_way(id))
        count_loss(WIRE_LOSS_RING + WIRE_SYSCALL);
    call = place_of_call();
    if (!call)
        return 0;
    call->number = number;
    call->abi = abi;
    if (!syscalls.is_counted)
        call_arguments(regs, abi, call->arguments);
    call->start = bpf_ktime_get_boot_ns();
    return 0;
}

#define CALL_PROGRAMS(hook, name, body)   \
    THREE_PROGRAMS("tp_btf/" #hook, name, \
                   config.has_typed_current ? body(context, 1, attachment) : body(context, 0, attachment))

CALL_PROGRAMS(sys_enter, syscall_entered, on_enter)

static __always_inline int on_return(__u64 *context, const int typed, const int attachment)
{
    struct task_struct *task = current_task(typed);
    struct pt_regs *regs = UNTRUSTED(pt_regs, context[0]);
    __s64 result = context[1];
    __u64 id = bpf_get_current_pid_tgid();
    __u32 tid = id;
    __u16 flags = WIRE_SYSCALL_NO_ENTRY;
    struct call own = {}, *call = 0;
    __u32 rule;

    own.number = call_register(regs);
    own.abi = call_abi(task, &own.number, typed);
    // A return from a signal handler puts back the registers from before the signal, and -1 as the number.
    rule = rule_of(own.abi, own.number);
    if (own.number != 0xffffffff && !(rule & (WIRE_RULE_WANTED | WIRE_RULE_SECURITY)))
        return 0;
    if (syscalls.sees_entry)
        call = call_under_way(tid);
    if (call) {
        // As they were on entry: a debugger may have changed the registers since, and an exec has cleared them.
        own = *call;
        call->start = 0;
        // It is in both places when the task was switched out between two programs at its entry.
        call = config.repeated ? bpf_map_lookup_elem(&calls, &tid) : 0;
        if (call)
            call->start = 0;
        rule = rule_of(own.abi, own.number);
        flags = 0;
    } else {
        // The first has told of it, or, where it was entered before we came, will have.
        if (attachment || own.number == 0xffffffff || (rule & WIRE_RULE_CHILD && !result))
            return 0;
        if (!wants_calls_of(task, id >> 32, rule, typed))
            return 0;
        call_arguments(regs, own.abi, own.arguments);
    }
    if (own.abi == WIRE_ABI_COMPAT)
        result = (__s32)result;
    if (syscalls.is_counted)
        return count_call(task, &own, result, bpf_ktime_get_boot_ns(), syscalls.counts_by, typed);
    return tell(task, &own, rule, flags | security_flag(rule), result, TELLS_RETURN, typed);
}

CALL_PROGRAMS(sys_exit, syscall_returned, on_return)

// The next task needs the place.
PROGRAM("tp_btf/sched_switch", task_switched)
{
    struct current_call *current;
    __u32 tid = bpf_get_current_pid_tgid();
    __u32 zero = 0;

    (void)context;
    current = bpf_map_lookup_elem(&current_calls, &zero);
    if (!current || !current->call.start || current->task != bpf_get_current_task())
        return 0;
    bpf_map_update_elem(&calls, &tid, &current->call, BPF_ANY);
    current->call.start = 0;
    return 0;
}

// A thread that is killed in a call never returns from it.
static __always_inline int on_thread_exit(__u64 *context, const int typed, const int attachment)
{
    struct task_struct *task = current_task(typed);
    __u64 id = bpf_get_current_pid_tgid();
    __u32 tid = id;
    struct call *call = call_under_way(tid);
    struct call own = {};
    __u32 rule;

    (void)context;
    if (call) {
        own = *call;
        call->start = 0;
    }
    // The last of them, because what is in the map keeps the others from telling of exit(2) again.
    if (call || attachment == 2 || !config.repeated)
        bpf_map_delete_elem(&calls, &tid);
    if (!call)
        return 0;
    rule = rule_of(own.abi, own.number);
    if (syscalls.is_counted)
        return count_call(task, &own, 0, 0, syscalls.counts_by, typed);
    return tell(task, &own, rule, WIRE_SYSCALL_NO_RETURN | security_flag(rule), 0, TELLS_EXIT, typed);
}

CALL_PROGRAMS(sched_process_exit, thread_exited, on_thread_exit)

// The thread of an exec becomes the first of its process, and what it was given goes.
static __always_inline int on_call_executed(__u64 *context, const int typed, const int attachment)
{
    struct linux_binprm *bprm = UNTRUSTED(linux_binprm, context[2]);
    __u32 old_tid = context[1];
    __u32 tid = bpf_get_current_pid_tgid();
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    __u32 teller = TELLS_EXIT;
    struct call *call;
    struct call_record *record;
    __u32 marks;

    (void)typed;
    (void)attachment; // doing it again changes nothing
    if (config.tree) {
        marks = scope_marks(pid);
        if (marks & WIRE_TASK_STARTING)
            scope_set_marks(pid, marks & ~WIRE_TASK_STARTING);
    }
    if (!syscalls.sees_entry)
        return 0;
    if (old_tid != tid) {
        call = bpf_map_lookup_elem(&calls, &old_tid);
        if (call) {
            struct call copy = *call;

            bpf_map_update_elem(&calls, &tid, &copy, BPF_ANY);
            bpf_map_delete_elem(&calls, &old_tid);
        }
    }
    if (!call_under_way(tid) || syscalls.is_counted)
        return 0;
    // Put together in the place of a program that can't run now: this task is in a call.
    record = bpf_map_lookup_elem(&call_records, &teller);
    if (!record)
        return 0;
    struct exec_path *path = (void *)record;

    bpf_probe_read_kernel_str(path->text, sizeof(path->text), bprm->filename);
    bpf_map_update_elem(&exec_paths, &tid, path, BPF_ANY);
    return 0;
}

CALL_PROGRAMS(sched_process_exec, call_executed, on_call_executed)
