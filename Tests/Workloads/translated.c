// SPDX-License-Identifier: Apache-2.0
// Connections and a flow to addresses that a packet filter leads elsewhere, as kube-proxy does with those of services.
#include "sockets.h"

static void run(char *const argv[])
{
    check(reap(spawn(argv[0], argv)) == 0, argv[0]);
}

// Makes 10.96.0.0/16 and fd00:96::/64 addresses that packets can be sent to.
static void add_addresses(void)
{
    struct ifreq request = {.ifr_name = "lo:1"};
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    struct { // struct in6_ifreq
        struct in6_addr address;
        uint32_t prefix;
        int interface;
    } request6 = {.prefix = 64, .interface = 1};

    address->sin_family = AF_INET;
    address->sin_addr.s_addr = inet_addr("10.96.5.5");
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(ioctl(file, SIOCSIFADDR, &request) == 0, "address");
    address->sin_addr.s_addr = inet_addr("255.255.0.0");
    check(ioctl(file, SIOCSIFNETMASK, &request) == 0, "netmask");
    close(file);
    file = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(inet_pton(AF_INET6, "fd00:96::5", &request6.address) == 1, "address of IPv6");
    check(ioctl(file, SIOCSIFADDR, &request6) == 0, "address of IPv6");
    close(file);
}

static struct address service(char kind, uint16_t port)
{
    struct address address = loopback(kind, port);

    if (kind == '4')
        address.ipv4.sin_addr.s_addr = inet_addr("10.96.0.1");
    else
        check(inet_pton(AF_INET6, kind == '6' ? "fd00:96::1" : "::ffff:10.96.0.1", &address.ipv6.sin6_addr) == 1, "pton");
    return address;
}

// translated nft|iptables: port 80 of the service leads to 4000 here, by TCP, and ports 81 and 4002 to 4001 and 4002, by UDP.
int run_translated(int argc, char *const argv[])
{
    check(argc == 2, "arguments");
    make_network();
    add_addresses();
    if (strstr(argv[0], "nft")) {
        run((char *[]){argv[0],
            "add table ip t; add chain ip t o { type nat hook output priority -100; };"
            "add rule ip t o ip daddr 10.96.0.1 tcp dport 80 dnat to 127.0.0.1:4000;"
            "add rule ip t o ip daddr 10.96.0.1 udp dport 81 dnat to 127.0.0.1:4001;"
            "add rule ip t o ip daddr 10.96.0.1 udp dport 4002 dnat to 127.0.0.1:4002;"
            "add table ip6 t; add chain ip6 t o { type nat hook output priority -100; };"
            "add rule ip6 t o ip6 daddr fd00:96::1 tcp dport 80 dnat to [::1]:4000;", NULL});
    } else {
        run((char *[]){argv[0], "-t", "nat", "-A", "OUTPUT", "-d", "10.96.0.1", "-p", "tcp", "--dport", "80", "-j", "DNAT",
            "--to-destination", "127.0.0.1:4000", NULL});
        run((char *[]){argv[0], "-t", "nat", "-A", "OUTPUT", "-d", "10.96.0.1", "-p", "udp", "--dport", "81", "-j", "DNAT",
            "--to-destination", "127.0.0.1:4001", NULL});
        run((char *[]){argv[0], "-t", "nat", "-A", "OUTPUT", "-d", "10.96.0.1", "-p", "udp", "--dport", "4002", "-j", "DNAT",
            "--to-destination", "127.0.0.1:4002", NULL});
    }
    for (const char *kind = argv[1]; *kind; kind++) {
        struct address address = service(*kind, 80);
        int server = listener(*kind == 'm' ? '4' : *kind, PORT, 8), file = stream(*kind, 0);

        check(connect(file, &address.plain, address.size) == 0, "connect");
        int accepted = accept(server, NULL, NULL);
        check(send(file, "abc", 3, 0) == 3, "send");
        char bytes[8];
        check(recv(accepted, bytes, sizeof bytes, 0) == 3, "recv");
        say("open%c %u", *kind, port_of(file));
        close(file);
        close(accepted);
        close(server);
    }
    struct address address = service('4', 81), here = loopback('4', PORT + 1);
    int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(bind(server, &here.plain, here.size) == 0, "bind");
    check(connect(file, &address.plain, address.size) == 0, "connect");
    check(send(file, "abcd", 4, 0) == 4, "send");
    char bytes[8];
    struct address from = {.size = sizeof from.ipv6};
    check(recvfrom(server, bytes, sizeof bytes, 0, &from.plain, &from.size) == 4, "recv");
    check(sendto(server, "abcdefg", 7, 0, &from.plain, from.size) == 7, "answer");
    check(recv(file, bytes, sizeof bytes, 0) == 7, "the answer");
    say("flow %u", port_of(file));

    // To the same port there as is asked for, unconnected.
    address = service('4', 4002), here = loopback('4', 4002);
    server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(bind(server, &here.plain, here.size) == 0, "bind");
    for (int i = 0; i < 2; i++) {
        check(sendto(file, "abcd", 4, 0, &address.plain, address.size) == 4, "sendto");
        from.size = sizeof from.ipv6;
        check(recvfrom(server, bytes, sizeof bytes, 0, &from.plain, &from.size) == 4, "recv");
        check(sendto(server, "abcdefg", 7, 0, &from.plain, from.size) == 7, "answer");
        check(recv(file, bytes, sizeof bytes, 0) == 7, "the answer");
    }
    say("same %u", port_of(file));
    _exit(0);
}
