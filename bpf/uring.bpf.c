// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Operations of io_uring: system calls that nobody calls. Each is told when it completes, with what it was submitted with.
// Shares ring, scope and settings with syscall.bpf.c. Everything is read by helper: the structures are the kernel's own
// business and differ by version.

#include "common.h"

#include "facts.h"
#include "ring.h"
#include "scope.h"
#include "task.h"
#include "wire/syscall.h"
#include "wire/syscalls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct wire_syscalls syscalls SEC(".rodata.syscalls");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct io_cqe {
    int fd;
};

struct io_kiocb {
    __u8 opcode;
    struct io_cqe cqe;
    __u64 user_data; // before 5.19; only there it is needed
};

struct open_how {
    __u64 flags, mode;
};

struct io_open {
    int dfd;
    void *filename;
    struct open_how how;
};

struct io_statx {
    int dfd;
    unsigned int flags;
    void *filename;
};

struct io_unlink {
    int dfd;
    int flags;
    void *filename;
};

struct io_mkdir {
    int dfd;
    __u16 mode;
    void *filename;
};

struct io_rename {
    int old_dfd, new_dfd;
    void *oldpath, *newpath;
    int flags;
};

struct io_symlink {
    int new_dfd;
    void *oldpath, *newpath;
};

struct io_rw {
    __u32 len; // twice as wide before 6.0
};

struct io_accept {
    int flags;
};

struct io_close {
    int fd;
};

struct io_connect {
    void *addr;
    int addr_len;
};

struct io_sr_msg {
    void *umsg;
    int msg_flags;
};

// Since 7.0 the pointer to the name is in a structure.
struct delayed_filename {
    void *__incomplete_filename;
};

struct io_open___delayed {
    struct delayed_filename filename;
};

struct io_statx___delayed {
    struct delayed_filename filename;
};

struct io_unlink___delayed {
    struct delayed_filename filename;
};

struct io_mkdir___delayed {
    struct delayed_filename filename;
};

struct io_rename___delayed {
    struct delayed_filename oldpath, newpath;
};

struct io_uring_cqe {
    __s32 res;
    __u32 flags;
};

#pragma clang attribute pop

// include/uapi/linux/io_uring.h
enum {
    OP_READV = 1,
    OP_WRITEV = 2,
    OP_READ_FIXED = 4,
    OP_WRITE_FIXED = 5,
    OP_SENDMSG = 9,
    OP_RECVMSG = 10,
    OP_ACCEPT = 13,
    OP_CONNECT = 16,
    OP_OPENAT = 18,
    OP_CLOSE = 19,
    OP_STATX = 21,
    OP_READ = 22,
    OP_WRITE = 23,
    OP_SEND = 26,
    OP_RECV = 27,
    OP_OPENAT2 = 28,
    OP_RENAMEAT = 35,
    OP_UNLINKAT = 36,
    OP_MKDIRAT = 37,
    OP_SYMLINKAT = 38,
    OP_LINKAT = 39,
};

#if defined(__TARGET_ARCH_x86)
#define O_LARGEFILE 0100000ull
#else
#define O_LARGEFILE 0400000ull
#endif

#define CQE_F_MORE 2 // this request will complete again

// What a request is known by. Before 5.18 a completion names only its ring and the number that the program chose.
struct request_key {
    __u64 address;
    __u64 number;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, struct request_key);
    __type(value, struct wire_syscall);
} requests SEC(".maps");

#define NAME_SIZE 4096
#define TAIL_LIMIT 16384

struct named_request {
    struct wire_syscall fixed;
    char tail[2 * (sizeof(struct wire_capture) + NAME_SIZE)];
};

// Those with a name or an address: few at a time.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 512);
    __type(key, struct request_key);
    __type(value, struct named_request);
} named_requests SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct named_request);
} request_scratch SEC(".maps");

static __always_inline struct wire_capture *add_capture(struct named_request *request, __u32 end, __u8 argument, __u8 kind)
{
    BARRIER(end);
    if (end > sizeof(struct wire_capture) + NAME_SIZE)
        end = 0;
    struct wire_capture *capture = (void *)(request->tail + end);

    capture->argument = argument;
    capture->kind = kind;
    capture->flags = 0;
    capture->size = 0;
    request->fixed.capture_count++;
    return capture;
}

// `filename` is a struct filename, which begins with a pointer to the text, or (statx before 6.0) text of the process.
static __always_inline __u32 add_name(struct named_request *request, __u32 end, __u8 argument, __u64 filename)
{
    struct wire_capture *capture = add_capture(request, end, argument, WIRE_CAPTURE_STRING);
    void *name = 0;
    long size;

    if ((__s64)filename < 0) {
        READ(name, filename);
        size = bpf_probe_read_kernel_str(capture + 1, NAME_SIZE, name);
    } else {
        size = bpf_probe_read_user_str(capture + 1, NAME_SIZE, (void *)filename);
    }
    if (size < 1) {
        capture->flags = WIRE_CAPTURE_UNREADABLE;
        size = 1;
    }
    capture->size = size - 1;
    return end + sizeof(*capture) + ((size - 1 + 7) & ~7u);
}

static __always_inline __u32 add_address(struct named_request *request, __u8 argument, __u64 address, __u32 size)
{
    struct wire_capture *capture = add_capture(request, 0, argument, WIRE_CAPTURE_SOCKADDR);

    if (size > 128)
        size = 128;
    BARRIER(size);
    size &= 255;
    if (bpf_probe_read_user(capture + 1, size, (void *)address)) {
        capture->flags = WIRE_CAPTURE_UNREADABLE;
        size = 0;
    }
    capture->size = size;
    return sizeof(*capture) + ((size + 7) & ~7u);
}

#define NUMBER(kind, type, member) ({ \
    kind value = 0; \
    READ(value, req + bpf_core_field_offset(struct type, member)); \
    value; \
})

#define FILENAME(type, member) ({ \
    __u64 value = 0; \
    if (bpf_core_field_exists(((struct type##___delayed *)0)->member)) \
        READ(value, req + bpf_core_field_offset(struct type##___delayed, member)); \
    else \
        READ(value, req + bpf_core_field_offset(struct type, member)); \
    value; \
})

// Reads what matters of the operation; answers the size of what was added behind the record.
static __always_inline __u32 read_operation(struct named_request *request, __u64 req, __u32 opcode)
{
    uint64_t *arguments = request->fixed.arguments;
    __u64 message, name = 0;
    __u32 size = 0, end;

    // Of a descriptor, its number as it was submitted; kept since 6.0.
    arguments[0] = -1;
    if (bpf_core_field_exists(((struct io_cqe *)0)->fd))
        arguments[0] = (__s64)NUMBER(int, io_kiocb, cqe.fd);
    switch (opcode) {
    case OP_OPENAT:
    case OP_OPENAT2:
        arguments[0] = (__s64)NUMBER(int, io_open, dfd);
        // The kernel adds one, as it does to every open.
        arguments[1] = NUMBER(__u64, io_open, how.flags) & ~O_LARGEFILE;
        return add_name(request, 0, 1, FILENAME(io_open, filename));
    case OP_STATX:
        arguments[0] = (__s64)NUMBER(int, io_statx, dfd);
        arguments[1] = NUMBER(__u32, io_statx, flags);
        return add_name(request, 0, 1, FILENAME(io_statx, filename));
    case OP_UNLINKAT:
        arguments[0] = (__s64)NUMBER(int, io_unlink, dfd);
        arguments[1] = NUMBER(__u32, io_unlink, flags);
        return add_name(request, 0, 1, FILENAME(io_unlink, filename));
    case OP_MKDIRAT:
        arguments[0] = (__s64)NUMBER(int, io_mkdir, dfd);
        arguments[1] = NUMBER(__u16, io_mkdir, mode);
        return add_name(request, 0, 1, FILENAME(io_mkdir, filename));
    case OP_SYMLINKAT:
        if (bpf_core_type_exists(struct io_symlink)) { // before 6.0
            arguments[0] = (__s64)NUMBER(int, io_symlink, new_dfd);
            end = add_name(request, 0, 1, NUMBER(__u64, io_symlink, oldpath));
            return add_name(request, end, 2, NUMBER(__u64, io_symlink, newpath));
        }
        arguments[0] = (__s64)NUMBER(int, io_rename, new_dfd);
        end = add_name(request, 0, 1, FILENAME(io_rename, oldpath));
        return add_name(request, end, 2, FILENAME(io_rename, newpath));
    case OP_RENAMEAT:
    case OP_LINKAT: // struct io_link has the same members at the same places
        arguments[0] = (__s64)NUMBER(int, io_rename, old_dfd);
        arguments[1] = NUMBER(__u32, io_rename, flags);
        end = add_name(request, 0, 1, FILENAME(io_rename, oldpath));
        return add_name(request, end, 2, FILENAME(io_rename, newpath));
    case OP_READV:
    case OP_WRITEV:
    case OP_READ_FIXED:
    case OP_WRITE_FIXED:
    case OP_READ:
    case OP_WRITE:
        arguments[1] = NUMBER(__u32, io_rw, len);
        return 0;
    case OP_ACCEPT:
        arguments[1] = NUMBER(__u32, io_accept, flags);
        return 0;
    case OP_CLOSE:
        arguments[0] = (__s64)NUMBER(int, io_close, fd);
        return 0;
    case OP_CONNECT:
        return add_address(request, 1, NUMBER(__u64, io_connect, addr), NUMBER(int, io_connect, addr_len));
    case OP_SEND:
    case OP_RECV:
    case OP_RECVMSG:
        arguments[1] = NUMBER(__u32, io_sr_msg, msg_flags);
        return 0;
    case OP_SENDMSG:
        arguments[1] = NUMBER(__u32, io_sr_msg, msg_flags);
        message = NUMBER(__u64, io_sr_msg, umsg);
        // struct msghdr begins with msg_name and msg_namelen.
        if (bpf_probe_read_user(&name, sizeof(name), (void *)message) || !name ||
            bpf_probe_read_user(&size, sizeof(size), (void *)(message + sizeof(name))))
            return 0;
        return add_address(request, 1, name, size);
    }
    return 0;
}

static __always_inline struct request_key request_key(__u64 req, __u64 ring)
{
    struct request_key key = {.address = req};

    if (ring) {
        key.address = ring;
        key.number = BPF_CORE_READ((struct io_kiocb *)req, user_data);
    }
    return key;
}

// `ring` is 0 where completions name their request.
static __always_inline int on_submit(__u64 req, __u64 ring)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    __u64 id = bpf_get_current_pid_tgid();
    __u32 opcode = BPF_CORE_READ((struct io_kiocb *)req, opcode);
    struct named_request *request;
    struct request_key key;
    __u32 zero = 0, tail;
    int refused;

    if (!(syscalls.rules[WIRE_ABI_IO_URING][opcode & (WIRE_NUMBERS_MAX - 1)] & WIRE_RULE_WANTED))
        return 0;
    if (!in_scope(task, id >> 32, 0))
        return 0;
    request = bpf_map_lookup_elem(&request_scratch, &zero);
    if (!request)
        return 0;
    fill_header(&request->fixed.header, sizeof(struct wire_syscall), WIRE_SYSCALL);
    fill_task(&request->fixed.task, task, 0);
    for (int i = 0; i < 6; i++)
        request->fixed.arguments[i] = 0;
    request->fixed.duration = 0;
    request->fixed.result = 0;
    request->fixed.number = opcode;
    request->fixed.abi = WIRE_ABI_IO_URING;
    request->fixed.capture_count = 0;
    request->fixed.target_pid = 0;
    request->fixed.unused = 0;
    key = request_key(req, ring);
    tail = read_operation(request, req, opcode);
    request->fixed.header.length += tail;
    if (tail)
        refused = bpf_map_update_elem(&named_requests, &key, request, BPF_NOEXIST);
    else
        refused = bpf_map_update_elem(&requests, &key, &request->fixed, BPF_NOEXIST);
    if (refused) {
        // Another with the same number is under way: told without its end.
        __u32 length = request->fixed.header.length;

        request->fixed.header.flags = WIRE_SYSCALL_NO_RETURN;
        if (length > sizeof(*request) || !call_passes(&request->fixed, 1, FACTS_URING))
            return 0;
        emit(request, length, WIRE_SYSCALL);
    }
    return 0;
}

static __always_inline void complete(struct wire_syscall *record, __u32 most, __s64 result)
{
    __u32 length = record->header.length;
    __u64 now = bpf_ktime_get_boot_ns();

    record->duration = now - record->header.time;
    record->header.time = now;
    record->result = result;
    BARRIER(length);
    if (length > most)
        length = most;
    if (call_passes(record, 1, FACTS_URING))
        emit(record, length, WIRE_SYSCALL);
    record->header.time = now; // of the next completion, where there is one, the start
}

static __always_inline int on_complete(__u64 address, __u64 number, __s32 result, __u32 flags)
{
    struct request_key key = {.address = address, .number = number};
    struct named_request *named = bpf_map_lookup_elem(&named_requests, &key);
    struct wire_syscall *record;

    if (named) {
        complete(&named->fixed, sizeof(*named), result);
        if (!(flags & CQE_F_MORE))
            bpf_map_delete_elem(&named_requests, &key);
        return 0;
    }
    record = bpf_map_lookup_elem(&requests, &key);
    if (!record)
        return 0;
    complete(record, sizeof(*record), result);
    if (!(flags & CQE_F_MORE))
        bpf_map_delete_elem(&requests, &key);
    return 0;
}

// The tracepoints have other arguments in other kernels; user space loads the programs that fit.

PROGRAM("tp_btf/io_uring_submit_req", request_submitted) // 6.3: req
{
    __u64 req = 0;

    READ(req, &context[0]);
    return on_submit(req, 0);
}

PROGRAM("tp_btf/io_uring_submit_sqe", entry_submitted) // 6.0: req, ...
{
    __u64 req = 0;

    READ(req, &context[0]);
    return on_submit(req, 0);
}

PROGRAM("tp_btf/io_uring_submit_sqe", entry_submitted_to_ring) // 5.15, also in 5.10.162: ctx, req, opcode, user_data, ...
{
    __u64 ring = 0, req = 0;

    READ(ring, &context[0]);
    READ(req, &context[1]);
    return on_submit(req, ring);
}

PROGRAM("tp_btf/io_uring_complete", ring_completed) // 5.15: ctx, user_data, res, cflags
{
    __u64 ring = 0;

    READ(ring, &context[0]);
    return on_complete(ring, context[1], context[2], context[3]);
}

PROGRAM("tp_btf/io_uring_complete", request_completed) // 5.18: ctx, req, user_data, res, cflags
{
    __u64 req = 0;

    READ(req, &context[1]);
    return on_complete(req, 0, context[3], context[4]);
}

PROGRAM("tp_btf/io_uring_complete", entry_completed) // 6.16: ctx, req, cqe
{
    struct io_uring_cqe *entry = 0;
    __u64 req = 0;

    READ(req, &context[1]);
    READ(entry, &context[2]);
    return on_complete(req, 0, BPF_CORE_READ(entry, res), BPF_CORE_READ(entry, flags));
}
