// SPDX-License-Identifier: Apache-2.0
//
// The reader of count.bpf.c: attaches, says "watching", and at SIGINT says how often each system call was made.
//
//     count [--time]     with the time they took, which needs a program at their entry too
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const unsigned char object_bytes[] = {
#embed "count.bpf.o"
};

struct count {
    __u64 calls, errors, time;
};

static void ignore(int signal)
{
    (void)signal;
}

int main(int argc, char **arguments)
{
    struct sigaction action = {.sa_handler = ignore};
    int takes_time = argc > 1 && strcmp(arguments[1], "--time") == 0;
    struct bpf_object *object = bpf_object__open_mem(object_bytes, sizeof(object_bytes), NULL);
    struct bpf_program *program;
    struct bpf_map *map;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (!object)
        return perror("count: open"), 1;
    bpf_object__for_each_map(map, object) {
        if (strstr(bpf_map__name(map), ".rodata"))
            bpf_map__set_initial_value(map, &takes_time, sizeof(takes_time));
    }
    bpf_program__set_autoload(bpf_object__find_program_by_name(object, "entered"), takes_time);
    if (bpf_object__load(object))
        return fputs("count: the programs can't be loaded\n", stderr), 1;
    bpf_object__for_each_program(program, object) {
        if (bpf_program__autoload(program) && !bpf_program__attach(program))
            return perror("count: attach"), 1;
    }
    fputs("watching\n", stderr);
    pause();

    int cpus = libbpf_num_possible_cpus();
    struct count values[cpus];
    int counts = bpf_object__find_map_fd_by_name(object, "counts");

    for (__u32 number = 0; number < 512; number++) {
        struct count sum = {0};

        if (bpf_map_lookup_elem(counts, &number, values))
            continue;
        for (int cpu = 0; cpu < cpus; cpu++) {
            sum.calls += values[cpu].calls;
            sum.errors += values[cpu].errors;
            sum.time += values[cpu].time;
        }
        if (sum.calls)
            printf("%u %llu %llu %llu\n", number, sum.calls, sum.errors, sum.time);
    }
    return 0;
}
