// SPDX-License-Identifier: Apache-2.0
//
// Holds the programs of datagram.bpf.c until SIGINT.
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>

static const unsigned char object_bytes[] = {
#embed "datagram.bpf.o"
};

int main(void)
{
    struct bpf_object *object = bpf_object__open_mem(object_bytes, sizeof(object_bytes), NULL);
    struct bpf_program *program;
    sigset_t signals;
    int signal;

    if (!object || bpf_object__load(object))
        return fputs("datagram: the programs can't be loaded\n", stderr), 1;
    bpf_object__for_each_program(program, object) {
        if (!bpf_program__attach(program))
            return perror("datagram: attach"), 1;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    fputs("watching\n", stderr);
    return sigwait(&signals, &signal);
}
