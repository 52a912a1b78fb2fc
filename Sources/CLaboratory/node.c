// SPDX-License-Identifier: Apache-2.0
//
// The node of the laboratory, and who tells its pods what to do.
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "CLinux.h"

// What a pod may take for one thing.
#define LIMIT (15 * SECOND)

// A file system that no other process sees, over a directory that every system has and none of our programs is in.
static int mount_files(struct lab *lab)
{
    static const char *const places[] = {"/mnt", "/dev/shm", "/tmp", "/var/tmp"};

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return -1;
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        size_t length = strlen(places[i]);
        if (!strncmp(lab->program, places[i], length) || !strncmp(lab->nft, places[i], length))
            continue;
        if (mount("tmpfs", places[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=16m"))
            continue;
        lab_set(lab->files, sizeof(lab->files), places[i]);
        return 0;
    }
    return -1;
}

// What the acts need: a file, and a program that ends at once.
static int write_files(struct lab *lab)
{
    char path[128], program[4096];
    int memory = clinux_memory_program();
    ssize_t length = memory < 0 ? -1 : pread(memory, program, sizeof(program), 0);

    if (memory >= 0)
        close(memory);
    if (length <= 0)
        return -1;
    snprintf(path, sizeof(path), "%s/program", lab->files);
    if (lab_write_file(path, program, (unsigned)length, 0755))
        return -1;
    snprintf(path, sizeof(path), "%s/data", lab->files);
    return lab_write_file(path, "data\n", 5, 0644);
}

// Makes the directories of a path below the laboratory's own.
static int make_directories(const struct lab *lab, const char *path)
{
    char whole[256];

    snprintf(whole, sizeof(whole), "%s/%s", lab->files, path);
    for (char *slash = whole + strlen(lab->files) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(whole, 0755) && errno != EEXIST)
            return -1;
        *slash = '/';
    }
    return 0;
}

// What names containers: the kubelet's links to their logs, and Docker's own file.
static int write_names(struct lab *lab)
{
    static const char *const containers[] = {[LAB_APPLICATION] = "application", [LAB_SIDECAR] = "proxy"};
    static const char docker[] = "{\"Name\":\"/miner\",\"Config\":{\"Image\":\"miner\"}}";
    char cgroup[256], path[512], link[1024];

    if (make_directories(lab, "var/log/containers/"))
        return -1;
    for (unsigned index = 0; index < lab->pods; index++)
        for (enum lab_part part = LAB_APPLICATION; part <= LAB_SIDECAR; part++) {
            lab_cgroup_name(lab, index, part, cgroup, sizeof(cgroup));
            const char *pod = strstr(cgroup, "/pod") + 4, *id = strrchr(cgroup, '/') + 1;
            snprintf(path, sizeof(path), "%s/var/log/containers/pod-%u_lab_%s-%s.log", lab->files, index + 1,
                     containers[part], id);
            snprintf(link, sizeof(link), "/var/log/pods/lab_pod-%u_%.36s/%s/0.log", index + 1, pod, containers[part]);
            if (symlink(link, path))
                return -1;
        }
    lab_cgroup_name(lab, lab->pods, LAB_APPLICATION, cgroup, sizeof(cgroup));
    snprintf(path, sizeof(path), "var/lib/docker/containers/%s/config.v2.json", strrchr(cgroup, '/') + 1);
    snprintf(link, sizeof(link), "%s/%s", lab->files, path);
    return make_directories(lab, path) ? -1 : lab_write_file(link, docker, sizeof(docker) - 1, 0644);
}

static int start_pod(struct lab *lab, unsigned index)
{
    struct lab_mailbox *mailbox = &lab_pod_at(lab, index)->pod;
    int ready[2], go[2], result = -1;
    char byte = 0;

    if (pipe2(ready, O_CLOEXEC))
        return lab_fail(&lab->node, "a pipe");
    if (pipe2(go, O_CLOEXEC)) {
        close(ready[0]);
        close(ready[1]);
        return lab_fail(&lab->node, "a pipe");
    }
    mailbox->asked = 1;
    pid_t pod = fork();
    if (pod == 0) {
        close(ready[0]);
        close(go[1]);
        lab_run_pod(lab, index, ready[1], go[0]);
    }
    close(ready[1]);
    close(go[0]);
    if (pod < 0)
        lab_fail(&lab->node, "a pod");
    else if (read(ready[0], &byte, 1) == 1)
        result = lab_connect_pod(index, pod) ? lab_fail(&lab->node, "the network of a pod") : 0;
    if (!result && write(go[1], &byte, 1) != 1)
        result = lab_fail(&lab->node, "a pod");
    close(ready[0]);
    close(go[1]);
    return result;
}

// Takes the failure of a pod for the node's.
static int await(struct lab *lab, unsigned index, struct lab_mailbox *mailbox, uint64_t limit)
{
    if (!lab_answered(mailbox, limit)) {
        errno = ETIMEDOUT;
        return lab_fail(&lab->node, "pod %u does not answer", index + 1);
    }
    if (!mailbox->error)
        return 0;
    errno = mailbox->error;
    return lab_fail(&lab->node, "pod %u: %.200s", index + 1, mailbox->message);
}

static int build(struct lab *lab)
{
    int outside[4];
    int result = 0;

    if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount_files(lab))
        return lab_fail(&lab->node, "a mount namespace");
    if (write_files(lab) || write_names(lab))
        return lab_fail(&lab->node, "files");
    if (lab_make_bridge())
        return lab_fail(&lab->node, "a bridge");
    if (lab_open_outside(outside))
        return lab_fail(&lab->node, "the service outside");
    pid_t child = fork();
    if (child == 0)
        lab_run_outside(lab, outside);
    for (int i = 0; i < 4; i++)
        close(outside[i]);
    if (child < 0)
        return lab_fail(&lab->node, "the service outside");
    for (unsigned index = 0; !result && index <= lab->pods; index++)
        result = start_pod(lab, index);
    for (unsigned index = 0; !result && index <= lab->pods; index++)
        result = await(lab, index, &lab_pod_at(lab, index)->pod, LIMIT);
    return result;
}

static void begin_load(struct lab *lab, bool withBare)
{
    lab->began = lab_clock(CLOCK_MONOTONIC) + 10 * MILLISECOND;
    for (unsigned index = 0; index < lab->clients; index++)
        lab_post(&lab_pod_at(lab, index)->load, LAB_LOAD);
    if (withBare)
        lab_post(&lab_pod_at(lab, lab->pods)->load, LAB_LOAD);
}

static void end_load(struct lab *lab, bool withBare)
{
    for (unsigned index = 0; index < lab->clients; index++)
        await(lab, index, &lab_pod_at(lab, index)->load, lab->duration + LIMIT);
    if (withBare)
        await(lab, lab->pods, &lab_pod_at(lab, lab->pods)->load, lab->duration + LIMIT);
}

// To several at once would be quicker; but starting them is not what is measured.
static void ask_pods(struct lab *lab, unsigned first, unsigned end, uint32_t command, uint32_t argument)
{
    for (unsigned index = first; index < end && !lab->node.error; index++) {
        struct lab_mailbox *mailbox = &lab_pod_at(lab, index)->pod;
        mailbox->first = argument;
        lab_post(mailbox, command);
        await(lab, index, mailbox, LIMIT);
    }
}

static void play(struct lab *lab)
{
    lab->clients = lab->pods;
    lab->killed = 0;
    begin_load(lab, true);
    lab_sleep_until(lab->began + lab->duration / 4);
    for (enum lab_act act = LAB_EXEC; act < LAB_BYPASS; act++)
        ask_pods(lab, 0, lab->pods + 1, LAB_ACT, act);
    ask_pods(lab, 0, 1, LAB_ACT, LAB_BYPASS);
    lab_sleep_until(lab->began + lab->duration / 2);
    ask_pods(lab, lab->pods - 1, lab->pods, LAB_KILL, 0);
    __atomic_store_n(&lab->killed, 1, __ATOMIC_SEQ_CST);
    end_load(lab, true);
}

static void answer(struct lab *lab)
{
    lab_answer(&lab->node);
    eventfd_write(lab->answers, 1);
}

_Noreturn void lab_node(struct lab *lab)
{
    lab_become("lab-node");
    // Whose parent ends becomes ours.
    signal(SIGCHLD, SIG_IGN);
    build(lab);
    answer(lab);
    for (;;) {
        switch (lab_next(&lab->node)) {
        case LAB_LOAD:
            begin_load(lab, false);
            end_load(lab, false);
            break;
        case LAB_PROXIES: ask_pods(lab, lab->node.first, lab->node.end, LAB_PROXIES, 0); break;
        case LAB_SCENE: play(lab); break;
        case LAB_COUNT: ask_pods(lab, 0, lab->pods, LAB_COUNT, 0); break;
        default: break;
        }
        answer(lab);
    }
}
