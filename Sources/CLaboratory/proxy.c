// SPDX-License-Identifier: Apache-2.0
//
// A real proxy in a pod, and rules that lead to it as a mesh sets them.
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_LIMIT (10 * SECOND)

// haproxy asks the kernel where a connection that was redirected went to; that is where 0.0.0.0 leads. With one server for
// both ways it would keep but one idle connection for both.
static const char haproxy_file[] =
    "global\n"
    "  maxconn 512\n"
    "  nbthread 1\n"
    "defaults\n"
    "  mode http\n"
    "  http-reuse always\n"
    "  timeout connect 2s\n"
    "  timeout client 30s\n"
    "  timeout server 30s\n"
    "frontend outbound\n"
    "  bind 0.0.0.0:15001\n"
    "  default_backend others\n"
    "backend others\n"
    "  server original 0.0.0.0:0\n"
    "frontend inbound\n"
    "  bind 0.0.0.0:15006\n"
    "  default_backend application\n"
    "backend application\n"
    "  server original 0.0.0.0:0\n";

// nginx can't ask: outbound it goes by the Host field. Connections to the pods that are called are kept, as haproxy does.
static const char nginx_file[] =
    "daemon off;\n"
    "worker_processes 1;\n"
    "pid %s/nginx-%u.pid;\n"
    "error_log stderr;\n"
    "events { worker_connections 512; }\n"
    "http {\n"
    "  access_log off;\n"
    "  client_body_temp_path %s/body;\n"
    "  proxy_temp_path %s/proxy;\n"
    "  fastcgi_temp_path %s/fastcgi;\n"
    "  uwsgi_temp_path %s/uwsgi;\n"
    "  scgi_temp_path %s/scgi;\n"
    "  proxy_http_version 1.1;\n"
    "  proxy_set_header Connection \"\";\n"
    "  proxy_set_header Host $http_host;\n"
    "  upstream next { server 10.88.1.%u:8080; keepalive 16; }\n"
    "  upstream first { server 10.88.1.1:8080; keepalive 16; }\n"
    "  upstream application { server 127.0.0.1:8080; keepalive 16; }\n"
    "  server { listen 15001 default_server; location / { proxy_pass http://$http_host; } }\n"
    "  server { listen 15001; server_name 10.88.1.%u; location / { proxy_pass http://next; } }\n"
    "%s"
    "  server { listen 15006; location / { proxy_pass http://application; } }\n"
    "}\n";
static const char nginx_first[] =
    "  server { listen 15001; server_name 10.88.1.1; location / { proxy_pass http://first; } }\n";

// As Istio's, without what is left out there by port.
static const char rules[] =
    "table ip mesh {\n"
    "  counter outbound {}\n"
    "  chain output {\n"
    "    type nat hook output priority -100; policy accept;\n"
    "    meta skuid 1337 return\n"
    "    oifname \"lo\" return\n"
    "    meta l4proto tcp counter name outbound redirect to :15001\n"
    "  }\n"
    "  chain prerouting {\n"
    "    type nat hook prerouting priority -100; policy accept;\n"
    "    meta l4proto tcp redirect to :15006\n"
    "  }\n"
    "}\n";

static int write_configuration(struct lab *lab, unsigned index, char *path, unsigned size)
{
    const char *d = lab->files;
    char text[4096];
    int length;

    snprintf(path, size, "%s/proxy-%u.conf", d, index + 1);
    if (lab->proxy == LAB_HAPROXY)
        return lab_write_file(path, haproxy_file, sizeof(haproxy_file) - 1, 0644);
    unsigned next = (index + 1) % lab->pods + 1;
    length = snprintf(text, sizeof(text), nginx_file, d, index + 1, d, d, d, d, d, next, next, next == 1 ? "" : nginx_first);
    return lab_write_file(path, text, (unsigned)length, 0644);
}

// Runs nft with a file as its input and another as its output; its exit status, or -1 with errno.
static int run_nft(struct lab *lab, const char *input, const char *output, const char *const arguments[4])
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        int in = open(input, O_RDONLY), out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (in < 0 || out < 0)
            _exit(126);
        dup2(in, 0);
        dup2(out, 1);
        dup2(out, 2);
        execl(lab->nft, "nft", arguments[0], arguments[1], arguments[2], arguments[3], (char *)NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The first line of what a program said, without what the screen would take for commands.
static void first_line(const char *path, char *buffer, unsigned size)
{
    lab_read_file(path, buffer, size);
    buffer[strcspn(buffer, "\n")] = 0;
}

static int set_rules(struct lab *lab, unsigned index)
{
    struct lab_mailbox *mailbox = &lab_pod_at(lab, index)->pod;
    char input[128], output[128], said[160];

    snprintf(input, sizeof(input), "%s/rules-%u", lab->files, index + 1);
    snprintf(output, sizeof(output), "%s/nft-%u", lab->files, index + 1);
    if (lab_write_file(input, rules, sizeof(rules) - 1, 0644))
        return lab_fail(mailbox, "%s", input);
    int status = run_nft(lab, input, output, (const char *const[4]){"-f", "-"});
    if (status == 0)
        return 0;
    if (status > 0)
        errno = EOPNOTSUPP;
    first_line(output, said, sizeof(said));
    return lab_fail(mailbox, "nft: %s", said[0] ? said : "it did not run");
}

// Whether somebody listens on the port, by /proc/net/tcp.
static bool is_listening(const char *table, unsigned port)
{
    char pattern[32];

    snprintf(pattern, sizeof(pattern), ":%04X 00000000:0000 0A", port);
    return strstr(table, pattern);
}

static bool has_ports(void)
{
    static char table[1 << 16];

    lab_read_file("/proc/thread-self/net/tcp", table, sizeof(table));
    return is_listening(table, LAB_OUTBOUND_PORT) && is_listening(table, LAB_INBOUND_PORT);
}

static _Noreturn void become_proxy(struct lab *lab, unsigned index, const char *configuration, const char *output)
{
    int out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    lab_become(lab->proxy == LAB_HAPROXY ? "haproxy" : "nginx");
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    if (out >= 0) {
        dup2(out, 1);
        dup2(out, 2);
        close(out);
    }
    if (lab_join(lab, index, LAB_SIDECAR) || setgroups(0, NULL) || setgid(LAB_PROXY_USER) || setuid(LAB_PROXY_USER))
        _exit(126);
    if (lab->proxy == LAB_HAPROXY)
        execl(lab->program, "haproxy", "-db", "-f", configuration, (char *)NULL);
    else
        execl(lab->program, "nginx", "-p", lab->files, "-c", configuration, (char *)NULL);
    _exit(127);
}

int lab_start_proxy(struct lab *lab, unsigned index, pid_t *proxy)
{
    struct lab_mailbox *mailbox = &lab_pod_at(lab, index)->pod;
    char configuration[128], output[128], said[160];
    uint64_t end = lab_clock(CLOCK_MONOTONIC) + START_LIMIT;

    snprintf(output, sizeof(output), "%s/proxy-%u.out", lab->files, index + 1);
    if (write_configuration(lab, index, configuration, sizeof(configuration)))
        return lab_fail(mailbox, "%s", configuration);
    *proxy = fork();
    if (*proxy == 0)
        become_proxy(lab, index, configuration, output);
    if (*proxy < 0)
        return lab_fail(mailbox, "the proxy");
    while (!has_ports()) {
        bool isGone = waitpid(*proxy, NULL, WNOHANG) != 0;
        if (isGone || lab_clock(CLOCK_MONOTONIC) > end) {
            first_line(output, said, sizeof(said));
            errno = isGone ? ECHILD : ETIMEDOUT;
            return lab_fail(mailbox, "the proxy does not listen: %s", said[0] ? said : "it said nothing");
        }
        lab_sleep_until(lab_clock(CLOCK_MONOTONIC) + 2 * MILLISECOND);
    }
    return set_rules(lab, index);
}

void lab_kill_proxy(pid_t proxy)
{
    if (proxy <= 0)
        return;
    kill(-proxy, SIGKILL);
    waitpid(proxy, NULL, 0);
}

// How many packets a counter has: of a rule for new connections that is how many of those.
static uint64_t packets_of(const char *text, const char *counter)
{
    const char *at = strstr(text, counter);

    at = at ? strstr(at, "packets ") : NULL;
    return at ? strtoull(at + 8, NULL, 10) : 0;
}

int lab_read_counters(struct lab *lab, unsigned index)
{
    struct lab_pod *pod = lab_pod_at(lab, index);
    char output[128], text[1024];

    snprintf(output, sizeof(output), "%s/counters-%u", lab->files, index + 1);
    int status = run_nft(lab, "/dev/null", output, (const char *const[4]){"list", "counters"});
    if (lab_read_file(output, text, sizeof(text)) < 0 || status != 0) {
        errno = EIO;
        return lab_fail(&pod->pod, "nft list counters: status %d", status);
    }
    pod->redirected_out = packets_of(text, "counter outbound");
    return 0;
}
