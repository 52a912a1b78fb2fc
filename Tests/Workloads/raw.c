// SPDX-License-Identifier: Apache-2.0
// Raw and packet sockets, and others that are none, in a network namespace of their own.
#include "sockets.h"

#include <linux/if_ether.h>
#include <linux/netlink.h>

static void make(int family, int type, int protocol, int error)
{
    errno = 0;
    int file = socket(family, type, protocol);

    if ((file < 0 ? errno : 0) != error)
        die("socket");
    if (file >= 0)
        close(file);
}

// raw-sockets: some that work, some that do not, without privileges too, and some that are not raw.
int run_raw_sockets(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    prctl(PR_SET_NAME, "rawer");
    make_network();
    make(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL), 0);
    make(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_ARP), 0);
    make(AF_INET, SOCK_RAW, IPPROTO_ICMP, 0);
    make(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, 0);
    make(AF_INET, SOCK_RAW, IPPROTO_RAW, 0);
    make(AF_INET, SOCK_RAW, 0, EPROTONOSUPPORT);
    // Not raw.
    make(AF_INET, SOCK_STREAM, 0, 0);
    make(AF_INET6, SOCK_DGRAM, 0, 0);
    make(AF_UNIX, SOCK_RAW, 0, 0);
    make(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, 0);
    // Without privileges.
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
        die("setresuid");
    make(AF_PACKET, SOCK_RAW, htons(ETH_P_IP), EPERM);
    make(AF_INET6, SOCK_RAW, IPPROTO_TCP, EPERM);
    make(AF_INET, SOCK_DGRAM, 0, 0);
    _exit(0);
}

// raw-standing: has a packet socket by two descriptors, a raw one, and a child that has both too; says "ready", waits for
// its input to end.
int run_raw_standing(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    char byte;

    prctl(PR_SET_NAME, "standing");
    make_network();
    int packet = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IPV6));
    int raw = socket(AF_INET6, SOCK_RAW, IPPROTO_UDP);
    if (packet < 0 || raw < 0 || dup(packet) < 0 || socket(AF_INET, SOCK_DGRAM, 0) < 0)
        die("socket");
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    say("ready");
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    kill(pid, SIGKILL);
    reap(pid);
    _exit(0);
}
