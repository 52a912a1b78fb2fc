// SPDX-License-Identifier: Apache-2.0
//
// Devices, addresses and routes by rtnetlink(7).
#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BRIDGE "mesh"

struct message {
    struct nlmsghdr header;
    char body[1024];
};

static void *append(struct message *message, const void *data, unsigned size)
{
    char *end = (char *)message + NLMSG_ALIGN(message->header.nlmsg_len);

    if (data)
        memcpy(end, data, size);
    message->header.nlmsg_len = (uint32_t)(end - (char *)message) + size;
    return end;
}

static struct message begin(unsigned short type, unsigned short flags, const void *data, unsigned size)
{
    struct message message = {.header = {.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = type,
                                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags}};

    append(&message, data, size);
    return message;
}

static struct rtattr *attribute(struct message *message, unsigned short type, const void *data, unsigned size)
{
    struct rtattr header = {.rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = type};
    struct rtattr *attribute = append(message, &header, sizeof(header));

    append(message, data, size);
    return attribute;
}

static void attribute_text(struct message *message, unsigned short type, const char *text)
{
    attribute(message, type, text, (unsigned)strlen(text) + 1);
}

static void attribute_number(struct message *message, unsigned short type, uint32_t number)
{
    attribute(message, type, &number, sizeof(number));
}

static void end_nested(struct message *message, struct rtattr *attribute)
{
    attribute->rta_len = (unsigned short)((char *)message + message->header.nlmsg_len - (char *)attribute);
}

static int send_message(const struct message *message)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } answer = {};
    int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), result = -1;

    if (route < 0)
        return -1;
    if (send(route, message, message->header.nlmsg_len, 0) > 0 && recv(route, &answer, sizeof(answer), 0) > 0) {
        errno = answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
        result = errno ? -1 : 0;
    }
    int error = errno;
    close(route);
    errno = error;
    return result;
}

static int set_up(const char *name)
{
    struct ifinfomsg info = {.ifi_index = (int)if_nametoindex(name), .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct message message = begin(RTM_NEWLINK, 0, &info, sizeof(info));

    return info.ifi_index ? send_message(&message) : -1;
}

static int add_address(const char *name, uint32_t address)
{
    struct ifaddrmsg info = {.ifa_family = AF_INET, .ifa_prefixlen = ADDRESS_BITS, .ifa_index = if_nametoindex(name)};
    struct message message = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));

    attribute_number(&message, IFA_LOCAL, htonl(address));
    attribute_number(&message, IFA_ADDRESS, htonl(address));
    return send_message(&message);
}

static int add_default_route(uint32_t gateway)
{
    struct rtmsg info = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
                         .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
    struct message message = begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));

    attribute_number(&message, RTA_GATEWAY, htonl(gateway));
    return send_message(&message);
}

int lab_make_bridge(void)
{
    struct ifinfomsg info = {};
    struct message message = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
    struct rtattr *kind;

    attribute_text(&message, IFLA_IFNAME, BRIDGE);
    kind = attribute(&message, IFLA_LINKINFO, NULL, 0);
    attribute_text(&message, IFLA_INFO_KIND, "bridge");
    end_nested(&message, kind);
    return set_up("lo") || send_message(&message) || add_address(BRIDGE, NODE_ADDRESS)
                   || add_address(BRIDGE, NAMELESS_ADDRESS) || set_up(BRIDGE)
               ? -1
               : 0;
}

int lab_connect_pod(unsigned index, pid_t pid)
{
    struct ifinfomsg info = {}, peer = {};
    struct message message = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
    struct rtattr *link, *data, *other;
    char name[IFNAMSIZ];

    snprintf(name, sizeof(name), "pod%u", index + 1);
    attribute_text(&message, IFLA_IFNAME, name);
    attribute_number(&message, IFLA_MASTER, if_nametoindex(BRIDGE));
    link = attribute(&message, IFLA_LINKINFO, NULL, 0);
    attribute_text(&message, IFLA_INFO_KIND, "veth");
    data = attribute(&message, IFLA_INFO_DATA, NULL, 0);
    other = attribute(&message, VETH_INFO_PEER, &peer, sizeof(peer));
    attribute_text(&message, IFLA_IFNAME, "eth0");
    attribute_number(&message, IFLA_NET_NS_PID, (uint32_t)pid);
    end_nested(&message, other);
    end_nested(&message, data);
    end_nested(&message, link);
    return send_message(&message) || set_up(name) ? -1 : 0;
}

int lab_configure_pod(unsigned index)
{
    return set_up("lo") || set_up("eth0") || add_address("eth0", POD_ADDRESS(index)) || add_default_route(NODE_ADDRESS)
               ? -1
               : 0;
}
