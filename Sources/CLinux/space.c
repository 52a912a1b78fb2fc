// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include "CLinux.h"

struct request {
    int space, domain, type, protocol;
    int socket, error;
};

static void *make(void *argument)
{
    struct request *request = argument;

    request->socket = -1;
    if (setns(request->space, CLONE_NEWNET) == 0)
        request->socket = socket(request->domain, request->type | SOCK_CLOEXEC, request->protocol);
    request->error = errno;
    return NULL;
}

int clinux_socket_in(int space, int domain, int type, int protocol)
{
    struct request request = {.space = space, .domain = domain, .type = type, .protocol = protocol};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, make, &request);

    if (error == 0)
        error = pthread_join(thread, NULL);
    if (error != 0) {
        errno = error;
        return -1;
    }
    errno = request.error;
    return request.socket;
}
