// SPDX-License-Identifier: Apache-2.0
// What another root can do to a policy by the numbers of its maps and links, which the kernel hands out to each.
#include "internal.h"

#include <linux/bpf.h>
#include <sys/stat.h>

static long bpf(int command, union bpf_attr *attributes)
{
    return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

// The next object of a kind, opened; -1 behind the last.
static int next(int step, int open_command, uint32_t *id)
{
    for (;;) {
        union bpf_attr attributes = {.start_id = *id};
        if (bpf(step, &attributes))
            return -1;
        *id = attributes.next_id;
        attributes = (union bpf_attr){.map_id = *id};
        int file = (int)bpf(open_command, &attributes);
        if (file >= 0)
            return file;
    }
}

// tamper-maps NAME...: of how many maps of those names the first entry could be written, and of how many not.
int run_tamper_maps(int argc, char *const argv[])
{
    static char key[4096], value[4096];
    uint32_t id = 0;
    int file, changed = 0, refused = 0;

    while ((file = next(BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID, &id)) >= 0) {
        struct bpf_map_info info = {};
        union bpf_attr attributes = {
            .info = {.bpf_fd = (uint32_t)file, .info_len = sizeof info, .info = (uint64_t)(uintptr_t)&info}};
        bool is_named = false;

        if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes))
            for (int i = 0; i < argc; i++)
                is_named |= !strncmp(argv[i], info.name, sizeof info.name - 1);
        if (is_named && info.key_size <= sizeof key && info.value_size <= sizeof value) {
            attributes = (union bpf_attr){
                .map_fd = (uint32_t)file, .key = 0, .next_key = (uint64_t)(uintptr_t)key};
            if (!bpf(BPF_MAP_GET_NEXT_KEY, &attributes)) {
                attributes = (union bpf_attr){
                    .map_fd = (uint32_t)file, .key = (uint64_t)(uintptr_t)key, .value = (uint64_t)(uintptr_t)value};
                if (bpf(BPF_MAP_UPDATE_ELEM, &attributes))
                    refused++;
                else
                    changed++;
            }
        }
        close(file);
    }
    say("changed %d, refused %d", changed, refused);
    return 0;
}

// tamper-links CGROUP: takes the programs off that are attached to a cgroup.
int run_tamper_links(int argc, char *const argv[])
{
    struct stat status;
    uint32_t id = 0;
    int file, taken = 0;

    if (argc != 1 || stat(argv[0], &status))
        return 64;
    while ((file = next(BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID, &id)) >= 0) {
        struct bpf_link_info info = {};
        union bpf_attr attributes = {
            .info = {.bpf_fd = (uint32_t)file, .info_len = sizeof info, .info = (uint64_t)(uintptr_t)&info}};

        if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) && info.type == BPF_LINK_TYPE_CGROUP &&
            info.cgroup.cgroup_id == status.st_ino) {
            attributes = (union bpf_attr){.link_detach = {.link_fd = (uint32_t)file}};
            taken += !bpf(BPF_LINK_DETACH, &attributes);
        }
        close(file);
    }
    say("taken %d", taken);
    return 0;
}
