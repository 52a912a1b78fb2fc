// SPDX-License-Identifier: Apache-2.0
//
// Linux headers that Swift's Glibc module lacks, and what Swift can't express: atomic access to memory that the kernel
// also writes, system calls without a wrapper, and fork.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/utsname.h>

static inline uint64_t clinux_load_acquire_64(const void *address)
{
    return __atomic_load_n((const uint64_t *)address, __ATOMIC_ACQUIRE);
}

static inline uint32_t clinux_load_acquire_32(const void *address)
{
    return __atomic_load_n((const uint32_t *)address, __ATOMIC_ACQUIRE);
}

static inline void clinux_store_release_64(void *address, uint64_t value)
{
    __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELEASE);
}

// Sequentially consistent: the store is visible before any later load, which a release store does not promise.
static inline void clinux_store_full_32(void *address, uint32_t value)
{
    __atomic_store_n((uint32_t *)address, value, __ATOMIC_SEQ_CST);
}

// bpf(2). `attributes` is union bpf_attr of `size` bytes.
long clinux_bpf(int command, void *attributes, unsigned size);

// Opens /dev/null on standard descriptors that are closed, so that no descriptor of ours takes their numbers.
void clinux_fill_standard_descriptors(void);

// memfd_create(2), closed on exec. A descriptor, or -1 with errno.
int clinux_memory_file(void);

// A program in memory that exits with 0, closed on exec. A descriptor, or -1 with errno.
int clinux_memory_program(void);

// Sets how many descriptors a process may have: now, and at most.
void clinux_limit_files(int pid, unsigned long now, unsigned long most);

// Executes it in a child; answers how that ended as wait(2) has it: 0, killed by a signal, or with the errno of the exec
// as its exit status. -1 with errno where there was no child.
int clinux_try_exec(int program);

// A directory in a file system of its own that is mounted nowhere, with a file "f" and a directory "d" in it. A descriptor,
// or -1 with errno. Linux 5.2.
int clinux_private_directory(void);

// Tries something on a file that is open to be read and written, or on names in such a directory; answers the errno, 0
// where it is done. `what` is the name of a security hook.
int clinux_attempt(const char *what, int file, int directory);

// openat2(2) with RESOLVE_IN_ROOT: no symbolic link in `path` leads out of `directory`. O_NONBLOCK, so that a FIFO in
// the place of a file does not hang. Linux 5.6. A descriptor, or -1 with errno.
int clinux_open_beneath(int directory, const char *path);

// Finds a file without opening it (O_PATH), by whatever links. A descriptor, or -1 with errno.
int clinux_find(const char *path);

// The same below `directory`: no link leads out of it, and a link at the end is found itself.
int clinux_find_beneath(int directory, const char *path);

// Opens what was found, to read it and leave no trace of that. A descriptor, or -1 with errno.
int clinux_open_found(int file);

// eventfd(2): what threads wait for. A descriptor, or -1 with errno.
int clinux_event(void);
void clinux_tell_event(int event);

// Waits until it is told, -1 for any time; whether it was.
bool clinux_await_event(int event, int milliseconds);

// Opens the cgroup with this id on the cgroup2 mount `mount` (O_PATH). A descriptor, or -1 with errno.
int clinux_open_cgroup(int mount, uint64_t id);

// The id of the cgroup whose directory is `directory`, as BPF programs see it; 0 when it is not a cgroup2 directory.
uint64_t clinux_cgroup_id(int directory);

// Forks a child that waits for clinux_release_child and then executes `path`. Its standard output becomes `output`.
// It dies quietly if its parent ends first. `gate` receives two descriptors: one to release it, one to learn of failure.
// The pid, or -1 with errno.
pid_t clinux_fork_waiting(const char *path, char *const arguments[], int output, int gate[2]);

// Lets the child go; 0 when it runs the program, else the errno of its exec.
int clinux_release_child(int gate[2]);

// When the file was made, of CLOCK_REALTIME in nanoseconds, by statx(2); 0 where the file system does not know. -1 with
// errno. A symbolic link is not followed.
int64_t clinux_birth(const char *path);

// Kills the process with this number if it began at that time, in ticks of 10 ms; whether it did.
bool clinux_kill(pid_t pid, uint64_t ticks);

// Makes six sockets, TCP, UDP and TCP of IPv4, then of IPv6, in the cgroup whose cgroup.procs is open as `processes`; -1
// for a protocol that this host does not have. 0, or -1 with errno.
int clinux_cgroup_sockets(int processes, int sockets[6]);

// Whether connections can be broken off, by one of its own on the loopback: 0, or an errno as below, ENOENT without tcp_diag.
int clinux_try_to_close_connection(void);

// Breaks a TCP connection off, which both ends learn of. Addresses in the form of IPv6, ports of the host's byte order. In the
// network namespace of that descriptor, or with -1 in that of the calling thread. Gives an errno: ENOENT where there is none,
// EOPNOTSUPP where the kernel can't (CONFIG_INET_DIAG_DESTROY).
int clinux_close_connection(int namespace, const uint8_t local[16], uint16_t local_port, const uint8_t remote[16],
                            uint16_t remote_port);

// Makes a socket in another network namespace, closed on exec: a thread goes there for it and ends, so that this one stays
// where it is. `space` is open. A descriptor, or -1 with errno.
int clinux_socket_in(int space, int domain, int type, int protocol);

// The event of a tracepoint, for a program to be attached to, where no tracefs is mounted. Linux 5.2. A descriptor, or -1 with
// errno.
int clinux_open_tracepoint(const char *category, const char *name);

#endif
