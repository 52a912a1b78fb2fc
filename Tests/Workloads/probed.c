// SPDX-License-Identifier: Apache-2.0
// A node with two pods on cables: one with rules that lead what leaves to a proxy that hands it on to where it was meant for,
// and one without.
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
static void hand_on(int accepted)
{
    struct sockaddr_in to;
    socklen_t size = sizeof to;
    int onward = stream('4', 0);
    char bytes[4096];

    check(getsockopt(accepted, SOL_IP, SO_ORIGINAL_DST, &to, &size) == 0, "SO_ORIGINAL_DST");
    if (connect(onward, (struct sockaddr *)&to, sizeof to))
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

static void begin_proxy(const char *cgroup, int *count)
{
    int server = listener('4', PROXY, 16);

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
            hand_on(accepted);
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

// probed NFT PROXY-CGROUP APP-CGROUP OTHER-CGROUP: says "ready", and at the end of its input "handed on" with how many
// connections the proxy accepted.
int run_probed(int argc, char *const argv[])
{
    int ready[2], *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char byte;

    check(argc == 4 && count != MAP_FAILED && pipe2(ready, O_CLOEXEC) == 0, "arguments");
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
        begin_proxy(argv[1], count);
        begin_idle(argv[2], USER);
        begin_idle(argv[2], 0); // which may do everything
        stay(ready[1]);
    }
    wait_for(ready[0]);
    if (begin_pod("pod1", "10.9.8.1", "10.9.8.2", "fd00:8::1", "fd00:8::2") == 0) {
        begin_idle(argv[3], USER);
        stay(ready[1]);
    }
    wait_for(ready[0]);
    // An address of the node among those that rules leave out, a port that is taken, and datagrams that the node drops.
    add_address("pod1:1", "192.0.2.1");
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
