// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Files that are opened and created. What is done to files comes in floods: its records have a ring of their own, so that
// no process is lost by them.

#define SCRATCH_OF_FILES

#include "common.h"

#include "file.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define LOOKUP_CACHED 0x200200 // one bit of these, since 5.12: it has changed later, and the other is never set here

// What is asked of an open.
struct request {
    struct asked asked;
    __u32 flags; // WIRE_FILE_*
    __u32 open_flags;
};

// Tells of a file that was opened, or with `error` of one that was not.
static __always_inline int tell_open(const struct request *request, struct file *file, long error, __u32 user,
                                     const int typed_file, const int typed)
{
    struct task_struct *task = wanted_task(typed);
    struct scratch *scratch;
    struct wire_file *record;

    if (!task)
        return 0;
    scratch = scratch_get(scratch_slot(user));
    if (!scratch)
        return 0;
    record = begin_file(scratch, task, WIRE_FILE_OPEN, typed);
    record->error = error;
    // Not what was asked for: the kernel adds the first two, and what it leads to does not know the last.
    record->open_flags = request->open_flags & ~(O_LARGEFILE | FMODE_EXEC | O_CLOEXEC);
    record->header.flags |= WIRE_FILE_HAS_FLAGS | request->flags;
    if (request->open_flags & FMODE_EXEC)
        record->header.flags |= WIRE_FILE_EXEC;
    if (!error) {
        __u32 mode = typed_file ? ((struct file___open *)file)->f_mode
                                : BPF_CORE_READ((struct file___open *)file, f_mode);

        if (mode & FMODE_CREATED)
            record->operation = WIRE_FILE_CREATE;
        if ((request->open_flags & O_TMPFILE) == O_TMPFILE) {
            record->operation = WIRE_FILE_CREATE;
            record->header.flags |= WIRE_FILE_TMPFILE;
        }
        if (!is_wanted_operation(record->operation, 0))
            return 0;
        append_file(scratch, record, file, task, typed && typed_file);
        if (!is_wanted_path(scratch))
            return 0;
    } else if (!is_wanted_operation(WIRE_FILE_OPEN, error)) {
        return 0;
    } else if (request->flags & WIRE_FILE_BY_HANDLE) {
        record->header.flags |= WIRE_FILE_AS_ASKED;
    } else {
        append_name(scratch, record, task, &request->asked);
    }
    send_file(scratch, record);
    return 0;
}

static __always_inline int on_open(__u64 *context, const int typed)
{
    struct filename *name = TYPED(filename, context[1]);
    struct open_flags *op = TYPED(open_flags, context[2]);
    struct file *file = TYPED(file, context[3]);
    struct request request = {.asked.directory = (int)context[0], .open_flags = op->open_flag};
    __u64 result = 0;
    long error = 0;

    READ(result, &context[3]);
    if (is_error(result))
        error = -(long)result;
    // The first try of an io_uring, which goes on where it may wait.
    if (is_restarted(error) || (error == EAGAIN && op->lookup_flags & LOOKUP_CACHED))
        return 0;
    if (op->lookup_flags & LOOKUP_CACHED)
        request.open_flags &= ~O_NONBLOCK; // set by io_uring
    request.asked.name = text_of(name);
    return tell_open(&request, file, error, SCRATCH_OPEN, 1, typed);
}

// struct file *do_filp_open(directory, name, flags): what all opens by a name lead to, those of 32-bit programs, io_uring
// and exec too. From 7.0 on it is do_file_open. User space names it.
PROGRAM("fexit", file_opened)
{
    return config.has_typed_current ? on_open(context, 1) : on_open(context, 0);
}

static __always_inline int on_open_by_handle(long result, __u32 flags, __u32 user)
{
    struct request request = {.open_flags = flags, .flags = WIRE_FILE_BY_HANDLE};
    struct file *file = 0;

    if (result < 0) {
        if (is_restarted(-result))
            return 0;
        return tell_open(&request, file, -result, user, 0, 0);
    }
    file = file_of_descriptor((void *)bpf_get_current_task(), result);
    return file ? tell_open(&request, file, 0, user, 0, 0) : 0;
}

static __always_inline struct pt_regs *registers(__u64 *context)
{
    struct pt_regs *regs = 0;

    // Not by a plain load; see process.bpf.c.
    READ(regs, context);
    return regs;
}

#if defined(__TARGET_ARCH_x86)
#define ARGUMENT_3(regs) BPF_CORE_READ(regs, dx)
#define COMPAT_3(regs) ((__u32)BPF_CORE_READ(regs, dx))
#else
#define ARGUMENT_3(regs) BPF_CORE_READ(regs, user_regs.regs[2])
#define COMPAT_3(regs) ((__u32)ARGUMENT_3(regs))
#endif

// By the system call's own function: what it leads to is not the same in all kernels.
PROGRAM("fexit", handle_opened)
{
    return on_open_by_handle((int)context[1], ARGUMENT_3(registers(context)), SCRATCH_HANDLE);
}

PROGRAM("fexit", compat_handle_opened)
{
    return on_open_by_handle((int)context[1], COMPAT_3(registers(context)), SCRATCH_HANDLE + 1);
}

#include "file_names.h"
#include "file_changes.h"
#include "file_mounts.h"
#include "file_writes.h"

// Where fexit is refused: one program for all calls, because to detach the calls' own tracepoints takes 75 ms each.

#define O_CREAT_WRONLY_TRUNC 01101

// One of six, by its number from 1; 0 for none.
static __always_inline __u64 argument_of(const __u64 arguments[6], __u32 number)
{
    // Not by an index: the stack would have to be read through a pointer that is not constant.
    __u64 value = 0;

    value = number == 1 ? arguments[0] : value;
    value = number == 2 ? arguments[1] : value;
    value = number == 3 ? arguments[2] : value;
    value = number == 4 ? arguments[3] : value;
    return number == 5 ? arguments[4] : value;
}

static __always_inline int on_open_call(const struct asked *asked, __u64 extra, __u32 rule, long result)
{
    struct request request = {};
    struct file *file;

    if (rule & WIRE_FILE_CALL_HANDLE)
        return on_open_by_handle(result, extra, SCRATCH_OPEN);
    request.asked = *asked;
    request.open_flags = extra;
    if (rule & WIRE_FILE_CALL_CREAT)
        request.open_flags = O_CREAT_WRONLY_TRUNC;
    if (rule & WIRE_FILE_CALL_HOW) {
        request.open_flags = 0;
        bpf_probe_read_user(&request.open_flags, sizeof(request.open_flags), (const void *)extra);
    }
    if (result < 0)
        return tell_open(&request, 0, -result, SCRATCH_OPEN, 0, 1);
    file = file_of_descriptor((void *)bpf_get_current_task(), result);
    if (!file)
        return 0;
    if (files.has_cast)
        return tell_open(&request, TYPED(file, file), 0, SCRATCH_OPEN, 1, 1);
    return tell_open(&request, file, 0, SCRATCH_OPEN, 0, 1);
}

// tp_btf/sys_exit (registers, result)
PROGRAM("tp_btf/sys_exit", file_call_exited)
{
    struct task_struct *task = current_task(1);
    struct pt_regs *regs = UNTRUSTED(pt_regs, context[0]);
    long result = context[1];
    __u32 number = call_register(regs);
    __u16 abi = call_abi(task, &number, 1);
    struct asked first = {}, second = {};
    __u64 arguments[6], extra;
    __u32 rule, operation;

    if (number >= WIRE_NUMBERS_MAX)
        return 0;
    BARRIER(number);
    rule = files.calls[abi & (WIRE_ABI_COUNT - 1)][number & (WIRE_NUMBERS_MAX - 1)];
    if (!rule || is_restarted(-result))
        return 0;
    call_arguments(regs, abi, arguments);
    operation = rule & 255;
    extra = argument_of(arguments, rule >> 14 & 7);
    // Not as initial values: those would be data without a type, and 5.10 then refuses the types of all programs.
    first.in_user = second.in_user = 1;
    first.directory = second.directory = AT_FDCWD;
    first.name = (const void *)argument_of(arguments, rule >> 8 & 7);
    if (rule >> 11 & 7)
        first.directory = argument_of(arguments, rule >> 11 & 7);
    if (operation == WIRE_FILE_READ)
        return on_read_call(extra, result);
    if (operation == WIRE_FILE_WRITE) {
        if (rule >> 17 & 7)
            on_read_call(argument_of(arguments, rule >> 17 & 7), result);
        return on_write_call(extra, result);
    }
    if (operation == WIRE_FILE_OPEN)
        return on_open_call(&first, extra, rule, result);
    second.name = (const void *)argument_of(arguments, rule >> 17 & 7);
    if (operation >= WIRE_FILE_CHMOD && operation <= WIRE_FILE_REMOVEXATTR)
        return on_change_call(operation, &first, extra, (__u64)second.name, rule, result);
    if (operation == WIRE_FILE_MOUNT && !(rule & WIRE_FILE_CALL_MOVES))
        return tell_mount(operation, &first, &second, (const void *)argument_of(arguments, rule >> 20 & 7),
                          mount_flags(extra), 0, result);
    if (rule >> 20 & 7)
        second.directory = argument_of(arguments, rule >> 20 & 7);
    if (operation == WIRE_FILE_MOUNT || operation == WIRE_FILE_UMOUNT || operation == WIRE_FILE_PIVOT_ROOT)
        return tell_mount(operation, &first, &second, 0, extra, rule & WIRE_FILE_CALL_MOVES, result);
    if (rule & WIRE_FILE_CALL_REMOVES && extra & AT_REMOVEDIR)
        operation = WIRE_FILE_RMDIR;
    return tell_asked(operation, &first, &second, extra, result, SCRATCH_OPEN, 1);
}
