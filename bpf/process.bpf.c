// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Programs that start, fail to start, fork and end, and an iterator over those that are already there.

#include "common.h"

#include <bpf/bpf_tracing.h>

#include "call.h"
#include "glob.h"
#include "once.h"
#include "process.h"
#include "ring.h"
#include "scope.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// Reads the arguments in one piece from where the kernel has just put them: the pages are resident, so this needs no
// sleep, and what is read is what the program got, not what a caller's buffer holds by now.
static __always_inline void append_arguments(struct scratch *scratch, struct wire_process *record, struct mm_struct *mm)
{
    __u64 start = mm->arg_start;
    __u64 size = mm->arg_end - start;

    record->args_total = size;
    if (size > WIRE_ARGS_MAX)
        size = WIRE_ARGS_MAX;
    BARRIER(size);
    if (size > WIRE_ARGS_MAX)
        return;
    if (bpf_probe_read_user(scratch_at(scratch, scratch->end), size, (const void *)start)) {
        record->header.flags |= WIRE_PROCESS_ARGS_UNREADABLE;
        return;
    }
    record->args_size = size;
    scratch->end += size;
}

static __always_inline void mark_executable(struct scratch *scratch, struct wire_process *record, __u32 pid)
{
    __u32 marks = scope_marks(pid) & ~WIRE_TASK_EXE;

    marks |= glob_marks(scratch, scratch->walk.start, executable_size(scratch, record));
    scope_set_marks(pid, marks);
}

static __always_inline int on_exec(__u64 *context, const int attachment)
{
    struct task_struct *task = UNTRUSTED(task_struct, context[0]);
    __u32 old_pid = context[1];
    struct linux_binprm *bprm = UNTRUSTED(linux_binprm, context[2]);
    struct scratch *scratch;
    struct wire_process *record;

    // Whoever it is of, so that what is missing can be told from what the programs were skipped for.
    if (config.repeated && !take_in_turn(task->start_boottime, task->tgid, WIRE_EXEC, task->self_exec_id, attachment))
        return 0;
    if (!config.glob_count && !in_scope(task, task->tgid, 1))
        return 0;
    scratch = scratch_get(scratch_slot(SCRATCH_EXEC + attachment));
    if (!scratch)
        return 0;
    record = begin_process(scratch, task, WIRE_EXEC, 1);
    if (config.glob_count) {
        // The executable is new, so this is where its mark changes; children inherit it.
        mark_executable(scratch, record, task->tgid);
        if (!in_scope(task, task->tgid, 1))
            return 0;
    }
    append_directory(scratch, record, task, 1);
    if (old_pid != task->pid)
        record->old_tid = old_pid;
    if (bprm->per_clear)
        record->header.flags |= WIRE_PROCESS_SETUID;
    if (bprm->interp != bprm->filename) {
        record->header.flags |= WIRE_PROCESS_SCRIPT;
        record->exec_path_size = append_kernel_string(scratch, PATH_MAX_BYTES, bprm->filename);
        record->interpreter_size = append_kernel_string(scratch, 256, bprm->interp);
    }
    record->args_count = bprm->argc;
    append_arguments(scratch, record, task->mm);
    emit(record, finish_record(scratch), WIRE_EXEC);
    return 0;
}

THREE_PROGRAMS("tp_btf/sched_process_exec", process_exec, on_exec(context, attachment))

static __always_inline int on_fork(__u64 *context, const int attachment)
{
    struct task_struct *task = UNTRUSTED(task_struct, context[0]);
    struct task_struct *child = UNTRUSTED(task_struct, context[1]);
    struct wire_fork record;

    if (child->pid != child->tgid) // a thread
        return 0;
    if (config.repeated && !take_in_turn(child->start_boottime, child->tgid, WIRE_FORK, 0, attachment))
        return 0;
    if (scope_tracks_tasks()) {
        __u32 marks = scope_marks(task->tgid);

        if (marks)
            scope_set_marks(child->tgid, marks & ~WIRE_TASK_STARTING);
    }
    if (task->tgid == config.own_pid || !in_scope(child, child->tgid, 1))
        return 0;
    fill_header(&record.header, sizeof(record), WIRE_FORK);
    fill_task(&record.task, child, 1);
    emit(&record, sizeof(record), WIRE_FORK);
    return 0;
}

THREE_PROGRAMS("tp_btf/sched_process_fork", process_fork, on_fork(context, attachment))

static __always_inline int on_exit(__u64 *context, const int attachment)
{
    struct task_struct *task = UNTRUSTED(task_struct, context[0]);
    struct task_struct *leader = task->group_leader;
    struct signal_struct *signal = task->signal;
    struct wire_exit record;
    int wanted;

    // The process ends with its last thread, whichever that is; the leader may be long gone, and a leader that exec in
    // another thread pushes aside passes here too, with live > 0.
    if (signal->live.counter)
        return 0;
    // Threads that end a process together can each see `live` at 0. (Nothing tells a process that never had a second
    // thread from one whose other threads are gone already: a short one leaves not even run time.)
    if (!take_in_turn(leader->start_boottime, task->tgid, WIRE_EXIT, 0, attachment))
        return 0;
    wanted = in_scope(task, task->tgid, 1);
    if (scope_tracks_tasks())
        scope_set_marks(task->tgid, 0);
    if (!wanted)
        return 0;
    fill_header(&record.header, sizeof(record), WIRE_EXIT);
    fill_task(&record.task, task, 1);
    record.code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
    record.unused = 0;
    emit(&record, sizeof(record), WIRE_EXIT);
    return 0;
}

THREE_PROGRAMS("tp_btf/sched_process_exit", process_exit, on_exit(context, attachment))

#define CGROUP_PATH_SIZE 1024 // the kernel's own buffer for the tracepoint (TRACE_CGROUP_PATH_LEN)

struct cgroup_record {
    struct wire_cgroup fixed;
    char path[CGROUP_PATH_SIZE];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct cgroup_record);
} cgroup_map SEC(".maps");

// A cgroup's path, told when it is made: one that is gone when its events are read still has its name.
PROGRAM("tp_btf/cgroup_mkdir", cgroup_made)
{
    struct cgroup *cgroup = UNTRUSTED(cgroup, context[0]);
    struct cgroup_record *record;
    __u64 mark = 0;
    __u32 zero = 0;
    long length;

    if (cgroup->root->hierarchy_id) {
        if (!config.v1_controller || !(cgroup->root->subsys_mask >> (config.v1_controller - 1) & 1))
            return 0;
        mark = WIRE_CGROUP_V1;
    }
    record = bpf_map_lookup_elem(&cgroup_map, &zero);
    if (!record)
        return 0;
    fill_header(&record->fixed.header, sizeof(*record), WIRE_CGROUP);
    record->fixed.id = cgroup->kn->id | mark;
    record->fixed.unused = 0;
    length = bpf_probe_read_kernel_str(record->path, sizeof(record->path), (const void *)context[1]);
    record->fixed.path_size = length > 0 ? length - 1 : 0;
    // What names a container may be gone with it in a moment.
    emit_at_once(record, sizeof(*record), WIRE_CGROUP);
    return 0;
}


// Bytes; one argument more may follow.
#define FAILED_ARGS_MAX 6144

// One argument of a failed exec; 1 after the last.
__attribute__((noinline)) int argument_step(__u32 slot)
{
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_map, &slot);
    __u64 address = 0;
    long length;

    if (!scratch)
        return 1;
    struct strings *strings = &scratch->strings;
    __u32 size = strings->compat ? 4 : 8;

    if (bpf_probe_read_user(&address, size, (const void *)strings->next) || !address)
        return 1;
    strings->next += size;
    strings->count++;
    length = bpf_probe_read_user_str(scratch_at(scratch, scratch->end), 4096, (const void *)address);
    if (length < 1)
        return 1;
    scratch->end += length;
    return scratch->end - strings->start >= FAILED_ARGS_MAX;
}

#define ARGUMENT_STEPS 64
#define ARGUMENT_ROUNDS 16

__attribute__((noinline)) int argument_steps(__u32 slot)
{
    for (int i = 0; i < ARGUMENT_STEPS; i++) {
        if (argument_step(slot))
            return 1;
    }
    return 0;
}

static __always_inline void append_at_directory(struct scratch *scratch, struct wire_process *record,
                                                struct task_struct *task, int fd)
{
    struct fs_struct *fs = BPF_CORE_READ(task, fs);
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct file **files = BPF_CORE_READ(table, fd);
    struct file *file = 0;

    if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
        return;
    READ(file, (__u64)files + (__u32)fd * sizeof(file));
    if (!file)
        return;
    record->header.flags |= WIRE_PROCESS_AT_DIRECTORY;
    record->at_size = append_path(scratch, &file->f_path, &fs->root, 0);
}

// Whether a program that is attached twice, see once.h, is the one to look at a call. The first leaves word that it has.
static __always_inline int looks_at_call(const int attachment)
{
    struct event_key key = {.pid = bpf_get_current_pid_tgid(), .kind = WIRE_EXEC_FAILED};
    __u32 value = 0;

    if (!config.repeated)
        return 1;
    if (!attachment) {
        bpf_map_update_elem(&taken, &key, &value, BPF_ANY);
        return 1;
    }
    if (!(int)bpf_map_delete_elem(&taken, &key))
        return 0;
    __atomic_fetch_add(&control.caught, 1, __ATOMIC_RELAXED);
    return 1;
}

// An execve that failed never replaced the memory its arguments came from, and the kernel has just read the path from
// there, so after the call both are still where the registers say and the path's page is resident.
static __always_inline int exec_failed(int at, __u64 path, __u64 arguments, int compat, long result, const int attachment)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct scratch *scratch;
    struct wire_process *record;
    __u32 slot = scratch_slot(SCRATCH_FAILED);
    __u32 start;
    long length;
    char first;

    if (!looks_at_call(attachment) || result >= 0 || !in_scope(task, bpf_get_current_pid_tgid() >> 32, 0))
        return 0;
    scratch = scratch_get(slot);
    if (!scratch)
        return 0;
    // The programs share this slot, so on a kernel that preempts them one may find it in use.
    if (scratch->busy) {
        count_loss(WIRE_LOSS_RING + WIRE_EXEC_FAILED);
        return 0;
    }
    scratch->busy = 1;
    record = begin_process(scratch, task, WIRE_EXEC_FAILED, 0);
    append_directory(scratch, record, task, 0);
    record->error = -result;
    length = bpf_probe_read_user_str(scratch_at(scratch, scratch->end), PATH_MAX_BYTES, (const void *)path);
    first = *scratch_at(scratch, scratch->end);
    if (length > 1) {
        record->exec_path_size = length - 1;
        scratch->end += length - 1;
    }
    if (at != AT_FDCWD && first != '/')
        append_at_directory(scratch, record, task, at);
    start = scratch->end;
    scratch->strings.next = arguments;
    scratch->strings.count = 0;
    scratch->strings.compat = compat;
    scratch->strings.start = start;
    for (int i = 0; i < ARGUMENT_ROUNDS; i++) {
        if (argument_steps(slot))
            break;
    }
    record->args_count = scratch->strings.count;
    record->args_size = scratch->end - start;
    record->args_total = record->args_size;
    if (record->args_size >= FAILED_ARGS_MAX)
        record->header.flags |= WIRE_PROCESS_EXEC_ARGS_CUT;
    emit(record, finish_record(scratch), WIRE_EXEC_FAILED);
    scratch->busy = 0;
    return 0;
}

#if defined(__TARGET_ARCH_x86)
#define NR_EXECVEAT 322
#define ARGUMENT_1(regs) BPF_CORE_READ(regs, di)
#define ARGUMENT_2(regs) BPF_CORE_READ(regs, si)
#define ARGUMENT_3(regs) BPF_CORE_READ(regs, dx)
#define COMPAT_1(regs) ((__u32)BPF_CORE_READ(regs, bx))
#define COMPAT_2(regs) ((__u32)BPF_CORE_READ(regs, cx))
#define COMPAT_3(regs) ((__u32)BPF_CORE_READ(regs, dx))
#else
#define NR_EXECVEAT 281
#define ARGUMENT_1(regs) BPF_CORE_READ(regs, user_regs.regs[0])
#define ARGUMENT_2(regs) BPF_CORE_READ(regs, user_regs.regs[1])
#define ARGUMENT_3(regs) BPF_CORE_READ(regs, user_regs.regs[2])
#define COMPAT_1(regs) ((__u32)ARGUMENT_1(regs))
#define COMPAT_2(regs) ((__u32)ARGUMENT_2(regs))
#define COMPAT_3(regs) ((__u32)ARGUMENT_3(regs))
#endif

// Best hook: on return from the system call's own function, so that no other system call pays anything. User space sets
// the functions' names, which differ by architecture, and switches off what this kernel does not have.
static __always_inline struct pt_regs *registers(__u64 *context)
{
    struct pt_regs *regs = 0;

    // Not by a plain load: 5.10's BTF has the argument of some system calls as a struct that is only declared, and the
    // verifier refuses those.
    READ(regs, context);
    return regs;
}

// One for each place where a system call has its arguments, and its second.
#define FAILED_EXEC(name, at, path, arguments, compat)                                                                  \
    FAILED_EXEC_PROGRAM(name, at, path, arguments, compat, 0)                                                           \
    FAILED_EXEC_PROGRAM(name##_2, at, path, arguments, compat, 1)
#define FAILED_EXEC_PROGRAM(name, at, path, arguments, compat, attachment)                                              \
    PROGRAM("fexit", name)                                                                                             \
    {                                                                                                                  \
        struct pt_regs *regs = registers(context);                                                                     \
                                                                                                                       \
        return exec_failed(at, path, arguments, compat, context[1], attachment);                                       \
    }

FAILED_EXEC(execve_returned, AT_FDCWD, ARGUMENT_1(regs), ARGUMENT_2(regs), 0)
FAILED_EXEC(execveat_returned, ARGUMENT_1(regs), ARGUMENT_2(regs), ARGUMENT_3(regs), 0)
FAILED_EXEC(compat_execve_returned, AT_FDCWD, COMPAT_1(regs), COMPAT_2(regs), 1)
FAILED_EXEC(compat_execveat_returned, COMPAT_1(regs), COMPAT_2(regs), COMPAT_3(regs), 1)

// Where fentry and fexit are refused: the system calls' own tracepoints. bpf_task_pt_regs is there since 5.15.
// One program for both calls, told apart by their numbers.
SEC("tracepoint")
int exec_exited(struct syscall_exit *context)
{
    struct pt_regs *regs;

    if (context->result >= 0)
        return 0;
    regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    if (context->nr == NR_EXECVEAT)
        return exec_failed(ARGUMENT_1(regs), ARGUMENT_2(regs), ARGUMENT_3(regs), 0, context->result, 0);
    return exec_failed(AT_FDCWD, ARGUMENT_1(regs), ARGUMENT_2(regs), 0, context->result, 0);
}

// Everyone who is already there. What it writes is read from the iterator's descriptor, so it needs no room in the ring.
SEC("iter/task")
int process_existing(struct bpf_iter__task *context)
{
    struct seq_file *seq = context->meta->seq;
    struct task_struct *task = context->task;
    struct scratch *scratch;
    struct wire_process *record;

    if (!task)
        return 0;
    task = UNTRUSTED(task_struct, task);
    if (task->pid != task->tgid)
        return 0;
    scratch = scratch_get(SCRATCH_ITERATOR);
    if (!scratch)
        return 0;
    record = begin_process(scratch, task, WIRE_EXISTING, 1);
    if (config.glob_count && record->executable_size)
        mark_executable(scratch, record, task->tgid);
    if (in_scope(task, task->tgid, 1))
        record->header.flags |= WIRE_PROCESS_IN_SCOPE;
    append_directory(scratch, record, task, 1);
    bpf_seq_write(seq, record, finish_record(scratch));
    return 0;
}
