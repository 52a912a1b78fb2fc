// SPDX-License-Identifier: Apache-2.0
//
// What each pod does once, so that it is known who saw it.
#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

// The errno of what a child did, by its exit status.
static int result_of(pid_t child)
{
    int status;

    if (child < 0 || waitpid(child, &status, 0) < 0)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int execute(const struct lab *lab)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/program", lab->files);
    pid_t child = fork();
    if (child == 0) {
        execl(path, path, (char *)NULL);
        _exit(errno);
    }
    return result_of(child);
}

static int open_file(const struct lab *lab)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/data", lab->files);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno;
    close(file);
    return 0;
}

// Sends a datagram to the node and receives the answer; its length, or -1 with errno.
static ssize_t exchange(uint16_t port, const void *data, size_t length, void *answer, size_t size)
{
    struct sockaddr_in node = lab_address(NODE_ADDRESS, port);
    const struct timeval second = {.tv_sec = 1};
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -1;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    ssize_t result = sendto(descriptor, data, length, 0, (struct sockaddr *)&node, sizeof(node));
    if (result >= 0)
        result = recv(descriptor, answer, size, 0);
    int error = errno;
    close(descriptor);
    errno = error;
    return result;
}

static int send_datagram(void)
{
    char data[64] = "ebpfguard", answer[64];

    return exchange(LAB_SERVICE_PORT, data, sizeof(data), answer, sizeof(answer)) < 0 ? errno : 0;
}

// Asks for service.lab.test, which the name server says is the node.
static int ask_name(uint32_t *address)
{
    static const uint8_t question[] = {0x0e, 0xb9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, 's', 'e', 'r', 'v', 'i', 'c', 'e', 3,
                                       'l', 'a', 'b', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};
    uint8_t answer[512];
    ssize_t length = exchange(53, question, sizeof(question), answer, sizeof(answer));

    if (length < 0)
        return errno;
    if (length < (ssize_t)sizeof(question) + 16)
        return EBADMSG;
    memcpy(address, answer + length - 4, 4);
    *address = ntohl(*address);
    return 0;
}

static int visit(uint32_t address)
{
    int connection = lab_connect(address, LAB_SERVICE_PORT);

    if (connection < 0)
        return errno;
    int result = lab_request(connection, address, LAB_SERVICE_PORT) ? errno : 0;
    close(connection);
    return result;
}

static int visit_as_proxy(void)
{
    pid_t child = fork();

    if (child == 0) {
        lab_become("lab-bypass");
        _exit(setgroups(0, NULL) || setgid(LAB_PROXY_USER) || setuid(LAB_PROXY_USER) ? errno : visit(NODE_ADDRESS));
    }
    return result_of(child);
}

void lab_act(struct lab *lab, unsigned index, enum lab_act act)
{
    struct lab_pod *pod = lab_pod_at(lab, index);
    // What the name server said last.
    static uint32_t named = NODE_ADDRESS;
    int error;

    switch (act) {
    case LAB_EXEC: error = execute(lab); break;
    case LAB_OPEN: error = open_file(lab); break;
    case LAB_DATAGRAM: error = send_datagram(); break;
    case LAB_NAME: error = ask_name(&named); break;
    case LAB_TCP: error = visit(named); break;
    case LAB_ADDRESS: error = visit(NAMELESS_ADDRESS); break;
    case LAB_BYPASS: error = visit_as_proxy(); break;
    default: return;
    }
    pod->errors[act] = error;
    pod->acts[act]++;
}
