// SPDX-License-Identifier: Apache-2.0
#include "CLinux.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

int clinux_close_connection(int namespace, const uint8_t local[16], uint16_t local_port, const uint8_t remote[16],
                            uint16_t remote_port)
{
    int is_ipv4 = !memcmp(remote, mapped, sizeof(mapped));
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } message = {
        .header = {.nlmsg_len = sizeof(message), .nlmsg_type = SOCK_DESTROY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .request = {
            .sdiag_family = is_ipv4 ? AF_INET : AF_INET6,
            .sdiag_protocol = IPPROTO_TCP,
            .idiag_states = ~0u,
            .id = {
                .idiag_sport = htons(local_port),
                .idiag_dport = htons(remote_port),
                .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
            },
        },
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer;
    int file = namespace < 0 ? socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
                             : clinux_socket_in(namespace, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
    int result;

    if (file < 0)
        return errno;
    memcpy(message.request.id.idiag_src, is_ipv4 ? local + 12 : local, is_ipv4 ? 4 : 16);
    memcpy(message.request.id.idiag_dst, is_ipv4 ? remote + 12 : remote, is_ipv4 ? 4 : 16);
    if (send(file, &message, sizeof(message), 0) < 0)
        result = errno;
    else if (recv(file, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer) || answer.header.nlmsg_type != NLMSG_ERROR)
        result = EIO;
    else
        result = -answer.error.error;
    close(file);
    return result;
}

int clinux_try_to_close_connection(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, own;
    socklen_t size = sizeof(address);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint8_t loopback[16];
    int result;

    memcpy(loopback, mapped, sizeof(mapped));
    memcpy(loopback + sizeof(mapped), &address.sin_addr, 4);
    if (server < 0 || client < 0 || bind(server, (struct sockaddr *)&address, size) || listen(server, 1) ||
        getsockname(server, (struct sockaddr *)&address, &size) ||
        connect(client, (struct sockaddr *)&address, sizeof(address)) ||
        getsockname(client, (struct sockaddr *)&own, &size))
        result = errno;
    else
        result = clinux_close_connection(-1, loopback, ntohs(own.sin_port), loopback, ntohs(address.sin_port));
    if (client >= 0)
        close(client);
    if (server >= 0)
        close(server);
    return result;
}
