// SPDX-License-Identifier: Apache-2.0
//
// The reader of open.bpf.c: looks into the ring every 10 ms and writes a text line for each record to stdout, until
// SIGINT or SIGTERM. By fexit where the kernel allows it, else by the tracepoint of all system calls, as ebpfguard does.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "open.h"

static const unsigned char object_bytes[] = {
#embed "open.bpf.o"
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    stopped = signal;
}

static int on_record(void *context, void *data, size_t size)
{
    const struct open_record *record = data;
    const char *path = (const char *)(record + 1);

    printf("%llu %u %.16s %u %x ", (unsigned long long)record->time, record->pid, record->comm, record->uid,
           record->flags);
    for (__u32 end = record->path_size; end > 0;) {
        __u32 start = end - 1;

        while (start > 0 && path[start - 1])
            start--;
        putchar('/');
        for (__u32 i = start; i < end - 1; i++)
            putchar((unsigned char)path[i] < 0x20 || path[i] == 0x7f ? '?' : path[i]);
        end = start;
    }
    putchar('\n');
    return 0;
}

// Loads and attaches one of the programs.
static struct bpf_object *load(const char *wanted, struct bpf_link **link)
{
    struct bpf_object *object = bpf_object__open_mem(object_bytes, sizeof(object_bytes), NULL);
    struct bpf_program *program;

    if (!object)
        return NULL;
    bpf_object__for_each_program(program, object)
        bpf_program__set_autoload(program, strcmp(bpf_program__name(program), wanted) == 0);
    *link = NULL;
    if (bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "scratches"), libbpf_num_possible_cpus()) == 0 &&
        bpf_object__load(object) == 0)
        *link = bpf_program__attach(bpf_object__find_program_by_name(object, wanted));
    if (*link)
        return object;
    bpf_object__close(object);
    return NULL;
}

int main(void)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    struct sigaction action = {.sa_handler = stop};
    libbpf_print_fn_t print = libbpf_set_print(NULL);
    struct bpf_link *link;
    struct bpf_object *object;
    struct ring_buffer *ring;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    object = load("opened", &link);
    libbpf_set_print(print);
    if (!object)
        object = load("call_exited", &link);
    if (!object)
        return fputs("open: the programs can't be loaded\n", stderr), 1;
    ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), on_record, NULL, NULL);
    if (!ring)
        return perror("open: ring"), 1;
    fputs("watching\n", stderr);
    while (!stopped) {
        ring_buffer__consume(ring);
        fflush(stdout);
        nanosleep(&pause, NULL);
    }
    bpf_link__destroy(link);
    ring_buffer__consume(ring);
    fflush(stdout);
    return 0;
}
