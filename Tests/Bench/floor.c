// SPDX-License-Identifier: Apache-2.0
//
// The reader of floor.bpf.c: looks into the ring every 10 ms and writes a text line for each record to stdout.
//
//     floor              until SIGINT
//     floor --programs   turns BPF statistics on and, for each line on stdin, lists the programs of this machine:
//                        id, runs, ns, name; then an empty line
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"

static const unsigned char object_bytes[] = {
#embed "floor.bpf.o"
};

static volatile sig_atomic_t stopped;
static char out[1 << 17];
static size_t used;

static void stop(int signal)
{
    stopped = signal;
}

static void flush(void)
{
    for (size_t done = 0; done < used;) {
        ssize_t count = write(STDOUT_FILENO, out + done, used - done);

        if (count < 0)
            exit(1);
        done += count;
    }
    used = 0;
}

// Names and arguments are hostile text: no control character reaches the terminal.
static void put(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = bytes[i];

        out[used++] = byte == 0 ? ' ' : byte < 0x20 || byte == 0x7f ? '?' : byte;
    }
}

static void put_number(__u64 number)
{
    char digits[20];
    int at = sizeof(digits);

    do
        digits[--at] = '0' + number % 10;
    while (number /= 10);
    out[used++] = ' ';
    memcpy(out + used, digits + at, sizeof(digits) - at);
    used += sizeof(digits) - at;
}

static void put_path(const char *components, size_t size)
{
    out[used++] = ' ';
    if (size == 0)
        out[used++] = '/';
    for (size_t end = size; end > 0;) { // components stand from the leaf to the root
        size_t start = end - 1;

        while (start > 0 && components[start - 1])
            start--;
        out[used++] = '/';
        put(components + start, end - 1 - start);
        end = start;
    }
}

static int on_record(void *context, void *data, size_t size)
{
    static const char *const names[] = {[KIND_EXEC] = "exec", [KIND_FORK] = "fork", [KIND_EXIT] = "exit"};
    const struct record *record = data;

    if (sizeof(out) - used < 2 * size + 1024)
        flush();
    put(names[record->kind], 4);
    put_number(record->time);
    put_number(record->pid);
    put_number(record->parent_pid);
    put_number(record->uid);
    put_number(record->cgroup);
    out[used++] = ' ';
    put(record->comm, strnlen(record->comm, sizeof(record->comm)));
    if (record->kind == KIND_EXIT) {
        put_number(record->code);
        put_number(record->time - record->start);
    } else if (record->kind == KIND_EXEC) {
        const struct exec_record *exec = data;
        const struct ancestor *ancestors = (const void *)(exec + 1);
        const char *text = (const char *)(ancestors + exec->ancestors);

        for (__u32 i = 0; i < exec->ancestors; i++)
            put_number(ancestors[i].pid);
        put_path(text, exec->executable_size);
        put_path(text + exec->executable_size, exec->directory_size);
        out[used++] = ' ';
        put(text + exec->executable_size + exec->directory_size, exec->args_size);
    }
    out[used++] = '\n';
    return 0;
}

static int programs(void)
{
    int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
    char line[8];

    if (stats < 0)
        return perror("floor: BPF statistics"), 1;
    while (fgets(line, sizeof(line), stdin)) {
        for (__u32 id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
            struct bpf_prog_info info = {0};
            __u32 size = sizeof(info);
            int fd = bpf_prog_get_fd_by_id(id);

            if (fd < 0)
                continue;
            if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0)
                printf("%u %llu %llu %s\n", id, info.run_cnt, info.run_time_ns, info.name);
            close(fd);
        }
        puts("");
        fflush(stdout);
    }
    close(stats);
    return 0;
}

int main(int count, char **arguments)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    struct sigaction action = {.sa_handler = stop};
    struct bpf_object *object;
    struct bpf_program *program;
    struct bpf_link *links[3];
    struct ring_buffer *ring;
    int attached = 0;

    if (count > 1 && strcmp(arguments[1], "--programs") == 0)
        return programs();
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    object = bpf_object__open_mem(object_bytes, sizeof(object_bytes), NULL);
    if (!object ||
        bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "scratches"), libbpf_num_possible_cpus()) ||
        bpf_object__load(object))
        return fputs("floor: the programs can't be loaded\n", stderr), 1;
    ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), on_record, NULL, NULL);
    if (!ring)
        return perror("floor: ring"), 1;
    bpf_object__for_each_program(program, object) {
        links[attached] = bpf_program__attach(program);
        if (!links[attached++])
            return perror("floor: attach"), 1;
    }
    fputs("watching\n", stderr);

    while (!stopped) {
        ring_buffer__consume(ring);
        flush();
        nanosleep(&pause, NULL);
    }

    while (attached > 0)
        bpf_link__destroy(links[--attached]);
    ring_buffer__consume(ring);
    flush();

    struct bpf_map *data = bpf_object__find_map_by_name(object, ".bss");
    __u64 lost = 0;
    __u32 zero = 0;
    if (data && bpf_map__lookup_elem(data, &zero, sizeof(zero), &lost, sizeof(lost), 0) == 0)
        fprintf(stderr, "lost %llu\n", lost);
    ring_buffer__free(ring);
    bpf_object__close(object);
    return 0;
}
