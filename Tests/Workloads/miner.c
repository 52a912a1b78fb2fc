// SPDX-License-Identifier: Apache-2.0
// A stand-in for a miner, which speaks as one does and computes nothing; and the pool that it speaks to.
#include "internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

static const struct {
    const char *name, *lines[2];
} speeches[] = {
    {"monero",
     {"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"somebody\",\"pass\":\"x\","
      "\"agent\":\"thing/1.0\",\"algo\":[\"rx/0\",\"cn/r\"]}}\n",
      "{\"id\":2,\"jsonrpc\":\"2.0\",\"method\":\"submit\",\"params\":{\"id\":\"1\",\"job_id\":\"7\",\"nonce\":\"deadbeef\","
      "\"result\":\"00\"}}\n"}},
    {"bitcoin",
     {"{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"thing/1.0\"]}\n",
      "{\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"somebody\", \"x\"]}\n"}},
    // A client of an ordinary service.
    {"service",
     {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"login\",\"params\":{\"user\":\"somebody\",\"pass\":\"x\"}}\n",
      "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"submit\",\"params\":{\"order\":\"7\",\"result\":\"fine\"}}\n"}},
};

static int connection(const char *address, const char *port)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int yes = 1, file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, address, &ipv4.sin_addr);
    if (file < 0 || connect(file, (struct sockaddr *)&ipv4, sizeof ipv4))
        die("connect");
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return file;
}

// "miner ADDRESS PORT SPEECH [whole|bytes|late|rests]": says one line, then, when the pool has answered, the next.
// "bytes": each byte by itself. "rests": for two seconds first. "late": connects, says the first line, and waits for its input to end.
int run_miner(int argc, char *const argv[])
{
    if (argc < 3)
        return 64;
    const char *how = argc > 3 ? argv[3] : "whole";
    char answer[256];

    if (strcmp(how, "rests") == 0)
        usleep(2000000);
    int file = connection(argv[0], argv[1]);

    // What is refused is sent again for minutes.
    setsockopt(file, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){1500}, sizeof(int));
    for (size_t i = 0; i < sizeof speeches / sizeof *speeches; i++) {
        if (strcmp(speeches[i].name, argv[2]) != 0)
            continue;
        for (int line = 0; line < 2; line++) {
            const char *text = speeches[i].lines[line];
            size_t size = strlen(text), step = strcmp(how, "bytes") == 0 ? 1 : size;

            for (size_t at = 0; at < size; at += step)
                if (send(file, text + at, step, MSG_NOSIGNAL) < 0) {
                    say("miner refused %d", errno);
                    return 0;
                }
            if (recv(file, answer, sizeof answer, 0) <= 0) {
                say("miner unanswered %d", errno);
                return 0;
            }
            if (line == 0 && strcmp(how, "late") == 0) {
                say("miner waits");
                while (read(STDIN_FILENO, answer, sizeof answer) > 0)
                    ;
            }
        }
        say("miner done");
        return 0;
    }
    return 64;
}

// Executes itself from no file: "miner-memfd ARGS..." of the miner.
int run_miner_memfd(int argc, char *const argv[])
{
    char *words[16] = {"kworker", "workload", "miner"};
    int file = (int)syscall(SYS_memfd_create, "x", 0), self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char buffer[65536];
    ssize_t size;

    while ((size = read(self, buffer, sizeof buffer)) > 0)
        if (write(file, buffer, (size_t)size) != size)
            die("write");
    for (int i = 0; i < argc && i < 12; i++)
        words[3 + i] = argv[i];
    fexecve(file, words, environ);
    die("fexecve");
}

// "pool ADDRESS": listens at a port of its choice, which it says; answers each line; at the end of its input says how many lines
// came, and how many bytes.
int run_pool(int argc, char *const argv[])
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    socklen_t length = sizeof ipv4;
    int yes = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd files[32] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    nfds_t count = 2;
    unsigned lines = 0, bytes = 0;

    inet_pton(AF_INET, argc > 0 ? argv[0] : "127.0.0.1", &ipv4.sin_addr);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&ipv4, sizeof ipv4) || listen(server, 16) ||
        getsockname(server, (struct sockaddr *)&ipv4, &length))
        die("listen");
    say("pool %d", ntohs(ipv4.sin_port));
    for (;;) {
        char buffer[4096];

        if (poll(files, count, 60000) <= 0)
            break;
        if (files[0].revents && read(STDIN_FILENO, buffer, sizeof buffer) <= 0)
            break;
        if (files[1].revents && count < 32)
            files[count++] = (struct pollfd){.fd = accept(server, 0, 0), .events = POLLIN};
        for (nfds_t i = 2; i < count; i++) {
            ssize_t size = files[i].revents ? recv(files[i].fd, buffer, sizeof buffer, 0) : 0;

            if (files[i].revents && size <= 0) {
                close(files[i].fd);
                files[i].fd = -1;
            }
            for (ssize_t at = 0; at < size; at++) {
                bytes++;
                if (buffer[at] != '\n')
                    continue;
                lines++;
                send(files[i].fd, "{\"result\":true}\n", 16, MSG_NOSIGNAL);
            }
            files[i].revents = 0;
        }
    }
    say("pool got %u %u", lines, bytes);
    return 0;
}
