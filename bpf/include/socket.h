// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Addresses of sockets.
#ifndef SOCKET_H
#define SOCKET_H

#include "connection.h"
#include "net.h"
#include "wire/network.h"

#define SOCK_DONE 1 // enum sock_flags: the peer's FIN has come

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct tcp_sock {
    __u64 bytes_received;
    __u64 bytes_sent;
    __u64 bytes_retrans;
    __u32 segs_in;
    __u32 segs_out;
    __u32 total_retrans;
    __u32 srtt_us;
};

#pragma clang attribute pop

// struct sockaddr_in and sockaddr_in6, as far as they are read.
struct socket_address {
    __u16 family;
    __u16 port; // of the network's byte order
    __u32 flow_or_ipv4;
    __u8 ipv6[16];
    __u32 scope;
};

static __always_inline int is_link_local(const struct wire_address *address)
{
    return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

static __always_inline void fill_remote(struct wire_address *address, struct sock *sk, const int typed)
{
    address->port = bpf_ntohs(GET(sk, __sk_common.skc_dport));
    address->unused = 0;
    if (GET(sk, __sk_common.skc_family) == AF_INET) {
        set_ipv4(address, GET(sk, __sk_common.skc_daddr));
        return;
    }
    bpf_probe_read_kernel(address->bytes, 16, &sk->__sk_common.skc_v6_daddr);
    address->scope = is_link_local(address) ? GET(sk, __sk_common.skc_bound_dev_if) : 0;
}

static __always_inline void fill_local(struct wire_address *address, struct sock *sk, const int typed)
{
    address->port = GET(sk, __sk_common.skc_num);
    // A socket that is closed has given its port back, but has still the copy for its packets.
    if (!address->port)
        address->port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
    address->unused = 0;
    if (GET(sk, __sk_common.skc_family) == AF_INET) {
        set_ipv4(address, GET(sk, __sk_common.skc_rcv_saddr));
        return;
    }
    bpf_probe_read_kernel(address->bytes, 16, &sk->__sk_common.skc_v6_rcv_saddr);
    address->scope = is_link_local(address) ? GET(sk, __sk_common.skc_bound_dev_if) : 0;
}

static __always_inline __u32 network_namespace(struct sock *sk, const int typed)
{
    return GET(sk, __sk_common.skc_net.net, ns.inum);
}

// False for another family.
static __always_inline int set_address(struct wire_address *address, const struct socket_address *from)
{
    address->port = bpf_ntohs(from->port);
    address->unused = 0;
    if (from->family == AF_INET) {
        set_ipv4(address, from->flow_or_ipv4);
        return 1;
    }
    if (from->family != AF_INET6)
        return 0;
    __builtin_memcpy(address->bytes, from->ipv6, 16);
    address->scope = is_link_local(address) ? from->scope : 0;
    return 1;
}

static __always_inline int same_address(const struct wire_address *a, const struct wire_address *b)
{
    const __u64 *x = (const __u64 *)a->bytes, *y = (const __u64 *)b->bytes;

    return a->port == b->port && x[0] == y[0] && x[1] == y[1];
}

#endif
