// SPDX-License-Identifier: Apache-2.0
// A pod as a service mesh makes it: a network namespace, a proxy in one cgroup and an application in another, and rules that
// lead to the proxy what leaves.
#include "proxies.h"

enum { PROXY = 15001, LED = 8080, LEFT_OUT = 8081, DATAGRAMS = 8082 };

static struct address service(uint16_t port)
{
    struct address address = loopback('4', port);

    address.ipv4.sin_addr.s_addr = inet_addr("10.96.0.1");
    return address;
}

// An address that leads nowhere but here, as all of 10.96.0.0/16 do.
static void add_address(void)
{
    struct ifreq request = {.ifr_name = "lo:1"};
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    address->sin_family = AF_INET;
    address->sin_addr.s_addr = inet_addr("10.96.5.5");
    check(ioctl(file, SIOCSIFADDR, &request) == 0, "address");
    address->sin_addr.s_addr = inet_addr("255.255.0.0");
    check(ioctl(file, SIOCSIFNETMASK, &request) == 0, "netmask");
    close(file);
}

// Answers 3 bytes with 5 until the other side has no more; those of `onward`, where it is one.
[[noreturn]] static void answer(int accepted, int onward);

static void ask(int file)
{
    char bytes[8];

    check(send(file, "abc", 3, 0) == 3, "send");
    check(recv(file, bytes, 5, MSG_WAITALL) == 5, "recv");
}

static int call(uint16_t port)
{
    struct address address = service(port);
    int file = stream('4', 0);

    check(connect(file, &address.plain, address.size) == 0, "connect");
    return file;
}

static void answer(int accepted, int onward)
{
    char bytes[8];

    while (recv(accepted, bytes, 3, MSG_WAITALL) == 3) {
        if (onward >= 0)
            ask(onward);
        check(send(accepted, "abcde", 5, 0) == 5, "send");
    }
    _exit(0);
}

static pid_t child(void)
{
    pid_t pid = fork();

    check(pid >= 0, "fork");
    return pid;
}

// A child for each connection, so that one may stand while others come. A proxy forwards to the application.
[[noreturn]] static void serve(int server, bool is_proxy)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        check(accepted >= 0, "accept");
        if (child() == 0) {
            close(server);
            answer(accepted, is_proxy ? call(LED) : -1);
        }
        close(accepted);
    }
}

static int any_listener(uint16_t port)
{
    struct address address = loopback('4', port);
    int file = stream('4', 0), yes = 1;

    address.ipv4.sin_addr.s_addr = htonl(INADDR_ANY);
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    check(bind(file, &address.plain, address.size) == 0 && listen(file, 16) == 0, "listen");
    return file;
}

static void call_often(const char *count, uint16_t port)
{
    for (int left = atoi(count); left > 0; left--) {
        int file = call(port);
        ask(file);
        close(file);
    }
}

// mesh nft|iptables|- PROXY-CGROUP|- APP-CGROUP PROGRAM LED LEFT-OUT AS-PROXY DATAGRAMS STANDING: says "ready" with the pids of proxy and server, waits
// for the end of its input, and asks so often each way, and as often by a connection that was there before. Then it says "done" and stays until it is killed.
int run_mesh(int argc, char *const argv[])
{
    check(argc == 9, "arguments");
    const char *rules = argv[0], *proxy_cgroup = argv[1], *cgroup = argv[2];
    pid_t proxy = 0;

    make_network();
    add_address();
    if (strstr(rules, "iptables")) {
        char *tool = (char *)rules;
        const char *const lines[] = {
            "-N LEAD", "-A OUTPUT -p tcp -j LEAD", "-A LEAD -o lo -d 127.0.0.0/8 -j RETURN",
            "-A LEAD -m owner --uid-owner 1337 -j RETURN", "-A LEAD -p tcp -m multiport --dports 22,8081 -j RETURN",
            "-A LEAD -d 192.0.2.0/24 -j RETURN", "-A LEAD -p tcp -j REDIRECT --to-ports 15001",
        };
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
            char line[200], *words[20] = {tool, "-t", "nat"}, *rest = line;
            int count = 3;
            snprintf(line, sizeof line, "%s", lines[i]);
            while ((words[count] = strsep(&rest, " ")))
                count++;
            check(reap(spawn(tool, words)) == 0, lines[i]);
        }
    } else if (rules[0] != '-') {
        char *const words[] = {(char *)rules,
            "add table ip mesh;"
            "add chain ip mesh out { type nat hook output priority -100; };"
            "add chain ip mesh lead;"
            "add rule ip mesh out ip protocol tcp jump lead;"
            "add rule ip mesh lead oifname \"lo\" ip daddr 127.0.0.0/8 return;"
            "add rule ip mesh lead meta skuid 1337 return;"
            "add rule ip mesh lead tcp dport { 22, 8081 } return;"
            "add rule ip mesh lead ip daddr 192.0.2.0/24 return;"
            "add rule ip mesh lead ip protocol tcp redirect to :15001;", NULL};
        check(reap(spawn(words[0], words)) == 0, words[0]);
    }
    if (proxy_cgroup[0] != '-') {
        int server = listener('4', PROXY, 16);
        proxy = child();
        if (proxy == 0) {
            enter(proxy_cgroup, PROXY_USER);
            serve(server, true);
        }
        close(server);
    }
    for (uint16_t port = LED; port <= LEFT_OUT; port++) {
        int server = any_listener(port);
        if (child() == 0) {
            enter(cgroup, USER);
            serve(server, false);
        }
        close(server);
    }
    struct address here = loopback('4', DATAGRAMS);
    int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(bind(datagrams, &here.plain, here.size) == 0, "bind");
    int gates[2][2], stands[2], standing = atoi(argv[8]);
    check(pipe2(stands, O_CLOEXEC) == 0, "pipe");
    unsigned users[] = {USER, PROXY_USER};
    pid_t clients[2];
    for (int i = 0; i < 2; i++) {
        check(pipe2(gates[i], O_CLOEXEC) == 0, "pipe");
        clients[i] = child();
        if (clients[i] == 0) {
            char byte;
            int stood = -1;
            enter(cgroup, users[i]);
            if (i == 0 && standing) {
                stood = call(LED);
                ask(stood);
            }
            close(stands[1]);
            for (int other = 0; other <= i; other++)
                close(gates[other][1]);
            check(read(gates[i][0], &byte, 1) == 0, "gate");
            if (i == 1) {
                call_often(argv[6], LED);
                _exit(0);
            }
            call_often(argv[4], LED);
            call_often(argv[5], LEFT_OUT);
            for (int left = standing; left > 0; left--)
                ask(stood);
            for (int left = atoi(argv[7]); left > 0; left--) {
                int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                check(sendto(file, "abcd", 4, 0, &here.plain, here.size) == 4, "sendto");
                close(file);
            }
            char *const words[] = {argv[3], NULL};
            check(reap(spawn(words[0], words)) == 0, words[0]);
            _exit(0);
        }
        close(gates[i][0]);
    }
    char byte;
    close(stands[1]);
    check(read(stands[0], &byte, 1) == 0, "stands");
    say("ready %d", proxy);
    check(read(0, &byte, 1) == 0, "input");
    for (int i = 0; i < 2; i++) {
        close(gates[i][1]);
        check(reap(clients[i]) == 0, "client");
    }
    say("done");
    for (;;)
        pause();
}
