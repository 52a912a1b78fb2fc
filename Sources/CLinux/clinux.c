// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILEID_KERNFS 0xfe // include/linux/exportfs.h, since 5.5; not in any user-space header

struct kernfs_handle {
    struct {
        unsigned handle_bytes;
        int handle_type;
    } head;
    uint64_t id;
};

long clinux_bpf(int command, void *attributes, unsigned size)
{
    return syscall(SYS_bpf, command, attributes, size);
}

void clinux_fill_standard_descriptors(void)
{
    int descriptor;

    do
        descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= 2);
    if (descriptor > 2)
        close(descriptor);
}

int clinux_memory_file(void)
{
    return memfd_create("ebpfguard", MFD_CLOEXEC);
}

void clinux_limit_files(int pid, unsigned long now, unsigned long most)
{
    struct rlimit limit = {.rlim_cur = now, .rlim_max = most};

    prlimit(pid, RLIMIT_NOFILE, &limit, NULL);
}

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u // since 6.3, and needed where vm.memfd_noexec is 1
#endif

// A header, one segment, and code that asks for exit(0).
struct program {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    uint32_t code[4];
};

int clinux_memory_program(void)
{
    const uint64_t base = 0x400000;
    struct program program = {
        .header = {
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_EXEC,
            .e_version = EV_CURRENT,
            .e_entry = base + offsetof(struct program, code),
            .e_phoff = offsetof(struct program, segment),
            .e_ehsize = sizeof(Elf64_Ehdr),
            .e_phentsize = sizeof(Elf64_Phdr),
            .e_phnum = 1,
        },
        .segment = {
            .p_type = PT_LOAD,
            .p_flags = PF_R | PF_X,
            .p_vaddr = base,
            .p_paddr = base,
            .p_filesz = sizeof(program),
            .p_memsz = sizeof(program),
            .p_align = 4096,
        },
#if defined(__x86_64__)
        .header.e_machine = EM_X86_64,
        .code = {0x3cb8ff31, 0x0f000000, 0x05}, // xor edi, edi; mov eax, 60; syscall
#elif defined(__aarch64__)
        .header.e_machine = EM_AARCH64,
        .code = {0xd2800000, 0xd2800ba8, 0xd4000001}, // mov x0, 0; mov x8, 93; svc 0
#else
#error "add a program for this architecture"
#endif
    };
    int file = memfd_create("ebpfguard", MFD_CLOEXEC | MFD_EXEC);

    if (file < 0 && errno == EINVAL)
        file = memfd_create("ebpfguard", MFD_CLOEXEC);
    if (file >= 0 && write(file, &program, sizeof(program)) != sizeof(program)) {
        close(file);
        return -1;
    }
    return file;
}

int clinux_try_exec(int program)
{
    static char *const nothing[] = {NULL};
    int status = 0;
    // The child borrows this memory, and only executes or exits.
    pid_t child = vfork();

    if (child == 0) {
        syscall(SYS_execveat, program, "", nothing, nothing, AT_EMPTY_PATH);
        _exit(errno);
    }
    if (child < 0)
        return -1;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

int clinux_open_beneath(int directory, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_IN_ROOT};

    return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

int clinux_find(const char *path)
{
    return open(path, O_PATH | O_CLOEXEC);
}

int clinux_find_beneath(int directory, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

int clinux_open_found(int file)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOATIME);
}

int clinux_event(void)
{
    return eventfd(0, EFD_CLOEXEC);
}

void clinux_tell_event(int event)
{
    eventfd_write(event, 1);
}

bool clinux_await_event(int event, int milliseconds)
{
    struct pollfd wanted = {.fd = event, .events = POLLIN};
    eventfd_t count;
    int ready;

    do
        ready = poll(&wanted, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    return ready == 1 && eventfd_read(event, &count) == 0;
}

int clinux_open_cgroup(int mount, uint64_t id)
{
    struct kernfs_handle handle = {.head = {.handle_bytes = sizeof(handle.id), .handle_type = FILEID_KERNFS}, .id = id};

    return open_by_handle_at(mount, (struct file_handle *)&handle, O_PATH | O_CLOEXEC);
}

uint64_t clinux_cgroup_id(int directory)
{
    struct kernfs_handle handle = {.head = {.handle_bytes = sizeof(handle.id)}};
    int mount_id;

    if (name_to_handle_at(directory, "", (struct file_handle *)&handle, &mount_id, AT_EMPTY_PATH))
        return 0;
    return handle.head.handle_type == FILEID_KERNFS ? handle.id : 0;
}

pid_t clinux_fork_waiting(const char *path, char *const arguments[], int output, int gate[2])
{
    int go[2], failed[2];

    if (pipe2(go, O_CLOEXEC))
        return -1;
    if (pipe2(failed, O_CLOEXEC)) {
        close(go[0]);
        close(go[1]);
        return -1;
    }
    pid_t child = fork();
    if (child) {
        close(go[0]);
        close(failed[1]);
        if (child < 0) {
            close(go[1]);
            close(failed[0]);
        }
        gate[0] = go[1];
        gate[1] = failed[0];
        return child;
    }

    char byte;
    ssize_t count;
    sigset_t none;
    close(go[1]);
    close(failed[0]);
    do
        count = read(go[0], &byte, 1);
    while (count < 0 && errno == EINTR);
    if (count != 1) // the parent is gone
        _exit(127);
    // The parent blocks signals to read them from a descriptor and ignores SIGPIPE; exec keeps both.
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (output >= 0)
        dup2(output, STDOUT_FILENO);
    execv(path, arguments);
    int error = errno;
    if (write(failed[1], &error, sizeof(error)) < 0)
        _exit(126);
    _exit(error == ENOENT ? 127 : 126);
}

int clinux_release_child(int gate[2])
{
    int error = 0;
    ssize_t count;

    if (write(gate[0], "", 1) < 0)
        error = errno;
    close(gate[0]);
    do
        count = read(gate[1], &error, sizeof(error)); // ends when exec closes the other side
    while (count < 0 && errno == EINTR);
    close(gate[1]);
    return error;
}
