// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The record that connect.bpf.c sends to connect.c.
#ifndef CONNECT_H
#define CONNECT_H

struct connect_record {
    __u64 time, duration, sent, received, cgroup, born;
    __u32 kind, pid, uid, local, remote;
    __u16 local_port, remote_port;
    char comm[16];
};

#endif
