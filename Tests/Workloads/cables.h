// SPDX-License-Identifier: Apache-2.0
// Network namespaces with cables between them, for workloads that have more than one.
#pragma once

#include "sockets.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/route.h>

static inline void run(char *const argv[])
{
    check(reap(spawn(argv[0], argv)) == 0, argv[0]);
}

struct request {
    struct nlmsghdr head;
    struct ifinfomsg link;
    char attributes[512];
};

static inline struct rtattr *put(struct request *request, unsigned short type, const void *bytes, size_t size)
{
    struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    if (size)
        memcpy(RTA_DATA(attribute), bytes, size);
    request->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
    return attribute;
}

static inline void end(struct request *request, struct rtattr *nest)
{
    nest->rta_len = (unsigned short)((char *)request + request->head.nlmsg_len - (char *)nest);
}

// A cable from `name` here to "eth0" in the namespace of a process.
static inline void add_cable(const char *name, pid_t pid)
{
    struct request request = {
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof request.link), .nlmsg_type = RTM_NEWLINK,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL},
    };
    struct ifinfomsg other = {0};
    struct { struct nlmsghdr head; struct nlmsgerr error; char rest[1024]; } answer;
    int file = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    put(&request, IFLA_IFNAME, name, strlen(name) + 1);
    struct rtattr *information = put(&request, IFLA_LINKINFO, 0, 0);
    put(&request, IFLA_INFO_KIND, "veth", 5);
    struct rtattr *data = put(&request, IFLA_INFO_DATA, 0, 0);
    struct rtattr *peer = put(&request, VETH_INFO_PEER, &other, sizeof other);
    put(&request, IFLA_IFNAME, "eth0", 5);
    put(&request, IFLA_NET_NS_PID, &pid, sizeof pid);
    end(&request, peer);
    end(&request, data);
    end(&request, information);
    check(file >= 0 && send(file, &request, request.head.nlmsg_len, 0) == (ssize_t)request.head.nlmsg_len, "netlink");
    check(recv(file, &answer, sizeof answer, 0) > 0, "netlink");
    errno = -answer.error.error;
    check(answer.head.nlmsg_type == NLMSG_ERROR && answer.error.error == 0, "veth");
    close(file);
}

static inline void set_addresses(const char *name, const char *ipv4, const char *ipv6)
{
    struct ifreq request = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    struct { // struct in6_ifreq
        struct in6_addr address;
        uint32_t prefix;
        int interface;
    } request6 = {.prefix = 64, .interface = (int)if_nametoindex(name)};
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), file6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strcpy(request.ifr_name, name);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = inet_addr(ipv4);
    check(ioctl(file, SIOCSIFADDR, &request) == 0, "address");
    address->sin_addr.s_addr = inet_addr("255.255.255.0");
    check(ioctl(file, SIOCSIFNETMASK, &request) == 0, "netmask");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    check(ioctl(file, SIOCSIFFLAGS, &request) == 0, "up");
    check(inet_pton(AF_INET6, ipv6, &request6.address) == 1 && ioctl(file6, SIOCSIFADDR, &request6) == 0, "IPv6");
    close(file);
    close(file6);
}

static inline void set_gateway(const char *ipv4, const char *ipv6)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in *gateway = (struct sockaddr_in *)&route.rt_gateway;
    struct in6_rtmsg route6 = {
        .rtmsg_flags = RTF_UP | RTF_GATEWAY, .rtmsg_metric = 1, .rtmsg_ifindex = (int)if_nametoindex("eth0")};
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), file6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ((struct sockaddr_in *)&route.rt_dst)->sin_family = AF_INET;
    ((struct sockaddr_in *)&route.rt_genmask)->sin_family = AF_INET;
    gateway->sin_family = AF_INET;
    gateway->sin_addr.s_addr = inet_addr(ipv4);
    check(ioctl(file, SIOCADDRT, &route) == 0, "route");
    check(inet_pton(AF_INET6, ipv6, &route6.rtmsg_gateway) == 1 && ioctl(file6, SIOCADDRT, &route6) == 0, "route of IPv6");
    close(file);
    close(file6);
}

// Addresses are good at once: nobody else may have them.
static inline void trust_addresses(void)
{
    set("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
    set("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
}

static inline void wait_for(int pipe)
{
    char byte;

    check(read(pipe, &byte, 1) == 1, "wait");
}

static inline void tell(int pipe)
{
    check(write(pipe, "x", 1) == 1, "tell");
}
