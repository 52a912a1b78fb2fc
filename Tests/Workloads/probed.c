// SPDX-License-Identifier: Apache-2.0
// A node with two pods on cables: one with rules that lead what leaves to a proxy that hands it on to where it was meant for,
// by IPv4 and, where it is asked for, by IPv6; and one without.
#include "cables.h"
#include "proxies.h"

#include <linux/netfilter_ipv4.h>
#include <poll.h>
#include <sys/mman.h>

enum { PROXY = 15001, TAKEN = 22 };

static void add_address(const char *name, const char *ipv4)
{
    struct ifreq request = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strcpy(request.ifr_name, name);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = inet_addr(ipv4);
    check(ioctl(file, SIOCSIFADDR, &request) == 0, "address");
    close(file);
}

static void add_address6(const char *name, const char *ipv6)
{
    struct { // struct in6_ifreq
        struct in6_addr address;
        uint32_t prefix;
        int interface;
    } request = {.prefix = 64, .interface = (int)if_nametoindex(name)};
    int file = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    check(inet_pton(AF_INET6, ipv6, &request.address) == 1 && ioctl(file, SIOCSIFADDR, &request) == 0, "IPv6");
    close(file);
}

static pid_t begin_idle(const char *cgroup, unsigned user)
{
    pid_t pid = fork_named("app");

    if (pid == 0) {
        enter(cgroup, user);
        for (;;)
            pause();
    }
    return pid;
}

// Until either side has no more.
static void hand_on(int accepted, char kind)
{
    struct address to = loopback(kind, 0);
    int onward = stream(kind, 0);
    char bytes[4096];

    // Of IPv6 it has the same number: IP6T_SO_ORIGINAL_DST.
    check(getsockopt(accepted, kind == '4' ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, &to.plain, &to.size) == 0,
          "SO_ORIGINAL_DST");
    if (connect(onward, &to.plain, to.size))
        _exit(0);
    struct pollfd files[2] = {{.fd = accepted, .events = POLLIN}, {.fd = onward, .events = POLLIN}};
    while (poll(files, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            if (!files[i].revents)
                continue;
            ssize_t count = recv(files[i].fd, bytes, sizeof bytes, 0);
            if (count <= 0 || send(files[1 - i].fd, bytes, (size_t)count, MSG_NOSIGNAL) != count)
                _exit(0);
        }
    }
    _exit(0);
}

static void begin_proxy(const char *cgroup, int *count, char kind)
{
    int server = listener(kind, PROXY, 16);

    if (fork_named("proxy") != 0) {
        close(server);
        return;
    }
    enter(cgroup, PROXY_USER);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        check(accepted >= 0, "accept");
        ++*count;
        if (fork() == 0)
            hand_on(accepted, kind);
        close(accepted);
    }
}

// A pod whose cable is in the node as `name`, and which has waited until then.
static pid_t begin_pod(const char *name, const char *node, const char *address, const char *node6, const char *address6)
{
    int ready[2], go[2];

    check(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0, "pipe");
    pid_t pid = fork_named("pod");
    if (pid == 0) {
        make_network();
        trust_addresses();
        tell(ready[1]);
        wait_for(go[0]);
        set_addresses("eth0", address, address6);
        set_gateway(node, node6);
        return 0;
    }
    wait_for(ready[0]);
    add_cable(name, pid);
    set_addresses(name, node, node6);
    tell(go[1]);
    return pid;
}

static void stay(int ready)
{
    tell(ready);
    for (;;)
        pause();
}

static void lead_ipv6(char *tool)
{
    char *rules[][16] = {
        {"-N", "LEAD"},
        {"-A", "OUTPUT", "-p", "tcp", "-j", "LEAD"},
        {"-A", "LEAD", "-o", "lo", "-d", "::1/128", "-j", "RETURN"},
        {"-A", "LEAD", "-m", "owner", "--uid-owner", "1337", "-j", "RETURN"},
        {"-A", "LEAD", "-p", "tcp", "-m", "multiport", "--dports", "22,8081", "-j", "RETURN"},
        {"-A", "LEAD", "-d", "2001:db8::/64", "-j", "RETURN"},
        {"-A", "LEAD", "-p", "tcp", "-j", "REDIRECT", "--to-ports", "15001"},
    };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        char *words[20] = {tool, "-t", "nat"};

        memcpy(words + 3, rules[i], sizeof rules[i]);
        run(words);
    }
}

// probed NFT IP6TABLES|- PROXY-CGROUP APP-CGROUP OTHER-CGROUP: says "ready", and at the end of its input "handed on" with how many
// connections the proxy accepted.
int run_probed(int argc, char *const argv[])
{
    int ready[2], *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char byte;

    check(argc == 5 && count != MAP_FAILED && pipe2(ready, O_CLOEXEC) == 0, "arguments");
    prctl(PR_SET_NAME, "node");
    make_network();
    trust_addresses();
    if (begin_pod("pod0", "10.9.7.1", "10.9.7.2", "fd00:7::1", "fd00:7::2") == 0) {
        run((char *[]){argv[0],
            "add table ip mesh;"
            "add chain ip mesh out { type nat hook output priority -100; };"
            "add chain ip mesh lead;"
            "add rule ip mesh out ip protocol tcp jump lead;"
            "add rule ip mesh lead oifname \"lo\" ip daddr 127.0.0.0/8 return;"
            "add rule ip mesh lead meta skuid 1337 return;"
            "add rule ip mesh lead tcp dport { 22, 8081 } return;"
            "add rule ip mesh lead ip daddr 192.0.2.0/24 return;"
            "add rule ip mesh lead ip protocol tcp redirect to :15001;", NULL});
        if (*argv[1] != '-') {
            lead_ipv6(argv[1]);
            begin_proxy(argv[2], count, '6');
        }
        begin_proxy(argv[2], count, '4');
        begin_idle(argv[3], USER);
        begin_idle(argv[3], 0); // which may do everything
        stay(ready[1]);
    }
    wait_for(ready[0]);
    if (begin_pod("pod1", "10.9.8.1", "10.9.8.2", "fd00:8::1", "fd00:8::2") == 0) {
        begin_idle(argv[4], USER);
        stay(ready[1]);
    }
    wait_for(ready[0]);
    // Addresses of the node among those that rules leave out, a port that is taken, and datagrams of IPv4 that the node drops.
    add_address("pod1:1", "192.0.2.1");
    add_address6("pod1", "2001:db8::1");
    run((char *[]){argv[0],
        "add table ip node;"
        "add chain ip node in { type filter hook input priority 0; };"
        "add rule ip node in ip protocol udp drop;", NULL});
    struct address everywhere = loopback('4', TAKEN);
    everywhere.ipv4.sin_addr.s_addr = htonl(INADDR_ANY);
    int taken = stream('4', 0);
    check(bind(taken, &everywhere.plain, everywhere.size) == 0 && listen(taken, 1) == 0, "bind");
    say("ready %d", getpid());
    check(read(0, &byte, 1) == 0, "input");
    say("handed on %d", *count);
    for (;;)
        pause();
}
