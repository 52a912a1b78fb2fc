// SPDX-License-Identifier: Apache-2.0
//
// The reader of connect.bpf.c: looks into the ring every 10 ms and writes a text line for each record to stdout, until
// SIGINT.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "connect.h"

static const unsigned char object_bytes[] = {
#embed "connect.bpf.o"
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    stopped = signal;
}

static int on_record(void *context, void *data, size_t size)
{
    static const char *const names[] = {"", "connect", "accept", "close"};
    const struct connect_record *record = data;
    char local[16], remote[16];

    inet_ntop(AF_INET, &record->local, local, sizeof(local));
    inet_ntop(AF_INET, &record->remote, remote, sizeof(remote));
    printf("%llu %s %u %.16s %s:%u %s:%u %llu %llu %llu\n", (unsigned long long)record->time, names[record->kind & 3],
           record->pid, record->comm, local, record->local_port, remote, ntohs(record->remote_port),
           (unsigned long long)record->duration, (unsigned long long)record->sent, (unsigned long long)record->received);
    return 0;
}

int main(void)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    struct sigaction action = {.sa_handler = stop};
    struct bpf_object *object;
    struct bpf_program *program;
    struct bpf_link *links[2];
    struct ring_buffer *ring;
    int attached = 0;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    object = bpf_object__open_mem(object_bytes, sizeof(object_bytes), NULL);
    if (!object || bpf_object__load(object))
        return fputs("connect: the programs can't be loaded\n", stderr), 1;
    ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), on_record, NULL, NULL);
    if (!ring)
        return perror("connect: ring"), 1;
    bpf_object__for_each_program(program, object) {
        links[attached] = bpf_program__attach(program);
        if (!links[attached++])
            return perror("connect: attach"), 1;
    }
    fputs("watching\n", stderr);
    while (!stopped) {
        ring_buffer__consume(ring);
        fflush(stdout);
        nanosleep(&pause, NULL);
    }
    while (attached > 0)
        bpf_link__destroy(links[--attached]);
    ring_buffer__consume(ring);
    return 0;
}
