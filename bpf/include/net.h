// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The kernel's sockets, with only the members that are read. As in kernel.h, offsets here mean nothing.
#ifndef NET_H
#define NET_H

#include "common.h"

#include <bpf/bpf_endian.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define S_IFMT 0170000
#define S_IFSOCK 0140000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
    union {
        __u8 u6_addr8[16];
    } in6_u;
};

struct ns_common {
    unsigned int inum;
};

struct net {
    struct ns_common ns;
};

typedef struct {
    struct net *net;
} possible_net_t;

struct sock_common {
    __u32 skc_daddr;
    __u32 skc_rcv_saddr;
    __u16 skc_dport; // of the network's byte order
    __u16 skc_num;
    unsigned short skc_family;
    volatile unsigned char skc_state;
    int skc_bound_dev_if;
    possible_net_t skc_net;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
    unsigned long skc_flags;
};

typedef enum {
    SS_FREE = 0,
    SS_UNCONNECTED,
} socket_state;

struct socket {
    socket_state state;
    struct file *file;
    struct sock *sk;
};

struct socket_alloc {
    struct socket socket;
    struct inode vfs_inode;
};

struct sock {
    struct sock_common __sk_common;
    int sk_err;
    __u32 sk_max_ack_backlog;
    __u16 sk_protocol;
    struct socket *sk_socket;
};

struct inet_sock {
    __u16 inet_sport; // of the network's byte order
};

struct file___socket {
    void *private_data;
    struct inode *f_inode;
};

#pragma clang attribute pop

static __always_inline __u64 inode_of(struct socket *socket)
{
    return socket ? BPF_CORE_READ((struct socket_alloc *)socket, vfs_inode.i_ino) : 0;
}

static __always_inline struct sock *socket_of_file(struct file *file)
{
    struct socket *socket;

    if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
        return 0;
    socket = BPF_CORE_READ((struct file___socket *)file, private_data);
    return socket ? BPF_CORE_READ(socket, sk) : 0;
}

// The file of a descriptor of the current task if it is a socket, or none. By helper throughout.
static __always_inline struct file *socket_file_of_descriptor(struct task_struct *task, __u32 fd)
{
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct file **files = BPF_CORE_READ(table, fd);
    struct file *file = 0;

    if (fd >= BPF_CORE_READ(table, max_fds))
        return 0;
    READ(file, (__u64)files + fd * sizeof(file));
    return file && (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK ? file : 0;
}

static __always_inline struct socket *socket_of_descriptor(struct task_struct *task, __u32 fd)
{
    struct file *file = socket_file_of_descriptor(task, fd);

    return file ? BPF_CORE_READ((struct file___socket *)file, private_data) : 0;
}

#endif
