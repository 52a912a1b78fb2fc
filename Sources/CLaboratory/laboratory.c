// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR_CLOSE_RANGE 436
#define NR_PIDFD_OPEN 434

static size_t size_of(unsigned pods)
{
    return sizeof(struct lab) + (pods + 1) * (sizeof(struct lab_pod) + LAB_LATENCIES_MOST * sizeof(uint32_t));
}

struct lab_pod *lab_pod_at(struct lab *lab, unsigned index)
{
    return (struct lab_pod *)(lab + 1) + index;
}

uint32_t lab_done(const struct lab_pod *pod, enum lab_act act)
{
    return pod->errors[act] ? 0 : pod->acts[act];
}

struct lab_client *lab_client_of(struct lab_pod *pod)
{
    return &pod->client;
}

const char *lab_cgroup_path(const struct lab *lab)
{
    return lab->cgroup;
}

const char *lab_files(const struct lab *lab)
{
    return lab->files;
}

// Behind the pods, of which one is the bare container.
uint32_t *lab_latencies(struct lab *lab, unsigned index)
{
    return (uint32_t *)lab_pod_at(lab, lab->pods + 1) + (size_t)index * LAB_LATENCIES_MOST;
}

const char *lab_message(const struct lab_mailbox *mailbox)
{
    return mailbox->message;
}

void lab_set_paths(struct lab *lab, const char *program, const char *nft, const char *cgroup)
{
    lab_set(lab->program, sizeof(lab->program), program);
    lab_set(lab->nft, sizeof(lab->nft), nft);
    lab_set(lab->cgroup, sizeof(lab->cgroup), cgroup);
}

struct lab *lab_prepare(unsigned pods)
{
    struct lab *lab = mmap(NULL, size_of(pods), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (lab == MAP_FAILED)
        return NULL;
    lab->pods = pods;
    lab->answers = lab->ended = lab->stay = lab->lock = -1;
    return lab;
}

static void close_if_open(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

static int is_before(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

// Nothing that keeps programs attached, or somebody's output open, may live on in a child.
static void close_all_but(int kept[], size_t number)
{
    int nothing = open("/dev/null", O_RDWR);

    qsort(kept, number, sizeof(kept[0]), is_before);
    for (int descriptor = 0; descriptor < 3; descriptor++)
        dup2(nothing, descriptor);
    unsigned first = 3;
    for (size_t i = 0; i < number; i++) {
        if (kept[i] < 3)
            continue;
        if ((unsigned)kept[i] > first)
            syscall(NR_CLOSE_RANGE, first, kept[i] - 1, 0);
        first = (unsigned)kept[i] + 1;
    }
    syscall(NR_CLOSE_RANGE, first, ~0u, 0);
}

// Waits until the node ends, or until nobody has the other end of `stay`: then everything goes.
static _Noreturn void guard(struct lab *lab, int stay, int ended)
{
    close_all_but((int[]){stay, ended, lab->answers, lab->lock}, 4);
    // Not of the terminal's foreground, whose keys are for our parent.
    setsid();
    lab_become("lab-guard");
    prctl(PR_SET_PDEATHSIG, 0);
    for (int number = 1; number < NSIG; number++)
        if (number != SIGCHLD)
            signal(number, SIG_IGN);
    pid_t node = -1;
    if (!unshare(CLONE_NEWPID))
        node = fork();
    if (node == 0) {
        close(stay);
        close(ended);
        close(lab->lock);
        lab_node(lab);
    }
    lab->process = node;
    if (node < 0) {
        lab_fail(&lab->node, "a process namespace");
        lab_answer(&lab->node);
        eventfd_write(lab->answers, 1);
    } else {
        int process = (int)syscall(NR_PIDFD_OPEN, node, 0);
        struct pollfd descriptors[2] = {{.fd = stay, .events = POLLIN}, {.fd = process, .events = POLLIN}};
        while (poll(descriptors, 2, -1) < 0 && errno == EINTR)
            ;
        // The first process of a namespace takes all others along.
        kill(node, SIGKILL);
        while (waitpid(node, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    lab_remove_cgroups(lab->cgroup);
    _exit(0);
}

int lab_start(struct lab *lab)
{
    int stay[2] = {-1, -1}, ended[2] = {-1, -1};
    bool done = false;

    lab->node.asked = 1;
    lab->answers = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lab->answers >= 0 && !pipe2(stay, O_CLOEXEC) && !pipe2(ended, O_CLOEXEC) && !lab_make_cgroups(lab)) {
        pid_t child = fork();
        if (child == 0)
            guard(lab, stay[0], ended[1]);
        lab->guard = child;
        done = child > 0;
    }
    int error = errno;
    close_if_open(&stay[0]);
    close_if_open(&ended[1]);
    lab->stay = stay[1];
    lab->ended = ended[0];
    if (!done)
        lab_remove_cgroups(lab->cgroup);
    errno = error;
    return done ? 0 : -1;
}

void lab_end(struct lab *lab)
{
    close_if_open(&lab->stay);
    if (lab->guard > 0)
        while (waitpid(lab->guard, NULL, 0) < 0 && errno == EINTR)
            ;
    close_if_open(&lab->ended);
    close_if_open(&lab->answers);
    close_if_open(&lab->lock);
    munmap(lab, size_of(lab->pods));
}
